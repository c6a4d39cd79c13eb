package node_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

// curt connects to a node as somebody whose channel with it has failed, and says only
// that, as BOLT 2 has it.
func (m *mortal) curt(as *mortal, id wire.ChannelID) {
	m.t.Helper()
	seed, err := keys.LoadSeed(filepath.Join(as.dir, "seed"), keys.Sealing{})
	if err != nil {
		m.t.Fatal(err)
	}
	ring, err := keys.NewRing(seed, m.chain.Params())
	if err != nil {
		m.t.Fatal(err)
	}
	remote, err := m.ID().Key()
	if err != nil {
		m.t.Fatal(err)
	}
	c, err := (&net.Dialer{}).DialContext(m.t.Context(), "tcp", m.addr)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { c.Close() })
	n, err := noise.Initiate(c, ring.Node(), newStrangeKey(m.t).PrivateKey, remote)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, say := range []wire.Message{&wire.Init{Features: node.Features()}, &wire.Error{ChannelID: id, Data: []byte("the channel has failed")}} {
		if err := n.WriteMessage(wire.Encode(say)); err != nil {
			m.t.Fatal(err)
		}
	}
	go linger(n)
}

// A peer whose channel has failed need not say more than that (BOLT 2). To a node with
// an old database it must not be a reason to broadcast what it has revoked.
func TestAnErrorIsNoReasonToBroadcastFromAnOldDatabase(t *testing.T) {
	race.Like(t, TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome)
	t.Parallel()
	c := aboutToClose(t, 0)
	old := filepath.Join(t.TempDir(), "old")
	c.carol.stop()
	copyDir(t, old, c.carol.dir)
	c.carol.start()
	c.reconnect()
	c.pay(c.invoice(100_000_000).Bolt11, c.bob)
	c.settled()
	v := onlyLink(t, c.carol.Node, c.bob.ID()).View()
	c.due = [2]amount.Satoshi{v.ToLocal.Sat(), v.ToRemote.Sat()}
	upstream := onlyLink(t, c.carol.Node, c.alice.ID())
	c.due[0] += upstream.View().ToLocal.Sat()
	c.bob.stop()
	c.alice.stop()
	c.carol.stop()
	c.carol.dir = old
	c.carol.start()
	l := onlyLink(t, c.carol.Node, c.bob.ID())
	c.carol.curt(c.bob, c.id)
	until(t, "carol hears the error", func() bool { return l.View().Blamed != "" })
	for range 3 {
		mine(t, c.chain, 1, c.carol.Node)
	}
	if list := c.carol.Troubles(c.id); len(list) != 1 || !strings.Contains(list[0], "the channel has failed") {
		t.Errorf("the user hears %q", list)
	}
	if s := l.Status(); s.Status != channel.Open || c.chain.Waiting() != 0 {
		t.Fatalf("the channel is %v: %s", s.Status, s.Failure)
	}
	c.alice.start()
	c.bob.start()
	for _, m := range []*mortal{c.alice, c.bob} {
		until(t, "carol knows that she has lost state", func() bool {
			_, _ = m.Connect(t.Context(), c.carol.ID(), c.carol.addr)
			return onlyLink(t, c.carol.Node, m.ID()).Status().Status >= channel.Lost
		})
	}
	c.bury(c.id, c.alice, c.carol, c.bob)
	c.bury(upstream.ID(), c.alice, c.carol, c.bob)
	c.judge(6000)
}
