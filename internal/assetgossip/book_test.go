package assetgossip

import (
	"errors"
	"slices"
	"testing"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/gossip/spread"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/tokens"
)

func TestWhatOneKnowsAllKnowAndNobodyHearsItBack(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.book(1001), w.book(1002), w.book(1003)
	for _, k := range w.books {
		for _, other := range w.books {
			k.ours[other.self.id] = k != other
		}
	}
	source := alice.peer(50)
	n := 20 / race.Step(5)
	alice.takes(source, w.network(n)...)
	w.connect(alice, bob)
	back, _ := w.connect(bob, carol)
	w.pass(5 * time.Second)
	if a, c := alice.knows(), carol.knows(); len(a) != n || !slices.Equal(a, c) {
		t.Fatalf("alice knows %d, carol %d", len(a), len(c))
	}
	c := channelOf(3)
	told := len(back.sent)
	carol.takes(carol.peer(51), c.update(0, w.now, func(u *wire.AssetChannelUpdate) { u.FeeBaseMsat = 7 }))
	w.pass(5 * time.Second)
	if a, c := alice.knows(), carol.knows(); !slices.Equal(a, c) {
		t.Error("alice has not heard of the change")
	}
	if n := len(back.sent) - told; n != 0 {
		t.Errorf("carol hears %d messages of what she has told", n)
	}
	if len(source.sent) != 1 {
		t.Errorf("who told it all hears %d messages, not the change", len(source.sent))
	}
}

func TestARestartKeepsTheGraph(t *testing.T) {
	w := newWorld(t)
	alice := w.book(1001)
	alice.takes(alice.peer(50), w.network(5)...)
	w.pass(time.Second)
	want := alice.knows()
	alice.start()
	if got := alice.knows(); len(want) != 5 || !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	alice.Read(func(g *assetgraph.Graph) {
		if c, _ := g.ByID(channelOf(1).scid); c.Checked || c.Policies[0].Carrier != 2_000_000 || c.Capacity != capacity {
			t.Errorf("%+v", c)
		}
	})
	alice.grow(t.Context()) // the ledger is asked again
	alice.Read(func(g *assetgraph.Graph) {
		if c, _ := g.ByID(channelOf(1).scid); !c.Checked {
			t.Error("what the ledger says is not noted")
		}
	})
	looks := w.looks
	if alice.takes(alice.peer(50), w.network(5)...); w.looks != looks {
		t.Error("what is known is looked for again")
	}
	bare := channelOf(9)
	w.fund(bare)
	alice.takes(alice.peer(51), bare.announce())
	w.pass(time.Second)
	alice.start()
	fresh := alice.peer(52)
	if w.pass(3 * time.Second); len(fresh.sent) != 3*5 {
		t.Errorf("of five channels, and one of which nothing is said, %d messages are told", len(fresh.sent))
	}
}

// A disk that fails ends the process: nothing that is not on it is told.
func TestNothingIsToldThatIsNotOnDisk(t *testing.T) {
	w := newWorld(t)
	k := w.book(1001)
	var fatal error
	k.end = func(err error) {
		k.knows() // who ends the process may ask what is known
		fatal = err
	}
	e := k.peer(51)
	k.takes(k.peer(50), w.network(2)...)
	k.full = errors.New("the disk is full")
	if w.pass(3 * time.Second); !errors.Is(fatal, k.full) || len(e.sent) != 0 {
		t.Errorf("%v; %d messages", fatal, len(e.sent))
	}
	k.full = nil
	if w.pass(3 * time.Second); len(e.sent) != 6 || len(k.disk) != 6 {
		t.Errorf("%d messages, %d rows", len(e.sent), len(k.disk))
	}
}

