// Package errand runs what was begun from a page and outlives its request: a payment,
// the opening of a channel.
//
//	var e errand.Errands
//	e.Begin()
//	ok := e.Start(hash, func(ctx context.Context) error { return pay(ctx) })
//	it := e.Find(hash) // it.Done is closed when it is over; then it.Err says how
//	e.Wait()           // ends them
//
// Each has a name. While one is under way, to start another of the same name starts
// nothing. Those that are over are remembered for a while, since nothing else knows of
// one that failed before anything was on disk.
package errand

import (
	"context"
	"sync"
)

// most is how many are remembered.
const most = 100

// Errand is one of them.
type Errand struct {
	Done chan struct{}
	Err  error // once done
}

// Errands are those of a server, by name.
type Errands struct {
	wg  sync.WaitGroup
	ctx context.Context
	end context.CancelFunc

	mu    sync.Mutex
	list  map[string]*Errand
	order []string
}

// Begin makes them ready.
func (e *Errands) Begin() {
	e.ctx, e.end = context.WithCancel(context.Background())
	e.list = map[string]*Errand{}
}

// Wait ends the errands.
func (e *Errands) Wait() {
	e.end()
	e.wg.Wait()
}

// Start runs an errand, unless one of its name is under way, or too many are.
func (e *Errands) Start(name string, run func(context.Context) error) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if was := e.list[name]; was != nil && !was.Over() {
		return true
	}
	if len(e.order) >= most && !e.forget() {
		return false
	}
	it := &Errand{Done: make(chan struct{})}
	if e.list[name] == nil {
		e.order = append(e.order, name)
	}
	e.list[name] = it
	e.wg.Go(func() {
		defer close(it.Done)
		it.Err = run(e.ctx)
	})
	return true
}

// forget drops the oldest errand that is over.
func (e *Errands) forget() bool {
	for i, name := range e.order {
		if e.list[name].Over() {
			delete(e.list, name)
			e.order = append(e.order[:i:i], e.order[i+1:]...)
			return true
		}
	}
	return false
}

// Find gives the one of a name; nil: there is none.
func (e *Errands) Find(name string) *Errand {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.list[name]
}

// Over says whether it has ended.
func (e *Errand) Over() bool {
	select {
	case <-e.Done:
		return true
	default:
		return false
	}
}
