package peer

import (
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Limits of time.
const (
	pingAfter     = 30 * time.Second // of silence
	deadAfter     = 90 * time.Second // of silence, although we have pinged
	writeTimeout  = 60 * time.Second // for writeSize bytes
	lingerTimeout = 5 * time.Second  // for the last words of a connection
)

// writeSize is about how many bytes are written with one system call.
const writeSize = 128 << 10

// frameSize is how much longer a message is on the wire: its length and two tags.
const frameSize = 2 + 16 + 16

// maxPong is from where a ping asks for no answer.
const maxPong = 65532

// writer writes what is queued, all that has gathered in one system call, and
// pings when the peer is silent. It returns when the connection is over.
func (p *Peer) writer() {
	tick := time.NewTicker(pingAfter)
	defer tick.Stop()
	var b batch
	var room []byte
	for {
		over, drain := p.over() // before take: what was queued before the end is taken
		if over && !drain {
			return
		}
		b = p.box.take(b)
		if len(b.ends) > 0 {
			var err error
			if room, err = p.write(room[:0], b); err != nil {
				p.close(fmt.Errorf("write: %w", err), false)
				return
			}
			continue
		}
		if cap(room) > keepRoom {
			room = nil
		}
		if over {
			p.sayNoMore()
			return
		}
		select {
		case <-p.box.wake:
		case <-p.closed:
		case <-tick.C:
			if p.silence() >= pingAfter {
				_ = p.Send(&wire.Ping{NumPongBytes: 1}) // fails only when the connection is over
			}
		}
	}
}

// write encrypts and writes a batch and returns the memory that it used.
func (p *Peer) write(room []byte, b batch) ([]byte, error) {
	room = slices.Grow(room, min(len(b.bytes)+len(b.ends)*frameSize, writeSize+noise.MaxMessage+frameSize))
	flush := func() error {
		if err := p.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		_, err := p.conn.Write(room)
		room = room[:0]
		return err
	}
	err := b.each(func(message []byte) (err error) {
		if room, err = p.noise.AppendEncrypted(room, message); err != nil || len(room) < writeSize {
			return err
		}
		return flush()
	})
	if err == nil && len(room) > 0 {
		err = flush()
	}
	return room, err
}

// sayNoMore ends our direction. The other one stays open for a moment: closing a
// socket with something unread in it can take our last words from the peer.
func (p *Peer) sayNoMore() {
	if half, ok := p.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		return
	}
	p.conn.Close()
}

// reader reads until the connection ends and returns why.
func (p *Peer) reader(handle func(wire.Message)) error {
	for {
		if err := p.conn.SetReadDeadline(time.Now().Add(deadAfter)); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		b, err := p.noise.ReadMessage()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		p.hears()
		if over, _ := p.over(); over {
			continue // until the peer hangs up too
		}
		if err := p.take(b, handle); err != nil {
			p.refuse(err)
		}
	}
}

// take answers a message or hands it up.
func (p *Peer) take(b []byte, handle func(wire.Message)) error {
	// BOLT 1: "upon receiving a known message with insufficient length for the contents: - MUST close the connection."
	m, err := wire.Decode(b)
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case *wire.Ping:
		return p.answer(m)
	case *wire.Pong:
		p.hearsPong(m)
		return nil
	case *wire.Init:
		return nil
	case *wire.Unknown:
		// BOLT 1: "upon receiving a message of _even_, unknown type: - MUST close the connection."
		if m.MsgType%2 == 0 {
			return fmt.Errorf("%w %d", ErrUnknown, m.MsgType)
		}
		// BOLT 1: "upon receiving a message of _odd_, unknown type: - MUST ignore the received message."
		if !m.Custom() {
			return nil
		}
	}
	handle(m)
	return nil
}

// answer answers a ping.
func (p *Peer) answer(ping *wire.Ping) error {
	// BOLT 1: "otherwise (`num_pong_bytes` is **not** less than 65532): - MUST ignore the `ping`."
	if ping.NumPongBytes >= maxPong {
		return nil
	}
	if !p.box.admit(p.closed) {
		return nil
	}
	// BOLT 1: "MUST respond by sending a `pong` message, with `byteslen` equal to `num_pong_bytes`."
	return p.Send(&wire.Pong{Ignored: make([]byte, ping.NumPongBytes)})
}

// refuse ends the connection and tells the peer why.
func (p *Peer) refuse(why error) {
	_ = p.Send(&wire.Warning{Data: []byte(why.Error())}) // fails only when the connection is over
	p.Disconnect(why)
}

// remoteAddr is where an inbound connection comes from, as init tells it; nil for
// an address that is of no use to the peer.
//
// BOLT 1: "SHOULD NOT set private addresses as `remote_addr`."
func remoteAddr(a net.Addr) []byte {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return nil
	}
	ip := tcp.AddrPort().Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return nil
	}
	kind := wire.AddressIPv6
	if ip.Is4() {
		kind = wire.AddressIPv4
	}
	b, err := wire.AppendAddress(nil, wire.Address{Kind: kind, Host: ip.WithZone("").String(), Port: tcp.AddrPort().Port()})
	if err != nil {
		return nil
	}
	return b
}
