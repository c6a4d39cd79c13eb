package gossip

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/gossip/spread"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
)

// fees is the base fee of a node's terms as a book knows them; zero: none.
func (k *book) fees(scid wire.ShortChannelID, from identity) (base uint32) {
	k.Read(func(g *graph.Graph) {
		if p, ok := g.Policy(scid, from.id); ok {
			base = p.FeeBaseMsat
		}
	})
	return base
}

func TestOnlyFalseSignaturesEndAConnection(t *testing.T) {
	x, y := identityOf(5), identityOf(6)
	start := time.Unix(1_800_000_000, 0)
	a := announce(at(700_000), x, y)
	change := func(f func(a *wire.ChannelAnnouncement)) wire.Message {
		c := *a
		f(&c)
		return &c
	}
	forged := *update(a.ShortChannelID, x, y, start)
	forged.FeeBaseMsat++
	foreign := update(a.ShortChannelID, x, y, start, func(u *wire.ChannelUpdate) { u.ChainHash[0]++ })
	forgedNode := *nodeAnnouncement(x, start, "x")
	forgedNode.Alias[0]++
	addresses := func(b []byte) wire.Message {
		n := &wire.NodeAnnouncement{Timestamp: uint32(start.Unix()), NodeID: x.id, Addresses: b}
		return graph.SignNode(n, x.sign)
	}
	for name, c := range map[string]struct {
		m    wire.Message
		told string // what the peer is told; empty: the message is ignored
	}{
		"node_signature_1":           {change(func(a *wire.ChannelAnnouncement) { a.NodeSignature1[5]++ }), "node_signature_1"},
		"node_signature_2":           {change(func(a *wire.ChannelAnnouncement) { a.NodeSignature2[5]++ }), "node_signature_2"},
		"bitcoin_signature_1":        {change(func(a *wire.ChannelAnnouncement) { a.BitcoinSignature1[5]++ }), "bitcoin_signature_1"},
		"bitcoin_signature_2":        {change(func(a *wire.ChannelAnnouncement) { a.BitcoinSignature2[5]++ }), "bitcoin_signature_2"},
		"another channel":            {change(func(a *wire.ChannelAnnouncement) { a.ShortChannelID++ }), "signature"},
		"a channel of another chain": {change(func(a *wire.ChannelAnnouncement) { a.ChainHash[0]++ }), ""},
		"a forged update":            {&forged, "signature is wrong"},
		"an update of another chain": {foreign, ""},
		"an update from the future":  {update(a.ShortChannelID, x, y, start.Add(48*time.Hour), fee(3)), ""},
		"an update above capacity": {update(a.ShortChannelID, x, y, start, func(u *wire.ChannelUpdate) {
			u.HTLCMaximumMsat = capacity.Msat() + 1
		}), ""},
		"a forged node":                      {&forgedNode, "signature is wrong"},
		"a node without a channel":           {nodeAnnouncement(identityOf(7), start, "z"), ""},
		"a node with half an address":        {addresses([]byte{1, 127}), wire.ErrShort.Error()},
		"a node with two hostnames":          {addresses([]byte{5, 1, 'a', 0, 1, 5, 1, 'b', 0, 1}), ""},
		"a node with an address of tomorrow": {addresses([]byte{99, 1, 2}), "."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			alice := w.book("alice", 1)
			w.fund(a)
			if _, ok := c.m.(*wire.ChannelAnnouncement); !ok {
				alice.learns(a)
			}
			e := alice.stranger(50, nil)
			e.got()
			writes := len(alice.disk.rows)
			alice.takes(e, c.m)
			alice.Tick(t.Context())
			switch kept := len(alice.disk.rows) > writes; {
			case c.told == ".":
				if !kept || e.reason != nil {
					t.Errorf("kept: %t, ended with %v", kept, e.reason)
				}
			case kept:
				t.Error("the message was taken")
			case c.told == "":
				if e.reason != nil || len(e.sent) != 0 {
					t.Errorf("the peer was told %q and the connection ended with %v", names(e.sent), e.reason)
				}
			case e.reason == nil || !strings.Contains(e.reason.Error(), c.told) || names(e.sent) != "warning":
				t.Errorf("ended with %v, want %q", e.reason, c.told)
			}
		})
	}
}

