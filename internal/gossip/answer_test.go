package gossip

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/race"
)

func TestRepliesFitTheWireAndCoverTheRangeOnce(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	x, y := identityOf(1), identityOf(2)
	var all []wire.ShortChannelID
	a, u := announce(at(1), x, y), update(at(1), x, y, w.now) // what was stored is not checked again
	add := func(scid wire.ShortChannelID) {
		a.ShortChannelID, u.ShortChannelID = scid, scid
		alice.disk.rows[announcementKey(scid)] = graph.AnnouncementRow{SCID: scid, Capacity: capacity, Raw: wire.Encode(a)}
		alice.disk.rows[updateKey(u)] = graph.UpdateRow{SCID: scid, Direction: u.ChannelFlags & directionFlag, Raw: wire.Encode(u)}
		all = append(all, scid)
	}
	for i := range uint32(2000) {
		add(wire.NewShortChannelID(500_000+i/100, i%100, 0))
	}
	for i := range uint32(9000) { // of one block, more than a reply holds
		add(wire.NewShortChannelID(600_000, i, 0))
	}
	add(at(600_001))
	alice.start()
	slices.Sort(all)
	for options, want := range map[byte]int{0: 3, optionTimestamps: 4, optionChecksums: 4, optionTimestamps | optionChecksums: 5} {
		e := alice.stranger(50, extended)
		e.got()
		q := &wire.QueryChannelRange{ChainHash: chainHash, FirstBlocknum: 500_010, NumberOfBlocks: 200_000}
		if options != 0 {
			q.Extra = tlv.Stream{{Type: optionType, Value: []byte{options}}}.Append(nil)
		}
		alice.takes(e, q)
		w.pass(5 * time.Second)
		var got []wire.ShortChannelID
		next := uint32(500_010)
		replies := e.got()
		for i, m := range replies {
			r, ok := m.(*wire.ReplyChannelRange)
			if !ok {
				t.Fatalf("a %s", wire.Name(m))
			}
			if r.FirstBlocknum != next && r.FirstBlocknum != next-1 {
				t.Errorf("options %d, reply %d begins at %d, want %d", options, i, r.FirstBlocknum, next)
			}
			next = r.FirstBlocknum + r.NumberOfBlocks
			ids, err := wire.DecodeShortIDs(r.EncodedShortIDs)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				if id.Height() < r.FirstBlocknum || id.Height() >= next {
					t.Fatalf("reply %d of %d+%d has %s", i, r.FirstBlocknum, r.NumberOfBlocks, id)
				}
			}
			got = append(got, ids...)
			if r.SyncComplete != (i == len(replies)-1) {
				t.Errorf("options %d, reply %d of %d has sync_complete %t", options, i, len(replies), r.SyncComplete)
			}
			timestamps, sums, err := records(r.Extra, len(ids))
			if err != nil || (timestamps != nil) != (options&optionTimestamps != 0) || (sums != nil) != (options&optionChecksums != 0) {
				t.Fatalf("options %d, records %d and %d bytes: %v", options, len(timestamps), len(sums), err)
			}
			if len(wire.Encode(r)) > 65535 {
				t.Error("too long")
			}
		}
		if next != 700_010 {
			t.Errorf("the replies end before block %d, want 700010", next)
		}
		i, _ := slices.BinarySearch(all, wire.NewShortChannelID(500_010, 0, 0))
		if !slices.Equal(got, all[i:]) {
			t.Errorf("options %d: %d channels were told, want %d", options, len(got), len(all[i:]))
		}
		if len(replies) != want {
			t.Errorf("options %d: %d replies, want %d", options, len(replies), want)
		}
		alice.Down(e)
	}
}

func TestTheRecordsOfAReplyAreThoseOfTheUpdates(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	all := w.network(1)
	alice.learns(all...)
	u := all[1].(*wire.ChannelUpdate)
	e := alice.stranger(50, extended)
	e.got()
	alice.takes(e, &wire.QueryChannelRange{
		ChainHash: chainHash, NumberOfBlocks: ^uint32(0), Extra: tlv.Stream{{Type: optionType, Value: []byte{3}}}.Append(nil),
	})
	timestamps, sums, err := records(e.got()[0].(*wire.ReplyChannelRange).Extra, 1)
	if err != nil {
		t.Fatal(err)
	}
	d := u.ChannelFlags & directionFlag
	unsigned := u.SignedPart()
	sum := crc32.Checksum(append(bytes.Clone(unsigned[:40]), unsigned[44:]...), crc32.MakeTable(crc32.Castagnoli))
	if got := pair(timestamps, 0)[d]; got != u.Timestamp {
		t.Errorf("timestamp %d, want %d", got, u.Timestamp)
	}
	if got := pair(sums, 0)[d]; got != sum {
		t.Errorf("checksum %08x, want %08x", got, sum)
	}
}

