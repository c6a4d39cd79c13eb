package channel

import (
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// Ours is our latest commitment, not signed, with the peer's signatures on its
// HTLC transactions, and [Channel.DelaySignatures]. Whether it may be broadcast is for [Channel.OurCommitment]
// to say.
func (c *Channel) Ours(p Points) (*script.Commitment, []wire.Signature, error) {
	f := &c.fundings[0]
	commitment, err := c.buildLatest(f, dance.Local, p.PerCommitmentPoint(c.steps.Signed[dance.Local]))
	return commitment, f.ours.HTLCSignatures, err
}

// DelaySignatures are the peer's on the delay transactions of our latest commitment, in
// the order of script.Commitment.Delays; none without tokens.
func (c *Channel) DelaySignatures() []wire.Signature { return c.fundings[0].ours.DelaySignatures }

// NumberOf reads the number of a commitment of this channel, of either side.
func (c *Channel) NumberOf(tx *btcwire.MsgTx) uint64 {
	return script.NumberOf(tx, &c.fundings[0].sides[dance.Local])
}

// Past is what side's commitment of a number and its point paid to: the scripts
// of its outputs, with every HTLC of the list that stood in it, dust too. Values
// other than the HTLCs', places and the transaction itself are not those of that
// commitment: balances and feerates of the past are not kept.
func (c *Channel) Past(side dance.Side, number uint64, point wire.Point, list []HTLCRow) (*script.Commitment, error) {
	p := c.fundings[0].sides[side]
	spec := script.Spec{Number: number}
	var sum amount.MilliSatoshi
	var tokens amount.Units
	for i := range list {
		if h := &list[i]; h.StoodIn(side, number) {
			spec.HTLCs = append(spec.HTLCs, script.HTLC{
				Offered: h.Incoming == (side == dance.Remote), ID: h.ID, Amount: h.Amount, PaymentHash: h.PaymentHash, CLTVExpiry: h.CLTVExpiry, Tokens: h.Tokens,
			})
			sum += h.Amount
			tokens += h.Tokens
		}
	}
	// Any balances do, if they pay for the anchors, or go with tokens.
	anchors := script.AnchorsCost(p.Format)
	if c.rules.Rides() {
		anchors = script.ScriptHashDust
		p.Tokens, spec.TokensToBroadcaster, spec.TokensToCountersignatory = tokens+2, 1, 1
	}
	p.DustLimit, p.Capacity = 0, sum.Sat()+1+2*anchors
	spec.ToBroadcaster, spec.ToCountersignatory = p.Capacity.Msat()-anchors.Msat()-sum, anchors.Msat()
	return script.Build(&p, point, spec)
}

// StoodIn tells whether side's commitment of a number holds the HTLC.
func (h *HTLCRow) StoodIn(side dance.Side, number uint64) bool {
	return dance.At(side, number, h.Added) && !dance.At(side, number, h.Removed)
}

// Committed tells whether the HTLC is irrevocable in both commitments, removed
// or not, after so many revocations of each side.
//
// BOLT 2: "until the corresponding HTLC is irrevocably committed in both sides'
// commitment transactions: - MUST NOT send an `update_fulfill_htlc`,
// `update_fail_htlc`, or `update_fail_malformed_htlc`."
func (h *HTLCRow) Committed(s *StateRow) bool {
	return dance.At(dance.Local, s.Received, h.Added) && dance.At(dance.Remote, s.Revoked, h.Added)
}
