package channel

import (
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel/dance"
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

// tally is a commitment as it would be, before fees. Amounts are in
// millisatoshi and may be below zero.
type tally struct {
	balance   [2]int64 // without what is in HTLCs
	count     [2]int   // HTLCs by who offered them
	value     [2]int64 // their sum
	untrimmed int      // how many have an output
	dust      int64    // sum of HTLCs that would be trimmed after a spike of the feerate
}

// tallies are the commitments that limits are checked on. They follow from the
// updates; they are kept up to date while updates come, so that a batch costs
// one pass, and made anew after anything else.
type tallies struct {
	valid bool
	// next are the next commitments to be signed, by side: with all that the
	// other side proposed, and of the side's own what the other one has
	// acknowledged. Both sides compute the same when one offers an HTLC and when
	// the other one receives it.
	next [2]tally
	// full are the commitments with every update, by side.
	full [2]tally
}

// msat converts to a signed integer. No amount in a channel is above its
// capacity.
func msat(m amount.MilliSatoshi) int64 { return int64(min(m, amount.Max)) } //nolint:gosec // below 2^63

// trimmed tells whether an HTLC has no output in side's commitment.
func (c *Channel) trimmed(side, by dance.Side, a amount.MilliSatoshi, feePerKw uint32) bool {
	return script.IsTrimmed(c.params.Format, by == side, a, feePerKw, c.announced(side).DustLimit)
}

// spiked is the feerate after a spike.
func (c *Channel) spiked() uint32 { return uint32(min(uint64(c.highestFee())*spike, 1<<32-1)) } //nolint:gosec // capped

// highestFee is the highest feerate that any commitment may have.
func (c *Channel) highestFee() uint32 {
	high := uint32(0)
	for _, f := range c.fees {
		high = max(high, f)
	}
	return high
}

// put counts an HTLC in a tally of side's commitment, or takes it out when sign
// is -1.
func (c *Channel) put(t *tally, side, by dance.Side, a amount.MilliSatoshi, sign int64) {
	t.count[by] += int(sign)
	t.value[by] += sign * msat(a)
	t.balance[by] -= sign * msat(a)
	if !c.trimmed(side, by, a, c.fees.Next(side, c.opener())) {
		t.untrimmed += int(sign)
	}
	if c.trimmed(side, by, a, c.spiked()) {
		t.dust += sign * msat(a)
	}
}

// drop takes an HTLC out again; its amount goes to the side given.
func (c *Channel) drop(t *tally, side, by dance.Side, a amount.MilliSatoshi, to dance.Side) {
	c.put(t, side, by, a, -1)
	if to != by {
		t.balance[by] -= msat(a)
		t.balance[to] += msat(a)
	}
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
	local := msat(c.fundings[0].toLocal)
	start := tally{balance: [2]int64{dance.Local: local, dance.Remote: msat(c.params.Capacity.Msat()) - local}}
	*t = tallies{valid: true, next: [2]tally{start, start}, full: [2]tally{start, start}}
	c.each(func(h *htlc) {
		by, to := h.by(), h.beneficiary()
		for side := range dance.Remote + 1 {
			c.put(&t.full[side], side, by, h.Amount, 1)
			if h.removing() {
				c.drop(&t.full[side], side, by, h.Amount, to)
			}
			if !c.steps.Next(side, by, h.Added) {
				continue
			}
			c.put(&t.next[side], side, by, h.Amount, 1)
			if h.removing() && c.steps.Next(side, by.Other(), h.Removed) {
				c.drop(&t.next[side], side, by, h.Amount, to)
			}
		}
	})
	return t
}

// tallyAdd counts an HTLC that was just proposed.
func (c *Channel) tallyAdd(h *htlc) {
	if t, by := &c.limits, h.by(); t.valid {
		c.put(&t.next[by.Other()], by.Other(), by, h.Amount, 1)
		c.put(&t.full[dance.Local], dance.Local, by, h.Amount, 1)
		c.put(&t.full[dance.Remote], dance.Remote, by, h.Amount, 1)
	}
}

// tallyRemoval counts a removal that was just proposed: by the side that did
// not offer the HTLC, so that it is in the offerer's next commitment.
func (c *Channel) tallyRemoval(h *htlc) {
	if t, by, to := &c.limits, h.by(), h.beneficiary(); t.valid {
		c.drop(&t.next[by], by, by, h.Amount, to)
		c.drop(&t.full[dance.Local], dance.Local, by, h.Amount, to)
		c.drop(&t.full[dance.Remote], dance.Remote, by, h.Amount, to)
	}
}

// cost is what the opener pays for a commitment: its fee and the anchors.
func (c *Channel) cost(feePerKw uint32, untrimmed int) int64 {
	return msat((script.CommitFee(c.params.Format, feePerKw, untrimmed) + script.AnchorsCost(c.params.Format)).Msat())
}

// reserve is what a side must keep.
func (c *Channel) reserve(s dance.Side) int64 {
	return msat(c.announced(s.Other()).ChannelReserve.Msat())
}

// mayAdd checks what both sides hold an HTLC offered by a side against. It
// returns nil or one of the refusals.
func (c *Channel) mayAdd(by dance.Side, a amount.MilliSatoshi, cltvExpiry uint32) error {
	theirs := c.announced(by.Other())
	side := by.Other() // whose next commitment the HTLC joins
	t := &c.tallied().next[side]
	switch {
	case a == 0:
		return ErrAmount
	case a < theirs.HTLCMinimum:
		return ErrBelowMinimum
	case cltvExpiry >= maxCLTVExpiry:
		return ErrExpiry
	case t.count[by]+1 > min(int(theirs.MaxAcceptedHTLCs), MaxAcceptedHTLCs):
		return ErrTooManyHTLCs
	case a > amount.Max || t.value[by]+msat(a) > msat(theirs.MaxHTLCValueInFlight):
		return ErrInFlight
	}
	left := t.balance[by] - msat(a) - c.reserve(by)
	if left < 0 {
		return ErrReserve
	}
	fee := c.fees.Next(side, c.opener())
	if by == c.opener() && left < c.cost(fee, t.untrimmed+c.output(side, by, a, fee)) {
		return ErrFee
	}
	return nil
}

// output is 1 when an HTLC has an output in side's commitment, else 0.
func (c *Channel) output(side, by dance.Side, a amount.MilliSatoshi, feePerKw uint32) int {
	if c.trimmed(side, by, a, feePerKw) {
		return 0
	}
	return 1
}

// mayOffer checks what we hold our own offers against, beyond [mayAdd]: that
// they do not bring the channel into a state in which it is stuck, and that not
// too much is lost when the commitment is broadcast.
func (c *Channel) mayOffer(a amount.MilliSatoshi) error {
	t, fee := c.tallied(), c.highestFee()
	for _, p := range [...]struct {
		side dance.Side
		*tally
	}{{dance.Remote, &t.next[dance.Remote]}, {dance.Local, &t.full[dance.Local]}, {dance.Remote, &t.full[dance.Remote]}} {
		outputs := p.untrimmed + c.output(p.side, dance.Local, a, fee)
		if c.opener() == dance.Local {
			// BOLT 2: "It is recommended that this "fee spike buffer" can handle
			// twice the current `feerate_per_kw`"
			if p.balance[dance.Local]-msat(a)-c.reserve(dance.Local) < c.cost(c.spiked(), outputs+1) {
				return ErrFee
			}
		} else if p.balance[dance.Remote]-c.reserve(dance.Remote) < c.cost(fee, outputs) {
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
		if c.trimmed(side, by, a, c.spiked()) && t.full[side].dust+msat(a) > msat(c.params.MaxDustExposure) {
			return true
		}
	}
	return false
}

// mayPay tells whether the opener can pay a new feerate beside its reserve.
func (c *Channel) mayPay(t *tally, feePerKw uint32) bool {
	return t.balance[c.opener()]-c.reserve(c.opener()) >= c.cost(feePerKw, t.untrimmed)
}
