package receiver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
)

// Settle fulfils what is held for the invoice of a preimage. To settle one again is
// no error. Errors: [ErrNotFound], [ErrStatus], [invoice.ErrTooLate], [ErrStopped], and
// the disk's.
func (r *Receiver) Settle(ctx context.Context, preimage wire.Preimage) (invoice.Row, error) {
	return r.decide(ctx, sha256.Sum256(preimage[:]), func(row invoice.Row) error {
		switch row.Status {
		case invoice.Paid:
			return nil
		case invoice.Accepted:
			return r.till.Settle(preimage, time.Now(), r.Height())
		}
		return ErrStatus
	})
}

// Cancel ends a held invoice that is not settled and fails what is held for it. To
// cancel one again is no error. Errors: [ErrNotFound], [ErrStatus], [ErrStopped], and
// the disk's.
func (r *Receiver) Cancel(ctx context.Context, hash wire.PaymentHash) (invoice.Row, error) {
	return r.decide(ctx, hash, func(row invoice.Row) error {
		switch {
		case row.CancelledAt != 0:
			return nil
		case row.Status == invoice.Unpaid || row.Status == invoice.Accepted:
			r.till.Cancel(row, time.Now(), r.Height())
			return nil
		}
		return ErrStatus
	})
}

// decide lets Run's goroutine do something about a held invoice, and gives what has
// become of it.
func (r *Receiver) decide(ctx context.Context, hash wire.PaymentHash, do func(row invoice.Row) error) (row invoice.Row, err error) {
	err = r.ask(func(ctx context.Context) (refusal, err error) {
		var found bool
		row, found, refusal = r.Invoices.ByHash(ctx, hash)
		switch {
		case refusal != nil:
			return refusal, nil
		case !found || !row.Hold:
			return ErrNotFound, nil
		}
		if refusal = do(row); refusal != nil {
			return refusal, nil
		}
		return nil, r.act(ctx)
	})
	if err != nil {
		return row, err
	}
	stored, found, err := r.Invoices.ByHash(context.WithoutCancel(ctx), hash)
	if err == nil && found { // else it was deleted at once
		row = stored
	}
	return row, err
}

// Bare takes the description off an invoice that has the status named, and returns
// what it was. Errors: those of [Receiver.Delete], and [ErrBare].
func (r *Receiver) Bare(ctx context.Context, label string, status invoice.Status) (row invoice.Row, err error) {
	return r.with(label, status, func(ctx context.Context, row invoice.Row) (refusal, err error) {
		if row.Description == "" {
			return ErrBare, nil
		}
		_, err = durable.Hold(struct{}{}, row.Bare()...).Commit(ctx, r.Writer)
		return nil, err
	})
}

// ErrBare is that an invoice has no description.
var ErrBare = errors.New("the invoice has no description already")

// cleanAtOnce is how many invoices are deleted in one transaction, so that no payment
// waits for long.
const cleanAtOnce = 100

// Clean deletes invoices that have expired, or were paid, until a time in unix
// seconds, and counts them. Errors: [ErrStopped], ctx's, and the disk's.
func (r *Receiver) Clean(ctx context.Context, status invoice.Status, until uint64) (cleaned int, err error) {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return cleaned, err
		}
		if err := r.ask(func(ctx context.Context) (refusal, err error) {
			rows, refusal := r.Invoices.Before(ctx, status, until, cleanAtOnce)
			if refusal != nil {
				return refusal, nil
			}
			var changes []durable.Row
			count := 0
			for _, row := range rows {
				// A set whose invoice has expired is failed in a minute at the most: it
				// is gone at the next cleaning.
				if !r.till.Held(row.PaymentHash) {
					changes = append(changes, row.Deletion()...)
					count++
				}
			}
			more = len(rows) == cleanAtOnce && count > 0
			if count == 0 {
				return nil, nil
			}
			changes = append(changes, invoice.CleanedRow{Status: status, Count: count})
			if _, err := durable.Hold(struct{}{}, changes...).Commit(ctx, r.Writer); err != nil {
				return nil, fmt.Errorf("cleaning invoices: %w", err)
			}
			cleaned += count
			return nil, nil
		}); err != nil {
			return cleaned, err
		}
	}
	return cleaned, nil
}
