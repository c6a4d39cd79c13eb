package wallet

import (
	"context"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/race"
)

// returned is a wallet that knows nothing but its keys, and looks so far ahead.
func returned(t testing.TB, many uint32) *fixture {
	f := newFixture(t)
	f.disk.ahead = many
	f.Wallet = f.disk.load()
	return f
}

// payTo pays to the address of a branch at an index, whoever knows of it.
func (f *fixture) payTo(b branch, index uint32, value amount.Satoshi) *btcwire.MsgTx {
	f.t.Helper()
	a, err := f.derive(b, index)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.pay(a.Script, value)
}

// has is what is free, for tokens or not.
func (f *fixture) has() amount.Satoshi {
	b := f.Balance()
	return b.Confirmed + b.Apart
}

// again says whether another pass is asked for, and that it begins.
func (f *fixture) again() bool {
	_, asked := f.disk.rows["rolled"]
	delete(f.disk.rows, "rolled")
	return asked
}

// lookThrough connects all blocks until nobody asks for more, and says how often.
func (f *fixture) lookThrough(blocks [][]*btcwire.MsgTx) (passes int) {
	f.t.Helper()
	for again := true; again; again = f.again() {
		if _, err := f.Rescan(1000).Commit(context.Background(), f.disk); err != nil {
			f.t.Fatal(err)
		}
		passes++
		for i, b := range blocks {
			p, err := f.Connect(1001+uint32(i), b)
			if err == nil {
				_, err = p.Commit(context.Background(), f.disk)
			}
			if err != nil {
				f.t.Fatal(err)
			}
		}
	}
	commit(f, f.Release(""), nil) // the rows tell all
	return passes
}

func TestCoinsBeyondTheLastAddressKnownAreFoundInAnyOrder(t *testing.T) {
	race.Leave(t, "one goroutine looks through the blocks; TestAWalletThatCameBackGoesOnLookingAhead has two")
	const many = 40 // so that the widest gap is of 20
	paid := []branch{{P2TR, Change}, {Token, Receive}}
	for _, b := range paid[race.Step(2)-1:] {
		for _, c := range []struct {
			name   string
			blocks [][]uint32
			passes int
		}{
			{"in one block", [][]uint32{{15, 34, 53}}, 2},
			{"in one block, the last one first", [][]uint32{{53, 34, 15}}, 2},
			{"in the order of the addresses", [][]uint32{{15}, {34}, {53}}, 2},
			{"the other way round", [][]uint32{{53}, {34}, {15}}, 2},
			{"far, the other way round", [][]uint32{{91}, {72}, {53}, {34}, {15}}, 4},
			{"near, the other way round", [][]uint32{{19}, {5}, {0}}, 1},
		} {
			f := returned(t, many)
			var blocks [][]*btcwire.MsgTx
			var want amount.Satoshi
			last := uint32(0)
			for _, indexes := range c.blocks {
				var txs []*btcwire.MsgTx
				for _, i := range indexes {
					txs = append(txs, f.payTo(b, i, 1000))
					want, last = want+1000, max(last, i)
				}
				blocks = append(blocks, txs)
			}
			passes := f.lookThrough(blocks)
			if got := f.has(); got != want || passes > c.passes {
				t.Errorf("%v, %s: %v of %v in %d passes", b, c.name, got, want, passes)
			}
			if a, err := f.newAddress(b.kind, b.branch); err != nil || a.Index != last+1 {
				t.Errorf("%v, %s: the next address is number %d, %v", b, c.name, a.Index, err)
			}
		}
	}
}

// A payer who was given an address before the loss may pay long after it.
func TestAWalletThatCameBackGoesOnLookingAhead(t *testing.T) {
	f := returned(t, 20)
	f.lookThrough([][]*btcwire.MsgTx{{f.payTo(branches[0], 3, 1000)}, nil})
	f.Wallet = f.disk.load()
	for i, index := range []uint32{15, 30, 48} {
		f.block(f.payTo(branches[0], index, 1000))
		if got, want := f.has(), amount.Satoshi(1000*(i+2)); got != want {
			t.Errorf("after one to %d: %v, not %v", index, got, want)
		}
	}
	f.block(f.payTo(branches[0], 75, 1000), f.payTo(branches[0], 60, 1000)) // one is looked for since the other
	if got := f.has(); got != 6000 {
		t.Errorf("after two in one block: %v", got)
	}
	if a := f.address(P2WPKH); a.Index != 76 {
		t.Errorf("the next address is number %d", a.Index)
	}
	if a := f.address(P2TR); a.Index != 0 {
		t.Errorf("the first address of a branch that nobody paid is number %d", a.Index)
	}
}

