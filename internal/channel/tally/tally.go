package tally

import (
	"sort"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// Load is what an HTLC or a balance has.
type Load struct {
	Msat   amount.MilliSatoshi
	Tokens amount.Units // zero in a channel of bitcoin only
}

// Add puts another load to it, which is there.
func (l Load) Add(o Load) Load { return Load{l.Msat + o.Msat, l.Tokens + o.Tokens} }

// Sub takes a part of it away.
func (l Load) Sub(o Load) Load { return Load{l.Msat - o.Msat, l.Tokens - o.Tokens} }

// Share is a load that may be below zero.
type Share struct{ Msat, Tokens int64 }

// Take takes a load out, so many times.
func (s *Share) Take(l Load, times int64) {
	s.Msat -= times * Msat(l.Msat)
	s.Tokens -= times * units(l.Tokens)
}

// Load is a share that is not below zero.
func (s Share) Load() Load {
	return Load{amount.MilliSatoshi(max(s.Msat, 0)), amount.Units(max(s.Tokens, 0))}
}

// Below tells whether it has less than nothing of one of the two.
func (s Share) Below() bool { return min(s.Msat, s.Tokens) < 0 }

// Msat converts to a signed integer. No amount in a channel is above its
// capacity.
func Msat(m amount.MilliSatoshi) int64 { return int64(min(m, amount.Max)) } //nolint:gosec // below 2^63

// units likewise: no more tokens than that exist.
func units(u amount.Units) int64 { return int64(min(u, amount.MaxUnits)) } //nolint:gosec // below 2^63

// Tally is a commitment as it would be, before fees. Amounts may be below zero.
type Tally struct {
	Balance   [2]Share // without what is in HTLCs
	Count     [2]int   // HTLCs by who offered them
	Value     [2]Share // their sum
	Untrimmed int      // how many have an output
	Dust      int64    // sum, in millisatoshi, of HTLCs that would be trimmed after a spike of the feerate
}

// Start is a commitment without HTLCs: all but what is ours is the peer's.
func Start(ours, whole Load) (t Tally) {
	t.Balance[dance.Local].Take(ours, -1)
	t.Balance[dance.Remote].Take(whole, -1)
	t.Balance[dance.Remote].Take(ours, 1)
	return t
}

// Rules are what all commitments of a channel have in common.
type Rules struct {
	Format    script.Format
	Opener    dance.Side
	DustLimit [2]amount.Satoshi // by whose commitment it is
	HTLCs     int               // how many both sides together accept; what a commitment with tokens can have
}

// Fees are feerates in satoshi per 1000 weight: that of the commitment, and the one after
// a spike.
type Fees struct{ PerKw, Spiked uint32 }

// Trimmed tells whether an HTLC has no output in side's commitment.
func (r *Rules) Trimmed(side, by dance.Side, a amount.MilliSatoshi, feePerKw uint32) bool {
	return script.IsTrimmed(r.Format, by == side, a, feePerKw, r.DustLimit[side])
}

// Put counts an HTLC in a tally of side's commitment, or takes it out when sign
// is -1.
func (r *Rules) Put(t *Tally, side, by dance.Side, l Load, sign int64, fees Fees) {
	t.Count[by] += int(sign)
	t.Value[by].Take(l, -sign)
	t.Balance[by].Take(l, sign)
	if !r.Trimmed(side, by, l.Msat, fees.PerKw) {
		t.Untrimmed += int(sign)
	}
	if r.Trimmed(side, by, l.Msat, fees.Spiked) {
		t.Dust += sign * Msat(l.Msat)
	}
}

// Drop takes an HTLC out again; what it has goes to the side given.
func (r *Rules) Drop(t *Tally, side, by dance.Side, l Load, to dance.Side, fees Fees) {
	r.Put(t, side, by, l, -1, fees)
	if to != by {
		t.Balance[by].Take(l, 1)
		t.Balance[to].Take(l, -1)
	}
}

// Cost is what the opener pays for a commitment: its fee and the anchors.
func (r *Rules) Cost(feePerKw uint32, untrimmed int) int64 {
	return Msat((script.CommitFee(r.Format, feePerKw, untrimmed) + script.AnchorsCost(r.Format)).Msat())
}

// Search is the largest amount from low to high that may be; low may.
func Search[A amount.MilliSatoshi | amount.Units](low, high A, may func(A) bool) A {
	more := func(i int) A { return low + A(i) }                                            //nolint:gosec // not negative
	return more(sort.Search(int(high-low), func(i int) bool { return !may(more(i + 1)) })) //nolint:gosec // below 2^63
}
