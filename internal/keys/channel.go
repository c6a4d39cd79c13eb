package keys

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
)

// ErrGoesBack is the signer's refusal to sign or reveal what would give the
// channel's money away. It means a bug, or rows of an older day.
var ErrGoesBack = errors.New("the signer refuses to go back")

// SignerRow is what the signer of a channel remembers. Key: KeyIndex. The counts
// are one more than the highest number, so that zero is "none yet".
type SignerRow struct {
	KeyIndex   uint32
	Signed     uint64   // how many of the peer's commitments were signed, with number 0
	SignedHash [32]byte // the signature hash of the last of them
	Revoked    uint64   // how many of our commitments were revoked
}

// Table implements [durable.Row].
func (SignerRow) Table() string { return "signers" }

// Spent is the memory of keys that may have signed anything: of a channel whose
// database is lost, or of one that nobody knows of any more. They sign no commitment
// again.
func Spent(index uint32) SignerRow { return SignerRow{KeyIndex: index, Signed: math.MaxUint64} }

// Channel has the keys of one channel and signs with them. It implements
// [channel.Signer] and [enforce.Signer]. It is safe for concurrent use.
type Channel struct {
	funding, revocation, htlc, payment, delayed *btcec.PrivateKey

	seed   [32]byte
	points script.Basepoints

	mu     sync.Mutex
	memory SignerRow
	recent [4]numberedPoint // per-commitment points, each asked for several times
}

// numberedPoint is the per-commitment point of a commitment. The zero value is none.
type numberedPoint struct {
	number uint64
	point  wire.Point
}

var (
	_ channel.Signer = (*Channel)(nil)
	_ enforce.Signer = (*Channel)(nil)
)

// Remember sets the memory to what was stored.
func (c *Channel) Remember(r SignerRow) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.memory = r
}

// Memory implements [channel.Signer].
func (c *Channel) Memory() durable.Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.memory
}

// Basepoints implements [channel.Signer].
func (c *Channel) Basepoints() script.Basepoints { return c.points }

// PerCommitmentPoint implements [channel.Points].
func (c *Channel) PerCommitmentPoint(number uint64) wire.Point {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.point(number)
}

func (c *Channel) point(number uint64) wire.Point {
	r := &c.recent[number%uint64(len(c.recent))]
	if r.number != number || r.point == (wire.Point{}) {
		*r = numberedPoint{number, script.PointOfSecret(script.PerCommitmentSecret(c.seed, number))}
	}
	return r.point
}

// SignCommitment implements [channel.Signer]. Error: [ErrGoesBack].
func (c *Channel) SignCommitment(m *script.Commitment) (channel.Signatures, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	hash := m.SigHash()
	switch count := m.Number + 1; {
	case c.memory.Signed == math.MaxUint64:
		return channel.Signatures{}, fmt.Errorf("%w: what these keys have signed is not known", ErrGoesBack)
	case count == c.memory.Signed+1:
		c.memory.Signed, c.memory.SignedHash = count, hash
	case count != c.memory.Signed:
		return channel.Signatures{}, fmt.Errorf("%w: commitment %d was asked for after %d", ErrGoesBack, m.Number, c.memory.Signed-1)
	case hash != c.memory.SignedHash:
		return channel.Signatures{}, fmt.Errorf("%w: commitment %d was signed with other content", ErrGoesBack, m.Number)
	}
	sigs := channel.Signatures{Signature: script.Sign(c.funding, hash), HTLCSignatures: make([]wire.Signature, len(m.HTLCs))}
	delays := m.Delays()
	if len(m.HTLCs)+len(delays) > 0 {
		key := script.DerivePrivKey(c.htlc, c.points.HTLC, m.Keys.PerCommitment)
		for i := range m.HTLCs {
			sigs.HTLCSignatures[i] = script.Sign(key, m.HTLCSigHash(i))
		}
		for _, d := range delays {
			sigs.DelaySignatures = append(sigs.DelaySignatures, script.Sign(key, d.SigHash()))
		}
	}
	return sigs, nil
}

