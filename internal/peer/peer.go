package peer

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Errors that end a connection.
var (
	ErrSlow      = errors.New("the peer does not read what we send")
	ErrReplaced  = errors.New("the peer connected again")
	ErrCrossed   = errors.New("both sides connected at once, and the other connection stays")
	ErrSelf      = errors.New("this node's own id: connect to another one")
	ErrFull      = errors.New("too many inbound connections")
	ErrClosed    = errors.New("the connection is closed")
	ErrHungUp    = errors.New("the peer hung up while we were connecting")
	ErrNoInit    = errors.New("the peer's first message is not init")
	ErrUnknown   = errors.New("unknown even message type")
	ErrNetwork   = errors.New("the peer is on another network")
	ErrFeature   = errors.New("the peer requires a feature that we do not know")
	ErrDependent = errors.New("the peer offers a feature without one that it depends on")
)

// Peer is one connection, after init. It is safe for concurrent use.
type Peer struct {
	id       wire.NodeID
	features wire.Features
	addr     string
	outbound bool
	since    time.Time // the end of init
	conn     net.Conn
	noise    *noise.Conn
	box      outbox

	mu     sync.Mutex
	heard  time.Time // when the last message came
	reason error     // why it was closed; nil while open
	drain  bool      // what is queued is still to be written

	ponged chan struct{} // closed with the answer to a ping of the user's; nil: there is none
	pong   int           // its length

	closed   chan struct{} // closed with a reason
	replaced chan struct{} // closed when a newer connection has this one's place
	up       chan struct{} // closed when PeerUp has returned
	gone     chan struct{} // closed when PeerDown has returned, or never comes

	// The fields below belong to the set and its mutex.
	turn     chan struct{} // one token: who holds it talks to the handler
	serving  bool          // the handler knows of this connection
	stranger bool          // counts towards maxInbound
}

// newPeer is a connection after the handshake and before init.
func newPeer(conn net.Conn, n *noise.Conn, outbound bool) *Peer {
	return &Peer{
		id: wire.PointOf(n.Remote()), addr: conn.RemoteAddr().String(), outbound: outbound, conn: conn, noise: n,
		box:    outbox{wake: make(chan struct{}, 1), taken: make(chan struct{}, 1)},
		closed: make(chan struct{}), replaced: make(chan struct{}), up: make(chan struct{}), gone: make(chan struct{}),
	}
}

// ID is the peer's node id.
func (p *Peer) ID() wire.NodeID { return p.id }

// Features are those of the peer's init.
func (p *Peer) Features() wire.Features { return p.features }

// Addr is the remote address, host and port.
func (p *Peer) Addr() string { return p.addr }

// Outbound says whether we connected.
func (p *Peer) Outbound() bool { return p.outbound }

// Send queues messages, to be written together and in this order. It never waits.
// Errors: what ended the connection; [ErrSlow], which ends it; and that a message
// cannot be encoded, with which none of them is queued.
func (p *Peer) Send(msgs ...wire.Message) error {
	if err := p.Reason(); err != nil {
		return err
	}
	err := p.box.put(msgs)
	if errors.Is(err, ErrSlow) {
		p.close(ErrSlow, false)
	}
	return err
}

// Queued is how many bytes wait to be written. Whoever has much to say that can wait
// looks at it before [Peer.Send].
func (p *Peer) Queued() int { return p.box.size() }

// Disconnect ends the connection once what is queued has been written, for which
// the peer has a few seconds. Messages that come after it are not handed up.
func (p *Peer) Disconnect(reason error) { p.close(reason, true) }

// Reason is why the connection ended; nil while it is open.
func (p *Peer) Reason() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason
}

// close ends the connection, at once or after what is queued. The first reason
// counts; the first call that does not drain closes the socket.
func (p *Peer) close(reason error, drain bool) {
	if reason == nil {
		reason = ErrClosed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason == nil {
		p.reason, p.drain = reason, drain
		close(p.closed)
		if drain {
			time.AfterFunc(lingerTimeout, func() { p.conn.Close() })
		}
	}
	if !drain {
		p.conn.Close()
	}
}

// over says whether the connection has been closed, and whether what is queued is
// still to be written.
func (p *Peer) over() (over, drain bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason != nil, p.drain
}

// hears remembers that the peer is alive.
func (p *Peer) hears() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = time.Now()
}

// silence is how long ago the last message came.
func (p *Peer) silence() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.heard)
}
