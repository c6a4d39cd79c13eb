package node_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

// liar opens channels whose funding transactions it makes up.
type liar struct {
	t    *testing.T
	ring *keys.Ring
	conn *noise.Conn
	next uint32
}

func (s *siege) liar() *liar {
	s.t.Helper()
	seed, err := keys.NewSeed(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	ring, err := keys.NewRing(seed, s.chain.Params())
	if err != nil {
		s.t.Fatal(err)
	}
	remote, err := s.node.ID().Key()
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := noise.Initiate(s.dial(), ring.Node(), newStrangeKey(s.t).PrivateKey, remote)
	if err != nil {
		s.t.Fatal(err)
	}
	l := &liar{t: s.t, ring: ring, conn: conn}
	l.say(&wire.Init{Features: node.Features()})
	return l
}

func (l *liar) say(m wire.Message) {
	l.t.Helper()
	if err := l.conn.WriteMessage(wire.Encode(m)); err != nil {
		l.t.Fatal(err)
	}
}

// hear gives the next message about a channel that is being opened.
func (l *liar) hear() wire.Message {
	l.t.Helper()
	for {
		b, err := l.conn.ReadMessage()
		if err != nil {
			l.t.Fatal(err)
		}
		switch m, err := wire.Decode(b); m.(type) {
		case *wire.AcceptChannel, *wire.FundingSigned, *wire.Error:
			if err != nil {
				l.t.Fatal(err)
			}
			return m
		}
	}
}

// nowhere is the liar's disk.
type nowhere struct{}

func (nowhere) Write(context.Context, ...durable.Row) error { return nil }

// open opens a channel; what it is refused with, or empty.
func (l *liar) open(chain chainhash.Hash, to wire.NodeID) (refused string) {
	l.t.Helper()
	l.next++
	signer, err := l.ring.Channel(l.next)
	if err != nil {
		l.t.Fatal(err)
	}
	cfg := open.Config{
		Policy: open.DefaultPolicy(), Chain: chain, Peer: to, Ours: node.Features(), Theirs: node.Features(),
		KeyIndex: l.next, Signer: signer, Script: append([]byte{0, 20}, make([]byte, 20)...), Alias: wire.NewShortChannelID(16_000_000, l.next, 0),
	}
	o, hello, err := open.Start(cfg, open.Request{TemporaryID: wire.ChannelID{byte(l.next)}, Funding: 10_000_000, Push: 4_000_000_000, FeePerKw: 253})
	if err != nil {
		l.t.Fatal(err)
	}
	l.say(hello)
	answer := l.hear()
	if e, ok := answer.(*wire.Error); ok {
		return string(e.Data)
	}
	if _, err := o.Accepted(answer.(*wire.AcceptChannel)); err != nil {
		l.t.Fatal(err)
	}
	pending, err := o.Funded(btcwire.OutPoint{Hash: chainhash.Hash(random(l.t, 32))})
	if err != nil {
		l.t.Fatal(err)
	}
	created, err := pending.Commit(l.t.Context(), nowhere{})
	if err != nil {
		l.t.Fatal(err)
	}
	l.say(created)
	if _, ok := l.hear().(*wire.FundingSigned); !ok {
		l.t.Fatal("no funding_signed")
	}
	return ""
}

// What costs its sender nothing fills neither the disk nor the memory, and keeps no
// friend out.
func TestChannelsThatStrangersMakeUpAreFew(t *testing.T) {
	race.Leave(t, "gossip's own tests take in what strangers make up")
	t.Parallel()
	s := newSiege(t)
	chain := *s.chain.Params().GenesisHash
	opened, refused := 0, ""
	for range 10 {
		l := s.liar()
		for refused = l.open(chain, s.node.ID()); refused == ""; refused = l.open(chain, s.node.ID()) {
			if opened++; l.next == 1 {
				l.say(&wire.PeerStorage{Blob: make([]byte, 1000)})
			}
		}
		l.say(&wire.Error{Data: []byte("no longer")}) // they are not forgotten for that
	}
	if opened != 100 || len(s.node.Links().All()) != 1+opened || !strings.Contains(refused, "try again later") {
		t.Errorf("%d channels were opened, %d are there; then %q", opened, len(s.node.Links().All()), refused)
	}
	mine(t, s.chain, 1, s.friend, s.node)
	for _, row := range must(s.node.Store().PeerStorages(t.Context())) {
		if row.Peer != s.friend.ID() {
			t.Errorf("%s has storage here", row.Peer)
		}
	}
	if s.node.Reserve() != s.friend.Reserve() {
		t.Errorf("%v are kept in the wallet, for one channel", s.node.Reserve())
	}
	// Who has a channel that is real may have more.
	if _, err := s.friend.OpenChannel(t.Context(), s.node.ID(), funding.Request{Amount: 100_000, FeePerKw: 1000, Commit: 1000, MinConf: 1}); err != nil {
		t.Error(err)
	}
	s.unnoticed()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
