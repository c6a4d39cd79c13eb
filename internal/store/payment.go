package store

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
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
		return true, found(w.q.PutPayment(w.ctx, db.PutPaymentParams{
			PaymentHash: r.PaymentHash[:], Manual: boolean(r.Manual), Destination: r.Destination[:],
			AmountMsat: integer(r.Amount), Bolt11: r.Bolt11, Label: r.Label, Description: r.Description,
			Groupid: integer(r.Group), CreatedAt: integer(r.CreatedAt), MaxFeeMsat: integer(r.MaxFee),
			MaxDelay: integer(r.MaxDelay), RetryUntil: integer(r.RetryUntil), Exclude: r.Exclude,
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
		return true, w.q.InsertAttempt(w.ctx, db.InsertAttemptParams{
			ID: integer(r.ID), PaymentHash: r.PaymentHash[:], Groupid: integer(r.Group), Partid: integer(r.Part),
			AmountMsat: integer(r.Amount), SentMsat: integer(r.Sent), Hops: pay.AppendHops(nil, r.Hops),
			Session: r.Session[:], CreatedAt: integer(r.CreatedAt),
		})
	case pay.AttemptResultRow:
		return true, w.attemptResult(r)
	}
	return false, nil
}

func (w *writing) paymentResult(r pay.PaymentResultRow) error {
	updated, err := w.next(paymentUpdates)
	if err != nil {
		return err
	}
	p := db.EndPaymentParams{
		Status: string(r.Status), SentMsat: integer(r.AmountSent), Parts: integer(r.Parts),
		CompletedAt: integer(r.CompletedAt), Code: int64(r.Code), Message: r.Message,
		UpdatedIndex: updated, PaymentHash: r.PaymentHash[:],
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
		Status: string(r.Status), CompletedAt: integer(r.CompletedAt), UpdatedIndex: updated, ID: integer(r.ID),
	}
	if r.Status == pay.Complete {
		p.Preimage = r.Preimage[:]
	}
	if r.Failure != nil {
		if p.Failure, err = json.Marshal(columnOf(r.Failure)); err != nil {
			return err
		}
	}
	if err := found(w.q.EndAttempt(w.ctx, p)); err != nil {
		return err
	}
	return w.q.DeleteAttemptSettlement(w.ctx, optional(integer(r.ID), true))
}

// failureColumn is the JSON of a failure. The node is bytes: it may be unknown, and
// then it is no point of the curve.
type failureColumn struct {
	Index     int                 `json:"i"`
	Node      []byte              `json:"n,omitempty"`
	Channel   wire.ShortChannelID `json:"c,omitempty"`
	Direction uint8               `json:"d,omitempty"`
	Code      uint16              `json:"f,omitempty"`
	Message   []byte              `json:"m,omitempty"`
	Text      string              `json:"t,omitempty"`
}

func columnOf(f *pay.Failure) failureColumn {
	out := failureColumn{
		Index: f.ErringIndex, Channel: f.ErringChannel, Direction: f.ErringDirection, Code: f.FailCode, Message: f.Message, Text: f.Text,
	}
	if f.ErringNode != (wire.NodeID{}) {
		out.Node = f.ErringNode[:]
	}
	return out
}

func (f failureColumn) failure() *pay.Failure {
	out := &pay.Failure{
		ErringIndex: f.Index, ErringChannel: f.Channel, ErringDirection: f.Direction, FailCode: f.Code, Message: f.Message, Text: f.Text,
	}
	copy(out.ErringNode[:], f.Node)
	return out
}

func readPayment(r db.Payment) (pay.PaymentRow, error) {
	var c columns
	out := pay.PaymentRow{
		Manual: r.Manual != 0, Amount: unsigned[amount.MilliSatoshi](r.AmountMsat), Bolt11: r.Bolt11, Label: r.Label,
		Description: r.Description, Group: unsigned[uint64](r.Groupid), CreatedAt: unsigned[uint64](r.CreatedAt),
		MaxFee: unsigned[amount.MilliSatoshi](r.MaxFeeMsat), MaxDelay: unsigned[uint32](r.MaxDelay),
		RetryUntil: unsigned[uint64](r.RetryUntil), Exclude: r.Exclude,
		Result: pay.PaymentResultRow{
			Status: pay.Status(r.Status), AmountSent: unsigned[amount.MilliSatoshi](r.SentMsat),
			Parts: unsigned[uint32](r.Parts), CompletedAt: unsigned[uint64](r.CompletedAt),
			Code: pay.Code(r.Code), Message: r.Message,
		},
		CreatedIndex: unsigned[uint64](r.CreatedIndex), UpdatedIndex: unsigned[uint64](r.UpdatedIndex),
	}
	c.fixed(out.PaymentHash[:], r.PaymentHash)
	c.fixed(out.Destination[:], r.Destination)
	out.Result.PaymentHash = out.PaymentHash
	if r.Preimage != nil {
		c.fixed(out.Result.Preimage[:], r.Preimage)
	}
	return out, c.err
}

func readAttempt(r db.Attempt) (pay.AttemptRow, error) {
	var c columns
	out := pay.AttemptRow{
		ID: unsigned[uint64](r.ID), Group: unsigned[uint64](r.Groupid), Part: unsigned[uint64](r.Partid),
		Amount: unsigned[amount.MilliSatoshi](r.AmountMsat), Sent: unsigned[amount.MilliSatoshi](r.SentMsat),
		CreatedAt: unsigned[uint64](r.CreatedAt), UpdatedIndex: unsigned[uint64](r.UpdatedIndex),
		Result: pay.AttemptResultRow{
			ID: unsigned[uint64](r.ID), Status: pay.Status(r.Status), CompletedAt: unsigned[uint64](r.CompletedAt),
		},
	}
	c.fixed(out.PaymentHash[:], r.PaymentHash)
	if r.Session != nil {
		c.fixed(out.Session[:], r.Session)
	}
	if r.Preimage != nil {
		c.fixed(out.Result.Preimage[:], r.Preimage)
	}
	if r.Failure != nil {
		var f failureColumn
		if err := json.Unmarshal(r.Failure, &f); err != nil {
			c.fail("failure of an attempt: %v", err)
		}
		out.Result.Failure = f.failure()
	}
	hops, err := pay.DecodeHops(r.Hops)
	if err != nil {
		c.fail("%v", err)
	}
	out.Hops = hops
	return out, c.err
}

// PaymentByHash finds a payment.
func (s *Store) PaymentByHash(ctx context.Context, hash wire.PaymentHash) (pay.PaymentRow, bool, error) {
	r, err := s.q.PaymentByHash(ctx, hash[:])
	return maybe(r, err, readPayment)
}

// Payments lists up to limit payments with a created_index of at least start, in
// that order.
func (s *Store) Payments(ctx context.Context, start uint64, limit int) ([]pay.PaymentRow, error) {
	r, err := s.q.PaymentsByCreated(ctx, db.PaymentsByCreatedParams{CreatedIndex: place(start), Limit: int64(limit)})
	return all(r, err, readPayment)
}

// PaymentsUnfinished lists the payments that have not ended, or of which an
// attempt has not.
func (s *Store) PaymentsUnfinished(ctx context.Context) ([]pay.PaymentRow, error) {
	r, err := s.q.PaymentsUnfinished(ctx)
	return all(r, err, readPayment)
}

// AttemptsOf lists the attempts of a payment in order.
func (s *Store) AttemptsOf(ctx context.Context, hash wire.PaymentHash) ([]pay.AttemptRow, error) {
	r, err := s.q.AttemptsOfPayment(ctx, hash[:])
	return all(r, err, readAttempt)
}

// Attempts lists up to limit attempts with an id of at least start, in order.
func (s *Store) Attempts(ctx context.Context, start uint64, limit int) ([]pay.AttemptRow, error) {
	r, err := s.q.AttemptsByID(ctx, db.AttemptsByIDParams{ID: place(start), Limit: int64(limit)})
	return all(r, err, readAttempt)
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
	return all(r, err, readAttempt)
}

// LatestPayments lists up to limit payments, those that were created last, in the order
// of creation.
func (s *Store) LatestPayments(ctx context.Context, limit int) ([]pay.PaymentRow, error) {
	r, err := s.q.LatestPayments(ctx, int64(limit))
	slices.Reverse(r)
	return all(r, err, readPayment)
}
