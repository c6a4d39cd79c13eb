// Package miner is the chain of the simulation: blocks, reorganizations, a mempool
// with fees, replacement (BIP 125), packages and eviction, and days on which blocks
// are dear. Every transaction is held against consensus and standard rules: one that
// is not valid ends the run.
package miner

import (
	"fmt"
	"maps"
	"math/rand/v2"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/enforce"
)

// Node is who broadcasts.
type Node interface{ String() string }

// Env is what a chain needs of its world.
type Env struct {
	Rand *rand.Rand
	Log  func(format string, args ...any)
	Fail func(format string, args ...any) // ends the run
	Calm func() bool                      // nothing bad happens any more
	// Strict tells whether what a node broadcasts must be in time: it plays by the
	// rules and has seen the newest block.
	Strict func(Node) bool
	// Funding tells whether an output is a channel's.
	Funding func(btcwire.OutPoint) bool
	Mined   func() // is called after each block
}

// Aired is who broadcast each transaction first.
type Aired map[chainhash.Hash]Node

// Aired is what has been broadcast until now.
func (c *Chain) Aired() Aired { return maps.Clone(c.First) }

// Stats count what happened.
type Stats struct{ Blocks, Reorgs, Evicted, Spikes int }

// Chain is the best chain, and what waits for a block (pool.go).
type Chain struct {
	env   Env
	Stats Stats
	Tip   *Block
	UTXO  map[btcwire.OutPoint]Coin
	Spent map[btcwire.OutPoint]enforce.Spend // by the best chain
	First Aired
	Paid  map[Node]int64 // fees of their transactions in the best chain, but for what closes channels
	// Undone are the outputs whose spend was in a block that is gone. Until a node has
	// read of that, and its transaction waits again, the next blocks are there.
	Undone map[btcwire.OutPoint]bool

	mined  map[chainhash.Hash]bool           // transactions of the best chain
	had    map[chainhash.Hash]*btcwire.MsgTx // by any block that ever was
	blks   []*Block                          // that ever were
	valid  map[chainhash.Hash]bool           // by witness hash: scripts were run
	minted int64                             // what there was at the start
	fees   int64
	pool   pool
}

// Block is one of the chain, or of one that was.
type Block struct {
	Parent *Block
	Height uint32
	Number int // of all blocks that ever were; the first is 1
	Txs    []*btcwire.MsgTx
}

// Coin is an output that is not spent.
type Coin struct {
	Out    *btcwire.TxOut
	Height uint32
}

// New makes a chain whose first block has transactions out of nothing.
func New(env Env, height uint32, txs []*btcwire.MsgTx) *Chain {
	c := &Chain{env: env, valid: map[chainhash.Hash]bool{}, First: Aired{}, Undone: map[btcwire.OutPoint]bool{}, had: map[chainhash.Hash]*btcwire.MsgTx{}, pool: newPool()}
	c.Tip = c.number(&Block{Height: height, Txs: txs})
	c.rebuild()
	for _, coin := range c.UTXO {
		c.minted += coin.Out.Value
	}
	return c
}

// number notes a block.
func (c *Chain) number(b *Block) *Block {
	c.blks = append(c.blks, b)
	b.Number = len(c.blks)
	return b
}

// Numbered finds a block again.
func (c *Chain) Numbered(n int) *Block { return c.blks[n-1] }

// Pays is the output of a transaction of any block.
func (c *Chain) Pays(at btcwire.OutPoint) *btcwire.TxOut {
	if tx := c.had[at.Hash]; tx != nil {
		return tx.TxOut[at.Index]
	}
	return nil
}

func (c *Chain) chance(n int) bool { return c.env.Rand.IntN(n) == 0 }

// rebuild makes the state of the best chain from its blocks.
func (c *Chain) rebuild() {
	c.UTXO, c.Spent, c.mined = map[btcwire.OutPoint]Coin{}, map[btcwire.OutPoint]enforce.Spend{}, map[chainhash.Hash]bool{}
	c.fees, c.Paid = 0, map[Node]int64{}
	for _, b := range c.blocks(c.Tip) {
		for _, tx := range b.Txs {
			c.apply(tx, b)
		}
	}
}

