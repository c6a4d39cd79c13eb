package gossip

import (
	"encoding/binary"
	"maps"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
)

// What a record of the fuzzer's input does besides bringing a message.
const (
	fuzzTick = iota
	fuzzHour
	fuzzBlock
	fuzzSpend
	fuzzDown
	fuzzMessage
)

// FuzzGossip brings messages of two peers, time and blocks to a book, in any order,
// and then looks whether what the book knows of itself is true.
func FuzzGossip(f *testing.F) {
	record := func(kind byte, body []byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(body))), body...)
	}
	w := newWorld(&testing.T{})
	all := w.network(3)
	outputs := w.outputs
	var whole []byte
	for i, m := range all {
		whole = append(whole, record(fuzzMessage+byte(i%2), wire.Encode(m))...)
	}
	f.Add(whole)
	f.Add(append(append(whole, record(fuzzTick, nil)...), record(fuzzSpend, nil)...))
	ids := wire.EncodeShortIDs([]wire.ShortChannelID{at(700_000)})
	for _, m := range []wire.Message{
		reply(0, 800_001, true, at(700_000)), reply(0, 5, false),
		&wire.QueryShortChannelIDs{ChainHash: chainHash, EncodedShortIDs: ids},
		&wire.QueryChannelRange{ChainHash: chainHash, NumberOfBlocks: 1_000_000, Extra: []byte{1, 1, 3}},
		&wire.GossipTimestampFilter{ChainHash: chainHash, TimestampRange: ^uint32(0)},
		&wire.ReplyShortChannelIDsEnd{ChainHash: chainHash, FullInformation: true},
	} {
		f.Add(append(record(fuzzMessage, wire.Encode(m)), whole...))
		f.Add(append(append([]byte{}, whole...), append(record(fuzzMessage, wire.Encode(m)), record(fuzzHour, nil)...)...))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		w := newWorld(t)
		w.outputs = maps.Clone(outputs)
		alice := w.book("alice", 1)
		peers := []*end{alice.stranger(50, extended), alice.stranger(51, wire.NewFeatures(wire.GossipQueries))}
		for steps := 0; len(in) >= 3 && steps < 50; steps++ {
			kind, size := in[0], int(binary.BigEndian.Uint16(in[1:]))
			body := in[3:min(3+size, len(in))]
			in = in[min(3+size, len(in)):]
			switch kind {
			case fuzzTick:
				w.now = w.now.Add(time.Minute)
				alice.Tick(t.Context())
			case fuzzHour:
				w.now = w.now.Add(time.Hour)
				alice.Tick(t.Context())
			case fuzzBlock:
				w.height += 10
				alice.Block(t.Context())
			case fuzzSpend:
				delete(w.outputs, wire.NewShortChannelID(700_000, 0, 0))
				alice.Block(t.Context(), spend(identityOf(1000), identityOf(2000)))
			case fuzzDown:
				alice.Down(peers[0])
			default:
				if m, err := wire.Decode(body); err == nil {
					alice.Message(t.Context(), peers[int(kind)%2], m)
				}
			}
		}
		alice.picture() // compares the graph with the disk
		consistent(t, alice.Book)
	})
}

// consistent says whether a book's index is that of its graph.
func consistent(t *testing.T, b *Book) {
	t.Helper()
	public := 0
	b.Read(func(g *graph.Graph) {
		for i := range g.Channels() {
			c := &g.Channels()[i]
			if c.SCID == 0 || !c.Public() {
				continue
			}
			public++
			e := b.index.channels[c.SCID]
			if e == nil {
				t.Fatalf("%s is not in the index", c.SCID)
			}
			for d := range c.Policies {
				if c.Policies[d].Known() != (e.sums[d] != 0) {
					t.Errorf("%s has no checksum of direction %d", c.SCID, d)
				}
			}
		}
	})
	if n := len(b.index.channels); n != public || len(b.index.order) != n {
		t.Errorf("%d channels in the graph, %d in the index, %d in order", public, n, len(b.index.order))
	}
	n := 0
	for _, ids := range b.index.byFunding {
		n += len(ids)
	}
	if n != public {
		t.Errorf("%d channels by funding, want %d", n, public)
	}
	if len(b.waiting.order) < len(b.waiting.held) {
		t.Error("something waits that will never leave")
	}
}
