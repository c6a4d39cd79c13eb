package sender

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/steps"
)

// Links takes HTLCs to channels. It must not wait.
type Links interface {
	// Offer hands over an HTLC whose origin is an attempt. Exactly one of
	// [Sender.Resolved] and [Sender.Refused] follows, unless it returns an error:
	// then there is no such channel and nothing follows.
	Offer(scid wire.ShortChannelID, add channel.Add) error
}

// Network is what is known of the ways through the network.
type Network interface {
	// Height is that of the best block. While it is not known to be the present one, why
	// says so; known is closed when it may be, and nil when that is not expected soon.
	Height() (height uint32, known <-chan struct{}, why error)
	// Routes finds routes for all of f.Amount together. The error is a
	// [*pay.Error], or counts as pay.CodeRouteNotFound.
	Routes(height uint32, f *pay.Find) ([]pay.Route, error)
	// Hope is closed at a change that may bring a way where [Network.Routes] found
	// none, such as a peer that is back; nil: none is expected soon.
	Hope() <-chan struct{}
	// Learn takes what attempts taught.
	Learn(lessons []pay.Lesson)
}

// Payments is what is on disk.
type Payments interface {
	ByHash(ctx context.Context, hash wire.PaymentHash) (pay.PaymentRow, bool, error)
	// Attempts are all of the payment, of each group, by id.
	Attempts(ctx context.Context, hash wire.PaymentHash) ([]pay.AttemptRow, error)
	// LastAttempt is the highest id of an attempt; zero: none.
	LastAttempt(ctx context.Context) (uint64, error)
	// Unfinished is every payment that is pending, or of which an attempt is.
	Unfinished(ctx context.Context) ([]Unfinished, error)
}

// Unfinished is a payment to go on with after a restart.
type Unfinished struct {
	Payment  pay.PaymentRow
	Attempts []pay.AttemptRow // of its group
	// Settled is what channels have written of attempts that are still pending.
	Settled map[uint64]channel.SettlementRow
	// Alive is the pending attempts whose HTLC's row exists and is not done.
	Alive map[uint64]bool
}

// Config is what a Sender works with.
type Config struct {
	Writer   durable.Writer
	Payments Payments
	Links    Links
	Network  Network
	Node     pay.Node
	Steps    *steps.Gate // asked before a path is looked for; nil: never
	Rand     io.Reader   // of session keys; safe for concurrent use
	Fatal    func(error) // the disk or the randomness failed: must end the process
}

// ErrStopped is the answer of a sender that was closed.
var ErrStopped = errors.New("the node is stopping")

// Sender drives the payments. It is safe for concurrent use.
type Sender struct {
	Config

	ctx    context.Context // of all drivers
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	stopped  bool
	payments map[wire.PaymentHash]*driver
	attempts map[uint64]*driver // pending ones
	last     uint64             // highest id of an attempt
	loaded   []*driver          // that wait for Start
}

// New makes a sender; [Sender.Load] comes next.
func New(c Config) *Sender {
	ctx, cancel := context.WithCancel(context.Background())
	return &Sender{
		Config: c, ctx: ctx, cancel: cancel,
		payments: make(map[wire.PaymentHash]*driver), attempts: make(map[uint64]*driver),
	}
}

func unixNow() uint64 { return uint64(max(time.Now().Unix(), 0)) } //nolint:gosec // not negative

