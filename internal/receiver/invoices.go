package receiver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
)

// Errors of the calls about invoices.
var (
	ErrNotFound = errors.New("no invoice has this label")
	ErrStatus   = errors.New("the invoice has another status")
	ErrHeld     = errors.New("parts of a payment of the invoice have arrived: try again in a minute")
	ErrStopped  = errors.New("the node is stopping")
)

// Create writes a new invoice, and gives it with its place in the order of creation. Errors:
// [invoice.ErrLabelExists], [invoice.ErrPreimageUsed], and the disk's.
func (r *Receiver) Create(ctx context.Context, row invoice.Row) (invoice.Row, error) {
	index := new(uint64)
	row.Assigned = index
	r.creating.RLock()
	_, err := durable.Hold(struct{}{}, row.Creation()...).Commit(ctx, r.Writer)
	r.creating.RUnlock()
	row.Assigned = nil
	if err != nil {
		return row, r.explain(ctx, row, err)
	}
	row.CreatedIndex = *index
	if r.expiresAt(row.ExpiresAt) {
		r.signal()
	}
	return row, nil
}

// explain finds which unique key was taken.
func (r *Receiver) explain(ctx context.Context, row invoice.Row, err error) error {
	if _, taken, e := r.Invoices.ByLabel(ctx, row.Label); e == nil && taken {
		return fmt.Errorf("%w: %q", invoice.ErrLabelExists, row.Label)
	}
	if _, taken, e := r.Invoices.ByHash(ctx, row.PaymentHash); e == nil && taken {
		return invoice.ErrPreimageUsed
	}
	return err
}

// Delete deletes an invoice that has the status named, and returns what it was.
// Errors: [ErrNotFound], [ErrStatus], [ErrHeld], [ErrStopped], and the disk's.
func (r *Receiver) Delete(ctx context.Context, label string, status invoice.Status) (row invoice.Row, err error) {
	return r.with(label, status, func(ctx context.Context, row invoice.Row) (refusal, err error) {
		if r.till.Held(row.PaymentHash) {
			return ErrHeld, nil
		}
		if _, err := durable.Hold(struct{}{}, row.Deletion()...).Commit(ctx, r.Writer); err != nil {
			return nil, fmt.Errorf("deleting an invoice: %w", err)
		}
		r.tell(label)
		return nil, nil
	})
}

// with lets Run's goroutine do something with an invoice that has the status named, and
// returns what it was. Errors: [ErrNotFound], [ErrStatus], [ErrStopped], and what do
// says.
func (r *Receiver) with(label string, status invoice.Status,
	do func(ctx context.Context, row invoice.Row) (refusal, err error),
) (row invoice.Row, err error) {
	err = r.ask(func(ctx context.Context) (refusal, err error) {
		var found bool
		row, found, refusal = r.Invoices.ByLabel(ctx, label)
		switch {
		case refusal != nil:
			return refusal, nil
		case !found:
			return fmt.Errorf("%w: %q", ErrNotFound, label), nil
		case row.Status != status:
			return fmt.Errorf("%w: it is %s, not %s", ErrStatus, row.Status, status), nil
		}
		return do(ctx, row)
	})
	return row, err
}

// ask lets Run's goroutine do something.
func (r *Receiver) ask(do func(ctx context.Context) (refusal, err error)) error {
	t := task{do: do, done: make(chan error, 1)}
	r.mu.Lock()
	select {
	case <-r.stopped:
		r.mu.Unlock()
		return ErrStopped
	default:
	}
	r.tasks = append(r.tasks, t)
	r.mu.Unlock()
	r.signal()
	return <-t.done
}

// Wait waits until the invoice is paid or has expired. Errors: [ErrNotFound], also
// when it is deleted meanwhile, [ErrStopped], ctx's, and the disk's.
func (r *Receiver) Wait(ctx context.Context, label string) (invoice.Row, error) {
	for {
		changed := make(chan struct{}, 1)
		r.mu.Lock()
		r.labels[label] = append(r.labels[label], changed)
		r.mu.Unlock()
		row, found, err := r.Invoices.ByLabel(context.WithoutCancel(ctx), label) // what is so already needs no time
		if err == nil && found && (row.Status == invoice.Unpaid || row.Status == invoice.Accepted) {
			err = r.await(ctx, changed)
			if err == nil {
				continue
			}
		} else if err == nil && !found {
			err = fmt.Errorf("%w: %q", ErrNotFound, label)
		}
		r.forget(label, changed)
		return row, err
	}
}

func (r *Receiver) await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.stopped:
		return ErrStopped
	}
}

func (r *Receiver) forget(label string, changed chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.labels[label] = slices.DeleteFunc(r.labels[label], func(c chan struct{}) bool { return c == changed })
	if len(r.labels[label]) == 0 {
		delete(r.labels, label)
	}
}

// WaitAny returns the paid invoice with the lowest pay_index above after; when
// there is none it waits for the next payment, whatever its pay_index. Errors:
// [ErrStopped], ctx's, and the disk's.
func (r *Receiver) WaitAny(ctx context.Context, after uint64) (invoice.Row, error) {
	paid := make(chan invoice.Row, 1)
	r.mu.Lock()
	r.anyPaid = append(r.anyPaid, paid)
	r.mu.Unlock()
	defer r.forgetAny(paid)
	row, found, err := r.Invoices.NextPaid(context.WithoutCancel(ctx), after) // what is so already needs no time
	if err != nil || found {
		return row, err
	}
	select {
	case row = <-paid:
		return row, nil
	case <-ctx.Done():
		return row, ctx.Err()
	case <-r.stopped:
		return row, ErrStopped
	}
}

func (r *Receiver) forgetAny(paid chan invoice.Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.anyPaid = slices.DeleteFunc(r.anyPaid, func(c chan invoice.Row) bool { return c == paid })
}

// tell wakes those who wait for the invoice.
func (r *Receiver) tell(label string) {
	r.mu.Lock()
	waiting := r.labels[label]
	delete(r.labels, label)
	r.mu.Unlock()
	for _, changed := range waiting {
		changed <- struct{}{}
	}
}

// tellPaid wakes those who wait for these invoices, or for any.
func (r *Receiver) tellPaid(ctx context.Context, hashes []wire.PaymentHash) error {
	r.mu.Lock()
	waits := len(r.labels)+len(r.anyPaid) > 0
	r.mu.Unlock()
	if !waits {
		return nil
	}
	for _, hash := range hashes {
		row, found, err := r.Invoices.ByHash(ctx, hash)
		if err != nil {
			return fmt.Errorf("invoice of %s: %w", hash, err)
		}
		if !found {
			continue
		}
		r.tell(row.Label)
		r.mu.Lock()
		waiting := r.anyPaid
		r.anyPaid = nil
		r.mu.Unlock()
		for _, paid := range waiting {
			paid <- row
		}
	}
	return nil
}