func TestWhatIsNotTrueIsNotTaken(t *testing.T) {
	c, other := channelOf(1), channelOf(2)
	type scene struct {
		w *world
		k *book
	}
	for name, row := range map[string]struct {
		say   func(s scene) wire.Message
		blame bool
	}{
		"node_signature_1 is another's": {func(scene) wire.Message {
			a := c.announce()
			a.NodeSignature1 = a.NodeSignature2
			return a
		}, true},
		"bitcoin_signature_2 is of another message": {func(scene) wire.Message {
			a := c.announce()
			a.BitcoinSignature2 = c.announce(func(a *wire.AssetChannelAnnouncement) { a.Capacity-- }).BitcoinSignature2
			return a
		}, true},
		"more tokens than were signed for": {func(scene) wire.Message {
			a := c.announce()
			a.Capacity--
			return a
		}, true},
		"the nodes are out of order": {func(scene) wire.Message {
			return c.announce(func(a *wire.AssetChannelAnnouncement) {
				a.NodeID1, a.NodeID2, a.BitcoinKey1, a.BitcoinKey2 = a.NodeID2, a.NodeID1, a.BitcoinKey2, a.BitcoinKey1
			})
		}, true},
		"no tokens": {func(scene) wire.Message { return c.announce(func(a *wire.AssetChannelAnnouncement) { a.Capacity = 0 }) }, true},
		"more than there can be": {func(scene) wire.Message {
			return c.announce(func(a *wire.AssetChannelAnnouncement) { a.Capacity = amount.MaxUnits + 1 })
		}, true},
		"bitcoin": {func(scene) wire.Message { return c.announce(func(a *wire.AssetChannelAnnouncement) { a.Property = 0 }) }, true},
		"another chain": {func(scene) wire.Message {
			return c.announce(func(a *wire.AssetChannelAnnouncement) { a.ChainHash[0]++ })
		}, false},
		"another property":                   {func(scene) wire.Message { return c.announce(func(a *wire.AssetChannelAnnouncement) { a.Property++ }) }, false},
		"one unit more than the address has": {func(scene) wire.Message { return c.announce(func(a *wire.AssetChannelAnnouncement) { a.Capacity++ }) }, false},
		"tokens that have left": {func(s scene) wire.Message {
			delete(s.w.has, string(assetgraph.FundingScript(c.announce())))
			return c.announce()
		}, false},
		"an output that is not there": {func(s scene) wire.Message {
			delete(s.w.outputs, c.scid)
			return c.announce()
		}, false},
		"an output of other keys": {func(s scene) wire.Message {
			s.w.outputs[c.scid] = s.w.outputs[other.scid]
			return c.announce()
		}, false},
		"an output of a channel with bitcoin": {func(s scene) wire.Message {
			_, pk := script.FundingScript(c.keys[0].id, c.keys[1].id)
			s.w.outputs[c.scid].PkScript = pk
			return c.announce()
		}, false},
		"an update of no channel": {func(s scene) wire.Message { return c.update(0, s.w.now) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fund(c, other)
			k := w.book(1001)
			e := k.peer(50)
			k.takes(e, row.say(scene{w, k}))
			w.pass(time.Second)
			if len(k.knows()) != 0 || len(k.disk) != 0 {
				t.Error("it is taken")
			}
			if blamed := e.reason != nil; blamed != row.blame {
				t.Errorf("blamed: %v", e.reason)
			}
		})
	}
}

func TestUpdatesThatDoNotCount(t *testing.T) {
	w := newWorld(t)
	c, now := channelOf(1), w.now
	w.fund(c)
	k := w.book(1001)
	k.takes(k.peer(50), c.announce(), c.update(0, now))
	was := k.knows()
	for name, row := range map[string]struct {
		u     *wire.AssetChannelUpdate
		blame bool
	}{
		"an older one":                  {c.update(0, now.Add(-time.Second)), false},
		"another one of the same time":  {c.update(0, now, func(u *wire.AssetChannelUpdate) { u.FeeBaseMsat++ }), false},
		"one of the day after tomorrow": {c.update(0, now.Add(49*time.Hour)), false},
		"one of three weeks ago":        {c.update(1, now.Add(-21*24*time.Hour)), false},
		"of another chain":              {c.update(1, now, func(u *wire.AssetChannelUpdate) { u.ChainHash[3]++ }), false},
		"more than the channel has":     {c.update(1, now, func(u *wire.AssetChannelUpdate) { u.HTLCMaximum++ }), false},
		"no amount fits":                {c.update(1, now, func(u *wire.AssetChannelUpdate) { u.HTLCMinimum, u.HTLCMaximum = 9, 8 }), false},
		"the other node has signed it": {func() *wire.AssetChannelUpdate {
			u := c.update(1, now)
			u.ChannelFlags ^= wire.AssetDirection
			u.Timestamp++
			return u
		}(), true},
	} {
		t.Run(name, func(t *testing.T) {
			e := k.peer(60)
			k.takes(e, row.u)
			if got := k.knows(); !slices.Equal(got, was) {
				t.Error("it is taken")
			}
			if blamed := e.reason != nil; blamed != row.blame {
				t.Errorf("blamed: %v", e.reason)
			}
		})
	}
}

