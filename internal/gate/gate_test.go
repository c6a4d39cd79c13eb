package gate

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/runes"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func open(t *testing.T, dir string, c *clock) (*Gate, *store.Store) {
	t.Helper()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	g, err := Open(t.Context(), Config{Store: s, Random: rand.Reader, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return g, s
}

func restriction(t *testing.T, texts ...string) (x runes.Restriction) {
	t.Helper()
	for _, text := range texts {
		a, err := runes.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		x = append(x, a)
	}
	return x
}

func call(method string) *runes.Call { return &runes.Call{Method: &method} }

func admit(g *Gate, text, method string) error {
	_, err := g.Admit(context.Background(), text, call(method))
	return err
}

func TestRunesAreNumberedJudgedAndRevokedOverARestart(t *testing.T) {
	dir, c := ready.Dir(t, t.TempDir()), &clock{t: time.Unix(1_700_000_000, 123)}
	g, s := open(t, dir, c)
	free, id, err := g.Make(t.Context())
	if err != nil || id != 0 {
		t.Fatal(id, err)
	}
	reads, id, err := g.Make(t.Context(), restriction(t, "method^list", "method^get"))
	if err != nil || id != 1 {
		t.Fatal(id, err)
	}
	paced, id, err := g.Make(t.Context(), restriction(t, "per=1hour"))
	if err != nil || id != 2 {
		t.Fatal(id, err)
	}
	for _, x := range []struct {
		text, method string
		want         error
	}{
		{free.Encode(), "pay", nil}, {reads.Encode(), "listpays", nil}, {reads.Encode(), "pay", ErrNotPermitted},
		{paced.Encode(), "pay", nil}, {paced.Encode(), "getinfo", ErrNotPermitted},
		{"", "pay", ErrNotAuthorized}, {"?", "pay", ErrNotAuthorized}, {strings.Repeat("A", 43), "pay", ErrNotAuthorized},
		{runes.New([]byte("another"), 0).Encode(), "pay", ErrNotAuthorized},
	} {
		if err := admit(g, x.text, x.method); !errors.Is(err, x.want) || (err == nil) != (x.want == nil) {
			t.Errorf("%s: %v, want %v", x.method, err, x.want)
		}
	}
	if !g.LastUsed(2).Equal(c.now()) || !g.LastUsed(7).IsZero() {
		t.Errorf("last used %v", g.LastUsed(2))
	}
	if err := g.Revoke(t.Context(), runes.Range{First: 0, Last: 0}); err != nil {
		t.Fatal(err)
	}
	if g.Holds(free.Encode(), call("pay")) || !g.Holds(paced.Encode(), call("pay")) || g.Holds(reads.Encode(), call("pay")) || g.Holds("", call("pay")) {
		t.Error("what is still good")
	}
	derived := free.Clone()
	if err := derived.Restrict(restriction(t, "method=pay")); err != nil {
		t.Fatal(err)
	}
	s.Close()

	c.pass(59 * time.Minute)
	g, _ = open(t, dir, c)
	if !slices.Equal(g.Revoked(), []runes.Range{{First: 0, Last: 0}}) {
		t.Errorf("revoked %v", g.Revoked())
	}
	for _, text := range []string{free.Encode(), derived.Encode()} {
		if err := admit(g, text, "pay"); !errors.Is(err, ErrRevoked) {
			t.Errorf("revoked: %v", err)
		}
	}
	if err := admit(g, paced.Encode(), "pay"); !errors.Is(err, ErrNotPermitted) || !strings.HasSuffix(err.Error(), ": too soon") {
		t.Errorf("after a restart: %v", err)
	}
	c.pass(time.Minute)
	if err := admit(g, paced.Encode(), "pay"); err != nil {
		t.Errorf("rested: %v", err)
	}
	if _, id, err := g.Make(t.Context()); err != nil || id != 3 {
		t.Errorf("the next has number %d: %v", id, err)
	}
	if err := g.Relist(t.Context(), runes.Range{First: 0, Last: 5}); err != nil {
		t.Fatal(err)
	}
	if err := admit(g, derived.Encode(), "pay"); err != nil {
		t.Errorf("relisted: %v", err)
	}
}

func TestOfManyAtOnceARateAdmitsOne(t *testing.T) {
	g, _ := open(t, ready.Dir(t, t.TempDir()), &clock{t: time.Unix(1_700_000_000, 0)})
	r, _, err := g.Make(t.Context(), restriction(t, "rate=1"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	admitted := 0
	for range 20 {
		wg.Go(func() {
			if admit(g, r.Encode(), "pay") == nil {
				mu.Lock()
				defer mu.Unlock()
				admitted++
			}
		})
	}
	wg.Wait()
	if admitted != 1 {
		t.Errorf("%d were admitted", admitted)
	}
}

// writes counts what is written.
type writes struct {
	*store.Store
	n int
}

func (w *writes) Write(ctx context.Context, rows ...durable.Row) error {
	w.n++
	return w.Store.Write(ctx, rows...)
}

func TestARuneWithoutARateIsWrittenOnceAMinute(t *testing.T) {
	c := &clock{t: time.Unix(1_700_000_000, 0)}
	_, s := open(t, ready.Dir(t, t.TempDir()), c)
	w := &writes{Store: s}
	g, err := Open(t.Context(), Config{Store: w, Random: rand.Reader, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := g.Make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.n = 0
	for range 121 {
		if err := admit(g, r.Encode(), "getinfo"); err != nil {
			t.Fatal(err)
		}
		c.pass(time.Second)
	}
	if w.n != 3 {
		t.Errorf("%d writes in two minutes", w.n)
	}
}