func TestAChannelMustBeOnTheChain(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	x, y := identityOf(5), identityOf(6)
	a := announce(at(700_000), x, y)
	e := alice.stranger(50, nil)
	known := func() bool { return alice.index.channels[a.ShortChannelID] != nil }
	w.broken = errors.New("the chain is away")
	alice.takes(e, a)
	w.broken = nil
	w.outputs[a.ShortChannelID] = &btcwire.TxOut{Value: 1, PkScript: graph.FundingScript(announce(at(1), x, identityOf(7)))}
	alice.takes(e, a)
	if w.lookups != 2 {
		t.Fatal("a chain that could not be asked is not asked again")
	}
	w.fund(a)
	alice.takes(e, a)
	if w.lookups != 2 || known() {
		t.Fatal("an output that is no channel is looked up again at once")
	}
	w.now = w.now.Add(spread.RefusedFor * time.Second)
	alice.takes(e, a)
	if !known() || e.reason != nil {
		t.Errorf("a day later the channel is not taken: %v", e.reason)
	}
}

func TestAnAnnouncementThatComesSomeBlocksEarlyIsTakenInTime(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	x, y := identityOf(5), identityOf(6)
	e := alice.stranger(50, nil)
	soon, far := announce(at(w.height-3), x, y), announce(at(w.height+20), x, y)
	w.fund(soon)
	w.fund(far)
	alice.takes(e, soon, far)
	if len(alice.young) != 1 || w.lookups != 0 {
		t.Fatalf("%d wait", len(alice.young))
	}
	w.height++
	alice.Block(t.Context())
	if len(alice.young) != 1 || len(alice.index.channels) != 0 {
		t.Fatal("taken too early")
	}
	w.height++
	alice.Block(t.Context())
	if len(alice.young) != 0 || alice.index.channels[soon.ShortChannelID] == nil {
		t.Error("not taken in time")
	}
}

func TestWhatComesBeforeItsTimeIsBounded(t *testing.T) {
	race.Leave(t, manyMessages)
	w := newWorld(t)
	alice := w.book("alice", 1)
	x, y := identityOf(5), identityOf(6)
	e := alice.stranger(50, nil)
	for i := range uint32(maxYoungOfAPeer + 5) {
		m := &wire.ChannelAnnouncement{ShortChannelID: wire.NewShortChannelID(w.height, i, 0)}
		if !alice.early(e, m) {
			t.Fatal("not early")
		}
	}
	if n := len(alice.young); n != maxYoungOfAPeer {
		t.Errorf("%d announcements of one peer wait", n)
	}
	for p := range uint64(10) {
		other := alice.stranger(60+p, nil)
		for i := range uint32(maxYoungOfAPeer) {
			alice.early(other, &wire.ChannelAnnouncement{ShortChannelID: wire.NewShortChannelID(w.height, 1000+i, uint16(p))})
		}
	}
	if n := len(alice.young); n != maxYoung {
		t.Errorf("%d announcements wait", n)
	}
	forged := *update(at(1), x, y, w.now)
	for i := range uint32(maxWaiting * 2) {
		forged.ShortChannelID = wire.NewShortChannelID(1, i, 0)
		u := forged
		alice.takes(e, &u)
	}
	if n := len(alice.waiting.held); n != maxWaiting || len(alice.waiting.order) != maxWaiting {
		t.Errorf("%d updates wait", n)
	}
	if _, ok := alice.waiting.held[updateKey(&forged)]; !ok {
		t.Error("the last one is not among them")
	}
	asker := alice.stranger(90, extended)
	alice.takes(asker, reply(0, w.height+1, true))
	for i := range uint32(maxMissing * 2) {
		alice.miss(asker, wire.NewShortChannelID(3, i, 0))
	}
	if n := len(alice.with(asker).asking.missing); n != maxMissing {
		t.Errorf("%d channels are missed", n)
	}
}

