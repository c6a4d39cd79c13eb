package store

import (
	"context"
	"strings"

	"github.com/leyden-ln/leyden/internal/store/db"
)

// WebhookRow is somebody who is told of events. Key: ID, which the store refuses to use
// twice.
type WebhookRow struct {
	ID      uint64
	URL     string
	Kinds   []string // none: all
	Secret  []byte
	Created uint64 // unix seconds
	Cursor  uint64 // the index of the last event of which a delivery was made, if it was to be
}

// Table implements [durable.Row].
func (WebhookRow) Table() string { return "webhooks" }

// WebhookMovedRow moves a webhook's cursor.
type WebhookMovedRow struct{ ID, Cursor uint64 }

// Table implements [durable.Row].
func (WebhookMovedRow) Table() string { return "webhooks" }

// WebhookDeletedRow takes a webhook away, and its deliveries.
type WebhookDeletedRow struct{ ID uint64 }

// Table implements [durable.Row].
func (WebhookDeletedRow) Table() string { return "webhooks" }

// DeliveryRow is an event on its way to a webhook. Key: Webhook and Event.
type DeliveryRow struct {
	Webhook, Event uint64
	State          string // pending, delivered or failed
	Since          uint64 // unix seconds since which it is tried
	Tries          uint64
	TriedAt        uint64 // unix seconds; zero: never
	Next           uint64 // when it is tried again
	Outcome        string // of the last try
}

// Pending is the state of a delivery that is still to be made.
const Pending = "pending"

// deliveriesKept is how many that are made, or given up, are kept of a webhook.
const deliveriesKept = 1000

// Table implements [durable.Row].
func (DeliveryRow) Table() string { return "deliveries" }

func (w *writing) webhookRow(r any) (bool, error) {
	switch r := r.(type) {
	case WebhookRow:
		return true, w.q.InsertWebhook(w.ctx, db.InsertWebhookParams{
			ID: integer(r.ID), Url: r.URL, Kinds: strings.Join(r.Kinds, ","), Secret: r.Secret, Created: integer(r.Created), Cursor: integer(r.Cursor),
		})
	case WebhookMovedRow:
		return true, w.q.MoveWebhook(w.ctx, db.MoveWebhookParams{ID: integer(r.ID), Cursor: integer(r.Cursor)})
	case WebhookDeletedRow:
		if err := w.q.DeleteDeliveries(w.ctx, integer(r.ID)); err != nil {
			return true, err
		}
		return true, w.q.DeleteWebhook(w.ctx, integer(r.ID))
	case DeliveryRow:
		if err := w.q.PutDelivery(w.ctx, db.PutDeliveryParams{
			Webhook: integer(r.Webhook), Event: integer(r.Event), State: r.State, Since: integer(r.Since), Tries: integer(r.Tries),
			TriedAt: integer(r.TriedAt), NextTry: integer(r.Next), Outcome: r.Outcome,
		}); err != nil || r.State == Pending {
			return true, err
		}
		return true, w.q.ForgetDeliveries(w.ctx, db.ForgetDeliveriesParams{Webhook: integer(r.Webhook), Kept: deliveriesKept})
	}
	return false, nil
}

// Webhooks lists who is told of events.
func (s *Store) Webhooks(ctx context.Context) ([]WebhookRow, error) {
	rows, err := s.q.Webhooks(ctx)
	return all(rows, err, func(r db.Webhook) (WebhookRow, error) {
		out := WebhookRow{ID: unsigned[uint64](r.ID), URL: r.Url, Secret: r.Secret, Created: unsigned[uint64](r.Created), Cursor: unsigned[uint64](r.Cursor)}
		if r.Kinds != "" {
			out.Kinds = strings.Split(r.Kinds, ",")
		}
		return out, nil
	})
}

// LastWebhook is the highest id that a webhook has ever had.
func (s *Store) LastWebhook(ctx context.Context) (uint64, error) { return s.sequence(ctx, "webhooks") }

func readDelivery(r db.Delivery) (DeliveryRow, error) {
	return DeliveryRow{
		Webhook: unsigned[uint64](r.Webhook), Event: unsigned[uint64](r.Event), State: r.State, Since: unsigned[uint64](r.Since),
		Tries: unsigned[uint64](r.Tries), TriedAt: unsigned[uint64](r.TriedAt), Next: unsigned[uint64](r.NextTry), Outcome: r.Outcome,
	}, nil
}

// PendingDeliveries lists up to limit that are to be made to a webhook, those that are
// due first at the head.
func (s *Store) PendingDeliveries(ctx context.Context, webhook uint64, limit int) ([]DeliveryRow, error) {
	rows, err := s.q.PendingDeliveries(ctx, db.PendingDeliveriesParams{Webhook: place(webhook), Limit: int64(limit)})
	return all(rows, err, readDelivery)
}

// CountPendingDeliveries counts those that are to be made to a webhook.
func (s *Store) CountPendingDeliveries(ctx context.Context, webhook uint64) (uint64, error) {
	n, err := s.q.CountPendingDeliveries(ctx, place(webhook))
	return unsigned[uint64](n), err
}

// Deliveries lists up to limit to a webhook, of events from an index on.
func (s *Store) Deliveries(ctx context.Context, webhook, event uint64, limit int) ([]DeliveryRow, error) {
	rows, err := s.q.Deliveries(ctx, db.DeliveriesParams{Webhook: place(webhook), Event: place(event), Limit: int64(limit)})
	return all(rows, err, readDelivery)
}
