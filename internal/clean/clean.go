// Package clean deletes what is old and has ended, now and then, a few rows at a time so
// that nothing waits for it:
//
//	c := clean.New(clean.Config{Ages: map[clean.Kind]time.Duration{clean.ExpiredInvoices: 720 * time.Hour}, …})
//	go c.Run(ctx)
//
// What has no age stays for ever.
package clean

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/receiver"
	"github.com/leyden-ln/leyden/internal/sender"
	"github.com/leyden-ln/leyden/internal/store"
)

// Kind is what is cleaned, under Core Lightning's name of it.
type Kind string

// The kinds, and from when on their age counts.
const (
	ExpiredInvoices   Kind = "expiredinvoices"   // expiry
	PaidInvoices      Kind = "paidinvoices"      // payment
	SucceededForwards Kind = "succeededforwards" // settlement
	FailedForwards    Kind = "failedforwards"    // failure, ours or another's
	SucceededPays     Kind = "succeededpays"     // payment
	FailedPays        Kind = "failedpays"        // failure
)

// Kinds are all of them.
var Kinds = []Kind{ExpiredInvoices, PaidInvoices, SucceededForwards, FailedForwards, SucceededPays, FailedPays}

// atOnce is how many rows go in one write.
const atOnce = 100

// Config is what a cleaner needs.
type Config struct {
	Every    time.Duration          // zero: an hour
	Ages     map[Kind]time.Duration // zero, or negative: never
	Receiver *receiver.Receiver
	Sender   *sender.Sender
	Store    *store.Store
	Log      *slog.Logger
}

// Cleaner deletes. It is safe for concurrent use.
type Cleaner struct {
	cfg Config
	mu  sync.Mutex // held while something is deleted
}

// New makes a cleaner.
func New(cfg Config) *Cleaner { return &Cleaner{cfg: cfg} }

// Age is at what age a kind is deleted by itself; zero: never.
func (c *Cleaner) Age(k Kind) time.Duration { return max(c.cfg.Ages[k], 0) }

// Run deletes what is old, until ctx ends.
func (c *Cleaner) Run(ctx context.Context) {
	every := c.cfg.Every
	if every <= 0 {
		every = time.Hour
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			c.all(ctx, now)
		}
	}
}

func (c *Cleaner) all(ctx context.Context, now time.Time) {
	for _, k := range Kinds {
		age := c.Age(k)
		if age == 0 {
			continue
		}
		cleaned, err := c.Once(ctx, k, uint64(max(now.Add(-age).Unix(), 0))) //nolint:gosec // not negative
		if err != nil && ctx.Err() == nil {
			c.cfg.Log.Warn("what is old was not deleted", "kind", k, "why", err)
		}
		if cleaned > 0 {
			c.cfg.Log.Info("what is old was deleted", "kind", k, "count", cleaned)
		}
	}
}

// Once deletes what ended until a time in unix seconds.
func (c *Cleaner) Once(ctx context.Context, k Kind, until uint64) (cleaned uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch k {
	case ExpiredInvoices, PaidInvoices:
		n, err := c.cfg.Receiver.Clean(ctx, invoiceStatus(k), until)
		return uint64(max(n, 0)), err //nolint:gosec // not negative
	case SucceededForwards:
		return c.forwards(ctx, k, until, store.ForwardSettled)
	case FailedForwards:
		return c.forwards(ctx, k, until, store.ForwardFailed, store.ForwardRefused)
	case SucceededPays:
		return c.pays(ctx, k, until, pay.Complete)
	case FailedPays:
		return c.pays(ctx, k, until, pay.Failed)
	}
	return 0, nil
}

func invoiceStatus(k Kind) invoice.Status {
	if k == PaidInvoices {
		return invoice.Paid
	}
	return invoice.Expired
}

// Left counts what ended after a time.
func (c *Cleaner) Left(ctx context.Context, k Kind, after uint64) (uint64, error) {
	switch k {
	case SucceededForwards:
		return c.cfg.Store.CountForwardsAfter(ctx, after, store.ForwardSettled)
	case FailedForwards:
		return c.cfg.Store.CountForwardsAfter(ctx, after, store.ForwardFailed, store.ForwardRefused)
	case SucceededPays:
		return c.cfg.Store.CountPaymentsAfter(ctx, pay.Complete, after)
	case FailedPays:
		return c.cfg.Store.CountPaymentsAfter(ctx, pay.Failed, after)
	default:
		return c.cfg.Store.CountInvoicesAfter(ctx, invoiceStatus(k), after)
	}
}

// Cleaned is how many of a kind were ever deleted for their age.
func (c *Cleaner) Cleaned(ctx context.Context, k Kind) (uint64, error) {
	if k == ExpiredInvoices || k == PaidInvoices {
		return c.cfg.Store.InvoicesCleaned(ctx, invoiceStatus(k))
	}
	return c.cfg.Store.Cleaned(ctx, string(k))
}

func (c *Cleaner) forwards(ctx context.Context, k Kind, until uint64, of ...store.ForwardStatus) (cleaned uint64, err error) {
	before, err := c.Cleaned(ctx, k)
	if err != nil {
		return 0, err
	}
	for _, status := range of {
		for last := before + cleaned; ; last = before + cleaned {
			if err := c.cfg.Store.Write(ctx, store.ForwardsCleanedRow{Kind: string(k), Status: status, Until: until, Most: atOnce}); err != nil {
				return cleaned, err
			}
			now, err := c.Cleaned(ctx, k)
			if err != nil {
				return cleaned, err
			}
			if cleaned = now - before; now-last < atOnce {
				break
			}
		}
	}
	return cleaned, nil
}

// pays deletes payments one by one: none of which an HTLC is on its way, and none that is
// begun anew meanwhile.
func (c *Cleaner) pays(ctx context.Context, k Kind, until uint64, status pay.Status) (cleaned uint64, err error) {
	for start := uint64(0); ; {
		rows, err := c.cfg.Store.PaymentsBefore(ctx, status, until, start, atOnce)
		if err != nil {
			return cleaned, err
		}
		gone := uint64(0)
		for _, r := range rows {
			start = r.CreatedIndex + 1
			_, err := c.cfg.Sender.Delete(ctx, r.PaymentHash, status, nil)
			if refusal, ok := errors.AsType[*pay.Error](err); ok {
				c.cfg.Log.Debug("an old payment stays", "payment_hash", r.PaymentHash, "why", refusal.Message)
				continue
			}
			if err != nil {
				return cleaned, err
			}
			gone++
		}
		if gone > 0 {
			if err := c.cfg.Store.Write(ctx, store.CleanedRow{Kind: string(k), Count: gone}); err != nil {
				return cleaned, err
			}
		}
		if cleaned += gone; len(rows) < atOnce {
			return cleaned, nil
		}
	}
}
