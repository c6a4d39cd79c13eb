package peer

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Limits of a connection.
const (
	handshakeTimeout = 15 * time.Second // for the three acts and init
	idleTimeout      = 60 * time.Second // then a ping is sent
	deadTimeout      = 120 * time.Second
	writeTimeout     = 60 * time.Second
	queueLimit       = 8 << 20 // bytes that wait to be written
	maxPong          = 65532   // BOLT 1: a ping that asks for this many or more is not answered
)

// Errors that end a connection.
var (
	ErrSlow      = errors.New("the peer does not read what we send")
	ErrReplaced  = errors.New("the peer connected again")
	ErrClosed    = errors.New("the connection is closed")
	ErrNoInit    = errors.New("the peer's first message is not init")
	ErrUnknown   = errors.New("unknown even message type")
	ErrNetwork   = errors.New("the peer is on another network")
	ErrFeature   = errors.New("the peer requires a feature that we do not know")
	ErrDependent = errors.New("the peer offers a feature without one that it depends on")
)

// Peer is one connection, after init.
type Peer struct {
	id       wire.NodeID
	features wire.Features
	addr     string
	outbound bool
	conn     net.Conn
	noise    *noise.Conn

	mu      sync.Mutex
	queue   [][]byte // encoded messages
	size    int      // bytes in queue
	wake    chan struct{}
	reason  error // why it was closed; nil while open
	closed  chan struct{}
	gone    chan struct{} // closed when the handler has heard of the end
	drained bool          // close once the queue is written
}

// ID is the peer's node id.
func (p *Peer) ID() wire.NodeID { return p.id }

// Features are those of the peer's init.
func (p *Peer) Features() wire.Features { return p.features }

// Addr is the remote address, host and port.
func (p *Peer) Addr() string { return p.addr }

// Outbound says whether we connected.
func (p *Peer) Outbound() bool { return p.outbound }

// Send queues messages, to be written together. It never waits. Errors: what
// ended the connection, and [ErrSlow], which ends it.
func (p *Peer) Send(msgs ...wire.Message) error {
	encoded := make([][]byte, len(msgs))
	size := 0
	for i, m := range msgs {
		b, err := wire.AppendMessage(nil, m)
		if err != nil {
			return err
		}
		encoded[i] = b
		size += len(b)
	}
	p.mu.Lock()
	if p.reason != nil {
		defer p.mu.Unlock()
		return p.reason
	}
	if p.size+size > queueLimit {
		p.mu.Unlock()
		p.close(ErrSlow, false)
		return ErrSlow
	}
	p.queue = append(p.queue, encoded...)
	p.size += size
	p.mu.Unlock()
	p.signal()
	return nil
}

func (p *Peer) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Disconnect ends the connection once what is queued has been written.
func (p *Peer) Disconnect(reason error) { p.close(reason, true) }

func (p *Peer) close(reason error, drain bool) {
	p.mu.Lock()
	if p.reason != nil {
		p.mu.Unlock()
		return
	}
	p.reason, p.drained = reason, drain
	close(p.closed)
	p.mu.Unlock()
	if !drain {
		p.conn.Close()
	}
}

// Reason is why the connection ended; nil while it is open.
func (p *Peer) Reason() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason
}

// writer writes what is queued, all that has gathered in one system call.
func (p *Peer) writer() {
	defer p.conn.Close()
	var out []byte
	for {
		p.mu.Lock()
		batch, over := p.queue, p.reason != nil
		drained := p.drained
		p.queue, p.size = nil, 0
		p.mu.Unlock()
		if over && !drained {
			return
		}
		out = out[:0]
		for _, m := range batch {
			var err error
			if out, err = p.noise.AppendEncrypted(out, m); err != nil {
				p.close(err, false)
				return
			}
		}
		if len(out) > 0 {
			if err := p.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
				p.close(err, false)
				return
			}
			if _, err := p.conn.Write(out); err != nil {
				p.close(fmt.Errorf("write: %w", err), false)
				return
			}
		}
		if over {
			return
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-p.wake:
		case <-p.closed:
		}
	}
}

// reader reads until the connection ends and returns why.
func (p *Peer) reader(handle func(wire.Message)) error {
	for pinged := false; ; {
		wait := idleTimeout
		if pinged {
			wait = deadTimeout - idleTimeout
		}
		if err := p.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return err
		}
		b, err := p.noise.ReadMessage()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		pinged = false
		m, err := wire.Decode(b)
		if err != nil {
			return fmt.Errorf("message: %w", err)
		}
		switch m := m.(type) {
		case *wire.Ping:
			if m.NumPongBytes < maxPong {
				if err := p.Send(&wire.Pong{Ignored: make([]byte, m.NumPongBytes)}); err != nil {
					return err
				}
			}
		case *wire.Pong:
		case *wire.Unknown:
			if m.MsgType%2 == 0 {
				return fmt.Errorf("%w %d", ErrUnknown, m.MsgType)
			}
		default:
			handle(m)
		}
	}
}

// keepAlive sends a ping whenever the connection has been silent.
func (p *Peer) keepAlive() {
	t := time.NewTicker(idleTimeout / 2)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if p.Send(&wire.Ping{NumPongBytes: 1}) != nil {
				return
			}
		case <-p.closed:
			return
		}
	}
}