// blocks are those up to one, the oldest first.
func (c *Chain) blocks(tip *Block) (list []*Block) {
	for b := tip; b != nil; b = b.Parent {
		list = append(list, b)
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// apply takes a transaction of a block.
func (c *Chain) apply(tx *btcwire.MsgTx, b *Block) {
	fee, closes := int64(0), false
	for _, in := range tx.TxIn {
		if coin, ok := c.UTXO[in.PreviousOutPoint]; ok {
			fee += coin.Out.Value
			delete(c.UTXO, in.PreviousOutPoint)
			c.Spent[in.PreviousOutPoint] = enforce.Spend{Tx: tx, Height: b.Height}
			closes = closes || c.env.Funding(in.PreviousOutPoint)
		}
	}
	txid := tx.TxHash()
	c.mined[txid], c.had[txid] = true, tx
	for i, out := range tx.TxOut {
		c.UTXO[btcwire.OutPoint{Hash: txid, Index: uint32(i)}] = Coin{out, b.Height} //nolint:gosec // an output's index
		fee -= out.Value
	}
	if b.Parent != nil {
		c.fees += fee
		if from := c.First[txid]; from != nil && !closes {
			c.Paid[from] += fee
		}
	}
}

// Worth is the least that an output must hold to be worth a claim on the dearest day
// of the run.
func (c *Chain) Worth() int64 {
	peak := c.Peak()
	if peak < 300 {
		return 350 + peak*5/4
	}
	return 350 + peak*4 // a commitment, its child and an HTLC transaction
}

// Dear is what the outputs of a commitment are worth that were not worth a claim.
func (c *Chain) Dear(tx *btcwire.MsgTx) (msat int64) {
	for _, out := range tx.TxOut {
		if out.Value <= c.Worth() && out.Value != int64(script.AnchorSize) {
			msat += out.Value * 1000
		}
	}
	return msat
}

// Spends are the transactions of the chain that ends in a block.
func (b *Block) Spends() (rows []enforce.SpendRow) {
	for ; b != nil; b = b.Parent {
		for _, tx := range b.Txs {
			rows = append(rows, enforce.SpendRow{Tx: tx, Height: b.Height})
		}
	}
	return rows
}

// final tells whether a lock lets a transaction into the next block. What spends an
// output that no block has yet counts as made in that block.
func (c *Chain) final(tx *btcwire.MsgTx) bool {
	height := c.Tip.Height + 1
	for _, in := range tx.TxIn {
		made := height
		if coin, ok := c.UTXO[in.PreviousOutPoint]; ok {
			made = coin.Height
		}
		if in.Sequence>>31 == 0 && height-made < in.Sequence&0xffff {
			return false
		}
	}
	return tx.LockTime >= txscript.LockTimeThreshold || tx.LockTime < height
}

// run runs the scripts of a transaction.
func (c *Chain) run(tx *btcwire.MsgTx, spends []*btcwire.TxOut) error {
	id := tx.WitnessHash()
	if c.valid[id] {
		return nil
	}
	fetch := txscript.NewMultiPrevOutFetcher(nil)
	for i, in := range tx.TxIn {
		fetch.AddPrevOut(in.PreviousOutPoint, spends[i])
	}
	hashes := txscript.NewTxSigHashes(tx, fetch)
	for i := range tx.TxIn {
		out := spends[i]
		e, err := txscript.NewEngine(out.PkScript, tx, i, txscript.StandardVerifyFlags, nil, hashes, out.Value, fetch)
		if err == nil {
			err = e.Execute()
		}
		if err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	c.valid[id] = true
	return nil
}

// Mine makes a block of what waits.
func (c *Chain) Mine() {
	c.Stats.Blocks++
	b := c.number(&Block{Parent: c.Tip, Height: c.Tip.Height + 1})
	for _, m := range c.pick() {
		b.Txs = append(b.Txs, m.tx)
		c.apply(m.tx, b)
		c.env.Log("block %d has %s of %s", b.Height, m.tx.TxHash(), c.First[m.tx.TxHash()])
	}
	c.Tip = b
	c.weather()
	c.tidy()
	c.env.Mined()
}

// Reorganize replaces the newest blocks by as many, and one more. What they held
// waits again, but for what is forgotten on the way.
func (c *Chain) Reorganize(depth int) {
	var txs []*btcwire.MsgTx
	for range depth {
		if c.Tip.Parent == nil || c.Tip.Parent.Parent == nil {
			break
		}
		txs = append(append([]*btcwire.MsgTx(nil), c.Tip.Txs...), txs...)
		c.Tip = c.Tip.Parent
	}
	c.Stats.Reorgs++
	c.env.Log("the chain goes back to block %d", c.Tip.Height)
	c.rebuild()
	kept := txs[:0]
	for _, tx := range txs {
		for _, in := range tx.TxIn {
			c.Undone[in.PreviousOutPoint] = true
		}
		if !c.chance(4) {
			kept = append(kept, tx)
		}
	}
	c.again(kept)
	for range depth + 1 {
		c.Mine()
	}
}

// Balance sums up the outputs whose scripts are somebody's.
func (c *Chain) Balance(owns func(script []byte) bool) (sum int64) {
	for _, coin := range c.UTXO {
		if owns(coin.Out.PkScript) {
			sum += coin.Out.Value
		}
	}
	return sum
}

// Conserved checks that money is.
func (c *Chain) Conserved() bool {
	sum := c.fees
	for _, coin := range c.UTXO {
		sum += coin.Out.Value
	}
	return sum == c.minted
}

// Next is the block after one in the best chain; nil: it is the newest, or not in that
// chain.
func (c *Chain) Next(after *Block) *Block {
	for b := c.Tip; b != nil && b.Height > after.Height; b = b.Parent {
		if b.Parent == after {
			return b
		}
	}
	return nil
}