// Revoke implements [channel.Signer]. Error: [ErrGoesBack].
func (c *Channel) Revoke(number uint64) ([32]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if number > c.memory.Revoked {
		return [32]byte{}, fmt.Errorf("%w: the secret of commitment %d was asked for before that of %d", ErrGoesBack, number, c.memory.Revoked)
	}
	c.memory.Revoked = max(c.memory.Revoked, number+1)
	return script.PerCommitmentSecret(c.seed, number), nil
}

// SignClosing implements [channel.Signer].
func (c *Channel) SignClosing(tx *btcwire.MsgTx, capacity amount.Satoshi, fundingScript []byte) (wire.Signature, error) {
	return script.Sign(c.funding, script.ClosingSigHash(tx, fundingScript, capacity)), nil
}

// SignOurs implements [channel.Signer]. Error: [ErrGoesBack].
func (c *Channel) SignOurs(m *script.Commitment) (wire.Signature, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.memory.Signed == math.MaxUint64:
		return wire.Signature{}, fmt.Errorf("%w: what these keys have revoked is not known", ErrGoesBack)
	case m.Number < c.memory.Revoked:
		return wire.Signature{}, fmt.Errorf("%w: our commitment %d is revoked", ErrGoesBack, m.Number)
	}
	return script.Sign(c.funding, m.SigHash()), nil
}

// SignClaim implements [enforce.Signer]. Errors: [ErrGoesBack], and a claim that is
// not one of this transaction.
func (c *Channel) SignClaim(claim *enforce.Claim, tx *btcwire.MsgTx, input int) (wire.Signature, error) {
	if input >= len(tx.TxIn) || tx.TxIn[input].PreviousOutPoint != claim.OutPoint {
		return wire.Signature{}, fmt.Errorf("input %d does not spend %s", input, claim.OutPoint)
	}
	key, err := c.claimKey(&claim.Key, claim.WitnessScript)
	if err != nil {
		return wire.Signature{}, err
	}
	return script.Sign(key, claim.SigHash(tx, input)), nil
}

// claimKey derives the private key that signs a claim.
func (c *Channel) claimKey(k *enforce.Key, witnessScript []byte) (*btcec.PrivateKey, error) {
	switch k.Role {
	case enforce.PaymentKey:
		return c.payment, nil
	case enforce.FundingKey:
		// The script is part of what is signed: a signature on an anchor's is of no use
		// on the funding output, which commitments and nothing else may spend.
		if !bytes.Equal(witnessScript, anchorScript(c.points.Funding)) {
			return nil, fmt.Errorf("%w: the funding key signs no claim but an anchor", ErrGoesBack)
		}
		return c.funding, nil
	case enforce.TheirHTLCKey:
		return script.DerivePrivKey(c.htlc, c.points.HTLC, k.Point), nil
	case enforce.RevocationKey:
		return script.DeriveRevocationPrivKey(c.revocation, k.Secret), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.Number < c.memory.Revoked {
		return nil, fmt.Errorf("%w: our commitment %d is revoked", ErrGoesBack, k.Number)
	}
	base, basepoint := c.delayed, c.points.DelayedPayment
	if k.Role == enforce.OwnHTLCKey {
		base, basepoint = c.htlc, c.points.HTLC
	}
	return script.DerivePrivKey(base, basepoint, c.point(k.Number)), nil
}

// anchorScript is an anchor's witness script (BOLT 3, "`to_local_anchor` and
// `to_remote_anchor` Output").
func anchorScript(key wire.Point) []byte {
	s := append([]byte{txscript.OP_DATA_33}, key[:]...)
	return append(s, txscript.OP_CHECKSIG, txscript.OP_IFDUP, txscript.OP_NOTIF,
		txscript.OP_16, txscript.OP_CHECKSEQUENCEVERIFY, txscript.OP_ENDIF)
}

// SignAnnouncement signs the digest of a channel_announcement with the funding key.
func (c *Channel) SignAnnouncement(digest [32]byte) wire.Signature {
	return script.Sign(c.funding, digest)
}
