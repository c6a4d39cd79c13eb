package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// ErrGone is the refusal of a change to an invoice that is not there or is not
// unpaid any more, or to a payment that is complete.
var ErrGone = errors.New("it is not there, or has changed meanwhile")

// Counters of the invoices' indexes.
const (
	invoiceUpdates = "invoices.updated_index"
	invoicePays    = "invoices.pay_index"
	invoiceDeletes = "invoices.deleted_index"
	cleaned        = "invoices.cleaned." // and a status
)

func (w *writing) invoiceRow(r any) (bool, error) {
	switch r := r.(type) {
	case packedInvoice:
		index, err := w.q.InsertInvoice(w.ctx, db.InsertInvoiceParams{
			Label: r.Label, PaymentHash: r.PaymentHash[:], Preimage: r.Preimage[:], PaymentSecret: r.Secret[:],
			AmountMsat: optional(integer(r.Amount.Msat), !r.Amount.Any), Description: r.Description,
			DescHashOnly: boolean(r.DescriptionHashOnly), Bolt11: r.text,
			CreatedAt: integer(r.CreatedAt), ExpiresAt: integer(r.ExpiresAt), MinFinalCltv: integer(r.MinFinalCLTVExpiryDelta),
			Hold: boolean(r.Hold), Property: integer(r.Property), Units: integer(r.Units),
			Room: make([]byte, 12), // for what its end will write, as resultRoom of a payment
		})
		if r.Assigned != nil {
			*r.Assigned = unsigned[uint64](index)
		}
		w.texts = cmp.Or(w.texts, index)
		return true, err
	case invoice.PaidRow:
		updated, err := w.next(invoiceUpdates)
		if err != nil {
			return true, err
		}
		paid, err := w.next(invoicePays)
		if err != nil {
			return true, err
		}
		return true, found(w.q.PayInvoice(w.ctx, db.PayInvoiceParams{
			ReceivedMsat: integer(r.Received), ReceivedUnits: integer(r.Got), PaidAt: integer(r.PaidAt), PayIndex: optional(paid, true),
			UpdatedIndex: updated, PaymentHash: r.PaymentHash[:],
		}))
	case invoice.ExpiredRow:
		updated, err := w.next(invoiceUpdates)
		if err != nil {
			return true, err
		}
		return true, found(w.q.ExpireInvoice(w.ctx, db.ExpireInvoiceParams{UpdatedIndex: updated, PaymentHash: r.PaymentHash[:]}))
	case invoice.DeletedRow:
		if err := w.indexTexts(); err != nil {
			return true, err
		}
		if _, err := w.next(invoiceDeletes); err != nil {
			return true, err
		}
		return true, found(w.q.DeleteInvoice(w.ctx, r.PaymentHash[:]))
	case invoice.BareRow:
		if err := w.indexTexts(); err != nil {
			return true, err
		}
		updated, err := w.next(invoiceUpdates)
		if err != nil {
			return true, err
		}
		old, err := w.q.InvoiceByHash(w.ctx, r.PaymentHash[:])
		row, ok, err := maybe(old, err, readInvoice)
		if err != nil || !ok {
			return true, found(0, err)
		}
		row.Description = ""
		return true, found(w.q.BareInvoice(w.ctx, db.BareInvoiceParams{Bolt11: packed(row), UpdatedIndex: updated, PaymentHash: r.PaymentHash[:]}))
	case invoice.CleanedRow:
		return true, w.q.AddCounter(w.ctx, db.AddCounterParams{Name: cleaned + string(r.Status), Value: int64(r.Count)})
	}
	return w.heldRow(r)
}

// indexTexts adds the texts of this transaction's invoices to their index: all at once at its
// end, and before one of them may be taken out again.
func (w *writing) indexTexts() error {
	from := w.texts
	if from == 0 {
		return nil
	}
	w.texts = 0
	return w.q.IndexTexts(w.ctx, from)
}

// packedInvoice is an invoice with its text as it is stored.
type packedInvoice struct {
	invoice.Row
	text []byte
}

// ahead does with rows what can be done before it is the writer's turn.
func ahead(rows []durable.Row) []durable.Row {
	out := slices.Clone(rows)
	for i, r := range rows {
		if r, ok := r.(invoice.Row); ok {
			out[i] = packedInvoice{r, packed(r)}
		}
	}
	return out
}

// packed is an invoice's text without what stands in other columns.
func packed(r invoice.Row) []byte { return bolt11.Pack(r.Bolt11, known(&r)) }

func known(r *invoice.Row) bolt11.Known {
	return bolt11.Known{PaymentHash: r.PaymentHash, PaymentSecret: r.Secret, Description: r.Description, Amount: &r.Amount.Msat}
}

// found is for a change that somebody else may have overtaken.
func found(rows int64, err error) error {
	if err == nil && rows == 0 {
		return ErrGone
	}
	return err
}

