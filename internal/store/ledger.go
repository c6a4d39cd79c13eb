package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// ledgerRow writes what the Omni Layer's ledger made of a block.
func (w *writing) ledgerRow(r any) (bool, error) {
	switch r := r.(type) {
	case ledger.SeenRow:
		return true, w.q.PutAssetSeen(w.ctx, db.PutAssetSeenParams{Height: integer(r.Height), Hash: r.Hash[:]})
	case ledger.BlockRow:
		return true, w.q.InsertAssetBlock(w.ctx, db.InsertAssetBlockParams{
			Height: integer(r.Ref.Height), Hash: r.Ref.Hash[:], Changes: r.Changes.Encode(),
		})
	case ledger.GoneRow:
		return true, found(w.q.DeleteAssetBlock(w.ctx, integer(r.Height)))
	case ledger.Entry:
		return true, w.assetEntry(r)
	case ledger.BalanceRow:
		if r.Units == 0 {
			return true, w.q.DeleteAssetBalance(w.ctx, db.DeleteAssetBalanceParams{Address: r.Address, Property: integer(r.Property)})
		}
		return true, w.q.PutAssetBalance(w.ctx, db.PutAssetBalanceParams{Address: r.Address, Property: integer(r.Property), Units: integer(r.Units)})
	case ledger.PropertyRow:
		if r.Property == nil {
			return true, w.q.DeleteAssetProperty(w.ctx, integer(r.ID))
		}
		return true, w.q.PutAssetProperty(w.ctx, db.PutAssetPropertyParams{ID: integer(r.ID), Property: r.Property.Encode()})
	case ledger.SaleRow:
		if r.Sale == nil {
			return true, w.q.DeleteAssetSale(w.ctx, r.Issuer)
		}
		return true, w.q.PutAssetSale(w.ctx, db.PutAssetSaleParams{Issuer: r.Issuer, Sale: r.Sale.Encode()})
	case ledger.FrozenRow:
		if !r.Frozen {
			return true, w.q.DeleteAssetFrozen(w.ctx, db.DeleteAssetFrozenParams{Address: r.Address, Property: integer(r.Property)})
		}
		return true, w.q.PutAssetFrozen(w.ctx, db.PutAssetFrozenParams{Address: r.Address, Property: integer(r.Property)})
	}
	return false, nil
}

func (w *writing) assetEntry(e ledger.Entry) error {
	if err := w.q.InsertAssetEntry(w.ctx, db.InsertAssetEntryParams{
		Height: integer(e.Height), Idx: integer(e.Index), Txid: e.TxID[:], Type: integer(e.Type), Sender: e.Sender, Reference: e.Reference,
		Property: integer(e.Property), Units: integer(e.Units), Failure: e.Failure, Alarm: e.Alarm,
	}); err != nil {
		return err
	}
	for i, m := range e.Moves {
		if err := w.q.InsertAssetMove(w.ctx, db.InsertAssetMoveParams{
			Address: m.Address, Height: integer(e.Height), Idx: integer(e.Index), N: int64(i),
			Property: integer(m.Property), Before: integer(m.Before), After: integer(m.After),
		}); err != nil {
			return err
		}
	}
	return nil
}

// Ledger reads what the ledger of the Omni Layer is made of; false when there was never
// one.
func (s *Store) Ledger(ctx context.Context) (out ledger.Rows, ok bool, err error) {
	err = s.view(ctx, func(q *db.Queries) error {
		seen, err := q.AssetSeen(ctx)
		if out.Seen, ok, err = maybe(seen, err, func(r db.AssetSeenRow) (chain.BlockRef, error) { return blockRef(r.Height, r.Hash) }); err != nil || !ok {
			return err
		}
		properties, err := q.AssetProperties(ctx, db.AssetPropertiesParams{Limit: -1})
		if out.Properties, err = all(properties, err, readProperty); err != nil {
			return err
		}
		balances, err := q.AssetBalances(ctx)
		if out.Balances, err = all(balances, err, func(r db.AssetBalance) (asset.Balance, error) {
			return asset.Balance{Key: assetKey(r.Address, r.Property), Units: unsigned[amount.Units](r.Units)}, nil
		}); err != nil {
			return err
		}
		sales, err := q.AssetSales(ctx)
		if err != nil {
			return err
		}
		out.Sales = make(map[string]asset.Crowdsale, len(sales))
		for _, r := range sales {
			if out.Sales[r.Issuer], err = asset.DecodeCrowdsale(r.Sale); err != nil {
				return damaged(err)
			}
		}
		frozen, err := q.AssetsFrozen(ctx)
		out.Frozen, err = all(frozen, err, func(r db.AssetFrozen) (asset.Key, error) { return assetKey(r.Address, r.Property), nil })
		return err
	})
	return out, ok && err == nil, err
}

func damaged(err error) error { return fmt.Errorf("%w: %w", errColumn, err) }

func assetKey(address string, property int64) asset.Key {
	return asset.Key{Address: address, Property: unsigned[amount.Property](property)}
}

func blockRef(height int64, hash []byte) (ref chain.BlockRef, err error) {
	var c columns
	ref.Height = unsigned[uint32](height)
	c.fixed(ref.Hash[:], hash)
	return ref, c.err
}