// One address may have many outputs; its tokens count once.
func TestAnAddressBacksOneAnnouncement(t *testing.T) {
	w := newWorld(t)
	k := w.book(1001)
	c := channelOf(1)
	twin := c
	twin.scid++
	turned := c
	turned.scid += 2
	turned.keys[0], turned.keys[1] = c.keys[1], c.keys[0]
	w.fund(c, twin, turned)
	e := k.peer(50)
	k.takes(e, c.announce(), twin.announce(), turned.announce())
	if n := len(k.knows()); n != 1 {
		t.Errorf("%d channels have the tokens of one address", n)
	}
	delete(w.outputs, c.scid)
	witness, _ := script.Tokens.FundingScript(c.keys[0].id, c.keys[1].id)
	k.Block(t.Context(), spend(witness))
	if len(k.knows()) != 0 {
		t.Error("a channel whose output is spent is not forgotten")
	}
}

// A deep reorganization puts a funding transaction into another block.
func TestAChannelThatAReorganizationHasMovedIsTakenAgain(t *testing.T) {
	w := newWorld(t)
	k := w.book(1001)
	c := channelOf(1)
	w.fund(c)
	e := k.peer(50)
	k.takes(e, c.announce(), c.update(0, w.now))
	moved := c
	moved.scid += 1 << 40
	w.fund(moved)
	delete(w.outputs, c.scid)
	k.takes(e, moved.announce(), moved.update(0, w.now))
	k.Read(func(g *assetgraph.Graph) {
		_, old := g.ByID(c.scid)
		if got, ok := g.ByID(moved.scid); !ok || old || g.Len() != 1 {
			t.Errorf("%+v of %d", got, g.Len())
		}
	})
	if w.pass(time.Second); len(k.disk) != 2 {
		t.Errorf("%d rows", len(k.disk))
	}
}

func TestAChainThatCannotBeAskedIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	k := w.book(1001)
	k.takes(k.peer(50), w.network(2)...)
	c := channelOf(1)
	witness, _ := script.Tokens.FundingScript(c.keys[0].id, c.keys[1].id)
	delete(w.outputs, c.scid)
	w.chain = errors.New("it is away")
	other := channelOf(5)
	w.fund(other)
	k.takes(k.peer(51), other.announce())
	if k.Block(t.Context(), spend(witness)); len(k.knows()) != 2 {
		t.Fatal("it is forgotten though nobody knows")
	}
	w.chain = nil
	if k.Block(t.Context()); len(k.knows()) != 1 {
		t.Error("a spent channel stays")
	}
	if k.grow(t.Context()); len(k.knows()) != 2 {
		t.Error("what was announced meanwhile is lost")
	}
	looks := w.looks
	if k.Block(t.Context()); w.looks != looks {
		t.Error("what is forgotten is looked for")
	}
}

// spend is a transaction that shows a script.
func spend(witness []byte) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{Witness: [][]byte{nil, {1}, {2}, witness}})
	return tx
}

func TestTokensThatLeaveTheirAddressEndTheirChannel(t *testing.T) {
	w := newWorld(t)
	k := w.book(1001)
	k.takes(k.peer(50), w.network(3)...)
	k.grow(t.Context())
	if len(k.knows()) != 3 {
		t.Fatal(k.knows())
	}
	w.has[string(assetgraph.FundingScript(channelOf(1).announce()))]--
	w.ledger = tokens.ErrBehind
	if k.grow(t.Context()); len(k.knows()) != 3 {
		t.Error("forgotten though the ledger says nothing")
	}
	w.ledger = nil
	if k.grow(t.Context()); len(k.knows()) != 2 {
		t.Error("not forgotten")
	}
	if k.start(); len(k.knows()) != 2 {
		t.Error("it is back after a restart")
	}
}

