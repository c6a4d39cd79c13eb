package present

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leyden-ln/leyden/internal/chain"
)

var errAway = errors.New("connection refused")

// source is what a Watch looks at.
type source struct {
	height  atomic.Uint32 // of the node
	best    atomic.Uint32 // of the source
	away    atomic.Bool
	hangs   atomic.Bool
	born    atomic.Int64 // time of the newest block; zero: none is told
	changes atomic.Int32
	asked   atomic.Int32
}

func (s *source) Best(ctx context.Context) (chain.Best, error) {
	s.asked.Add(1)
	if s.hangs.Load() {
		<-ctx.Done()
		return chain.Best{}, ctx.Err()
	}
	if s.away.Load() {
		return chain.Best{}, errAway
	}
	b := chain.Best{Height: s.best.Load()}
	if at := s.born.Load(); at != 0 {
		b.Time = time.Unix(at, 0)
	}
	return b, nil
}

// watch runs a test with a watch of a source that is at block 100, as the node is.
func watch(t *testing.T, run bool, test func(t *testing.T, s *source, w *Watch)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		s.height.Store(100)
		s.best.Store(100)
		w := New(Config{
			Best: s.Best, Height: s.height.Load, Changed: func() { s.changes.Add(1) }, Log: slog.New(slog.DiscardHandler),
		})
		if run {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go w.Run(ctx)
		}
		test(t, s, w)
	})
}

func TestTheHeightIsKnownAtOnceWithoutANewBlock(t *testing.T) {
	watch(t, false, func(t *testing.T, s *source, w *Watch) {
		if w.State() != Awaited || !errors.Is(w.Doubt(), ErrSource) {
			t.Error("it is known before the source was asked")
		}
		if err := w.Ask(t.Context()); err != nil || w.State() != Known || s.changes.Load() != 1 {
			t.Errorf("%v, %d changes", err, s.changes.Load())
		}
	})
}

func TestAHeightIsKnownUpToTwoBlocksBehind(t *testing.T) {
	watch(t, false, func(t *testing.T, s *source, w *Watch) {
		for best, want := range map[uint32]error{90: nil, 100: nil, 102: nil, 103: ErrReading, 200: ErrReading, ^uint32(0): ErrReading} {
			s.best.Store(best)
			if err := w.Ask(t.Context()); !errors.Is(err, want) {
				t.Errorf("at block 100 of %d: %v", best, err)
			}
		}
		s.best.Store(103)
		if w.Ask(t.Context()) == nil {
			t.Fatal("known too soon")
		}
		change, why := w.Wait()
		if change == nil || why == nil {
			t.Fatal("nobody waits")
		}
		before := s.changes.Load()
		s.height.Store(101) // another block was processed
		w.Block()
		select {
		case <-change:
		default:
			t.Error("who waits is not told")
		}
		if w.State() != Known || s.changes.Load() != before+1 {
			t.Errorf("state %d, %d changes", w.State(), s.changes.Load()-before)
		}
		if change, why := w.Wait(); change != nil || why != nil {
			t.Error("it is waited for though it is known")
		}
	})
}

func TestAnHourWithoutABlockIsNoReasonToDoubt(t *testing.T) {
	watch(t, true, func(t *testing.T, s *source, w *Watch) {
		s.born.Store(time.Now().Unix())
		if err := w.Ask(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 60 {
			time.Sleep(time.Minute)
			if err := w.Doubt(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour + time.Minute)
		if err := w.Doubt(); !errors.Is(err, ErrSource) {
			t.Errorf("two hours without a block: %v", err)
		}
		s.born.Store(time.Now().Unix())
		s.best.Store(101)
		s.height.Store(101)
		time.Sleep(2 * again)
		if err := w.Doubt(); err != nil {
			t.Errorf("the block that came: %v", err)
		}
	})
}

func TestASourceThatGoesAwayIsNotedByItsAge(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		watch(t, true, func(t *testing.T, s *source, w *Watch) {
			if err := w.Ask(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.away.Store(!hangs)
			s.hangs.Store(hangs)
			time.Sleep(Fresh - 2*every)
			if err := w.Doubt(); err != nil {
				t.Errorf("its last answer counts for a minute: %v", err)
			}
			time.Sleep(2*every + time.Second)
			if state, why := w.State(), w.Doubt(); state != Awaited || !errors.Is(why, ErrSource) {
				t.Errorf("hangs %v: state %d, %v", hangs, state, why)
			}
			change, _ := w.Wait()
			before := s.changes.Load()
			time.Sleep(Patience + 2*timeout)
			if w.State() != Lost || s.changes.Load() != before+1 {
				t.Errorf("hangs %v: state %d, %d changes", hangs, w.State(), s.changes.Load()-before)
			}
			select {
			case <-change:
			default:
				t.Error("who waits is not told that it is in vain")
			}
			if change, why := w.Wait(); change != nil || why == nil {
				t.Error("it is waited for though nobody knows for how long")
			}
			s.away.Store(false)
			s.hangs.Store(false)
			time.Sleep(2*again + timeout)
			if err := w.Doubt(); err != nil || s.changes.Load() != before+2 {
				t.Errorf("hangs %v: the source is back: %v, %d changes", hangs, err, s.changes.Load()-before)
			}
		})
	}
}

// A server that answers now and then, such as one that is busy with a block, is there.
func TestOneQuestionWithoutAnAnswerIsNoReasonToDoubt(t *testing.T) {
	watch(t, true, func(t *testing.T, s *source, w *Watch) {
		if err := w.Ask(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			s.away.Store(!s.away.Load())
			time.Sleep(2 * every)
			if err := w.Doubt(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A node that sleeps is not asked, and hears nothing, however long: Run is not there.
func TestWhoWakesUpDoesNotTrustWhatHeHeardBefore(t *testing.T) {
	watch(t, false, func(t *testing.T, s *source, w *Watch) {
		if err := w.Ask(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Hour)
		asked := s.asked.Load()
		if w.State() != Awaited {
			t.Error("what was heard ten hours ago counts")
		}
		for range 1000 {
			w.State()
		}
		if s.asked.Load() != asked {
			t.Error("an HTLC costs a question to the source")
		}
		if err := w.Ask(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestTheSourceIsAskedMoreOftenWhileTheHeightIsAwaited(t *testing.T) {
	watch(t, true, func(t *testing.T, s *source, w *Watch) {
		s.best.Store(150)
		time.Sleep(time.Minute)
		if n := s.asked.Load(); n < 50 {
			t.Errorf("asked %d times in a minute", n)
		}
		s.best.Store(100)
		time.Sleep(2 * time.Second)
		before := s.asked.Load()
		time.Sleep(time.Minute)
		if n := s.asked.Load() - before; n > 7 || w.State() != Known {
			t.Errorf("asked %d times in a minute though the height is known", n)
		}
	})
}
