// Package chaintest is the contract of a chain.Source as a test that any source
// passes to prove itself: the order of blocks, reorgs, broadcast, outputs, several
// followers, an end by context.
//
// A source under test reads a regtest chain, which the test drives:
//
//	func TestConformance(t *testing.T) {
//		chaintest.Run(t, func(t *testing.T) (chain.Source, *regtest.Chain) {…})
//	}
package chaintest

import (
	"context"
	"errors"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
)

// Run tests a source. make returns a new one, over a new chain, for each part.
func Run(t *testing.T, make func(t *testing.T) (chain.Source, *regtest.Chain)) {
	for _, part := range []struct {
		name string
		test func(t *testing.T, s chain.Source, c *regtest.Chain)
	}{
		{"BlocksComeInOrder", inOrder},
		{"ReorgsOfAnyDepthAreFollowed", reorgs},
		{"AReaderGoesOnFromABlockThatIsGone", fromGone},
		{"BroadcastTwiceIsOnce", broadcast},
		{"AnOutputIsFoundUntilItIsSpent", outputs},
		{"FeesAreNeverBelowTheRelayFee", fees},
	} {
		t.Run(part.name, func(t *testing.T) {
			s, c := make(t)
			mine(t, c, 3)
			part.test(t, s, c)
		})
	}
}

func mine(t *testing.T, c *regtest.Chain, n int) {
	t.Helper()
	if _, err := c.Mine(n, nil); err != nil {
		t.Fatal(err)
	}
}

func tip(t *testing.T, s interface {
	Tip(context.Context) (chain.BlockRef, error)
}) chain.BlockRef {
	t.Helper()
	r, err := s.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func genesis(c *regtest.Chain) chain.BlockRef {
	return chain.BlockRef{Height: 0, Hash: *c.Params().GenesisHash}
}

var errThere = errors.New("arrived")

// follow goes on from at until it is at the block to, checks every step, and
// returns how many blocks were disconnected.
func follow(t *testing.T, s chain.Source, at, to chain.BlockRef) (back int) {
	t.Helper()
	err := s.Follow(t.Context(), at, func(e chain.Event) error {
		switch e := e.(type) {
		case chain.Connected:
			if e.Prev != at.Hash || e.Height != at.Height+1 {
				t.Fatalf("block %d does not follow %d", e.Height, at.Height)
			}
			if len(e.Txs) == 0 {
				t.Fatalf("block %d has no transactions", e.Height)
			}
			at = e.Ref()
		case chain.Disconnected:
			if e.BlockRef != at {
				t.Fatalf("block %d left, but the last one was %d", e.Height, at.Height)
			}
			at = e.Parent()
			back++
		}
		if at == to {
			return errThere
		}
		return nil
	})
	if !errors.Is(err, errThere) {
		t.Fatalf("follow ended with %v", err)
	}
	return back
}

func inOrder(t *testing.T, s chain.Source, c *regtest.Chain) {
	follow(t, s, genesis(c), tip(t, c))
	from := tip(t, c)
	done := make(chan int)
	ctx, cancel := context.WithCancel(t.Context())
	for range 3 {
		go func() {
			n := 0
			_ = s.Follow(ctx, from, func(chain.Event) error {
				if n++; n == 5 {
					done <- n
				}
				return nil
			})
			done <- 0
		}()
	}
	mine(t, c, 5)
	for range 3 {
		<-done
	}
	cancel()
	for range 3 {
		<-done
	}
}

func reorgs(t *testing.T, s chain.Source, c *regtest.Chain) {
	mine(t, c, 120)
	for _, depth := range []int{1, 2, 6, 100} {
		at := tip(t, c)
		if err := c.Reorg(depth); err != nil {
			t.Fatal(err)
		}
		if back := follow(t, s, at, tip(t, c)); back != depth {
			t.Errorf("a reorg of %d blocks was shown as one of %d", depth, back)
		}
	}
}

func fromGone(t *testing.T, s chain.Source, c *regtest.Chain) {
	gone := tip(t, c)
	for range 2 {
		if err := c.Reorg(2); err != nil {
			t.Fatal(err)
		}
	}
	if back := follow(t, s, gone, tip(t, c)); back == 0 {
		t.Error("the block that is gone was not disconnected")
	}
}

func broadcast(t *testing.T, s chain.Source, c *regtest.Chain) {
	mine(t, c, 101)
	tx := spend(t, c)
	for i := range 2 {
		if err := s.Broadcast(t.Context(), tx); err != nil {
			t.Fatalf("broadcast %d: %v", i, err)
		}
	}
	mine(t, c, 1)
	if err := s.Broadcast(t.Context(), tx); err != nil {
		t.Fatalf("broadcast once it is confirmed: %v", err)
	}
	bad := tx.Copy()
	bad.TxOut[0].Value += 50_0000_0000
	if err := s.Broadcast(t.Context(), bad); !errors.Is(err, chain.ErrRejected) {
		t.Errorf("a transaction without valid inputs: %v", err)
	}
}

// spend is a transaction of the miner's, taken from the mempool.
func spend(t *testing.T, c *regtest.Chain) *btcwire.MsgTx {
	t.Helper()
	txid, err := c.Send(script.P2WPKH(wire.Point{2, 1}), 100_000)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := c.Transaction(txid)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func outputs(t *testing.T, s chain.Source, c *regtest.Chain) {
	mine(t, c, 101)
	tx := spend(t, c)
	mine(t, c, 1)
	scid := wire.NewShortChannelID(tip(t, c).Height, 1, 0)
	out, op, err := s.Output(t.Context(), scid)
	if err != nil || out.Value != tx.TxOut[0].Value || op.Hash != tx.TxHash() {
		t.Fatalf("%s is %v of %v: %v", scid, out, op, err)
	}
	for name, bad := range map[string]wire.ShortChannelID{
		"of no block":           wire.NewShortChannelID(99999, 0, 0),
		"of no transaction":     wire.NewShortChannelID(scid.Height(), 77, 0),
		"of no output":          wire.NewShortChannelID(scid.Height(), 1, 77),
		"of a spent output":     wire.NewShortChannelID(1, 0, 0),
		"of a block not yet in": wire.NewShortChannelID(scid.Height()+1, 0, 0),
	} {
		if name == "of a spent output" && !spentBy(tx, c) {
			continue
		}
		if _, _, err := s.Output(t.Context(), bad); !errors.Is(err, chain.ErrNoOutput) {
			t.Errorf("an id %s gave %v", name, err)
		}
	}
}

// spentBy says whether tx spends the coinbase of block 1.
func spentBy(tx *btcwire.MsgTx, c *regtest.Chain) bool {
	b, ok, err := c.BlockAt(context.Background(), 1)
	return err == nil && ok && tx.TxIn[0].PreviousOutPoint.Hash == b.Txs[0].TxHash()
}

func fees(t *testing.T, s chain.Source, _ *regtest.Chain) {
	for _, blocks := range []uint32{1, 6, 144} {
		if rate, err := s.FeeRate(t.Context(), blocks); err != nil || rate < chain.MinFeePerKw {
			t.Errorf("%d blocks: %d, %v", blocks, rate, err)
		}
	}
}
