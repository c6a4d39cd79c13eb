package present

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/internal/chain"
)

// State is what is known of the present height.
type State uint8

const (
	// Known is that the height of the node is the present one, or nearly.
	Known State = iota
	// Awaited is that it is not, and may soon be: who can waits.
	Awaited
	// Lost is that it has not been for long: nobody waits.
	Lost
)

const (
	// Behind is how many blocks the height may lag: blocks come in twos.
	Behind = 2
	// Old is the age of the newest block from which on there must be newer ones that the
	// source has not heard of: honest miners take as long once in three years.
	Old = 2 * time.Hour
	// Fresh is for how long an answer of the source counts.
	Fresh = time.Minute
	// Patience is for how long HTLCs wait.
	Patience = 2 * time.Minute

	every   = 10 * time.Second // between two questions
	again   = time.Second      // the same while the height is not known
	timeout = 20 * time.Second // of a question
)

// Why the height is not known to be the present one.
var (
	// ErrSource is that the source does not know it.
	ErrSource = errors.New("the source of blocks does not know the present height")
	// ErrReading is that blocks are still to be processed.
	ErrReading = errors.New("blocks are still being read")
)

// Config is what a Watch works with.
type Config struct {
	Best    func(ctx context.Context) (chain.Best, error) // of the source
	Height  func() uint32                                 // of the last block that was processed
	Changed func()                                        // HTLCs wait no longer; it must not wait itself
	Log     *slog.Logger
}

// Watch compares the node's height with the source's. It is safe for concurrent use.
type Watch struct {
	Config

	mu      sync.Mutex
	best    chain.Best
	at      time.Time // when the source was asked for best; zero: it never answered
	failed  error     // what it said to the last question instead
	state   State
	since   time.Time     // when the height ceased to be known
	changed chan struct{} // closed at the next change of state; nil: nobody waits
}

// New makes a Watch that knows nothing yet.
func New(c Config) *Watch { return &Watch{Config: c, state: Awaited, since: now()} }

// now is the time on the wall: it goes on while the machine sleeps.
func now() time.Time { return time.Now().Round(0) }

// Run asks the source again and again, until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	for {
		pause := every
		if w.State() != Known {
			pause = again
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
		_ = w.Ask(ctx) // what it says is in the state
	}
}

// Ask asks the source, and says what [Watch.Doubt] does then.
func (w *Watch) Ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	asked := now()
	best, err := w.Best(ctx)
	w.mu.Lock()
	if w.failed = err; err == nil {
		w.best, w.at = best, asked
	}
	w.mu.Unlock()
	return w.Doubt()
}

// Block says that the node's height has changed.
func (w *Watch) Block() { _, _, _ = w.look() }

// State is what is known now. It asks nobody.
func (w *Watch) State() State {
	state, _, _ := w.look()
	return state
}

// Doubt says why the height is not known to be the present one: [ErrSource] or
// [ErrReading]. Nil: it is.
func (w *Watch) Doubt() error {
	_, _, why := w.look()
	return why
}

// Wait is Doubt with a channel that is closed at the next change; it is nil when the
// height is known, and when it is not expected to be soon.
func (w *Watch) Wait() (change <-chan struct{}, why error) {
	_, change, why = w.look()
	return change, why
}

// look finds out what is known now, and tells of a change.
func (w *Watch) look() (State, <-chan struct{}, error) {
	w.mu.Lock()
	before, at := w.state, now()
	why := w.doubt(at)
	switch waits := at.Sub(w.since); {
	case why == nil:
		w.state = Known
	case before == Known:
		w.state, w.since = Awaited, at
	case waits < 0 || waits >= Patience:
		w.state = Lost
	}
	state, change := w.state, w.changed
	if state != before && change != nil {
		close(change)
		w.changed, change = nil, nil
	}
	if state == Awaited && change == nil {
		change = make(chan struct{})
		w.changed = change
	}
	w.mu.Unlock()
	if state == before {
		return state, change, why
	}
	switch {
	case state == Lost:
		w.Log.Warn("the present height is not known: HTLCs are failed until it is", "height", w.Height(), "why", why)
	case before == Lost:
		w.Log.Info("the present height is known again", "height", w.Height())
	default: // a few blocks at once, or a server that is busy
		w.Log.Debug("the present height", "known", state == Known, "height", w.Height(), "why", why)
	}
	if state != Awaited {
		w.Changed()
	}
	return state, change, why
}

// doubt says why the height is not the present one at a time.
func (w *Watch) doubt(at time.Time) error {
	age := at.Sub(w.at)
	switch height := w.Height(); {
	case w.at.IsZero() && w.failed == nil:
		return fmt.Errorf("%w: it has not been asked yet", ErrSource)
	case w.at.IsZero(), age < 0 || age > Fresh:
		if w.failed == nil {
			return fmt.Errorf("%w: it was asked %s ago", ErrSource, age.Round(time.Second))
		}
		return fmt.Errorf("%w: %w", ErrSource, w.failed)
	case !w.best.Time.IsZero() && at.Sub(w.best.Time) > Old:
		return fmt.Errorf("%w: its newest block is %s old", ErrSource, at.Sub(w.best.Time).Round(time.Minute))
	case uint64(height)+Behind < uint64(w.best.Height):
		return fmt.Errorf("%w: %d of %d are processed", ErrReading, height, w.best.Height)
	}
	return nil
}
