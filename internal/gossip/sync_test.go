package gossip

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// reply makes a reply_channel_range.
func reply(first, blocks uint32, complete bool, ids ...wire.ShortChannelID) *wire.ReplyChannelRange {
	return &wire.ReplyChannelRange{
		ChainHash: chainHash, FirstBlocknum: first, NumberOfBlocks: blocks, SyncComplete: complete,
		EncodedShortIDs: wire.EncodeShortIDs(ids),
	}
}

func at(height uint32) wire.ShortChannelID { return wire.NewShortChannelID(height, 1, 0) }

// asked is the channels of the last query_short_channel_ids that was sent.
func (e *end) asked(t *testing.T) (ids []wire.ShortChannelID) {
	t.Helper()
	for _, m := range e.sent {
		if q, ok := m.(*wire.QueryShortChannelIDs); ok {
			var err error
			if ids, err = wire.DecodeShortIDs(q.EncodedShortIDs); err != nil || !slices.IsSorted(ids) {
				t.Fatalf("a query of %v: %v", ids, err)
			}
		}
	}
	return ids
}

func (e *end) has(kind wire.Message) bool {
	return slices.ContainsFunc(e.sent, func(m wire.Message) bool { return m.Type() == kind.Type() })
}

func TestRepliesOfEveryKindOfPeerAreUnderstood(t *testing.T) {
	const whole = 800_001
	want := []wire.ShortChannelID{at(100), at(200), at(300)}
	for name, replies := range map[string][]wire.Message{
		"one reply":                             {reply(0, whole, true, want...)},
		"cut at a block, the last one complete": {reply(0, 200, false, at(100)), reply(200, whole-200, true, at(200), at(300))},
		"cut inside a block":                    {reply(0, 201, false, at(100), at(200)), reply(200, whole-200, true, at(200), at(300))},
		"every reply complete":                  {reply(0, 150, true, at(100)), reply(150, 100, true, at(200)), reply(250, whole, true, at(300))},
		"the whole range in each reply":         {reply(0, whole, false, at(100)), reply(0, whole, false, at(200)), reply(0, whole, true, at(300))},
		"more blocks than were asked for":       {reply(0, 1000, false, want...), reply(1000, 1_000_000, true, at(800_500))},
		"channels that are known and empty ones": {
			reply(0, 100, false), reply(100, 150, false, at(100), at(200)), reply(250, 10, false), reply(260, whole, true, at(300)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			bob := w.book("bob", 2)
			e := bob.stranger(50, wire.NewFeatures(wire.GossipQueries))
			q, ok := e.got()[0].(*wire.QueryChannelRange)
			if !ok || q.FirstBlocknum != 0 || q.NumberOfBlocks != whole || len(q.Extra) != 0 {
				t.Fatalf("asked %+v", q)
			}
			for i, m := range replies {
				if e.asked(t) != nil {
					t.Fatalf("took reply %d for the last one", i)
				}
				bob.takes(e, m)
			}
			if got := e.asked(t); !slices.Equal(got, want) {
				t.Fatalf("asked for %v", got)
			}
			if bob.synced || e.has(&wire.GossipTimestampFilter{}) {
				t.Fatal("done before the answer came")
			}
			bob.takes(e, &wire.ReplyShortChannelIDsEnd{ChainHash: chainHash, FullInformation: true})
			f, ok := e.sent[len(e.sent)-1].(*wire.GossipTimestampFilter)
			if !bob.synced || !ok || int64(f.FirstTimestamp) != w.now.Unix()-overlap || f.TimestampRange != ^uint32(0) {
				t.Errorf("then it sent %+v", e.sent[len(e.sent)-1])
			}
		})
	}
}

// records adds the records of a reply.
func withRecords(m *wire.ReplyChannelRange, timestamps []byte, sums []byte) *wire.ReplyChannelRange {
	var s tlv.Stream
	if timestamps != nil {
		s = append(s, tlv.Record{Type: timestampsType, Value: timestamps})
	}
	if sums != nil {
		s = append(s, tlv.Record{Type: checksumsType, Value: sums})
	}
	m.Extra = s.Append(nil)
	return m
}

