package assetgossip

import (
	"slices"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
)

// rate is what a node says of its exchange, after a change of it.
func (i identity) rate(at time.Time, change ...func(m *wire.AssetRate)) *wire.AssetRate {
	m := &wire.AssetRate{
		ChainHash: chainHash, NodeID: i.id, Property: tea, Timestamp: uint32(at.Unix()), Lasts: 12 * 3600, SellMsat: 1_515_000, SellUnits: 100,
		BuyMsat: 1_485_000, BuyUnits: 100, MinUnits: 1, MaxUnits: 500, MaxDelay: 144, Carrier: 2_000_000,
	}
	for _, f := range change {
		f(m)
	}
	return assetgraph.SignRate(m, i.sign)
}

// sells is at how many msat each node's hundred units are sold, as a book believes it.
func (k *book) sells() (out []uint64) {
	k.Read(func(g *assetgraph.Graph) {
		for _, r := range g.Rates(uint32(k.w.now.Unix())) {
			out = append(out, uint64(r.Sell.Msat))
		}
	})
	return out
}

func price(msat amount.MilliSatoshi) func(m *wire.AssetRate) {
	return func(m *wire.AssetRate) { m.SellMsat = msat }
}

// told are the rates that a peer was sent.
func (e *end) told() (out []*wire.AssetRate) {
	for _, m := range e.sent {
		if m, ok := m.(*wire.AssetRate); ok {
			out = append(out, m)
		}
	}
	return out
}

// A rate goes where its channel goes, behind it, and survives a restart.
func TestARateGoesWhereItsChannelGoes(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.book(1001), w.book(1002)
	alice.ours[bob.self.id], bob.ours[alice.self.id] = true, true
	source, who := alice.peer(50), channelOf(3).x
	alice.takes(source, who.rate(w.now)) // before there is a channel
	if alice.takes(source, w.network(5)...); len(alice.sells()) != 0 || source.reason != nil {
		t.Fatalf("%v, %v", alice.sells(), source.reason)
	}
	alice.takes(source, who.rate(w.now))
	w.connect(alice, bob)
	late := alice.peer(51)
	w.pass(5 * time.Second)
	if got := bob.sells(); !slices.Equal(got, []uint64{1_515_000}) || len(source.sent) != 0 {
		t.Fatalf("Bob knows %v; who told it hears %d", got, len(source.sent))
	}
	if n := len(late.sent); n != 16 || len(late.told()) != 1 || late.sent[15].Type() != kindRate {
		t.Errorf("a new peer hears %d messages, the last a %s", n, wire.Name(late.sent[n-1]))
	}
	news := who.rate(w.now, price(1_600_000))
	bob.takes(bob.peer(52), news)
	w.pass(5 * time.Second)
	if got := alice.sells(); !slices.Equal(got, []uint64{1_600_000}) || len(late.told()) != 2 {
		t.Errorf("Alice knows %v, her peer heard of %d", got, len(late.told()))
	}
	bob.start()
	again := bob.peer(53)
	bob.takes(bob.peer(52), who.rate(w.now.Add(-time.Minute), price(1)), news) // what was told before
	if w.pass(5 * time.Second); !slices.Equal(bob.sells(), []uint64{1_600_000}) || len(again.told()) != 1 {
		t.Errorf("after a restart Bob knows %v, his peer heard of %d", bob.sells(), len(again.told()))
	}
	gone := func(m *wire.AssetRate) {
		m.SellMsat, m.SellUnits, m.BuyMsat, m.BuyUnits, m.MinUnits, m.MaxDelay = 0, 0, 0, 0, 0, 0
	}
	bob.takes(bob.peer(52), who.rate(w.now, gone))
	bob.takes(bob.peer(52), news)
	if w.pass(time.Second); len(bob.sells()) != 0 || len(again.told()) != 2 {
		t.Errorf("it is taken away, and Bob knows %v, his peer heard of %d", bob.sells(), len(again.told()))
	}
}

func TestRatesThatDoNotCount(t *testing.T) {
	c := channelOf(3)
	for name, row := range map[string]struct {
		say   func(w *world) *wire.AssetRate
		blame bool
	}{
		"somebody else has signed": {func(w *world) *wire.AssetRate {
			m := c.x.rate(w.now)
			m.Signature = c.y.rate(w.now).Signature
			return m
		}, true},
		"another price was signed": {func(w *world) *wire.AssetRate {
			m := c.x.rate(w.now)
			m.SellMsat--
			return m
		}, true},
		"a node without a channel": {func(w *world) *wire.AssetRate { return identityOf(77).rate(w.now) }, false},
		"another token":            {func(w *world) *wire.AssetRate { return c.x.rate(w.now, func(m *wire.AssetRate) { m.Property++ }) }, false},
		"another chain":            {func(w *world) *wire.AssetRate { return c.x.rate(w.now, func(m *wire.AssetRate) { m.ChainHash[0]++ }) }, false},
		"its time is over":         {func(w *world) *wire.AssetRate { return c.x.rate(w.now.Add(-12 * time.Hour)) }, false},
		"it ends too late":         {func(w *world) *wire.AssetRate { return c.x.rate(w.now.Add(12*time.Hour + time.Second)) }, false},
		"it lasts too long": {func(w *world) *wire.AssetRate {
			return c.x.rate(w.now.Add(-time.Hour), func(m *wire.AssetRate) { m.Lasts = assetgraph.MaxLasts + 1 })
		}, false},
		"for ever": {func(w *world) *wire.AssetRate {
			return c.x.rate(w.now, func(m *wire.AssetRate) { m.Lasts = 1<<32 - 1 })
		}, false},
		"half a price": {func(w *world) *wire.AssetRate { return c.x.rate(w.now, func(m *wire.AssetRate) { m.SellUnits = 0 }) }, false},
		"least above most": {func(w *world) *wire.AssetRate {
			return c.x.rate(w.now, func(m *wire.AssetRate) { m.MinUnits = m.MaxUnits + 1 })
		}, false},
		"more bitcoin than there is": {func(w *world) *wire.AssetRate {
			return c.x.rate(w.now, func(m *wire.AssetRate) { m.Carrier = 1 << 63 })
		}, false},
	} {
		w := newWorld(t)
		k := w.book(1001)
		e := k.peer(50)
		k.takes(e, w.network(5)...)
		k.takes(e, row.say(w))
		if len(k.sells()) != 0 || (e.reason != nil) != row.blame {
			t.Errorf("%s: %v, %v", name, k.sells(), e.reason)
		}
		if k.takes(k.peer(51), c.x.rate(w.now)); len(k.sells()) != 1 {
			t.Errorf("%s: the true one is not taken then", name)
		}
	}
}

