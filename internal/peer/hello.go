package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// handshakeTimeout is for the three acts and init.
const handshakeTimeout = 15 * time.Second

// readSize is about how many bytes are read with one system call.
const readSize = 16 << 10

// stream is a socket whose small reads are gathered.
type stream struct {
	net.Conn
	in *bufio.Reader
}

func (s stream) Read(b []byte) (int, error) { return s.in.Read(b) }

// handshake runs BOLT 8 and init on a new socket; remote is nil for an inbound
// one. ctx must end with the set. With an error the socket is closed.
func (s *Set) handshake(ctx context.Context, c net.Conn, remote *btcec.PublicKey) (p *Peer, err error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer func() {
		if !stop() {
			err = fmt.Errorf("handshake: %w", ctx.Err())
		}
		if err != nil {
			c.Close()
			p = nil
		}
	}()
	// BOLT 8: "For each session, a node MUST generate a new ephemeral key with strong cryptographic randomness."
	var seed [32]byte
	if _, err := io.ReadFull(s.cfg.Random, seed[:]); err != nil {
		return nil, err
	}
	ephemeral, _ := btcec.PrivKeyFromBytes(seed[:])
	buffered := stream{c, bufio.NewReaderSize(c, readSize)}
	var n *noise.Conn
	if remote != nil {
		n, err = noise.Initiate(buffered, s.cfg.Key, ephemeral, remote)
	} else {
		n, err = noise.Respond(buffered, s.cfg.Key, ephemeral)
	}
	if err != nil {
		return nil, err
	}
	p = newPeer(c, n, remote != nil)
	if p.id == s.self {
		return nil, ErrSelf
	}
	if err := s.init(p); err != nil {
		return nil, err
	}
	p.since = time.Now()
	p.heard = p.since
	return p, nil
}

// init exchanges the first messages.
//
// BOLT 1: "MUST send `init` as the first Lightning message for any connection."
func (s *Set) init(p *Peer) error {
	ours := &wire.Init{Features: s.cfg.Features, Networks: []chainhash.Hash{s.cfg.Chain}}
	if !p.outbound {
		ours.RemoteAddr = remoteAddr(p.conn.RemoteAddr())
	}
	if err := p.noise.WriteMessage(wire.Encode(ours)); err != nil {
		return lost(err)
	}
	b, err := p.noise.ReadMessage()
	if err != nil {
		return lost(err)
	}
	m, err := wire.Decode(b)
	if err != nil {
		return err
	}
	theirs, ok := m.(*wire.Init)
	if !ok {
		return fmt.Errorf("%w: %s", ErrNoInit, wire.Name(m))
	}
	if err := s.check(p, theirs); err != nil {
		p.dismiss(err)
		return err
	}
	return nil
}

// lost is why there was no init.
func lost(err error) error {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return fmt.Errorf("%w: init: %w", ErrHungUp, err)
		}
	}
	return fmt.Errorf("init: %w", err)
}

// dismiss tells a peer why we cannot talk, and reads on until it hangs up (see
// [Peer.sayNoMore]). Whether it hears us makes no difference to us.
func (p *Peer) dismiss(why error) {
	warning := wire.Encode(&wire.Warning{Data: []byte(why.Error())})
	if p.conn.SetReadDeadline(time.Now().Add(lingerTimeout)) == nil && p.noise.WriteMessage(warning) == nil {
		p.sayNoMore()
		_, _ = io.Copy(io.Discard, p.conn)
	}
}

// check takes the peer's init, or says why we cannot talk.
func (s *Set) check(p *Peer, theirs *wire.Init) error {
	// BOLT 1: "MUST combine (bitwise OR) the two feature bitmaps into one logical `features` map."
	p.features = combine(theirs.Features, theirs.GlobalFeatures)
	// BOLT 1: "upon receiving unknown _even_ feature bits that are non-zero: - MUST close the connection."
	if bit, bad := p.features.UnknownMandatory(s.cfg.Known); bad {
		return fmt.Errorf("%w: bit %d", ErrFeature, bit)
	}
	// BOLT 1: "if the feature vector does not set all known, transitive dependencies: - MUST close the connection."
	if f, d, missing := p.features.Missing(); missing {
		return fmt.Errorf("%w: %d without %d", ErrDependent, f, d)
	}
	if len(theirs.Networks) > 0 && !slices.Contains(theirs.Networks, s.cfg.Chain) {
		return ErrNetwork
	}
	return nil
}

// combine is the bits of both. Their lowest bits are in the last bytes.
func combine(f, g wire.Features) wire.Features {
	if len(f) < len(g) {
		f, g = g, f
	}
	out := slices.Clone(f)
	low := out[len(f)-len(g):]
	for i, b := range g {
		low[i] |= b
	}
	return out
}