func readProperty(b []byte) (asset.Property, error) {
	p, err := asset.DecodeProperty(b)
	if err != nil {
		return p, damaged(err)
	}
	return p, nil
}

// AssetBlock is what a block did with tokens: see [ledger.Blocks].
func (s *Store) AssetBlock(ctx context.Context, height uint32) (ledger.BlockRow, bool, error) {
	r, err := s.q.AssetBlock(ctx, integer(height))
	return maybe(r, err, func(r db.AssetBlock) (out ledger.BlockRow, err error) {
		if out.Ref, err = blockRef(r.Height, r.Hash); err != nil {
			return out, err
		}
		if out.Changes, err = asset.DecodeChanges(r.Changes); err != nil {
			return out, damaged(err)
		}
		return out, nil
	})
}

// AssetHeight implements [ledger.View]: it is that of the last block that was marked.
func (s *Store) AssetHeight(ctx context.Context) (uint32, bool, error) {
	r, err := s.q.AssetSeen(ctx)
	return maybe(r, err, func(r db.AssetSeenRow) (uint32, error) { return unsigned[uint32](r.Height), nil })
}

// Asset implements [ledger.View].
func (s *Store) Asset(ctx context.Context, id amount.Property) (asset.Property, bool, error) {
	b, err := s.q.AssetProperty(ctx, integer(id))
	return maybe(b, err, readProperty)
}

// Assets implements [ledger.View].
func (s *Store) Assets(ctx context.Context, from amount.Property, limit int) ([]asset.Property, error) {
	rows, err := s.q.AssetProperties(ctx, db.AssetPropertiesParams{ID: integer(from), Limit: int64(limit)})
	return all(rows, err, readProperty)
}

// AssetTotal implements [ledger.View].
func (s *Store) AssetTotal(ctx context.Context, id amount.Property) (amount.Units, error) {
	n, err := s.q.AssetTotal(ctx, integer(id))
	return unsigned[amount.Units](n), err
}

// AssetHoldings implements [ledger.View].
func (s *Store) AssetHoldings(ctx context.Context, address string) ([]ledger.Holding, error) {
	rows, err := s.q.AssetHoldings(ctx, address)
	return all(rows, err, func(r db.AssetHoldingsRow) (ledger.Holding, error) {
		return holding(address, r.Property, r.Units, r.Frozen), nil
	})
}

func holding(address string, property, units, frozen int64) ledger.Holding {
	return ledger.Holding{Balance: asset.Balance{Key: assetKey(address, property), Units: unsigned[amount.Units](units)}, Frozen: frozen != 0}
}

// AssetEntry is what became of a transaction, where it is in a block that was applied.
func (s *Store) AssetEntry(ctx context.Context, txid chainhash.Hash) (ledger.Entry, bool, error) {
	r, err := s.q.AssetEntry(ctx, txid[:])
	return maybe(r, err, func(r db.AssetEntry) (ledger.Entry, error) { return s.readEntry(ctx, r) })
}

// AssetHistory lists the transactions that changed what an address has, from a place in
// the chain on, the oldest first.
func (s *Store) AssetHistory(ctx context.Context, address string, height, index uint32, limit int) ([]ledger.Entry, error) {
	rows, err := s.q.AssetHistory(ctx, db.AssetHistoryParams{Address: address, Height: integer(height), Idx: integer(index), Most: int64(limit)})
	return all(rows, err, func(r db.AssetEntry) (ledger.Entry, error) { return s.readEntry(ctx, r) })
}

func (s *Store) readEntry(ctx context.Context, r db.AssetEntry) (ledger.Entry, error) {
	var c columns
	out := ledger.Entry{
		Height: unsigned[uint32](r.Height), Index: unsigned[uint32](r.Idx), Type: unsigned[uint16](r.Type),
		Sender: r.Sender, Reference: r.Reference, Property: unsigned[amount.Property](r.Property),
		Units: unsigned[amount.Units](r.Units), Failure: r.Failure, Alarm: r.Alarm,
	}
	c.fixed(out.TxID[:], r.Txid)
	moves, err := s.q.AssetMoves(ctx, db.AssetMovesParams{Height: r.Height, Idx: r.Idx})
	for _, m := range moves {
		out.Moves = append(out.Moves, asset.BalanceChange{
			Key: assetKey(m.Address, m.Property), Before: unsigned[amount.Units](m.Before), After: unsigned[amount.Units](m.After),
		})
	}
	return out, errors.Join(err, c.err)
}

// OwnAsset is what an address of the wallet has of a property.
type OwnAsset struct {
	ledger.Holding
	Script []byte
}

// OwnAssets are what the addresses of the wallet have, by rising property.
func (s *Store) OwnAssets(ctx context.Context) ([]OwnAsset, error) {
	rows, err := s.q.AssetsOwn(ctx)
	return all(rows, err, func(r db.AssetsOwnRow) (OwnAsset, error) {
		return OwnAsset{holding(r.Address, r.Property, r.Units, r.Frozen), r.Script}, nil
	})
}

var _ ledger.View = (*Store)(nil)