// Load reads what was under way. Call it before the channels run.
func (s *Sender) Load(ctx context.Context) error {
	last, err := s.Payments.LastAttempt(ctx)
	if err != nil {
		return fmt.Errorf("last attempt: %w", err)
	}
	unfinished, err := s.Payments.Unfinished(ctx)
	if err != nil {
		return fmt.Errorf("unfinished payments: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = last
	for _, u := range unfinished {
		p, pending, err := u.Resume(s.Node.ID, unixNow())
		if err != nil {
			return fmt.Errorf("payment %s: %w", u.Payment.PaymentHash, err)
		}
		d := newDriver(s, p.Hash(), u.Payment.Manual, u.Payment.Ask())
		d.p = p
		s.payments[p.Hash()] = d
		s.loaded = append(s.loaded, d)
		if u.Payment.Result.Status == pay.Complete { // the rest of its parts are on their way
			d.end(u.Payment, nil)
		}
		for _, id := range pending {
			s.attempts[id] = d
		}
	}
	return nil
}

// Resume makes the machine of a payment that was under way, and tells which attempts
// still have an end to come.
func (u *Unfinished) Resume(us wire.NodeID, now uint64) (p *pay.Payment, pending []uint64, err error) {
	var inv *bolt11.Invoice
	if u.Payment.Bolt11 != "" && !u.Payment.Manual {
		bill, err := obolt.Read(u.Payment.Bolt11)
		if err != nil {
			return nil, nil, err
		}
		inv = &bill.Invoice
	}
	var attempts []pay.Resume
	for _, a := range u.Attempts {
		r := pay.Resume{Row: a, Alive: u.Alive[a.ID]}
		if settled, ok := u.Settled[a.ID]; ok {
			if raw, ok := Result(a, channel.Resolved{
				Preimage: settled.Preimage, Reason: settled.Reason, Malformed: settled.Malformed,
			}); ok {
				r.Raw = &raw
			} else {
				r.Alive = false
			}
		}
		attempts = append(attempts, r)
	}
	if p, err = pay.Load(u.Payment, inv, attempts, us, now); err != nil {
		return nil, nil, err
	}
	for _, a := range u.Attempts {
		if _, ok := p.Attempted(a.ID); ok {
			pending = append(pending, a.ID)
		}
	}
	return p, pending, nil
}

// Start goes on with what Load has read. Call it when the links take HTLCs.
func (s *Sender) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	for _, d := range s.loaded {
		s.wg.Go(d.run)
	}
	s.loaded = nil
}

// Close ends the loops and waits for them. Payments under way stay so on disk.
func (s *Sender) Close() {
	s.mu.Lock()
	s.stopped = true
	loaded := s.loaded
	s.loaded = nil
	s.mu.Unlock()
	s.cancel()
	for _, d := range loaded {
		d.end(pay.PaymentRow{}, ErrStopped)
	}
	s.wg.Wait()
}

// Pay pays an invoice and waits for the end. When ctx ends first the payment
// goes on. Errors: a [*pay.Error], ctx's, [ErrStopped], and the disk's.
func (s *Sender) Pay(ctx context.Context, r pay.Request) (pay.PaymentRow, error) {
	ask, err := r.Pays()
	if err != nil {
		return pay.PaymentRow{}, err
	}
	d, fresh := s.driver(r.Invoice.PaymentHash, false, ask)
	switch {
	case d == nil:
		return pay.PaymentRow{}, ErrStopped
	case fresh:
		s.begin(d, func(before *pay.PaymentRow) (*pay.Payment, error) {
			group := uint64(1)
			if before != nil {
				group = before.Group + 1
				if before.Result.Status == pay.Complete {
					return nil, before.SameAs(ask, r.Invoice.Payee)
				}
			}
			return pay.New(r, s.Node, group, unixNow())
		})
	case d.manual:
		return pay.PaymentRow{}, &pay.Error{Code: pay.CodeInProgress, Message: "a sendpay of the same payment hash is in progress"}
	case d.ask != ask:
		return pay.PaymentRow{}, &pay.Error{Code: pay.CodeInProgress, Message: fmt.Sprintf("a payment of %s is in progress", d.ask)}
	}
	return d.wait(ctx)
}

// Keysend pays a node that gave no invoice and waits for the end, as [Sender.Pay]
// does. The preimage must be new: each call is a payment of its own.
func (s *Sender) Keysend(ctx context.Context, k pay.Keysend) (pay.PaymentRow, error) {
	d, fresh := s.driver(k.Hash(), false, pay.Ask{Amount: k.Amount})
	switch {
	case d == nil:
		return pay.PaymentRow{}, ErrStopped
	case !fresh:
		return pay.PaymentRow{}, errUsed
	}
	s.begin(d, func(before *pay.PaymentRow) (*pay.Payment, error) {
		if before != nil {
			return nil, errUsed
		}
		return pay.NewKeysend(k, s.Node, 1, unixNow())
	})
	return d.wait(ctx)
}

var errUsed = &pay.Error{Code: pay.CodeAlreadyPaid, Message: "this preimage is that of another payment"}

// driver finds who drives the hash's payment, or makes one; nil when stopped.
func (s *Sender) driver(hash wire.PaymentHash, manual bool, ask pay.Ask) (d *driver, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, false
	}
	if d = s.payments[hash]; d != nil {
		return d, false
	}
	d = newDriver(s, hash, manual, ask)
	s.payments[hash] = d
	return d, true
}

// begin starts a new driver: make gets the row of an earlier payment of the hash,
// and returns the machine, or neither machine nor error when that row is the
// answer.
func (s *Sender) begin(d *driver, make func(before *pay.PaymentRow) (*pay.Payment, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		d.end(pay.PaymentRow{}, ErrStopped)
		return
	}
	s.wg.Go(func() {
		row, found, err := s.Payments.ByHash(s.ctx, d.hash)
		if err == nil {
			var before *pay.PaymentRow
			if found {
				before = &row
			}
			d.p, err = make(before)
		}
		if d.p == nil {
			s.remove(d)
			d.end(row, err)
			return
		}
		d.run()
	})
}

func (s *Sender) remove(d *driver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.payments[d.hash] == d {
		delete(s.payments, d.hash)
	}
}

// mint gives the next attempt its id and session key.
func (s *Sender) mint() (m pay.Minted, err error) {
	if _, err = io.ReadFull(s.Rand, m.Session[:]); err != nil {
		return m, fmt.Errorf("session key: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	m.ID = s.last
	return m, nil
}

func (s *Sender) register(attempt uint64, d *driver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts[attempt] = d
}

// of finds the driver of a pending attempt, for its last word.
func (s *Sender) of(attempt uint64) *driver {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.attempts[attempt]
	delete(s.attempts, attempt)
	return d
}

// Resolved hears how an attempt's HTLC ended. It does not wait; a result that
// came before is ignored.
func (s *Sender) Resolved(r channel.Resolved) {
	if d := s.of(r.Origin.Attempt); d != nil {
		d.put(func(p *pay.Payment) { Resolve(p, unixNow(), r) })
	}
}

// Refused hears that an attempt's HTLC was never signed and never will be. It
// does not wait.
func (s *Sender) Refused(attempt uint64, why error) {
	if d := s.of(attempt); d != nil {
		d.put(func(p *pay.Payment) { p.Refused(unixNow(), attempt, why) })
	}
}

// Cancel stops the attempts of a payment: it fails when none is pending. It says
// whether one was under way.
func (s *Sender) Cancel(hash wire.PaymentHash) bool {
	s.mu.Lock()
	d := s.payments[hash]
	s.mu.Unlock()
	return d != nil && d.put(func(p *pay.Payment) { p.Cancel(unixNow()) })
}
