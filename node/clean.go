package node

import (
	"context"
	"time"

	"github.com/leyden-ln/leyden/internal/invoice"
)

// Clean says what of the past is deleted by itself.
type Clean struct {
	Every   time.Duration // zero: an hour
	Expired time.Duration // since an invoice expired that nobody paid; zero: DefaultCleanExpired, negative: never
	Paid    time.Duration // since an invoice was paid; zero or negative: never
}

// DefaultCleanExpired is how long invoices that nobody paid are kept.
const DefaultCleanExpired = 30 * 24 * time.Hour

// CleanAge is at what age invoices of a status are deleted by themselves; zero: never.
func (n *Node) CleanAge(s invoice.Status) time.Duration {
	switch {
	case s == invoice.Paid:
		return max(n.cfg.Clean.Paid, 0)
	case s == invoice.Expired && n.cfg.Clean.Expired == 0:
		return DefaultCleanExpired
	case s == invoice.Expired:
		return max(n.cfg.Clean.Expired, 0)
	}
	return 0
}

// clean deletes what is old, now and then, until the node stops.
func (n *Node) clean() {
	every := n.cfg.Clean.Every
	if every <= 0 {
		every = time.Hour
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case now := <-tick.C:
			n.cleanOnce(n.ctx, now)
		}
	}
}

func (n *Node) cleanOnce(ctx context.Context, now time.Time) {
	for _, s := range []invoice.Status{invoice.Expired, invoice.Paid} {
		age := n.CleanAge(s)
		if age == 0 {
			continue
		}
		until := uint64(max(now.Add(-age).Unix(), 0)) //nolint:gosec // not negative
		cleaned, err := n.receiver.Clean(ctx, s, until)
		if err != nil && n.ctx.Err() == nil {
			n.log.Warn("old invoices were not deleted", "status", s, "why", err)
		}
		if cleaned > 0 {
			n.log.Info("old invoices were deleted", "status", s, "count", cleaned)
		}
	}
}
