package herald

import (
	"testing"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/channel"
)

func TestAChannelIsAnnouncedWhenBothHaveSignedAndItIsDeep(t *testing.T) {
	w := newWorld(t)
	ear, deaf := w.alice.stranger(carries), w.alice.stranger(wire.Features{})
	w.connect()
	w.reestablished(w.alice, w.bob)
	w.pass(3 * time.Second)
	if len(w.alice.mine.sent) != 0 || w.alice.knows(place) != nil {
		t.Fatal("it is announced five blocks deep")
	}
	w.block()
	if !w.whole(place) {
		t.Fatalf("Alice knows %+v, Bob %+v", w.alice.knows(place), w.bob.knows(place))
	}
	for _, s := range []*side{w.alice, w.bob} {
		if len(s.mine.sent) != 1 || len(s.disk) != 3 {
			t.Errorf("%s sent %d signatures; %d rows", s.name, len(s.mine.sent), len(s.disk))
		}
	}
	a, u := new(wire.AssetChannelAnnouncement), new(wire.AssetChannelUpdate)
	if ear.count(a) != 1 || ear.count(u) != 2 || ear.count(new(wire.AssetAnnouncementSignatures)) != 0 || len(deaf.heard) != 0 {
		t.Errorf("a stranger hears %v, who has no such feature %v", ear.heard, deaf.heard)
	}
	got := w.bob.knows(place)
	if p := got.Policies[0]; got.Capacity != inAll || p.HTLCMaximum != inAll || p.HTLCMinimum != 1 || p.Carrier != 2_000_000 || !got.Checked {
		t.Errorf("%+v", got)
	}
	w.block()
	w.pass(time.Minute)
	if len(w.alice.mine.sent) != 1 || ear.count(a) != 1 || ear.count(u) != 2 {
		t.Error("what is known is told again")
	}
}

func TestWhatIsNotToBeAnnouncedIsNot(t *testing.T) {
	for name, change := range map[string]func(s *side){
		"one side did not want it":    func(s *side) { s.mine.params.Announce = false },
		"it is of bitcoin":            func(s *side) { s.mine.params.Property = 0 },
		"it is not ready":             func(s *side) { s.mine.status.ReadySent = false },
		"it has no place":             func(s *side) { s.mine.status.SCID = 0 },
		"it is closing":               func(s *side) { s.mine.status.Status = channel.Failed },
		"its tokens are not there":    func(s *side) { s.mine.held = "a reorganization" },
		"this node carries no tokens": func(s *side) { s.carry = false },
	} {
		w := newWorld(t)
		change(w.alice)
		w.connect()
		w.reestablished(w.alice, w.bob)
		w.block()
		if len(w.alice.mine.sent) != 0 || w.alice.knows(place) != nil || w.bob.knows(place) != nil {
			t.Errorf("%s: it is announced", name)
		}
	}
}

func TestThePeersHalfMayComeLateOrTwice(t *testing.T) {
	w := newWorld(t)
	w.bob.mine.status.ReadySent = false
	w.connect()
	w.reestablished(w.alice, w.bob)
	w.block()
	if len(w.alice.mine.sent) != 1 || len(w.bob.mine.sent) != 0 || w.bob.knows(place) != nil {
		t.Fatal("Bob has signed before the channel is ready")
	}
	w.bob.mine.status.ReadySent = true
	w.block()
	if !w.whole(place) || len(w.alice.mine.sent) != 1 || len(w.bob.mine.sent) != 1 {
		t.Fatalf("Alice sent %d, Bob %d", len(w.alice.mine.sent), len(w.bob.mine.sent))
	}
	signs := w.alice.signs
	for range 5 {
		_ = w.bob.to.Send(w.bob.mine.sent[0])
		w.pass(time.Second)
	}
	if w.alice.signs != signs || len(w.alice.mine.sent) != 1 || w.alice.to.reason != nil {
		t.Errorf("the same again: %d signatures more, %d sent, %v", w.alice.signs-signs, len(w.alice.mine.sent), w.alice.to.reason)
	}
}

// It comes on another way than channel_reestablish, and may be faster.
func TestAHalfBeforeTheChannelIsReestablishedCounts(t *testing.T) {
	w := newWorld(t)
	w.height++
	w.connect()
	w.reestablished(w.bob)
	if len(w.bob.mine.sent) != 1 || len(w.alice.mine.sent) != 0 {
		t.Fatal("Bob has not sent his half alone")
	}
	w.reestablished(w.alice)
	if w.pass(5 * time.Second); !w.whole(place) || len(w.alice.mine.sent) != 1 {
		t.Errorf("Alice sent %d; she knows %+v, Bob %+v", len(w.alice.mine.sent), w.alice.knows(place), w.bob.knows(place))
	}
}

