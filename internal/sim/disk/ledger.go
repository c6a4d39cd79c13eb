package disk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/ledger"
)

// Ledger keeps the rows of a ledger of tokens, as the store does.
type Ledger struct {
	seen       chain.BlockRef
	begun      bool
	blocks     []ledger.BlockRow
	entries    map[chainhash.Hash]ledger.Entry
	balances   map[asset.Key]amount.Units
	properties map[amount.Property]asset.Property
	frozen     map[asset.Key]bool
}

func newLedger() Ledger {
	return Ledger{
		entries: map[chainhash.Hash]ledger.Entry{}, balances: map[asset.Key]amount.Units{},
		properties: map[amount.Property]asset.Property{}, frozen: map[asset.Key]bool{},
	}
}

func (l Ledger) clone() Ledger {
	l.blocks, l.entries, l.balances = slices.Clone(l.blocks), maps.Clone(l.entries), maps.Clone(l.balances)
	l.properties, l.frozen = maps.Clone(l.properties), maps.Clone(l.frozen)
	return l
}

var errBlocks = errors.New("the ledger's blocks are not in order")

// write is for rows of package ledger.
func (l *Ledger) write(r durable.Row) error {
	switch r := r.(type) {
	case ledger.SeenRow:
		l.seen, l.begun = r.BlockRef, true
	case ledger.BlockRow:
		if n := len(l.blocks); n > 0 && l.blocks[n-1].Ref.Height >= r.Ref.Height {
			return errBlocks
		}
		l.blocks = append(l.blocks, r)
	case ledger.Entry:
		l.entries[r.TxID] = r
	case ledger.GoneRow:
		last := len(l.blocks) - 1
		if last < 0 || l.blocks[last].Ref.Height != r.Height {
			return errBlocks
		}
		l.blocks = l.blocks[:last:last]
		maps.DeleteFunc(l.entries, func(_ chainhash.Hash, e ledger.Entry) bool { return e.Height == r.Height })
	case ledger.BalanceRow:
		if l.balances[r.Key] = r.Units; r.Units == 0 {
			delete(l.balances, r.Key)
		}
	case ledger.PropertyRow:
		if r.Property == nil {
			delete(l.properties, r.ID)
		} else {
			l.properties[r.ID] = *r.Property
		}
	case ledger.FrozenRow:
		if l.frozen[r.Key] = r.Frozen; !r.Frozen {
			delete(l.frozen, r.Key)
		}
	default:
		return fmt.Errorf("no statement for a %T", r)
	}
	return nil
}

// Rows are those from which the ledger is loaded.
func (l *Ledger) Rows() ledger.Rows {
	rows := ledger.Rows{Seen: l.seen}
	for k, u := range l.balances {
		rows.Balances = append(rows.Balances, asset.Balance{Key: k, Units: u})
	}
	for _, p := range l.properties {
		rows.Properties = append(rows.Properties, p)
	}
	for k := range l.frozen {
		rows.Frozen = append(rows.Frozen, k)
	}
	return rows
}

// AssetBlock implements [ledger.Blocks].
func (d *Disk) AssetBlock(_ context.Context, height uint32) (ledger.BlockRow, bool, error) {
	for i := len(d.Ledger.blocks) - 1; i >= 0; i-- {
		if b := d.Ledger.blocks[i]; b.Ref.Height == height {
			return b, true, nil
		}
	}
	return ledger.BlockRow{}, false, nil
}

// AssetHeight implements [ledger.Executed].
func (d *Disk) AssetHeight(context.Context) (uint32, bool, error) {
	return d.Ledger.seen.Height, d.Ledger.begun, nil
}

// AssetEntry implements [ledger.Executed].
func (d *Disk) AssetEntry(_ context.Context, txid chainhash.Hash) (ledger.Entry, bool, error) {
	e, ok := d.Ledger.entries[txid]
	return e, ok, nil
}

// AssetHoldings implements [ledger.Executed].
func (d *Disk) AssetHoldings(_ context.Context, address string) (list []ledger.Holding, err error) {
	for k, u := range d.Ledger.balances {
		if k.Address == address {
			list = append(list, ledger.Holding{Balance: asset.Balance{Key: k, Units: u}, Frozen: d.Ledger.frozen[k]})
		}
	}
	return list, nil
}

// Holds tells whether the address of a script has tokens.
func (d *Disk) Holds(address string) bool {
	held, _ := d.AssetHoldings(context.Background(), address)
	return len(held) > 0
}
