package gossip

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/race"
)

func TestANewBookLearnsTheWholeGraphOfItsPeer(t *testing.T) {
	race.Like(t, TestTwoBooksEndWithEachOthersGraph)
	w := newWorld(t)
	alice, bob := w.book("alice", 1), w.book("bob", 2)
	alice.learns(w.network(250)...)
	w.connect(bob, alice)
	w.pass(2 * time.Second)
	want, got := alice.picture(), bob.picture()
	if len(want) < 500 || !slices.Equal(want, got) {
		t.Fatalf("alice knows %d things, bob %d", len(want), len(got))
	}
	queries := 0
	for _, l := range w.log {
		if l == "bob to alice: query_short_channel_ids" {
			queries++
		}
	}
	if queries != 2 {
		t.Errorf("%d queries for 250 channels, want 2 of at most %d", queries, chunk)
	}
}

func TestTwoBooksEndWithEachOthersGraph(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.book("alice", 1), w.book("bob", 2)
	all := w.network(30)
	alice.learns(all[:len(all)/2]...)
	bob.learns(all[len(all)/3:]...)
	w.connect(alice, bob)
	w.hours(2) // what was learned after it was asked for is learned at the next asking
	if a, b := alice.picture(), bob.picture(); !slices.Equal(a, b) {
		t.Fatalf("alice knows %d things, bob %d", len(a), len(b))
	}
	known := 0
	alice.Read(func(g *graph.Graph) { known = len(g.Channels()) })
	if known != 30 {
		t.Errorf("they know %d channels of 30", known)
	}
}

func TestThreeBooksInALineEndWithOneGraph(t *testing.T) {
	race.Like(t, TestTwoBooksEndWithEachOthersGraph)
	w := newWorld(t)
	alice, bob, carol := w.book("alice", 1), w.book("bob", 2), w.book("carol", 3)
	all := w.network(45)
	part := len(all) / 3
	alice.learns(all[:part+10]...)
	bob.learns(all[part : 2*part]...)
	carol.learns(all[2*part-10:]...)
	w.connect(alice, bob)
	w.connect(bob, carol)
	w.hours(5)
	a, b, c := alice.picture(), bob.picture(), carol.picture()
	if !slices.Equal(a, b) || !slices.Equal(b, c) {
		t.Fatalf("they know %d, %d and %d things", len(a), len(b), len(c))
	}
	known := 0
	carol.Read(func(g *graph.Graph) { known = len(g.Channels()) })
	if known != 45 {
		t.Errorf("they know %d channels of 45", known)
	}
}

func TestABookThatWasAwayAsksOnlyForWhatIsNew(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.book("alice", 1), w.book("bob", 2)
	all := w.network(30)
	alice.learns(all...)
	bob.learns(all...)
	w.now = w.now.Add(2 * 24 * time.Hour)
	scid := all[0].(*wire.ChannelAnnouncement).ShortChannelID
	x, y := identityOf(1000), identityOf(2000)
	alice.learns(update(scid, x, y, w.now, fee(7)))
	w.connect(bob, alice)
	w.pass(2 * time.Second)
	if !slices.Equal(alice.picture(), bob.picture()) {
		t.Fatal("bob did not learn the new terms")
	}
	for _, l := range w.log {
		if l == "alice to bob: channel_announcement" {
			return // the backlog of the filter may have it
		}
	}
	if n := count(w.log, "alice to bob: channel_update"); n > 2 {
		t.Errorf("alice told %d updates for one that is new", n)
	}
}

func count(log []string, line string) (n int) {
	for _, l := range log {
		if l == line {
			n++
		}
	}
	return n
}

