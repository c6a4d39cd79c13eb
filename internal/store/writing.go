package store

import (
	"context"
	"fmt"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// writing is one transaction of the writer.
type writing struct {
	ctx  context.Context
	q    *db.Queries
	now  int64
	keys map[wire.ChannelID]int64

	parties map[wire.NodeID]uint64
	traffic map[int64]*db.AddTrafficParams // to be added, by channel
	event   bool                           // an event was written
	texts   int64                          // the first invoice whose texts are yet to be indexed; zero: none
}

// Queries are for rooms beside this one, to read.
func (s *Store) Queries() *db.Queries { return s.q }

// row writes one row with the statement of its type, or its own, of a room beside this one.
func (w *writing) row(r durable.Row) error {
	if own, ok := r.(db.Own); ok {
		return own.Put(w.ctx, w.q)
	}
	for _, room := range []func(any) (bool, error){w.channelRow, w.invoiceRow, w.paymentRow, w.walletRow, w.gossipRow, w.nodeRow, w.onchainRow, w.forwardRow, w.dataRow, w.storageRow, w.runeRow, w.webhookRow, w.ledgerRow} {
		if mine, err := room(r); mine {
			return err
		}
	}
	return fmt.Errorf("no statement for a %T", r)
}

// next draws the next number of a counter, from 1 up.
func (w *writing) next(counter string) (int64, error) { return w.q.NextCounter(w.ctx, counter) }