func stamps(t ...uint32) []byte {
	b := []byte{0}
	for _, v := range t {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func TestABadReplyEndsTheAskingAndAnotherPeerIsAsked(t *testing.T) {
	other := *reply(0, 800_001, true)
	other.ChainHash[0]++
	compressed := *reply(0, 800_001, true)
	compressed.EncodedShortIDs = []byte{1, 2, 3}
	half := *reply(0, 800_001, true)
	half.EncodedShortIDs = []byte{0, 1, 2, 3}
	for name, c := range map[string]struct {
		replies []wire.Message
		warning string
	}{
		"another chain":               {[]wire.Message{&other}, errChain.Error()},
		"compressed":                  {[]wire.Message{&compressed}, wire.ErrEncoding.Error()},
		"half an id":                  {[]wire.Message{&half}, wire.ErrEncoding.Error()},
		"begins too late":             {[]wire.Message{reply(5, 800_000, true)}, errRange.Error()},
		"no blocks":                   {[]wire.Message{reply(0, 0, true)}, errRange.Error()},
		"blocks that nobody asked of": {[]wire.Message{reply(0, 800_001, false), reply(800_001, 5, true)}, errRange.Error()},
		"goes back":                   {[]wire.Message{reply(0, 100, false), reply(90, 100, false), reply(80, 800_000, true)}, errOrder.Error()},
		"leaves blocks out":           {[]wire.Message{reply(0, 100, false), reply(101, 800_000, true)}, errGap.Error()},
		"ids out of order":            {[]wire.Message{reply(0, 800_001, true, at(200), at(100))}, errAscending.Error()},
		"an id twice":                 {[]wire.Message{reply(0, 800_001, true, at(200), at(200))}, errAscending.Error()},
		"an id below the blocks":      {[]wire.Message{reply(0, 100, false), reply(100, 800_000, true, at(99))}, errOutside.Error()},
		"an id above the blocks":      {[]wire.Message{reply(0, 100, false, at(100))}, errOutside.Error()},
		"a timestamp too few":         {[]wire.Message{withRecords(reply(0, 800_001, true, at(100)), stamps(1), nil)}, errRecords.Error()},
		"compressed timestamps":       {[]wire.Message{withRecords(reply(0, 800_001, true, at(100)), append([]byte{1}, stamps(1, 2)[1:]...), nil)}, errRecords.Error()},
		"a checksum too many":         {[]wire.Message{withRecords(reply(0, 800_001, true, at(100)), nil, make([]byte, 16))}, errRecords.Error()},
		"records that are none":       {[]wire.Message{&wire.ReplyChannelRange{ChainHash: chainHash, NumberOfBlocks: 800_001, EncodedShortIDs: []byte{0}, Extra: []byte{1, 9}}}, tlv.ErrShort.Error()},
		"replies without end":         {slices.Repeat([]wire.Message{reply(0, 1, false)}, maxReplies+1), errFlood.Error()},
		"ids without end":             {manyIDs(), errFlood.Error()},
		"an end of another chain":     {[]wire.Message{reply(0, 800_001, true, at(100)), &wire.ReplyShortChannelIDsEnd{}}, errChain.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			bob := w.book("bob", 2)
			liar, honest := bob.stranger(50, extended), bob.stranger(51, extended)
			if honest.has(&wire.QueryChannelRange{}) {
				t.Fatal("two peers are asked for the same at once")
			}
			liar.got()
			bob.takes(liar, c.replies...)
			if names(liar.sent) != "query_short_channel_ids warning gossip_timestamp_filter" && names(liar.sent) != "warning gossip_timestamp_filter" {
				t.Fatalf("the peer was told %s", names(liar.sent))
			}
			if said := string(liar.sent[len(liar.sent)-2].(*wire.Warning).Data); !strings.Contains(said, c.warning) {
				t.Errorf("it was warned of %q, want %q", said, c.warning)
			}
			if liar.reason != nil {
				t.Errorf("the connection ended: %v", liar.reason)
			}
			bob.Tick(t.Context())
			if !honest.has(&wire.QueryChannelRange{}) {
				t.Error("nobody else is asked")
			}
			if len(bob.with(liar).asking.want) != 0 {
				t.Error("what the peer said is kept")
			}
			bob.takes(liar, c.replies[0]) // what comes late says nothing
			if liar.reason != nil || bob.synced {
				t.Error("a late reply was taken")
			}
		})
	}
}

// manyIDs are replies with more channels than there can be, in ever later blocks.
func manyIDs() (out []wire.Message) {
	const each = 8000
	for i := range uint32(maxIDs/each + 1) {
		ids := make([]wire.ShortChannelID, each)
		for j := range ids {
			ids[j] = wire.NewShortChannelID(i, uint32(j), 0)
		}
		out = append(out, reply(i, 1, false, ids...))
	}
	return out
}

func TestASilentPeerIsPassedOver(t *testing.T) {
	for name, before := range map[string]func(b *book, e *end){
		"from the start": func(*book, *end) {},
		"in the middle":  func(b *book, e *end) { b.takes(e, reply(0, 5, false)) },
		"at the channels": func(b *book, e *end) {
			b.takes(e, reply(0, 800_001, true, at(100)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			bob := w.book("bob", 2)
			mute, other := bob.stranger(50, extended), bob.stranger(51, extended)
			before(bob, mute)
			w.leap(silence)
			if other.has(&wire.QueryChannelRange{}) {
				t.Fatal("given up too early")
			}
			w.pass(2 * time.Second)
			if !other.has(&wire.QueryChannelRange{}) || !mute.has(&wire.GossipTimestampFilter{}) {
				t.Fatal("nobody else is asked")
			}
			mute.got()
			w.leap(tryAgain + time.Minute)
			w.pass(2 * time.Second)
			if mute.has(&wire.QueryChannelRange{}) != true {
				t.Error("the peer never gets a second chance")
			}
		})
	}
}

func TestAPeerThatTricklesIsPassedOver(t *testing.T) {
	w := newWorld(t)
	bob := w.book("bob", 2)
	slow, other := bob.stranger(50, extended), bob.stranger(51, extended)
	for range patience/silence*2 + 1 {
		bob.takes(slow, reply(0, 5, false))
		w.leap(silence / 2)
	}
	w.pass(2 * time.Second)
	if !other.has(&wire.QueryChannelRange{}) {
		t.Error("nobody else is asked")
	}
}

// invented are channels that nobody has.
func invented(n int) (ids []wire.ShortChannelID) {
	for i := range uint32(n) {
		ids = append(ids, at(100_000+i))
	}
	return ids
}

func TestAPeerWhoseChannelsNobodyHasIsPassedOver(t *testing.T) {
	w := newWorld(t)
	bob := w.book("bob", 2)
	x, y := identityOf(5), identityOf(6)
	a := announce(at(100_001), x, y)
	w.fund(a)
	liar, honest := bob.stranger(50, extended), bob.stranger(51, extended)
	bob.takes(liar, reply(0, 800_001, true, invented(20*chunk)...))
	end := &wire.ReplyShortChannelIDsEnd{ChainHash: chainHash, FullInformation: true}
	for range maxBarren - 1 {
		bob.takes(liar, end)
		w.pass(time.Second)
	}
	bob.takes(liar, a, end) // this one was of use
	for range maxBarren {
		if w.pass(time.Second); honest.has(&wire.QueryChannelRange{}) {
			t.Fatal("given up too early")
		}
		bob.takes(liar, end)
	}
	if w.pass(time.Second); !honest.has(&wire.QueryChannelRange{}) || bob.synced {
		t.Error("nobody else is asked")
	}
}

func TestAPeerThatTakesVeryLongIsPassedOverWhenThereIsAnother(t *testing.T) {
	for _, alone := range []bool{false, true} {
		w := newWorld(t)
		bob := w.book("bob", 2)
		bob.learns(w.network(1)...)
		slow := bob.stranger(50, extended)
		honest := slow
		if !alone {
			honest = bob.stranger(51, extended)
		}
		bob.takes(slow, reply(0, 800_001, true, invented(100*chunk)...))
		began, hub := w.now, identityOf(1000)
		for w.now.Sub(began) < attempt+silence {
			if w.now.Sub(began) < attempt && !alone && honest.has(&wire.QueryChannelRange{}) {
				t.Fatal("given up too early")
			}
			w.leap(silence / 2)
			// It is never silent, and each answer brings something.
			bob.takes(slow, nodeAnnouncement(hub, w.now, "hub"))
			if w.now.Sub(began)%(patience/2) == 0 {
				bob.takes(slow, &wire.ReplyShortChannelIDsEnd{ChainHash: chainHash, FullInformation: true})
			}
		}
		switch state := bob.with(slow).asking.state; {
		case !alone && (!honest.has(&wire.QueryChannelRange{}) || state != quiet):
			t.Error("nobody else is asked")
		case alone && state != fetching:
			t.Error("the only peer is given up")
		}
		if !alone {
			continue
		}
		late := bob.stranger(52, extended)
		if !late.has(&wire.QueryChannelRange{}) {
			t.Error("another peer comes, and is not asked at once")
		}
	}
}

func TestAPeerWithAChannelIsAskedFirst(t *testing.T) {
	w := newWorld(t)
	bob := w.book("bob", 2)
	first := bob.stranger(50, extended)
	other, friend := bob.stranger(51, extended), bob.stranger(52, extended)
	bob.ours[friend.id] = true
	bob.Down(first)
	if other.has(&wire.QueryChannelRange{}) || !friend.has(&wire.QueryChannelRange{}) {
		t.Error("a stranger is asked before the peer with a channel")
	}
}

func TestAPeerThatLeavesIsReplaced(t *testing.T) {
	w := newWorld(t)
	bob := w.book("bob", 2)
	one, two := bob.stranger(50, extended), bob.stranger(51, extended)
	bob.Down(one)
	if !two.has(&wire.QueryChannelRange{}) {
		t.Error("nobody else is asked")
	}
}

func TestAPeerWithoutFullInformationIsNotTheLastOneAsked(t *testing.T) {
	w := newWorld(t)
	bob := w.book("bob", 2)
	one, two := bob.stranger(50, extended), bob.stranger(51, extended)
	bob.takes(one, reply(0, 800_001, true, at(100)), &wire.ReplyShortChannelIDsEnd{ChainHash: chainHash})
	if bob.synced {
		t.Error("a peer that says that it does not know everything is believed to")
	}
	bob.Tick(t.Context())
	if !two.has(&wire.QueryChannelRange{}) {
		t.Error("nobody else is asked")
	}
}

func TestOnlySomePeersTellNews(t *testing.T) {
	w := newWorld(t)
	bob := w.book("bob", 2)
	bob.takes(bob.stranger(49, extended), reply(0, 800_001, true))
	old := bob.stranger(48, nil)
	if f, ok := old.sent[0].(*wire.GossipTimestampFilter); len(old.sent) != 1 || !ok || f.FirstTimestamp != ^uint32(0) || f.TimestampRange != 0 {
		t.Errorf("a peer without gossip_queries was told %s", names(old.sent))
	}
	var all []*end
	listening := func() (n int) {
		for _, e := range all {
			if f, ok := e.sent[len(e.sent)-1].(*wire.GossipTimestampFilter); ok && f.TimestampRange != 0 {
				n++
			}
		}
		return n
	}
	for i := range uint64(8) {
		all = append(all, bob.stranger(60+i, extended))
	}
	if n := listening(); n != maxListening-1 {
		t.Errorf("%d of them tell news, want %d", n, maxListening-1)
	}
	bob.Down(all[0])
	all = all[1:]
	if n := listening(); n != maxListening-1 {
		t.Errorf("when one has left %d tell news, want %d", n, maxListening-1)
	}
}

func TestWhatIsAskedForDependsOnWhatTheRepliesSay(t *testing.T) {
	w := newWorld(t)
	bob := w.book("bob", 2)
	all := w.network(1)
	bob.learns(all...)
	known := all[0].(*wire.ChannelAnnouncement).ShortChannelID
	first := all[1].(*wire.ChannelUpdate)
	d := first.ChannelFlags & directionFlag
	now := uint32(w.now.Unix())
	sums := func(of [2]uint32) []byte { return stamps(of[0], of[1])[1:] }
	stampsOf := func(ours uint32, theirs uint32) []byte {
		v := [2]uint32{theirs, theirs}
		v[d] = ours
		return stamps(v[0], v[1])
	}
	mine := bob.index.channels[known].sums
	changed := mine
	changed[d]++
	second := uint32(w.now.Add(-2 * time.Hour).Unix())
	for name, c := range map[string]struct {
		id         wire.ShortChannelID
		timestamps []byte
		sums       []byte
		features   wire.Features
		want       byte
	}{
		"unknown":                        {at(700_100), nil, nil, extended, wantAll},
		"unknown and alive":              {at(700_100), stamps(now, now), nil, extended, wantAll},
		"unknown and stale on one side":  {at(700_100), stamps(now, now-twoWeeks-1), nil, extended, 0},
		"unknown and never updated":      {at(700_100), stamps(now, 0), nil, extended, 0},
		"unknown, young, half updated":   {at(799_000), stamps(now, 0), nil, extended, wantAll},
		"not deep enough":                {at(800_002), nil, nil, extended, 0},
		"known":                          {known, nil, nil, extended, 0},
		"known and the same":             {known, stampsOf(first.Timestamp, second), nil, extended, 0},
		"known and newer":                {known, stampsOf(now, second), nil, extended, wantUpdate << d},
		"newer and says something else":  {known, stampsOf(now, second), sums(changed), extended, wantUpdate << d},
		"newer and says the same":        {known, stampsOf(now, second), sums(mine), extended, 0},
		"newer by a day, says the same":  {known, stampsOf(first.Timestamp+redundant, second), sums(mine), extended, wantUpdate << d},
		"newer, of a peer without flags": {known, stampsOf(now, second), nil, wire.NewFeatures(wire.GossipQueries), 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := bob.stranger(50, c.features)
			defer bob.Down(e)
			bob.talk.Lock()
			bob.begin(bob.peers[e], w.now)
			bob.talk.Unlock()
			e.got()
			bob.takes(e, withRecords(reply(0, 800_010, true, c.id), c.timestamps, c.sums))
			var got byte
			for _, m := range e.sent {
				if q, ok := m.(*wire.QueryShortChannelIDs); ok {
					flags, err := queryFlags(q.Extra, 1)
					if err != nil {
						t.Fatal(err)
					}
					if got = wantAll; flags != nil {
						got = flags[0]
					}
				}
			}
			// The leaf's node_announcement is known, as is the hub's.
			if got != c.want {
				t.Errorf("asked for %05b, want %05b", got, c.want)
			}
		})
	}
}

func TestAnUpdateOfAnUnknownChannelMakesUsAskForItOnce(t *testing.T) {
	w := newWorld(t)
	bob := w.book("bob", 2)
	e := bob.stranger(50, extended)
	bob.takes(e, reply(0, 800_001, true))
	e.got()
	x, y := identityOf(5), identityOf(6)
	a := announce(at(700_000), x, y)
	w.fund(a)
	u := update(a.ShortChannelID, x, y, w.now)
	bob.takes(e, u)
	w.pass(time.Second)
	if got := e.asked(t); !slices.Equal(got, []wire.ShortChannelID{a.ShortChannelID}) {
		t.Fatalf("asked for %v", got)
	}
	bob.takes(e, a, update(a.ShortChannelID, y, x, w.now), &wire.ReplyShortChannelIDsEnd{ChainHash: chainHash, FullInformation: true})
	if len(bob.picture()) == 0 || bob.index.channels[a.ShortChannelID].sums[u.ChannelFlags&directionFlag] == 0 {
		t.Error("the update that waited was forgotten")
	}
	other := update(at(700_001), x, y, w.now)
	for range 3 {
		bob.takes(e, other)
		w.pass(time.Second)
		bob.takes(e, &wire.ReplyShortChannelIDsEnd{ChainHash: chainHash, FullInformation: true})
	}
	n := 0
	for _, m := range e.sent {
		if _, ok := m.(*wire.QueryShortChannelIDs); ok {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d queries, want one for each channel", n)
	}
}

func TestAfterAnHourAnotherPeerIsAskedForEverything(t *testing.T) {
	w := newWorld(t)
	bob := w.book("bob", 2)
	one, two := bob.stranger(50, extended), bob.stranger(51, extended)
	bob.takes(one, reply(0, 800_001, true))
	w.pass(2 * time.Second)
	if two.has(&wire.QueryChannelRange{}) {
		t.Fatal("a second peer is asked at once")
	}
	one.got()
	w.leap(askOthers)
	if !two.has(&wire.QueryChannelRange{}) || one.has(&wire.QueryChannelRange{}) {
		t.Error("an hour later the other peer is not asked")
	}
}
