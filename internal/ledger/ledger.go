package ledger

import (
	"context"
	"errors"
	"fmt"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Errors.
var (
	// ErrOrder means that a block does not follow the last one, or was not the last one.
	ErrOrder = errors.New("the block is not the next one")
	// ErrNotOmni means that a transaction does not concern the Omni Layer at all.
	ErrNotOmni = errors.New("it is no transaction of the Omni Layer")
)

// Prevouts knows what the transactions of a block spend, as [chain.Source] does.
type Prevouts interface {
	Spent(ctx context.Context, at chain.BlockRef) (chain.Scripts, error)
}

// Blocks gives what a block did, as it was written: false for one that did nothing.
type Blocks interface {
	AssetBlock(ctx context.Context, height uint32) (BlockRow, bool, error)
}

// Ledger is the state after a block. It has one user at a time.
type Ledger struct {
	params *asset.Params
	state  *asset.State
	seen   chain.BlockRef
	marked chain.BlockRef // as the rows have it
}

// New is the ledger of a chain on which nothing happened up to a block: start before the
// first transaction of Omni's, or before the first one that counts.
func New(params *asset.Params, start chain.BlockRef) durable.Pending[*Ledger] {
	l := &Ledger{params: params, state: asset.NewState(params), seen: start, marked: start}
	var rows []durable.Row
	all := l.state.Snapshot()
	for _, p := range all.Properties {
		rows = append(rows, PropertyRow{ID: p.ID, Property: &p})
	}
	for _, b := range all.Balances {
		rows = append(rows, BalanceRow{b})
	}
	return durable.Hold(l, append(rows, SeenRow{start})...)
}

// Load is the ledger that wrote these rows.
func Load(params *asset.Params, rows Rows) *Ledger {
	return &Ledger{params: params, state: asset.LoadState(params, rows.Snapshot), seen: rows.Seen, marked: rows.Seen}
}

// Seen is the last block that was applied: where to follow the chain from.
func (l *Ledger) Seen() chain.BlockRef { return l.seen }

// Apply connects or disconnects a block. The value is what is new in a connected one. A
// block that did nothing has no rows: see [Ledger.Mark]. Errors: [ErrOrder], and those of
// prevouts and blocks; then nothing was applied.
func (l *Ledger) Apply(ctx context.Context, e chain.Event, prevouts Prevouts, blocks Blocks) (durable.Pending[[]Entry], error) {
	var none durable.Pending[[]Entry]
	switch e := e.(type) {
	case chain.Connected:
		if e.Height != l.seen.Height+1 || e.Prev != l.seen.Hash {
			return none, fmt.Errorf("%w: %d %v after %d %v", ErrOrder, e.Height, e.Hash, l.seen.Height, l.seen.Hash)
		}
		txs, err := l.read(ctx, e.Block, prevouts)
		if err != nil {
			return none, err
		}
		return l.connect(e.Block, txs), nil
	case chain.Disconnected:
		if e.BlockRef != l.seen {
			return none, fmt.Errorf("%w: %d %v leaves, the last one is %d %v", ErrOrder, e.Height, e.Hash, l.seen.Height, l.seen.Hash)
		}
		did, ok, err := blocks.AssetBlock(ctx, e.Height)
		if err != nil {
			return none, err
		}
		if ok && did.Ref != e.BlockRef {
			return none, fmt.Errorf("%w: %d %v leaves, %v was applied", ErrOrder, e.Height, e.Hash, did.Ref.Hash)
		}
		return l.disconnect(e, did, ok), nil
	}
	return none, fmt.Errorf("%w: %T", ErrOrder, e)
}

// Mark writes how far the ledger has come, where blocks that did nothing came last. What
// is not marked is read again after a restart, to the same end.
func (l *Ledger) Mark() durable.Pending[struct{}] {
	if l.marked == l.seen {
		return durable.Hold(struct{}{})
	}
	return durable.Hold(struct{}{}, l.mark())
}

func (l *Ledger) mark() SeenRow {
	l.marked = l.seen
	return SeenRow{l.seen}
}

// spending is a transaction with the script that its first input spends.
type spending struct {
	chain.Tx
	script []byte
}

// read finds Omni's transactions in a block and what they spend.
func (l *Ledger) read(ctx context.Context, b chain.Block, prevouts Prevouts) ([]spending, error) {
	var out []spending
	var spent chain.Scripts
	for _, tx := range b.Txs {
		op := tx.TxIn[0].PreviousOutPoint
		if op.Index == btcwire.MaxPrevOutIndex || !l.params.Marked(tx.MsgTx) { // a coinbase
			continue
		}
		if spent == nil {
			var err error
			if spent, err = prevouts.Spent(ctx, b.BlockRef); err != nil {
				return nil, fmt.Errorf("what the transactions of block %d spend: %w", b.Height, err)
			}
		}
		script, ok := spent[op]
		if !ok {
			return nil, fmt.Errorf("%w: of %v in block %d", chain.ErrNotTold, tx.TxHash(), b.Height)
		}
		out = append(out, spending{tx, script})
	}
	return out, nil
}

func (l *Ledger) connect(b chain.Block, txs []spending) durable.Pending[[]Entry] {
	var entries []Entry
	l.state.Begin(b.Height, b.Time.Unix())
	if moves := l.state.End().Balances; len(moves) > 0 {
		entries = append(entries, Entry{Height: b.Height, Moves: moves})
	}
	for _, tx := range txs {
		before := len(l.state.End().Balances)
		out, ok := l.state.Execute(tx.MsgTx, tx.script)
		if !ok {
			continue
		}
		e := Entry{
			Height: b.Height, Index: tx.Index, TxID: tx.TxHash(),
			Type: out.Type, Sender: out.Sender, Reference: out.Reference, Property: out.Property, Units: out.Units,
			Alarm: out.Alarm, Moves: l.state.End().Balances[before:],
		}
		if out.Err != nil {
			e.Failure = out.Err.Error()
		}
		entries = append(entries, e)
	}
	did := l.state.End()
	l.seen = b.BlockRef
	if len(entries) == 0 && did.Empty() {
		return durable.Hold[[]Entry](nil)
	}
	rows := []durable.Row{BlockRow{Ref: b.BlockRef, Changes: did}}
	for _, e := range entries {
		rows = append(rows, e)
	}
	return durable.Hold(entries, append(append(rows, l.stateRows(did)...), l.mark())...)
}

func (l *Ledger) disconnect(e chain.Disconnected, did BlockRow, ok bool) durable.Pending[[]Entry] {
	l.seen = e.Parent()
	if !ok {
		return durable.Hold[[]Entry](nil)
	}
	l.state.Undo(did.Changes)
	rows := append([]durable.Row{GoneRow{e.Height}}, l.stateRows(did.Changes)...)
	return durable.Hold[[]Entry](nil, append(rows, l.mark())...)
}

// stateRows are what changes touched, each once, as it is now.
func (l *Ledger) stateRows(c asset.Changes) (rows []durable.Row) {
	done := map[any]bool{}
	once := func(what any, row func() durable.Row) {
		if !done[what] {
			done[what] = true
			rows = append(rows, row())
		}
	}
	type frozen asset.Key
	for _, b := range c.Balances {
		once(b.Key, func() durable.Row {
			return BalanceRow{asset.Balance{Key: b.Key, Units: l.state.Balance(b.Address, b.Property)}}
		})
	}
	for _, p := range c.Properties {
		once(p.After.ID, func() durable.Row {
			if now, ok := l.state.Property(p.After.ID); ok {
				return PropertyRow{p.After.ID, &now}
			}
			return PropertyRow{p.After.ID, nil}
		})
	}
	for _, s := range c.Sales {
		once(s.Issuer, func() durable.Row { return SaleRow{s.Issuer, l.state.Crowdsale(s.Issuer)} })
	}
	for _, f := range c.Frozen {
		once(frozen(f.Key), func() durable.Row { return FrozenRow{f.Key, l.state.Frozen(f.Address, f.Property)} })
	}
	return rows
}

// Try says what would become of transactions in the next block, in their order, with the
// scripts that their first inputs spend. Nothing is changed. Those that are none of Omni's
// have an outcome with [ErrNotOmni].
func (l *Ledger) Try(txs []*btcwire.MsgTx, spent [][]byte) []asset.Outcome {
	out := make([]asset.Outcome, len(txs))
	l.state.Begin(l.seen.Height+1, 0)
	for i, tx := range txs {
		var ok bool
		if out[i], ok = l.state.Execute(tx, spent[i]); !ok {
			out[i].Err = ErrNotOmni
		}
	}
	l.state.Undo(l.state.End())
	return out
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
