package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/store/compact"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// Counters of the payments' and attempts' indexes.
const (
	paymentUpdates = "payments.updated_index"
	attemptUpdates = "attempts.updated_index"
	attemptDeletes = "attempts.deleted_index"
)

func (w *writing) paymentRow(r any) (bool, error) {
	switch r := r.(type) {
	case pay.PaymentRow:
		if err := w.meet(r.Destination); err != nil {
			return true, err
		}
		return true, found(w.q.PutPayment(w.ctx, db.PutPaymentParams{
			PaymentHash: r.PaymentHash[:], Manual: boolean(r.Manual), Destination: compact.PutNode(r.Destination, w.number),
			AmountMsat: integer(r.Amount), Bolt11: bolt11.Pack(r.Bolt11, asked(&r)), Label: r.Label, Description: r.Description,
			Groupid: integer(r.Group), CreatedAt: integer(r.CreatedAt), MaxFeeMsat: integer(r.MaxFee),
			MaxDelay: integer(r.MaxDelay), RetryUntil: integer(r.RetryUntil) - integer(r.CreatedAt), Exclude: r.Exclude,
			Property: integer(r.Property), Units: integer(r.Units), MaxFeeUnits: integer(r.MaxFeeUnits),
			Room: make([]byte, resultRoom),
		}))
	case pay.PaymentResultRow:
		return true, w.paymentResult(r)
	case pay.DeletedRow:
		return true, w.q.DeletePayment(w.ctx, r.PaymentHash[:])
	case pay.AttemptDeletedRow:
		if _, err := w.next(attemptDeletes); err != nil {
			return true, err
		}
		return true, w.q.DeleteAttempt(w.ctx, integer(r.ID))
	case pay.AttemptRow:
		w.event = true // who waits for attempts reads the log
		for _, h := range r.Hops {
			if err := w.meet(h.NodeID); err != nil {
				return true, err
			}
		}
		return true, one(w.q.InsertAttempt(w.ctx, db.InsertAttemptParams{
			ID: integer(r.ID), PaymentHash: r.PaymentHash[:], Groupid: integer(r.Group), Partid: integer(r.Part),
			AmountMsat: integer(r.Amount), SentMsat: integer(r.Sent) - integer(r.Amount), Hops: compact.Route([]byte{}, r.Sent, r.Hops, w.number),
			Session: r.Session[:], CreatedAt: integer(r.CreatedAt),
			Units: integer(r.Units), SentUnits: integer(r.UnitsSent), HopUnits: compact.Units(r.Hops),
		}))
	case pay.AttemptResultRow:
		return true, w.attemptResult(r)
	}
	return false, nil
}

// asked is what is known of the invoice of a payment.
func asked(r *pay.PaymentRow) bolt11.Known {
	return bolt11.Known{PaymentHash: r.PaymentHash, Description: r.Description, Amount: &r.Amount}
}

// resultRoom is how many bytes a payment keeps free for its preimage and what else its end
// will write: a row that grew would split its page, and leave half of it empty.
const resultRoom = 31

func (w *writing) paymentResult(r pay.PaymentResultRow) error {
	updated, err := w.next(paymentUpdates)
	if err != nil {
		return err
	}
	p := db.EndPaymentParams{
		Status: compact.Status(r.Status), SentMsat: integer(r.AmountSent), SentUnits: integer(r.UnitsSent), Parts: integer(r.Parts),
		CompletedAt: integer(r.CompletedAt), Code: int64(r.Code), Message: r.Message, UpdatedIndex: updated, PaymentHash: r.PaymentHash[:],
	}
	if r.Status == pay.Complete {
		p.Preimage = r.Preimage[:]
	}
	return found(w.q.EndPayment(w.ctx, p))
}

func (w *writing) attemptResult(r pay.AttemptResultRow) error {
	w.event = true
	updated, err := w.next(attemptUpdates)
	if err != nil {
		return err
	}
	p := db.EndAttemptParams{
		Status: compact.Status(r.Status), CompletedAt: integer(r.CompletedAt), UpdatedIndex: updated, ID: integer(r.ID),
	}
	if r.Status == pay.Complete {
		if err := w.q.KeepPreimage(w.ctx, db.KeepPreimageParams{Preimage: r.Preimage[:], ID: integer(r.ID)}); err != nil {
			return err
		}
	}
	if r.Failure != nil {
		if p.Failure, err = compact.Failure(r.Failure); err != nil {
			return err
		}
	}
	if err := found(w.q.EndAttempt(w.ctx, p)); err != nil {
		return err
	}
	return w.q.DeleteAttemptSettlement(w.ctx, optional(integer(r.ID), true))
}

