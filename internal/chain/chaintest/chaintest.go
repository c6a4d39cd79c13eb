// Package chaintest is the contract of a chain.Source as a test that any source
// passes to prove itself: the order of blocks, reorgs, what is watched, a rescan,
// broadcast, outputs, several followers, a restart in between.
//
// The test drives a regtest chain in the process. The source under test reads that
// chain itself, or a server that is fed its blocks:
//
//	func TestConformance(t *testing.T) {
//		chaintest.Run(t, func(t *testing.T) *chaintest.Bench {…})
//	}
//
// [Bitcoind] and [Btcd] start such servers as processes of their own.
package chaintest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
)

// Bench is a source under test with what it reads.
type Bench struct {
	Chain *regtest.Chain
	// Open opens the source, and again after it was closed: a restart.
	Open func(t *testing.T) (s chain.Source, close func())
	// Server is fed with the chain's blocks; nil: the source reads the chain.
	Server *Server
	// Light says that a source gives only transactions of blocks with what is
	// watched, and that it learns of a rejection only from a peer that tells it;
	// Silent, that no peer does.
	Light, Silent bool
}

// bench is a Bench in use.
type bench struct {
	*testing.T
	*Bench
	s     chain.Source
	close func()
}

// Run tests a source. make returns a new bench, with a new chain, for each part.
func Run(t *testing.T, make func(t *testing.T) *Bench) {
	for _, part := range []struct {
		name string
		test func(b *bench)
	}{
		{"BlocksComeInOrder", inOrder},
		{"ReorgsOfAnyDepthAreFollowed", reorgs},
		{"AReaderGoesOnFromABlockThatIsGone", fromGone},
		{"ARestartInBetweenLosesNothing", restart},
		{"WhatIsWatchedIsSeen", watched},
		{"ARescanFindsWhatIsOlder", rescan},
		{"BroadcastTwiceIsOnce", broadcast},
		{"AReorgedTransactionIsBroadcastAgain", rebroadcast},
		{"ATransactionThatCannotBeIsRejected", rejected},
		{"APackageIsBroadcast", packages},
		{"AnOutputIsFoundUntilItIsSpent", outputs},
		{"WhatABlockSpendsIsTold", spent},
		{"FeesAreNeverBelowTheRelayFee", fees},
		{"WhatIsRelayedOfDataIsKnown", data},
		{"TheEndOfTheChainIsKnown", end},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			b := &bench{T: t, Bench: make(t)}
			b.mine(3)
			b.open()
			t.Cleanup(func() { b.close() })
			part.test(b)
		})
	}
}

// timeout ends a test that waits for what never comes.
const timeout = time.Minute

func (b *bench) open() { b.s, b.close = b.Open(b.T) }

func (b *bench) mine(n int) {
	b.Helper()
	if _, err := b.Chain.Mine(n, nil); err != nil {
		b.Fatal(err)
	}
	b.feed()
}

func (b *bench) reorg(depth int) {
	b.Helper()
	if err := b.Chain.Reorg(depth); err != nil {
		b.Fatal(err)
	}
	b.feed()
}

func (b *bench) feed() {
	b.Helper()
	if b.Server != nil {
		b.Server.Feed(b.T, b.Chain)
	}
}

