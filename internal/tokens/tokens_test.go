package tokens_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/internal/tokens"
)

// until waits for what a service does by itself.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ; !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// lines is what a log says.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// faulty is a source that fails when it is told to.
type faulty struct {
	*regtest.Chain
	fails atomic.Bool
	asked atomic.Int32
}

var errAway = errors.New("the server is away")

func (f *faulty) Tip(ctx context.Context) (chain.BlockRef, error) {
	if f.asked.Add(1); f.fails.Load() {
		return chain.BlockRef{}, errAway
	}
	return f.Chain.Tip(ctx)
}

func (f *faulty) Follow(ctx context.Context, from chain.BlockRef, each func(chain.Event) error) error {
	return chain.Walk(ctx, f, from, each)
}

type light struct{ *regtest.Chain }

func (light) Spent(context.Context, chain.BlockRef) (chain.Scripts, error) {
	return nil, chain.ErrLight
}

func newChain(t *testing.T) *regtest.Chain {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Mine(3, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), ready.Dir(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// run runs a service until the test ends, or stop is called.
func run(t *testing.T, cfg tokens.Config) (s *tokens.Service, stop func()) {
	t.Helper()
	cfg.On, cfg.Network = true, bolt11.Regtest
	s, err := tokens.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return s, stop
}

func reads(t *testing.T, st *store.Store, c *regtest.Chain) {
	t.Helper()
	tip, err := c.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the ledger has read the chain", func() bool {
		rows, _, err := st.Ledger(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return rows.Seen == tip
	})
}

func TestALedgerIsReadFromItsStartAndGoesOnAfterAStop(t *testing.T) {
	c, st := newChain(t), newStore(t)
	cfg := tokens.Config{Source: c, Store: st, Log: slog.New(slog.DiscardHandler)}
	_, stop := run(t, cfg)
	reads(t, st, c)
	stop()
	if _, err := c.Mine(2, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Reorg(4); err != nil { // blocks leave that did nothing
		t.Fatal(err)
	}
	run(t, cfg)
	reads(t, st, c)
	if p, ok, err := st.Asset(t.Context(), asset.OMN); err != nil || !ok || p.Tainted == "" {
		t.Errorf("%+v %v", p, err)
	}
}

// A source that fails neither ends the process nor fills the log: the ledger is loaded
// again, and goes on.
func TestALedgerThatCannotGoOnIsTriedAgain(t *testing.T) {
	c, st := newChain(t), newStore(t)
	l, source := new(lines), &faulty{Chain: c}
	source.fails.Store(true)
	run(t, tokens.Config{
		Source: source, Store: st, Log: slog.New(slog.NewTextHandler(l, nil)), Again: time.Millisecond,
		Fatal: func(err error) { t.Errorf("the process ends: %v", err) },
	})
	until(t, "it is tried again", func() bool { return source.asked.Load() > 5 })
	if n := l.count("cannot go on"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
	source.fails.Store(false)
	reads(t, st, c)
	until(t, "the log says that it goes on", func() bool { return l.count("goes on") == 1 })
}

func TestWhereThereIsNoLedgerIsSaidAtTheStart(t *testing.T) {
	st := newStore(t)
	c := newChain(t)
	for name, want := range map[string]struct {
		cfg  tokens.Config
		want error
	}{
		"a light client":          {tokens.Config{Wish: tokens.Wish{On: true}, Network: bolt11.Regtest, Source: light{c}, Store: st}, chain.ErrLight},
		"another network":         {tokens.Config{Wish: tokens.Wish{On: true}, Network: bolt11.Signet, Source: c, Store: st}, tokens.ErrNetwork},
		"a light client, and off": {tokens.Config{Network: bolt11.Signet, Source: light{c}, Store: st}, nil},
	} {
		if _, err := tokens.Open(t.Context(), want.cfg); !errors.Is(err, want.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := tokens.Open(t.Context(), tokens.Config{Network: bolt11.Regtest, Source: c, Store: st})
	if err != nil {
		t.Fatal(err)
	}
	s.Run(t.Context()) // it has nothing to do
	if _, err := s.Issue(t.Context(), tokens.Issuance{About: asset.About{Name: "x"}, Units: 1}); !errors.Is(err, tokens.ErrOff) {
		t.Error(err)
	}
	if list, err := s.Holdings(t.Context()); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}

func TestACommitmentHasAsManyReceiversAsTheSourceRelays(t *testing.T) {
	c := newChain(t)
	s, _ := run(t, tokens.Config{Source: c, Store: newStore(t), Log: slog.New(slog.DiscardHandler)})
	for bytes, want := range map[int]uint8{0: 0, 42: 0, 78: 0, 79: 7, 83: 7, 88: 8, 249: 25, 250: 26, 100_000: 26} {
		c.SetDataCarrier(bytes)
		if got, err := s.Receivers(t.Context()); got != want || errors.Is(err, tokens.ErrCarry) != (want == 0) {
			t.Errorf("%d bytes: %d, want %d, %v", bytes, got, want, err)
		}
	}
}