// The vector of RFC 3720, B.4: 32 bytes of zeros.
func TestTheChecksumIsCRC32C(t *testing.T) {
	if got := crc32.Checksum(make([]byte, 32), castagnoli); got != 0x8a9136aa {
		t.Errorf("%08x", got)
	}
}

func TestAQueryIsAnsweredAsItsFlagsSay(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	all := w.network(15)
	alice.learns(all...)
	one, two := all[0].(*wire.ChannelAnnouncement).ShortChannelID, at(12)
	hubs := []wire.ShortChannelID{one}
	for _, m := range all {
		if a, ok := m.(*wire.ChannelAnnouncement); ok && a.ShortChannelID != one && (a.NodeID1 == identityOf(1000).id || a.NodeID2 == identityOf(1000).id) {
			hubs = append(hubs, a.ShortChannelID)
		}
	}
	slices.Sort(hubs)
	flags := func(f ...byte) []byte {
		return tlv.Stream{{Type: queryFlagsType, Value: append([]byte{0}, f...)}}.Append(nil)
	}
	hub := byte(0) // which node of the channel the hub is
	if a := all[0].(*wire.ChannelAnnouncement); a.NodeID2 == identityOf(1000).id {
		hub = 1
	}
	const end = " reply_short_channel_ids_end"
	for name, c := range map[string]struct {
		ids   []wire.ShortChannelID
		extra []byte
		want  string
	}{
		"everything":       {[]wire.ShortChannelID{one}, nil, "channel_announcement channel_update channel_update node_announcement node_announcement" + end},
		"nothing":          {[]wire.ShortChannelID{one}, flags(0), end[1:]},
		"the announcement": {[]wire.ShortChannelID{one}, flags(1), "channel_announcement" + end},
		"one update":       {[]wire.ShortChannelID{one}, flags(2), "channel_update" + end},
		"the other":        {[]wire.ShortChannelID{one}, flags(4), "channel_update" + end},
		"a node":           {[]wire.ShortChannelID{one}, flags(8 << hub), "node_announcement" + end},
		"unknown":          {[]wire.ShortChannelID{two}, nil, end[1:]},
		"no channels":      {nil, nil, end[1:]},
		"a node of several channels, once": {hubs, flags(bytes.Repeat([]byte{24}, len(hubs))...),
			"node_announcement node_announcement node_announcement" + end},
		"flags of two bytes": {[]wire.ShortChannelID{one}, flags(0xfd, 0x01, 0x01), "channel_announcement" + end},
	} {
		t.Run(name, func(t *testing.T) {
			e := alice.stranger(50, extended)
			e.got()
			alice.takes(e, &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: wire.EncodeShortIDs(c.ids), Extra: c.extra})
			if got := names(e.sent); got != c.want {
				t.Errorf("answered %q, want %q", got, c.want)
			}
			if end := e.sent[len(e.sent)-1].(*wire.ReplyShortChannelIDsEnd); !end.FullInformation || end.ChainHash != chainHash {
				t.Errorf("the end is %+v", end)
			}
			alice.Down(e)
		})
	}
}

func TestABadQueryIsWarnedOf(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	flags := func(v ...byte) []byte { return tlv.Stream{{Type: queryFlagsType, Value: v}}.Append(nil) }
	ids := wire.EncodeShortIDs([]wire.ShortChannelID{at(1), at(2)})
	for name, m := range map[string]wire.Message{
		"compressed ids":     &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: []byte{1, 0}},
		"no encoding":        &wire.QueryShortChannelIDs{ChainHash: chainHash},
		"half an id":         &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: make([]byte, 12)},
		"a flag too few":     &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: ids, Extra: flags(0, 1)},
		"a flag too many":    &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: ids, Extra: flags(0, 1, 1, 1)},
		"compressed flags":   &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: ids, Extra: flags(1, 1, 1)},
		"a flag cut off":     &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: ids, Extra: flags(0, 1, 0xfd)},
		"flags of no bytes":  &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: ids, Extra: flags()},
		"no blocks":          &wire.QueryChannelRange{ChainHash: chainHash},
		"options cut off":    &wire.QueryChannelRange{ChainHash: chainHash, NumberOfBlocks: 1, Extra: flags(0xfd, 1)},
		"options and more":   &wire.QueryChannelRange{ChainHash: chainHash, NumberOfBlocks: 1, Extra: flags(1, 1)},
		"records cut off":    &wire.QueryChannelRange{ChainHash: chainHash, NumberOfBlocks: 1, Extra: []byte{1}},
		"records out of ord": &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: ids, Extra: []byte{3, 0, 1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			e := alice.stranger(50, nil)
			e.got()
			alice.takes(e, m)
			if names(e.sent) != "warning" || e.reason != nil {
				t.Errorf("answered %q, and the connection ended with %v", names(e.sent), e.reason)
			}
			alice.Down(e)
		})
	}
}

