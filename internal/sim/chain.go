package sim

import (
	"fmt"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/enforce"
)

// chain is the best chain and the mempool. Every transaction is held against
// consensus and standard rules, but for its fee.
type chain struct {
	w         *world
	tip       *block
	utxo      map[btcwire.OutPoint]coin
	spent     map[btcwire.OutPoint]enforce.Spend // by the best chain
	mempool   []*waiting
	known     map[chainhash.Hash]bool // by witness hash: in the mempool or in the best chain
	valid     map[chainhash.Hash]bool // by witness hash: scripts were run
	minted    int64                   // what there was at the start
	congested int                     // blocks that a transaction may have to wait for
	fees      int64
}

type block struct {
	parent *block
	height uint32
	txs    []*btcwire.MsgTx
}

type coin struct {
	out    *btcwire.TxOut
	height uint32
}

// waiting is a transaction that no block has yet.
type waiting struct {
	tx    *btcwire.MsgTx
	from  *node
	delay int // blocks that pass it over
}

// genesis makes a chain whose first block has transactions out of nothing.
func genesis(w *world, height uint32, txs []*btcwire.MsgTx) *chain {
	c := &chain{w: w, congested: 2, known: map[chainhash.Hash]bool{}, valid: map[chainhash.Hash]bool{}}
	c.tip = &block{height: height, txs: txs}
	for _, tx := range txs {
		for _, out := range tx.TxOut {
			c.minted += out.Value
		}
	}
	c.rebuild()
	return c
}

// rebuild makes the state of the best chain from its blocks.
func (c *chain) rebuild() {
	c.utxo, c.spent, c.fees = map[btcwire.OutPoint]coin{}, map[btcwire.OutPoint]enforce.Spend{}, 0
	for _, b := range c.blocks(c.tip) {
		for _, tx := range b.txs {
			c.apply(tx, b)
		}
	}
}

