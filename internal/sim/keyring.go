package sim

import (
	"bytes"
	"sync"

	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/internal/keys"
)

// keyring has the keys of all nodes, which are the same in every run: to derive
// them costs more than a payment. A channel's keys are lent to one run at a time,
// since they remember.
type keyring struct {
	mu    sync.Mutex
	rings []*keys.Ring
	free  map[keyPlace][]*keys.Channel
}

type keyPlace struct {
	node  int
	index uint32
	thief bool // without a memory
}

var allKeys = keyring{free: map[keyPlace][]*keys.Channel{}}

// ring is the keys of the i-th node.
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

// borrow takes a channel's keys, with whatever memory they have.
func (k *keyring) borrow(p keyPlace) (*keys.Channel, error) {
	k.mu.Lock()
	if free := k.free[p]; len(free) > 0 {
		k.free[p] = free[:len(free)-1]
		k.mu.Unlock()
		return free[len(free)-1], nil
	}
	k.mu.Unlock()
	return k.ring(p.node).Channel(p.index)
}

// giveBack returns what a run has borrowed.
func (k *keyring) giveBack(lent map[keyPlace]*keys.Channel) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p, c := range lent {
		k.free[p] = append(k.free[p], c)
	}
}

// signer is the keys of a channel of a node, with an empty memory.
func (n *node) signer(index uint32, thief bool) *keys.Channel {
	p := keyPlace{n.index, index, thief}
	c, ok := n.w.lent[p]
	if !ok {
		var err error
		if c, err = allKeys.borrow(p); err != nil {
			n.w.fail("%s: %v", n, err)
		}
		n.w.lent[p] = c
	}
	c.Remember(keys.SignerRow{KeyIndex: index})
	return c
}
