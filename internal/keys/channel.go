package keys

import (
	"errors"
	"fmt"
	"sync"

	"github.com/btcsuite/btcd/btcec/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
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

// Channel has the keys of one channel and signs with them. It implements
// [channel.Signer]. It is safe for concurrent use.
type Channel struct {
	funding, revocation, htlc, payment, delayed *btcec.PrivateKey

	seed   [32]byte
	points script.Basepoints

	mu     sync.Mutex
	memory SignerRow
}

var _ channel.Signer = (*Channel)(nil)

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
	return script.PointOfSecret(script.PerCommitmentSecret(c.seed, number))
}

// SignCommitment implements [channel.Signer]. Error: [ErrGoesBack].
func (c *Channel) SignCommitment(m *script.Commitment) (wire.Signature, []wire.Signature, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	hash := m.SigHash()
	switch count := m.Number + 1; {
	case count == c.memory.Signed+1:
		c.memory.Signed, c.memory.SignedHash = count, hash
	case count != c.memory.Signed:
		return wire.Signature{}, nil, fmt.Errorf("%w: commitment %d was asked for after %d", ErrGoesBack, m.Number, c.memory.Signed-1)
	case hash != c.memory.SignedHash:
		return wire.Signature{}, nil, fmt.Errorf("%w: commitment %d was signed with other content", ErrGoesBack, m.Number)
	}
	key := script.DerivePrivKey(c.htlc, m.Keys.PerCommitment)
	sigs := make([]wire.Signature, len(m.HTLCs))
	for i := range m.HTLCs {
		sigs[i] = script.Sign(key, m.HTLCSigHash(i))
	}
	return script.Sign(c.funding, hash), sigs, nil
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
	if m.Number < c.memory.Revoked {
		return wire.Signature{}, fmt.Errorf("%w: our commitment %d is revoked", ErrGoesBack, m.Number)
	}
	return script.Sign(c.funding, m.SigHash()), nil
}

// SignAnnouncement signs the digest of a channel_announcement with the funding key.
func (c *Channel) SignAnnouncement(digest [32]byte) wire.Signature {
	return script.Sign(c.funding, digest)
}
