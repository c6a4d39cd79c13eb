package node_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/keeper"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// shop is a node whose addresses were paid far apart, and that has nothing left but its
// words.
type shop struct {
	*host
	chain *regtest.Chain
	seed  keys.Seed
	born  uint32
	coins amount.Satoshi
}

// mortal is a node on the shop's folder that can die at a write.
func (s *shop) mortal() *mortal {
	return &mortal{t: s.t, chain: s.chain, dir: s.cfg.Dir, alias: "shop", addr: "127.0.0.1:0"}
}

// paid are the addresses of a branch that somebody paid, the last one first.
var paid = []uint32{530, 340, 150}

func newShop(t *testing.T) *shop {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	mineOnly(t, c, 110)
	s := &shop{host: newHost(t, c, "shop"), chain: c, born: 110}
	words, err := os.ReadFile(filepath.Join(s.cfg.Dir, "seed"))
	if err != nil {
		t.Fatal(err)
	}
	if s.seed, err = keys.SeedFromWords(string(words)); err != nil {
		t.Fatal(err)
	}
	pending, err := s.Wallet().Extend([]wallet.Given{{Kind: wallet.P2TR, Branch: wallet.Receive, Next: paid[0] + 1}})
	if err == nil {
		_, err = pending.Commit(t.Context(), s.Store())
	}
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Store().Wallet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, index := range paid {
		if i == 1 {
			mineOnly(t, c, 1)
		}
		s.pay(rows.Addresses[index])
	}
	mineOnly(t, c, 3)
	return s
}

func (s *shop) pay(a wallet.AddressRow) {
	s.t.Helper()
	if _, err := s.chain.Send(a.Script, 10_000); err != nil {
		s.t.Fatal(err)
	}
	s.coins += 10_000
}

// restore brings the node back from its words in a new folder.
func (s *shop) restore() {
	s.t.Helper()
	s.cfg.Dir = filepath.Join(s.t.TempDir(), "again")
	r := keeper.Restoration{Dir: s.cfg.Dir, Network: s.chain.Params(), Seed: s.seed, From: &s.born, Random: rand.Reader, Now: time.Now}
	if _, err := r.Do(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// whole waits until the node has looked through all blocks, and has every coin.
func (s *shop) whole() {
	s.t.Helper()
	until(s.t, "every coin has come back", func() bool { return !s.Rescanning() && coins(s.Node) == s.coins })
}

func TestFromTheWordsAloneCoinsFarBeyondTheFirstAddressesComeBack(t *testing.T) {
	race.Leave(t, manyBlocks)
	t.Parallel()
	s := newShop(t)
	s.whole()
	s.stop()
	s.restore()
	s.start()
	s.whole()
	if got := s.Wallet().Given(); len(got) != 1 || got[0].Next != paid[0]+1 {
		t.Errorf("%+v are given out", got)
	}
	for range 3 { // and what is given out since comes back the next time
		if _, err := s.NewAddress(t.Context(), wallet.P2TR); err != nil {
			t.Fatal(err)
		}
	}
	pending, err := s.Wallet().NewAddress(wallet.P2TR)
	if err != nil {
		t.Fatal(err)
	}
	a, err := pending.Commit(t.Context(), s.Store())
	if err != nil {
		t.Fatal(err)
	}
	s.pay(a)
	mineOnly(t, s.chain, 1)
	s.whole()
	s.stop()
	s.restore()
	s.start()
	s.whole()
	s.stop()
	s.start() // there is nothing more to look through
	s.whole()
}

// Wherever a node dies while it looks through its blocks, the next life ends with the same
// coins. A life begins with so many keys that not every write of a pass has its own here:
// each has, wallet alone, in TestEveryCoinComesBackFromTheSeedWhileNoGapIsTooWide. Under
// the race detector few have: to derive the keys of a life takes seconds there.
func TestADeathWhileBlocksAreLookedThroughCostsNoCoin(t *testing.T) {
	race.Leave(t, manyBlocks)
	t.Parallel()
	s := newShop(t)
	s.stop()
	s.restore()
	again := s.cfg.Dir
	for _, after := range []bool{false, true} {
		for k := uint64(1); ; k += 7 {
			s.cfg.Dir = t.TempDir()
			copyDir(t, s.cfg.Dir, again)
			m := s.mortal()
			m.start()
			m.Store().SetFault(func(n uint64) (bool, bool) { return n == k && !after, n == k && after })
			dead := false
			until(t, "it has died, or looked through all", func() bool {
				select {
				case <-m.died:
					dead = true
				default:
				}
				return dead || !m.Rescanning() && coins(m.Node) == s.coins && m.Synced() == s.born+4
			})
			struck := m.Store().SetFault(nil)
			m.Close()
			if struck {
				m.start()
				s.Node = m.Node
				s.whole()
				m.Close()
			} else if !dead {
				break
			}
		}
	}
}
