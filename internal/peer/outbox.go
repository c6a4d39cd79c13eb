package peer

import (
	"sync"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// queueLimit is how many bytes may wait to be written; as many again may be in
// the writer's hands.
const queueLimit = 8 << 20

// keepRoom is how many bytes of memory are kept for the next batch.
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
	wake chan struct{} // has a token when there may be something to take

	mu      sync.Mutex
	waiting batch
}

// put adds messages, all or none. Errors: [ErrSlow] when there is no room, and
// those of [wire.AppendMessage].
func (o *outbox) put(msgs []wire.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	had := len(o.waiting.ends)
	encoded := o.waiting.bytes
	for _, m := range msgs {
		var err error
		if encoded, err = wire.AppendMessage(encoded, m); err == nil && len(encoded) > queueLimit {
			err = ErrSlow
		}
		if err != nil {
			o.waiting.ends = o.waiting.ends[:had]
			return err
		}
		o.waiting.ends = append(o.waiting.ends, len(encoded))
	}
	o.waiting.bytes = encoded
	o.signal()
	return nil
}

// signal wakes the writer.
func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take returns what waits and begins anew in the memory of a batch that is done
// with.
func (o *outbox) take(done batch) batch {
	if cap(done.bytes) > keepRoom {
		done = batch{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.waiting
	o.waiting = batch{bytes: done.bytes[:0], ends: done.ends[:0]}
	return b
}
