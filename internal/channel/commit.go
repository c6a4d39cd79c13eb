package channel

import (
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// reflects tells whether a commitment reflects an update offered by a side.
type reflects func(by dance.Side, u dance.Numbers) bool

// build makes side's commitment number n, with the updates that it reflects.
// This one filter decides the content of every commitment.
func (c *Channel) build(f *funding, side dance.Side, n uint64, point wire.Point, feePerKw uint32, in reflects) (*script.Commitment, error) {
	balance := tally.Start(f.toLocal, c.whole()).Balance
	spec := script.Spec{Number: n, FeePerKw: feePerKw, HTLCs: make([]script.HTLC, 0, len(c.htlcs[dance.Local])+len(c.htlcs[dance.Remote]))}
	c.each(func(h *htlc) {
		by := h.by()
		if !in(by, h.Added) {
			return
		}
		balance[by].Take(h.load(), 1)
		if h.removing() && in(by.Other(), h.Removed) {
			balance[h.beneficiary()].Take(h.load(), -1)
			return
		}
		spec.HTLCs = append(spec.HTLCs, script.HTLC{
			Offered: by == side, ID: h.ID, Amount: h.Amount, PaymentHash: h.PaymentHash, CLTVExpiry: h.CLTVExpiry, Tokens: h.Tokens,
		})
	})
	ours, other := balance[side], balance[side.Other()]
	if ours.Below() || other.Below() {
		return nil, fmt.Errorf("commitment %d has a negative balance: %v", n, balance)
	}
	spec.ToBroadcaster, spec.TokensToBroadcaster = ours.Load().Msat, ours.Load().Tokens
	spec.ToCountersignatory, spec.TokensToCountersignatory = other.Load().Msat, other.Load().Tokens
	return script.Build(&f.sides[side], point, spec)
}

// buildLatest builds side's latest signed commitment.
func (c *Channel) buildLatest(f *funding, side dance.Side, point wire.Point) (*script.Commitment, error) {
	n := c.steps.Signed[side]
	return c.build(f, side, n, point, c.fees.Signed(side, c.opener()),
		func(_ dance.Side, u dance.Numbers) bool { return dance.At(side, n, u) })
}

// buildNext builds side's next commitment.
func (c *Channel) buildNext(f *funding, side dance.Side, point wire.Point) (*script.Commitment, error) {
	return c.build(f, side, c.steps.Signed[side]+1, point, c.fees.Next(side, c.opener()),
		func(by dance.Side, u dance.Numbers) bool { return c.steps.Next(side, by, u) })
}

// join marks all updates that join side's next commitment, and counts it.
func (c *Channel) join(side dance.Side, s dance.Step) {
	n := c.steps.Signed[side] + 1
	c.each(func(h *htlc) {
		by := h.by()
		if c.steps.Joins(side, by, h.Added) {
			h.Added[side] = n
			c.write(h)
		}
		if h.removing() && c.steps.Joins(side, by.Other(), h.Removed) {
			if r := h.proposed; r.Kind != NotRemoved {
				h.Removal, h.Reason, h.Malformed = r.Kind, r.Reason, r.Malformed
				if r.Preimage != nil {
					h.Preimage = r.Preimage
				}
				h.proposed = removal{}
			}
			h.Removed[side] = n
			c.write(h)
		}
	})
	c.steps.Signed[side] = n
	c.step(s)
}

// step moves the fees and notes that the numbers have changed.
func (c *Channel) step(s dance.Step) {
	c.fees.Move(s, c.opener())
	c.limits.valid = false
	c.pending.state = true
}

// maySign tells whether there is something to sign for the peer, and whether it
// may be signed.
//
// BOLT 2: "MUST NOT send a `commitment_signed` message that does not include any
// updates."
func (c *Channel) maySign() bool {
	if !c.Online() || !c.usable() || c.steps.Awaiting() {
		return false
	}
	if c.fees[dance.Arrows[dance.SendCommit][c.opener()]] != 0 {
		return true
	}
	for by, list := range c.htlcs {
		for _, h := range list {
			if c.steps.Joins(dance.Remote, dance.Side(by), h.Added) || h.removing() && c.steps.Joins(dance.Remote, dance.Side(by).Other(), h.Removed) {
				return true
			}
		}
	}
	return false
}

// sign queues a commitment_signed for all that has gathered.
func (c *Channel) sign() error {
	for i := range c.fundings {
		commitment, err := c.buildNext(&c.fundings[i], dance.Remote, c.points[following])
		if err != nil {
			return err
		}
		c.sendSigned(commitment)
	}
	c.join(dance.Remote, dance.SendCommit)
	c.steps.SignedAfter = c.steps.Revoked[dance.Local]
	return nil
}

// sendSigned queues a commitment_signed, to be signed in Take.
func (c *Channel) sendSigned(commitment *script.Commitment) {
	m := &wire.CommitmentSigned{ChannelID: c.params.Channel}
	c.sendWith(m, func(s Signer) error {
		sigs, err := s.SignCommitment(commitment)
		m.Signature, m.HTLCSignatures, m.DelaySignatures = sigs.Signature, sigs.HTLCSignatures, sigs.DelaySignatures
		return err
	})
}

// receiveCommit checks the peer's signatures on our next commitment, makes it
// our latest and revokes the one before: three arrows at once.
func (c *Channel) receiveCommit(m *wire.CommitmentSigned, v Verifier) *Violation {
	if !c.usable() {
		return warnf("commitment_signed before both channel_ready")
	}
	f := &c.fundings[0]
	n := c.steps.Signed[dance.Local] + 1
	commitment, err := c.buildNext(f, dance.Local, c.conn.points.PerCommitmentPoint(n))
	if err != nil {
		return failf("commitment_signed for commitment %d: %v", n, err)
	}
	// BOLT 2: "if `num_htlcs` is not equal to the number of HTLC outputs in the
	// local commitment transaction"
	if len(m.HTLCSignatures) != len(commitment.HTLCs) {
		return failf("commitment_signed with %d HTLC signatures instead of %d", len(m.HTLCSignatures), len(commitment.HTLCs))
	}
	sigs := Signatures{m.Signature, m.HTLCSignatures, m.DelaySignatures}
	if len(sigs.DelaySignatures) != len(commitment.Delays()) {
		return failf("commitment_signed with %d signatures on delays instead of %d", len(m.DelaySignatures), len(commitment.Delays()))
	}
	// BOLT 2: "if `signature` is not valid for its local commitment transaction OR
	// non-compliant with LOW-S-standard rule"
	if !v.Verify(sigs.Checks(commitment, c.params.RemoteKeys.Funding)) {
		return failf("commitment_signed with an invalid signature on commitment %d", n)
	}
	f.ours = CommitmentRow{Channel: c.params.Channel, Number: n, Signatures: sigs}
	c.pending.commitment = true
	c.join(dance.Local, dance.ReceiveCommit)
	c.revoke()
	return nil
}

// revoke revokes our commitment before the latest.
func (c *Channel) revoke() {
	c.sendRevocation(c.steps.Revoked[dance.Local])
	c.steps.Revoked[dance.Local]++
	c.step(dance.SendRevoke)
	c.finish()
}

// sendRevocation queues the revoke_and_ack of our commitment number n.
func (c *Channel) sendRevocation(n uint64) {
	m := &wire.RevokeAndAck{ChannelID: c.params.Channel, NextPerCommitmentPoint: c.conn.points.PerCommitmentPoint(n + 2)}
	c.sendWith(m, func(s Signer) (err error) {
		m.PerCommitmentSecret, err = s.Revoke(n)
		return err
	})
}

func (c *Channel) receiveRevocation(m *wire.RevokeAndAck) *Violation {
	if !c.steps.Awaiting() {
		return failf("revoke_and_ack without a commitment to acknowledge")
	}
	n := c.steps.Revoked[dance.Remote]
	// BOLT 2: "if `per_commitment_secret` is not a valid secret key or does not
	// generate the previous `per_commitment_point`: - MUST send an `error` and
	// fail the channel."
	if script.PointOfSecret(m.PerCommitmentSecret) != c.points[current] {
		return failf("revoke_and_ack with a secret that is not that of commitment %d", n)
	}
	// BOLT 2: "if the `per_commitment_secret` was not generated by the protocol in
	// [BOLT #3](03-transactions.md#per-commitment-secret-requirements)"
	bucket, err := c.secrets.Insert(n, m.PerCommitmentSecret)
	if err != nil {
		return failf("revoke_and_ack of commitment %d: %v", n, err)
	}
	c.pending.secrets = append(c.pending.secrets, SecretRow{
		Channel: c.params.Channel, Bucket: bucket.Bucket, Number: bucket.Number, Secret: bucket.Secret,
	})
	c.points = [2]wire.Point{c.points[following], m.NextPerCommitmentPoint}
	c.steps.Revoked[dance.Remote]++
	c.step(dance.ReceiveRevoke)
	for _, h := range c.htlcs[dance.Remote] {
		if h.Added[dance.Remote] == c.steps.Revoked[dance.Remote] {
			c.raise(c.incoming(h))
		}
	}
	c.finish()
	return nil
}

// finish parts with the HTLCs whose removal has become irrevocable.
func (c *Channel) finish() {
	for by, list := range c.htlcs {
		c.htlcs[by] = slices.DeleteFunc(list, func(h *htlc) bool {
			if h.Removal == NotRemoved || c.steps.Stage(dance.Side(by).Other(), h.Removed) != dance.Irrevocable {
				return false
			}
			switch {
			case h.Incoming:
				c.raise(Settled{h.ref()})
			case h.Preimage == nil:
				c.resolve(h, removal{Reason: h.Reason, Malformed: h.Malformed})
			}
			if h.fulfilled() {
				for i := range c.fundings {
					f := &c.fundings[i]
					if h.Incoming {
						f.toLocal = f.toLocal.Add(h.load())
					} else {
						f.toLocal = f.toLocal.Sub(h.load())
					}
				}
			}
			c.bury(h)
			return true
		})
	}
}

// bury writes that an HTLC is done.
func (c *Channel) bury(h *htlc) {
	h.Done = true
	h.Onion, h.PathKey, h.Preimage, h.Reason, h.Malformed = nil, nil, nil, nil, nil
	c.write(h)
}
