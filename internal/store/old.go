package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/leyden-ln/leyden/internal/invoice"
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
	n, err := s.q.Counter(ctx, name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
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