func TestWithoutALedgerTheOutputIsBelieved(t *testing.T) {
	w := newWorld(t)
	k := w.book(1001)
	c, lie := channelOf(1), channelOf(2)
	w.fund(c)
	w.ledger = tokens.ErrOff
	k.takes(k.peer(50), c.announce(func(a *wire.AssetChannelAnnouncement) { a.Capacity = 1 << 40 }), lie.announce())
	k.Read(func(g *assetgraph.Graph) {
		if got, ok := g.ByID(c.scid); !ok || got.Checked || g.Len() != 1 {
			t.Errorf("%+v of %d", got, g.Len())
		}
	})
}

func TestWhatComesTooEarlyWaits(t *testing.T) {
	race.Like(t, TestABookIsSafeForConcurrentUse)
	w := newWorld(t)
	k := w.book(1001)
	c := channelOf(1)
	w.fund(c)
	w.height = c.scid.Height() + 4
	e := k.peer(50)
	k.takes(e, c.announce(), c.update(0, w.now), c.update(1, w.now))
	if k.grow(t.Context()); len(k.knows()) != 0 || w.looks != 0 {
		t.Fatal("it is taken before it is six blocks deep")
	}
	w.height++
	w.ledger = tokens.ErrBehind
	if k.grow(t.Context()); len(k.knows()) != 0 {
		t.Fatal("it is taken before the ledger is there")
	}
	w.ledger = nil
	k.Down(e)
	k.grow(t.Context())
	k.Read(func(g *assetgraph.Graph) {
		if got, ok := g.ByID(c.scid); !ok || !got.Policies[0].Known() || !got.Policies[1].Known() {
			t.Errorf("%+v", got)
		}
	})
	far := channelOf(500_000)
	if k.takes(k.peer(51), far.announce()); len(k.early) != 0 {
		t.Error("what is years away is held")
	}
	for i := range 2 * maxEarly {
		w.now = w.now.Add(time.Second)
		next := channelOf(i)
		next.scid = wire.NewShortChannelID(w.height, uint32(i), 0)
		k.takes(k.peer(i), next.announce())
	}
	if len(k.early) != maxEarly {
		t.Errorf("%d are held", len(k.early))
	}
	soon := channelOf(8000)
	soon.scid = wire.NewShortChannelID(w.height-2, 1, 0)
	if k.takes(k.peer(53), soon.announce()); k.early[claimOf(soon.unsigned())] == nil || len(k.early) != maxEarly {
		t.Error("what has longer to wait keeps out what comes soon")
	}
	friend := k.peer(52)
	k.ours[friend.id] = true
	late := channelOf(9000)
	late.scid = wire.NewShortChannelID(w.height, 9999, 0)
	if k.takes(friend, late.announce()); k.early[claimOf(late.unsigned())] == nil || len(k.early) != maxEarly {
		t.Error("what a peer with a channel says has no place")
	}
}

// Neither a forged update nor an announcement of others of the same output keeps the true ones
// out, or has those sent away who say them.
func TestWhatLiarsSayOfWhatCameTooEarlyIsNoHarm(t *testing.T) {
	w := newWorld(t)
	k := w.book(1001)
	c := channelOf(1)
	w.fund(c)
	w.height = c.scid.Height() + 4
	honest, liar, late := k.peer(50), k.peer(51), k.peer(52)
	squat := channelOf(2)
	squat.scid = c.scid
	k.takes(liar, squat.announce(), squat.update(0, w.now))
	k.takes(honest, c.announce())
	far := c.update(0, w.now.Add(48*time.Hour))
	forged := c.update(0, w.now.Add(time.Hour))
	forged.FeeBaseMsat++
	k.takes(liar, far, forged)
	k.takes(late, c.update(0, w.now), c.update(0, w.now.Add(-time.Minute)))
	w.height++
	k.grow(t.Context())
	k.Read(func(g *assetgraph.Graph) {
		if got, ok := g.ByID(c.scid); !ok || got.Policies[graph.Direction(c.x.id, c.y.id)].Timestamp != uint32(w.now.Unix()) {
			t.Errorf("%+v", got)
		}
	})
	if w.pass(3 * time.Second); honest.reason != nil || late.reason != nil || len(honest.sent) != 1 || len(late.sent) != 1 {
		t.Errorf("%v, %v: %d told to who announced it, %d to who told the update", honest.reason, late.reason, len(honest.sent), len(late.sent))
	}
	if len(k.early) != 0 {
		t.Errorf("%d are still held", len(k.early))
	}
}