// meet gives a node a number by which rows name it.
func (w *writing) meet(id wire.NodeID) error {
	if _, met := w.parties[id]; met {
		return nil
	}
	n, err := w.q.Party(w.ctx, id[:])
	w.parties[id] = unsigned[uint64](n)
	return err
}

func (w *writing) number(id wire.NodeID) uint64 { return w.parties[id] }

// node is the reverse of number.
func (s *Store) node(ctx context.Context) compact.Node {
	return func(ref uint64) (id wire.NodeID, err error) {
		if known, ok := s.nodes.Load(ref); ok {
			return known.(wire.NodeID), nil //nolint:forcetypeassert // nothing else is stored
		}
		b, err := s.q.PartyNode(ctx, integer(ref))
		if err != nil {
			return id, fmt.Errorf("%w: node %d: %w", errColumn, ref, err)
		}
		var c columns
		if c.fixed(id[:], b); c.err == nil {
			s.nodes.Store(ref, id)
		}
		return id, c.err
	}
}

// payments reads rows of payments.
func (s *Store) payments(ctx context.Context) func(db.Payment) (pay.PaymentRow, error) {
	return func(r db.Payment) (pay.PaymentRow, error) { return readPayment(r, s.node(ctx)) }
}

func readPayment(r db.Payment, node compact.Node) (pay.PaymentRow, error) {
	var c columns
	out := pay.PaymentRow{
		Manual: r.Manual != 0, Amount: unsigned[amount.MilliSatoshi](r.AmountMsat), Label: r.Label,
		Description: r.Description, Group: unsigned[uint64](r.Groupid), CreatedAt: unsigned[uint64](r.CreatedAt),
		MaxFee: unsigned[amount.MilliSatoshi](r.MaxFeeMsat), MaxDelay: unsigned[uint32](r.MaxDelay),
		RetryUntil: unsigned[uint64](r.CreatedAt + r.RetryUntil), Exclude: r.Exclude,
		Property: unsigned[amount.Property](r.Property), Units: unsigned[amount.Units](r.Units), MaxFeeUnits: unsigned[amount.Units](r.MaxFeeUnits),
		Result: pay.PaymentResultRow{
			Status: compact.ReadStatus(r.Status), AmountSent: unsigned[amount.MilliSatoshi](r.AmountMsat + r.SentMsat), UnitsSent: unsigned[amount.Units](r.SentUnits),
			Parts: unsigned[uint32](r.Parts), CompletedAt: compact.ReadMore(r.Status, r.CreatedAt, r.CompletedAt), Code: pay.Code(r.Code), Message: r.Message,
		},
		CreatedIndex: unsigned[uint64](r.CreatedIndex), UpdatedIndex: unsigned[uint64](r.UpdatedIndex),
	}
	c.fixed(out.PaymentHash[:], r.PaymentHash)
	out.Result.PaymentHash = out.PaymentHash
	if out.Result.Status == pay.Complete {
		c.fixed(out.Result.Preimage[:], r.Preimage)
	}
	var err error
	if out.Destination, err = compact.ReadNode(r.Destination, node); err != nil {
		c.fail("destination: %v", err)
	}
	if out.Bolt11, err = bolt11.Unpack(r.Bolt11, asked(&out)); err != nil {
		c.fail("%v", err)
	}
	return out, c.err
}

// readAttempts reads rows of attempts, with what their payments know.
func readAttempts[R attemptOf](ctx context.Context, s *Store) func(R) (pay.AttemptRow, error) {
	return func(r R) (pay.AttemptRow, error) { return readAttempt(db.AttemptsOfPaymentRow(r), s.node(ctx)) }
}

// attemptOf is what queries of attempts give.
type attemptOf interface {
	db.AttemptsOfPaymentRow | db.AttemptsByIDRow | db.AttemptsByUpdatedRow
}

