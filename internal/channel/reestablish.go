package channel

import (
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// Connected says that the peer is connected and that init has gone both ways;
// simpleClose that it negotiated option_simple_close. It queues our
// channel_reestablish, or the error of a channel that has failed.
func (c *Channel) Connected(p Points, simpleClose bool) {
	c.Disconnected()
	c.conn = connection{points: p, simple: simpleClose}
	switch c.status.Status {
	case Open, Lost:
		c.sendReestablish()
	case Failed, Spent, Closed:
		// Our numbers go first: they prove to a peer that has lost state that it must
		// not take the error for a reason to broadcast a commitment that it has revoked.
		c.sendReestablish()
		// BOLT 2: "SHOULD retransmit the error packet and ignore any other packets
		// for that channel."
		c.sendError()
	}
}

// Disconnected says that the connection has ended. What was at stage 0 never
// happened: offers come back as [Unsent]; failures that were not signed are
// forgotten, and [Channel.Unsettled] lists their HTLCs again; preimages stay.
//
// BOLT 2: "MUST reverse any uncommitted updates sent by the other side"
func (c *Channel) Disconnected() {
	c.conn = connection{}
	c.pending.out = nil
	c.pending.disconnect = false
	c.forget()
}

// forget undoes what is at stage 0.
func (c *Channel) forget() {
	for by, list := range c.htlcs {
		kept := list[:0]
		for _, h := range list {
			if c.steps.Stage(dance.Side(by), h.Added) == dance.Proposed {
				c.nextID[by]--
				if dance.Side(by) == dance.Local {
					c.raise(Unsent{Add{
						Amount: h.Amount, Tokens: h.Tokens, PaymentHash: h.PaymentHash, CLTVExpiry: h.CLTVExpiry, Onion: *h.Onion, PathKey: h.PathKey, Origin: h.Origin,
					}})
				}
				continue
			}
			if r := h.proposed; r.Kind == RemovedByPreimage && h.Preimage == nil {
				h.Preimage = r.Preimage
				c.write(h)
			}
			h.proposed = removal{}
			kept = append(kept, h)
		}
		clear(list[len(kept):])
		c.htlcs[by] = kept
	}
	c.fees[dance.Proposed] = 0
	c.limits.valid = false
}

func (c *Channel) sendReestablish() {
	m := &wire.ChannelReestablish{
		ChannelID:                c.params.Channel,
		NextCommitmentNumber:     c.steps.Signed[dance.Local] + 1,
		NextRevocationNumber:     c.steps.Revoked[dance.Remote],
		MyCurrentCommitmentPoint: c.conn.points.PerCommitmentPoint(c.steps.Signed[dance.Local]),
	}
	if n := c.steps.Revoked[dance.Remote]; n > 0 {
		m.YourLastCommitmentSecret, _ = c.secrets.Get(n - 1)
	}
	// BOLT 2: "if `next_commitment_number` is zero: - MUST immediately fail the
	// channel and broadcast any relevant latest commitment transaction."
	if c.status.Status == Lost {
		m.NextCommitmentNumber = 0
	}
	c.send(m)
}

// reestablish compares the peer's numbers with ours and sends again what it has
// not got.
func (c *Channel) reestablish(m *wire.ChannelReestablish) *Violation {
	if c.conn.established {
		return warnf("channel_reestablish twice on one connection")
	}
	// They have got this many revocations, and need one more at most.
	revocations, sent := m.NextRevocationNumber, c.steps.Revoked[dance.Local]
	proven := c.provesSecret(revocations, m.YourLastCommitmentSecret)
	switch {
	case revocations > sent && proven:
		// BOLT 2: "MUST NOT broadcast its commitment transaction."
		c.lose()
		return nil
	case c.status.Status == Lost:
		c.sendError() // whatever it says now
		return nil
	case revocations > sent:
		return failf("channel_reestablish expects revocation %d, which does not exist, without proof", revocations)
	case !proven:
		return failf("channel_reestablish with a secret that is not that of commitment %d", int64(revocations)-1) //nolint:gosec // below 2^48
	// BOLT 2: "if `next_commitment_number` is zero: - MUST immediately fail the
	// channel and broadcast any relevant latest commitment transaction."
	case m.NextCommitmentNumber == 0:
		return failf("channel_reestablish with next_commitment_number 0")
	case revocations+1 < sent:
		return failf("channel_reestablish expects revocation %d, the last was %d", revocations, sent-1)
	}
	// They have got our latest commitment, or are to get it again.
	again := m.NextCommitmentNumber == c.steps.Signed[dance.Remote] && c.steps.Awaiting()
	if !again && m.NextCommitmentNumber != c.steps.Signed[dance.Remote]+1 {
		return failf("channel_reestablish expects commitment %d, the next is %d", m.NextCommitmentNumber, c.steps.Signed[dance.Remote]+1)
	}
	c.agreed = true
	if c.blamed != "" {
		c.failBy(c.blamed)
		return nil
	}
	c.conn.established = true

	// BOLT 2: "if `next_commitment_number` is 1 in both the `channel_reestablish`
	// it sent and received ... MUST retransmit `channel_ready`."
	if m.NextCommitmentNumber == 1 && c.steps.Signed[dance.Local] == 0 && c.status.ReadySent {
		c.sendReady()
	}
	revoke := revocations+1 == sent
	if revoke && (!again || c.steps.RevocationFirst()) {
		c.sendRevocation(sent - 1)
	}
	if again {
		if err := c.signAgain(); err != nil {
			return failf("commitment %d cannot be built again: %v", c.steps.Signed[dance.Remote], err)
		}
	}
	if revoke && again && !c.steps.RevocationFirst() {
		c.sendRevocation(sent - 1)
	}
	if c.usable() {
		for _, h := range c.htlcs[dance.Remote] {
			if h.Preimage != nil && !h.removing() {
				c.propose(h, removal{Kind: RemovedByPreimage, Preimage: h.Preimage})
			}
		}
	}
	return nil
}

// provesSecret tells whether the peer knows what it must after so many of our
// revocations.
func (c *Channel) provesSecret(revocations uint64, secret [32]byte) bool {
	if revocations == 0 {
		return secret == [32]byte{}
	}
	return revocations <= script.LastNumber && script.PointOfSecret(secret) == c.conn.points.PerCommitmentPoint(revocations-1)
}

// signAgain queues what our last commitment_signed was preceded by and the
// commitment_signed itself. Nothing of it was stored: the updates are those at
// stage 1, and the commitment cannot have changed since.
//
// Removals go first and the feerate next, so that nothing looks unaffordable on
// the way that is not so in the end. Where there are tokens adds go before the feerate:
// they could bear the highest one that there was, and not its double.
func (c *Channel) signAgain() error {
	n := c.steps.Signed[dance.Remote]
	for _, h := range c.htlcs[dance.Remote] {
		if h.Removed[dance.Remote] == n {
			c.send(c.removalMessage(h, removal{h.Removal, h.Preimage, h.Reason, h.Malformed}))
		}
	}
	fee := c.fees[dance.Committed]
	if c.opener() != dance.Local {
		fee = 0
	}
	if fee != 0 && !c.rules.Rides() {
		c.send(&wire.UpdateFee{ChannelID: c.params.Channel, FeeratePerKw: fee})
	}
	for _, h := range c.htlcs[dance.Local] {
		if h.Added[dance.Remote] == n {
			c.send(c.addMessage(h))
		}
	}
	if fee != 0 && c.rules.Rides() {
		c.send(&wire.UpdateFee{ChannelID: c.params.Channel, FeeratePerKw: fee})
	}
	for i := range c.fundings {
		commitment, err := c.buildLatest(&c.fundings[i], dance.Remote, c.points[following])
		if err != nil {
			return err
		}
		c.sendSigned(commitment)
	}
	return nil
}

// lose notes that the peer has proof of a state that we have lost.
//
// BOLT 2: "SHOULD send an `error` to request the peer to fail the channel."
func (c *Channel) lose() {
	if c.status.Status == Open {
		c.lost("we have lost state: please broadcast your commitment transaction")
	}
	c.sendError()
}

// Lose says that the rows may be older than what was signed with the peer: no
// commitment of ours may be broadcast any more. Why is what the peer hears, which is to
// close the channel. A channel that has failed, or that both sides have agreed to
// close, stays as it is: nothing was signed after that.
func (c *Channel) Lose(why string) {
	if c.status.Status != Open || c.status.Closing != nil {
		return
	}
	established := c.conn.established
	c.lost(why)
	if established {
		c.sendError()
	}
}

func (c *Channel) lost(why string) {
	c.end(Lost, why)
	c.raise(DataLoss{why})
}
