package route

import (
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/pay"
)

// OwnTokens is a channel of ours with tokens that can carry HTLCs now.
type OwnTokens struct {
	SCID      wire.ShortChannelID // by which the link knows it
	Peer      wire.NodeID
	Property  amount.Property
	Spendable amount.Units        // the most that one HTLC can have
	Carrier   amount.MilliSatoshi // the least that must go with them
}

// FindTokens is [Find] for a payment in an asset, over our own channels with its tokens
// and those that the payee names: nobody else's are known. Query.Own is not used.
//
// The search is the same, and counts in units: a hop's fee is what is proportional, in
// tokens. The base fees are paid in bitcoin, and added up afterwards to what carries the
// tokens to the payee: what our own channels ask for, doubled as often as another one
// asked for more.
func FindTokens(q Query, own []OwnTokens) ([]pay.Route, error) {
	f := *q.Find
	q.units, q.Own, q.Updates = f.Property, nil, nil
	var carrier amount.MilliSatoshi
	for _, o := range own {
		if o.Property == f.Property && o.Spendable > 0 {
			q.Own = append(q.Own, Own{SCID: o.SCID, Peer: o.Peer, Spendable: msat(o.Spendable), Minimum: 1, Maximum: msat(o.Spendable)})
			carrier = max(carrier, o.Carrier)
		}
	}
	if len(q.Own) == 0 {
		return nil, short(pay.CodeSourceShort, "no channel of this node can carry tokens of property %d now", f.Property)
	}
	f.Amount, f.MaxFee = msat(f.Units), msat(f.MaxFeeUnits)
	f.Hints = nil
	base := map[wire.ShortChannelID]amount.MilliSatoshi{}
	for _, path := range q.Find.Hints {
		path = slices.Clone(path)
		for i := range path {
			base[path[i].SCID] = amount.MilliSatoshi(path[i].FeeBaseMsat)
			path[i].FeeBaseMsat = 0
		}
		f.Hints = append(f.Hints, path)
	}
	q.Find = &f
	routes, err := Find(new(graph.Graph), q)
	if err != nil {
		return nil, err
	}
	carrier <<= min(f.Raise, mostRaise)
	for _, r := range routes {
		least := carrier
		for i := len(r) - 1; i >= 0; i-- {
			r[i].Units, r[i].Amount = amount.Units(r[i].Amount), least
			least += base[r[i].SCID]
		}
	}
	return routes, nil
}

// mostRaise is how often what carries tokens may be doubled.
const mostRaise = 8
