package peer

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// maxHandshakes is how many inbound connections may be in the handshake at once.
const maxHandshakes = 64

// acceptAgain is the wait after a connection could not be accepted, such as for
// want of file descriptors.
const acceptAgain = 200 * time.Millisecond

// Listen answers connections at an address, such as "127.0.0.1:0", until Close,
// and returns the address with its port. ctx bounds only the resolving of names.
func (s *Set) Listen(ctx context.Context, addr string) (net.Addr, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if !s.start(func() { s.accept(l) }) {
		l.Close()
		return nil, ErrClosed
	}
	return l.Addr(), nil
}

// accept answers connections until the set is closed.
func (s *Set) accept(l net.Listener) {
	defer context.AfterFunc(s.ctx, func() { l.Close() })()
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			s.receive(c)
		case s.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default:
			s.cfg.Log.Warn("connection not accepted", "why", err)
			if !s.wait(s.ctx, acceptAgain) {
				return
			}
		}
	}
}

// receive begins with an inbound connection. At the door they wait in the order in
// which they came.
func (s *Set) receive(c net.Conn) {
	s.door.enter(c)
	if !s.start(func() { s.answer(c) }) {
		s.door.leave(c)
		c.Close()
	}
}

// answer takes an inbound connection in from the door.
func (s *Set) answer(c net.Conn) {
	p, err := s.handshake(s.ctx, c, nil)
	s.door.leave(c)
	if err == nil {
		err = s.enter(p)
	}
	if err != nil {
		s.cfg.Log.Debug("inbound connection refused", "from", c.RemoteAddr(), "why", err)
	}
}

// door is where inbound connections wait until they have said who they are. When
// it is full the one that has waited longest is shown out: who is slow on purpose
// keeps nobody else from coming in.
type door struct {
	mu      sync.Mutex
	waiting []net.Conn // oldest first
}

func (d *door) enter(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == maxHandshakes {
		d.waiting[0].Close()
		d.waiting = slices.Delete(d.waiting, 0, 1)
	}
	d.waiting = append(d.waiting, c)
}

func (d *door) leave(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.Index(d.waiting, c); i >= 0 {
		d.waiting = slices.Delete(d.waiting, i, i+1)
	}
}