// blocks are those up to one, the oldest first.
func (c *chain) blocks(tip *block) (list []*block) {
	for b := tip; b != nil; b = b.parent {
		list = append(list, b)
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// apply takes a transaction of a block.
func (c *chain) apply(tx *btcwire.MsgTx, b *block) {
	for _, in := range tx.TxIn {
		if coin, ok := c.utxo[in.PreviousOutPoint]; ok {
			c.fees += coin.out.Value
			delete(c.utxo, in.PreviousOutPoint)
			c.spent[in.PreviousOutPoint] = enforce.Spend{Tx: tx, Height: b.height}
		}
	}
	txid := tx.TxHash()
	for i, out := range tx.TxOut {
		c.utxo[btcwire.OutPoint{Hash: txid, Index: uint32(i)}] = coin{out, b.height} //nolint:gosec // an output's index
		if b.parent != nil {
			c.fees -= out.Value
		}
	}
}

// spendsAt are the spends in the chain that ends in a block.
func (c *chain) spendsAt(tip *block) map[btcwire.OutPoint]enforce.Spend {
	spends := map[btcwire.OutPoint]enforce.Spend{}
	for b := tip; b != nil; b = b.parent {
		for _, tx := range b.txs {
			for _, in := range tx.TxIn {
				spends[in.PreviousOutPoint] = enforce.Spend{Tx: tx, Height: b.height}
			}
		}
	}
	return spends
}

// broadcast puts a transaction into the mempool, unless it is known. An honest
// node's is checked: it must be valid whenever its inputs are there.
func (c *chain) broadcast(from *node, tx *btcwire.MsgTx) {
	id := tx.WitnessHash()
	if c.known[id] {
		return
	}
	c.known[id] = true
	if from.view == c.tip && c.next(tx) == early {
		c.w.fail("%s broadcasts %s, which is not final at height %d: locktime %d, sequence %x", from, tx.TxHash(), c.tip.height, tx.LockTime, tx.TxIn[0].Sequence)
	}
	delay := 0
	if c.w.chance(4) {
		delay = 1 + c.w.rng.IntN(c.congested)
	}
	c.w.logf("%s broadcasts %s, which waits for %d blocks", from, tx.TxHash(), delay)
	c.mempool = append(c.mempool, &waiting{tx, from, delay})
}

// reason is why a transaction cannot be in the next block.
type reason uint8

const (
	none    reason = iota
	missing        // an input is spent, or not there yet
	early          // a lock holds it
)

// next tells whether a transaction may be in the next block.
func (c *chain) next(tx *btcwire.MsgTx) reason {
	height := c.tip.height + 1
	for _, in := range tx.TxIn {
		coin, ok := c.utxo[in.PreviousOutPoint]
		if !ok {
			return missing
		}
		if in.Sequence>>31 == 0 && height-coin.height < in.Sequence&0xffff {
			return early
		}
	}
	if tx.LockTime < txscript.LockTimeThreshold && tx.LockTime >= height {
		return early
	}
	return none
}

// run runs the scripts of a transaction whose inputs are there.
func (c *chain) run(tx *btcwire.MsgTx) error {
	id := tx.WitnessHash()
	if c.valid[id] {
		return nil
	}
	fetch := txscript.NewMultiPrevOutFetcher(nil)
	value := int64(0)
	for _, in := range tx.TxIn {
		out := c.utxo[in.PreviousOutPoint].out
		fetch.AddPrevOut(in.PreviousOutPoint, out)
		value += out.Value
	}
	for _, out := range tx.TxOut {
		value -= out.Value
	}
	if value < 0 {
		return fmt.Errorf("it pays out %d more than it has", -value)
	}
	hashes := txscript.NewTxSigHashes(tx, fetch)
	for i, in := range tx.TxIn {
		out := fetch.FetchPrevOutput(in.PreviousOutPoint)
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

// mine makes a block of what waits, in any order.
func (c *chain) mine() {
	c.w.stats.Blocks++
	b := &block{parent: c.tip, height: c.tip.height + 1}
	c.w.rng.Shuffle(len(c.mempool), func(i, j int) { c.mempool[i], c.mempool[j] = c.mempool[j], c.mempool[i] })
	var left []*waiting
	for _, m := range c.mempool {
		if m.delay > 0 {
			m.delay--
			left = append(left, m)
			continue
		}
		switch c.next(m.tx) {
		case missing:
			delete(c.known, m.tx.WitnessHash()) // it may be offered again
			continue
		case early:
			left = append(left, m)
			continue
		}
		if err := c.run(m.tx); err != nil {
			c.w.fail("%s broadcast %s, which is not valid: %v", m.from, m.tx.TxHash(), err)
		}
		b.txs = append(b.txs, m.tx)
		c.apply(m.tx, b)
		c.w.logf("block %d has %s of %s", b.height, m.tx.TxHash(), m.from)
	}
	c.mempool = left
	c.tip = b
	c.tell()
	for _, n := range c.w.nodes {
		if n.mute && n.offersExpired(b.height) {
			n.betray(0)
		}
		if n.cheating() {
			n.rob()
		}
		n.tend()
	}
}

// reorganize replaces the newest blocks by as many, and one more. What they held
// waits again, but for what is forgotten on the way.
func (c *chain) reorganize(depth int) {
	var txs []*btcwire.MsgTx
	for range depth {
		if c.tip.parent == nil || c.tip.parent.parent == nil {
			break
		}
		txs = append(append([]*btcwire.MsgTx(nil), c.tip.txs...), txs...)
		c.tip = c.tip.parent
	}
	c.w.stats.Reorgs++
	c.w.logf("the chain goes back to block %d", c.tip.height)
	c.rebuild()
	for _, tx := range txs {
		delete(c.known, tx.WitnessHash())
		if !c.w.chance(4) {
			c.known[tx.WitnessHash()] = true
			c.mempool = append(c.mempool, &waiting{tx: tx, from: nil, delay: c.w.rng.IntN(3)})
		}
	}
	for range depth + 1 {
		c.mine()
	}
}

// tell lets every node take in the new tip, in its own time.
func (c *chain) tell() {
	for _, n := range c.w.nodes {
		n.after(c.w.jitter(5*time.Second), n.chase)
	}
}

// balance checks that money is conserved and sums up a node's.
func (c *chain) balance(of []byte) (sum int64) {
	for _, coin := range c.utxo {
		if string(coin.out.PkScript) == string(of) {
			sum += coin.out.Value
		}
	}
	return sum
}

func (c *chain) conserved() bool {
	sum := c.fees
	for _, coin := range c.utxo {
		sum += coin.out.Value
	}
	return sum == c.minted
}