// However many node ids a stranger has: what they make us check is bounded for all of them
// together, and a peer with a channel is heard all the same.
func TestAFloodOfStrangersIsBounded(t *testing.T) {
	race.Like(t, TestABookIsSafeForConcurrentUse)
	w := newWorld(t)
	k := w.book(1001)
	real := w.network(3 * mostPoints / costChannel)
	seconds := 10
	for i, m := range real {
		if i%(len(real)/seconds) == 0 {
			w.now = w.now.Add(time.Second)
		}
		k.takes(k.peer(i), m)
	}
	most := (mostPoints + (seconds+2)*pointsRate) / costChannel
	if w.looks > most || len(k.knows()) > most || w.looks < mostPoints/costChannel/2 {
		t.Errorf("%d looks at the chain, %d channels, at most %d", w.looks, len(k.knows()), most)
	}
	friend, late := k.peer(70), channelOf(90_000)
	k.ours[friend.id] = true
	w.fund(late)
	before := len(k.knows())
	if k.takes(friend, late.announce()); len(k.knows()) != before+1 {
		t.Error("the flood takes the place of a peer with a channel")
	}
	// One side of a channel says too much.
	c := channelOf(0)
	drafts := len(k.drafts)
	for i := range 100 {
		k.takes(friend, c.update(0, w.now.Add(time.Duration(i)*time.Second)))
	}
	if n := len(k.drafts) - drafts; n > spread.Burst {
		t.Errorf("%d updates of 100 are taken", n)
	}
}

// A liar is sent away, and is not looked after meanwhile.
func TestWhoAnnouncesWhatIsNotThereIsSentAway(t *testing.T) {
	race.Like(t, TestABookIsSafeForConcurrentUse)
	w := newWorld(t)
	k := w.book(1001)
	e := k.peer(50)
	c := channelOf(1)
	w.fund(c)
	said := 0
	for ; e.reason == nil && said < 1000; said++ {
		w.now = w.now.Add(100 * time.Millisecond)
		lie := channelOf(said + 2)
		lie.scid = c.scid // an output of other keys
		k.takes(e, lie.announce())
	}
	if e.reason == nil || said > 2*spread.MaxDoubt/spread.NoChannel {
		t.Errorf("after %d lies: %v", said, e.reason)
	}
	k.takes(k.peer(51), c.announce())
	if len(k.knows()) != 1 {
		t.Error("lies about an output keep the true channel out")
	}
}

func TestAllStrangersAreToldTogetherAsMuchAsOnePeer(t *testing.T) {
	race.Like(t, TestABookIsSafeForConcurrentUse)
	w := newWorld(t)
	k := w.book(1001)
	source := k.peer(50)
	k.ours[source.id] = true
	k.takes(source, w.network(150)...)
	w.pass(time.Second)
	var strangers []*end
	for i := range 20 {
		strangers = append(strangers, k.peer(200+i))
	}
	friend := k.peer(51)
	k.ours[friend.id] = true
	w.pass(10 * time.Second)
	sum := 0
	for _, s := range strangers {
		sum += len(s.sent)
	}
	if most := mostTold + 12*toldRate; sum > most || sum < mostTold {
		t.Errorf("strangers were told %d messages, at most %d", sum, most)
	}
	if len(friend.sent) != 450 || len(source.sent) != 0 {
		t.Errorf("a peer was told %d of 450, and the source %d of what it has told", len(friend.sent), len(source.sent))
	}
	if _, ok := friend.sent[0].(*wire.AssetChannelAnnouncement); !ok {
		t.Errorf("first a %T", friend.sent[0])
	}
	full := k.peer(52)
	full.queued = maxQueue
	k.ours[full.id] = true
	if w.pass(3 * time.Second); len(full.sent) != 0 {
		t.Error("a peer that does not read is sent more")
	}
}

