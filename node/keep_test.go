package node_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// weather is a chain whose feerates change.
type weather struct {
	*regtest.Chain
	perKw atomic.Uint32
}

func (w *weather) FeeRate(context.Context, uint32) (uint32, error) { return w.perKw.Load(), nil }

func openNode(t *testing.T, w *weather, dir, listen string, announce ...wire.Address) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), node.Config{
		Dir: dir, Network: w.Params(), Source: w, Listen: listen, Announce: announce,
		Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func newWeather(t *testing.T) *weather {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Mine(110, nil); err != nil {
		t.Fatal(err)
	}
	w := &weather{Chain: c}
	w.perKw.Store(1000)
	return w
}

// reachable starts a node at a port of its own that it announces.
func reachable(t *testing.T, w *weather, dir string) (n *node.Node, listen string, announce wire.Address) {
	t.Helper()
	first := openNode(t, w, dir, home(t))
	listen = first.Addr().String()
	first.Close()
	announce, err := node.ParseAddress(listen)
	if err != nil {
		t.Fatal(err)
	}
	return openNode(t, w, dir, listen, announce), listen, announce
}

func connected(a, b *node.Node) bool {
	_, up := a.Peers().Get(b.ID())
	return up
}

func TestThePeerOfAChannelIsCalledWhereItSaysThatItIs(t *testing.T) {
	t.Parallel()
	w := newWeather(t)
	dirs := [2]string{ready.Dir(t, t.TempDir()), ready.Dir(t, t.TempDir())}
	alice, listen, announce := reachable(t, w, dirs[0])
	bob := openNode(t, w, dirs[1], "127.0.0.1:0")
	fund(t, w.Chain, alice, 1_000_000)
	mine(t, w.Chain, 1, alice, bob)
	openChannel(t, alice, bob, 500_000, 0)
	mine(t, w.Chain, 6, alice, bob)
	until(t, "bob knows where alice is", func() (knows bool) {
		m := bob.Book().Node(t.Context(), alice.ID())
		return m != nil && len(m.Addresses) > 0 && known(bob) == 1
	})
	until(t, "alice has noted where bob is", func() bool {
		addr, err := alice.Store().PeerAddress(t.Context(), bob.ID())
		return err == nil && addr == bob.Addr().String()
	})
	bob.Close()
	if err := alice.Store().Write(t.Context(), store.PeerRow{ID: bob.ID()}); err != nil { // she forgets it
		t.Fatal(err)
	}
	alice.Close()
	bob = openNode(t, w, dirs[1], "127.0.0.1:0")
	alice = openNode(t, w, dirs[0], listen, announce)
	until(t, "bob has called alice", func() bool { return connected(bob, alice) })
	if p, ok := bob.Peers().Get(alice.ID()); !ok || !p.Outbound() {
		t.Error("alice has called")
	}
	alice.Graph(func(g *graph.Graph) { // nothing else has changed
		if len(g.Channels()) != 1 {
			t.Errorf("%d channels", len(g.Channels()))
		}
	})
}

func TestTheFeeOfACommitmentFollowsTheDay(t *testing.T) {
	t.Parallel()
	w := newWeather(t)
	dirs := [2]string{ready.Dir(t, t.TempDir()), ready.Dir(t, t.TempDir())}
	alice, bob := openNode(t, w, dirs[0], "127.0.0.1:0"), openNode(t, w, dirs[1], "127.0.0.1:0")
	fund(t, w.Chain, alice, 1_000_000)
	mine(t, w.Chain, 1, alice, bob)
	id := openChannel(t, alice, bob, 500_000, amount.MilliSatoshi(100_000_000))
	mine(t, w.Chain, 6, alice, bob)
	fee := func(n *node.Node) uint32 {
		l, _ := n.Links().Get(id)
		return l.View().FeePerKw
	}
	for _, day := range []struct{ estimate, want uint32 }{{1_900, 1_900}, {2_200, 1_900}, {1_500, 1_900}, {60_000, 2_500}, {253, 253}} {
		w.perKw.Store(day.estimate)
		for _, n := range []*node.Node{alice, bob} {
			n.SetFees(t.Context())
		}
		until(t, "both commitments have the feerate", func() bool { return fee(alice) == day.want && fee(bob) == day.want })
	}
}
