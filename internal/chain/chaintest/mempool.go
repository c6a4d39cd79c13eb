package chaintest

import (
	"errors"
	"slices"

	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
)

// sent mines coins, and broadcasts a payment that the source watches; at is the tip before it.
func (b *bench) sent(key byte) (tx *btcwire.MsgTx, at chain.BlockRef) {
	b.Helper()
	b.mine(105)
	b.follow(b.genesis())
	at = b.tip()
	tx = b.pay(script.P2WPKH(wire.Point{2, key}))
	b.s.Watch(tx.TxOut[0].PkScript)
	b.broadcast(tx)
	return tx, at
}

// confirmed mines a block and finds the transaction after a block.
func (b *bench) confirmed(tx *btcwire.MsgTx, at chain.BlockRef) {
	b.Helper()
	b.mine(1)
	blocks, _ := b.follow(at)
	if _, _, ok := find(blocks, tx.TxHash()); !ok {
		b.Error("the transaction is in no block")
	}
}

func broadcast(b *bench) {
	tx, at := b.sent(1)
	b.waits(tx)
	b.broadcast(tx)
	b.confirmed(tx, at)
	b.broadcast(tx) // it is in a block
}

func rebroadcast(b *bench) {
	tx, at := b.sent(3)
	b.mine(1)
	b.follow(at)
	at = b.tip()
	b.close()
	b.reorg(1)
	b.open()
	b.s.Watch(tx.TxOut[0].PkScript)
	if _, back := b.follow(at); back != 1 {
		b.Fatalf("%d blocks left", back)
	}
	at = b.tip()
	b.broadcast(tx)
	b.waits(tx)
	b.confirmed(tx, at)
}

func rejected(b *bench) {
	b.mine(105)
	tx := b.pay(script.P2WSH(anyone))
	b.mine(1)
	b.follow(b.genesis())
	cheap := spend(tx, 0, script.P2WPKH(wire.Point{2, 1}))
	rich := spend(tx, 0, script.P2WPKH(wire.Point{2, 1}))
	rich.TxOut[0].Value += 50_0000_0000
	nothing := spend(tx, 1000, script.P2WPKH(wire.Point{2, 1}))
	nothing.TxIn[0].PreviousOutPoint.Hash[3] ^= 1
	for _, c := range []struct {
		name  string
		tx    *btcwire.MsgTx
		want  error
		light bool // a peer tells a light client
	}{
		{"that creates coins", rich, chain.ErrRejected, true},
		{"without a fee", cheap, chain.ErrFeeTooLow, false},
		{"whose input does not exist", nothing, chain.ErrMissingInputs, false},
		{"with an output of dust", dust(tx), chain.ErrRejected, false},
	} {
		if b.Silent || b.Light && !c.light {
			continue
		}
		if err := b.s.Broadcast(b.Context(), c.tx); !errors.Is(err, c.want) || !errors.Is(err, chain.ErrRejected) {
			b.Errorf("a transaction %s: %v, want %v", c.name, err, c.want)
		}
	}
	good := spend(tx, 1000, script.P2WPKH(wire.Point{2, 1}))
	b.broadcast(good)
	b.waits(good)
}

// dust spends a payment to anyone into an output that is not worth its spending.
func dust(tx *btcwire.MsgTx) *btcwire.MsgTx {
	out := spend(tx, 5000, script.P2WPKH(wire.Point{2, 1}))
	out.AddTxOut(btcwire.NewTxOut(1, script.P2WPKH(wire.Point{2, 2})))
	return out
}

func packages(b *bench) {
	b.mine(105)
	tx := b.pay(script.P2WSH(anyone))
	b.mine(1)
	b.follow(b.genesis())
	parent := spend(tx, 300, script.P2WSH(anyone))
	child := spend(parent, 3000, script.P2WPKH(wire.Point{2, 1}))
	for range 2 {
		if err := b.s.BroadcastPackage(b.Context(), parent, child); err != nil {
			b.Fatalf("a parent and its child: %v", err)
		}
	}
	b.waits(parent)
	b.waits(child)
	if b.Server != nil {
		if err := b.Chain.BroadcastPackage(b.Context(), parent, child); err != nil {
			b.Fatal(err)
		}
	}
	b.mine(1)
	b.follow(b.genesis())
	if err := b.s.BroadcastPackage(b.Context(), parent, child); err != nil {
		b.Errorf("a package that is in a block: %v", err)
	}
}

// data: an OP_RETURN of as many bytes as the source says is relayed, and no longer one.
func data(b *bench) {
	b.mine(105)
	b.follow(b.genesis())
	relayed, err := b.s.DataCarrier(b.Context())
	if err != nil || relayed < 0 {
		b.Fatal(relayed, err)
	}
	const enough = 1000
	for _, c := range []struct {
		size int
		want error
	}{{min(relayed, enough), nil}, {relayed + 1, chain.ErrRejected}} {
		if c.want != nil && (relayed >= enough || b.Light) || c.size < 2 {
			continue
		}
		paid := b.pay(script.P2WSH(anyone))
		b.mine(1)
		b.follow(b.genesis())
		tx := spend(paid, 20_000, script.P2WPKH(wire.Point{2, 5}))
		tx.AddTxOut(btcwire.NewTxOut(0, dataScript(c.size)))
		if err := b.s.Broadcast(b.Context(), tx); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			b.Errorf("%d bytes of %d: %v", c.size, relayed, err)
		}
	}
}

// dataScript is an OP_RETURN of so many bytes.
func dataScript(size int) []byte {
	return append([]byte{txscript.OP_RETURN}, slices.Repeat([]byte{txscript.OP_0}, size-1)...)
}