func TestAnotherChainHasNoInformation(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	alice.learns(w.network(2)...)
	other := chainHash
	other[0]++
	e := alice.stranger(50, nil)
	e.got()
	alice.takes(e, &wire.QueryShortChannelIDs{ChainHash: other, EncodedShortIDs: []byte{0}},
		&wire.QueryChannelRange{ChainHash: other, FirstBlocknum: 3, NumberOfBlocks: 5},
		&wire.GossipTimestampFilter{ChainHash: other, TimestampRange: ^uint32(0)})
	if names(e.sent) != "reply_short_channel_ids_end reply_channel_range" {
		t.Fatalf("answered %q", names(e.sent))
	}
	if end := e.sent[0].(*wire.ReplyShortChannelIDsEnd); end.FullInformation || end.ChainHash != other {
		t.Errorf("the end is %+v", end)
	}
	if r := e.sent[1].(*wire.ReplyChannelRange); r.SyncComplete || r.ChainHash != other || r.FirstBlocknum != 3 || r.NumberOfBlocks != 5 || len(r.EncodedShortIDs) != 1 {
		t.Errorf("the reply is %+v", r)
	}
}

func TestAPeerThatAsksMuchIsAnsweredSlowlyAndOneThingAtATime(t *testing.T) {
	race.Leave(t, manyMessages)
	w := newWorld(t)
	alice := w.book("alice", 1)
	all := w.network(20)
	alice.learns(all...)
	ids := make([]wire.ShortChannelID, 0, 8000)
	for range 400 {
		for _, m := range all {
			if a, ok := m.(*wire.ChannelAnnouncement); ok {
				ids = append(ids, a.ShortChannelID)
			}
		}
	}
	q := &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: wire.EncodeShortIDs(ids)}
	e := alice.stranger(50, nil)
	e.got()
	alice.takes(e, q)
	sent := func() (n int) {
		for _, m := range e.sent {
			n += len(wire.Encode(m))
		}
		return n
	}
	if n := sent(); n < maxCredit*9/10 || n > maxCredit+1000 {
		t.Errorf("%d bytes at once, want about %d", n, maxCredit)
	}
	before := sent()
	w.pass(2 * time.Second)
	if n := sent() - before; n < 2*creditRate*9/10 || n > 2*creditRate+2000 {
		t.Errorf("%d bytes in two seconds, want about %d", n, 2*creditRate)
	}
	if e.reason != nil {
		t.Fatal("a patient peer was sent away")
	}
	alice.takes(e, q)
	if e.reason != errConcurrent {
		t.Errorf("the connection goes on after a second query: %v", e.reason)
	}
	hasty := alice.stranger(51, nil)
	r := &wire.QueryChannelRange{ChainHash: chainHash, NumberOfBlocks: 1_000_000}
	alice.with(hasty).credit = 0
	alice.takes(hasty, r, r)
	if hasty.reason != errConcurrent {
		t.Errorf("the connection goes on after a second range: %v", hasty.reason)
	}
}

