package store

import (
	"bytes"
	"context"
	"fmt"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// onchainRow writes what happened to channels on the chain.
func (w *writing) onchainRow(r any) (bool, error) {
	switch r := r.(type) {
	case enforce.SpendRow:
		key, err := w.key(r.Channel)
		if err != nil {
			return true, err
		}
		var raw bytes.Buffer
		if err := r.Tx.Serialize(&raw); err != nil {
			return true, err
		}
		txid := r.Tx.TxHash()
		return true, w.q.PutSpend(w.ctx, db.PutSpendParams{Channel: key, Txid: txid[:], Height: integer(r.Height), Raw: raw.Bytes()})
	case enforce.UnspendRow:
		return true, w.q.DeleteSpends(w.ctx, integer(r.Height))
	}
	return false, nil
}

// Spends reads what is confirmed of channels that are not closed for good, in the
// order of blocks.
func (s *Store) Spends(ctx context.Context) ([]enforce.SpendRow, error) {
	rows, err := s.q.Spends(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]enforce.SpendRow, len(rows))
	for i, r := range rows {
		tx := btcwire.NewMsgTx(2)
		if err := tx.Deserialize(bytes.NewReader(r.Raw)); err != nil {
			return nil, fmt.Errorf("%w: a transaction of channel %x: %w", errColumn, r.ID, err)
		}
		out[i] = enforce.SpendRow{Channel: wire.ChannelID(r.ID), Height: unsigned[uint32](r.Height), Tx: tx}
	}
	return out, nil
}
