package payments

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/route"
	"github.com/leyden-ln/leyden/node"
)

type getRoutesRequest struct {
	Source      wire.NodeID         `json:"source" doc:"where from"`
	Destination wire.NodeID         `json:"destination" doc:"where to"`
	Amount      amount.MilliSatoshi `json:"amount_msat" doc:"that arrives, over all routes together"`
	Layers      []string            `json:"layers" doc:"what counts beside the graph: auto.localchans: this node's own channels as they are, with their balances, announced or not; auto.sourcefree: the channels of source cost no fee and no blocks; auto.no_mpp_support: one route only"`
	MaxFee      amount.MilliSatoshi `json:"maxfee_msat" doc:"of all routes together"`
	FinalCLTV   uint32              `json:"final_cltv" doc:"blocks that the last HTLC of each route must have left"`
	MaxDelay    *uint32             `json:"maxdelay" doc:"blocks from now to the expiry of the first HTLC; 2016, which is the most, when not given"`
	MaxParts    *uint32             `json:"maxparts" doc:"how many routes; 100 when not given"`

	Exchange     *offers          `json:"exchange" doc:"the rate of a node on the way that exchanges bitcoin and tokens, several, or announced, with property_id, as in pay. The routes begin at this node then, with its channels as they are, and maxfee_msat is the most bitcoin that is sent for tokens"`
	Units        *amount.Units    `json:"amount_units" doc:"with exchange: that arrive in tokens, in smallest units; amount_msat is 0 then"`
	MaxCostUnits *amount.Units    `json:"maxcost_units" doc:"with exchange: the most that is sent in tokens for bitcoin, in smallest units; any when not given"`
	RouteHints   *[][]hintHop     `json:"routehints" doc:"with exchange: channels that nobody announces, from it to the destination, as in keysend"`
	Property     *amount.Property `json:"property_id" doc:"with exchange=announced: which tokens arrive, or are sent"`
}

type routeStep struct {
	SCIDDir   string              `json:"short_channel_id_dir" doc:"the channel, / and the direction"`
	AmountIn  amount.MilliSatoshi `json:"amount_in_msat" doc:"that arrives at the node at its start"`
	AmountOut amount.MilliSatoshi `json:"amount_out_msat" doc:"that arrives at the node at its end"`
	NodeIn    wire.NodeID         `json:"node_id_in" doc:"the node at its start"`
	NodeOut   wire.NodeID         `json:"node_id_out" doc:"the node at its end"`
	CLTVIn    uint32              `json:"cltv_in" doc:"blocks from now to the expiry of the HTLC that arrives at its start"`
	CLTVOut   uint32              `json:"cltv_out" doc:"blocks from now to the expiry of the HTLC that arrives at its end"`
	Amount    amount.MilliSatoshi `json:"amount_msat" doc:"the same as amount_in_msat, under its older name"`
	Next      wire.NodeID         `json:"next_node_id" doc:"the same as node_id_out"`
	Delay     uint32              `json:"delay" doc:"the same as cltv_in"`
	UnitsIn   amount.Units        `json:"amount_in_units,omitempty" doc:"the tokens that arrive at its start beside the bitcoin"`
	UnitsOut  amount.Units        `json:"amount_out_units,omitempty" doc:"the tokens that arrive at its end beside the bitcoin"`
}

type routeRow struct {
	Probability uint64              `json:"probability_ppm" doc:"a guess in millionths: as if the balance of each channel were anything up to its capacity, all alike"`
	Amount      amount.MilliSatoshi `json:"amount_msat" doc:"that arrives over this route"`
	Units       amount.Units        `json:"amount_units,omitempty" doc:"that arrive over this route in tokens"`
	FinalCLTV   uint32              `json:"final_cltv" doc:"as asked for"`
	Path        []routeStep         `json:"path" doc:"the hops"`
}

type getRoutesResponse struct {
	Probability uint64     `json:"probability_ppm" doc:"that all routes carry their amounts"`
	Routes      []routeRow `json:"routes" doc:"that deliver the amount together"`
}

// mostParts is how many routes there are when nothing else is said.
const mostParts = 100

