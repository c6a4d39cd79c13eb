package store

import (
	"context"
	"errors"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/store/db"
	"github.com/leyden-ln/leyden/internal/wallet"
)

func (w *writing) walletRow(r any) (bool, error) {
	switch r := r.(type) {
	case keys.SignerRow:
		return true, w.q.PutSigner(w.ctx, db.PutSignerParams{
			KeyIndex: integer(r.KeyIndex), Signed: integer(r.Signed), SignedHash: r.SignedHash[:], Revoked: integer(r.Revoked),
		})
	case wallet.AddressRow:
		return true, w.q.PutAddress(w.ctx, db.PutAddressParams{
			Kind: integer(uint32(r.Kind)), Branch: integer(r.Branch), Idx: integer(r.Index), Script: r.Script, Address: r.Address,
		})
	case wallet.CoinRow:
		return true, w.q.PutCoin(w.ctx, db.PutCoinParams{
			Txid: r.OutPoint.Hash[:], Output: integer(r.OutPoint.Index), ValueSat: integer(r.Value), Script: r.Script,
			Coinbase: boolean(r.Coinbase), Height: integer(r.Height), SpentBy: r.SpentBy[:], SpentHeight: integer(r.SpentHeight),
			ReservedFor: r.ReservedFor, ReservedUntil: integer(r.ReservedUntil),
		})
	case wallet.TxRow:
		return true, w.q.PutTx(w.ctx, db.PutTxParams{
			Txid: r.Txid[:], Number: integer(r.Number), Raw: r.Raw, Label: r.Label, Height: integer(r.Height),
			Conflict: integer(r.Conflict), Abandoned: boolean(r.Abandoned), Place: integer(r.Place),
		})
	case wallet.TipRow:
		return true, w.q.PutTip(w.ctx, db.PutTipParams{Height: integer(r.Height), Highest: integer(r.Highest)})
	}
	return false, nil
}

// Signer reads what the signer of a channel remembers.
func (s *Store) Signer(ctx context.Context, keyIndex uint32) (keys.SignerRow, bool, error) {
	r, err := s.q.Signer(ctx, integer(keyIndex))
	return maybe(r, err, func(r db.Signer) (keys.SignerRow, error) {
		var c columns
		out := keys.SignerRow{KeyIndex: keyIndex, Signed: unsigned[uint64](r.Signed), Revoked: unsigned[uint64](r.Revoked)}
		c.fixed(out.SignedHash[:], r.SignedHash)
		return out, c.err
	})
}

func walletTx(c *columns, t db.WalletTx) wallet.TxRow {
	row := wallet.TxRow{
		Txid: chainhash.Hash{}, Number: unsigned[uint64](t.Number), Raw: t.Raw, Label: t.Label,
		Height: unsigned[uint32](t.Height), Conflict: unsigned[uint32](t.Conflict), Abandoned: t.Abandoned != 0, Place: unsigned[uint32](t.Place),
	}
	c.fixed(row.Txid[:], t.Txid)
	return row
}

// Transactions reads those that we published, and those of others in blocks that moved
// coins of ours, from a number on.
func (s *Store) Transactions(ctx context.Context, from uint64, limit int) ([]wallet.TxRow, error) {
	rows, err := s.q.TxsFrom(ctx, db.TxsFromParams{Number: integer(from), Limit: int64(limit)})
	var c columns
	out := make([]wallet.TxRow, 0, len(rows))
	for _, r := range rows {
		out = append(out, walletTx(&c, r))
	}
	return out, errors.Join(err, c.err)
}

// Wallet reads the wallet's rows: all but coins and transactions that were spent and
// confirmed too long ago for any reorganization.
func (s *Store) Wallet(ctx context.Context) (out wallet.Rows, err error) {
	err = s.view(ctx, func(q *db.Queries) error {
		addresses, err := q.Addresses(ctx)
		if err != nil {
			return err
		}
		for _, a := range addresses {
			out.Addresses = append(out.Addresses, wallet.AddressRow{
				Kind: wallet.Kind(unsigned[uint32](a.Kind)), Branch: unsigned[uint32](a.Branch), Index: unsigned[uint32](a.Idx),
				Script: a.Script, Address: a.Address,
			})
		}
		tip, err := q.Tip(ctx)
		out.Tip, _, err = maybe(tip, err, func(r db.TipRow) (wallet.TipRow, error) {
			return wallet.TipRow{Height: unsigned[uint32](r.Height), Highest: unsigned[uint32](r.Highest)}, nil
		})
		if err != nil {
			return err
		}
		settled := int64(out.Tip.Highest) - wallet.Depth // no reorganization reaches it
		coins, err := q.Coins(ctx, settled)
		if err != nil {
			return err
		}
		var c columns
		for _, k := range coins {
			row := wallet.CoinRow{
				OutPoint: btcwire.OutPoint{Index: unsigned[uint32](k.Output)}, Value: unsigned[amount.Satoshi](k.ValueSat),
				Script: k.Script, Coinbase: k.Coinbase != 0, Height: unsigned[uint32](k.Height),
				SpentHeight: unsigned[uint32](k.SpentHeight),
				ReservedFor: k.ReservedFor, ReservedUntil: unsigned[uint32](k.ReservedUntil),
			}
			c.fixed(row.OutPoint.Hash[:], k.Txid)
			c.fixed(row.SpentBy[:], k.SpentBy)
			out.Coins = append(out.Coins, row)
		}
		txs, err := q.Txs(ctx, settled)
		if err != nil {
			return err
		}
		for _, t := range txs {
			out.Txs = append(out.Txs, walletTx(&c, t))
		}
		last, err := q.LastTx(ctx)
		if err != nil {
			return err
		}
		out.Number = unsigned[uint64](last)
		return c.err
	})
	return out, err
}
