package webhook

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/store"
)

// Bounds.
const (
	Most       = 64        // webhooks
	maxPending = 10_000    // deliveries of one; the cursor waits beyond
	page       = 256       // events, or deliveries, at once
	longestURL = 2048      // bytes
	patience   = 72 * 3600 // seconds for which a delivery is tried
	tryFor     = 10 * time.Second
)

// Errors of what users ask for.
var (
	ErrURL     = errors.New("a webhook is at an absolute http or https URL without a user")
	ErrMany    = errors.New("there are too many webhooks: delete one")
	ErrNone    = errors.New("there is no such webhook")
	ErrNoEvent = errors.New("there is no such delivery any more")
)

// Store is what is kept.
type Store interface {
	durable.Writer
	events.Reader
	LastEvent(ctx context.Context) (uint64, error)
	LastWebhook(ctx context.Context) (uint64, error)
	Webhooks(ctx context.Context) ([]store.WebhookRow, error)
	PendingDeliveries(ctx context.Context, webhook uint64, limit int) ([]store.DeliveryRow, error)
	CountPendingDeliveries(ctx context.Context, webhook uint64) (uint64, error)
	Deliveries(ctx context.Context, webhook, event uint64, limit int) ([]store.DeliveryRow, error)
}

// Config is what the service needs.
type Config struct {
	Store  Store
	Events *events.Log
	Random io.Reader
	Now    func() time.Time
	Log    *slog.Logger
	Fatal  func(error) // ends the process
}

// Service tells others of events. It is safe for concurrent use.
type Service struct {
	cfg    Config
	client *http.Client

	mu     sync.Mutex
	hooks  map[uint64]*hook
	last   uint64          // id of the last webhook
	run    context.Context // nil: not yet
	wg     sync.WaitGroup
	poking chan struct{} // closed when somebody asked to look again
}

// hook is one webhook at work.
type hook struct {
	row    store.WebhookRow
	cancel context.CancelFunc
	done   chan struct{} // closed when its loop has ended; nil: it has none

	failures uint64 // tries in a row that failed
	rest     time.Time
}

// New makes the service.
func New(cfg Config) *Service {
	return &Service{
		cfg: cfg, hooks: map[uint64]*hook{}, poking: make(chan struct{}),
		client: &http.Client{
			Timeout:   tryFor,
			Transport: &http.Transport{MaxConnsPerHost: 2, MaxIdleConns: Most, IdleConnTimeout: time.Minute},
			// Where a webhook is was said by the owner, and not by who answers there.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Load reads the webhooks that are stored.
func (s *Service) Load(ctx context.Context) error {
	rows, err := s.cfg.Store.Webhooks(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		s.hooks[r.ID] = &hook{row: r}
	}
	s.last, err = s.cfg.Store.LastWebhook(ctx)
	return err
}

// Run delivers until ctx ends.
func (s *Service) Run(ctx context.Context) {
	s.mu.Lock()
	s.run = ctx
	for _, h := range s.hooks {
		s.begin(h)
	}
	s.mu.Unlock()
	<-ctx.Done()
	s.wg.Wait()
	s.client.CloseIdleConnections()
}

// begin starts the loop of a webhook. It is called with mu held.
func (s *Service) begin(h *hook) {
	if s.run == nil || s.run.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(s.run)
	h.cancel, h.done = cancel, make(chan struct{})
	s.wg.Go(func() {
		defer close(h.done)
		if err := s.loop(ctx, h); err != nil && ctx.Err() == nil {
			s.cfg.Fatal(err)
		}
	})
}

// Poke makes every webhook look again at what is due.
func (s *Service) Poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.poking)
	s.poking = make(chan struct{})
}

func (s *Service) poked() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.poking
}

func (s *Service) now() uint64 { return uint64(max(s.cfg.Now().Unix(), 0)) } //nolint:gosec // not negative

// Create adds a webhook, which is told of what happens from now on. No secret: one is
// drawn. Errors: [ErrURL], [ErrMany].
func (s *Service) Create(ctx context.Context, at string, kinds []string, secret []byte) (store.WebhookRow, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || len(at) > longestURL {
		return store.WebhookRow{}, ErrURL
	}
	if len(secret) == 0 {
		secret = make([]byte, 32)
		if _, err := io.ReadFull(s.cfg.Random, secret); err != nil {
			return store.WebhookRow{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.hooks) >= Most {
		return store.WebhookRow{}, ErrMany
	}
	row := store.WebhookRow{ID: s.last + 1, URL: at, Kinds: kinds, Secret: secret, Created: s.now()}
	if row.Cursor, err = s.cfg.Store.LastEvent(ctx); err != nil {
		return row, err
	}
	if err := s.cfg.Store.Write(context.WithoutCancel(ctx), row); err != nil {
		return row, err
	}
	s.last = row.ID
	h := &hook{row: row}
	s.hooks[row.ID] = h
	s.begin(h)
	return row, nil
}

// List gives the webhooks, in the order of their ids.
func (s *Service) List() []store.WebhookRow {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]store.WebhookRow, 0, len(s.hooks))
	for _, h := range s.hooks {
		out = append(out, h.row)
	}
	slices.SortFunc(out, func(a, b store.WebhookRow) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Delete ends a webhook and forgets its deliveries; when that cannot be written, the
// webhook goes on. Error: [ErrNone].
func (s *Service) Delete(ctx context.Context, id uint64) error {
	s.mu.Lock()
	h := s.hooks[id]
	delete(s.hooks, id)
	s.mu.Unlock()
	if h == nil {
		return ErrNone
	}
	if h.done != nil {
		h.cancel()
		<-h.done // so that it writes nothing after
	}
	err := s.cfg.Store.Write(context.WithoutCancel(ctx), store.WebhookDeletedRow{ID: id})
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hooks[id] = h
		s.begin(h)
	}
	return err
}

// Redeliver tries a delivery anew, now and for three days. Errors: [ErrNone], [ErrNoEvent].
func (s *Service) Redeliver(ctx context.Context, id, event uint64) error {
	s.mu.Lock()
	h := s.hooks[id]
	s.mu.Unlock()
	if h == nil {
		return ErrNone
	}
	rows, err := s.cfg.Store.Deliveries(ctx, id, event, 1)
	if err != nil {
		return err
	}
	if len(rows) == 0 || rows[0].Event != event {
		return ErrNoEvent
	}
	d := rows[0]
	d.State, d.Since, d.Next, d.Tries = store.Pending, s.now(), s.now(), 0
	if err := s.cfg.Store.Write(ctx, d); err != nil {
		return err
	}
	s.mu.Lock()
	h.rest = time.Time{}
	s.mu.Unlock()
	s.Poke()
	return nil
}
