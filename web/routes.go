package web

import (
	"fmt"

	"github.com/leyden-ln/leyden/amount"
)

// hopRow is a hop of a route.
type hopRow struct {
	Channel string              `json:"short_channel_id_dir"`
	In      amount.MilliSatoshi `json:"amount_in_msat"`
	Out     amount.MilliSatoshi `json:"amount_out_msat"`
	ID      string              `json:"node_id_out"`
	Delay   uint32              `json:"cltv_out"`
	Alias   string              `json:"-"`
}

// Fee is what the node at the beginning of the hop takes.
func (h *hopRow) Fee() amount.MilliSatoshi { return h.In.Less0(h.Out) }

// routeRow is one of the routes over which an amount goes.
type routeRow struct {
	Probability uint64              `json:"probability_ppm"`
	Amount      amount.MilliSatoshi `json:"amount_msat"`
	Path        []hopRow            `json:"path"`
}

// Sent is what leaves us over this route.
func (r *routeRow) Sent() amount.MilliSatoshi { return r.Path[0].In }

// routes are the routes by which an amount would go, together.
type routes struct {
	Routes      []routeRow
	Probability uint64 `json:"probability_ppm"` // that all of them carry it
}

// Hops is the length of the longest one.
func (r *routes) Hops() (most int) {
	for i := range r.Routes {
		most = max(most, len(r.Routes[i].Path))
	}
	return most
}

// Fee is what they cost.
func (r *routes) Fee() (sum amount.MilliSatoshi) {
	for i := range r.Routes {
		sum += r.Routes[i].Sent().Less0(r.Routes[i].Amount) // no more than is allowed
	}
	return sum
}

// finalDelta is how many blocks the last HTLC must have left where no invoice says it:
// the default of BOLT 11.
const finalDelta = 18

// findRoutes asks how an amount would go to a node, for a fee as a payment allows it when
// nothing else is said.
func (v *visit) findRoutes(to string, sum amount.MilliSatoshi, delta uint64) (found routes, err error) {
	if delta == 0 {
		delta = finalDelta
	}
	err = v.run(v.ctx(), &found, "getroutes", arg{"source", v.s.self.ID}, arg{"destination", to}, arg{"amount_msat", fmt.Sprintf("%dmsat", sum)},
		arg{"layers", `["auto.localchans","auto.sourcefree"]`}, arg{"maxfee_msat", fmt.Sprintf("%dmsat", max(sum/200, 5000))}, arg{"final_cltv", fmt.Sprint(delta)})
	for i := range found.Routes {
		path := found.Routes[i].Path
		if len(path) == 0 {
			return routes{}, nil // it is for us
		}
		for k := range path {
			path[k].Alias = v.alias(v.ctx(), path[k].ID)
		}
	}
	return found, err
}
