package store

import (
	"context"
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// heldRow writes what becomes of a held invoice.
func (w *writing) heldRow(r any) (bool, error) {
	switch r := r.(type) {
	case invoice.HeldRow:
		key, err := w.key(r.In.Channel)
		if err != nil {
			return true, err
		}
		return true, w.q.InsertHeldPart(w.ctx, db.InsertHeldPartParams{
			Channel: key, Htlc: integer(r.In.ID), PaymentHash: r.PaymentHash[:], Amount: integer(r.Amount), Units: integer(r.Units), CltvExpiry: integer(r.CLTVExpiry),
		})
	case invoice.AcceptedRow:
		updated, err := w.next(invoiceUpdates)
		if err != nil {
			return true, err
		}
		return true, found(w.q.AcceptInvoice(w.ctx, db.AcceptInvoiceParams{
			ReceivedMsat: integer(r.Received), ReceivedUnits: integer(r.Got), AcceptedAt: integer(r.AcceptedAt), Deadline: integer(r.Deadline),
			UpdatedIndex: updated, PaymentHash: r.PaymentHash[:],
		}))
	case invoice.SettledRow:
		return true, w.settle(r)
	case invoice.CancelledRow:
		updated, err := w.next(invoiceUpdates)
		if err != nil {
			return true, err
		}
		if err := found(w.q.CancelInvoice(w.ctx, db.CancelInvoiceParams{
			CancelledAt: integer(r.CancelledAt), UpdatedIndex: updated, PaymentHash: r.PaymentHash[:],
		})); err != nil {
			return true, err
		}
		return true, w.q.DeleteHeldParts(w.ctx, r.PaymentHash[:])
	}
	return false, nil
}

func (w *writing) settle(r invoice.SettledRow) error {
	updated, err := w.next(invoiceUpdates)
	if err != nil {
		return err
	}
	paid, err := w.next(invoicePays)
	if err != nil {
		return err
	}
	if err := found(w.q.SettleInvoice(w.ctx, db.SettleInvoiceParams{
		Preimage: r.Preimage[:], PaidAt: integer(r.PaidAt), PayIndex: optional(paid, true), UpdatedIndex: updated,
		PaymentHash: r.PaymentHash[:],
	})); err != nil {
		return err
	}
	return w.q.DeleteHeldParts(w.ctx, r.PaymentHash[:])
}

// Held is an invoice that is accepted, with the parts that are held for it.
type Held struct {
	Invoice invoice.Row
	Parts   []invoice.HeldRow
}

// HeldInvoices finds the invoices that are accepted.
func (s *Store) HeldInvoices(ctx context.Context) (out []Held, err error) {
	err = s.view(ctx, func(q *db.Queries) error {
		parts, err := q.HeldParts(ctx)
		if err != nil {
			return err
		}
		known := map[wire.PaymentHash]int{}
		for _, p := range parts {
			var c columns
			part := invoice.HeldRow{
				In:     channel.Ref{Channel: wire.ChannelID(p.ChannelID), ID: unsigned[uint64](p.Htlc)},
				Amount: unsigned[amount.MilliSatoshi](p.Amount), Units: unsigned[amount.Units](p.Units), CLTVExpiry: unsigned[uint32](p.CltvExpiry),
			}
			c.fixed(part.PaymentHash[:], p.PaymentHash)
			if c.err != nil {
				return c.err
			}
			i, seen := known[part.PaymentHash]
			if !seen {
				r, err := q.InvoiceByHash(ctx, p.PaymentHash)
				if err != nil {
					return fmt.Errorf("held invoice %s: %w", part.PaymentHash, err)
				}
				row, err := readInvoice(r)
				if err != nil {
					return err
				}
				i = len(out)
				known[part.PaymentHash] = i
				out = append(out, Held{Invoice: row})
			}
			out[i].Parts = append(out[i].Parts, part)
		}
		return nil
	})
	return out, err
}

// Holds lists up to limit held invoices, whatever has become of them, with a
// created_index of at least start, in that order.
func (s *Store) Holds(ctx context.Context, start uint64, limit int) ([]invoice.Row, error) {
	r, err := s.q.HeldInvoices(ctx, db.HeldInvoicesParams{CreatedIndex: place(start), Limit: int64(limit)})
	return all(r, err, readInvoice)
}
