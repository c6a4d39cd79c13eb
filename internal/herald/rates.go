package herald

import (
	"context"
	"maps"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/rate"
)

// lasts is for how many seconds a rate of ours may be believed. It is told anew when half of
// them are over.
const lasts = 12 * 3600

// quote tells our rates of the tokens in our announced channels where they have changed, or
// end soon.
func (h *Herald) quote(ctx context.Context, all []Channel) {
	carriers := map[amount.Property]amount.MilliSatoshi{}
	for _, c := range all {
		if u := h.Update(c.Status().SCID); u != nil {
			property := c.Params().Property
			carriers[property] = max(carriers[property], u.Carrier)
		}
	}
	if len(carriers) == 0 || !h.cfg.Carries() {
		return
	}
	set := map[amount.Property]rate.Row{}
	for _, row := range h.cfg.Rates() {
		set[row.Property] = row
	}
	now := uint32(max(h.cfg.Now().Unix(), 0)) //nolint:gosec // until 2106
	for _, property := range slices.Sorted(maps.Keys(carriers)) {
		row := set[property]
		m := &wire.AssetRate{ChainHash: h.cfg.Chain, NodeID: h.cfg.Us, Property: property, Timestamp: now, Lasts: lasts}
		if !row.None() {
			m.SellMsat, m.SellUnits, m.BuyMsat, m.BuyUnits = row.Sell.Msat, row.Sell.Units, row.Buy.Msat, row.Buy.Units
			m.MinUnits, m.MaxUnits, m.MaxDelay, m.Carrier = row.Least, row.Most, row.Blocks, carriers[property]
		}
		old := h.Rate(assetgraph.Exchange{Node: h.cfg.Us, Property: property})
		if old == nil && row.None() {
			continue
		}
		if old != nil {
			// What takes a rate back lasts longer than the rate, and is told once.
			if equal(old, m) && (row.None() || now < old.Timestamp+lasts/2) {
				continue
			}
			m.Timestamp = max(now, old.Timestamp+1)
		}
		h.tell(ctx, assetgraph.SignRate(m, h.cfg.Sign))
	}
}

// equal says whether two rates say the same.
func equal(a, b *wire.AssetRate) bool {
	return a.SellMsat == b.SellMsat && a.SellUnits == b.SellUnits && a.BuyMsat == b.BuyMsat && a.BuyUnits == b.BuyUnits &&
		a.MinUnits == b.MinUnits && a.MaxUnits == b.MaxUnits && a.MaxDelay == b.MaxDelay && a.Carrier == b.Carrier
}
