package sender

import (
	"context"
	"errors"
	"slices"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/pay"
)

// Part names the attempts of one part of one try.
type Part struct{ ID, Group uint64 }

// Delete forgets a payment that has ended with a status, or only the attempts of one
// part, and returns the attempts that it deleted. Errors: a [*pay.Error] with
// [pay.CodeNoSuchPayment] or [pay.CodeStatusUnexpected], [ErrStopped], and the disk's.
func (s *Sender) Delete(ctx context.Context, hash wire.PaymentHash, status pay.Status, only *Part) ([]pay.AttemptRow, error) {
	// Nobody may begin a payment of the hash meanwhile.
	d, fresh := s.driver(hash, true, pay.Ask{})
	switch {
	case d == nil:
		return nil, ErrStopped
	case !fresh:
		return nil, unexpected(pay.Pending)
	}
	defer func() {
		s.remove(d)
		d.end(pay.PaymentRow{}, errDeleting)
	}()
	row, found, err := s.Payments.ByHash(ctx, hash)
	if err != nil {
		return nil, err
	}
	attempts, err := s.Payments.Attempts(ctx, hash)
	if err != nil {
		return nil, err
	}
	now := row.Result.Status
	if only != nil {
		attempts = slices.DeleteFunc(attempts, func(a pay.AttemptRow) bool { return a.Part != only.ID || a.Group != only.Group })
		if found = len(attempts) > 0; found {
			now = attempts[0].Result.Status
		}
	}
	switch {
	case !found:
		return nil, &pay.Error{Code: pay.CodeNoSuchPayment, Message: "there is no such payment"}
	case now != status:
		return nil, unexpected(now)
	case slices.ContainsFunc(attempts, func(a pay.AttemptRow) bool { return a.Result.Status == pay.Pending }):
		return nil, unexpected(pay.Pending)
	}
	_, err = durable.Hold(struct{}{}, pay.Deletion(hash, attempts, only == nil)...).Commit(ctx, s.Writer)
	return attempts, err
}

var errDeleting = errors.New("the payment was being deleted: try again")

func unexpected(is pay.Status) error {
	return &pay.Error{Code: pay.CodeStatusUnexpected, Message: "the payment is " + string(is)}
}
