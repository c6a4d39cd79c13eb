package peer

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// phone is a network that remembers when it was called where.
type phone struct {
	*exchange
	at    []time.Time
	addrs []string
}

func newPhone() *phone {
	f := &phone{exchange: newExchange()}
	f.calls = func(addr string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.at, f.addrs = append(f.at, time.Now()), append(f.addrs, addr)
	}
	return f
}

// times is when it was called since it was last asked.
func (f *phone) times() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.at
	f.at, f.addrs = nil, nil
	return at
}

// growing fails the test unless the waits between calls are those of [Set.Keep]:
// twice as long each time up to the limit, a quarter more or less.
func growing(t *testing.T, at []time.Time) {
	t.Helper()
	if len(at) < 15 {
		t.Fatalf("called only %d times", len(at))
	}
	want, exact := firstWait, 0
	for i := range at[1:] {
		got := at[i+1].Sub(at[i])
		if got < want*3/4 || got >= want*5/4 {
			t.Errorf("wait %d is %v, want about %v", i, got, want)
		}
		if got == want {
			exact++
		}
		want = min(2*want, lastWait)
	}
	if exact == len(at)-1 {
		t.Error("calls are in step")
	}
}

func TestANodeThatDoesNotAnswerIsCalledLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPhone()
		s, d := newSet(t, 1, func(c *Config) { c.Dial = f.Dial })
		s.Keep(idOf(2), "b")
		pass(2 * time.Hour)
		growing(t, f.times())
		d.silent(t)
	})
}

func TestANodeThatEndsEachCallIsCalledLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPhone()
		a, _ := newSet(t, 1, func(c *Config) { c.Dial = f.Dial })
		b, db := newSet(t, 2, nil)
		db.on = func(h heard) { h.p.Disconnect(nil) }
		f.put("b", b)
		a.Keep(idOf(2), "b")
		pass(2 * time.Hour)
		growing(t, f.times())
	})
}

func TestANodeThatComesBackIsConnectedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPhone()
		a, da := newSet(t, 1, func(c *Config) { c.Dial = f.Dial })
		b, _ := newSet(t, 2, nil)
		f.put("b", b)
		a.Keep(idOf(2), "b")
		da.next(t, "up")
		pass(time.Hour)
		if n := len(f.times()); n != 1 {
			t.Errorf("called %d times", n)
		}
		// It restarts at once: so short is the first wait, although there were others before.
		for range 3 {
			b.Close()
			da.next(t, "down")
			b, _ = newSet(t, 2, nil)
			f.put("b", b)
			pass(firstWait * 5 / 4)
			da.now(t, "up")
			pass(time.Hour)
		}
		// It is away for long.
		b.Close()
		da.next(t, "down")
		pass(24 * time.Hour)
		da.silent(t)
		b, _ = newSet(t, 2, nil)
		f.put("b", b)
		pass(lastWait * 5 / 4)
		da.now(t, "up")
	})
}

func TestANodeThatHasCalledIsNotCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPhone()
		a, da := newSet(t, 1, func(c *Config) { c.Dial = f.Dial })
		b, _ := newSet(t, 2, func(c *Config) { c.Dial = f.Dial })
		f.put("a", a)
		if _, err := b.Connect(t.Context(), idOf(1), "a"); err != nil {
			t.Fatal(err)
		}
		da.next(t, "up")
		f.times()
		a.Keep(idOf(2), "b")
		pass(time.Hour)
		if n := len(f.times()); n != 0 {
			t.Errorf("called %d times", n)
		}
		b.Close()
		da.next(t, "down")
		pass(time.Minute)
		if n := len(f.times()); n == 0 {
			t.Error("not called when the connection had ended")
		}
	})
}

func TestUnkeepEndsTheCallsAndNotTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPhone()
		a, da := newSet(t, 1, func(c *Config) { c.Dial = f.Dial })
		b, _ := newSet(t, 2, nil)
		f.put("b", b)
		a.Keep(idOf(2), "b")
		p := da.next(t, "up").p
		a.Keep(idOf(3), "nobody")
		pass(time.Minute)
		a.Unkeep(idOf(2))
		a.Unkeep(idOf(3))
		a.Unkeep(idOf(4))
		pass(time.Second)
		f.times()
		pass(time.Hour)
		if p.Reason() != nil {
			t.Error(p.Reason())
		}
		b.Close()
		da.next(t, "down")
		pass(time.Hour)
		if n := len(f.times()); n != 0 {
			t.Errorf("called %d times", n)
		}
	})
}

func TestASecondKeepReplacesTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPhone()
		a, da := newSet(t, 1, func(c *Config) { c.Dial = f.Dial })
		b, _ := newSet(t, 2, nil)
		f.put("new", b)
		a.Keep(idOf(2), "old")
		pass(time.Minute)
		f.times()
		a.Keep(idOf(2), "new")
		da.next(t, "up")
		if pass(0); !slices.Equal(f.addrs, []string{"new"}) {
			t.Errorf("%v", f.addrs)
		}
		a.Unkeep(idOf(2))
		b.Close()
		da.next(t, "down")
		f.times()
		pass(time.Hour)
		if n := len(f.times()); n != 0 {
			t.Errorf("called %d times after Unkeep", n)
		}
	})
}

func TestKeepOfManyNodesKeepsEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newPhone()
		a, da := newSet(t, 1, func(c *Config) { c.Dial = f.Dial })
		names := []string{"b", "c", "d"}
		ids := map[wire.NodeID]bool{}
		for i, name := range names {
			n := uint16(2 + i)
			s, _ := newSet(t, n, nil)
			f.put(name, s)
			a.Keep(idOf(n), name)
			ids[idOf(n)] = true
		}
		for range names {
			delete(ids, da.next(t, "up").p.ID())
		}
		if len(ids) != 0 || len(a.All()) != len(names) {
			t.Errorf("%d nodes are missing", len(ids))
		}
	})
}
