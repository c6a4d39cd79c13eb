package peer

import (
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

// Handler hears of connections. Its calls for one connection come one after the
// other: Up, messages, Down.
type Handler interface {
	PeerUp(p *Peer)
	PeerMessage(p *Peer, m wire.Message)
	PeerDown(p *Peer, reason error)
}

// Config is what a set needs.
type Config struct {
	Key      noise.Key
	Features wire.Features // of our init
	Known    wire.Features // features that a peer may require
	Chain    chainhash.Hash
	Handler  Handler
	Random   io.Reader // for ephemeral keys
	Log      *slog.Logger
}

// maxHandshakes is how many inbound connections may be in the handshake at once.
const maxHandshakes = 64

// Set is every connection of a node. It is safe for concurrent use.
type Set struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	half   chan struct{} // a token for each inbound handshake

	mu    sync.Mutex
	peers map[wire.NodeID]*Peer
	kept  map[wire.NodeID]context.CancelFunc // whom we call again
}

// New makes an empty set.
func New(cfg Config) *Set {
	ctx, cancel := context.WithCancel(context.Background())
	return &Set{
		cfg: cfg, ctx: ctx, cancel: cancel, half: make(chan struct{}, maxHandshakes),
		peers: map[wire.NodeID]*Peer{}, kept: map[wire.NodeID]context.CancelFunc{},
	}
}

// Listen answers connections at an address until Close, and returns the address.
func (s *Set) Listen(ctx context.Context, addr string) (net.Addr, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(s.ctx, func() { l.Close() })
	s.wg.Go(func() {
		defer stop()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case s.half <- struct{}{}:
				s.wg.Go(func() {
					p, err := s.handshake(c, nil)
					<-s.half
					if err != nil {
						c.Close()
						s.cfg.Log.Debug("inbound connection refused", "from", c.RemoteAddr(), "why", err)
						return
					}
					s.serve(p)
				})
			default:
				c.Close() // too many strangers at the door
			}
		}
	})
	return l.Addr(), nil
}