// tip is the chain's, which the source's comes to be.
func (b *bench) tip() chain.BlockRef {
	b.Helper()
	r, err := b.Chain.Tip(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func (b *bench) genesis() chain.BlockRef {
	return chain.BlockRef{Height: 0, Hash: *b.Chain.Params().GenesisHash}
}

var errThere = errors.New("arrived")

// follow goes on from at until it is at the chain's tip, checks every step, and
// returns the blocks that came and how many were disconnected.
func (b *bench) follow(at chain.BlockRef) (blocks []chain.Block, back int) {
	b.Helper()
	to := b.tip()
	if at == to {
		return nil, 0
	}
	ctx, cancel := context.WithTimeout(b.Context(), timeout)
	defer cancel()
	err := b.s.Follow(ctx, at, func(e chain.Event) error {
		switch e := e.(type) {
		case chain.Connected:
			if e.Prev != at.Hash || e.Height != at.Height+1 {
				b.Fatalf("block %d does not follow %d", e.Height, at.Height)
			}
			if len(e.Txs) == 0 && !b.Light {
				b.Fatalf("block %d has no transactions", e.Height)
			}
			at = e.Ref()
			blocks = append(blocks, e.Block)
		case chain.Disconnected:
			if e.BlockRef != at {
				b.Fatalf("block %d left, but the last one was %d", e.Height, at.Height)
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
		b.Fatalf("follow ended at %d of %d with %v", at.Height, to.Height, err)
	}
	return blocks, back
}

// find is the place of a transaction in blocks.
func find(blocks []chain.Block, txid chainhash.Hash) (height, index uint32, found bool) {
	for _, block := range blocks {
		for _, tx := range block.Txs {
			if tx.TxHash() == txid {
				return block.Height, tx.Index, true
			}
		}
	}
	return 0, 0, false
}

// anyone is a script that anyone can spend, by showing what it is the hash of.
var anyone = []byte{txscript.OP_TRUE}

func (b *bench) pay(pkScript []byte) *btcwire.MsgTx {
	b.Helper()
	txid, err := b.Chain.Send(pkScript, 100_000)
	if err != nil {
		b.Fatal(err)
	}
	tx, err := b.Chain.Transaction(txid)
	if err != nil {
		b.Fatal(err)
	}
	return tx
}

// spend spends the first output of a payment to anyone, with a fee, to a script.
func spend(tx *btcwire.MsgTx, fee amount.Satoshi, pkScript []byte) *btcwire.MsgTx {
	out := btcwire.NewMsgTx(2)
	out.AddTxIn(btcwire.NewTxIn(&btcwire.OutPoint{Hash: tx.TxHash()}, nil, [][]byte{anyone}))
	out.AddTxOut(btcwire.NewTxOut(tx.TxOut[0].Value-int64(fee), pkScript)) //nolint:gosec // below MaxMoney
	return out
}

func (b *bench) broadcast(tx *btcwire.MsgTx) {
	b.Helper()
	if err := b.s.Broadcast(b.Context(), tx); err != nil {
		b.Fatalf("broadcast: %v", err)
	}
}

// waits waits until a transaction is in the mempool that the source feeds.
func (b *bench) waits(tx *btcwire.MsgTx) {
	b.Helper()
	txid := tx.TxHash()
	if b.Server != nil {
		b.Server.Waits(b.T, txid)
		return
	}
	if _, err := b.Chain.Transaction(txid); err != nil {
		b.Fatalf("%s was not broadcast: %v", txid, err)
	}
}

func inOrder(b *bench) {
	b.follow(b.genesis())
	from := b.tip()
	const followers, blocks = 3, 5
	done := make(chan int)
	ctx, cancel := context.WithTimeout(b.Context(), timeout)
	defer cancel()
	for range followers {
		go func() {
			n := 0
			_ = b.s.Follow(ctx, from, func(chain.Event) error {
				if n++; n == blocks {
					return errThere
				}
				return nil
			})
			done <- n
		}()
	}
	b.mine(blocks)
	for range followers {
		if n := <-done; n != blocks {
			b.Errorf("a follower got %d of %d blocks", n, blocks)
		}
	}
	ended := make(chan error)
	at := b.tip()
	go func() { ended <- b.s.Follow(ctx, at, func(chain.Event) error { return nil }) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		b.Errorf("a follower that was told to stop ended with %v", err)
	}
}

func reorgs(b *bench) {
	b.mine(120)
	b.follow(b.genesis())
	for _, depth := range []int{1, 2, 6, 100} {
		at := b.tip()
		b.reorg(depth)
		if _, back := b.follow(at); back != depth {
			b.Errorf("a reorg of %d blocks was shown as one of %d", depth, back)
		}
	}
}

func fromGone(b *bench) {
	b.mine(5)
	b.follow(b.genesis())
	gone := b.tip()
	b.reorg(2)
	// Another reader sees the first reorg, and the second that takes its blocks away.
	b.follow(b.genesis())
	b.reorg(4)
	b.follow(b.genesis())
	if _, back := b.follow(gone); back != 3 {
		b.Errorf("the way back from a block that is gone has %d blocks, want 3", back)
	}
}

func restart(b *bench) {
	b.mine(10)
	b.follow(b.genesis())
	for _, depth := range []int{1, 5} {
		at := b.tip()
		b.close()
		b.reorg(depth)
		b.mine(2)
		b.open()
		if blocks, back := b.follow(at); back != depth || len(blocks) != depth+3 {
			b.Errorf("a reorg of %d during a restart: %d blocks back, %d on", depth, back, len(blocks))
		}
	}
	// The source sees the reorg, its reader does not, and both start anew.
	gone := b.tip()
	b.reorg(3)
	b.follow(b.genesis())
	b.close()
	b.open()
	if _, back := b.follow(gone); back != 3 {
		b.Errorf("the blocks that were gone before the restart are forgotten: %d back", back)
	}
}

func watched(b *bench) {
	b.mine(105)
	ours := script.P2WSH(anyone)
	b.s.Watch(ours, script.P2WPKH(wire.Point{2, 7}))
	b.follow(b.genesis())
	at := b.tip()
	tx := b.pay(ours)
	other := b.pay(script.P2WPKH(wire.Point{2, 9}))
	b.mine(1)
	b.mine(2)
	blocks, _ := b.follow(at)
	height, index, ok := find(blocks, tx.TxHash())
	if !ok || height != at.Height+1 || index == 0 {
		b.Fatalf("the payment is at %d, %d: %t", height, index, ok)
	}
	if _, i, ok := find(blocks, other.TxHash()); ok && i == index {
		b.Errorf("two transactions have the index %d", i)
	}
	for _, block := range blocks[1:] {
		if b.Light && len(block.Txs) > 0 {
			b.Errorf("block %d was read for nothing", block.Height)
		}
	}
	at = b.tip()
	spender := spend(tx, 1000, script.P2WPKH(wire.Point{3, 9}))
	if err := b.Chain.Broadcast(b.Context(), spender); err != nil {
		b.Fatal(err)
	}
	b.mine(1)
	// The same once more after a reorg.
	for range 2 {
		blocks, _ = b.follow(at)
		if height, _, ok := find(blocks, spender.TxHash()); !ok || height <= at.Height {
			b.Fatal("the spend was not seen")
		}
		at = b.tip()
		b.reorg(1)
		if blocks, _ := b.follow(at); len(blocks) != 2 {
			b.Fatalf("%d blocks replaced one", len(blocks))
		}
		at = b.tip()
		b.mine(1)
	}
}

func rescan(b *bench) {
	b.mine(105)
	ours := script.P2WSH(anyone)
	tx := b.pay(ours)
	b.mine(4)
	b.follow(b.genesis())
	b.s.Watch(ours)
	from, err := b.s.At(b.Context(), b.tip().Height-6)
	if err != nil {
		b.Fatal(err)
	}
	blocks, _ := b.follow(from)
	if height, _, ok := find(blocks, tx.TxHash()); !ok || height != from.Height+3 {
		b.Errorf("the payment is at %d: %t", height, ok)
	}
	if genesis, err := b.s.At(b.Context(), 0); err != nil || genesis != b.genesis() {
		b.Errorf("the first block is %v: %v", genesis, err)
	}
	if at, err := b.s.At(b.Context(), b.tip().Height+1); !errors.Is(err, chain.ErrNoBlock) {
		b.Errorf("a block above the tip: %v, %v", at, err)
	}
}

func outputs(b *bench) {
	b.mine(105)
	tx := b.pay(script.P2WSH(anyone))
	b.mine(1)
	b.follow(b.genesis())
	scid := wire.NewShortChannelID(b.tip().Height, 1, 0)
	out, op, err := b.s.Output(b.Context(), scid)
	if err != nil || out.Value != tx.TxOut[0].Value || string(out.PkScript) != string(tx.TxOut[0].PkScript) || op.Hash != tx.TxHash() {
		b.Fatalf("%s is %v of %v: %v", scid, out, op, err)
	}
	spender := spend(tx, 1000, script.P2WPKH(wire.Point{2, 1}))
	if err := b.Chain.Broadcast(b.Context(), spender); err != nil {
		b.Fatal(err)
	}
	at := b.tip()
	b.mine(1)
	b.follow(at)
	never := wire.NewShortChannelID(scid.Height(), 77, 0)
	if _, _, err := b.s.Output(b.Context(), never); !errors.Is(err, chain.ErrNeverWas) {
		b.Errorf("an id of no transaction gave %v, want %v", err, chain.ErrNeverWas)
	}
	if _, _, err := b.s.Output(b.Context(), scid); errors.Is(err, chain.ErrNeverWas) {
		b.Error("an output that is spent never was")
	}
	for name, bad := range map[string]wire.ShortChannelID{
		"of no block":           wire.NewShortChannelID(99999, 0, 0),
		"of no transaction":     never,
		"of no output":          wire.NewShortChannelID(scid.Height(), 1, 77),
		"of a spent output":     scid,
		"of a block not yet in": wire.NewShortChannelID(scid.Height()+2, 0, 0),
	} {
		if _, _, err := b.s.Output(b.Context(), bad); !errors.Is(err, chain.ErrNoOutput) {
			b.Errorf("an id %s gave %v", name, err)
		}
	}
}

func spent(b *bench) {
	b.mine(105)
	tx := b.pay(script.P2WSH(anyone))
	b.mine(1)
	at := b.tip()
	parent := spend(tx, 1000, script.P2WSH(anyone))
	child := spend(parent, 1000, script.P2WPKH(wire.Point{2, 1})) // in the same block
	for _, tx := range []*btcwire.MsgTx{parent, child} {
		if err := b.Chain.Broadcast(b.Context(), tx); err != nil {
			b.Fatal(err)
		}
	}
	b.mine(1)
	b.follow(at)
	if b.Light {
		if _, err := b.s.Spent(b.Context(), b.tip()); !errors.Is(err, chain.ErrLight) {
			b.Errorf("a light client says what others spend: %v", err)
		}
		return
	}
	got, err := b.s.Spent(b.Context(), b.tip())
	if err != nil || len(got) != 2 {
		b.Fatalf("%d outputs are spent: %v", len(got), err)
	}
	for _, in := range []*btcwire.TxIn{parent.TxIn[0], child.TxIn[0]} {
		if !bytes.Equal(got[in.PreviousOutPoint], script.P2WSH(anyone)) {
			b.Errorf("%v has the script %x", in.PreviousOutPoint, got[in.PreviousOutPoint])
		}
	}
	for _, quiet := range []uint32{0, 1} {
		ref, err := b.s.At(b.Context(), quiet)
		if err != nil {
			b.Fatal(err)
		}
		if got, err := b.s.Spent(b.Context(), ref); err != nil || len(got) != 0 {
			b.Errorf("block %d spends %d outputs: %v", quiet, len(got), err)
		}
	}
}

func fees(b *bench) {
	b.follow(b.genesis())
	for _, blocks := range []uint32{0, 1, 6, 144, 100_000} {
		if rate, err := b.s.FeeRate(b.Context(), blocks); err != nil || rate < chain.MinFeePerKw {
			b.Errorf("%d blocks: %d, %v", blocks, rate, err)
		}
	}
}

// end: what a source says of the end of the chain comes to be the chain's.
func end(b *bench) {
	b.follow(b.genesis())
	b.mine(2)
	b.follow(b.genesis())
	ctx, cancel := context.WithTimeout(b.Context(), timeout)
	defer cancel()
	for {
		best, err := b.s.Best(ctx)
		if err == nil && best.Height == b.tip().Height && best.Time.IsZero() {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond): // a light client asks its peers
		case <-ctx.Done():
			b.Fatalf("the end of the chain at %d is %+v, %v", b.tip().Height, best, err)
		}
	}
}
