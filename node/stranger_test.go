package node_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/peer"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// logbook is a log that a test reads.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (b *logbook) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, string(line))
	return len(line), nil
}

// has says whether a line since one of a number has all these words.
func (b *logbook) has(since int, words ...string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
lines:
	for _, l := range b.lines[since:] {
		for _, w := range words {
			if !strings.Contains(l, w) {
				continue lines
			}
		}
		return true
	}
	return false
}

func (b *logbook) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines)
}

// strangeKey is a node key in memory.
type strangeKey struct{ *btcec.PrivateKey }

func newStrangeKey(t *testing.T) strangeKey {
	k, err := btcec.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return strangeKey{k}
}

func (k strangeKey) PublicKey() *btcec.PublicKey { return k.PubKey() }

func (k strangeKey) ECDH(p *btcec.PublicKey) [32]byte {
	var point, shared btcec.JacobianPoint
	p.AsJacobian(&point)
	btcec.ScalarMultNonConst(&k.Key, &point, &shared)
	shared.ToAffine()
	return sha256.Sum256(btcec.NewPublicKey(&shared.X, &shared.Y).SerializeCompressed())
}

// siege is a node with a good peer, a channel between them, and strangers at the door.
type siege struct {
	t     *testing.T
	chain *regtest.Chain
	friend,
	node *node.Node
	log      *logbook
	key      strangeKey // of the stranger
	channel  wire.ChannelID
	paid     int
	friendly *peer.Peer // its connection
}

func newSiege(t *testing.T) *siege {
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Mine(110, nil); err != nil {
		t.Fatal(err)
	}
	s := &siege{t: t, chain: c, log: &logbook{}, key: newStrangeKey(t), friend: start(t, c, t.TempDir(), "alice")}
	if s.node, err = node.Open(t.Context(), node.Config{
		Dir: ready.Dir(t, t.TempDir()), Network: c.Params(), Source: c, Alias: "bob", Listen: "127.0.0.1:0",
		Log:   slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Fatal: func(err error) { panic(err) },
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.friend.Close() })
	t.Cleanup(func() { s.node.Close() })
	fund(t, c, s.friend, 2_000_000)
	mine(t, c, 1, s.friend, s.node)
	s.channel = openChannel(t, s.friend, s.node, 1_000_000, 0)
	mine(t, c, 6, s.friend, s.node)
	until(t, "the channel is known", func() bool { return known(s.friend) == 1 })
	s.friendly, _ = s.node.Peers().Get(s.friend.ID())
	return s
}