// A backup is imported while the wallet works.
func TestAWalletBeginsToLookAheadWhileItWorks(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 1000)
	f.block(f.payTo(branches[0], 7, 1000))
	if got := f.has(); got != 1000 {
		t.Fatalf("%v", got)
	}
	f.disk.ahead = 20
	if err := f.LookAhead(20); err != nil {
		t.Fatal(err)
	}
	p, err := f.Extend([]Given{{P2WPKH, Receive, 5}})
	commit(f, p, err)
	f.block(f.payTo(branches[0], 8, 1000))
	if got := f.has(); got != 2000 || !f.again() {
		t.Errorf("%v; or what was paid before is not asked for", got)
	}
}

// counted counts the keys that are derived.
type counted struct {
	Keys
	made int
}

func (c *counted) WalletKey(purpose, branch, index uint32) (*btcec.PrivateKey, error) {
	c.made++
	return c.Keys.WalletKey(purpose, branch, index)
}

func TestAnOrdinaryWalletDerivesNoKeyAtItsStart(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2TR, 1000, 2000)
	rows := Rows{Tip: f.tip}
	for _, a := range f.addresses {
		rows.Addresses = append(rows.Addresses, a)
	}
	for many, want := range map[uint32]int{0: 0, 40: 200} {
		keys := &counted{Keys: testKeys}
		watched := map[string]bool{}
		watch := func(scripts ...[]byte) { watched[string(scripts[0])] = true }
		if _, err := Load(Config{Network: &chaincfg.MainNetParams, Keys: keys, Watch: watch, Ahead: many}, rows); err != nil {
			t.Fatal(err)
		}
		if keys.made != want || len(watched) != want+2 {
			t.Errorf("with %d: %d keys, and %d scripts are watched", many, keys.made, len(watched))
		}
	}
	none := errors.New("no key")
	if _, err := Load(Config{Network: &chaincfg.MainNetParams, Keys: noKeys{none}, Ahead: 1}, rows); !errors.Is(err, none) {
		t.Errorf("%v", err)
	}
}

// Whatever addresses are paid, in whatever order, and wherever the process dies: while
// no gap is too wide, every coin comes back from the seed alone, and once more after
// the wallet has given out addresses.
func TestEveryCoinComesBackFromTheSeedWhileNoGapIsTooWide(t *testing.T) {
	race.Leave(t, "one goroutine looks through the blocks; TestAWalletThatCameBackGoesOnLookingAhead has two")
	const many, start = 6, 1000
	ctx := context.Background()
	rapid.Check(t, func(rt *rapid.T) {
		other := newFixture(t)
		blocks := make([][]*btcwire.MsgTx, rapid.IntRange(1, 6).Draw(rt, "blocks"))
		var want amount.Satoshi
		for _, b := range branches {
			next := uint32(0)
			for range rapid.IntRange(0, 5).Draw(rt, "coins") {
				at := next + rapid.Uint32Range(0, many/2-1).Draw(rt, "gap")
				i := rapid.IntRange(0, len(blocks)-1).Draw(rt, "block")
				blocks[i] = append(blocks[i], other.payTo(b, at, 1000))
				want, next = want+1000, at+1
			}
		}
		for i := range blocks {
			blocks[i] = rapid.Permutation(blocks[i]).Draw(rt, "order")
		}
		lookThrough := func(f *fixture) {
			deaths := 1
			for again := true; again; again = f.again() {
				if _, err := f.Rescan(start).Commit(ctx, f.disk); err != nil {
					rt.Fatal(err)
				}
				for i := 0; i < len(blocks); i++ {
					dies := deaths > 0 && rapid.IntRange(0, 4).Draw(rt, "dies") == 0
					p, err := f.Connect(start+1+uint32(i), blocks[i])
					if err != nil {
						rt.Fatal(err)
					}
					if !dies || rapid.Bool().Draw(rt, "after the write") {
						if _, err := p.Commit(ctx, f.disk); err != nil {
							rt.Fatal(err)
						}
					}
					if dies {
						deaths--
						f.Wallet = f.disk.load()
						if f.again() { // a start begins with that
							if _, err := f.Rescan(start).Commit(ctx, f.disk); err != nil {
								rt.Fatal(err)
							}
							i = -1
						} else {
							i = max(int(f.Height())-start, 1) - 2 // the last block comes once more
						}
					}
				}
			}
			if got := f.has(); got != want {
				rt.Fatalf("%v of %v", got, want)
			}
		}
		f := returned(t, many)
		lookThrough(f)
		for range rapid.IntRange(0, many/2-1).Draw(rt, "given out") {
			if _, err := f.newAddress(P2WPKH, Receive); err != nil {
				rt.Fatal(err)
			}
		}
		blocks = append(blocks, []*btcwire.MsgTx{f.payTo(branches[0], f.next[branches[0]], 1000)})
		want += 1000
		lookThrough(returned(t, many))
	})
}
