package peer

import (
	"sync"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// queueLimit is how many bytes may wait to be written; as many again may be in
// the writer's hands.
const queueLimit = 8 << 20

// pongLimit is from how many bytes of pongs in the queue the next ping has to wait.
const pongLimit = 64 << 10

// keepRoom is how many bytes of memory are kept while nothing waits.
const keepRoom = 64 << 10

// batch is encoded messages, one after the other.
type batch struct {
	bytes []byte
	ends  []int // where each message ends
}

// each calls f with one message after the other until it fails.
func (b batch) each(f func(message []byte) error) error {
	start := 0
	for _, end := range b.ends {
		if err := f(b.bytes[start:end]); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// outbox is what waits to be written to a peer. Two batches take turns: one
// gathers while the other is written, so that in the long run none is allocated.
type outbox struct {
	wake  chan struct{} // has a token when there may be something to take
	taken chan struct{} // has a token when something has been taken

	mu      sync.Mutex
	waiting batch
	writing int // bytes in the writer's hands
	pongs   int // bytes of pongs in waiting
}

// put adds messages, all or none. Errors: [ErrSlow] when there is no room, and
// those of [wire.AppendMessage].
func (o *outbox) put(msgs []wire.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	had, pongs := len(o.waiting.ends), o.pongs
	encoded := o.waiting.bytes
	for _, m := range msgs {
		start := len(encoded)
		var err error
		if encoded, err = wire.AppendMessage(encoded, m); err == nil && len(encoded) > queueLimit {
			err = ErrSlow
		}
		if err != nil {
			o.waiting.ends = o.waiting.ends[:had]
			return err
		}
		o.waiting.ends = append(o.waiting.ends, len(encoded))
		if _, ok := m.(*wire.Pong); ok {
			pongs += len(encoded) - start
		}
	}
	o.waiting.bytes, o.pongs = encoded, pongs
	signal(o.wake)
	return nil
}

// admit waits while too many pongs wait; false when over comes first. A ping costs
// little and asks for much, so that pongs would fill any queue: who does not read
// them is not read from.
func (o *outbox) admit(over <-chan struct{}) bool {
	for o.crowded() {
		select {
		case <-o.taken:
		case <-over:
			return false
		}
	}
	return true
}

func (o *outbox) crowded() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pongs >= pongLimit
}

// signal leaves a token, unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take returns what waits and begins anew in the memory of a batch that is done
// with, unless that is far more than seems to be needed.
func (o *outbox) take(done batch) batch {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.waiting
	if cap(done.bytes) > max(keepRoom, 4*len(b.bytes)) {
		done = batch{}
	}
	if len(b.ends) == 0 && cap(b.bytes) > keepRoom {
		b = batch{}
	}
	o.waiting = batch{bytes: done.bytes[:0], ends: done.ends[:0]}
	o.pongs, o.writing = 0, len(b.bytes)
	signal(o.taken)
	return b
}

// size is the bytes that are not written yet.
func (o *outbox) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting.bytes) + o.writing
}