func getRoutes(_ context.Context, n *node.Node, r getRoutesRequest) (getRoutesResponse, error) {
	out := getRoutesResponse{Routes: []routeRow{}}
	f := &pay.Find{
		Destination: r.Destination, Amount: r.Amount, MaxFee: r.MaxFee, FinalDelta: r.FinalCLTV,
		MaxDelay: command.Or(r.MaxDelay, pay.DefaultMaxDelay), MaxParts: int(min(command.Or(r.MaxParts, mostParts), 1000)),
	}
	var start beginning
	for _, l := range r.Layers {
		switch l {
		case "auto.localchans":
			start.local = true
		case "auto.sourcefree":
			start.free = true
		case "auto.no_mpp_support":
			f.MaxParts = 1
		default:
			return out, command.Refuse(command.InvalidParams, "layers: there is no %q", command.Clip([]byte(l)))
		}
	}
	if err := r.over(n, f, &start); err != nil {
		return out, err
	}
	switch {
	case f.Amount == 0 && f.Units == 0:
		return out, command.Refuse(command.InvalidParams, "amount_msat: nothing cannot be paid")
	case f.MaxDelay > pay.DefaultMaxDelay:
		return out, command.Refuse(command.InvalidParams, "maxdelay: at most %d, not %d", pay.DefaultMaxDelay, f.MaxDelay)
	case f.MaxParts == 0:
		return out, command.Refuse(command.InvalidParams, "maxparts: should be from 1 up")
	case r.FinalCLTV > f.MaxDelay:
		return out, command.Refuse(command.PayRouteTooExpensive, "final_cltv alone is more than %d blocks", f.MaxDelay)
	}
	routes, err := start.find(n, r.Source, f)
	if err != nil {
		if why, ok := errors.AsType[*pay.Error](err); ok && why.Short != 0 {
			return out, command.Refuse(command.Code(why.Short), "%s", why.Message)
		}
		return out, payError(err)
	}
	height, all := n.Height(), 1.0
	n.Graph(func(g *graph.Graph) {
		for _, route := range routes {
			row, chance := showRoute(g, start.local && r.Source == n.ID(), r.Source, height, route)
			row.FinalCLTV = r.FinalCLTV
			all *= chance
			out.Routes = append(out.Routes, row)
		}
	})
	out.Probability = millionths(all)
	slices.SortStableFunc(out.Routes, func(a, b routeRow) int { return cmp.Compare(b.Amount, a.Amount) })
	return out, nil
}

// over sets by which exchanges the routes go.
func (r *getRoutesRequest) over(n *node.Node, f *pay.Find, start *beginning) error {
	if r.Exchange == nil {
		if r.Units != nil || r.MaxCostUnits != nil || r.RouteHints != nil || r.Property != nil {
			return command.Refuse(command.InvalidParams, "exchange: amount_units, maxcost_units, routehints and property_id are for routes over one")
		}
		return nil
	}
	if r.Source != n.ID() {
		return command.Refuse(command.InvalidParams, "source: routes over an exchange begin at this node")
	}
	if f.Units = command.Or(r.Units, 0); (f.Units == 0) == (f.Amount == 0) {
		return command.Refuse(command.InvalidParams, "amount_units: either that arrives, or amount_msat")
	}
	given := r.Exchange.given
	switch {
	case len(given) == 0 && command.Or(r.Property, 0) == 0:
		return command.Refuse(command.InvalidParams, "property_id: say of which tokens the announced rates are to be")
	case len(given) == 0:
		f.Property = *r.Property
	default:
		f.Property = given[0].Property
	}
	for _, o := range given {
		if o.Property != f.Property || r.Property != nil && o.Property != *r.Property {
			return command.Refuse(command.InvalidParams, "exchange: the rates are of different tokens")
		}
	}
	*start = beginning{local: true, free: true}
	f.Offers, f.MaxFeeUnits = r.Exchange.ofTokens(n, f.Property, f.Units != 0), command.Or(r.MaxCostUnits, amount.MaxUnits)
	var err error
	f.Hints, err = hintPaths(r.RouteHints)
	return err
}

func millionths(p float64) uint64 { return uint64(p*1e6 + 0.5) }

// beginning is how the channels of the node at the start are looked at.
type beginning struct {
	local bool // this node's own as they are, not as the graph has them
	free  bool // they cost nothing
}

// begun is a route with the HTLC that would have to arrive at its start.
type begun struct {
	pay.Route
	amount amount.MilliSatoshi
	expiry uint32
}

