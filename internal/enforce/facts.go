package enforce

import (
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

// Facts are what is known beside the channel's rows.
type Facts struct {
	Height uint32 // of the newest block
	// Spends are confirmed transactions by the output that they spend: at least
	// the funding output, every output of the transaction that spent it, and every
	// output of those that spent these. Spends above Height do not count.
	Spends map[btcwire.OutPoint]Spend
	// Unfunded says that the funding output, which is the peer's to see to, is in no
	// block: it may never be in one, and our commitment neither. Nothing is paid for it.
	Unfunded bool
	// Past are the HTLCs that are done and stood in the peer's commitment that
	// [Revoked] names; more do no harm.
	Past []channel.HTLCRow
	// Learnt are preimages that a peer or another channel's outputs revealed.
	// Those of our own invoices must not be among them: to show one upstream
	// before the invoice is paid would prove a payment that never came.
	Learnt map[wire.PaymentHash]wire.Preimage
	// Decided are the preimages by which incoming HTLCs of this channel are to be
	// claimed, by id, beside those in the rows.
	Decided map[uint64]wire.Preimage
	// Ledger is what became of tokens, of a channel that carries some.
	Ledger Ledger
	// Incoming is the cltv_expiry of incoming HTLCs, of any channel, that outgoing
	// HTLCs of this one forward.
	Incoming map[channel.Ref]uint32
}

// Spend is a confirmed transaction.
type Spend struct {
	Tx     *btcwire.MsgTx
	Height uint32 // of its block
}

// spend finds the confirmed transaction that spends an output.
func (f *Facts) spend(o btcwire.OutPoint) (Spend, bool) {
	s, ok := f.Spends[o]
	return s, ok && s.Tx != nil && s.Height <= f.Height
}

// deep tells whether a block of a height is at least so deep; 1 is the newest.
func (f *Facts) deep(height, depth uint32) bool {
	return height <= f.Height && uint64(height)+uint64(depth) <= uint64(f.Height)+1
}

// near tells whether a height is past or less than so many blocks away.
func (f *Facts) near(height, blocks uint32) bool {
	return uint64(f.Height)+uint64(blocks) >= uint64(height)
}

// Policy is what the BOLTs leave to the node, in blocks.
type Policy struct {
	// Deep is the "reasonable depth" at which an on-chain end is passed upstream.
	Deep uint32
	// Forget is the depth at which nothing is undone any more.
	Forget uint32
	// Security is how long before somebody else may spend an output it is claimed
	// alone (BOLT 5, `security_delay`).
	Security uint32
	// FulfillDeadline is how long before its cltv_expiry an HTLC that we fulfilled
	// must be claimed on-chain (BOLT 2: 2R+G+S).
	FulfillDeadline uint32
	// BackGrace is how long a peer may take to come back after we were away
	// ([channel.Channel.Grace]).
	BackGrace uint32
	// Cascade is how long before an incoming HTLC's cltv_expiry it is failed though
	// the outgoing one is not resolved, when it is worth no more than MaxAtRisk: so
	// that one channel that hangs does not close the one before it as well.
	Cascade   uint32
	MaxAtRisk amount.MilliSatoshi
}

// DefaultPolicy is what BOLT 2 and 5 recommend, where they do.
func DefaultPolicy() Policy {
	return Policy{
		Deep: 6, Forget: 100, Security: 18, FulfillDeadline: 18,
		BackGrace: 6, Cascade: 6, MaxAtRisk: 10_000_000,
	}
}

// Expiries are the cltv_expiry of the incoming HTLCs of all channels.
func Expiries(channels []channel.Rows) map[channel.Ref]uint32 {
	by := map[channel.Ref]uint32{}
	for i := range channels {
		for _, h := range channels[i].HTLCs {
			if h.Incoming {
				by[channel.Ref{Channel: h.Channel, ID: h.ID}] = h.CLTVExpiry
			}
		}
	}
	return by
}
