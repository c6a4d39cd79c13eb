package gossip

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
)

// The size of the public graph in November 2026.
const (
	publicNodes    = 17_324
	publicChannels = 50_808
)

// BenchmarkAChannel is a channel of the public graph from the message to the graph:
// an announcement, an update of each direction, and its part of the nodes'
// announcements. With -benchtime=50808x it is the whole graph.
func BenchmarkAChannel(b *testing.B) {
	w := newWorld(&testing.T{})
	alice := w.book("alice", 1)
	e := alice.stranger(50, nil)
	var all []wire.Message
	for i := range b.N {
		x, y := identityOf(uint64(1000+i%publicNodes)), identityOf(uint64(1000+(i+1)%publicNodes))
		a := announce(wire.NewShortChannelID(uint32(500_000+i/4), uint32(i%4), 0), x, y)
		w.fund(a)
		all = append(all, a, update(a.ShortChannelID, x, y, w.now), update(a.ShortChannelID, y, x, w.now))
		if i < publicNodes {
			all = append(all, nodeAnnouncement(x, w.now, "node"))
		}
	}
	b.ResetTimer()
	for _, m := range all {
		alice.Message(b.Context(), e, m)
	}
	alice.Save(b.Context())
	b.StopTimer()
	if e.reason != nil || len(alice.index.channels) != b.N {
		b.Fatalf("%d channels: %v", len(alice.index.channels), e.reason)
	}
}

// publicGraph is rows of the size of the public graph. Their signatures are false,
// which nobody asks of what was stored.
func publicGraph() (rows []durable.Row) {
	r := rand.New(rand.NewPCG(1, 2))
	nodes := make([]identity, publicNodes)
	for i := range nodes {
		nodes[i] = identityOf(uint64(i))
	}
	now := time.Unix(1_800_000_000, 0)
	var updates, names []durable.Row
	for i := range publicChannels {
		x, y := nodes[i%publicNodes].id, nodes[r.IntN(publicNodes)].id
		if x == y {
			y = nodes[(i+1)%publicNodes].id
		}
		scid := wire.NewShortChannelID(uint32(500_000+i/4), uint32(i%4), 0)
		a := graph.NewAnnouncement(chainHash, scid, graph.Half{Node: x, Bitcoin: x}, graph.Half{Node: y, Bitcoin: y})
		rows = append(rows, graph.AnnouncementRow{SCID: scid, Capacity: capacity, Raw: wire.Encode(a)})
		for d := range byte(2) {
			u := &wire.ChannelUpdate{
				ChainHash: chainHash, ShortChannelID: scid, Timestamp: uint32(now.Unix()), MessageFlags: 1, ChannelFlags: d,
				CLTVExpiryDelta: 40, FeeBaseMsat: uint32(r.IntN(2000)), HTLCMaximumMsat: capacity.Msat(),
			}
			updates = append(updates, graph.UpdateRow{SCID: scid, Direction: d, Raw: wire.Encode(u)})
		}
	}
	for _, n := range nodes {
		m := &wire.NodeAnnouncement{Timestamp: uint32(now.Unix()), NodeID: n.id, Addresses: []byte{1, 1, 2, 3, 4, 5, 6}}
		names = append(names, graph.NodeRow{Node: n.id, Raw: wire.Encode(m)})
	}
	return append(append(rows, updates...), names...)
}

// BenchmarkStart is a restart with the public graph on disk.
func BenchmarkStart(b *testing.B) {
	w := newWorld(&testing.T{})
	rows := publicGraph()
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		book, err := New(Config{Chain: chainHash, Source: w, Now: func() time.Time { return w.now }}, rows)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		runtime.KeepAlive(book)
		b.StartTimer()
	}
}

// BenchmarkARangeOfAllBlocks is the list of the whole public graph for one peer.
func BenchmarkARangeOfAllBlocks(b *testing.B) {
	w := newWorld(&testing.T{})
	alice := w.book("alice", 1)
	alice.ours[identityOf(50).id] = true
	for _, r := range publicGraph() {
		if err := alice.load(r); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		e := alice.stranger(50, nil)
		alice.with(e).credit = 1 << 30
		alice.Message(b.Context(), e, &wire.QueryChannelRange{
			ChainHash: chainHash, NumberOfBlocks: 1_000_000, Extra: []byte{1, 1, optionTimestamps | optionChecksums},
		})
		if len(e.sent) < 10 {
			b.Fatalf("%d replies", len(e.sent))
		}
		alice.Down(e)
	}
}
