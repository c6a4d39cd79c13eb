package rate

import (
	"cmp"
	"math/bits"

	"github.com/leyden-ln/leyden/amount"
)

// Price is so many millisatoshi for so many units; both zero: there is none.
type Price struct {
	Msat  amount.MilliSatoshi
	Units amount.Units
}

// Good says whether it is a price at all.
func (p Price) Good() bool { return p.Msat > 0 && p.Units > 0 }

// Compare says whether one asks less bitcoin for a unit (-1) than another, or more (1).
func (p Price) Compare(q Price) int {
	high, low := bits.Mul64(uint64(p.Msat), uint64(q.Units))
	over, under := bits.Mul64(uint64(q.Msat), uint64(p.Units))
	return cmp.Or(cmp.Compare(high, over), cmp.Compare(low, under))
}

// Cost is what units cost, rounded up. False: there is no price, or more than there can be
// of bitcoin.
func (p Price) Cost(units amount.Units) (amount.MilliSatoshi, bool) {
	v, ok := p.scale(uint64(units), uint64(p.Msat), uint64(p.Units), true)
	return amount.MilliSatoshi(v), ok && amount.MilliSatoshi(v) <= amount.Max
}

// Value is what units are worth, rounded down. False as for Cost.
func (p Price) Value(units amount.Units) (amount.MilliSatoshi, bool) {
	v, ok := p.scale(uint64(units), uint64(p.Msat), uint64(p.Units), false)
	return amount.MilliSatoshi(v), ok && amount.MilliSatoshi(v) <= amount.Max
}

// Needs is the fewest units of which [Price.Value] is at least msat. False: there is no
// price, or there cannot be so many.
func (p Price) Needs(msat amount.MilliSatoshi) (amount.Units, bool) {
	v, ok := p.scale(uint64(msat), uint64(p.Units), uint64(p.Msat), true)
	return amount.Units(v), ok && amount.Units(v) <= amount.MaxUnits
}

// scale is a*b/c.
func (p Price) scale(a, b, c uint64, up bool) (uint64, bool) {
	if !p.Good() {
		return 0, false
	}
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return 0, false
	}
	q, rest := bits.Div64(hi, lo, c)
	if up && rest > 0 {
		q++
		return q, q != 0
	}
	return q, true
}

const million = 1_000_000

// Spread is a price that is dearer, or cheaper, by so many millionths, exactly. False: it
// cannot be written, or nothing would be left.
func (p Price) Spread(ppm uint32, dearer bool) (Price, bool) {
	if !p.Good() || !dearer && ppm >= million {
		return Price{}, false
	}
	factor := uint64(million) + uint64(ppm)
	if !dearer {
		factor = million - uint64(ppm)
	}
	msat, units := uint64(p.Msat), uint64(p.Units)
	// Both fractions are cut down first, and so is their product then.
	cut(&msat, &units)
	below := uint64(million)
	cut(&factor, &below)
	cut(&msat, &below)
	cut(&factor, &units)
	high, m := bits.Mul64(msat, factor)
	over, u := bits.Mul64(units, below)
	out := Price{amount.MilliSatoshi(m), amount.Units(u)}
	return out, high == 0 && over == 0 && out.fits()
}

// cut divides both by what they have in common.
func cut(a, b *uint64) {
	x, y := *a, *b
	for y != 0 {
		x, y = y, x%y
	}
	if x > 1 {
		*a, *b = *a/x, *b/x
	}
}

func (p Price) fits() bool { return p.Msat <= amount.Max && p.Units <= amount.MaxUnits }

// Rate is what a node gives and takes for tokens of one property.
type Rate struct {
	Property amount.Property
	Sell     Price        // bitcoin that must come for tokens to go on; none: it sells none
	Buy      Price        // bitcoin that goes on for tokens that come; none: it buys none
	Least    amount.Units // of one HTLC
	Most     amount.Units // of one HTLC
	Blocks   uint16       // that the HTLC which goes on may have left at the most
}

// None says whether nothing is exchanged at it.
func (r Rate) None() bool { return !r.Sell.Good() && !r.Buy.Good() }

// Good says whether a rate contradicts itself nowhere.
func (r Rate) Good() bool {
	for _, p := range []Price{r.Sell, r.Buy} {
		if p != (Price{}) && (!p.Good() || !p.fits()) {
			return false
		}
	}
	return r.Property != 0 && r.Least > 0 && r.Least <= r.Most && r.Most <= amount.MaxUnits && r.Blocks > 0
}

// Fee is what an outgoing channel asks for forwarding an amount.
type Fee func(amount.MilliSatoshi) amount.MilliSatoshi

// AskFor is what must come in bitcoin for units to go on with the bitcoin that carries
// them: their cost, that, and the fee of both. False: there is no price for them, or it is
// more than there can be.
func (r Rate) AskFor(units amount.Units, carrier amount.MilliSatoshi, fee Fee) (amount.MilliSatoshi, bool) {
	cost, ok := r.Sell.Cost(units)
	if !ok {
		return 0, false
	}
	return with(cost, carrier, fee)
}

// with is a, b, and the fee of both.
func with(a, b amount.MilliSatoshi, fee Fee) (amount.MilliSatoshi, bool) {
	sum, ok := a.Add(b)
	if !ok {
		return 0, false
	}
	sum, ok = sum.Add(fee(sum))
	return sum, ok && sum <= amount.Max
}

// Pays says whether units that come with carrier are worth that amt goes on, and the fee
// of it.
func (r Rate) Pays(units amount.Units, carrier, amt amount.MilliSatoshi, fee Fee) bool {
	worth, ok := r.Buy.Value(units)
	need, can := with(amt, 0, fee)
	if !ok || !can {
		return false
	}
	worth, ok = worth.Add(carrier)
	return ok && worth >= need
}

// UnitsFor is the fewest units that must come with carrier for amt to go on, at least as
// many as an HTLC must have. False: there is no price for them, or there cannot be so many.
func (r Rate) UnitsFor(amt, carrier amount.MilliSatoshi, fee Fee) (amount.Units, bool) {
	need, ok := with(amt, 0, fee)
	if !ok || !r.Buy.Good() {
		return 0, false
	}
	units, ok := r.Buy.Needs(need.Less0(carrier))
	return max(units, r.Least), ok
}
