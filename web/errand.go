package web

import (
	"context"
	"sync"
)

// maxErrands is how many payments are remembered of which nothing is on disk: those
// that never began.
const maxErrands = 100

// errand is a payment that was begun from a page. It outlives the request.
type errand struct {
	done chan struct{}
	err  error // once done
}

// errands are payments by hash.
type errands struct {
	wg  sync.WaitGroup
	ctx context.Context
	end context.CancelFunc

	mu    sync.Mutex
	list  map[string]*errand
	order []string
}

func (e *errands) begin() {
	e.ctx, e.end = context.WithCancel(context.Background())
	e.list = map[string]*errand{}
}

// wait ends the errands.
func (e *errands) wait() {
	e.end()
	e.wg.Wait()
}

// start runs an errand, unless one of its name is under way, or too many are.
func (e *errands) start(name string, run func(context.Context) error) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if was := e.list[name]; was != nil && !was.over() {
		return true
	}
	if len(e.order) >= maxErrands && !e.forget() {
		return false
	}
	it := &errand{done: make(chan struct{})}
	if e.list[name] == nil {
		e.order = append(e.order, name)
	}
	e.list[name] = it
	e.wg.Go(func() {
		defer close(it.done)
		it.err = run(e.ctx)
	})
	return true
}

// forget drops the oldest errand that is over.
func (e *errands) forget() bool {
	for i, name := range e.order {
		if e.list[name].over() {
			delete(e.list, name)
			e.order = append(e.order[:i:i], e.order[i+1:]...)
			return true
		}
	}
	return false
}

func (e *errands) find(name string) *errand {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.list[name]
}

func (e *errand) over() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}
