package wallet

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Errors of the chain's order.
var (
	ErrHeight = errors.New("block does not follow the wallet's: connect blocks in order")
	ErrReorg  = errors.New("reorg is deeper than the wallet remembers: load it from a rescan")
)

// Seen is what a block did to the wallet: coins as they are now.
type Seen struct {
	Received []CoinRow // in the block
	Spent    []CoinRow // by a transaction of the block
	Lost     []TxRow   // ours, now impossible: the block spends an input otherwise
}

// changes gathers the rows that one event changes, each once.
type changes struct {
	coins map[*CoinRow]bool
	txs   map[*ownTx]bool
	rows  []durable.Row
}

func newChanges() *changes {
	return &changes{coins: make(map[*CoinRow]bool), txs: make(map[*ownTx]bool)}
}

func (c *changes) coin(r *CoinRow) { c.coins[r] = true }
func (c *changes) tx(t *ownTx)     { c.txs[t] = true }

// all are the rows as they are now, in an order that depends on nothing else.
func (c *changes) all() []durable.Row {
	rows := c.rows
	for _, r := range slices.SortedFunc(maps.Keys(c.coins), func(a, b *CoinRow) int { return ByOutPoint(a.OutPoint, b.OutPoint) }) {
		rows = append(rows, *r)
	}
	for _, t := range slices.SortedFunc(maps.Keys(c.txs), byNumber) {
		rows = append(rows, t.TxRow)
	}
	return rows
}

func byNumber(a, b *ownTx) int { return cmp.Compare(a.Number, b.Number) }

// Connect adds the next block; of its transactions at least those that pay or
// spend what is watched. The first block of an empty wallet may have any height.
// A block that was connected before (after a restart, say) undoes those from its
// height up and takes their place. Where the transactions stand in the block is said by
// places, from 1 up, or not at all. Errors: [ErrHeight], [ErrReorg].
func (w *Wallet) Connect(height uint32, txs []*btcwire.MsgTx, places ...uint32) (durable.Pending[Seen], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := newChanges()
	if w.tip.Height != 0 {
		if height == 0 || height > w.tip.Height+1 {
			return durable.Pending[Seen]{}, fmt.Errorf("%w: it is at %d, not after %d", ErrHeight, height, w.tip.Height)
		}
		if height == w.tip.Height { // the last one once more: of any age, while blocks are connected again
			w.takeBack(height, c)
		} else if err := w.undo(height, c); err != nil {
			return durable.Pending[Seen]{}, err
		}
	}
	if err := w.discover(txs, c); err != nil {
		return durable.Pending[Seen]{}, err
	}
	w.tip = TipRow{Height: height, Highest: max(w.tip.Highest, height)}
	var seen struct {
		received, spent []*CoinRow
		lost            []*ownTx
	}
	claims := w.claims()
	for i, tx := range txs {
		txid, place := tx.TxHash(), uint32(0)
		if i < len(places) {
			place = places[i]
		}
		if own := w.txs[txid]; own != nil {
			own.Height, own.Place = height, place
			c.tx(own)
		}
		moves := false // a coin of ours
		for _, in := range tx.TxIn {
			if coin := w.coins[in.PreviousOutPoint]; coin != nil {
				moves = true
				coin.SpentBy, coin.SpentHeight = txid, height
				c.coin(coin)
				seen.spent = append(seen.spent, coin)
			}
			for _, other := range claims[in.PreviousOutPoint] {
				if other.Txid != txid && other.Conflict == 0 {
					other.Conflict = height
					c.tx(other)
					if other.Label != "" {
						seen.lost = append(seen.lost, other)
					}
				}
			}
		}
		for _, coin := range w.receive(tx, txid) {
			moves = true
			coin.Height = height
			c.coin(coin)
			seen.received = append(seen.received, coin)
		}
		if moves && w.txs[txid] == nil { // others made it: it is kept for its owner to look at
			other := w.own(tx, "")
			other.Height, other.Place, other.Abandoned = height, place, true
			c.tx(other)
		}
	}
	w.settle(c)
	c.rows = append(c.rows, w.tip)
	rows := c.all()
	var out Seen
	for _, r := range seen.received {
		out.Received = append(out.Received, *r)
	}
	for _, r := range seen.spent {
		out.Spent = append(out.Spent, *r)
	}
	for _, t := range seen.lost {
		out.Lost = append(out.Lost, t.TxRow)
	}
	w.forget()
	return durable.Hold(out, rows...), nil
}