// find finds routes. From this node, with its balances and not for nothing, the way is the
// one that is best for nothing.
func (b beginning) find(n *node.Node, source wire.NodeID, f *pay.Find) (out []begun, err error) {
	if source == f.Destination {
		return nil, &pay.Error{Code: pay.CodeRouteNotFound, Message: "the destination is where the route begins"}
	}
	ours := b.local && source == n.ID()
	if ours || b.free && source != n.ID() {
		routes, err := n.RoutesFrom(source, f)
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			out = append(out, begun{r, r.Sent(), r[0].CLTVExpiry})
		}
		if ours && !b.free {
			err = charge(n, out, f)
		}
		return out, err
	}
	n.Graph(func(g *graph.Graph) {
		index, known := g.NodeIndex(source)
		if !known {
			err = &pay.Error{Code: pay.CodeRouteNotFound, Message: "no channel of the node at the start is known"}
			return
		}
		if source == n.ID() {
			for _, i := range g.Nodes()[index].Channels {
				if c := &g.Channels()[i]; !c.Public() {
					f.Exclude = append(f.Exclude, pay.Exclusion{SCID: c.SCID}, pay.Exclusion{SCID: c.SCID, Direction: 1})
				}
			}
		}
		q := route.Query{Us: source, Height: n.Height(), Find: f, Own: route.Announced(g, source), Now: uint64(time.Now().Unix())} //nolint:gosec // after 1970
		if !b.free {
			// Somebody before the node at the start pays it for passing on.
			sum := amount.MilliSatoshi(0)
			for _, o := range q.Own {
				sum += min(o.Spendable, amount.Max-sum)
			}
			if sum < f.Amount {
				err = &pay.Error{
					Code: pay.CodeRouteNotFound, Short: pay.CodeSourceShort,
					Message: fmt.Sprintf("the channels at the start carry %s, %s are asked for", sum, f.Amount),
				}
				return
			}
			q.Us = wire.NodeID{}
			q.Own = []route.Own{{SCID: 1, Peer: source, Spendable: amount.Max, Maximum: amount.Max}}
		}
		var routes []pay.Route
		routes, err = route.Find(g, q)
		for _, r := range routes {
			one := begun{r, r.Sent(), r[0].CLTVExpiry}
			if !b.free {
				one.Route = r[1:]
			}
			out = append(out, one)
		}
	})
	return out, err
}

// charge adds what this node takes for its own channels, as far as they are in the graph.
func charge(n *node.Node, routes []begun, f *pay.Find) error {
	var fee amount.MilliSatoshi
	var delay uint32
	n.Graph(func(g *graph.Graph) {
		for i := range routes {
			r := &routes[i]
			if c, known := g.ByID(r.Route[0].SCID); known {
				p := &c.Policies[command.Direction(n.ID(), r.Route[0].NodeID)]
				r.amount += relay.Policy{FeeBaseMsat: p.FeeBaseMsat, FeeProportionalMillionths: p.FeeProportionalMillionths}.Fee(r.amount)
				r.expiry += uint32(p.CLTVExpiryDelta)
			}
			fee += r.amount - r.Delivered()
			delay = max(delay, r.expiry-n.Height())
		}
	})
	if fee > f.MaxFee || delay > f.MaxDelay {
		return &pay.Error{
			Code: pay.CodeRouteTooCostly, Message: fmt.Sprintf("the way costs a fee of %s and takes %d blocks, the limits are %s and %d", fee, delay, f.MaxFee, f.MaxDelay),
			Cost: &pay.Cost{Amount: f.Amount, Fee: fee, Delay: delay},
		}
	}
	return nil
}

// showRoute is a route with its chance. What the first channel can carry may be known.
func showRoute(g *graph.Graph, known bool, from wire.NodeID, height uint32, r begun) (row routeRow, chance float64) {
	chance = 1
	in, cltv, units := r.amount, r.expiry-height, r.SentUnits()
	for i, h := range r.Route {
		out := h.CLTVExpiry - height
		row.Path = append(row.Path, routeStep{
			SCIDDir: fmt.Sprintf("%s/%d", h.SCID, command.Direction(from, h.NodeID)), AmountIn: in, AmountOut: h.Amount, NodeIn: from, NodeOut: h.NodeID,
			CLTVIn: cltv, CLTVOut: out, Amount: in, Next: h.NodeID, Delay: cltv, UnitsIn: units, UnitsOut: h.Units,
		})
		if c, there := g.ByID(h.SCID); there && (i > 0 || !known) && c.Capacity > 0 {
			capacity := c.Capacity.Msat()
			chance *= float64(capacity.Less0(h.Amount)) / float64(capacity)
		}
		in, units, cltv, from = h.Amount, h.Units, out, h.NodeID
	}
	row.Units = r.DeliveredUnits()
	row.Amount, row.Probability = r.Delivered(), millionths(chance)
	return row, chance
}

var routeCommands = []command.Command{
	command.Define(command.Spec{
		Name: "getroutes", Group: "payments", Short: "find routes for an amount in parts",
		Long: "Finds the routes by which an amount gets from one node to another, within a fee and a delay. From this node, with the " +
			"layer auto.localchans, the balances of its channels and what earlier payments have learnt count too; else what is announced.",
		Errors: []command.Code{
			command.PayRouteNotFound, command.PayRouteTooExpensive, command.PayInsufficientFunds, command.PayDestinationFull, command.Failed,
		},
		Examples: []string{`getroutes 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619 03bb88ccc444534da7b5b64b4f7b15e1eccb18e102db0e400d4b9cfe93763aa26d 100000sat '[]' 1000sat 40`},
	}, getRoutes),
}