func readAttempt(of db.AttemptsOfPaymentRow, node compact.Node) (pay.AttemptRow, error) {
	var c columns
	r := of.Attempt
	out := pay.AttemptRow{
		ID: unsigned[uint64](r.ID), Group: unsigned[uint64](r.Groupid), Part: unsigned[uint64](r.Partid),
		Amount: unsigned[amount.MilliSatoshi](r.AmountMsat), Sent: unsigned[amount.MilliSatoshi](r.AmountMsat + r.SentMsat),
		Property: unsigned[amount.Property](of.Property), Units: unsigned[amount.Units](r.Units), UnitsSent: unsigned[amount.Units](r.SentUnits),
		CreatedAt: unsigned[uint64](r.CreatedAt), UpdatedIndex: unsigned[uint64](r.UpdatedIndex),
		Result: pay.AttemptResultRow{
			ID: unsigned[uint64](r.ID), Status: compact.ReadStatus(r.Status), CompletedAt: compact.ReadMore(r.Status, r.CreatedAt, r.CompletedAt),
		},
	}
	c.fixed(out.PaymentHash[:], of.PaymentHash)
	if r.Session != nil {
		c.fixed(out.Session[:], r.Session)
	}
	if out.Result.Status == pay.Complete {
		c.fixed(out.Result.Preimage[:], of.Preimage)
	}
	var err error
	if r.Failure != nil {
		if out.Result.Failure, err = compact.ReadFailure(r.Failure); err != nil {
			c.fail("failure of an attempt: %v", err)
		}
	}
	if out.Hops, err = compact.Hops(r.Hops, out.Sent, node); err != nil {
		c.fail("%v", err)
	} else if err = compact.ReadUnits(r.HopUnits, out.Hops); err != nil {
		c.fail("%v", err)
	}
	return out, c.err
}

// PaymentByHash finds a payment.
func (s *Store) PaymentByHash(ctx context.Context, hash wire.PaymentHash) (pay.PaymentRow, bool, error) {
	r, err := s.q.PaymentByHash(ctx, hash[:])
	return maybe(r, err, s.payments(ctx))
}

// Payments lists up to limit payments with a created_index of at least start, in
// that order.
func (s *Store) Payments(ctx context.Context, start uint64, limit int) ([]pay.PaymentRow, error) {
	r, err := s.q.PaymentsByCreated(ctx, db.PaymentsByCreatedParams{CreatedIndex: place(start), Limit: int64(limit)})
	return all(r, err, s.payments(ctx))
}

// PaymentsUpdated lists up to limit payments with an updated_index of at least start, in
// that order.
func (s *Store) PaymentsUpdated(ctx context.Context, start uint64, limit int) ([]pay.PaymentRow, error) {
	r, err := s.q.PaymentsByUpdated(ctx, db.PaymentsByUpdatedParams{UpdatedIndex: place(start), Limit: int64(limit)})
	return all(r, err, s.payments(ctx))
}

// PaymentsUnfinished lists the payments that have not ended, or of which an
// attempt has not.
func (s *Store) PaymentsUnfinished(ctx context.Context) ([]pay.PaymentRow, error) {
	r, err := s.q.PaymentsUnfinished(ctx)
	return all(r, err, s.payments(ctx))
}

// AttemptsOf lists the attempts of a payment in order.
func (s *Store) AttemptsOf(ctx context.Context, hash wire.PaymentHash) ([]pay.AttemptRow, error) {
	r, err := s.q.AttemptsOfPayment(ctx, hash[:])
	return all(r, err, readAttempts[db.AttemptsOfPaymentRow](ctx, s))
}

// Attempts lists up to limit attempts with an id of at least start, in order.
func (s *Store) Attempts(ctx context.Context, start uint64, limit int) ([]pay.AttemptRow, error) {
	r, err := s.q.AttemptsByID(ctx, db.AttemptsByIDParams{ID: place(start), Limit: int64(limit)})
	return all(r, err, readAttempts[db.AttemptsByIDRow](ctx, s))
}

// LastAttempt is the highest id of an attempt; zero when there is none.
func (s *Store) LastAttempt(ctx context.Context) (uint64, error) {
	n, err := s.q.LastAttempt(ctx)
	return unsigned[uint64](n), err
}

// AttemptIndexes are how far the indexes of attempts have come: of creation, of change
// and of deletion.
func (s *Store) AttemptIndexes(ctx context.Context) (created, updated, deleted uint64, err error) {
	if created, err = s.LastAttempt(ctx); err != nil {
		return 0, 0, 0, err
	}
	if updated, err = s.counter(ctx, attemptUpdates); err != nil {
		return 0, 0, 0, err
	}
	deleted, err = s.counter(ctx, attemptDeletes)
	return created, updated, deleted, err
}

// AttemptsUpdated lists up to limit attempts with an updated_index of at least start,
// in that order.
func (s *Store) AttemptsUpdated(ctx context.Context, start uint64, limit int) ([]pay.AttemptRow, error) {
	r, err := s.q.AttemptsByUpdated(ctx, db.AttemptsByUpdatedParams{UpdatedIndex: place(start), Limit: int64(limit)})
	return all(r, err, readAttempts[db.AttemptsByUpdatedRow](ctx, s))
}

// LatestPayments lists up to limit payments, those that were created last, in the order
// of creation.
func (s *Store) LatestPayments(ctx context.Context, limit int) ([]pay.PaymentRow, error) {
	r, err := s.q.LatestPayments(ctx, int64(limit))
	slices.Reverse(r)
	return all(r, err, s.payments(ctx))
}
