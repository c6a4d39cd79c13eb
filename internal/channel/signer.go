package channel

import (
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Points gives the per-commitment points of our own commitments.
type Points interface {
	PerCommitmentPoint(number uint64) wire.Point
}

// Signer has one channel's private keys. It remembers how far it went, in its
// own row, and refuses to go back: then [Channel.Take] fails and the process
// must end.
type Signer interface {
	Points
	Basepoints() script.Basepoints
	// SignCommitment signs the peer's commitment c, its HTLC transactions and its delay
	// transactions. The number may be the highest signed so far again
	// (the same commitment, sent again), or one more; others are refused.
	SignCommitment(c *script.Commitment) (Signatures, error)
	// Revoke releases the secret of our commitment number. It may be released
	// again; a number more than one above the highest released is refused.
	Revoke(number uint64) (secret [32]byte, err error)
	// SignClosing signs a transaction that spends the funding output.
	SignClosing(tx *btcwire.MsgTx, capacity amount.Satoshi, fundingScript []byte) (wire.Signature, error)
	// SignOurs signs our own commitment for broadcast. A revoked one is refused.
	SignOurs(c *script.Commitment) (wire.Signature, error)
	// Memory is the row with what it remembers.
	Memory() durable.Row
}

// Check is a signature to verify.
type Check struct {
	Key  wire.Point
	Hash [32]byte
	Sig  wire.Signature // must be low-S
}

// Verifier tells whether all checks hold, as [script.Verify] does: a high s is
// refused too. It has no state; it may work in parallel.
type Verifier interface {
	Verify(checks []Check) bool
}