// A node that stops may end a Save before it has written.
func TestTheLastSaveWritesWhatTheOneBeforeCouldNot(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	messages, from := w.network(3), alice.stranger(7, nil)
	for _, m := range messages {
		alice.Message(t.Context(), from, m)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	alice.Save(ended)
	if len(alice.disk.rows) != 0 {
		t.Fatalf("%d rows are written", len(alice.disk.rows))
	}
	alice.Save(t.Context())
	before := alice.picture()
	alice.start()
	if after := alice.picture(); len(before) == 0 || !slices.Equal(before, after) {
		t.Errorf("it knew %d things, and knows %d", len(before), len(after))
	}
}

func TestARestartForgetsNothing(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.book("alice", 1), w.book("bob", 2)
	alice.learns(w.network(40)...)
	before := alice.picture()
	alice.start()
	if !slices.Equal(before, alice.picture()) {
		t.Fatal("the graph is another one after a restart")
	}
	w.connect(bob, alice)
	w.pass(2 * time.Second)
	if !slices.Equal(before, bob.picture()) {
		t.Fatal("after a restart the graph is not told whole")
	}
}

func TestNewsGoesOnInBatchesToWhoAskedForItAndNotBack(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.book("alice", 1), w.book("bob", 2), w.book("carol", 3)
	all := w.network(2)
	alice.learns(all...)
	w.connect(bob, alice)
	w.connect(bob, carol)
	w.pass(2 * time.Minute)
	scid := all[0].(*wire.ChannelAnnouncement).ShortChannelID
	x, y := identityOf(1000), identityOf(2000)
	source := alice.stranger(50, nil)
	w.log = nil
	for i := range 3 {
		w.pass(time.Second)
		alice.takes(source, update(scid, x, y, w.now, fee(uint32(10+i))))
	}
	w.settle()
	if len(w.log) != 0 {
		t.Errorf("news was told before its time: %v", w.log)
	}
	w.pass(3 * time.Minute)
	if want := []string{"alice to bob: channel_update", "bob to carol: channel_update"}; !slices.Equal(w.log, want) {
		t.Errorf("three updates in a minute made %v, want %v", w.log, want)
	}
	for _, m := range source.sent {
		if _, ok := m.(*wire.ChannelUpdate); ok {
			t.Error("the update went back to where it came from")
		}
	}
	if !slices.Equal(alice.picture(), carol.picture()) {
		t.Error("carol has not heard the last word")
	}
}

func TestNewsIsNotToldToAPeerThatToldItToo(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	all := w.network(1)
	alice.learns(all...)
	everything := &wire.GossipTimestampFilter{ChainHash: chainHash, TimestampRange: ^uint32(0)}
	one, two, three := alice.stranger(50, nil), alice.stranger(51, nil), alice.stranger(52, nil)
	for _, e := range []*end{one, two, three} {
		alice.takes(e, everything)
	}
	u := update(all[0].(*wire.ChannelAnnouncement).ShortChannelID, identityOf(1000), identityOf(2000), w.now, fee(9))
	alice.takes(one, u)
	w.pass(time.Second)
	alice.takes(two, u)
	for _, e := range []*end{one, two, three} {
		e.got()
	}
	w.pass(time.Minute)
	if n := []int{len(one.got()), len(two.got()), len(three.got())}; !slices.Equal(n, []int{0, 0, 1}) {
		t.Errorf("the update was told %v times", n)
	}
}

func TestAFilterHoldsBackWhatIsOutOfItsRangeButNotOurOwn(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	all := w.network(3)
	alice.learns(all...)
	nothing := &wire.GossipTimestampFilter{ChainHash: chainHash, FirstTimestamp: ^uint32(0)}
	e := alice.stranger(50, nil)
	alice.takes(e, nothing)
	silent := alice.stranger(51, nil) // never sends a filter
	e.got()
	silent.got()
	peer := identityOf(77)
	a := announce(wire.NewShortChannelID(700_500, 1, 0), alice.self, peer)
	alice.Local(a.ShortChannelID, alice.self.id, peer.id, capacity)
	own := update(a.ShortChannelID, alice.self, peer, w.now)
	if err := alice.Own(t.Context(), capacity, update(a.ShortChannelID, alice.self, peer, w.now.Add(-time.Second), func(u *wire.ChannelUpdate) {
		u.MessageFlags |= dontForward
	})); err != nil {
		t.Fatal(err)
	}
	if len(e.sent)+len(silent.sent) != 0 {
		t.Fatal("a private channel's terms were told")
	}
	if err := alice.Own(t.Context(), capacity, a, own, nodeAnnouncement(alice.self, w.now, "alice")); err != nil {
		t.Fatal(err)
	}
	alice.takes(alice.stranger(52, nil), update(all[0].(*wire.ChannelAnnouncement).ShortChannelID, identityOf(1000), identityOf(2000), w.now, fee(9)))
	w.pass(2 * time.Minute)
	want := "channel_announcement channel_update node_announcement"
	for name, e := range map[string]*end{"who wants nothing": e, "who asked for nothing": silent} {
		if got := names(e.got()); got != want {
			t.Errorf("%s was told %q, want %q", name, got, want)
		}
	}
	late := alice.stranger(53, nil)
	late.got()
	alice.takes(late, nothing)
	if got := names(late.got()); got != want {
		t.Errorf("who comes later was told %q, want %q", got, want)
	}
}

func names(msgs []wire.Message) string {
	var out []string
	for _, m := range msgs {
		out = append(out, wire.Name(m))
	}
	return strings.Join(out, " ")
}

func TestAnAnnouncementWaitsForTheFirstTermsAndComesBeforeThem(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	e, source := alice.stranger(50, nil), alice.stranger(51, nil)
	alice.takes(e, &wire.GossipTimestampFilter{ChainHash: chainHash, TimestampRange: ^uint32(0)})
	e.got()
	x, y := identityOf(5), identityOf(6)
	a := announce(wire.NewShortChannelID(700_000, 1, 0), x, y)
	w.fund(a)
	alice.takes(source, a)
	w.pass(2 * time.Minute)
	if got := names(e.got()); got != "" {
		t.Errorf("a channel without terms was told: %s", got)
	}
	alice.takes(source, nodeAnnouncement(x, w.now, "x"), update(a.ShortChannelID, x, y, w.now), update(a.ShortChannelID, y, x, w.now))
	w.pass(2 * time.Minute)
	if got := names(e.got()); got != "node_announcement channel_announcement channel_update channel_update" &&
		got != "channel_announcement channel_update channel_update node_announcement" {
		t.Errorf("told %q", got)
	}
}