func TestAnAnnouncementGoesOnAfterARestart(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.bob.mine.status.ReadySent = false
	w.reestablished(w.alice, w.bob)
	w.block() // Alice's half is on its way when she dies
	w.disconnect()
	w.alice.start()
	w.bob.mine.status.ReadySent = true
	w.connect()
	w.reestablished(w.alice, w.bob)
	if w.pass(5 * time.Second); !w.whole(place) {
		t.Fatal("it is not announced after a restart")
	}
	// What is public stays so, and nothing is signed again.
	w.disconnect()
	w.alice.start()
	w.alice.signs, w.alice.mine.sent, w.bob.mine.sent = 0, nil, nil
	if c := w.alice.knows(place); c == nil || !c.Usable(0) || !c.Usable(1) {
		t.Fatalf("after a restart Alice knows %+v", c)
	}
	w.connect()
	w.reestablished(w.alice, w.bob)
	w.block()
	if w.alice.signs != 0 || len(w.alice.mine.sent)+len(w.bob.mine.sent) != 0 {
		t.Errorf("%d signatures, %d and %d sent", w.alice.signs, len(w.alice.mine.sent), len(w.bob.mine.sent))
	}
	// Who has lost it all asks by his half, and is answered once.
	w.disconnect()
	clear(w.bob.disk)
	w.bob.start()
	w.connect()
	w.reestablished(w.alice, w.bob)
	if w.pass(5 * time.Second); !w.whole(place) || len(w.alice.mine.sent) != 1 || len(w.bob.mine.sent) != 1 {
		t.Errorf("Alice sent %d, Bob %d; Bob knows %+v", len(w.alice.mine.sent), len(w.bob.mine.sent), w.bob.knows(place))
	}
}

func TestAWrongHalfEndsTheConnectionAndIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.bob.mine.status.ReadySent = false // he says what the test makes him say
	w.connect()
	w.reestablished(w.alice, w.bob)
	w.block()
	good := wire.AssetAnnouncementSignatures{ChannelID: w.bob.mine.ID(), ShortChannelID: place}
	for name, half := range map[string]func(m *wire.AssetAnnouncementSignatures){
		"of another channel":                   func(m *wire.AssetAnnouncementSignatures) { m.ChannelID[3]++ },
		"of another place, as after a new one": func(m *wire.AssetAnnouncementSignatures) { m.ShortChannelID++ },
	} {
		m := good
		half(&m)
		_ = w.bob.to.Send(&m)
		if w.pass(time.Second); w.alice.to.reason != nil || w.alice.knows(place) != nil {
			t.Errorf("%s: %v", name, w.alice.to.reason)
		}
	}
	signs := w.alice.signs
	_ = w.bob.to.Send(&good)
	w.pass(time.Second)
	if w.alice.to.reason == nil || w.alice.knows(place) != nil {
		t.Error("signatures of nobody are no fault")
	}
	w.block()
	if w.alice.signs > signs+1 {
		t.Error("what was wrong is looked at again")
	}
	w.disconnect()
	w.bob.mine.status.ReadySent = true
	w.connect()
	w.reestablished(w.alice, w.bob)
	if w.pass(5 * time.Second); !w.whole(place) {
		t.Error("it is not announced on another connection")
	}
	stranger := w.alice.stranger(carries)
	stranger.id = keyOf("mallory").id()
	raw, _ := wire.Decode(wire.Encode(&good))
	w.alice.Hear(t.Context(), stranger, raw.(*wire.Unknown))
	if stranger.reason != nil || w.alice.to.reason != nil {
		t.Error("a stranger's words about the channel count")
	}
}

func TestMessagesThatAreNotRead(t *testing.T) {
	w := newWorld(t)
	half, long := &wire.Unknown{MsgType: 33001, Payload: []byte{1, 2}}, &wire.Unknown{MsgType: 33001, Payload: make([]byte, wire.MaxAssetGossip+1)}
	plain, able := w.alice.stranger(wire.Features{}), w.alice.stranger(carries)
	w.alice.Hear(t.Context(), plain, half)
	w.alice.Hear(t.Context(), able, long)
	if plain.reason != nil || able.reason != nil {
		t.Errorf("%v, %v", plain.reason, able.reason)
	}
	if w.alice.Hear(t.Context(), able, half); able.reason == nil {
		t.Error("half a message is no fault")
	}
	w.alice.carry = false
	able.reason = nil
	if w.alice.Hear(t.Context(), able, half); able.reason != nil {
		t.Error("a node without tokens reads it")
	}
}