func TestStaleChannelsAreForgotten(t *testing.T) {
	w := newWorld(t)
	k := w.book(1001)
	e := k.peer(50)
	k.ours[e.id] = true
	w.fund(channelOf(1), channelOf(2), channelOf(3))
	one, two, three := channelOf(1), channelOf(2), channelOf(3)
	k.takes(e, one.announce(), one.update(0, w.now), one.update(1, w.now), two.announce(), two.update(0, w.now), three.announce())
	w.pass(2 * time.Second)
	if n := len(k.knows()); n != 3 {
		t.Fatal(n)
	}
	w.now = w.now.Add(25 * time.Hour)
	if w.pass(time.Second); len(k.knows()) != 1 {
		t.Error("a channel of which a side says nothing is kept for more than a day")
	}
	k.takes(e, one.update(0, w.now))
	w.now = w.now.Add(13 * 24 * time.Hour)
	if w.pass(time.Second); len(k.knows()) != 0 || len(k.disk) != 0 {
		t.Error("the last update of a side is two weeks old")
	}
}

func TestOurOwnIsToldAtOnceAndStays(t *testing.T) {
	w := newWorld(t)
	c := channelOf(1)
	k := w.book(1) // channelOf(1) is its own
	e := k.peer(50)
	w.pass(time.Second)
	if err := k.Own(t.Context(), c.announce()); err != nil {
		t.Fatal(err)
	}
	if len(e.sent) != 0 {
		t.Error("an announcement is told without an update")
	}
	if k.Update(c.scid) != nil || !k.Announced(c.scid) {
		t.Error("there is an update already")
	}
	if err := k.Own(t.Context(), c.update(0, w.now)); err != nil {
		t.Fatal(err)
	}
	if len(e.sent) != 2 || len(k.disk) != 2 {
		t.Errorf("%v", e.sent)
	}
	late := k.peer(51)
	if w.pass(5 * time.Second); len(e.sent) != 2 || len(late.sent) != 2 {
		t.Errorf("they are told %d and %d messages of two", len(e.sent), len(late.sent))
	}
	if u := k.Update(c.scid); u == nil || u.FeeBaseMsat != 1000 {
		t.Errorf("%+v", u)
	}
	if err := k.Own(t.Context(), c.update(0, w.now.Add(-6*time.Second))); err == nil {
		t.Error("the same again is no error")
	}
	w.now = w.now.Add(30 * 24 * time.Hour)
	if w.pass(time.Second); len(k.knows()) != 1 {
		t.Error("a channel of ours is forgotten")
	}
	k.grow(t.Context())
	if k.start(); len(k.knows()) != 1 {
		t.Error("a channel of ours is forgotten")
	}
	w.fund(channelOf(9))
	k.takes(k.peer(52), channelOf(9).announce())
	if k.Keep(t.Context(), c.scid); len(k.knows()) != 2 {
		t.Error("a channel that there is, or one of others, is forgotten")
	}
	if k.Keep(t.Context()); len(k.knows()) != 1 || len(k.disk) != 1 {
		t.Error("a channel of ours that is no more is kept")
	}
}

func TestACreditIsFilledWithTimeHoweverOftenItIsAsked(t *testing.T) {
	now := time.Unix(1, 0)
	c := credit{at: now}
	got := 0
	for range 10_000 {
		now = now.Add(time.Millisecond)
		if c.spend(1, now, pointsRate, mostPoints) {
			got++
		}
	}
	if got != 10*pointsRate {
		t.Errorf("%d points in ten seconds", got)
	}
	if now = now.Add(time.Hour); !c.spend(mostPoints, now, pointsRate, mostPoints) || c.spend(1, now, pointsRate, mostPoints) {
		t.Errorf("%d are left", c.left)
	}
}