func readInvoice(r db.Invoice) (invoice.Row, error) {
	var c columns
	out := invoice.Row{
		Label: r.Label, Amount: amount.OrAny{Msat: unsigned[amount.MilliSatoshi](r.AmountMsat.Int64), Any: !r.AmountMsat.Valid},
		Description: r.Description, DescriptionHashOnly: r.DescHashOnly != 0,
		CreatedAt: unsigned[uint64](r.CreatedAt), ExpiresAt: unsigned[uint64](r.ExpiresAt),
		MinFinalCLTVExpiryDelta: unsigned[uint32](r.MinFinalCltv),
		Status:                  invoice.Status(r.Status), Received: unsigned[amount.MilliSatoshi](r.ReceivedMsat),
		PaidAt: unsigned[uint64](r.PaidAt), CreatedIndex: unsigned[uint64](r.CreatedIndex),
		UpdatedIndex: unsigned[uint64](r.UpdatedIndex), PayIndex: unsigned[uint64](r.PayIndex.Int64),
		Hold: r.Hold != 0, AcceptedAt: unsigned[uint64](r.AcceptedAt), Deadline: unsigned[uint32](r.Deadline),
		CancelledAt: unsigned[uint64](r.CancelledAt),
		Property:    unsigned[amount.Property](r.Property), Units: unsigned[amount.Units](r.Units), Got: unsigned[amount.Units](r.ReceivedUnits),
	}
	c.fixed(out.PaymentHash[:], r.PaymentHash)
	c.fixed(out.Preimage[:], r.Preimage)
	c.fixed(out.Secret[:], r.PaymentSecret)
	var err error
	if out.Bolt11, err = bolt11.Unpack(r.Bolt11, known(&out)); err != nil {
		c.fail("%v", err)
	}
	return out, c.err
}

// orNone is what a row has, and nothing when it is not there.
func orNone[T any](v T, err error) (T, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return v, nil
	}
	return v, err
}

// maybe turns "no such row" into false.
func maybe[In, Out any](in In, err error, read func(In) (Out, error)) (out Out, ok bool, _ error) {
	if errors.Is(err, sql.ErrNoRows) {
		return out, false, nil
	}
	if err != nil {
		return out, false, err
	}
	out, err = read(in)
	return out, err == nil, err
}

func all[In, Out any](in []In, err error, read func(In) (Out, error)) ([]Out, error) {
	if err != nil {
		return nil, err
	}
	out := make([]Out, 0, len(in))
	for _, r := range in {
		o, err := read(r)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// InvoiceByHash finds an invoice by payment hash.
func (s *Store) InvoiceByHash(ctx context.Context, hash wire.PaymentHash) (invoice.Row, bool, error) {
	r, err := s.q.InvoiceByHash(ctx, hash[:])
	return maybe(r, err, readInvoice)
}

// InvoiceByLabel finds an invoice by label.
func (s *Store) InvoiceByLabel(ctx context.Context, label string) (invoice.Row, bool, error) {
	r, err := s.q.InvoiceByLabel(ctx, label)
	return maybe(r, err, readInvoice)
}

// Invoices lists up to limit invoices with a created_index of at least start, in
// that order.
func (s *Store) Invoices(ctx context.Context, start uint64, limit int) ([]invoice.Row, error) {
	r, err := s.q.InvoicesByCreated(ctx, db.InvoicesByCreatedParams{CreatedIndex: place(start), Limit: int64(limit)})
	return all(r, err, readInvoice)
}

// InvoicesUpdated lists up to limit invoices with an updated_index of at least
// start, in that order.
func (s *Store) InvoicesUpdated(ctx context.Context, start uint64, limit int) ([]invoice.Row, error) {
	r, err := s.q.InvoicesByUpdated(ctx, db.InvoicesByUpdatedParams{UpdatedIndex: place(start), Limit: int64(limit)})
	return all(r, err, readInvoice)
}

// InvoicePaidAfter finds the first invoice with a pay_index above after.
func (s *Store) InvoicePaidAfter(ctx context.Context, after uint64) (invoice.Row, bool, error) {
	r, err := s.q.InvoiceByPayIndex(ctx, optional(place(after), true))
	return maybe(r, err, readInvoice)
}

// InvoicesToExpire lists up to limit unpaid invoices whose time is over at now, in
// unix seconds.
func (s *Store) InvoicesToExpire(ctx context.Context, now uint64, limit int) ([]invoice.Row, error) {
	r, err := s.q.InvoicesToExpire(ctx, db.InvoicesToExpireParams{ExpiresAt: integer(now), Limit: int64(limit)})
	return all(r, err, readInvoice)
}

// NextInvoiceExpiry is when the next unpaid invoice expires, in unix seconds.
func (s *Store) NextInvoiceExpiry(ctx context.Context) (at uint64, ok bool, err error) {
	t, err := s.q.NextInvoiceExpiry(ctx)
	return maybe(t, err, func(t int64) (uint64, error) { return unsigned[uint64](t), nil })
}
