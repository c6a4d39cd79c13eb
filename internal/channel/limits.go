package channel

import (
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// Refusals of wishes.
var (
	ErrOffline      = errors.New("peer is not connected: try again when it is")
	ErrNotReady     = errors.New("channel is not ready: wait for the funding transaction to confirm")
	ErrShutdown     = errors.New("channel is being closed: use another one")
	ErrClosed       = errors.New("channel is closed: use another one")
	ErrAmount       = errors.New("amount must be above zero")
	ErrBelowMinimum = errors.New("amount is below the peer's htlc_minimum_msat: send more")
	ErrExpiry       = errors.New("cltv_expiry must be a block height, below 500000000")
	ErrTooManyHTLCs = errors.New("as many HTLCs are in flight as the peer accepts: try again later")
	ErrInFlight     = errors.New("as much is in flight as the peer accepts: send less or try again later")
	ErrReserve      = errors.New("balance does not suffice beside the channel reserve: send less")
	ErrFee          = errors.New("balance does not suffice for the commitment's fee, were it to double: send less")
	ErrPeerFee      = errors.New("the peer could not pay the commitment's fee: try again later")
	ErrDustExposure = errors.New("too much would be lost to fees in HTLCs that are dust: send more at once or try again later")
	ErrUnknownHTLC  = errors.New("no such incoming HTLC is to be settled")
	ErrRemoved      = errors.New("HTLC's removal has been proposed already")
	ErrPreimage     = errors.New("preimage is not the one of the HTLC's payment hash")
	ErrBadCode      = errors.New("failure code of a malformed onion must have the BADONION bit")
	ErrNotOpener    = errors.New("only the channel's opener sets its feerate")
	ErrFeerate      = errors.New("feerate must be at least 253 satoshi per 1000 weight")
)

const (
	// maxCLTVExpiry is where block heights end and times begin (BOLT 2).
	maxCLTVExpiry = 500_000_000
	// MaxAcceptedHTLCs is the most that a side may accept (BOLT 2).
	MaxAcceptedHTLCs = 483
	// spike is by how much the feerate may grow before the opener must still be
	// able to pay for one more HTLC, and dust must still be bearable.
	spike = 2
)

// tallies are the commitments that limits are checked on. They follow from the
// updates; they are kept up to date while updates come, so that a batch costs
// one pass, and made anew after anything else.
type tallies struct {
	valid bool
	// next are the next commitments to be signed, by side: with all that the
	// other side proposed, and of the side's own what the other one has
	// acknowledged. Both sides compute the same when one offers an HTLC and when
	// the other one receives it.
	next [2]tally.Tally
	// full are the commitments with every update, by side.
	full [2]tally.Tally
}

// spiked is the feerate after a spike.
func (c *Channel) spiked() uint32 { return uint32(min(uint64(c.fees.Highest())*spike, 1<<32-1)) } //nolint:gosec // capped

// put counts an HTLC in a tally of side's commitment.
func (c *Channel) put(t *tally.Tally, side dance.Side, h *htlc) {
	c.rules.Put(t, side, h.by(), h.load(), 1, c.feesOf(side))
}

// drop takes a removed HTLC out again.
func (c *Channel) drop(t *tally.Tally, side dance.Side, h *htlc) {
	c.rules.Drop(t, side, h.by(), h.load(), h.beneficiary(), c.feesOf(side))
}

// feesOf are the feerates that side's next commitment is counted at.
func (c *Channel) feesOf(side dance.Side) tally.Fees {
	return tally.Fees{PerKw: c.fees.Next(side, c.opener()), Spiked: c.spiked()}
}

// beneficiary is the side that gets a removed HTLC's amount.
func (h *htlc) beneficiary() dance.Side {
	if h.fulfilled() {
		return h.by().Other()
	}
	return h.by()
}

// tallied brings the tallies up to date.
func (c *Channel) tallied() *tallies {
	t := &c.limits
	if t.valid {
		return t
	}
	start := tally.Start(c.fundings[0].toLocal, c.whole())
	*t = tallies{valid: true, next: [2]tally.Tally{start, start}, full: [2]tally.Tally{start, start}}
	c.each(func(h *htlc) {
		by := h.by()
		for side := range dance.Remote + 1 {
			c.put(&t.full[side], side, h)
			if h.removing() {
				c.drop(&t.full[side], side, h)
			}
			if !c.steps.Next(side, by, h.Added) {
				continue
			}
			c.put(&t.next[side], side, h)
			if h.removing() && c.steps.Next(side, by.Other(), h.Removed) {
				c.drop(&t.next[side], side, h)
			}
		}
	})
	return t
}

// tallyAdd counts an HTLC that was just proposed.
func (c *Channel) tallyAdd(h *htlc) {
	if t, by := &c.limits, h.by(); t.valid {
		c.put(&t.next[by.Other()], by.Other(), h)
		c.put(&t.full[dance.Local], dance.Local, h)
		c.put(&t.full[dance.Remote], dance.Remote, h)
	}
}

// tallyRemoval counts a removal that was just proposed: by the side that did
// not offer the HTLC, so that it is in the offerer's next commitment.
func (c *Channel) tallyRemoval(h *htlc) {
	if t, by := &c.limits, h.by(); t.valid {
		c.drop(&t.next[by], by, h)
		c.drop(&t.full[dance.Local], dance.Local, h)
		c.drop(&t.full[dance.Remote], dance.Remote, h)
	}
}

// reserve is what a side must keep.
func (c *Channel) reserve(s dance.Side) int64 {
	return tally.Msat(c.announced(s.Other()).ChannelReserve.Msat())
}

// mayAdd checks what both sides hold an HTLC offered by a side against. It
// returns nil or one of the refusals.
func (c *Channel) mayAdd(by dance.Side, a tally.Load, cltvExpiry uint32) error {
	theirs := c.announced(by.Other())
	side := by.Other() // whose next commitment the HTLC joins
	t := &c.tallied().next[side]
	switch {
	case a.Msat == 0:
		return ErrAmount
	case a.Msat < theirs.HTLCMinimum:
		return ErrBelowMinimum
	case cltvExpiry >= maxCLTVExpiry:
		return ErrExpiry
	case t.Count[by]+1 > min(int(theirs.MaxAcceptedHTLCs), MaxAcceptedHTLCs):
		return ErrTooManyHTLCs
	case a.Msat > amount.Max || t.Value[by].Msat+tally.Msat(a.Msat) > tally.Msat(theirs.MaxHTLCValueInFlight):
		return ErrInFlight
	}
	left := t.Balance[by].Msat - tally.Msat(a.Msat) - c.reserve(by)
	if left < 0 {
		return ErrReserve
	}
	fee := c.fees.Next(side, c.opener())
	if by == c.opener() && left < c.rules.Cost(fee, t.Untrimmed+c.output(side, by, a.Msat, fee)) {
		return ErrFee
	}
	if by != c.opener() {
		// After a reconnect an add comes behind the revocation that it went before: the
		// feerate at which it was offered may be the one before the opener's last change.
		fee = c.fees.Lowest()
	}
	return c.mayCarry(t, by, a, fee)
}

// output is 1 when an HTLC has an output in side's commitment, else 0.
func (c *Channel) output(side, by dance.Side, a amount.MilliSatoshi, feePerKw uint32) int {
	if c.rules.Trimmed(side, by, a, feePerKw) {
		return 0
	}
	return 1
}

// mayOffer checks what we hold our own offers against, beyond [mayAdd]: that
// they do not bring the channel into a state in which it is stuck, and that not
// too much is lost when the commitment is broadcast.
func (c *Channel) mayOffer(l tally.Load) error {
	if c.cheap() {
		return ErrCheap
	}
	t, fee, a := c.tallied(), c.fees.Highest(), l.Msat
	for _, p := range [...]struct {
		side dance.Side
		*tally.Tally
	}{{dance.Remote, &t.next[dance.Remote]}, {dance.Local, &t.full[dance.Local]}, {dance.Remote, &t.full[dance.Remote]}} {
		if err := c.mayCarry(p.Tally, dance.Local, l, fee); err != nil {
			return err
		}
		outputs := p.Untrimmed + c.output(p.side, dance.Local, a, fee)
		if c.opener() == dance.Local {
			// BOLT 2: "It is recommended that this "fee spike buffer" can handle
			// twice the current `feerate_per_kw`"
			if p.Balance[dance.Local].Msat-tally.Msat(a)-c.reserve(dance.Local) < c.rules.Cost(c.spiked(), outputs+1) {
				return ErrFee
			}
		} else if p.Balance[dance.Remote].Msat-c.reserve(dance.Remote) < c.rules.Cost(fee, outputs) {
			return ErrPeerFee
		}
	}
	if c.overExposed(dance.Local, a) {
		return ErrDustExposure
	}
	return nil
}

// overExposed tells whether an HTLC is dust above what we are ready to lose, in
// either commitment.
func (c *Channel) overExposed(by dance.Side, a amount.MilliSatoshi) bool {
	t := c.tallied()
	for side := range dance.Remote + 1 {
		if c.rules.Trimmed(side, by, a, c.spiked()) && t.full[side].Dust+tally.Msat(a) > tally.Msat(c.params.MaxDustExposure) {
			return true
		}
	}
	return false
}

// mayPay tells whether the opener can pay a new feerate beside its reserve, and whatever
// has tokens can bear it.
func (c *Channel) mayPay(t *tally.Tally, feePerKw uint32) bool {
	return t.Balance[c.opener()].Msat-c.reserve(c.opener()) >= c.rules.Cost(feePerKw, t.Untrimmed) && c.bears(t, feePerKw)
}
