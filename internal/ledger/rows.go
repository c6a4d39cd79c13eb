package ledger

import (
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
)

// Rows are those from which a ledger is loaded.
type Rows struct {
	Seen chain.BlockRef
	asset.Snapshot
}

// SeenRow is the last block that was applied and marked. There is one.
type SeenRow struct{ chain.BlockRef }

// Table implements [durable.Row].
func (SeenRow) Table() string { return "asset_seen" }

// BlockRow is what a block did: the way back. Key: Ref's height.
type BlockRow struct {
	Ref     chain.BlockRef
	Changes asset.Changes
}

// Table implements [durable.Row].
func (BlockRow) Table() string { return "asset_blocks" }

// GoneRow deletes the [BlockRow] of a height with its entries.
type GoneRow struct{ Height uint32 }

// Table implements [durable.Row].
func (GoneRow) Table() string { return "asset_blocks" }

// Entry is one of Omni's transactions, or the end of crowdsales whose time was over when
// the block came. Key: Height and Index.
type Entry struct {
	Height uint32
	Index  uint32         // in its block; 0, which is the coinbase's, for the end of crowdsales
	TxID   chainhash.Hash // zero for the end of crowdsales

	Type              uint16
	Sender, Reference string
	Property          amount.Property // that it made, or names
	Units             amount.Units
	Failure           string // why it did nothing; empty when it was valid
	Alarm             string // what the operator must know; empty for nothing
	Moves             []asset.BalanceChange
}

// Table implements [durable.Row].
func (Entry) Table() string { return "asset_entries" }

// BalanceRow is what an address has of a property; zero units delete it.
type BalanceRow struct{ asset.Balance }

// Table implements [durable.Row].
func (BalanceRow) Table() string { return "asset_balances" }

// PropertyRow is a property; nil deletes it.
type PropertyRow struct {
	ID       amount.Property
	Property *asset.Property
}

// Table implements [durable.Row].
func (PropertyRow) Table() string { return "asset_properties" }

// SaleRow is an issuer's open crowdsale; nil deletes it.
type SaleRow struct {
	Issuer string
	Sale   *asset.Crowdsale
}

// Table implements [durable.Row].
func (SaleRow) Table() string { return "asset_sales" }

// FrozenRow says whether an address is frozen for a property.
type FrozenRow struct {
	asset.Key
	Frozen bool
}

// Table implements [durable.Row].
func (FrozenRow) Table() string { return "asset_frozen" }
