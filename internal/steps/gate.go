package steps

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/events"
)

// For how long payments are held. The least time that an HTLC has is 18 blocks.
const (
	PerStep    = 5 * time.Minute
	PerPayment = 30 * time.Minute
	Blocks     = 6
)

// maxBegun is how many payments are remembered that were held.
const maxBegun = 1000

// Held is what waits for the word to go on.
type Held struct {
	ID     uint64 // counts up from 1
	Since  time.Time
	Ends   time.Time      // when it goes on by itself
	Traces []events.Trace // what it is: a trace for each HTLC, as it will be; never empty
}

// Of says whether it is a step of a payment.
func (h *Held) Of(hash wire.PaymentHash) bool {
	return slices.ContainsFunc(h.Traces, func(t events.Trace) bool { return t.PaymentHash == hash })
}

// Gate is asked before each step. A nil gate is never on. It is safe for concurrent use,
// and calls nobody while it holds its lock.
type Gate struct {
	on atomic.Bool

	mu      sync.Mutex
	height  uint32
	last    uint64
	held    []*held // by id
	begun   map[wire.PaymentHash]begun
	changes uint64
	changed chan struct{} // closed at the next change
}

type held struct {
	Held
	release func()
	timer   *time.Timer
}

// begun is when a payment was first held.
type begun struct {
	at     time.Time
	height uint32
}

// For is the gate of a node on a network; nil on mainnet, where somebody else's money would
// wait with ours.
func For(network *chaincfg.Params) *Gate {
	if network.Net == chaincfg.MainNetParams.Net {
		return nil
	}
	return New()
}

// New makes a gate that is off.
func New() *Gate {
	return &Gate{begun: map[wire.PaymentHash]begun{}, changed: make(chan struct{})}
}

// On says whether steps are held.
func (g *Gate) On() bool { return g != nil && g.on.Load() }

// Set turns the gate on or off. Off lets go of all that is held.
func (g *Gate) Set(on bool) {
	g.mu.Lock()
	g.on.Store(on)
	var free []*held
	if !on {
		free = g.take(func(*held) bool { return true })
		clear(g.begun)
	}
	g.change()
	g.mu.Unlock()
	letGo(free)
}

// Hold holds a step, whose traces are given, until release is called. That happens once,
// from another goroutine or at once, unless the step is forgotten before.
func (g *Gate) Hold(traces []events.Trace, release func()) (forget func()) {
	now := time.Now()
	g.mu.Lock()
	ends, ok := g.until(traces, now)
	if !ok {
		g.mu.Unlock()
		release()
		return func() {}
	}
	g.last++
	h := &held{Held: Held{ID: g.last, Since: now, Ends: ends, Traces: traces}, release: release}
	h.timer = time.AfterFunc(ends.Sub(now), func() { g.Next(h.ID) })
	g.held = append(g.held, h)
	g.change()
	g.mu.Unlock()
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.take(func(x *held) bool { return x == h })) > 0 {
			g.change()
		}
	}
}

// until says until when a step may be held; false: not at all.
func (g *Gate) until(traces []events.Trace, now time.Time) (ends time.Time, ok bool) {
	if !g.on.Load() {
		return ends, false
	}
	ends = now.Add(PerStep)
	for _, t := range traces {
		b, known := g.begun[t.PaymentHash]
		if !known || t.Step == events.FindPath { // whose HTLCs are still to come
			b = begun{now, g.height}
			g.remember(t.PaymentHash, b)
		}
		if g.height >= b.height+Blocks {
			return ends, false
		}
		if last := b.at.Add(PerPayment); last.Before(ends) {
			ends = last
		}
	}
	return ends, ends.After(now)
}

// remember keeps when a payment was first held, and forgets the one that was first when
// there are too many.
func (g *Gate) remember(hash wire.PaymentHash, b begun) {
	g.begun[hash] = b
	if len(g.begun) <= maxBegun {
		return
	}
	oldest, at := hash, b.at
	for other, b := range g.begun {
		if b.at.Before(at) {
			oldest, at = other, b.at
		}
	}
	delete(g.begun, oldest)
}

// Wait holds a step until it may go on, or ctx ends.
func (g *Gate) Wait(ctx context.Context, t events.Trace) {
	if !g.On() {
		return
	}
	free := make(chan struct{})
	forget := g.Hold([]events.Trace{t}, func() { close(free) })
	select {
	case <-free:
	case <-ctx.Done():
		forget()
	}
}

// Next lets go of a step; zero is the one that is held for longest. It returns false when
// there is none.
func (g *Gate) Next(id uint64) (Held, bool) {
	g.mu.Lock()
	if id == 0 && len(g.held) > 0 {
		id = g.held[0].ID
	}
	free := g.take(func(h *held) bool { return h.ID == id })
	if len(free) > 0 {
		g.change()
	}
	g.mu.Unlock()
	if len(free) == 0 {
		return Held{}, false
	}
	letGo(free)
	return free[0].Held, true
}

// Block says how high the chain is: payments that were first held [Blocks] before go on.
func (g *Gate) Block(height uint32) {
	if g == nil {
		return
	}
	g.mu.Lock()
	g.height = height
	free := g.take(func(h *held) bool {
		return slices.ContainsFunc(h.Traces, func(t events.Trace) bool { return height >= g.begun[t.PaymentHash].height+Blocks })
	})
	if len(free) > 0 {
		g.change()
	}
	g.mu.Unlock()
	letGo(free)
}

// List is what is held, that for longest first, how often the gate has changed, and what
// is closed at the next change.
func (g *Gate) List() (list []Held, changes uint64, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, h := range g.held {
		list = append(list, h.Held)
	}
	return list, g.changes, g.changed
}

// take takes some of what is held out of the list.
func (g *Gate) take(which func(*held) bool) (taken []*held) {
	kept := g.held[:0:0]
	for _, h := range g.held {
		if which(h) {
			h.timer.Stop()
			taken = append(taken, h)
		} else {
			kept = append(kept, h)
		}
	}
	g.held = kept
	return taken
}

func (g *Gate) change() {
	g.changes++
	close(g.changed)
	g.changed = make(chan struct{})
}

func letGo(free []*held) {
	for _, h := range free {
		h.release()
	}
}
