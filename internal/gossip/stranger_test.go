package gossip

import (
	"testing"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/race"
)

// stored gives a book so many channels, each with an update, as if they were stored.
// What was stored is not checked again.
func (k *book) stored(channels int) (ids []wire.ShortChannelID) {
	x, y := identityOf(1), identityOf(2)
	a, u := announce(at(1), x, y), update(at(1), x, y, k.w.now)
	for i := range channels {
		scid := wire.NewShortChannelID(500_000+uint32(i), 1, 0)
		a.ShortChannelID, u.ShortChannelID = scid, scid
		k.disk.rows[announcementKey(scid)] = graph.AnnouncementRow{SCID: scid, Capacity: capacity, Raw: wire.Encode(a)}
		k.disk.rows[updateKey(u)] = graph.UpdateRow{SCID: scid, Direction: u.ChannelFlags & directionFlag, Raw: wire.Encode(u)}
		ids = append(ids, scid)
	}
	k.start()
	return ids
}

var everything = &wire.GossipTimestampFilter{ChainHash: chainHash, TimestampRange: ^uint32(0)}

// maxStep is more than the bytes of one step of an answer.
const maxStep = 1 << 16

func TestAPeerThatDoesNotReadIsSentNoMore(t *testing.T) {
	for name, ask := range map[string]func(ids []wire.ShortChannelID) wire.Message{
		"everything": func([]wire.ShortChannelID) wire.Message { return everything },
		"channels": func(ids []wire.ShortChannelID) wire.Message {
			return &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: wire.EncodeShortIDs(ids)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			alice := w.book("alice", 1)
			ids := alice.stored(500)
			for _, friend := range []bool{false, true} {
				e := alice.stranger(50, nil)
				alice.ours[e.id], e.deaf = friend, true
				alice.takes(e, ask(ids))
				if e.queued < maxQueue {
					t.Errorf("%d bytes at once, want %d", e.queued, maxQueue)
				}
				w.pass(time.Minute)
				if e.queued > maxQueue+maxStep {
					t.Errorf("%d bytes wait, want about %d", e.queued, maxQueue)
				}
				if e.deaf, e.queued = false, 0; e.reason != nil {
					t.Errorf("the connection ended: %v", e.reason)
				}
				w.pass(5 * time.Second)
				if c := alice.with(e); c.owed() {
					t.Error("when it reads again the answer does not go on")
				}
				alice.Down(e)
			}
		})
	}
}

func TestManyPeersThatDoNotReadAreSentLittleTogether(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	alice.stored(1000)
	const many = 200
	var all []*end
	for i := range uint64(many) {
		e := alice.stranger(1000+i, nil)
		e.deaf = true
		all = append(all, e)
	}
	for _, e := range all {
		alice.takes(e, everything)
	}
	queued := func() (n int) {
		for _, e := range all {
			n += e.queued
		}
		return n
	}
	if n := queued(); n > strangersCredit+maxStep {
		t.Errorf("%d bytes at once, want %d", n, strangersCredit)
	}
	before := queued()
	w.pass(time.Second)
	if n := queued() - before; n > strangersRate+maxStep {
		t.Errorf("%d bytes in a second, want %d", n, strangersRate)
	}
	w.pass(time.Minute)
	if n := queued(); n < strangersQueue/2 || n > strangersQueue+many*1000 {
		t.Errorf("%d bytes wait, want %d", n, strangersQueue)
	}
	// Those with whom there is a channel have what is theirs.
	friend := alice.stranger(51, nil)
	alice.ours[friend.id] = true
	alice.takes(friend, everything)
	if alice.with(friend).owed() || len(friend.sent) < 2000 {
		t.Errorf("a peer with a channel got %d messages", len(friend.sent))
	}
}

func TestStrangersHaveTheirTurns(t *testing.T) {
	race.Leave(t, manyMessages)
	w := newWorld(t)
	alice := w.book("alice", 1)
	ids := alice.stored(1500)
	greedy := &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: wire.EncodeShortIDs(ids)}
	var all []*end
	for i := range uint64(12) {
		e := alice.stranger(1000+i, nil)
		e.deaf = true // nobody looks at what it gets
		all = append(all, e)
		alice.takes(e, greedy, everything) // more than all are given in a second
	}
	alice.strangers.credit = 0
	late := alice.stranger(51, nil)
	alice.takes(late, everything)
	for range 6 {
		for _, e := range all {
			if e.queued = 0; alice.with(e).ids == nil {
				alice.takes(e, greedy)
			}
		}
		w.pass(time.Second)
	}
	if len(late.sent) < 100 {
		t.Errorf("who came late got %d messages", len(late.sent))
	}
}

func TestTheGraphIsGoneThroughInSteps(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	alice.stored(3 * scanStep)
	e := alice.stranger(50, nil)
	e.got()
	c := alice.with(e)
	c.credit = askCost + 1
	alice.takes(e, &wire.GossipTimestampFilter{ChainHash: chainHash}) // matches nothing
	first := wire.NewShortChannelID(500_000+scanStep, 1, 0)
	if c.backlog == nil || c.backlog.channel != first || c.credit != 1-scanStep*scanPrice {
		t.Fatalf("with a credit of one byte it went to %+v, and %d are left", c.backlog, c.credit)
	}
	w.pass(2 * time.Second)
	if c.owed() || len(e.sent) != 0 {
		t.Errorf("it does not come to an end: %+v, %d messages", c.backlog, len(e.sent))
	}
	if spent := strangersCredit - alice.strangers.credit; spent != 0 {
		t.Errorf("two seconds later %d bytes of the strangers' credit are not there again", spent)
	}
	alice.strangers.credit = 0
	alice.takes(e, &wire.GossipTimestampFilter{ChainHash: chainHash})
	if c.backlog == nil || c.backlog.channel != 0 {
		t.Error("one who has no credit with all strangers makes us look")
	}
}

func TestNewsThatAFilterLeavesOutIsPaidFor(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	e := alice.stranger(50, nil)
	e.got()
	alice.takes(e, &wire.GossipTimestampFilter{ChainHash: chainHash}) // matches nothing
	alice.learns(w.network(4)...)
	c := alice.with(e)
	before := c.heard
	c.flushTo, c.credit = alice.news.End(), 5*scanPrice
	alice.serve(t.Context(), c)
	if n := c.heard - before; n != 5 || len(e.sent) != 0 {
		t.Errorf("it went through %d items, and %d were sent", n, len(e.sent))
	}
}
