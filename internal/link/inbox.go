package link

import (
	"context"
	"errors"
	"sync"
)

// inbox gathers a link's inputs. While the link commits one batch to disk, the
// next one gathers here: the disk is the timer of batching.
//
// Inputs of a peer wait for room (that is the back-pressure to its socket);
// inputs of our own never wait, since two links may be talking to each other:
// their number is bounded by the HTLCs in flight.
type inbox struct {
	mu     sync.Mutex
	items  []input
	wake   chan struct{} // holds a token when items may be there
	room   chan struct{} // closed when the link has drained; nil while nobody waits
	closed bool
}

// peerLimit is how many inputs may wait before a peer's next one has to.
const peerLimit = 2048

// drain is how many inputs are taken at once, so that a flood cannot hold up
// what has been signed.
const drain = 1024

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// put adds an input. It returns false when the link has stopped.
func (b *inbox) put(in input) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.add(in)
}

func (b *inbox) add(in input) bool {
	if b.closed {
		return false
	}
	b.items = append(b.items, in)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}

// putWhenRoom adds an input as soon as fewer than peerLimit wait.
func (b *inbox) putWhenRoom(in input) bool {
	for {
		b.mu.Lock()
		if b.closed || len(b.items) < peerLimit {
			defer b.mu.Unlock()
			return b.add(in)
		}
		if b.room == nil {
			b.room = make(chan struct{})
		}
		room := b.room
		b.mu.Unlock()
		<-room
	}
}

// errClosed ends the loop of a link whose inbox is closed and empty.
var errClosed = errors.New("the link is closed")

// take waits for inputs and returns up to drain of them, in order. The error is
// ctx's, or errClosed.
func (b *inbox) take(ctx context.Context) ([]input, error) {
	for {
		b.mu.Lock()
		if n := min(len(b.items), drain); n > 0 {
			taken := b.items[:n:n]
			b.items = b.items[n:]
			if len(b.items) == 0 {
				b.items = nil
			}
			b.makeRoom()
			b.mu.Unlock()
			return taken, nil
		}
		closed := b.closed
		b.mu.Unlock()
		if closed {
			return nil, errClosed
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (b *inbox) makeRoom() {
	if b.room != nil {
		close(b.room)
		b.room = nil
	}
}

// close refuses more. What is there already can still be taken, so that nobody
// who was told that his input was in waits for ever.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.makeRoom()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}
