package channel

import (
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// ErrFeeSteps is the refusal of a feerate that a channel with tokens cannot go to at once.
var ErrFeeSteps = errors.New("feerate of a channel with tokens at most doubles at once: try again when the last change is done")

func (h *HTLCRow) load() tally.Load { return tally.Load{Msat: h.Amount, Tokens: h.Tokens} }

// whole is what the channel has.
func (c *Channel) whole() tally.Load {
	return tally.Load{Msat: c.params.Capacity.Msat(), Tokens: c.params.Tokens}
}

// mayCarry checks the tokens of an add (see package tally).
func (c *Channel) mayCarry(t *tally.Tally, by dance.Side, l tally.Load, feePerKw uint32) error {
	return c.rules.MayCarry(t, by, l, feePerKw, &c.announced(by.Other()).Tokens)
}

// ErrCheap is the refusal of an HTLC with tokens on a commitment that may not confirm before
// it expires: nobody can add to the fee.
var ErrCheap = errors.New("the commitment of a channel with tokens pays far less than the day's feerate, and might not confirm in time: wait until who opened it raises its feerate")

// cheap tells whether a commitment may be too cheap for HTLCs, by the feerate below which we
// take no update_fee.
func (c *Channel) cheap() bool { return c.rules.Rides() && c.fees.Lowest() < c.bounds.Low }

// bears tells whether all that has tokens can bear a new feerate.
func (c *Channel) bears(t *tally.Tally, feePerKw uint32) bool {
	return c.rules.MayBear(t, feePerKw) && !c.some(func(h *htlc) bool { return !c.rules.Outlives(h.load(), feePerKw) })
}

// Carrier is the least amount that goes with tokens in an HTLC that is offered now; zero
// in a channel of bitcoin only.
func (c *Channel) Carrier() amount.MilliSatoshi {
	if !c.rules.Rides() {
		return 0
	}
	return max(c.rules.Carrier(c.fees.Highest()), c.announced(dance.Remote).HTLCMinimum)
}

// TokensSpendable is the most tokens that [Channel.Offer] takes now with a carrier of
// [Channel.Carrier], or would take if the peer were connected; zero when it takes none.
func (c *Channel) TokensSpendable() amount.Units {
	return c.mostTokens(dance.Local, func(l tally.Load) bool { return c.mayOffer(l) == nil })
}

func (c *Channel) mostTokens(by dance.Side, ok func(tally.Load) bool) amount.Units {
	if c.status.Status != Open || !c.usable() || c.shuttingDown() || !c.rules.Rides() {
		return 0
	}
	l := c.announced(by.Other())
	may := func(u amount.Units) bool {
		add := tally.Load{Msat: max(c.rules.Carrier(c.fees.Highest()), l.HTLCMinimum), Tokens: u}
		return c.mayAdd(by, add, 0) == nil && ok(add)
	}
	least := max(1, l.Tokens.HTLCMinimum)
	if least > c.params.Tokens || !may(least) {
		return 0
	}
	return tally.Search(least, c.params.Tokens, may)
}

// rider is the record of an HTLC's tokens.
func (c *Channel) rider(h *htlc) *wire.HTLCAsset {
	if !c.rules.Rides() {
		return nil
	}
	return &wire.HTLCAsset{Property: c.params.Property, Tokens: h.Tokens}
}

// ridden is the tokens that an add of the peer says that it has.
func (c *Channel) ridden(m *wire.UpdateAddHTLC) (amount.Units, *Violation) {
	switch rides := c.rules.Rides(); {
	case m.Asset == nil && !rides:
		return 0, nil
	case m.Asset == nil || !rides || m.Asset.Property != c.params.Property || m.Asset.Tokens == 0:
		return 0, failf("update_add_htlc %d without tokens of property %d, or with others", m.ID, c.params.Property)
	}
	return m.Asset.Tokens, nil
}

// Checks are what the signatures are verified by; as many as the commitment wants.
func (s *Signatures) Checks(commitment *script.Commitment, funding wire.Point) []Check {
	checks := make([]Check, 0, 1+len(s.HTLCSignatures)+len(s.DelaySignatures))
	checks = append(checks, Check{Key: funding, Hash: commitment.SigHash(), Sig: s.Signature})
	for i, sig := range s.HTLCSignatures {
		checks = append(checks, Check{Key: commitment.Keys.CountersignatoryHTLC, Hash: commitment.HTLCSigHash(i), Sig: sig})
	}
	for i, d := range commitment.Delays() {
		checks = append(checks, Check{Key: commitment.Keys.CountersignatoryHTLC, Hash: d.SigHash(), Sig: s.DelaySignatures[i]})
	}
	return checks
}
