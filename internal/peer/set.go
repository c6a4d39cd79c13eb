package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Handler hears of connections. Its calls for one node come one after the other:
// PeerUp, messages, PeerDown, and only then PeerUp of the node's next connection.
// PeerMessage may take its time: nothing more is read from that peer meanwhile.
// None may wait for [Set.Close], or for [Set.Connect] to its own node.
type Handler interface {
	PeerUp(p *Peer)
	PeerMessage(p *Peer, m wire.Message)
	PeerDown(p *Peer, reason error)
}

// Custom hears of the messages that no BOLT has: see [wire.Unknown.Custom]. Its calls
// are those of a [Handler].
type Custom interface {
	Message(p *Peer, m *wire.Unknown)
	Down(p *Peer)
}

// Config is what a set needs.
type Config struct {
	Key      noise.Key
	Features wire.Features // of our init
	Known    wire.Features // features that a peer may require
	Chain    chainhash.Hash
	Handler  Handler
	Random   io.Reader // for ephemeral keys; safe for concurrent use
	Log      *slog.Logger
	// Welcome says of whom a connection is taken however many there are, such as
	// a node with which there is a channel. Those whom Keep calls always are. It
	// must not call the set. Nil: nobody else.
	Welcome func(wire.NodeID) bool
	// Dial makes sockets, such as through a proxy. Nil: TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
}

// maxInbound is how many inbound connections of nodes may be open that are not
// welcome in particular.
const maxInbound = 1000

// crossing is how young a connection is when the other side's call may have
// crossed ours.
const crossing = 5 * time.Second

// Set is every connection of a node. It is safe for concurrent use.
type Set struct {
	cfg    Config
	self   wire.NodeID
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	door   door

	mu     sync.Mutex
	closed bool
	peers  map[wire.NodeID]*Peer              // the newest connection of each node
	calls  map[wire.NodeID]chan struct{}      // whom Connect calls now; closed at the end
	kept   map[wire.NodeID]context.CancelFunc // whom Keep calls again and again
}

// New makes an empty set.
func New(cfg Config) *Set {
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return (&net.Dialer{Timeout: handshakeTimeout}).DialContext(ctx, "tcp", addr)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Set{
		cfg: cfg, self: wire.PointOf(cfg.Key.PublicKey()), ctx: ctx, cancel: cancel,
		peers: map[wire.NodeID]*Peer{}, calls: map[wire.NodeID]chan struct{}{}, kept: map[wire.NodeID]context.CancelFunc{},
	}
}

// start runs f until Close; false when the set is closed already.
func (s *Set) start(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.tasks.Go(f)
	return true
}