// unnoticed pays the node over the connection that was there from the beginning.
func (s *siege) unnoticed() {
	s.t.Helper()
	s.paid++
	row, err := s.node.NewInvoice(s.t.Context(), invoice.Request{
		Label: strings.Repeat("i", s.paid), Amount: amount.OrAny{Msat: 1_000_000}, Description: "besieged", Expiry: 3600,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	if _, err := s.friend.Sender().Pay(ctx, pay.Request{Bolt11: row.Bolt11, Invoice: inv}); err != nil {
		s.t.Errorf("the friend cannot pay: %v", err)
	}
	if p, ok := s.node.Peers().Get(s.friend.ID()); !ok || p != s.friendly {
		s.t.Error("the friend was disconnected")
	}
}

func (s *siege) dial() net.Conn {
	s.t.Helper()
	c, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.node.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

func (s *siege) shake(c net.Conn) *noise.Conn {
	s.t.Helper()
	remote, err := s.node.ID().Key()
	if err != nil {
		s.t.Fatal(err)
	}
	n, err := noise.Initiate(c, s.key, newStrangeKey(s.t).PrivateKey, remote)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// greet is a connection of the stranger, after init.
func (s *siege) greet(c net.Conn) *noise.Conn {
	s.t.Helper()
	n := s.shake(c)
	if err := n.WriteMessage(wire.Encode(&wire.Init{Features: node.Features()})); err != nil {
		s.t.Fatal(err)
	}
	until(s.t, "the stranger is a peer", func() bool { _, ok := s.node.Peers().Get(s.id()); return ok })
	return n
}

// again makes the friend call again.
func (s *siege) again() {
	s.t.Helper()
	since, id := s.log.len(), s.friend.ID().String()
	p, ok := s.friend.Peers().Get(s.node.ID())
	if !ok {
		s.t.Fatal("the friend is not connected")
	}
	p.Disconnect(errors.New("for a moment"))
	until(s.t, "the friend has left", func() bool { return s.log.has(since, "disconnected", id) })
	until(s.t, "the friend is back", func() bool { return s.log.has(since, "msg=connected", id) })
	until(s.t, "the channel goes on", func() bool { l, _ := s.friend.Links().Get(s.channel); return l.View().Connected })
	s.friendly, _ = s.node.Peers().Get(s.friend.ID())
}

// linger answers pings for as long as the connection is there.
func linger(n *noise.Conn) {
	for {
		b, err := n.ReadMessage()
		if err != nil {
			return
		}
		m, err := wire.Decode(b)
		if _, ping := m.(*wire.Ping); err != nil || !ping {
			continue
		}
		if n.WriteMessage(wire.Encode(&wire.Pong{Ignored: []byte{0}})) != nil {
			return
		}
	}
}

func (s *siege) id() wire.NodeID { return wire.PointOf(s.key.PubKey()) }

// gone waits for the end of the stranger's connection, of which the log says why.
func (s *siege) gone(c net.Conn, since int, words ...string) {
	s.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) {
		s.t.Error("the connection is still there")
	}
	c.Close()
	until(s.t, "the log has the reason: "+strings.Join(words, ", "), func() bool { return s.log.has(since, words...) })
	until(s.t, "only the friend is connected", func() bool { return len(s.node.Peers().All()) == 1 })
}

func random(t *testing.T, n int) []byte {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

// dribble writes so many bytes one by one.
type dribble struct {
	net.Conn
	left int
}

func (o *dribble) Write(b []byte) (int, error) {
	if o.left -= len(b); o.left < 0 {
		return o.Conn.Write(b)
	}
	for i := range b {
		if _, err := o.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

func TestWhatAStrangerSaysEndsItsOwnConnectionOnly(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	id := s.id().String()
	refused := "inbound connection refused"
	announcement := &wire.ChannelAnnouncement{
		ChainHash: *s.chain.Params().GenesisHash, ShortChannelID: wire.NewShortChannelID(3, 0, 0),
		NodeID1: s.friend.ID(), NodeID2: s.node.ID(), BitcoinKey1: s.friend.ID(), BitcoinKey2: s.node.ID(),
	}
	if bytes.Compare(announcement.NodeID1[:], announcement.NodeID2[:]) > 0 {
		announcement.NodeID1, announcement.NodeID2 = announcement.NodeID2, announcement.NodeID1
	}
	for name, c := range map[string]struct {
		say   func(c net.Conn)
		words []string
	}{
		"garbage for act one": {
			func(c net.Conn) { _, _ = c.Write(random(t, 50)) },
			[]string{refused},
		},
		"a megabyte for act one": {
			func(c net.Conn) { _, _ = c.Write(random(t, 1<<20)) },
			[]string{refused},
		},
		"garbage for act three": {
			func(c net.Conn) { s.shake(&garbler{Conn: c, good: 50}) },
			[]string{refused},
		},
		"garbage for init": {
			func(c net.Conn) { s.shake(c); _, _ = c.Write(random(t, 100)) },
			[]string{refused},
		},
		"a first message that is not init": {
			func(c net.Conn) { _ = s.shake(c).WriteMessage(wire.Encode(&wire.Ping{NumPongBytes: 1})) },
			[]string{refused, "not init"},
		},
		"an init that is cut off": {
			func(c net.Conn) { _ = s.shake(c).WriteMessage([]byte{0, 16, 0, 9, 1}) },
			[]string{refused},
		},
		"garbage after init": {
			func(c net.Conn) { s.greet(c); _, _ = c.Write(random(t, 1000)) },
			[]string{"disconnected", id},
		},
		"an empty message": {
			func(c net.Conn) { _ = s.greet(c).WriteMessage(nil) },
			[]string{"disconnected", id},
		},
		"half a type": {
			func(c net.Conn) { _ = s.greet(c).WriteMessage([]byte{1}) },
			[]string{"disconnected", id},
		},
		"an unknown even message": {
			func(c net.Conn) { _ = s.greet(c).WriteMessage([]byte{0x7f, 0xfe, 1, 2, 3}) },
			[]string{"disconnected", id, "unknown even message type 32766"},
		},
		"gossip with false signatures": {
			func(c net.Conn) {
				n := s.greet(c)
				for range 1000 {
					_ = n.WriteMessage(wire.Encode(announcement))
				}
			},
			[]string{"disconnected", id, "signature"},
		},
		"an open_channel that is cut off": {
			func(c net.Conn) {
				_ = s.greet(c).WriteMessage(wire.Encode(&wire.OpenChannel{})[:100])
			},
			[]string{"disconnected", id},
		},
	} {
		since, conn := s.log.len(), s.dial()
		t.Log(name)
		c.say(conn)
		s.gone(conn, since, c.words...)
	}
	s.unnoticed()
}

// garbler garbles what is written after so many good bytes.
type garbler struct {
	net.Conn
	good int
}

func (g *garbler) Write(b []byte) (int, error) {
	b = bytes.Clone(b)
	for i := range b {
		if g.good--; g.good < 0 {
			b[i] ^= 0x5a
		}
	}
	return g.Conn.Write(b)
}

// What a stranger may say as often as it likes costs it its own time.
func TestWhatAStrangerMaySayIsHeardWithoutEnd(t *testing.T) {
	s := newSiege(t)
	n := s.greet(&dribble{s.dial(), 150}) // its acts come byte by byte
	since := s.log.len()
	odd, unknown := []byte{0x7f, 0xff, 1, 2, 3}, &wire.ChannelUpdate{ChainHash: *s.chain.Params().GenesisHash, HTLCMaximumMsat: 1}
	for i := range 5000 / race.Step(5) {
		unknown.ShortChannelID = wire.NewShortChannelID(1, uint32(i), 0) //nolint:gosec // small
		for _, m := range [][]byte{odd, wire.Encode(&wire.Pong{}), wire.Encode(unknown)} {
			if err := n.WriteMessage(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := n.WriteMessage(wire.Encode(&wire.Ping{NumPongBytes: 7})); err != nil {
		t.Fatal(err)
	}
	for {
		b, err := n.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		m, err := wire.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := m.(*wire.Pong); ok && len(p.Ignored) == 7 {
			break
		}
	}
	if s.log.has(since, "disconnected") {
		t.Error("somebody was disconnected")
	}
	s.unnoticed()
}

func TestAThousandConnectionsKeepNoFriendOut(t *testing.T) {
	race.Leave(t, "a thousand goroutines, one like the other")
	s := newSiege(t)
	// Most say nothing, some begin with an act and never end it.
	crowd := make([]net.Conn, 1000)
	for i := range crowd {
		crowd[i] = s.dial()
		if i%3 == 0 {
			_, _ = crowd[i].Write([]byte{0})
		}
	}
	s.unnoticed()
	// At the door wait so few of them that the rest was shown out, the first ones first.
	for _, c := range crowd[:900] {
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a connection of the crowd waits: %v", err)
		}
	}
	// Whoever has something to say gets in, until the house is full.
	// The friend, who came before it had a channel, comes again and takes nobody's place.
	s.again()
	const house = 1000
	for range house {
		s.key = newStrangeKey(t)
		go linger(s.greet(s.dial()))
	}
	s.unnoticed()
	since, late := s.log.len(), s.dial()
	s.key = newStrangeKey(t)
	if err := s.shake(late).WriteMessage(wire.Encode(&wire.Init{Features: node.Features()})); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, late); err != nil {
		t.Error(err)
	}
	until(t, "the log says why", func() bool { return s.log.has(since, "too many inbound connections") })
	// But a peer with a channel does.
	s.again()
	if n := len(s.node.Peers().All()); n != house+1 {
		t.Errorf("%d are connected", n)
	}
}