func TestAnUpdateThatWaitedIsTheLatest(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	x, y := identityOf(5), identityOf(6)
	a := announce(at(700_000), x, y)
	w.fund(a)
	alice.learns(update(a.ShortChannelID, x, y, w.now, fee(1)), update(a.ShortChannelID, x, y, w.now.Add(time.Second), fee(2)),
		update(a.ShortChannelID, x, y, w.now.Add(-time.Second), fee(3)), nodeAnnouncement(x, w.now, "x"), a)
	if got := alice.fees(a.ShortChannelID, x); got != 2 {
		t.Errorf("the terms are those of update %d", got)
	}
	if alice.Node(t.Context(), x.id) == nil {
		t.Error("the node was forgotten")
	}
}

func TestAnOriginThatSaysTooMuchIsNotHeardForAWhile(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	x, y := identityOf(5), identityOf(6)
	a := announce(at(700_000), x, y)
	w.fund(a)
	alice.learns(a)
	e := alice.stranger(50, nil)
	say := func(base uint32) {
		w.now = w.now.Add(time.Second)
		alice.takes(e, update(a.ShortChannelID, x, y, w.now, fee(base)))
	}
	for i := range uint32(spread.Burst + 5) {
		say(i + 1)
	}
	if got := alice.fees(a.ShortChannelID, x); got != spread.Burst+1 {
		t.Errorf("after %d updates the last one taken is %d, want %d", spread.Burst+5, got, spread.Burst+1)
	}
	alice.takes(e, update(a.ShortChannelID, y, x, w.now, fee(77)))
	if got := alice.fees(a.ShortChannelID, y); got != 77 {
		t.Error("the other side pays for it")
	}
	w.now = w.now.Add(spread.Interval * time.Second)
	say(50)
	say(51)
	if got := alice.fees(a.ShortChannelID, x); got != 50 {
		t.Errorf("after the interval the last one taken is %d, want one more", got)
	}
	if e.reason != nil {
		t.Errorf("the peer is blamed: %v", e.reason)
	}
	w.now = w.now.Add(spread.Burst * spread.Interval * time.Second)
	alice.rates.Sweep(alice.now())
	if len(alice.rates) != 0 {
		t.Errorf("%d buckets are kept that are full", len(alice.rates))
	}
	node := func(alias string) {
		w.now = w.now.Add(time.Second)
		alice.takes(e, nodeAnnouncement(x, w.now, alias))
	}
	for i := range spread.Burst + 5 {
		node(string(rune('a' + i)))
	}
	alice.Tick(t.Context())
	if got := alice.Node(t.Context(), x.id).Alias[0]; got != 'a'+spread.Burst {
		t.Errorf("the alias is %c", got)
	}
}

func TestAnUpdateThatSaysNothingNewIsTakenOnceADay(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	x, y := identityOf(5), identityOf(6)
	a := announce(at(700_000), x, y)
	w.fund(a)
	first := w.now
	alice.learns(a, update(a.ShortChannelID, x, y, first))
	latest := func() (t uint32) {
		alice.Read(func(g *graph.Graph) {
			p, _ := g.Policy(a.ShortChannelID, x.id)
			t = p.Timestamp
		})
		return t - uint32(first.Unix())
	}
	w.now = first.Add(redundant * time.Second)
	alice.learns(update(a.ShortChannelID, x, y, first.Add(time.Hour)))
	if latest() != 0 {
		t.Error("taken after an hour")
	}
	alice.learns(update(a.ShortChannelID, x, y, first.Add(redundant*time.Second)))
	if latest() != redundant {
		t.Error("not taken after a day")
	}
	alice.learns(update(a.ShortChannelID, x, y, w.now.Add(time.Minute), fee(5)))
	if alice.fees(a.ShortChannelID, x) != 5 {
		t.Error("new terms are not taken at once")
	}
}

