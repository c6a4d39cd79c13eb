package store

import (
	"context"

	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/store/compact"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// InvoicesBefore lists up to limit invoices that have expired, or were paid, until a
// time in unix seconds, the oldest first.
func (s *Store) InvoicesBefore(ctx context.Context, status invoice.Status, until uint64, limit int) ([]invoice.Row, error) {
	if status == invoice.Paid {
		r, err := s.q.PaidInvoicesBefore(ctx, db.PaidInvoicesBeforeParams{PaidAt: place(until), Limit: int64(limit)})
		return all(r, err, readInvoice)
	}
	r, err := s.q.ExpiredInvoicesBefore(ctx, db.ExpiredInvoicesBeforeParams{ExpiresAt: place(until), Limit: int64(limit)})
	return all(r, err, readInvoice)
}

// CountInvoicesAfter counts invoices that have expired, or were paid, after a time.
func (s *Store) CountInvoicesAfter(ctx context.Context, status invoice.Status, after uint64) (uint64, error) {
	count := s.q.CountExpiredInvoicesAfter
	if status == invoice.Paid {
		count = s.q.CountPaidInvoicesAfter
	}
	n, err := count(ctx, place(after))
	return unsigned[uint64](n), err
}

// InvoicesCleaned is how many invoices of a status were ever deleted for their age.
func (s *Store) InvoicesCleaned(ctx context.Context, status invoice.Status) (uint64, error) {
	return s.counter(ctx, cleaned+string(status))
}

func (s *Store) counter(ctx context.Context, name string) (uint64, error) {
	n, err := orNone(s.q.Counter(ctx, name))
	return unsigned[uint64](n), err
}

// InvoiceIndexes are how far the indexes of invoices have come: of creation, of
// change and of deletion.
func (s *Store) InvoiceIndexes(ctx context.Context) (created, updated, deleted uint64, err error) {
	if created, err = s.sequence(ctx, "invoices"); err != nil {
		return 0, 0, 0, err
	}
	if updated, err = s.counter(ctx, invoiceUpdates); err != nil {
		return 0, 0, 0, err
	}
	deleted, err = s.counter(ctx, invoiceDeletes)
	return created, updated, deleted, err
}

// CleanedRow counts what was deleted for its age, by kind.
type CleanedRow struct {
	Kind  string
	Count uint64
}

// Table implements [durable.Row].
func (CleanedRow) Table() string { return "counters" }

func (w *writing) cleaned(r CleanedRow) error {
	return w.q.AddCounter(w.ctx, db.AddCounterParams{Name: "cleaned." + r.Kind, Value: integer(r.Count)})
}

// Cleaned is how many of a kind were ever deleted for their age.
func (s *Store) Cleaned(ctx context.Context, kind string) (uint64, error) {
	return s.counter(ctx, "cleaned."+kind)
}

// CountForwardsAfter counts forwards that ended with one of the statuses after a time.
func (s *Store) CountForwardsAfter(ctx context.Context, after uint64, of ...ForwardStatus) (n uint64, err error) {
	for _, status := range of {
		some, err := s.q.CountForwardsAfter(ctx, db.CountForwardsAfterParams{Status: string(status), ResolvedAt: place(after)})
		if err != nil {
			return 0, err
		}
		n += unsigned[uint64](some)
	}
	return n, nil
}

// PaymentsBefore lists up to limit payments that ended with a status until a time, with a
// created_index of at least start, in that order.
func (s *Store) PaymentsBefore(ctx context.Context, status pay.Status, until, start uint64, limit int) ([]pay.PaymentRow, error) {
	r, err := s.q.PaymentsBefore(ctx, db.PaymentsBeforeParams{Status: compact.Status(status), CompletedAt: place(until), CreatedIndex: place(start), Limit: int64(limit)})
	return all(r, err, s.payments(ctx))
}

// CountPaymentsAfter counts payments that ended with a status after a time.
func (s *Store) CountPaymentsAfter(ctx context.Context, status pay.Status, after uint64) (uint64, error) {
	n, err := s.q.CountPaymentsAfter(ctx, db.CountPaymentsAfterParams{Status: compact.Status(status), CompletedAt: place(after)})
	return unsigned[uint64](n), err
}
