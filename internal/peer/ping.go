package peer

import (
	"context"
	"errors"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// ErrPinging is that a ping is under way already.
var ErrPinging = errors.New("the answer to another ping is waited for")

// Ping sends a ping of so many bytes that asks for so many, and waits for the answer;
// from 65532 on none is asked for. Errors: [ErrPinging], [ErrClosed], and ctx's.
func (p *Peer) Ping(ctx context.Context, bytes, want uint16) error {
	answer := make(chan struct{})
	p.mu.Lock()
	if p.ponged != nil {
		p.mu.Unlock()
		return ErrPinging
	}
	p.ponged, p.pong = answer, int(want)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ponged = nil
	}()
	if err := p.Send(&wire.Ping{NumPongBytes: want, Ignored: make([]byte, bytes)}); err != nil {
		return err
	}
	if want >= maxPong {
		return nil
	}
	select {
	case <-answer:
		return nil
	case <-p.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hearsPong takes a pong, which may be the answer to a ping of ours that the loop sent.
func (p *Peer) hearsPong(m *wire.Pong) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ponged != nil && len(m.Ignored) == p.pong {
		close(p.ponged)
		p.ponged, p.pong = make(chan struct{}), -1 // until Ping has returned, nothing answers it again
	}
}
