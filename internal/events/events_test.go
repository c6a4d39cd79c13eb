package events

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leyden-ln/leyden/bolt/wire"
)

type memory struct {
	mu      sync.Mutex
	entries []Entry
	err     error
}

func (m *memory) add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		m.entries = append(m.entries, Entry{Index: uint64(len(m.entries) + 1)})
	}
}

func (m *memory) Events(_ context.Context, after uint64, limit int) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	rest := m.entries[after:]
	return append([]Entry(nil), rest[:min(limit, len(rest))]...), nil
}

func TestAFollowerSeesPastAndNewEntriesOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memory
		m.add(1000)
		log := NewLog(&m)
		ctx, cancel := context.WithCancel(t.Context())
		var seen []uint64
		done := make(chan error)
		go func() {
			done <- log.Follow(ctx, 10, func(e Entry) error {
				seen = append(seen, e.Index)
				return nil
			})
		}()
		synctest.Wait()
		if len(seen) != 990 {
			t.Fatalf("saw %d of the past entries, not 990", len(seen))
		}
		for range 5 {
			m.add(3)
			log.Written()
			synctest.Wait()
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if len(seen) != 1005 {
			t.Fatalf("saw %d entries, not 1005", len(seen))
		}
		for i, n := range seen {
			if n != uint64(i+11) {
				t.Fatalf("entry %d has index %d", i, n)
			}
		}
	})
}

func TestAFollowerEndsWithTheErrorOfItsReaderOrItself(t *testing.T) {
	broken := errors.New("broken")
	m := memory{err: broken}
	if err := NewLog(&m).Follow(t.Context(), 0, nil); !errors.Is(err, broken) {
		t.Error(err)
	}
	m = memory{}
	m.add(1)
	if err := NewLog(&m).Follow(t.Context(), 0, func(Entry) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestTracesAreBoundedAndFollowable(t *testing.T) {
	var traces Traces
	one, two := wire.PaymentHash{1}, wire.PaymentHash{2}
	_, next, more := traces.After(0)
	_, _, too := traces.After(0)
	traces.Emit()
	select {
	case <-more:
		t.Fatal("woken for nothing")
	default:
	}
	traces.Emit(Trace{PaymentHash: one, HTLC: 1}, Trace{PaymentHash: two, HTLC: 2})
	<-more
	<-too
	got, next, _ := traces.After(next)
	if len(got) != 2 || next != 2 || got[1].HTLC != 2 {
		t.Fatalf("got %d traces, next %d", len(got), next)
	}
	if of := traces.Of(two); len(of) != 1 || of[0].HTLC != 2 {
		t.Fatalf("of the second payment: %v", of)
	}
	for i := range 3 * keep {
		traces.Emit(Trace{HTLC: uint64(i)})
	}
	got, next, _ = traces.After(next)
	if next != 3*keep+2 || len(got) > 2*keep || len(got) < keep || got[len(got)-1].HTLC != 3*keep-1 {
		t.Fatalf("kept %d traces, the last of HTLC %d", len(got), got[len(got)-1].HTLC)
	}
	if got, again, _ := traces.After(next + 100); len(got) != 0 || again != next {
		t.Fatalf("an index from the future gave %d traces, next %d", len(got), again)
	}
}
