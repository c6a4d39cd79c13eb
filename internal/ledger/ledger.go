package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/durable"
)

// ErrOrder means that a block does not follow the last one, or was not the last one.
var ErrOrder = errors.New("the block is not the next one")

// Prevouts knows the outputs that transactions spend.
type Prevouts interface {
	// Script is the script of an output of a transaction in a block that was given.
	Script(ctx context.Context, output btcwire.OutPoint) ([]byte, error)
}

// Entry is one of Omni's transactions, or the end of crowdsales whose time was over when
// the block came.
type Entry struct {
	Height uint32
	Index  uint32         // in its block
	TxID   chainhash.Hash // zero for the end of crowdsales

	Type              uint16
	Sender, Reference string
	Property          amount.Property // that it made, or names
	Units             amount.Units
	Err               error  // why it did nothing; nil when it was valid
	Alarm             string // what the operator must know; empty for nothing
	Moves             []asset.BalanceChange
}

// BlockRow is what a block did. Key: Ref's height.
type BlockRow struct {
	Ref     chain.BlockRef
	Entries []Entry
	Changes asset.Changes
}

// Table implements [durable.Row].
func (BlockRow) Table() string { return "asset_blocks" }

// GoneRow deletes the [BlockRow] of a height.
type GoneRow struct{ Height uint32 }

// Table implements [durable.Row].
func (GoneRow) Table() string { return "asset_blocks" }

// SeenRow is the last block that was applied. There is one.
type SeenRow struct{ chain.BlockRef }

// Table implements [durable.Row].
func (SeenRow) Table() string { return "asset_seen" }

// Ledger is the state after a block, with its history. It has one user at a time.
type Ledger struct {
	params *asset.Params
	state  *asset.State
	seen   chain.BlockRef
	blocks []BlockRow // that did something, by rising height
}

// New is the ledger of a chain on which nothing happened up to a block: start before the
// first transaction of Omni's, or before the first one that counts.
func New(params *asset.Params, start chain.BlockRef) *Ledger {
	return &Ledger{params: params, state: asset.NewState(params), seen: start}
}

// Load is the ledger that wrote these rows, blocks by rising height.
func Load(params *asset.Params, seen SeenRow, blocks []BlockRow) *Ledger {
	l := New(params, seen.BlockRef)
	for _, b := range blocks {
		l.state.Redo(b.Changes)
	}
	l.blocks = slices.Clone(blocks)
	return l
}

// Seen is the last block that was applied: where to follow the chain from.
func (l *Ledger) Seen() chain.BlockRef { return l.seen }

// Apply connects or disconnects a block. The value is what is new in a connected one.
// Errors: [ErrOrder], and those of prevouts; then nothing was applied.
func (l *Ledger) Apply(ctx context.Context, e chain.Event, prevouts Prevouts) (durable.Pending[[]Entry], error) {
	var none durable.Pending[[]Entry]
	switch e := e.(type) {
	case chain.Connected:
		if e.Height != l.seen.Height+1 || e.Prev != l.seen.Hash {
			return none, fmt.Errorf("%w: %d %v after %d %v", ErrOrder, e.Height, e.Hash, l.seen.Height, l.seen.Hash)
		}
		txs, err := l.read(ctx, e.Txs, prevouts)
		if err != nil {
			return none, err
		}
		return l.connect(e.Block, txs), nil
	case chain.Disconnected:
		if e.BlockRef != l.seen {
			return none, fmt.Errorf("%w: %d %v leaves, the last one is %d %v", ErrOrder, e.Height, e.Hash, l.seen.Height, l.seen.Hash)
		}
		return l.disconnect(e), nil
	}
	return none, fmt.Errorf("%w: %T", ErrOrder, e)
}

// spending is a transaction with the script that its first input spends.
type spending struct {
	chain.Tx
	script []byte
}

