package peer

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// Waits between calls to a node that is not connected. Each is given or taken a
// quarter, so that two nodes, or many after a power cut, do not call in step.
const (
	firstWait = 250 * time.Millisecond
	lastWait  = 5 * time.Minute
)

// Keep calls a node whenever it is not connected, until Unkeep, with longer and
// longer waits while it does not answer or does not stay. A second Keep of a node
// replaces the first, such as with a new address.
func (s *Set) Keep(id wire.NodeID, addr string) {
	ctx, cancel := context.WithCancel(s.ctx)
	s.mu.Lock()
	if old := s.kept[id]; old != nil {
		old()
	}
	s.kept[id] = cancel
	s.mu.Unlock()
	if !s.start(func() { s.keep(ctx, id, addr) }) {
		cancel()
	}
}

// Unkeep ends Keep. A connection that there is stays.
func (s *Set) Unkeep(id wire.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.kept[id]; cancel != nil {
		cancel()
		delete(s.kept, id)
	}
}

func (s *Set) keep(ctx context.Context, id wire.NodeID, addr string) {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		p, err := s.Connect(ctx, id, addr)
		if err == nil {
			select {
			case <-p.closed:
				err = p.Reason()
			case <-ctx.Done():
				return
			}
			// A peer that takes our call only to end it is called less and less often.
			if time.Since(p.since) > wait {
				wait = firstWait
			}
		}
		s.cfg.Log.Debug("not connected", "peer", id, "addr", addr, "why", err, "again in", wait)
		if !s.wait(ctx, wait*3/4+rand.N(wait/2)) {
			return
		}
	}
}
