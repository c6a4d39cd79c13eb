package receiver

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/relay"
)

// Settler takes decisions to the channels. Its methods must not wait.
type Settler interface {
	// Fulfil is called when the decision is on disk.
	Fulfil(in channel.Ref, preimage wire.Preimage)
	// Fail is for an HTLC about which nothing is on disk: it may be offered again
	// if the failure is lost.
	Fail(in channel.Ref, f onion.Failure)
}

// Invoices is what is on disk.
type Invoices interface {
	ByHash(ctx context.Context, hash wire.PaymentHash) (invoice.Row, bool, error)
	ByLabel(ctx context.Context, label string) (invoice.Row, bool, error)
	// NextPaid is the paid invoice with the lowest pay_index above after.
	NextPaid(ctx context.Context, after uint64) (invoice.Row, bool, error)
	// Expiring gives up to limit unpaid invoices whose ExpiresAt is at most now, in
	// unix seconds.
	Expiring(ctx context.Context, now uint64, limit int) ([]invoice.Row, error)
	// NextExpiry is the lowest ExpiresAt of all unpaid invoices.
	NextExpiry(ctx context.Context) (uint64, bool, error)
	// Held are the invoices that are accepted, with their parts.
	Held(ctx context.Context) ([]Held, error)
	// Before gives up to limit invoices that have expired, or were paid, until a time
	// in unix seconds.
	Before(ctx context.Context, status invoice.Status, until uint64, limit int) ([]invoice.Row, error)
	// Decision is what was decided for an incoming HTLC that is not settled.
	Decision(ctx context.Context, in channel.Ref) (relay.DecisionRow, bool, error)
}

// Held is an invoice that is accepted, with the parts that are held for it.
type Held struct {
	Invoice invoice.Row
	Parts   []invoice.HeldRow
}

// Config is what a Receiver works with.
type Config struct {
	Writer   durable.Writer
	Invoices Invoices
	Settler  Settler
	Height   func() uint32 // of the best block
	Timeout  time.Duration // of a set of parts; zero: invoice.SetTimeout
}

// Receiver is the loop. It is safe for concurrent use.
type Receiver struct {
	Config

	mu      sync.Mutex
	parts   []invoice.Part
	tasks   []task
	expiry  uint64 // when the next invoice expires, in unix seconds; zero: look it up
	labels  map[string][]chan struct{}
	anyPaid []chan invoice.Row

	wake    chan struct{} // holds a token when something has come
	stopped chan struct{}

	// creating is held for writing while a payment makes its own invoice, so that no
	// other one takes its hash or label before that is on disk.
	creating sync.RWMutex

	till invoice.Till // of Run's goroutine
}

// task is what a caller asks Run's goroutine to do: it gives a refusal for the
// caller, or the error of the disk, which ends Run.
type task struct {
	do   func(ctx context.Context) (refusal, err error)
	done chan error
}

// New makes a receiver. Nothing happens before Run.
func New(c Config) *Receiver {
	return &Receiver{
		Config: c, labels: make(map[string][]chan struct{}),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}), till: invoice.Till{Timeout: c.Timeout},
	}
}

// Offer hands over an HTLC that ends here; the answer comes by the Settler. It
// does not wait.
func (r *Receiver) Offer(in channel.Incoming, p onion.Payload) {
	r.mu.Lock()
	r.parts = append(r.parts, invoice.PartOf(in, p))
	r.mu.Unlock()
	r.signal()
}

// Block says that the height has changed: what can be held no longer is let go.
func (r *Receiver) Block() { r.signal() }

func (r *Receiver) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// expireAtOnce is how many invoices are expired in one transaction.
const expireAtOnce = 500

// Run is the loop. It returns when ctx ends, or with the error of the disk, and
// is called once.
func (r *Receiver) Run(ctx context.Context) error {
	defer r.stop()
	held, err := r.Invoices.Held(ctx)
	if err != nil {
		return fmt.Errorf("held invoices: %w", err)
	}
	for _, h := range held {
		r.till.Restore(h.Invoice, h.Parts)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.wake:
		case <-timer.C:
		}
		if err := r.turn(ctx); err != nil {
			return err
		}
		if at, ok := r.next(); ok {
			timer.Reset(time.Until(at))
		} else {
			timer.Stop()
		}
	}
}

// turn handles all that has gathered.
func (r *Receiver) turn(ctx context.Context) error {
	r.mu.Lock()
	parts, tasks := r.parts, r.tasks
	r.parts, r.tasks = nil, nil
	r.mu.Unlock()
	defer func() {
		for _, t := range tasks { // what was not done
			t.done <- ErrStopped
		}
	}()

	now := time.Now()
	if err := r.settle(ctx, parts, now); err != nil {
		return err
	}
	for len(tasks) > 0 {
		refusal, err := tasks[0].do(ctx)
		if err != nil {
			return err
		}
		tasks[0].done <- refusal
		tasks = tasks[1:]
	}
	return r.expire(ctx, unix(now))
}