// Disconnect undoes the block at height, and those above it: the wallet may be a block
// ahead of who tells it, after a crash between their writes. A block above the last
// was never connected: then nothing happens. Errors: [ErrHeight], [ErrReorg].
func (w *Wallet) Disconnect(height uint32) (durable.Pending[struct{}], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := newChanges()
	switch {
	case height > w.tip.Height:
		return durable.Hold(struct{}{}), nil
	case height == 0:
		return durable.Pending[struct{}]{}, fmt.Errorf("%w: %d is to be undone, the last one is %d", ErrHeight, height, w.tip.Height)
	}
	if err := w.undo(height, c); err != nil {
		return durable.Pending[struct{}]{}, err
	}
	w.settle(c)
	c.rows = append(c.rows, w.tip)
	return durable.Hold(struct{}{}, c.all()...), nil
}

// undo takes back all blocks from height up.
func (w *Wallet) undo(height uint32, c *changes) error {
	if height > w.tip.Height {
		return nil
	}
	if height+Depth <= w.tip.Highest {
		return fmt.Errorf("%w: to %d from %d", ErrReorg, height, w.tip.Highest)
	}
	w.takeBack(height, c)
	return nil
}

// Rescan goes back to a block of any age: those after it are to be connected again,
// for what they paid to addresses that were not known then. Until that is done, what
// they held is missing.
func (w *Wallet) Rescan(height uint32) durable.Pending[struct{}] {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := newChanges()
	w.lookThrough()
	if height < w.tip.Height {
		w.takeBack(height+1, c)
		w.settle(c)
		c.rows = append(c.rows, w.tip)
	}
	return durable.Hold(struct{}{}, c.all()...)
}

// takeBack undoes the blocks from height up, however many.
func (w *Wallet) takeBack(height uint32, c *changes) {
	for _, t := range w.txs {
		if t.Height >= height {
			t.Height, t.Place = 0, 0
			c.tx(t)
		}
		if t.Conflict >= height {
			t.Conflict = 0
			c.tx(t)
		}
	}
	for _, coin := range w.coins {
		if coin.Height >= height {
			coin.Height = 0
			c.coin(coin)
		}
		if coin.SpentHeight >= height {
			coin.SpentBy, coin.SpentHeight = chainhash.Hash{}, 0
			c.coin(coin)
		}
	}
	w.tip.Height = height - 1
}

// receive gives the coins that tx makes, new ones or those known already.
func (w *Wallet) receive(tx *btcwire.MsgTx, txid chainhash.Hash) []*CoinRow {
	var made []*CoinRow
	for i, out := range tx.TxOut {
		if _, ours := w.addresses[string(out.PkScript)]; !ours || out.Value < 0 {
			continue
		}
		at := btcwire.OutPoint{Hash: txid, Index: uint32(i)} //nolint:gosec // a transaction has fewer outputs
		coin := w.coins[at]
		if coin == nil {
			coin = &CoinRow{
				OutPoint: at,
				Value:    amount.Satoshi(out.Value),
				Script:   out.PkScript,
				Coinbase: blockchain.IsCoinBaseTx(tx),
			}
			w.coins[at] = coin
		}
		made = append(made, coin)
	}
	return made
}

// claims are the unconfirmed transactions of ours by what they spend.
func (w *Wallet) claims() map[btcwire.OutPoint][]*ownTx {
	m := make(map[btcwire.OutPoint][]*ownTx)
	for _, t := range w.txs {
		if t.Height == 0 {
			for _, in := range t.tx.TxIn {
				m[in.PreviousOutPoint] = append(m[in.PreviousOutPoint], t)
			}
		}
	}
	return m
}

// settle marks what our unconfirmed transactions spend, as far as they are alive.
func (w *Wallet) settle(c *changes) {
	for at, claimants := range w.claims() {
		coin := w.coins[at]
		if coin == nil || coin.SpentHeight != 0 {
			continue
		}
		var by chainhash.Hash
		for _, t := range claimants {
			if w.alive(t) {
				by = t.Txid // there is one at most: others are replaced by it
			}
		}
		if coin.SpentBy != by {
			coin.SpentBy = by
			c.coin(coin)
		}
	}
}

// alive tells whether t is in a block or is to be: none of its inputs is spent
// otherwise, it was not replaced, and all coins of ours that it spends exist.
func (w *Wallet) alive(t *ownTx) bool {
	if t.Height != 0 {
		return true
	}
	if t.Abandoned || t.Conflict != 0 || w.replaced(t) {
		return false
	}
	for _, in := range t.tx.TxIn {
		if coin := w.coins[in.PreviousOutPoint]; coin != nil && !w.exists(coin) {
			return false
		}
	}
	return true
}

// exists tells whether a coin is in a block, or made by a transaction of ours
// that is alive.
func (w *Wallet) exists(coin *CoinRow) bool {
	if coin.Height != 0 {
		return true
	}
	made := w.txs[coin.OutPoint.Hash]
	return made != nil && w.alive(made)
}

