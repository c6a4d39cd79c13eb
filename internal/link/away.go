package link

import (
	"sync"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// soon is for how long a channel whose peer went away, or has not come yet since
// the start, is expected back: a payment that has no other way waits for it.
const soon = 15 * time.Second

// Away are the channels that wait for their peers. It is safe for concurrent use.
type Away struct {
	mu      sync.Mutex
	since   map[wire.ChannelID]time.Time
	changed chan struct{} // closed when a channel has come back, or is no longer expected
}

// Gone takes channels whose peer is not there.
func (a *Away) Gone(links []*Link) {
	if len(links) == 0 {
		return
	}
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since == nil {
		a.since = map[wire.ChannelID]time.Time{}
	}
	for _, l := range links {
		a.since[l.ID()] = now
	}
	time.AfterFunc(soon, a.tell)
}

// Back takes a channel that can be used again, or never will be.
func (a *Away) Back(id wire.ChannelID) {
	a.mu.Lock()
	delete(a.since, id)
	a.mu.Unlock()
	a.tell()
}

// tell wakes those who wait.
func (a *Away) tell() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// Hope is closed at the next change; it is nil when no channel is expected back.
func (a *Away) Hope() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.since {
		if time.Since(t) < soon {
			if a.changed == nil {
				a.changed = make(chan struct{})
			}
			return a.changed
		}
	}
	return nil
}