// settle takes the parts that have come, makes what follows durable and acts on it.
func (r *Receiver) settle(ctx context.Context, parts []invoice.Part, now time.Time) error {
	if slices.ContainsFunc(parts, func(p invoice.Part) bool { return p.Keysend != nil }) {
		r.creating.Lock()
		defer r.creating.Unlock()
	}
	for _, p := range parts {
		if err := r.accept(ctx, p, now); err != nil {
			return err
		}
	}
	r.till.Tick(now)
	r.till.Block(now, r.Height())
	return r.act(ctx)
}

// act makes what the till has decided durable, and does it.
func (r *Receiver) act(ctx context.Context) error {
	outcome, err := r.till.Take().Commit(ctx, r.Writer)
	if err != nil {
		return fmt.Errorf("invoices: %w", err)
	}
	for _, f := range outcome.Fulfil {
		r.Settler.Fulfil(f.In, f.Preimage)
	}
	for _, f := range outcome.Fail {
		r.Settler.Fail(f.In, f.Failure)
	}
	for _, label := range outcome.Cancelled {
		r.tell(label)
	}
	return r.tellPaid(ctx, outcome.Paid)
}

func unix(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) } //nolint:gosec // not negative

func (r *Receiver) accept(ctx context.Context, p invoice.Part, now time.Time) error {
	height := r.Height()
	if r.till.Held(p.PaymentHash) {
		r.till.Accept(nil, p, now, height)
		return nil
	}
	row, found, err := r.Invoices.ByHash(ctx, p.PaymentHash)
	if err != nil {
		return fmt.Errorf("invoice of %s: %w", p.PaymentHash, err)
	}
	if !found || row.Status != invoice.Unpaid {
		// Perhaps it was one of the parts that paid, offered again because the
		// link was restarted before it could act.
		d, decided, err := r.Invoices.Decision(ctx, p.In)
		if err != nil {
			return fmt.Errorf("decision about an HTLC: %w", err)
		}
		if decided && d.Kind == relay.Fulfil {
			r.Settler.Fulfil(p.In, d.Preimage)
			return nil
		}
	}
	if !found {
		if p.Keysend != nil {
			if _, taken, err := r.Invoices.ByLabel(ctx, invoice.KeysendLabel(p.PaymentHash)); err != nil {
				return fmt.Errorf("label of a keysend: %w", err)
			} else if taken {
				p.Keysend = nil
			}
		}
		r.till.Accept(nil, p, now, height)
		return nil
	}
	r.till.Accept(&row, p, now, height)
	return nil
}

// next is when something is due: a set, or an invoice.
func (r *Receiver) next() (time.Time, bool) {
	at, ok := r.till.Next()
	r.mu.Lock()
	expiry := r.expiry
	r.mu.Unlock()
	if expiry != never {
		if e := time.Unix(int64(min(expiry, farthest)), 0); !ok || e.Before(at) { //nolint:gosec // bounded
			return e, true
		}
	}
	return at, ok
}

const (
	never    = ^uint64(0) // of expiry: no invoice is unpaid
	farthest = 1 << 34    // a time that a timer can hold
)

// expire marks the invoices whose time is over. When they are more than one
// transaction takes, the rest are due at once: next says so.
func (r *Receiver) expire(ctx context.Context, now uint64) error {
	r.mu.Lock()
	due := r.expiry <= now
	if due {
		r.expiry = never // Create lowers it meanwhile
	}
	r.mu.Unlock()
	if !due {
		return nil
	}
	rows, err := r.Invoices.Expiring(ctx, now, expireAtOnce)
	if err != nil {
		return fmt.Errorf("invoices to expire: %w", err)
	}
	var changes []durable.Row
	for _, row := range rows {
		changes = append(changes, row.Expiry()...)
	}
	if _, err := durable.Hold(struct{}{}, changes...).Commit(ctx, r.Writer); err != nil {
		return fmt.Errorf("expiring invoices: %w", err)
	}
	for _, row := range rows {
		r.till.Expire(row.PaymentHash)
		r.tell(row.Label)
	}
	next, ok, err := r.Invoices.NextExpiry(ctx)
	if err != nil {
		return fmt.Errorf("next invoice to expire: %w", err)
	}
	if ok {
		r.expiresAt(next)
	}
	return nil
}

// expiresAt makes Run wake at t, if not before.
func (r *Receiver) expiresAt(t uint64) (sooner bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sooner = t < r.expiry
	r.expiry = min(r.expiry, t)
	return sooner
}

// stop answers whoever still waits.
func (r *Receiver) stop() {
	close(r.stopped)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tasks {
		t.done <- ErrStopped
	}
}
