package sender

import (
	"context"
	"errors"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
)

// SendPay makes one attempt over the caller's route and returns when it is on its
// way. When the payment is complete already, an attempt that completed it is the
// answer. Errors: a [*pay.Error], ctx's, [ErrStopped], and the disk's.
func (s *Sender) SendPay(ctx context.Context, m pay.Manual) (pay.AttemptRow, error) {
	if err := m.Check(); err != nil {
		return pay.AttemptRow{}, err
	}
	minted, err := s.mint()
	if err != nil {
		return pay.AttemptRow{}, err
	}
	mint := func() pay.Minted { return minted }
	destination := m.Route[len(m.Route)-1].NodeID
	for {
		d, fresh := s.driver(m.PaymentHash, true, m.Ask())
		if d == nil {
			return pay.AttemptRow{}, ErrStopped
		}
		changed := d.change()
		if fresh {
			s.begin(d, func(before *pay.PaymentRow) (*pay.Payment, error) {
				if before != nil && before.Result.Status == pay.Complete {
					return nil, nil
				}
				return pay.NewManual(m, s.Node.ID, unixNow(), mint)
			})
			err = d.await(ctx, changed)
		} else {
			err = d.attempt(ctx, m, mint)
		}
		if err != nil && !errors.Is(err, errEnded) {
			return pay.AttemptRow{}, err
		}
		// The payment may have ended, and the attempt been on disk before.
		row, err := s.attemptRow(ctx, m.PaymentHash, func(a pay.AttemptRow) bool { return a.ID == minted.ID })
		if !errors.Is(err, errNoAttempt) {
			return row, err
		}
		select {
		case <-d.ended:
		case <-ctx.Done():
			return pay.AttemptRow{}, ctx.Err()
		}
		if d.err == nil {
			if err := d.row.SameAs(m.Ask(), destination); err != nil {
				return pay.AttemptRow{}, err
			}
			return s.attemptRow(ctx, m.PaymentHash, func(a pay.AttemptRow) bool { return a.Result.Status == pay.Complete })
		}
		if fresh || errors.Is(d.err, ErrStopped) {
			return pay.AttemptRow{}, d.err
		}
	}
}

// errEnded says that a loop came to its end before it could be asked.
var errEnded = errors.New("the payment has ended")

// await waits for the next write.
func (d *driver) await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-d.ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt asks the loop to make one and waits until it is on disk.
func (d *driver) attempt(ctx context.Context, m pay.Manual, mint func() pay.Minted) error {
	select {
	case <-d.ended:
		return errEnded
	default:
	}
	type answer struct {
		changed <-chan struct{}
		err     error
	}
	asked := make(chan answer, 1)
	if !d.put(func(p *pay.Payment) {
		err := p.Attempt(unixNow(), m, mint)
		asked <- answer{d.change(), err}
	}) {
		return errEnded
	}
	select {
	case a := <-asked:
		if a.err != nil {
			return a.err
		}
		return d.await(ctx, a.changed)
	case <-d.ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attemptRow reads the newest attempt that fits.
func (s *Sender) attemptRow(ctx context.Context, hash wire.PaymentHash, fits func(pay.AttemptRow) bool) (pay.AttemptRow, error) {
	rows, err := s.Payments.Attempts(ctx, hash)
	if err != nil {
		return pay.AttemptRow{}, err
	}
	for i := len(rows) - 1; i >= 0; i-- {
		if fits(rows[i]) {
			return rows[i], nil
		}
	}
	return pay.AttemptRow{}, errNoAttempt
}

var errNoAttempt = &pay.Error{Code: pay.CodeNoSuchPayment, Message: "never attempted to pay this payment hash"}

// WaitSendPay waits for the end of the newest attempt with the part's number, of
// the group unless it is zero. Errors: a [*pay.Error] (pay.CodeInProgress when
// the deadline of ctx comes first), ctx's, [ErrStopped], and the disk's.
func (s *Sender) WaitSendPay(ctx context.Context, hash wire.PaymentHash, part, group uint64) (pay.AttemptRow, error) {
	lost := false // it was pending and had no loop
	for {
		s.mu.Lock()
		d, stopped := s.payments[hash], s.stopped
		s.mu.Unlock()
		var changed <-chan struct{}
		if d != nil {
			changed = d.change()
		}
		row, err := s.attemptRow(context.WithoutCancel(ctx), hash, func(a pay.AttemptRow) bool { // also when there is no time
			return a.Part == part && (group == 0 || a.Group == group)
		})
		if err != nil {
			return row, err
		}
		switch row.Result.Status {
		case pay.Complete:
			return row, nil
		case pay.Failed:
			return row, row.Err()
		case pay.Pending:
		}
		if stopped {
			return row, ErrStopped
		}
		if d == nil {
			if lost {
				return row, &pay.Error{Code: pay.CodeUnspecified, Message: "nobody waits for the attempt: restart the node"}
			}
			lost = true
			continue // its loop ended just now, and wrote the result before
		}
		lost = false
		select {
		case <-changed:
		case <-s.ctx.Done():
			return row, ErrStopped
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return row, &pay.Error{Code: pay.CodeInProgress, Message: "timed out while waiting"}
			}
			return row, ctx.Err()
		}
	}
}