// wait waits; false when ctx has ended first.
func (s *Set) wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Connect connects to a node, or returns the connection that there is. The
// handler has then heard of it. Who asks for a node that is being called waits for
// that call. Errors: [ErrSelf], [ErrClosed], [ErrHungUp], those of init and of the network, and
// the context's.
func (s *Set) Connect(ctx context.Context, id wire.NodeID, addr string) (*Peer, error) {
	if id == s.self {
		return nil, ErrSelf
	}
	key, err := id.Key()
	if err != nil {
		return nil, fmt.Errorf("node id: %w", err)
	}
	for {
		if s.ctx.Err() != nil {
			return nil, ErrClosed
		}
		p, done, busy := s.call(id)
		switch {
		case p != nil:
		case busy:
			select {
			case <-done:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		default:
			p, err = s.dial(ctx, key, addr)
			s.called(id)
			if errors.Is(err, ErrCrossed) || s.ctx.Err() != nil {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		select {
		case <-p.up:
			return p, nil
		case <-p.gone:
			switch err := p.Reason(); {
			case errors.Is(err, ErrReplaced):
			case errors.Is(err, ErrClosed):
				return nil, err
			default:
				return nil, fmt.Errorf("%w: %w", ErrHungUp, err)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// call returns a node's connection; or the call that is being made, when busy; or
// neither, and then the caller must make it and say [Set.called].
func (s *Set) call(id wire.NodeID) (p *Peer, done chan struct{}, busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.peers[id]; ok && p.Reason() == nil {
		return p, nil, false
	}
	if done, busy = s.calls[id]; !busy {
		s.calls[id] = make(chan struct{})
	}
	return nil, done, busy
}

// called ends a call.
func (s *Set) called(id wire.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.calls[id])
	delete(s.calls, id)
}

// dial makes a connection and begins to serve it.
func (s *Set) dial(ctx context.Context, key *btcec.PublicKey, addr string) (*Peer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	c, err := s.cfg.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	p, err := s.handshake(ctx, c, key)
	if err != nil {
		return nil, err
	}
	// Before the call is over: who waits for it finds the connection.
	return p, s.enter(p)
}

// serve runs a connection that has entered to its end.
func (s *Set) serve(p *Peer) {
	defer close(p.gone)
	// One goroutine a node gets further, and at most one waits here.
	select {
	case p.turn <- struct{}{}:
	case <-p.replaced:
		return
	}
	defer s.leave(p)
	defer context.AfterFunc(s.ctx, func() { p.close(ErrClosed, false) })()
	if !s.show(p) {
		return
	}
	var writing sync.WaitGroup
	writing.Go(p.writer)
	// Also when the handler ends this goroutine, the socket is closed.
	defer writing.Wait()
	defer p.close(ErrClosed, false)
	s.cfg.Handler.PeerUp(p)
	close(p.up)
	p.close(p.reader(func(m wire.Message) { s.cfg.Handler.PeerMessage(p, m) }), false)
	writing.Wait()
	s.cfg.Handler.PeerDown(p, p.Reason())
}

// enter gives a connection its node's place and begins to serve it, or closes it.
// Errors: [ErrClosed], [ErrFull], [ErrCrossed].
func (s *Set) enter(p *Peer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.place(p); err != nil {
		p.close(err, false)
		return err
	}
	s.tasks.Go(func() { s.serve(p) })
	return nil
}

// place makes a connection its node's newest, or says why not.
//
// BOLT 1: "Implementations MUST use a single connection per peer"
func (s *Set) place(p *Peer) error {
	old := s.peers[p.id]
	switch {
	case s.closed:
		return ErrClosed
	case old == nil:
		if p.stranger = !p.outbound && !s.welcome(p.id); p.stranger && s.full() {
			return ErrFull
		}
		p.turn = make(chan struct{}, 1)
	case s.crossed(old, p):
		return ErrCrossed
	default:
		old.close(ErrReplaced, false)
		close(old.replaced)
		p.turn, p.stranger = old.turn, old.stranger && !p.outbound
	}
	s.peers[p.id] = p
	return nil
}

// full says whether there is no room for another stranger.
func (s *Set) full() bool {
	strangers := 0
	for _, p := range s.peers {
		if p.stranger {
			strangers++
		}
	}
	return strangers >= maxInbound
}

func (s *Set) welcome(id wire.NodeID) bool {
	return s.kept[id] != nil || s.cfg.Welcome != nil && s.cfg.Welcome(id)
}

// crossed says whether an old connection stays because both sides have called at
// once. If each side kept the newer, each could close the other's, and both would
// be lost; so for a moment the call of the lower node id stays, on both sides.
func (s *Set) crossed(old, p *Peer) bool {
	lowerCalled := old.outbound == (bytes.Compare(s.self[:], old.id[:]) < 0)
	return old.outbound != p.outbound && lowerCalled && old.Reason() == nil && p.since.Sub(old.since) < crossing
}

// show makes a connection visible; false when it has ended already.
func (s *Set) show(p *Peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.serving = p.Reason() == nil
	return p.serving
}

// leave gives a connection's place and turn back.
func (s *Set) leave(p *Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.serving = false
	if s.peers[p.id] == p {
		delete(s.peers, p.id)
	}
	<-p.turn
}

// Get is the open connection to a node, of which the handler has heard.
func (s *Set) Get(id wire.NodeID) (*Peer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[id]; p != nil && p.serving && p.Reason() == nil {
		return p, true
	}
	return nil, false
}

// All are the open connections, in no order.
func (s *Set) All() []*Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Peer, 0, len(s.peers))
	for _, p := range s.peers {
		if p.serving && p.Reason() == nil {
			out = append(out, p)
		}
	}
	return out
}

// Close ends every connection and waits until the handler has heard of it.
func (s *Set) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.tasks.Wait()
}