// announced is a world in which the channel is.
func announced(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.connect()
	w.reestablished(w.alice, w.bob)
	if w.block(); !w.whole(place) {
		t.Fatal("it is not announced")
	}
	return w
}

func TestAChannelThatClosesIsDisabledAndThenForgotten(t *testing.T) {
	w := announced(t)
	w.alice.mine.status.LocalShutdown = []byte{1}
	w.pass(3 * time.Second)
	off := 0
	for d := range 2 {
		if c := w.bob.knows(place); !c.Policies[d].Enabled() {
			off++
		}
	}
	if off != 1 {
		t.Errorf("%d of its sides are off for Bob", off)
	}
	delete(w.outputs, place)
	witness, _ := script.Tokens.FundingScript(keyOf("alice's funding").id(), keyOf("bob's funding").id())
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{Witness: [][]byte{nil, {1}, {2}, witness}})
	w.alice.mine.status.Status, w.bob.mine.status.Status = channel.Spent, channel.Spent
	w.block(tx)
	for _, s := range []*side{w.alice, w.bob} {
		if s.knows(place) != nil || len(s.disk) != 0 {
			t.Errorf("%s: %d rows", s.name, len(s.disk))
		}
	}
}

// A crash came between the block with the close and its being told.
func TestAChannelOfWhichTheCloseWasMissedIsForgotten(t *testing.T) {
	w := announced(t)
	w.disconnect()
	w.alice.mine = nil
	w.alice.start()
	w.height++
	if w.alice.Block(t.Context()); w.alice.knows(place) != nil || len(w.alice.disk) != 0 {
		t.Errorf("Alice knows a channel that she does not have: %d rows", len(w.alice.disk))
	}
}

func TestAChannelThatAReorganizationHasMovedIsAnnouncedAnew(t *testing.T) {
	w := announced(t)
	moved := place + 1<<40
	delete(w.outputs, place)
	w.fund(moved)
	w.alice.mine.status.SCID = moved
	w.block()
	w.bob.mine.status.SCID = moved
	w.block()
	if w.alice.knows(place) != nil || w.bob.knows(place) != nil || !w.whole(moved) {
		t.Errorf("Alice knows %+v, Bob %+v", w.alice.knows(moved), w.bob.knows(moved))
	}
}

func TestOurUpdateFollowsWhatItSays(t *testing.T) {
	w := announced(t)
	latest := func() *wire.AssetChannelUpdate { return w.alice.Update(place) }
	first := latest()
	w.alice.mine.view.Carrier = 5_000_000
	if w.pass(3 * time.Second); latest().Timestamp != first.Timestamp {
		t.Error("a peer that plays with the feerate makes us talk")
	}
	if w.pass(10 * time.Minute); latest().Carrier != 5_000_000 {
		t.Errorf("%+v", latest())
	}
	w.alice.mine.view.Carrier = 2_500_000
	if w.pass(11 * time.Minute); latest().Carrier != 5_000_000 {
		t.Error("a small change is told")
	}
	w.alice.terms.FeeBaseMsat += 7
	if w.pass(time.Second); latest().FeeBaseMsat != first.FeeBaseMsat+7 {
		t.Error("new terms are not told at once")
	}
	w.alice.mine.held = "tokens have left"
	if w.pass(time.Second); latest().ChannelFlags&wire.AssetDisabled == 0 {
		t.Error("a channel that is held is not disabled")
	}
	w.alice.mine.held = ""
	w.pass(time.Second)
	at := latest().Timestamp
	w.now = w.now.Add(refreshAfter*time.Second - time.Minute)
	w.pass(time.Second)
	if latest().Timestamp != at {
		t.Error("it is made anew before it is old")
	}
	w.now = w.now.Add(time.Minute)
	w.pass(2 * time.Second)
	if u := latest(); u.Timestamp < at+refreshAfter || u.ChannelFlags&wire.AssetDisabled != 0 {
		t.Errorf("%+v", u)
	}
	w.alice.Read(func(g *assetgraph.Graph) {
		if c, _ := g.ByID(place); c == nil {
			t.Error("a channel of ours is forgotten")
		}
	})
}
