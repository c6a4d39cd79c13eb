package channel

import (
	"crypto/sha256"
	"fmt"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// Receive takes a message of the peer about this channel. A broken rule is
// returned as a *[Violation]; its answer is in the next outcome, and the message
// has changed nothing else.
//
// Announcement_signatures and warnings do not concern this machine.
func (c *Channel) Receive(m wire.Message, v Verifier) error {
	if c.conn.points == nil || c.conn.dead {
		return nil
	}
	if e, ok := m.(*wire.Error); ok {
		return c.failedByPeer(e.Data)
	}
	if c.status.Status != Open && c.status.Status != Lost {
		return nil
	}
	if violation := c.receive(m, v); violation != nil {
		return c.answer(violation)
	}
	return nil
}

func (c *Channel) receive(m wire.Message, v Verifier) *Violation {
	if m, ok := m.(*wire.ChannelReestablish); ok {
		return c.reestablish(m)
	}
	if c.status.Status == Lost {
		return nil
	}
	switch m.(type) {
	case *wire.ChannelReady, *wire.Shutdown, *wire.ClosingSigned, *wire.ClosingComplete, *wire.ClosingSig, *wire.UpdateAddHTLC, *wire.UpdateFulfillHTLC,
		*wire.UpdateFailHTLC, *wire.UpdateFailMalformedHTLC, *wire.UpdateFee, *wire.CommitmentSigned, *wire.RevokeAndAck:
		// BOLT 2: "MUST wait to receive the other node's `channel_reestablish`
		// message before sending any other messages for that channel."
		if !c.conn.established {
			return warnf("%s before channel_reestablish", wire.Name(m))
		}
	}
	switch m := m.(type) {
	case *wire.ChannelReady:
		return c.receiveReady(m)
	case *wire.Shutdown:
		return c.receiveShutdown(m)
	case *wire.ClosingSigned:
		return c.receiveClosing(m, v)
	case *wire.ClosingComplete:
		return c.receiveComplete(m, v)
	case *wire.ClosingSig:
		return c.receiveSig(m, v)
	case *wire.UpdateAddHTLC:
		return c.receiveAdd(m)
	case *wire.UpdateFulfillHTLC:
		return c.receiveRemoval(m, m.ID, removal{Kind: RemovedByPreimage, Preimage: &m.PaymentPreimage}, m.Attribution)
	case *wire.UpdateFailHTLC:
		return c.receiveRemoval(m, m.ID, removal{Kind: RemovedByFailure, Reason: m.Reason}, m.Attribution)
	case *wire.UpdateFailMalformedHTLC:
		return c.receiveRemoval(m, m.ID, removal{Kind: RemovedAsMalformed, Malformed: &Malformed{m.SHA256OfOnion, m.FailureCode}}, nil)
	case *wire.UpdateFee:
		return c.receiveFee(m)
	case *wire.CommitmentSigned:
		return c.receiveCommit(m, v)
	case *wire.RevokeAndAck:
		return c.receiveRevocation(m)
	}
	return nil
}

func warnf(format string, args ...any) *Violation {
	return &Violation{Kind: Warn, Text: fmt.Sprintf(format, args...)}
}

func failf(format string, args ...any) *Violation {
	return &Violation{Kind: Fail, Text: fmt.Sprintf(format, args...)}
}

// mayReceiveUpdate tells whether the peer may send an update now.
func (c *Channel) mayReceiveUpdate(m wire.Message) *Violation {
	switch {
	case !c.usable():
		return warnf("%s before both channel_ready", wire.Name(m))
	case c.conn.begun:
		return warnf("%s while the closing transaction is negotiated", wire.Name(m))
	}
	return nil
}

func (c *Channel) receiveReady(m *wire.ChannelReady) *Violation {
	if m.Alias != nil && *m.Alias != c.status.RemoteAlias {
		c.status.RemoteAlias = *m.Alias
		c.pending.status = true
	}
	// BOLT 2: "upon reconnection: - MUST ignore any redundant `channel_ready` it receives."
	if c.theyAreReady() {
		return nil
	}
	c.points[following] = m.SecondPerCommitmentPoint
	c.pending.state = true
	c.raiseReady()
	return nil
}

func (c *Channel) receiveAdd(m *wire.UpdateAddHTLC) *Violation {
	if v := c.mayReceiveUpdate(m); v != nil {
		return v
	}
	switch {
	// BOLT 2: "MUST NOT send an `update_add_htlc` after a `shutdown`."
	case c.status.RemoteShutdown != nil:
		return warnf("update_add_htlc after shutdown")
	// BOLT 2: "MUST increase the value of `id` by 1 for each successive offer."
	case m.ID != c.nextID[dance.Remote]:
		return warnf("update_add_htlc with id %d instead of %d", m.ID, c.nextID[dance.Remote])
	}
	// BOLT 2: "receiving an `amount_msat` that the sending node cannot afford at
	// the current `feerate_per_kw` (while maintaining its channel reserve and any
	// `to_local_anchor` and `to_remote_anchor` costs)"
	tokens, violation := c.ridden(m)
	if violation != nil {
		return violation
	}
	if err := c.mayAdd(dance.Remote, tally.Load{Msat: m.AmountMsat, Tokens: tokens}, m.CLTVExpiry); err != nil {
		return warnf("update_add_htlc %d of %s, expiry %d: %v", m.ID, m.AmountMsat, m.CLTVExpiry, err)
	}
	h := &htlc{HTLCRow: HTLCRow{
		Channel: c.params.Channel, Incoming: true, ID: m.ID,
		Amount: m.AmountMsat, Tokens: tokens, PaymentHash: m.PaymentHash, CLTVExpiry: m.CLTVExpiry,
		Onion: &m.OnionRoutingPacket, PathKey: m.PathKey,
		OverExposed: c.cheap() || c.overExposed(dance.Remote, m.AmountMsat),
	}}
	c.nextID[dance.Remote]++
	c.htlcs[dance.Remote] = append(c.htlcs[dance.Remote], h)
	c.tallyAdd(h)
	return nil
}

// receiveRemoval takes the three messages that remove an HTLC of ours.
func (c *Channel) receiveRemoval(m wire.Message, id uint64, r removal, a *wire.Attribution) *Violation {
	if v := c.mayReceiveUpdate(m); v != nil {
		return v
	}
	h := c.find(dance.Local, id)
	switch {
	// BOLT 2: "if the `id` does not correspond to an HTLC in its current
	// commitment transaction: - MUST send a `warning` and close the connection,
	// or send an `error` and fail the channel."
	case h == nil || c.steps.Stage(dance.Local, h.Added) != dance.Irrevocable || h.removing():
		return failf("%s for HTLC %d, which is not in the commitment", wire.Name(m), id)
	// BOLT 2: "if the `payment_preimage` value in `update_fulfill_htlc` doesn't
	// SHA256 hash to the corresponding HTLC `payment_hash`"
	case r.Kind == RemovedByPreimage && sha256.Sum256(r.Preimage[:]) != h.PaymentHash:
		return failf("update_fulfill_htlc for HTLC %d with a wrong preimage", id)
	// BOLT 2: "if the `BADONION` bit in `failure_code` is not set for
	// `update_fail_malformed_htlc`"
	case r.Kind == RemovedAsMalformed && r.Malformed.Code&badOnion == 0:
		return failf("update_fail_malformed_htlc for HTLC %d without the BADONION bit", id)
	}
	h.proposed, h.attribution = r, a
	c.tallyRemoval(h)
	// A preimage is final, whatever becomes of the removal: it is told at once,
	// and only once.
	if r.Kind == RemovedByPreimage && h.Preimage == nil {
		h.Preimage = r.Preimage
		c.write(h)
		c.resolve(h, removal{Preimage: r.Preimage})
	}
	return nil
}

// resolve tells an outgoing HTLC's origin how it ended.
func (c *Channel) resolve(h *htlc, r removal) {
	row := SettlementRow{
		HTLC: h.ref(), Origin: h.Origin, Amount: h.Amount, Preimage: r.Preimage, Reason: r.Reason, Malformed: r.Malformed,
	}
	c.pending.settlements = append(c.pending.settlements, row)
	c.raise(Resolved{
		Out: row.HTLC, Origin: row.Origin, Amount: row.Amount, Tokens: h.Tokens,
		Preimage: row.Preimage, Reason: row.Reason, Malformed: row.Malformed, Attribution: h.attribution,
	})
}

// SetFeeBounds sets what update_fee of the peer may ask for.
func (c *Channel) SetFeeBounds(b FeeBounds) { c.bounds = b }

func (c *Channel) receiveFee(m *wire.UpdateFee) *Violation {
	if v := c.mayReceiveUpdate(m); v != nil {
		return v
	}
	switch {
	// BOLT 2: "if the sender is not responsible for paying the Bitcoin fee: -
	// MUST send a `warning` and close the connection, or send an `error` and fail
	// the channel."
	case c.opener() != dance.Remote:
		return failf("update_fee of a peer that did not open the channel")
	// BOLT 2: "if the `update_fee` is too low for timely processing, OR is
	// unreasonably large"
	case m.FeeratePerKw < c.bounds.Low || m.FeeratePerKw > c.bounds.High:
		return warnf("update_fee to %d, which is not within %d and %d", m.FeeratePerKw, c.bounds.Low, c.bounds.High)
	// BOLT 2: "if the sender cannot afford the new fee rate on the receiving
	// node's current commitment transaction"
	case !c.mayPay(&c.tallied().next[dance.Local], m.FeeratePerKw):
		return warnf("update_fee to %d, which its sender cannot afford", m.FeeratePerKw)
	case !c.rules.MayStep(c.fees, m.FeeratePerKw):
		return warnf("update_fee to %d: %v", m.FeeratePerKw, ErrFeeSteps)
	}
	c.fees[dance.Proposed] = m.FeeratePerKw
	c.limits.valid = false
	return nil
}
