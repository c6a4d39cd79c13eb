package events

import (
	"context"
	"sync"

	"github.com/leyden-ln/leyden/internal/durable"
)

// Entry is one durable event with its place in the log.
type Entry struct {
	Index uint64 // counts up from 1
	Time  int64  // unix seconds at which it was written
	durable.Event
}

// Reader gives entries that are on disk.
type Reader interface {
	// Events returns up to limit entries with an index above after, in order.
	Events(ctx context.Context, after uint64, limit int) ([]Entry, error)
}

// Log is the append-only log with its followers. It is safe for concurrent use.
type Log struct {
	reader Reader

	mu      sync.Mutex
	changed chan struct{} // closed at the next write
}

// NewLog makes a log over what r has stored.
func NewLog(r Reader) *Log {
	return &Log{reader: r, changed: make(chan struct{})}
}

// Written wakes the followers: the store calls it after each commit that held an
// event.
func (l *Log) Written() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
}

// Changed is closed at the next write. Who takes it, then looks, and waits for it when
// there is nothing to see, misses nothing.
func (l *Log) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// page is how many entries a follower reads at once.
const page = 256

// Follow calls each with every entry after the given index, those of the past
// first, then new ones as they come, until ctx ends or each returns an error,
// which Follow returns.
func (l *Log) Follow(ctx context.Context, after uint64, each func(Entry) error) error {
	for {
		changed := l.Changed()
		entries, err := l.reader.Events(ctx, after, page)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := each(e); err != nil {
				return err
			}
			after = e.Index
		}
		if len(entries) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
