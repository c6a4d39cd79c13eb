package payments

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/node"
)

type getRoutesRequest struct {
	Source      wire.NodeID         `json:"source" doc:"where from; its own channels cost no fee"`
	Destination wire.NodeID         `json:"destination" doc:"where to"`
	Amount      amount.MilliSatoshi `json:"amount_msat" doc:"that arrives, over all routes together"`
	Layers      []string            `json:"layers" doc:"what counts beside the graph: auto.localchans and auto.sourcefree, which always count, and auto.no_mpp_support: one route only"`
	MaxFee      amount.MilliSatoshi `json:"maxfee_msat" doc:"of all routes together"`
	FinalCLTV   uint32              `json:"final_cltv" doc:"blocks that the last HTLC of each route must have left"`
	MaxDelay    *uint32             `json:"maxdelay" doc:"blocks from now to the expiry of the first HTLC; 2016, which is the most, when not given"`
	MaxParts    *uint32             `json:"maxparts" doc:"how many routes; 100 when not given"`
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
}

type routeRow struct {
	Probability uint64              `json:"probability_ppm" doc:"a guess in millionths: as if the balance of each channel were anything up to its capacity, all alike"`
	Amount      amount.MilliSatoshi `json:"amount_msat" doc:"that arrives over this route"`
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
	for _, l := range r.Layers {
		switch l {
		case "auto.localchans", "auto.sourcefree":
		case "auto.no_mpp_support":
			f.MaxParts = 1
		default:
			return out, command.Refuse(command.InvalidParams, "layers: there is no %q", command.Clip([]byte(l)))
		}
	}
	switch {
	case r.Amount == 0:
		return out, command.Refuse(command.InvalidParams, "amount_msat: nothing cannot be paid")
	case f.MaxDelay > pay.DefaultMaxDelay:
		return out, command.Refuse(command.InvalidParams, "maxdelay: at most %d, not %d", pay.DefaultMaxDelay, f.MaxDelay)
	case f.MaxParts == 0:
		return out, command.Refuse(command.InvalidParams, "maxparts: should be from 1 up")
	case r.FinalCLTV > f.MaxDelay:
		return out, command.Refuse(command.PayRouteTooExpensive, "final_cltv alone is more than %d blocks", f.MaxDelay)
	}
	routes, err := n.RoutesFrom(r.Source, f)
	if err != nil {
		if why, ok := errors.AsType[*pay.Error](err); ok && why.Short != 0 {
			return out, command.Refuse(command.Code(why.Short), "%s", why.Message)
		}
		return out, payError(err)
	}
	height, all := n.Height(), 1.0
	n.Graph(func(g *graph.Graph) {
		for _, route := range routes {
			row, chance := showRoute(g, n.ID(), r.Source, height, route)
			row.FinalCLTV = r.FinalCLTV
			all *= chance
			out.Routes = append(out.Routes, row)
		}
	})
	out.Probability = millionths(all)
	slices.SortStableFunc(out.Routes, func(a, b routeRow) int { return cmp.Compare(b.Amount, a.Amount) })
	return out, nil
}

func millionths(p float64) uint64 { return uint64(p*1e6 + 0.5) }

// showRoute is a route with its chance.
func showRoute(g *graph.Graph, us, from wire.NodeID, height uint32, route pay.Route) (row routeRow, chance float64) {
	chance = 1
	in, cltv := route[0].Amount, route[0].CLTVExpiry-height
	for _, h := range route {
		out := h.CLTVExpiry - height
		row.Path = append(row.Path, routeStep{
			SCIDDir: fmt.Sprintf("%s/%d", h.SCID, command.Direction(from, h.NodeID)), AmountIn: in, AmountOut: h.Amount, NodeIn: from, NodeOut: h.NodeID,
			CLTVIn: cltv, CLTVOut: out, Amount: in, Next: h.NodeID, Delay: cltv,
		})
		if c, known := g.ByID(h.SCID); known && from != us && c.Capacity > 0 {
			capacity := c.Capacity.Msat()
			chance *= float64(capacity.Less0(h.Amount)) / float64(capacity)
		}
		in, cltv, from = h.Amount, out, h.NodeID
	}
	row.Amount, row.Probability = route.Delivered(), millionths(chance)
	return row, chance
}

var routeCommands = []command.Command{
	command.Define(command.Spec{
		Name: "getroutes", Group: "payments", Short: "find routes for an amount in parts",
		Long: "Finds the routes by which an amount gets from one node to another, within a fee and a delay. From this node, the " +
			"balances of its channels and what earlier payments have learnt count too; from another node, what is announced.",
		Errors: []command.Code{
			command.PayRouteNotFound, command.PayRouteTooExpensive, command.PayInsufficientFunds, command.PayDestinationFull, command.Failed,
		},
		Examples: []string{`getroutes 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619 03bb88ccc444534da7b5b64b4f7b15e1eccb18e102db0e400d4b9cfe93763aa26d 100000sat '[]' 1000sat 40`},
	}, getRoutes),
}
