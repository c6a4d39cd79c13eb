package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/store"
)

// pauses are between the tries of a delivery, in seconds. The last is repeated.
var pauses = []uint64{5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800}

func pause(tries uint64) uint64 { return pauses[min(max(tries, 1), uint64(len(pauses)))-1] }

// longestRest is how long a webhook whose tries fail is left alone, at the most, in
// seconds: others of its deliveries may be due meanwhile.
const longestRest = 600

// idle is how long a webhook sleeps that has nothing to do and is not woken.
const idle = time.Hour

// loop moves the cursor of a webhook and makes its deliveries, one at a time.
func (s *Service) loop(ctx context.Context, h *hook) error {
	for {
		changed, poked := s.cfg.Events.Changed(), s.poked()
		more, err := s.fill(ctx, h)
		if err != nil {
			return err
		}
		next, err := s.deliver(ctx, h)
		if err != nil {
			return err
		}
		if more && next == 0 {
			continue
		}
		if next == 0 {
			next = idle
		}
		t := time.NewTimer(next)
		select {
		case <-changed:
		case <-poked:
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// fill makes deliveries of the events that follow the cursor; more: there are others.
func (s *Service) fill(ctx context.Context, h *hook) (more bool, err error) {
	for {
		waiting, err := s.cfg.Store.CountPendingDeliveries(ctx, h.row.ID)
		if err != nil || waiting >= maxPending {
			return err == nil, err
		}
		cursor := s.cursor(h)
		entries, err := s.cfg.Store.Events(ctx, cursor, page)
		if err != nil || len(entries) == 0 {
			return false, err
		}
		var rows []durable.Row
		for _, e := range entries {
			cursor = e.Index
			if len(h.row.Kinds) == 0 || slices.Contains(h.row.Kinds, e.Kind) {
				rows = append(rows, store.DeliveryRow{Webhook: h.row.ID, Event: e.Index, State: store.Pending, Since: s.now(), Next: s.now()})
			}
		}
		if err := s.cfg.Store.Write(ctx, append(rows, store.WebhookMovedRow{ID: h.row.ID, Cursor: cursor})...); err != nil {
			return false, err
		}
		s.mu.Lock()
		h.row.Cursor = cursor
		s.mu.Unlock()
	}
}

func (s *Service) cursor(h *hook) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return h.row.Cursor
}

// deliver makes the deliveries that are due. Next is how long it is until the next one
// is; zero: there is none.
func (s *Service) deliver(ctx context.Context, h *hook) (next time.Duration, err error) {
	for {
		s.mu.Lock()
		rest := h.rest.Sub(s.cfg.Now())
		s.mu.Unlock()
		if rest > 0 {
			return rest, nil
		}
		pending, err := s.cfg.Store.PendingDeliveries(ctx, h.row.ID, 1)
		if err != nil || len(pending) == 0 {
			return 0, err
		}
		d, now := pending[0], s.now()
		if d.Next > now {
			return time.Duration(d.Next-now) * time.Second, nil //nolint:gosec // hours
		}
		if err := s.try(ctx, h, d); err != nil {
			return 0, err
		}
	}
}

// try makes one delivery once, and writes what came of it.
func (s *Service) try(ctx context.Context, h *hook, d store.DeliveryRow) error {
	entries, err := s.cfg.Store.Events(ctx, d.Event-1, 1)
	if err != nil {
		return err
	}
	delivered, outcome := false, "the event is no longer in the log"
	lost := len(entries) == 0 || entries[0].Index != d.Event
	if !lost {
		body, err := json.Marshal(entries[0].Show())
		if err != nil {
			return err
		}
		delivered, outcome = s.post(ctx, h, d, body)
	}
	if ctx.Err() != nil {
		return ctx.Err() // the end of the node, or of the webhook, is no failure
	}
	now := s.now()
	d.Tries++
	d.TriedAt, d.Outcome, d.Next = now, outcome, now+pause(d.Tries)
	switch {
	case delivered:
		d.State = "delivered"
	case lost || d.Next > d.Since+patience:
		d.State = "failed"
	}
	if err := s.cfg.Store.Write(ctx, d); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if delivered || lost {
		h.failures, h.rest = 0, time.Time{}
		return nil
	}
	h.failures++
	h.rest = time.Unix(int64(now+min(pause(h.failures), longestRest)), 0) //nolint:gosec // a time
	s.cfg.Log.Debug("a webhook does not take an event", "webhook", h.row.ID, "event", d.Event, "tries", d.Tries, "why", outcome)
	return nil
}

// Signature is that of a message by its secret, as standardwebhooks.com has it.
func Signature(secret []byte, id, timestamp string, body []byte) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(id + "." + timestamp + "."))
	m.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// post sends a delivery. What the other side answers beside its status is not read:
// the outcome is shown to whoever may list deliveries.
func (s *Service) post(ctx context.Context, h *hook, d store.DeliveryRow, body []byte) (delivered bool, outcome string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.row.URL, bytes.NewReader(body))
	if err != nil {
		return false, "the URL is not one"
	}
	id, timestamp := fmt.Sprintf("%d-%d", d.Webhook, d.Event), strconv.FormatUint(s.now(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "leyden")
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", timestamp)
	r.Header.Set("Webhook-Signature", Signature(h.row.Secret, id, timestamp, body))
	res, err := s.client.Do(r)
	if err != nil {
		return false, "no answer" // the error would repeat the URL, and so what secret is in it
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 4096) // so that the connection can be used again
	return res.StatusCode/100 == 2, res.Status[:min(len(res.Status), 100)]
}
