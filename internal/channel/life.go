package channel

import (
	"cmp"
	"crypto/sha256"
	"fmt"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// FundingDepth says how deep the funding output is (1: in the newest block) and
// where. Once it is as deep as the parameters ask, channel_ready is sent.
func (c *Channel) FundingDepth(scid wire.ShortChannelID, depth uint32) {
	if c.status.Status != Open || depth < max(1, c.params.MinimumDepth) {
		return
	}
	if c.status.SCID != scid {
		c.status.SCID = scid
		c.pending.status = true
		c.raiseReady()
	}
	if !c.status.ReadySent {
		c.ready()
	}
}

// ready sends our channel_ready, now or at the next channel_reestablish.
func (c *Channel) ready() {
	c.status.ReadySent = true
	c.pending.status = true
	if c.Online() {
		c.sendReady()
	}
	c.raiseReady()
}

func (c *Channel) sendReady() {
	m := &wire.ChannelReady{ChannelID: c.params.Channel, SecondPerCommitmentPoint: c.conn.points.PerCommitmentPoint(1)}
	// BOLT 2: "if `option_scid_alias` was negotiated: - MUST set
	// `short_channel_id` `alias`."
	if alias := c.params.LocalAlias; alias != 0 {
		m.Alias = &alias
	}
	c.send(m)
}

// raiseReady tells that both sides are ready, once they are, and again when the
// SCID is known.
func (c *Channel) raiseReady() {
	if c.usable() {
		c.raise(Ready{SCID: c.status.SCID, RemoteAlias: c.status.RemoteAlias})
	}
}

// Blocks before and after an HTLC's cltv_expiry at which something must be done
// (BOLT 2, "cltv_expiry_delta Selection": 2R+G+S and G).
const (
	fulfillDeadline = 18
	offerGrace      = 2
	// lateGrace is how many blocks the peer may take to say its numbers when an HTLC that
	// we fulfilled had expired before the rows were loaded.
	lateGrace = 6
	// unsignedAhead is how many blocks before its expiry an HTLC is given up that the
	// peer does not let us sign.
	unsignedAhead = 6
)

// Grace says that the node was away for long and what of the chain it had missed: until
// a height the peer may come back and settle what we offered, take what we fulfilled,
// or prove that our rows are of an older day: then a commitment of ours would give all
// away. Forwarded are the cltv_expiry of the incoming HTLCs that ours forward: such a
// one waits no longer than the incoming one can.
func (c *Channel) Grace(until uint32, forwarded map[Ref]uint32) {
	c.grace, c.forwarded = until, forwarded
}

// Woke says how high the chain was when the rows were loaded. No HTLC's deadline has a
// commitment broadcast before the next block comes, unless the peer's numbers have said
// that the rows are current: in a copy of an hour ago stand HTLCs that have ended since,
// and a commitment that is revoked.
func (c *Channel) Woke(tip uint32) { c.woke = tip }

// timeout is the height at which an HTLC that we offered fails the channel.
func (c *Channel) timeout(h *htlc) uint64 {
	until := uint64(c.grace)
	if in := h.Origin.In; in != nil {
		// Our commitment and what times the HTLC out must confirm before the incoming
		// one's own deadline.
		expiry := uint64(c.forwarded[*in])
		until = min(until, expiry-min(expiry, 2*fulfillDeadline))
	}
	return max(uint64(h.CLTVExpiry)+offerGrace, until)
}

// lastCall is the height at which an HTLC that we fulfilled fails the channel. Half of
// the blocks that are kept for its claim are enough when the peer is given time.
func (c *Channel) lastCall(h *htlc) uint64 {
	expiry := uint64(h.CLTVExpiry)
	if woke := uint64(c.woke); !c.agreed && expiry <= woke {
		return woke + lateGrace // the peer may take it, whoever closes: its numbers are worth more
	}
	until := min(uint64(c.grace), expiry-min(expiry, fulfillDeadline/2))
	return max(expiry-min(expiry, fulfillDeadline), until)
}

// carried tells whether a commitment that may be broadcast can have an output for an
// HTLC. For dust a commitment serves nobody.
func (c *Channel) carried(h *htlc) bool {
	by, opener := h.by(), c.opener()
	return !c.rules.Trimmed(dance.Local, by, h.Amount, c.fees.Signed(dance.Local, opener)) ||
		!c.rules.Trimmed(dance.Remote, by, h.Amount, c.fees.Held(dance.Remote, opener)) ||
		!c.rules.Trimmed(dance.Remote, by, h.Amount, c.fees.Signed(dance.Remote, opener))
}

// Block says that the chain has grown, or shrunk, to a height. An HTLC past its
// deadline fails the channel, unless it is dust.
func (c *Channel) Block(height uint32) {
	c.height = height
	if c.status.Status != Open {
		return
	}
	if c.waitForNumbers(); c.status.Status != Open {
		return
	}
	c.nag()
	if !c.agreed && height <= c.woke {
		return
	}
	now := uint64(height)
	for _, h := range c.htlcs[dance.Local] {
		// A peer that does not acknowledge our last commitment keeps us from signing
		// another. What was proposed since comes back with the end of the connection.
		if h.Added[dance.Remote] == 0 && now+unsignedAhead >= uint64(h.CLTVExpiry) {
			c.pending.disconnect = c.conn.points != nil
		}
		// BOLT 2: "if an HTLC which it offered is in either node's current
		// commitment transaction, AND is past this timeout deadline"
		if h.Added[dance.Remote] != 0 && now >= c.timeout(h) && c.carried(h) {
			c.ForceClose(fmt.Sprintf("HTLC %d that we offered expired at block %d", h.ID, h.CLTVExpiry))
			return
		}
	}
	for _, h := range c.htlcs[dance.Remote] {
		// BOLT 2: "if an HTLC it has fulfilled is in either node's current commitment
		// transaction, AND is past this fulfillment deadline"
		claimed := h.Preimage != nil || h.fulfilled()
		if claimed && now >= c.lastCall(h) && c.carried(h) {
			c.ForceClose(fmt.Sprintf("HTLC %d that we fulfilled expires at block %d", h.ID, h.CLTVExpiry))
			return
		}
	}
}

// Height is that of the last [Channel.Block].
func (c *Channel) Height() uint32 { return c.height }

// ForceClose fails the channel: it must be closed by our latest commitment. A
// channel that is not open is left as it is.
func (c *Channel) ForceClose(why string) {
	if c.status.Status != Open {
		return
	}
	c.end(Failed, why)
	c.raise(Failure{Why: why})
	c.sendError()
}

// blameTime is how many blocks an error waits for the numbers of who sent it.
const blameTime = 144

// failedByPeer takes an error message of the peer. Who says only that comes from a
// channel in an error state, perhaps because our rows are of an older day: then our
// commitment would give all away. Its numbers are waited for, or its commitment (see
// docs/decisions/0006-an-error-before-the-numbers.md).
//
// BOLT 2: "if a channel is in an error state: - SHOULD retransmit the error packet and
// ignore any other packets for that channel."
//
// An "internal error" is lnd's, whose link has ended, as at a shutdown: no wish to close
// (docs/decisions/0008-an-internal-error-closes-nothing.md).
func (c *Channel) failedByPeer(data []byte) error {
	if c.status.Status != Open {
		return nil
	}
	if string(data) == "internal error" {
		return c.answer(&Violation{Warn, "an internal error closes no channel: reconnect"})
	}
	if why := "the peer failed the channel: " + wire.Printable(data); c.agreed {
		c.failBy(why)
	} else {
		c.blame(why)
	}
	return nil
}

// blame notes why the channel is to be closed once the rows are known to be current.
func (c *Channel) blame(why string) {
	if c.blamed == "" {
		c.blamed = why
		c.raise(Blamed{Why: why})
	}
}

// failBy fails the channel as the peer wishes.
func (c *Channel) failBy(why string) {
	c.conn.dead = true
	c.end(Failed, why)
	c.raise(Failure{Why: why, ByPeer: true})
}

// waitForNumbers fails the channel at last if the peer that failed it never sends its
// numbers. While blocks are taken in that were missed nobody has had time.
func (c *Channel) waitForNumbers() {
	switch {
	case c.blamed == "":
	case c.since == 0:
		c.since = c.height
	case uint64(c.height) >= uint64(max(c.since, c.grace))+blameTime:
		c.failBy(c.blamed)
	}
}

// SpentOnChain says that the funding output is spent: nothing more is agreed
// with the peer. A channel whose state was lost stays [Lost]: after a reorganization
// its commitment must not be broadcast either.
func (c *Channel) SpentOnChain() {
	if c.status.Status < Spent && c.status.Status != Lost {
		c.end(Spent, c.status.Failure)
	}
}

// Unspent undoes [Channel.SpentOnChain] after a reorganization: the channel can
// only be closed. A peer that closed it may have done so because our rows are of an
// older day: as long as it has not sent its numbers they are waited for.
func (c *Channel) Unspent() {
	const why = "the funding output was spent in a block that is gone"
	switch {
	case c.status.Status != Spent:
		return
	case c.status.Failure != "" || c.status.Closing != nil || c.agreed:
		c.status.Status = Failed
		if c.status.Failure == "" {
			c.status.Failure = why
		}
	default:
		c.status.Status = Open
		c.blame(why)
	}
	c.pending.status = true
}

// EndedOnChain says how an HTLC that we offered has ended by what the chain says
// (BOLT 5): by its preimage, or, when that is nil, without one. Its origin hears it
// once: what is said of an HTLC that has ended already is ignored.
func (c *Channel) EndedOnChain(id uint64, r *wire.Preimage) {
	h := c.find(dance.Local, id)
	switch {
	case h == nil || h.Preimage != nil || h.Removal == RemovedOnChain:
		return
	case r == nil:
		h.Removal, h.Reason, h.Malformed = RemovedOnChain, nil, nil
	case sha256.Sum256(r[:]) != h.PaymentHash:
		return
	default:
		h.Preimage = r
	}
	c.write(h)
	c.resolve(h, removal{Preimage: r})
}

// Done says that all that could be claimed on-chain is claimed for good: no HTLC is
// left.
func (c *Channel) Done() {
	if c.status.Status == Closed {
		return
	}
	c.end(Closed, c.status.Failure)
	c.each(func(h *htlc) {
		if h.Incoming {
			c.raise(Settled{h.ref()})
		}
		c.bury(h)
	})
	c.htlcs = [2][]*htlc{}
}

// end leaves the open status for good; offers at stage 0 come back.
func (c *Channel) end(s Status, why string) {
	c.status.Status, c.status.Failure = s, why
	c.pending.status = true
	c.forget()
}

// sendError tells the peer that the channel has failed.
func (c *Channel) sendError() {
	if c.conn.points == nil {
		return
	}
	text := cmp.Or(c.status.Failure, "the channel is closed")
	c.send(&wire.Error{ChannelID: c.params.Channel, Data: []byte(text)})
}

// answer answers a violation, which it returns, and stops listening on this connection.
func (c *Channel) answer(v *Violation) error {
	c.conn.dead = true
	switch v.Kind {
	case Warn:
		c.send(&wire.Warning{ChannelID: c.params.Channel, Data: []byte(v.Text)})
	case Fail:
		c.ForceClose(v.Text)
	}
	c.pending.disconnect = true
	return v
}