// spend is a transaction that spends a channel.
func spend(x, y identity) *btcwire.MsgTx {
	witness, _ := script.FundingScript(x.id, y.id)
	return &btcwire.MsgTx{TxIn: []*btcwire.TxIn{{Witness: btcwire.TxWitness{nil, {1}, {2}, witness}}}}
}

func TestASpentChannelIsForgottenAfter72BlocksRowsToo(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	all := w.network(3)
	alice.learns(all...)
	x, y := identityOf(1000), identityOf(2000)
	scid := all[0].(*wire.ChannelAnnouncement).ShortChannelID
	known := func() bool { return alice.index.channels[scid] != nil }
	alice.Block(t.Context(), spend(x, y))
	if alice.index.channels[scid].spent != 0 {
		t.Fatal("a channel whose output is there is taken for spent")
	}
	out := w.outputs[scid]
	delete(w.outputs, scid)
	alice.Block(t.Context(), spend(x, y), spend(identityOf(8), identityOf(9)), &btcwire.MsgTx{TxIn: []*btcwire.TxIn{{}}})
	if alice.index.channels[scid].spent != w.height {
		t.Fatal("the spend was not seen")
	}
	alice.Block(t.Context(), spend(x, y)) // a block may come twice
	if !known() {
		t.Fatal("forgotten at once")
	}
	// While it is spent it is not told of, and only an update that disables it is taken.
	e := alice.stranger(50, nil)
	e.got()
	alice.takes(e, &wire.GossipTimestampFilter{ChainHash: chainHash, TimestampRange: ^uint32(0)},
		&wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: wire.EncodeShortIDs([]wire.ShortChannelID{scid})},
		&wire.QueryChannelRange{ChainHash: chainHash, NumberOfBlocks: 1_000_000})
	for _, m := range e.got() {
		switch m := m.(type) {
		case *wire.ChannelAnnouncement:
			if m.ShortChannelID == scid {
				t.Error("it is told of")
			}
		case *wire.ReplyChannelRange:
			if ids, _ := wire.DecodeShortIDs(m.EncodedShortIDs); slices.Contains(ids, scid) || len(ids) != 2 {
				t.Errorf("it is listed: %v", ids)
			}
		}
	}
	alice.takes(e, update(scid, x, y, w.now, fee(5)))
	if alice.fees(scid, x) == 5 {
		t.Error("an update is taken that does not disable")
	}
	alice.takes(e, update(scid, x, y, w.now, fee(6), disable))
	if alice.fees(scid, x) != 6 {
		t.Error("an update is not taken that disables")
	}
	alice.Tick(t.Context())
	// A restart remembers it.
	alice.start()
	w.height += spentDelay - 1
	alice.Block(t.Context())
	if !known() {
		t.Fatal("forgotten too early")
	}
	// The spend may leave the chain.
	w.outputs[scid] = out
	w.height++
	alice.Block(t.Context())
	if !known() || alice.index.channels[scid].spent != 0 {
		t.Fatal("an output that is there again does not revive the channel")
	}
	delete(w.outputs, scid)
	alice.Block(t.Context(), spend(x, y))
	w.broken = errors.New("the chain is away")
	w.height += spentDelay
	alice.Block(t.Context())
	if !known() {
		t.Fatal("forgotten on no word of the chain")
	}
	w.broken = nil
	alice.Block(t.Context())
	if known() {
		t.Fatal("not forgotten")
	}
	for _, k := range []key{announcementKey(scid), {kind: kindUpdate, scid: scid}, {kind: kindUpdate + 1, scid: scid}, nodeKey(y.id)} {
		if alice.disk.rows[k] != nil {
			t.Errorf("the row of kind %d is still there", k.kind)
		}
	}
	if len(alice.disk.fact.Value) != 0 {
		t.Error("it is still in the list of the spent")
	}
	lookups := w.lookups
	alice.takes(e, all[0])
	if known() || w.lookups != lookups {
		t.Error("it comes back")
	}
}