func TestAFilterIsAnsweredWithWhatIsKnownOfItsRange(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	all := w.network(4)
	alice.learns(all...)
	hour := uint32(w.now.Add(-time.Hour).Unix())
	for name, c := range map[string]struct {
		from, span uint32
		want       map[string]int
	}{
		"everything":   {0, ^uint32(0), map[string]int{"channel_announcement": 4, "channel_update": 8, "node_announcement": 6}},
		"the last":     {hour, 10, map[string]int{"channel_announcement": 4, "channel_update": 4, "node_announcement": 4}},
		"all before":   {0, hour, map[string]int{"channel_announcement": 4, "channel_update": 4, "node_announcement": 2}},
		"nothing":      {^uint32(0), 0, map[string]int{}},
		"what is new":  {hour + 1, ^uint32(0), map[string]int{}},
		"past the end": {^uint32(0) - 1, ^uint32(0), map[string]int{}},
	} {
		t.Run(name, func(t *testing.T) {
			e := alice.stranger(50, nil)
			e.got()
			alice.takes(e, &wire.GossipTimestampFilter{ChainHash: chainHash, FirstTimestamp: c.from, TimestampRange: c.span})
			got, known := map[string]int{}, map[wire.ShortChannelID]bool{}
			for _, m := range e.sent {
				got[wire.Name(m)]++
				switch m := m.(type) {
				case *wire.ChannelAnnouncement:
					known[m.ShortChannelID] = true
				case *wire.ChannelUpdate:
					if !known[m.ShortChannelID] {
						t.Error("an update before its channel")
					}
				}
			}
			for _, k := range []string{"channel_announcement", "channel_update", "node_announcement"} {
				if got[k] != c.want[k] {
					t.Errorf("%d times %s, want %d", got[k], k, c.want[k])
				}
			}
			alice.Down(e)
		})
	}
}

func TestAChannelUpdateThatMustNotBeForwardedIsNot(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	x, y := identityOf(5), identityOf(6)
	a := announce(at(700_000), x, y)
	w.fund(a)
	hide := func(u *wire.ChannelUpdate) { u.MessageFlags |= dontForward }
	e, source := alice.stranger(50, nil), alice.stranger(51, nil)
	everything := &wire.GossipTimestampFilter{ChainHash: chainHash, TimestampRange: ^uint32(0)}
	alice.takes(e, everything)
	e.got()
	alice.takes(source, a, update(a.ShortChannelID, x, y, w.now, hide), update(a.ShortChannelID, y, x, w.now))
	w.pass(2 * time.Minute)
	if got := names(e.got()); got != "channel_announcement channel_update" {
		t.Errorf("the news was %q", got)
	}
	alice.takes(source, update(a.ShortChannelID, x, y, w.now, hide, fee(9)))
	w.pass(2 * time.Minute)
	if got := names(e.got()); got != "" {
		t.Errorf("later the news was %q", got)
	}
	alice.takes(e, everything, &wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: wire.EncodeShortIDs([]wire.ShortChannelID{a.ShortChannelID})})
	for _, m := range e.got() {
		if u, ok := m.(*wire.ChannelUpdate); ok && u.MessageFlags&dontForward != 0 {
			t.Error("an answer has the hidden update")
		}
	}
}

// A channel_update as BOLT 7 lays it out, byte by byte.
func TestTheChecksumLeavesOutSignatureAndTimestamp(t *testing.T) {
	raw, err := hex.DecodeString("0102" + hex.EncodeToString(make([]byte, 64)) + hex.EncodeToString(chainHash[:]) +
		"0000010000020003" + "ffffffff" + "01" + "00" + "0028" + "0000000000000001" + "000003e8" + "00000000" + "000000003b9aca00")
	if err != nil {
		t.Fatal(err)
	}
	sum := checksum(raw)
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		outside := i >= 2 && i < 66 || i >= 106 && i < 110 || i < 2
		if same := checksum(changed) == sum; same != outside {
			t.Errorf("byte %d: the checksum is the same: %t", i, same)
		}
	}
	if checksum(raw[:100]) != 0 {
		t.Error("a checksum of too few bytes")
	}
	if binary.BigEndian.Uint16(raw) != (&wire.ChannelUpdate{}).Type() {
		t.Error("not a channel_update")
	}
}

func TestFiltersWithoutEndCostTheirSender(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	peer := identityOf(77)
	a := announce(at(700_500), alice.self, peer)
	alice.Local(a.ShortChannelID, alice.self.id, peer.id, capacity)
	if err := alice.Own(t.Context(), capacity, a, update(a.ShortChannelID, alice.self, peer, w.now)); err != nil {
		t.Fatal(err)
	}
	e := alice.stranger(50, nil)
	e.got()
	for range maxCredit/askCost + 10 {
		alice.takes(e, &wire.GossipTimestampFilter{ChainHash: chainHash})
	}
	if got := names(e.sent); got != "channel_announcement channel_update" {
		t.Errorf("told %q", got)
	}
	if alice.with(e).backlog == nil {
		t.Error("the graph is gone through for every filter")
	}
}
