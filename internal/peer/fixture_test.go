package peer

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"go.uber.org/goleak"

	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var chain = chainhash.Hash{1}

// known is what the sets of the tests know.
var known = wire.NewFeatures(wire.VarOnion, wire.PaymentSecret, wire.BasicMPP, wire.ChannelType)

// staticKey is a node key in memory.
type staticKey struct{ *btcec.PrivateKey }

func (k staticKey) PublicKey() *btcec.PublicKey { return k.PubKey() }

func (k staticKey) ECDH(p *btcec.PublicKey) [32]byte {
	var point, shared btcec.JacobianPoint
	p.AsJacobian(&point)
	btcec.ScalarMultNonConst(&k.Key, &point, &shared)
	shared.ToAffine()
	return sha256.Sum256(btcec.NewPublicKey(&shared.X, &shared.Y).SerializeCompressed())
}

// key is the key of node n.
func key(n uint16) staticKey {
	seed := [32]byte{30: byte(n >> 8), 31: byte(n)}
	k, _ := btcec.PrivKeyFromBytes(seed[:])
	return staticKey{k}
}

func idOf(n uint16) wire.NodeID { return wire.PointOf(key(n).PubKey()) }

// heard is one call of the handler.
type heard struct {
	what string // "up", "message", "down"
	p    *Peer
	m    wire.Message
	why  error
}

// diary is a handler that tells a test what it hears.
type diary struct {
	heard chan heard
	// on, if it is set, runs before a call of the handler is written down.
	on func(heard)
}

func newDiary() *diary { return &diary{heard: make(chan heard, 1<<15)} }

func (d *diary) note(h heard) {
	if d.on != nil {
		d.on(h)
	}
	d.heard <- h
}

func (d *diary) PeerUp(p *Peer)                      { d.note(heard{what: "up", p: p}) }
func (d *diary) PeerMessage(p *Peer, m wire.Message) { d.note(heard{what: "message", p: p, m: m}) }
func (d *diary) PeerDown(p *Peer, why error)         { d.note(heard{what: "down", p: p, why: why}) }

// next waits for the next call, which must be of a kind.
func (d *diary) next(t testing.TB, what string) heard {
	t.Helper()
	h := <-d.heard
	if h.what != what {
		t.Fatalf("heard %s (%v, %v), want %s", h.what, h.m, h.why, what)
	}
	return h
}

// now is next for a call that has been made already.
func (d *diary) now(t testing.TB, what string) heard {
	t.Helper()
	if len(d.heard) == 0 {
		t.Fatalf("heard nothing, want %s", what)
	}
	return d.next(t, what)
}

// silent fails the test when something was heard that nobody has asked for.
func (d *diary) silent(t testing.TB) {
	t.Helper()
	select {
	case h := <-d.heard:
		t.Errorf("heard %s (%v, %v), want nothing", h.what, h.m, h.why)
	default:
	}
}

// newSet is the set of node n, closed at the end of the test.
func newSet(t testing.TB, n uint16, change func(*Config)) (*Set, *diary) {
	t.Helper()
	d := newDiary()
	cfg := Config{
		Key: key(n), Features: wire.NewFeatures(wire.VarOnion+1, wire.PaymentSecret+1), Known: known, Chain: chain,
		Handler: d, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	s := New(cfg)
	t.Cleanup(s.Close)
	return s, d
}

// listen gives a set an address.
func listen(t testing.TB, s *Set) string {
	t.Helper()
	addr, err := s.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return addr.String()
}

// connect connects two sets and takes both PeerUp out of their diaries.
func connect(t testing.TB, from, to *Set) (out, in *Peer) {
	t.Helper()
	out, err := from.Connect(t.Context(), to.self, listen(t, to))
	if err != nil {
		t.Fatal(err)
	}
	if up := from.cfg.Handler.(*diary).next(t, "up"); up.p != out {
		t.Fatal("another connection than that of Connect is up")
	}
	return out, to.cfg.Handler.(*diary).next(t, "up").p
}

// stranger is a peer whose words the test chooses.
type stranger struct {
	*noise.Conn
	t      testing.TB
	socket net.Conn
}

// dial opens a socket to an address.
func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// pipe is a socket to a set without a network. Nothing is buffered in it.
func pipe(t testing.TB, to *Set) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	to.receive(theirs)
	return ours
}