// replaced tells whether a transaction published later spends what t spends.
func (w *Wallet) replaced(t *ownTx) bool {
	for _, other := range w.txs {
		if other.Number <= t.Number || other.Height != 0 || other.Abandoned || other.Conflict != 0 {
			continue
		}
		for _, in := range other.tx.TxIn {
			if slices.ContainsFunc(t.tx.TxIn, func(i *btcwire.TxIn) bool { return i.PreviousOutPoint == in.PreviousOutPoint }) {
				return true
			}
		}
	}
	return false
}

// forget drops from memory what no reorg can bring back.
func (w *Wallet) forget() {
	old := func(height uint32) bool { return height != 0 && height+Depth <= w.tip.Highest }
	for at, c := range w.coins {
		if old(c.SpentHeight) {
			delete(w.coins, at)
		}
	}
	for id, t := range w.txs {
		if old(t.Height) || old(t.Conflict) {
			delete(w.txs, id)
		}
	}
}

// Publish makes tx one of ours, before it is broadcast: what it spends is spent,
// and what it pays to our addresses is there, unconfirmed. Publishing it again
// changes nothing but an [Wallet.Abandon], which it undoes. The transaction must
// be signed.
func (w *Wallet) Publish(tx *btcwire.MsgTx, label string) durable.Pending[*btcwire.MsgTx] {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := newChanges()
	txid := tx.TxHash()
	own := w.own(tx, label)
	own.Abandoned = false
	c.tx(own)
	// A block may have it, or another that spends the same, already.
	for _, coin := range w.receive(tx, txid) {
		own.Height = max(own.Height, coin.Height)
		c.coin(coin)
	}
	for _, in := range tx.TxIn {
		coin := w.coins[in.PreviousOutPoint]
		if coin == nil {
			continue
		}
		if coin.SpentBy == txid {
			own.Height = max(own.Height, coin.SpentHeight)
		} else if coin.SpentHeight != 0 && own.Conflict == 0 {
			own.Conflict = coin.SpentHeight
		}
		coin.ReservedFor, coin.ReservedUntil = "", 0
		c.coin(coin)
	}
	w.settle(c)
	return durable.Hold(tx, c.all()...)
}

// own is a transaction's row, a new one when there is none.
func (w *Wallet) own(tx *btcwire.MsgTx, label string) *ownTx {
	txid := tx.TxHash()
	own := w.txs[txid]
	if own == nil {
		w.number++
		raw := serialize(tx)
		parsed, err := parse(raw)
		if err != nil {
			panic("wallet: " + err.Error()) // it was just written
		}
		own = &ownTx{TxRow{Txid: txid, Number: w.number, Raw: raw}, parsed}
		w.txs[txid] = own
	}
	if own.Label == "" {
		own.Label = label
	}
	return own
}

// Abandon gives up a published transaction that no block has: its inputs are
// free again. If it confirms all the same, it counts. False: there is no such
// transaction.
func (w *Wallet) Abandon(txid chainhash.Hash) durable.Pending[bool] {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := w.txs[txid]
	if own == nil || own.Height != 0 {
		return durable.Hold(false)
	}
	own.Abandoned = true
	c := newChanges()
	c.tx(own)
	w.settle(c)
	return durable.Hold(true, c.all()...)
}

// Alive says whether a transaction of ours is in a block or can still be: nothing that it
// spends is spent otherwise, or gone with a reorganization. Not known: it is not ours, or
// has been in a block, or dead, for so long that nothing brings it back.
func (w *Wallet) Alive(txid chainhash.Hash) (alive, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := w.txs[txid]
	return own != nil && w.alive(own), own != nil
}

// Unconfirmed are the published transactions that can still confirm, in the
// order in which they were published: to be broadcast again at each block.
func (w *Wallet) Unconfirmed() []*btcwire.MsgTx { return w.Labelled("") }

// Labelled are those of [Wallet.Unconfirmed] whose label begins so.
func (w *Wallet) Labelled(prefix string) []*btcwire.MsgTx {
	w.mu.Lock()
	defer w.mu.Unlock()
	var own []*ownTx
	for _, t := range w.txs {
		if t.Height == 0 && strings.HasPrefix(t.Label, prefix) && w.alive(t) {
			own = append(own, t)
		}
	}
	slices.SortFunc(own, byNumber)
	txs := make([]*btcwire.MsgTx, len(own))
	for i, t := range own {
		txs[i] = t.tx.Copy()
	}
	return txs
}

func parse(raw []byte) (*btcwire.MsgTx, error) {
	tx := btcwire.NewMsgTx(2)
	return tx, tx.Deserialize(bytes.NewReader(raw))
}

func serialize(tx *btcwire.MsgTx) []byte {
	var b bytes.Buffer
	b.Grow(tx.SerializeSize())
	if err := tx.Serialize(&b); err != nil {
		panic("wallet: " + err.Error()) // a buffer takes every byte
	}
	return b.Bytes()
}