// A node may change its rate ten times at once and once a minute; what others sign for it
// takes nothing of that.
func TestAFloodOfRatesIsBounded(t *testing.T) {
	w := newWorld(t)
	k := w.book(1001)
	e, ear, who := k.peer(50), k.peer(51), channelOf(3).x
	k.takes(e, w.network(5)...)
	w.pass(5 * time.Second)
	start := w.now
	for i := range 100 {
		liar := k.peer(60 + i)
		m := who.rate(start)
		m.Signature = identityOf(60 + i).rate(start).Signature
		if k.takes(liar, m); liar.reason == nil {
			t.Fatal("a false signature is nobody's fault")
		}
		k.Down(liar)
	}
	for i := range 30 {
		k.takes(e, who.rate(start.Add(time.Duration(i)*time.Second), price(1000+amount.MilliSatoshi(i))))
	}
	if got := k.sells(); !slices.Equal(got, []uint64{1009}) {
		t.Errorf("of thirty changes at once the last that counts has %v", got)
	}
	if k.takes(e, channelOf(2).x.rate(start)); len(k.sells()) != 2 {
		t.Error("another node's is not taken")
	}
	if w.pass(5 * time.Second); len(ear.told()) != 2 || len(k.disk) != 15+2 {
		t.Errorf("a peer hears %d rates; %d rows", len(ear.told()), len(k.disk))
	}
	for i := range 130 {
		w.pass(time.Second)
		k.takes(e, who.rate(w.now, price(2000+amount.MilliSatoshi(i))))
	}
	if got := k.sells(); !slices.ContainsFunc(got, func(v uint64) bool { return v >= 2000 && v < 2130 }) || len(ear.told()) > 5 {
		t.Errorf("two minutes later: %v, a peer hears %d rates", got, len(ear.told()))
	}
	// All strangers have one credit for signatures.
	k.strangers.work = credit{0, w.now}
	old := k.sells()
	if k.takes(k.peer(52), channelOf(2).x.rate(w.now, price(7))); !slices.Equal(k.sells(), old) {
		t.Error("a signature is looked at without credit")
	}
	k.ours[identityOf(53).id] = true
	if k.takes(k.peer(53), channelOf(2).x.rate(w.now, price(7))); slices.Equal(k.sells(), old) {
		t.Error("a peer with a channel waits for strangers")
	}
}

// What it may be believed for ends by itself; it is forgotten when no older one could come
// back, and with the node's last channel.
func TestRatesAreForgotten(t *testing.T) {
	w := newWorld(t)
	k := w.book(1001)
	e, c := k.peer(50), channelOf(3)
	k.takes(e, w.network(5)...)
	old := c.x.rate(w.now, func(m *wire.AssetRate) { m.Lasts = assetgraph.MaxLasts })
	k.takes(e, c.x.rate(w.now.Add(time.Second), price(7), func(m *wire.AssetRate) { m.Lasts = 3600 }))
	w.pass(time.Second)
	w.now = w.now.Add(3 * time.Hour)
	w.pass(time.Second)
	late := k.peer(51)
	k.takes(e, old)
	if w.pass(5 * time.Second); len(k.sells()) != 0 || len(k.disk) != 16 || len(late.told()) != 0 {
		t.Errorf("its time is over: %v, %d rows, %d told", k.sells(), len(k.disk), len(late.told()))
	}
	w.now = w.now.Add(22 * time.Hour)
	if w.pass(time.Second); len(k.disk) != 15 || len(k.offers) != 0 {
		t.Errorf("a day later: %d rows, %d rates", len(k.disk), len(k.offers))
	}
	if k.takes(e, old); len(k.offers) != 0 {
		t.Error("the older one counts again")
	}
	k.takes(e, c.x.rate(w.now), c.y.rate(w.now))
	second := channelOf(10) // whose first node is the same
	w.fund(second)
	k.takes(e, second.announce(), second.update(0, w.now))
	w.pass(time.Second)
	forget := func(c channel) {
		k.mu.Lock()
		k.forget(c.scid)
		k.mu.Unlock()
		w.pass(time.Second)
	}
	if forget(c); len(k.offers) != 1 || !k.graph.Member(assetgraph.Exchange{Node: c.x.id, Property: tea}) {
		t.Errorf("of a node with another channel and one without: %d rates", len(k.offers))
	}
	if forget(second); len(k.offers) != 0 || len(k.sells()) != 0 || len(k.disk) != 12 {
		t.Errorf("of nodes without channels: %d rates, %d rows", len(k.offers), len(k.disk))
	}
}