// read finds Omni's transactions in a block and what they spend, which may be an output of
// the same block.
func (l *Ledger) read(ctx context.Context, txs []chain.Tx, prevouts Prevouts) ([]spending, error) {
	var out []spending
	for _, tx := range txs {
		if !l.params.Marked(tx.MsgTx) || tx.TxIn[0].PreviousOutPoint.Index == btcwire.MaxPrevOutIndex { // a coinbase
			continue
		}
		op := tx.TxIn[0].PreviousOutPoint
		script, ok := within(txs, op)
		if !ok {
			var err error
			if script, err = prevouts.Script(ctx, op); err != nil {
				return nil, fmt.Errorf("what transaction %v spends: %w", tx.TxHash(), err)
			}
		}
		out = append(out, spending{tx, script})
	}
	return out, nil
}

func within(txs []chain.Tx, op btcwire.OutPoint) ([]byte, bool) {
	for _, tx := range txs {
		if int(op.Index) < len(tx.TxOut) && tx.TxHash() == op.Hash {
			return tx.TxOut[op.Index].PkScript, true
		}
	}
	return nil, false
}

func (l *Ledger) connect(b chain.Block, txs []spending) durable.Pending[[]Entry] {
	row := BlockRow{Ref: b.BlockRef}
	l.state.Begin(b.Height, b.Time.Unix())
	if moves := l.state.End().Balances; len(moves) > 0 {
		row.Entries = append(row.Entries, Entry{Height: b.Height, Moves: moves})
	}
	for _, tx := range txs {
		before := len(l.state.End().Balances)
		out, ok := l.state.Execute(tx.MsgTx, tx.script)
		if !ok {
			continue
		}
		row.Entries = append(row.Entries, Entry{
			Height: b.Height, Index: tx.Index, TxID: tx.TxHash(),
			Type: out.Type, Sender: out.Sender, Reference: out.Reference, Property: out.Property, Units: out.Units,
			Err: out.Err, Alarm: out.Alarm, Moves: l.state.End().Balances[before:],
		})
	}
	row.Changes = l.state.End()
	l.seen = b.BlockRef
	if len(row.Entries) == 0 && row.Changes.Empty() {
		return durable.Hold[[]Entry](nil, SeenRow{l.seen})
	}
	l.blocks = append(l.blocks, row)
	return durable.Hold(row.Entries, row, SeenRow{l.seen})
}

func (l *Ledger) disconnect(e chain.Disconnected) durable.Pending[[]Entry] {
	l.seen = e.Parent()
	last := len(l.blocks) - 1
	if last < 0 || l.blocks[last].Ref != e.BlockRef {
		return durable.Hold[[]Entry](nil, SeenRow{l.seen})
	}
	l.state.Undo(l.blocks[last].Changes)
	l.blocks = l.blocks[:last:last]
	return durable.Hold[[]Entry](nil, GoneRow{e.Height}, SeenRow{l.seen})
}

// Balance is what an address has of a property.
func (l *Ledger) Balance(address string, property amount.Property) amount.Units {
	return l.state.Balance(address, property)
}

// Property is what is known of one; false when there is none.
func (l *Ledger) Property(id amount.Property) (asset.Property, bool) { return l.state.Property(id) }

// Frozen says whether an address cannot send its units.
func (l *Ledger) Frozen(address string, property amount.Property) bool {
	return l.state.Frozen(address, property)
}

// Transaction is the entry of a transaction, and how many blocks deep it is: 1 in the last
// one. It is false for what is in no block, or none of Omni's.
func (l *Ledger) Transaction(id chainhash.Hash) (e Entry, depth uint32, ok bool) {
	for _, b := range slices.Backward(l.blocks) {
		for _, e := range b.Entries {
			if e.TxID == id {
				return e, l.seen.Height - e.Height + 1, true
			}
		}
	}
	return Entry{}, 0, false
}

// History are the entries that changed what an address has of a property, oldest first.
func (l *Ledger) History(address string, property amount.Property) []Entry {
	var out []Entry
	key := asset.Key{Address: address, Property: property}
	for _, b := range l.blocks {
		for _, e := range b.Entries {
			if slices.ContainsFunc(e.Moves, func(m asset.BalanceChange) bool { return m.Key == key }) {
				out = append(out, e)
			}
		}
	}
	return out
}