func TestASpliceKeepsItsOldNameForAWhileAndGetsANewOne(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	x, y := identityOf(5), identityOf(6)
	old := announce(at(700_000), x, y)
	w.fund(old)
	alice.learns(old, update(old.ShortChannelID, x, y, w.now), update(old.ShortChannelID, y, x, w.now))
	delete(w.outputs, old.ShortChannelID)
	alice.Block(t.Context(), spend(x, y))
	spliced := announce(at(w.height), x, y)
	w.fund(spliced)
	w.height += announceDepth
	alice.learns(spliced, update(spliced.ShortChannelID, x, y, w.now), update(spliced.ShortChannelID, y, x, w.now))
	w.height += spentDelay
	alice.Block(t.Context(), spend(x, y)) // the twin's keys are shown again
	if alice.index.channels[old.ShortChannelID] != nil || alice.index.channels[spliced.ShortChannelID] == nil ||
		alice.index.channels[spliced.ShortChannelID].spent != 0 {
		t.Error("the splice is not what is left")
	}
}

func TestAStaleChannelIsForgottenOnceWeKnowWhatWeMissed(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	all := w.network(4)
	alice.learns(all...)
	ours := all[0].(*wire.ChannelAnnouncement)
	alice.Local(ours.ShortChannelID, ours.NodeID1, ours.NodeID2, capacity)
	alive := 0
	for _, m := range all {
		if a, ok := m.(*wire.ChannelAnnouncement); ok {
			alive = max(alive, int(a.ShortChannelID))
		}
	}
	half := announce(at(700_100), identityOf(1000), identityOf(9))
	w.fund(half)
	alice.learns(half, update(half.ShortChannelID, identityOf(9), identityOf(1000), w.now))
	count := func() int { return len(alice.index.channels) }
	w.leap(15 * 24 * time.Hour)
	if count() != 5 {
		t.Fatal("forgotten before a peer has told us anything")
	}
	e := alice.stranger(50, extended)
	alice.takes(e, reply(0, w.height+1, true))
	// Both sides of the last channel are alive; of the others at most one is.
	x, y := identityOf(1003), identityOf(2003)
	alice.learns(update(wire.ShortChannelID(alive), x, y, w.now), update(wire.ShortChannelID(alive), y, x, w.now),
		update(half.ShortChannelID, identityOf(9), identityOf(1000), w.now))
	w.leap(pruneEvery)
	if count() != 2 || alice.index.channels[wire.ShortChannelID(alive)] == nil || alice.index.channels[ours.ShortChannelID] == nil {
		t.Errorf("%d channels are left, want the one that is alive and our own", count())
	}
	if n := len(alice.disk.rows); n != 3+3+3 {
		t.Errorf("%d rows are left", n)
	}
	alice.takes(e, update(half.ShortChannelID, identityOf(9), identityOf(1000), w.now.Add(time.Second)))
	if len(alice.with(e).asking.missing) != 0 {
		t.Error("a channel that was just forgotten is asked for")
	}
}

