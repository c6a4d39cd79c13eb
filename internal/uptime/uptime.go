// Package uptime counts for how long each peer with a channel was connected, of the
// time in which this node ran:
//
//	roll := uptime.New(store, node.ChangeData)
//	err := roll.Count(ctx, now, peers, connected)  // every few seconds
//	connected, counted := roll.Of(peer)
//
// What was counted is written down every ten minutes, beside what programs store
// (listdatastore '["leyden","uptime"]'); a crash costs no more than that of it.
package uptime

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/store"
)

const (
	saveEvery = 10 * time.Minute
	gap       = time.Minute // a longer one between two counts is time in which the machine slept
)

// Change looks at what is stored and writes what follows from it, while nobody else does.
type Change func(ctx context.Context, change func(*store.Store) (durable.Row, error)) error

// Roll is the peers, and how long they were there. Of is safe for concurrent use; Count
// has one caller.
type Roll struct {
	store  *store.Store
	change Change
	last   time.Time // when was counted last; zero: never
	saved  time.Time

	mu sync.Mutex
	of map[wire.NodeID]*times
}

// times are those of a peer.
type times struct{ connected, counted time.Duration }

// written is how a peer's times are stored, in seconds.
type written struct {
	Connected uint64 `json:"connected"`
	Counted   uint64 `json:"counted"`
}

// New makes a roll that nobody is on.
func New(s *store.Store, change Change) *Roll {
	return &Roll{store: s, change: change, of: map[wire.NodeID]*times{}}
}

// Of is how long a peer was connected, of how long it was looked after.
func (r *Roll) Of(id wire.NodeID) (connected, counted time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.of[id]; t != nil {
		return t.connected, t.counted
	}
	return 0, 0
}

// Count adds the time since the last count to that of each peer, as it is now. Its error
// is the disk's.
func (r *Roll) Count(ctx context.Context, now time.Time, peers map[wire.NodeID]bool, connected func(wire.NodeID) bool) error {
	passed := now.Sub(r.last)
	if r.last.IsZero() || passed < 0 || passed > gap {
		passed = 0
	}
	if r.last = now; r.saved.IsZero() {
		r.saved = now
	}
	for id := range peers {
		fresh, err := r.enter(ctx, id)
		if err != nil {
			return err
		}
		if fresh { // of the time before nothing is known
			continue
		}
		up := connected(id)
		r.mu.Lock()
		t := r.of[id]
		t.counted += passed
		if up {
			t.connected += passed
		}
		r.mu.Unlock()
	}
	r.mu.Lock()
	for id := range r.of {
		if !peers[id] {
			delete(r.of, id) // its channel is gone
		}
	}
	r.mu.Unlock()
	if now.Sub(r.saved) < saveEvery {
		return nil
	}
	r.saved = now
	for id := range peers {
		if err := r.save(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func path(id wire.NodeID) []string { return []string{"leyden", "uptime", id.String()} }

// enter takes a peer onto the roll who is not on it, with what was written down of it.
func (r *Roll) enter(ctx context.Context, id wire.NodeID) (fresh bool, err error) {
	r.mu.Lock()
	known := r.of[id] != nil
	r.mu.Unlock()
	if known {
		return false, nil
	}
	row, _, err := r.store.Data(ctx, path(id))
	if err != nil {
		return false, err
	}
	const most = 1 << 32 // seconds; more was not written here
	var was written
	if err := json.Unmarshal(row.Value, &was); err != nil || was.Connected > was.Counted || was.Counted > most {
		was = written{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of[id] = &times{time.Duration(was.Connected) * time.Second, time.Duration(was.Counted) * time.Second} //nolint:gosec // bounded
	return true, nil
}

func (r *Roll) save(ctx context.Context, id wire.NodeID) error {
	connected, counted := r.Of(id)
	value, err := json.Marshal(written{uint64(connected / time.Second), uint64(counted / time.Second)}) //nolint:gosec // not negative
	if err != nil {
		return err
	}
	return r.change(ctx, func(s *store.Store) (durable.Row, error) {
		old, exists, err := s.Data(ctx, path(id))
		row := store.DataRow{Key: path(id), Value: value}
		if exists {
			row.Generation = old.Generation + 1
		}
		return row, err
	})
}
