package assetgraph

import (
	"cmp"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/rate"
)

// MaxLasts is for how many seconds a rate may be believed, and how far ahead its end may lie.
const MaxLasts = 24 * 3600

// Exchange names what has a rate: a node, for tokens of a property.
type Exchange struct {
	Node     wire.NodeID
	Property amount.Property
}

// ExchangeOf is whose rate a message tells.
func ExchangeOf(m *wire.AssetRate) Exchange { return Exchange{m.NodeID, m.Property} }

// Rate is what a node has told. At an offer without a price nothing is exchanged any more.
type Rate struct {
	rate.Offer
	Timestamp uint32 // unix seconds
	Until     uint64 // unix seconds, from which on it is not believed
}

func rateOf(m *wire.AssetRate) *Rate {
	return &Rate{
		Offer: rate.Offer{Node: m.NodeID, Carrier: m.Carrier, Rate: rate.Rate{
			Property: m.Property, Sell: rate.Price{Msat: m.SellMsat, Units: m.SellUnits}, Buy: rate.Price{Msat: m.BuyMsat, Units: m.BuyUnits},
			Least: m.MinUnits, Most: m.MaxUnits, Blocks: m.MaxDelay,
		}},
		Timestamp: m.Timestamp, Until: uint64(m.Timestamp) + uint64(m.Lasts),
	}
}

// Past says whether a rate need not be remembered: no older one would be believed either.
func (r *Rate) Past(now uint32) bool { return uint64(r.Timestamp)+MaxLasts <= uint64(now) }

// sound says whether a rate contradicts itself nowhere.
func (r *Rate) sound() bool {
	gone := r.Sell == rate.Price{} && r.Buy == rate.Price{}
	return gone || r.Good() && r.Carrier <= amount.Max
}

// Member says whether a node has an announced channel with tokens of a property.
func (g *Graph) Member(of Exchange) bool { return g.members[of] > 0 }

// Rate is the latest of a node for a property.
func (g *Graph) Rate(of Exchange) (*Rate, bool) {
	r, ok := g.rates[of]
	return r, ok
}

// Rates are those that are believed at the time now, in unix seconds, by node and property.
func (g *Graph) Rates(now uint32) (out []Rate) {
	for _, r := range g.rates {
		if !r.None() && uint64(now) < r.Until {
			out = append(out, *r)
		}
	}
	slices.SortFunc(out, func(a, b Rate) int {
		return cmp.Or(slices.Compare(a.Node[:], b.Node[:]), cmp.Compare(a.Property, b.Property))
	})
	return out
}

// FreshRate says whether a rate is worth its signature's check at the time now, in unix
// seconds. Errors: [ErrChain], [ErrUnknown], [ErrKnown], [ErrUseless].
func (g *Graph) FreshRate(m *wire.AssetRate, now uint32) error {
	of, r := ExchangeOf(m), rateOf(m)
	switch old := g.rates[of]; {
	case m.ChainHash != g.chain:
		return ErrChain
	case !g.Member(of):
		return ErrUnknown
	case old != nil && m.Timestamp <= old.Timestamp:
		return ErrKnown
	case m.Lasts > MaxLasts, r.Until <= uint64(now), r.Until > uint64(now)+MaxLasts, !r.sound():
		return ErrUseless
	}
	return nil
}

// UpdateRate takes a rate that [Graph.FreshRate] found worth it. Error: [ErrFalse].
func (g *Graph) UpdateRate(m *wire.AssetRate) error {
	if !script.Verify(m.NodeID, m.Digest(), m.Signature) {
		return falsely("asset_rate of %s for property %d: signature is wrong", m.NodeID, m.Property)
	}
	g.rates[ExchangeOf(m)] = rateOf(m)
	return nil
}

// RemoveRate forgets a rate.
func (g *Graph) RemoveRate(of Exchange) { delete(g.rates, of) }

// SignRate sets the signature of a rate of ours.
func SignRate(m *wire.AssetRate, sign func([32]byte) wire.Signature) *wire.AssetRate {
	out := *m
	out.Signature = sign(out.Digest())
	return &out
}
