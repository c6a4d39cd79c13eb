package channel

import (
	"crypto/sha256"
	"slices"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// mayUpdate tells whether we may send an update that is not an add.
func (c *Channel) mayUpdate() error {
	switch {
	case c.status.Status != Open:
		return ErrClosed
	case !c.Online():
		return ErrOffline
	case !c.usable():
		return ErrNotReady
	}
	return nil
}

// Offer proposes an HTLC to the peer and returns its id. It is signed by one of
// the next [Channel.Take]s; if the connection ends before, the event [Unsent]
// gives it back and the id is used again. A refusal is one of the errors of this
// package and changes nothing.
func (c *Channel) Offer(a Add) (id uint64, err error) {
	if err := c.mayUpdate(); err != nil {
		return 0, err
	}
	// BOLT 2: "MUST NOT send an `update_add_htlc` after a `shutdown`."
	if c.shuttingDown() {
		return 0, ErrShutdown
	}
	if err := c.mayAdd(dance.Local, tally.Load{Msat: a.Amount, Tokens: a.Tokens}, a.CLTVExpiry); err != nil {
		return 0, err
	}
	if err := c.mayOffer(tally.Load{Msat: a.Amount, Tokens: a.Tokens}); err != nil {
		return 0, err
	}
	h := &htlc{HTLCRow: HTLCRow{
		Channel: c.params.Channel, ID: c.nextID[dance.Local],
		Amount: a.Amount, Tokens: a.Tokens, PaymentHash: a.PaymentHash, CLTVExpiry: a.CLTVExpiry,
		Onion: &a.Onion, PathKey: a.PathKey, Origin: a.Origin,
	}}
	c.nextID[dance.Local]++
	c.htlcs[dance.Local] = append(c.htlcs[dance.Local], h)
	c.tallyAdd(h)
	c.send(c.addMessage(h))
	return h.ID, nil
}

func (c *Channel) addMessage(h *htlc) *wire.UpdateAddHTLC {
	return &wire.UpdateAddHTLC{
		ChannelID: c.params.Channel, ID: h.ID, AmountMsat: h.Amount, PaymentHash: h.PaymentHash,
		CLTVExpiry: h.CLTVExpiry, OnionRoutingPacket: *h.Onion, PathKey: h.PathKey, Asset: c.rider(h),
	}
}

// Fulfill settles an incoming HTLC by its preimage. It may be called again. While
// the peer is away, or the channel is being closed by force, the preimage is
// remembered with the HTLC: it is proposed at each reconnect, and [Channel.Block]
// sees to it that the HTLC does not expire. Errors: [ErrUnknownHTLC],
// [ErrPreimage], [ErrRemoved] when the HTLC was failed before.
func (c *Channel) Fulfill(id uint64, r wire.Preimage) error {
	h, err := c.settling(id)
	switch {
	case err != nil:
		return err
	case sha256.Sum256(r[:]) != h.PaymentHash:
		return ErrPreimage
	case h.fulfilled():
		return nil
	case h.removing():
		return ErrRemoved
	case c.mayUpdate() == nil:
		c.propose(h, removal{Kind: RemovedByPreimage, Preimage: &r})
	case h.Preimage == nil:
		h.Preimage = &r
		c.write(h)
	}
	return nil
}

// Attribute gives the attribution_data that goes with the removal of an incoming
// HTLC, before [Channel.Fulfill] or [Channel.Fail]. It lives in memory only.
func (c *Channel) Attribute(id uint64, a *wire.Attribution) {
	if h := c.find(dance.Remote, id); h != nil && !h.removing() {
		h.attribution = a
	}
}

// Fail settles an incoming HTLC by a failure; reason is encrypted as BOLT 4
// says. Errors: [ErrUnknownHTLC]; [ErrRemoved] when a removal was proposed or a
// preimage is known; [ErrOffline], [ErrClosed]: the HTLC is listed by
// [Channel.Unsettled] later.
func (c *Channel) Fail(id uint64, reason []byte) error {
	return c.fail(id, removal{Kind: RemovedByFailure, Reason: reason})
}

// FailMalformed settles an incoming HTLC whose onion could not be read. Errors
// are those of [Channel.Fail], and [ErrBadCode].
func (c *Channel) FailMalformed(id uint64, sha256OfOnion [32]byte, code uint16) error {
	if code&badOnion == 0 {
		return ErrBadCode
	}
	return c.fail(id, removal{Kind: RemovedAsMalformed, Malformed: &Malformed{sha256OfOnion, code}})
}

// badOnion is a bit of failure codes (BOLT 4, "Failure Messages").
const badOnion = 0x8000

func (c *Channel) fail(id uint64, r removal) error {
	h, err := c.settling(id)
	if err != nil {
		return err
	}
	if h.removing() || h.Preimage != nil {
		return ErrRemoved
	}
	if err := c.mayUpdate(); err != nil {
		return err
	}
	c.propose(h, r)
	return nil
}

// settling finds an incoming HTLC that may be removed.
//
// BOLT 2: "until the corresponding HTLC is irrevocably committed in both sides'
// commitment transactions: - MUST NOT send an `update_fulfill_htlc`,
// `update_fail_htlc`, or `update_fail_malformed_htlc`."
func (c *Channel) settling(id uint64) (*htlc, error) {
	h := c.find(dance.Remote, id)
	if h == nil || c.steps.Stage(dance.Remote, h.Added) != dance.Irrevocable {
		return nil, ErrUnknownHTLC
	}
	return h, nil
}

// propose removes an incoming HTLC, at stage 0.
func (c *Channel) propose(h *htlc, r removal) {
	h.proposed = r
	c.tallyRemoval(h)
	c.send(c.removalMessage(h, r))
}

func (c *Channel) removalMessage(h *htlc, r removal) wire.Message {
	id := h.ID
	switch r.Kind {
	case RemovedByPreimage:
		return &wire.UpdateFulfillHTLC{ChannelID: c.params.Channel, ID: id, PaymentPreimage: *r.Preimage, Attribution: h.attribution}
	case RemovedByFailure:
		return &wire.UpdateFailHTLC{ChannelID: c.params.Channel, ID: id, Reason: r.Reason, Attribution: h.attribution}
	default:
		return &wire.UpdateFailMalformedHTLC{
			ChannelID: c.params.Channel, ID: id, SHA256OfOnion: r.Malformed.SHA256OfOnion, FailureCode: r.Malformed.Code,
		}
	}
}

// SetFee proposes a feerate, in satoshi per 1000 weight. Errors: [ErrNotOpener],
// [ErrFeerate], [ErrFee] when we could not pay it, [ErrFeeSteps], and why no update may be sent.
func (c *Channel) SetFee(perKw uint32) error {
	if err := c.mayUpdate(); err != nil {
		return err
	}
	switch {
	// BOLT 2: "The node _not responsible_ for paying the Bitcoin fee: - MUST NOT
	// send `update_fee`."
	case c.opener() != dance.Local:
		return ErrNotOpener
	case perKw < minFeePerKw:
		return ErrFeerate
	case c.shuttingDown() && c.emptying():
		return ErrShutdown
	case perKw == c.fees.From(dance.Proposed):
		return nil
	case !c.rules.MayStep(c.fees, perKw):
		return ErrFeeSteps
	}
	t := c.tallied()
	if !c.mayPay(&t.next[dance.Remote], perKw) || !c.mayPay(&t.full[dance.Local], perKw) || !c.mayPay(&t.full[dance.Remote], perKw) {
		return ErrFee
	}
	c.fees[dance.Proposed] = perKw
	c.limits.valid = false
	c.send(&wire.UpdateFee{ChannelID: c.params.Channel, FeeratePerKw: perKw})
	return nil
}

// Unsettled lists the incoming HTLCs that are irrevocable and not settled: for
// the start, and after each reconnect.
func (c *Channel) Unsettled() []Incoming {
	var list []Incoming
	for _, h := range c.htlcs[dance.Remote] {
		if c.steps.Stage(dance.Remote, h.Added) == dance.Irrevocable && !h.removing() && h.Preimage == nil {
			list = append(list, c.incoming(h))
		}
	}
	return slices.Clip(list)
}

// Holds tells whether an incoming HTLC has not ended.
func (c *Channel) Holds(id uint64) bool { return c.find(dance.Remote, id) != nil }

func (c *Channel) incoming(h *htlc) Incoming {
	return Incoming{
		Ref: h.ref(), Amount: h.Amount, Property: c.params.Property, Tokens: h.Tokens, PaymentHash: h.PaymentHash, CLTVExpiry: h.CLTVExpiry,
		Onion: h.Onion, PathKey: h.PathKey, OverExposed: h.OverExposed,
	}
}