// Connect connects to a node, or returns the connection that there is.
func (s *Set) Connect(ctx context.Context, id wire.NodeID, addr string) (*Peer, error) {
	if p, ok := s.Get(id); ok {
		return p, nil
	}
	key, err := id.Key()
	if err != nil {
		return nil, fmt.Errorf("node id: %w", err)
	}
	c, err := (&net.Dialer{Timeout: handshakeTimeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	p, err := s.handshake(c, key)
	if err != nil {
		c.Close()
		return nil, err
	}
	if s.ctx.Err() != nil {
		c.Close()
		return nil, ErrClosed
	}
	up := make(chan struct{})
	s.wg.Go(func() { s.serveUp(p, func() { close(up) }) })
	<-up
	return p, nil
}

// handshake runs BOLT 8 and init; remote is nil for an inbound connection.
func (s *Set) handshake(c net.Conn, remote *btcec.PublicKey) (*Peer, error) {
	stop := context.AfterFunc(s.ctx, func() { c.Close() })
	defer stop()
	if err := c.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return nil, err
	}
	var seed [32]byte
	if _, err := io.ReadFull(s.cfg.Random, seed[:]); err != nil {
		return nil, err
	}
	ephemeral, _ := btcec.PrivKeyFromBytes(seed[:])
	var n *noise.Conn
	var err error
	if remote != nil {
		n, err = noise.Initiate(c, s.cfg.Key, ephemeral, remote)
	} else {
		n, err = noise.Respond(c, s.cfg.Key, ephemeral)
	}
	if err != nil {
		return nil, err
	}
	p := &Peer{
		id: wire.PointOf(n.Remote()), addr: c.RemoteAddr().String(), outbound: remote != nil, conn: c, noise: n,
		wake: make(chan struct{}, 1), closed: make(chan struct{}), gone: make(chan struct{}),
	}
	if err := s.init(p); err != nil {
		return nil, err
	}
	return p, c.SetDeadline(time.Time{})
}

// init exchanges the first messages (BOLT 1, "The `init` Message").
func (s *Set) init(p *Peer) error {
	ours := &wire.Init{Features: s.cfg.Features, Networks: []chainhash.Hash{s.cfg.Chain}}
	if err := p.noise.WriteMessage(wire.Encode(ours)); err != nil {
		return err
	}
	b, err := p.noise.ReadMessage()
	if err != nil {
		return err
	}
	m, err := wire.Decode(b)
	if err != nil {
		return err
	}
	theirs, ok := m.(*wire.Init)
	if !ok {
		return fmt.Errorf("%w: %s", ErrNoInit, wire.Name(m))
	}
	// BOLT 1: "MUST combine (bitwise OR) the two feature bitmaps into one logical `features` map."
	p.features = union(theirs.Features, theirs.GlobalFeatures)
	if bit, bad := p.features.UnknownMandatory(s.cfg.Known); bad {
		return fmt.Errorf("%w: bit %d", ErrFeature, bit)
	}
	if f, d, missing := p.features.Missing(); missing {
		return fmt.Errorf("%w: %d without %d", ErrDependent, f, d)
	}
	if len(theirs.Networks) > 0 && !contains(theirs.Networks, s.cfg.Chain) {
		return ErrNetwork
	}
	return nil
}

func union(a, b wire.Features) wire.Features {
	for _, bit := range b.Bits() {
		a = a.With(wire.FeatureBit(bit)) //nolint:gosec // a feature field is short
	}
	return a
}

func contains(list []chainhash.Hash, h chainhash.Hash) bool {
	for i := range list {
		if list[i] == h {
			return true
		}
	}
	return false
}

func (s *Set) serve(p *Peer) { s.serveUp(p, func() {}) }

// serveUp runs a connection to its end; up is called when the handler knows of it.
func (s *Set) serveUp(p *Peer, up func()) {
	s.mu.Lock()
	old := s.peers[p.id]
	s.peers[p.id] = p
	s.mu.Unlock()
	defer close(p.gone)
	if old != nil {
		// The handler hears of one connection after the other: else what belongs
		// to the new one could be taken for the old one's.
		old.close(ErrReplaced, false)
		<-old.gone
	}
	stop := context.AfterFunc(s.ctx, func() { p.close(ErrClosed, false) })
	defer stop()
	defer p.close(ErrClosed, false)
	var writing sync.WaitGroup
	writing.Go(p.writer)
	writing.Go(p.keepAlive)
	s.cfg.Handler.PeerUp(p)
	up()
	err := p.reader(func(m wire.Message) { s.cfg.Handler.PeerMessage(p, m) })
	p.close(err, false)
	writing.Wait()
	s.cfg.Handler.PeerDown(p, p.Reason())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[p.id] == p {
		delete(s.peers, p.id)
	}
}

// Get is the connection to a node.
func (s *Set) Get(id wire.NodeID) (*Peer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.peers[id]
	return p, ok && p.Reason() == nil
}

// All are the connections.
func (s *Set) All() []*Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Peer, 0, len(s.peers))
	for _, p := range s.peers {
		if p.Reason() == nil {
			out = append(out, p)
		}
	}
	return out
}

// Waits between calls to a peer that does not answer.
const (
	firstWait = 250 * time.Millisecond
	lastWait  = 5 * time.Minute
)

// Keep calls a node whenever it is not connected, until Unkeep, with longer and
// longer waits while it does not answer.
func (s *Set) Keep(id wire.NodeID, addr string) {
	ctx, cancel := context.WithCancel(s.ctx)
	s.mu.Lock()
	if old := s.kept[id]; old != nil {
		old()
	}
	s.kept[id] = cancel
	s.mu.Unlock()
	s.wg.Go(func() { s.keep(ctx, id, addr) })
}

// Unkeep ends Keep.
func (s *Set) Unkeep(id wire.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.kept[id]; cancel != nil {
		cancel()
		delete(s.kept, id)
	}
}

func (s *Set) keep(ctx context.Context, id wire.NodeID, addr string) {
	for wait := firstWait; ; {
		p, err := s.Connect(ctx, id, addr)
		if err == nil {
			wait = firstWait
			select {
			case <-p.closed:
			case <-ctx.Done():
				return
			}
		} else if !errors.Is(err, context.Canceled) {
			s.cfg.Log.Debug("not connected", "peer", id, "addr", addr, "why", err, "again in", wait)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = min(2*wait, lastWait)
	}
}

// Close ends every connection and waits until the handler has heard of it.
func (s *Set) Close() {
	s.cancel()
	s.wg.Wait()
}
