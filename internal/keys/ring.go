package keys

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Ring derives every key of a node. It is safe for concurrent use.
type Ring struct {
	families [families]func() (*extended, error) // m/1017'/c'/family'/0
	wallet   map[uint32][2]*extended             // m/49'/c'/0', m/84'/c'/0' and m/86'/c'/0', with /0 and /1
	node     *NodeKey
}

// The families of keys below m/1017'/c'.
const (
	funding = iota
	revocation
	htlc
	payment
	delayedPayment
	commitments
	node
	backups
	families // how many they are
)

// NewRing derives the accounts of a network from the seed.
func NewRing(seed Seed, network *chaincfg.Params) (*Ring, error) {
	root, err := root(seed.master())
	if err != nil {
		return nil, err
	}
	r := &Ring{wallet: map[uint32][2]*extended{49: {}, 84: {}, 86: {}}}
	coin := hard + network.HDCoinType
	lightning, err := root.below(hard+1017, coin)
	if err != nil {
		return nil, err
	}
	for f := range r.families {
		r.families[f] = sync.OnceValues(func() (*extended, error) { return lightning.below(hard+uint32(f), 0) }) //nolint:gosec // few
	}
	for purpose, branches := range r.wallet {
		account, err := root.below(hard+purpose, coin, hard)
		if err != nil {
			return nil, err
		}
		for b := range branches {
			if branches[b], err = account.below(uint32(b)); err != nil { //nolint:gosec // 0 or 1
				return nil, err
			}
		}
		r.wallet[purpose] = branches
	}
	key, err := r.family(node, 0)
	if err != nil {
		return nil, err
	}
	r.node = &NodeKey{key, wire.PointOf(key.PubKey())}
	return r, nil
}

func (r *Ring) family(family, index uint32) (*btcec.PrivateKey, error) {
	parent, err := r.families[family]()
	if err != nil {
		return nil, err
	}
	return private(parent, index)
}

func private(parent *extended, index uint32) (*btcec.PrivateKey, error) {
	e, err := parent.below(index)
	if err != nil {
		return nil, err
	}
	return e.private(), nil
}

// BackupKey encrypts the static backup of the node's channels.
func (r *Ring) BackupKey() ([32]byte, error) {
	k, err := r.family(backups, 0)
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(k.Serialize()), nil
}

// Node is the node's key.
func (r *Ring) Node() *NodeKey { return r.node }

// WalletKey is a key of the on-chain wallet: purpose 49 is P2WPKH in P2SH (BIP 49), 84
// P2WPKH (BIP 84), 86 the internal key of P2TR (BIP 86); branch 1 is change.
func (r *Ring) WalletKey(purpose, branch, index uint32) (*btcec.PrivateKey, error) {
	branches, ok := r.wallet[purpose]
	if !ok || branch >= uint32(len(branches)) {
		return nil, fmt.Errorf("no branch %d of an account of purpose %d", branch, purpose)
	}
	return private(branches[branch], index)
}

// Channel derives the keys of a channel, with an empty memory.
func (r *Ring) Channel(index uint32) (*Channel, error) {
	c := &Channel{memory: SignerRow{KeyIndex: index}}
	for family, to := range map[uint32]**btcec.PrivateKey{
		funding: &c.funding, revocation: &c.revocation, htlc: &c.htlc, payment: &c.payment, delayedPayment: &c.delayed,
	} {
		k, err := r.family(family, index)
		if err != nil {
			return nil, err
		}
		*to = k
	}
	secret, err := r.family(commitments, index)
	if err != nil {
		return nil, err
	}
	c.seed = sha256.Sum256(secret.Serialize())
	c.points = script.Basepoints{
		Funding: wire.PointOf(c.funding.PubKey()), Revocation: wire.PointOf(c.revocation.PubKey()),
		Payment: wire.PointOf(c.payment.PubKey()), DelayedPayment: wire.PointOf(c.delayed.PubKey()),
		HTLC: wire.PointOf(c.htlc.PubKey()),
	}
	return c, nil
}

// NodeKey is the node's identity.
type NodeKey struct {
	key *btcec.PrivateKey
	id  wire.NodeID
}

// PublicKey is the node id as a key.
func (n *NodeKey) PublicKey() *btcec.PublicKey { return n.key.PubKey() }

// ID is the node id.
func (n *NodeKey) ID() wire.NodeID { return n.id }

// ECDH is SHA256 of the compressed shared point (BOLT 4, BOLT 8).
func (n *NodeKey) ECDH(p *btcec.PublicKey) [32]byte {
	var point, shared btcec.JacobianPoint
	p.AsJacobian(&point)
	btcec.ScalarMultNonConst(&n.key.Key, &point, &shared)
	shared.ToAffine()
	return sha256.Sum256(btcec.NewPublicKey(&shared.X, &shared.Y).SerializeCompressed())
}

// Sign signs a digest, such as that of a node_announcement.
func (n *NodeKey) Sign(digest [32]byte) wire.Signature { return script.Sign(n.key, digest) }

// SignRecoverable signs a digest so that the node id can be recovered: r, s and
// the recovery id, as BOLT 11 has it.
func (n *NodeKey) SignRecoverable(digest [32]byte) (out [65]byte, err error) {
	compact := ecdsa.SignCompact(n.key, digest[:], true)
	copy(out[:], compact[1:])
	out[64] = (compact[0] - 27) & 3
	return out, nil
}