func TestOurChannelsTermsSurviveARestart(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	peer := identityOf(7)
	scid := at(799_000)
	alice.Local(scid, alice.self.id, peer.id, capacity)
	if err := alice.Own(t.Context(), capacity, update(scid, alice.self, peer, w.now, fee(3))); err != nil {
		t.Fatal(err)
	}
	alice.learns(update(scid, peer, alice.self, w.now, fee(4)))
	alice.start()
	if alice.Update(scid, peer.id) != nil {
		t.Fatal("a channel that nobody spoke of has terms")
	}
	alice.Local(scid, alice.self.id, peer.id, capacity)
	if u := alice.Update(scid, peer.id); u == nil || u.FeeBaseMsat != 4 || alice.fees(scid, peer) != 4 {
		t.Errorf("the peer's terms are %+v", u)
	}
	if u := alice.Update(scid, alice.self.id); u == nil || u.FeeBaseMsat != 3 {
		t.Errorf("our terms are %+v", u)
	}
	if alice.Update(scid, identityOf(8).id) != nil {
		t.Error("a stranger has terms")
	}
	if err := alice.Gone(t.Context(), scid); err != nil {
		t.Fatal(err)
	}
	if len(alice.disk.rows) != 0 || alice.Update(scid, peer.id) != nil {
		t.Error("the rows of a channel that is gone are still there")
	}
}

// The peer was quicker, and its announcement came back to us by others.
func TestAChannelOfOursThatOthersAnnouncedFirstIsOurs(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	peer := identityOf(7)
	a := announce(at(799_000), alice.self, peer)
	scid := a.ShortChannelID
	w.fund(a)
	alice.learns(a, update(scid, peer, alice.self, w.now, fee(4)))
	for range 2 { // the second time changes nothing
		alice.Local(scid, alice.self.id, peer.id, capacity)
		if err := alice.Own(t.Context(), capacity, update(scid, alice.self, peer, w.now, fee(3))); err != nil {
			t.Fatal(err)
		}
		if u := alice.Update(scid, alice.self.id); u == nil || u.FeeBaseMsat != 3 {
			t.Errorf("our terms are %+v", u)
		}
		if alice.fees(scid, peer) != 4 {
			t.Error("the peer's terms are lost")
		}
	}
}

// Its node_announcement comes before we have announced our channel, its announcement of the
// channel after that.
func TestWhatThePeerSaidBeforeOurAnnouncementIsNotLost(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	peer := identityOf(7)
	a := announce(at(799_000), alice.self, peer)
	w.fund(a)
	alice.Local(a.ShortChannelID, alice.self.id, peer.id, capacity)
	alice.learns(nodeAnnouncement(peer, w.now, "bob"))
	if alice.Node(t.Context(), peer.id) != nil {
		t.Fatal("a node without a public channel is known")
	}
	if err := alice.Own(t.Context(), capacity, a); err != nil {
		t.Fatal(err)
	}
	alice.learns(a)
	if alice.Node(t.Context(), peer.id) == nil {
		t.Error("the peer's node_announcement is lost")
	}
}

func TestOwnGossipMustBeGood(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	peer := identityOf(7)
	if err := alice.Own(t.Context(), capacity, update(at(5), alice.self, peer, w.now)); err == nil {
		t.Error("an update without a channel is taken")
	}
	alice.Local(at(5), alice.self.id, peer.id, capacity)
	forged := *update(at(5), alice.self, peer, w.now)
	forged.FeeBaseMsat++
	if err := alice.Own(t.Context(), capacity, &forged); err == nil {
		t.Error("a false signature is taken")
	}
}

func TestManyMessagesAreWrittenTogether(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	e := alice.stranger(50, nil)
	all := w.network(20)
	alice.takes(e, all...)
	if alice.disk.writes != 0 {
		t.Errorf("%d writes before it was time", alice.disk.writes)
	}
	alice.Tick(t.Context())
	if alice.disk.writes != 1 || len(alice.disk.rows) != len(all) {
		t.Errorf("%d writes of %d rows for %d messages", alice.disk.writes, len(alice.disk.rows), len(all))
	}
	for i := range maxDrafts {
		alice.drafts.add(draft{row: store.NodeGoneRow{ID: identityOf(uint64(i)).id}})
	}
	alice.takes(e, &wire.ReplyShortChannelIDsEnd{})
	if alice.disk.writes != 2 {
		t.Error("a full list of drafts waits")
	}
}
