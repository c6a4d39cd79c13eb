package node_test

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/node"
)

// teaNode is a node on a folder; with a ledger it knows tokens.
func teaNode(t *testing.T, c *regtest.Chain, dir, alias string, wish tokens.Wish) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), node.Config{
		Dir: dir, Network: c.Params(), Source: c, Alias: alias, Listen: "127.0.0.1:0", Assets: wish, Log: slog.New(slog.DiscardHandler),
		Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// ear is a connection whose every message a test hears.
type ear struct {
	t    *testing.T
	conn *noise.Conn
	got  [][]byte
	pong uint16
}

// listen connects to a node with these features and asks for all gossip of BOLT 7.
func listen(t *testing.T, n *node.Node, chain *regtest.Chain, f wire.Features) *ear {
	t.Helper()
	s := &siege{t: t, node: n, key: newStrangeKey(t)}
	e := &ear{t: t, conn: s.shake(s.dial())}
	e.says(wire.Encode(&wire.Init{Features: f}))
	e.says(wire.Encode(&wire.GossipTimestampFilter{ChainHash: *chain.Params().GenesisHash, TimestampRange: ^uint32(0)}))
	e.hears()
	return e
}

func (e *ear) says(b []byte) {
	e.t.Helper()
	if err := e.conn.WriteMessage(b); err != nil {
		e.t.Fatal(err)
	}
}

// hears reads what there is, up to the answer to a ping; false when the connection is over.
func (e *ear) hears() bool {
	e.t.Helper()
	e.pong++
	e.says(wire.Encode(&wire.Ping{NumPongBytes: e.pong}))
	for {
		b, err := e.conn.ReadMessage()
		if err != nil {
			return false
		}
		m, err := wire.Decode(b)
		if err != nil {
			e.t.Fatal(err)
		}
		if p, ok := m.(*wire.Pong); ok && len(p.Ignored) == int(e.pong) {
			return true
		}
		e.got = append(e.got, bytes.Clone(b))
	}
}

// count is how many messages of a number were heard.
func (e *ear) count(number uint16) (n int) {
	for _, b := range e.got {
		if binary.BigEndian.Uint16(b) == number {
			n++
		}
	}
	return n
}

// teas are the announced channels that a node knows whole: both sides take HTLCs, and the
// ledger has seen the tokens.
func teas(n *node.Node) (out []assetgraph.Channel) {
	n.AssetGraph(func(g *assetgraph.Graph) {
		out = slices.DeleteFunc(g.Of(tea), func(c assetgraph.Channel) bool { return !c.Checked || !c.Usable(0) || !c.Usable(1) })
	})
	return out
}

func meet(t *testing.T, from, to *node.Node) {
	t.Helper()
	if _, err := from.Connect(t.Context(), to.ID(), to.Addr().String()); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyNodesWithTheFeatureHearOfChannelsWithTokens(t *testing.T) {
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Mine(110, nil); err != nil {
		t.Fatal(err)
	}
	on, carols := tokens.Wish{On: true}, ready.Dir(t, t.TempDir())
	alice, bob := teaNode(t, c, ready.Dir(t, t.TempDir()), "alice", on), teaNode(t, c, ready.Dir(t, t.TempDir()), "bob", on)
	carol, erin := teaNode(t, c, carols, "carol", on), teaNode(t, c, ready.Dir(t, t.TempDir()), "erin", tokens.Wish{})
	nodes := []*node.Node{alice, bob, carol, erin}
	for range 2 {
		fund(t, c, alice, 1_100_000)
	}
	blocks(t, c, 1, nodes...)
	issue(t, c, alice, 1000, nil, nodes...)
	openChannel(t, alice, bob, 500_000, 0)
	meet(t, carol, bob)
	meet(t, erin, alice)
	deaf, odd := listen(t, alice, c, node.Features()), listen(t, alice, c, node.Features().With(wire.OptionOmniAsset+1))

	p, _ := alice.Peers().Get(bob.ID())
	if p == nil {
		t.Fatal("alice and bob are not connected")
	}
	var opened []wire.ChannelID
	for _, announce := range []bool{true, false} {
		blocks(t, c, 1, nodes...)
		o, err := alice.OpenChannel(t.Context(), bob.ID(), funding.Request{
			Amount: 100_000, Push: 30_000_000, FeePerKw: 1000, Commit: 253, Announce: announce, Asset: &open.Asset{Property: tea, Tokens: 400, Push: 100},
		})
		if err != nil {
			t.Fatal(err)
		}
		opened = append(opened, o.Channel)
	}
	blocks(t, c, 6, nodes...)
	until(t, "carol knows the channel, though she has none", func() bool { return len(teas(carol)) == 1 })
	until(t, "erin knows the channel with bitcoin", func() bool { return known(erin) == 1 })
	link, _ := alice.Links().Get(opened[0])
	scid := link.Status().SCID
	got := teas(carol)[0]
	if got.SCID != scid || got.Capacity != 400 || got.Policies[0].HTLCMaximum != 400 || got.Policies[1].Carrier == 0 || len(teas(alice)) != 1 || len(teas(bob)) != 1 {
		t.Errorf("%+v", got)
	}

	until(t, "who has the feature hears of it", func() bool { return odd.hears() && odd.count(33001) > 0 && odd.count(33003) > 1 })
	until(t, "the other one hears of the channel with bitcoin", func() bool { return deaf.hears() && deaf.count(256) == 1 && deaf.count(258) > 1 })
	for range 3 { // messages of numbers that may be anything to who has no such feature
		deaf.says([]byte{0x80, 0xe9, 1, 2, 3})
	}
	if !deaf.hears() {
		t.Error("who means something else by the number is sent away")
	}
	for _, id := range opened {
		l, _ := alice.Links().Get(id)
		for _, b := range deaf.got {
			number := binary.BigEndian.Uint16(b)
			place := binary.BigEndian.AppendUint64(nil, uint64(l.Status().SCID))
			if number > 32768 || bytes.Contains(b, place) || bytes.Contains(b, id[:]) {
				t.Errorf("who has BOLT 7 only hears %x", b)
			}
		}
	}
	if odd.count(33005) != 0 || odd.count(33001) != 1 {
		t.Errorf("a stranger hears %d signatures, %d announcements", odd.count(33005), odd.count(33001))
	}
	if odd.says([]byte{0x80, 0xe9, 1, 2, 3}); odd.hears() {
		t.Error("half an announcement does not end the connection")
	}
	erin.AssetGraph(func(g *assetgraph.Graph) {
		if g.Len() != 0 {
			t.Error("a node without the feature has heard of it")
		}
	})

	if err := carol.Close(); err != nil {
		t.Fatal(err)
	}
	carol = teaNode(t, c, carols, "carol", on)
	carol.AssetGraph(func(g *assetgraph.Graph) {
		if again, ok := g.ByID(scid); !ok || again.Policies != got.Policies {
			t.Errorf("after a restart carol knows %+v", again)
		}
	})
	nodes[2] = carol
	if err := alice.CloseChannel(t.Context(), opened[0], nil, 1000); err != nil {
		t.Fatal(err)
	}
	until(t, "carol has forgotten the channel, which is closed", func() bool {
		blocks(t, c, 1, nodes...)
		gone := false
		carol.AssetGraph(func(g *assetgraph.Graph) { gone = g.Len() == 0 })
		return gone
	})
	if has(t, alice) != 1000-400-400+300 {
		t.Errorf("alice has %d", has(t, alice))
	}
}

// Who opens wishes it, and who accepts does not.
func TestAChannelWithTokensIsNotAnnouncedAgainstTheWillOfAPeer(t *testing.T) {
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Mine(110, nil); err != nil {
		t.Fatal(err)
	}
	alice := teaNode(t, c, ready.Dir(t, t.TempDir()), "alice", tokens.Wish{On: true})
	bob := teaNode(t, c, ready.Dir(t, t.TempDir()), "bob", tokens.Wish{On: true, Private: true})
	fund(t, c, alice, 1_100_000)
	blocks(t, c, 1, alice, bob)
	issue(t, c, alice, 1000, nil, alice, bob)
	meet(t, alice, bob)
	var units amount.Units = 400
	o, err := alice.OpenChannel(t.Context(), bob.ID(), funding.Request{
		Amount: 100_000, Push: 30_000_000, FeePerKw: 1000, Commit: 253, Announce: true, Asset: &open.Asset{Property: tea, Tokens: units},
	})
	if err != nil {
		t.Fatal(err)
	}
	blocks(t, c, 8, alice, bob)
	for _, n := range []*node.Node{alice, bob} {
		l, _ := n.Links().Get(o.Channel)
		if l.Params().Announce || len(teas(n)) != 0 {
			t.Errorf("%s announces it", n.Alias())
		}
	}
}