// shake runs the handshake with a set as node n.
func shake(t testing.TB, c net.Conn, n uint16, to *Set) *stranger {
	t.Helper()
	conn, err := noise.Initiate(c, key(n), key(n+1000).PrivateKey, to.cfg.Key.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return &stranger{conn, t, c}
}

// greet also exchanges init.
func greet(t testing.TB, c net.Conn, n uint16, to *Set) *stranger {
	t.Helper()
	s := shake(t, c, n, to)
	if m, ok := s.hear().(*wire.Init); !ok {
		t.Fatalf("%T is not init", m)
	}
	s.say(&wire.Init{})
	return s
}

func (s *stranger) say(msgs ...wire.Message) {
	s.t.Helper()
	for _, m := range msgs {
		s.sayBytes(wire.Encode(m))
	}
}

func (s *stranger) sayBytes(b []byte) {
	s.t.Helper()
	if err := s.WriteMessage(b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stranger) hear() wire.Message {
	s.t.Helper()
	b, err := s.ReadMessage()
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := wire.Decode(b)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// hearWarning waits for a warning that says why.
func (s *stranger) hearWarning(why error) {
	s.t.Helper()
	m, ok := s.hear().(*wire.Warning)
	if !ok || !bytes.Contains(m.Data, []byte(why.Error())) {
		s.t.Errorf("heard %+v, want a warning that %v", m, why)
	}
}

// hearEnd waits for the end of the connection, before which nothing is said.
func (s *stranger) hearEnd() {
	s.t.Helper()
	if b, err := s.ReadMessage(); err == nil {
		s.t.Errorf("heard %x, want the end of the connection", b)
	}
}

// text is a message that a set hands up.
func text(s string) *wire.Warning { return &wire.Warning{Data: []byte(s)} }

// meter is the set's end of a TCP connection.
type meter struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
	read   atomic.Int64 // bytes
	end    atomic.Int64 // as many had been read when it was closed
}

// metered opens a TCP connection to a set.
func metered(t testing.TB, to *Set) (ours net.Conn, theirs *meter) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours = dial(t, l.Addr().String())
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	theirs = &meter{Conn: c, closed: make(chan struct{})}
	to.receive(theirs)
	return ours, theirs
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.read.Add(int64(n))
	return n, err
}

func (m *meter) CloseWrite() error { return m.Conn.(*net.TCPConn).CloseWrite() }

func (m *meter) Close() error {
	m.once.Do(func() {
		m.end.Store(m.read.Load())
		close(m.closed)
	})
	return m.Conn.Close()
}

// eager is an end of a pipe whose writes do not wait for the reader. As with TCP,
// what was written before Close arrives.
type eager struct {
	net.Conn
	out  chan []byte
	done chan struct{}
	once sync.Once
}

func newEager(c net.Conn) *eager {
	e := &eager{Conn: c, out: make(chan []byte, 1024), done: make(chan struct{})}
	go e.pump()
	return e
}

func (e *eager) pump() {
	defer e.Conn.Close()
	for {
		select {
		case b := <-e.out:
			if _, err := e.Conn.Write(b); err != nil {
				return
			}
		case <-e.done:
			for len(e.out) > 0 {
				if _, err := e.Conn.Write(<-e.out); err != nil {
					return
				}
			}
			return
		}
	}
}

func (e *eager) Write(b []byte) (int, error) {
	select {
	case <-e.done:
		return 0, net.ErrClosed
	case e.out <- bytes.Clone(b):
		return len(b), nil
	}
}

func (e *eager) SetWriteDeadline(time.Time) error { return nil }

func (e *eager) Close() error {
	e.once.Do(func() { close(e.done) })
	return errors.Join(e.SetReadDeadline(time.Now()), e.Conn.SetWriteDeadline(time.Now().Add(time.Second)))
}

// errNobody is what a call to an address gets that no set has.
var errNobody = errors.New("nobody is there")

// exchange is a network for a fake clock: addresses are names.
type exchange struct {
	mu    sync.Mutex
	sets  map[string]*Set
	calls func(addr string) // hears of each call, if it is set
}

func newExchange() *exchange { return &exchange{sets: map[string]*Set{}} }

func (x *exchange) put(addr string, s *Set) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sets[addr] = s
}

// Dial is a [Config.Dial].
func (x *exchange) Dial(_ context.Context, addr string) (net.Conn, error) {
	if x.calls != nil {
		x.calls(addr)
	}
	x.mu.Lock()
	to := x.sets[addr]
	x.mu.Unlock()
	if to == nil || to.ctx.Err() != nil {
		return nil, errNobody
	}
	a, b := net.Pipe()
	to.receive(newEager(b))
	return newEager(a), nil
}
