package neutrino

import (
	"encoding/binary"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcwallet/walletdb"

	"github.com/leyden-ln/leyden/internal/chain"
)

// trail remembers the parents of the blocks that were given, on disk. The client
// forgets a header as soon as it leaves the best chain; whoever was given its
// block needs the way back, after a restart too.
type trail struct {
	db walletdb.DB

	mu      sync.Mutex
	parents map[chain.BlockRef]chainhash.Hash
}

// trailLength is for how many blocks the way back is kept.
const trailLength = 10 * chain.MaxReorg

var trailBucket = []byte("leyden-trail") // height and hash to the parent's hash

func openTrail(db walletdb.DB) (*trail, error) {
	t := &trail{db: db, parents: map[chain.BlockRef]chainhash.Hash{}}
	return t, walletdb.Update(db, func(tx walletdb.ReadWriteTx) error {
		b, err := tx.CreateTopLevelBucket(trailBucket)
		if err != nil {
			return err
		}
		return b.ForEach(func(k, v []byte) error {
			if len(k) == 36 && len(v) == chainhash.HashSize {
				t.parents[chain.BlockRef{Height: binary.BigEndian.Uint32(k), Hash: chainhash.Hash(k[4:])}] = chainhash.Hash(v)
			}
			return nil
		})
	})
}

func trailKey(at chain.BlockRef) []byte {
	return append(binary.BigEndian.AppendUint32(nil, at.Height), at.Hash[:]...)
}

func (t *trail) parent(at chain.BlockRef) (chainhash.Hash, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	prev, ok := t.parents[at]
	return prev, ok
}

// step is a block with its parent.
type step struct {
	at   chain.BlockRef
	prev chainhash.Hash
}

// add writes steps, by height, and forgets what is too old to matter.
func (t *trail) add(steps []step) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := steps[len(steps)-1].at.Height
	var old []chain.BlockRef
	for at := range t.parents {
		if int64(at.Height) < int64(last)-trailLength {
			old = append(old, at)
		}
	}
	if err := walletdb.Update(t.db, func(tx walletdb.ReadWriteTx) error {
		b := tx.ReadWriteBucket(trailBucket)
		for _, s := range steps {
			if err := b.Put(trailKey(s.at), s.prev[:]); err != nil {
				return err
			}
		}
		for _, at := range old {
			if err := b.Delete(trailKey(at)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, s := range steps {
		t.parents[s.at] = s.prev
	}
	for _, at := range old {
		delete(t.parents, at)
	}
	return nil
}
