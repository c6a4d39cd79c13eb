// Package lent lends the keys of the simulation's nodes, which are the same in every
// run: to derive them costs more than a payment.
package lent

import (
	"bytes"
	"sync"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/recall"
)

func init() { recall.Keys() }

// keyring has the keys of all nodes.
type keyring struct {
	mu    sync.Mutex
	rings []*keys.Ring
	free  map[place][]*keys.Channel
	coins map[coinPlace]*btcec.PrivateKey
}

type coinPlace struct {
	node                   int
	purpose, branch, index uint32
}

type place struct {
	node  int
	index uint32
	thief bool // without a memory
}

var all = keyring{free: map[place][]*keys.Channel{}, coins: map[coinPlace]*btcec.PrivateKey{}}

func (k *keyring) ring(i int) *keys.Ring {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.rings) <= i {
		seed, err := keys.NewSeed(bytes.NewReader(bytes.Repeat([]byte{byte(len(k.rings) + 1)}, 32)))
		if err != nil {
			panic(err)
		}
		r, err := keys.NewRing(seed, &chaincfg.RegressionNetParams)
		if err != nil {
			panic(err)
		}
		k.rings = append(k.rings, r)
	}
	return k.rings[i]
}

func (k *keyring) wallet(i int, purpose, branch, index uint32) (*btcec.PrivateKey, error) {
	at := coinPlace{i, purpose, branch, index}
	k.mu.Lock()
	key := k.coins[at]
	k.mu.Unlock()
	if key != nil {
		return key, nil
	}
	key, err := k.ring(i).WalletKey(purpose, branch, index)
	k.mu.Lock()
	k.coins[at] = key
	k.mu.Unlock()
	return key, err
}

// Keys are the channels' keys that one run has borrowed: they remember, so no two runs
// have the same at a time.
type Keys map[place]*keys.Channel

// Channel is the keys of a channel of a node, with an empty memory; those of a thief
// are others, so that the node's own remember nothing of them.
func (k Keys) Channel(node int, index uint32, thief bool) (*keys.Channel, error) {
	p := place{node, index, thief}
	c, ok := k[p]
	if !ok {
		var err error
		if c, err = all.borrow(p); err != nil {
			return nil, err
		}
		k[p] = c
	}
	c.Remember(keys.SignerRow{KeyIndex: index})
	return c, nil
}

// GiveBack ends the loan.
func (k Keys) GiveBack() {
	all.mu.Lock()
	defer all.mu.Unlock()
	for p, c := range k {
		all.free[p] = append(all.free[p], c)
	}
}

// Ring is the keys of the i-th node.
func Ring(i int) *keys.Ring { return all.ring(i) }

// Wallet is a key of the i-th node's wallet.
func Wallet(i int, purpose, branch, index uint32) (*btcec.PrivateKey, error) {
	return all.wallet(i, purpose, branch, index)
}

// borrow takes a channel's keys, with whatever memory they have.
func (k *keyring) borrow(p place) (*keys.Channel, error) {
	k.mu.Lock()
	if free := k.free[p]; len(free) > 0 {
		last := free[len(free)-1] // before somebody gives others back in its place
		k.free[p] = free[:len(free)-1]
		k.mu.Unlock()
		return last, nil
	}
	k.mu.Unlock()
	return k.ring(p.node).Channel(p.index)
}

// Verifier checks signatures, in the thread of who asks.
type Verifier struct{}

// Verify implements [channel.Verifier].
func (Verifier) Verify(checks []channel.Check) bool {
	for _, c := range checks {
		if !script.Verify(c.Key, c.Hash, c.Sig) {
			return false
		}
	}
	return true
}

// Proofs are the signatures on commitments that one run has made and not yet seen
// verified: they need no proof, which would be a fifth of the run's time.
type Proofs map[channel.Check]struct{}

// Signer signs with a channel's keys and notes what it signs.
func (p Proofs) Signer(c *keys.Channel) channel.Signer { return noting{c, p} }

// Verify implements [channel.Verifier].
func (p Proofs) Verify(checks []channel.Check) bool {
	for _, c := range checks {
		if _, made := p[c]; made {
			delete(p, c)
		} else if !(Verifier{}).Verify([]channel.Check{c}) {
			return false
		}
	}
	return true
}

type noting struct {
	*keys.Channel
	proofs Proofs
}

// SignCommitment implements [channel.Signer].
func (n noting) SignCommitment(c *script.Commitment) (channel.Signatures, error) {
	sigs, err := n.Channel.SignCommitment(c)
	if err == nil {
		for _, check := range sigs.Checks(c, n.Basepoints().Funding) {
			n.proofs[check] = struct{}{}
		}
	}
	return sigs, err
}
