package payments

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/node"
)

type getRouteRequest struct {
	ID         wire.NodeID          `json:"id" doc:"where to"`
	Amount     amount.MilliSatoshi  `json:"amount_msat" alias:"msatoshi" doc:"that arrives"`
	RiskFactor *riskFactor          `json:"riskfactor" doc:"a number, for compatibility: the cost of locked time is fixed in this node"`
	CLTV       *uint32              `json:"cltv" doc:"blocks that the last HTLC must have left; 9 when not given"`
	FromID     *wire.NodeID         `json:"fromid" doc:"where from: only this node itself"`
	Fuzz       *command.Unsupported `json:"fuzzpercent" doc:"routes are not disguised by random fees"`
	Exclude    *[]exclusion         `json:"exclude" doc:"what no route may use: node ids, and channels as short_channel_id/direction"`
	MaxHops    *uint32              `json:"maxhops" doc:"how many hops it may have; 20 when not given"`
}

type getRouteResponse struct {
	Route []hop `json:"route" doc:"the hops; their delays count from now"`
}

func getRoute(_ context.Context, n *node.Node, r getRouteRequest) (getRouteResponse, error) {
	f := &pay.Find{
		Destination: r.ID, Amount: r.Amount, MaxFee: amount.Max, MaxDelay: pay.DefaultMaxDelay, FinalDelta: 9, MaxParts: 1,
		Exclude: exclusions(r.Exclude),
	}
	if r.Amount == 0 {
		return getRouteResponse{}, command.Refuse(command.InvalidParams, "amount_msat: nothing cannot be paid")
	}
	if r.FromID != nil && *r.FromID != n.ID() {
		return getRouteResponse{}, command.Refuse(command.InvalidParams, "fromid: routes are found from this node only")
	}
	if r.CLTV != nil {
		f.FinalDelta = *r.CLTV
	}
	if f.FinalDelta >= farthest {
		return getRouteResponse{}, command.Refuse(command.InvalidParams, "cltv: %d blocks are too many", f.FinalDelta)
	}
	routes, err := n.Routes(f)
	if err != nil {
		return getRouteResponse{}, payError(err)
	}
	if r.MaxHops != nil && len(routes[0]) > int(*r.MaxHops) {
		return getRouteResponse{}, command.Refuse(command.PayRouteNotFound, "the cheapest route has %d hops, more than maxhops", len(routes[0]))
	}
	out := getRouteResponse{Route: []hop{}}
	from := n.ID()
	for _, h := range routes[0] {
		out.Route = append(out.Route, hop{h.NodeID, h.SCID, command.Direction(from, h.NodeID), h.Amount, h.CLTVExpiry - n.Height(), "tlv", h.Units})
		from = h.NodeID
	}
	return out, nil
}

// riskFactor is a number that is checked and not used.
type riskFactor struct{}

// Words implements [command.Worded].
func (riskFactor) Words() string { return "a number" }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (riskFactor) UnmarshalText(b []byte) error {
	if f, err := strconv.ParseFloat(string(b), 64); err != nil || f < 0 || math.IsNaN(f) || math.IsInf(f, 0) {
		return errors.New("not a number from 0 up")
	}
	return nil
}

// exclusion is a node id, or a channel with one direction.
type exclusion struct{ pay.Exclusion }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (e *exclusion) UnmarshalText(b []byte) error {
	scid, direction, isChannel := strings.Cut(string(b), "/")
	if !isChannel {
		return e.Node.UnmarshalText(b)
	}
	if direction != "0" && direction != "1" {
		return errors.New("the direction of a channel is 0 or 1")
	}
	e.Direction = direction[0] - '0'
	return e.SCID.UnmarshalText([]byte(scid))
}

func exclusions(list *[]exclusion) []pay.Exclusion {
	if list == nil {
		return nil
	}
	var out []pay.Exclusion
	for _, e := range *list {
		out = append(out, e.Exclusion)
	}
	return out
}
