package gossip

import (
	"slices"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
)

// filter notes what a peer asked for and sends what is known of it (BOLT 7, "The
// `gossip_timestamp_filter` Message").
func (b *Book) filter(p Peer, m *wire.GossipTimestampFilter) {
	if m.ChainHash != b.cfg.Chain {
		return
	}
	l := listener{from: uint64(m.FirstTimestamp), until: uint64(m.FirstTimestamp) + uint64(m.TimestampRange)}
	b.peersMu.Lock()
	if _, ok := b.peers[p]; ok {
		b.peers[p] = &l
	}
	b.peersMu.Unlock()
	inRange := func(t uint32) bool { return uint64(t) >= l.from && uint64(t) < l.until }
	var out [][]byte
	b.Read(func(g *graph.Graph) {
		told := map[int32]bool{}
		for i := range g.Channels() {
			c := &g.Channels()[i]
			if c.Public() && (inRange(c.Policies[0].Timestamp) || inRange(c.Policies[1].Timestamp)) {
				out = append(out, collect(g, c, told, inRange)...)
			}
		}
	})
	b.sendRaw(p, out)
}

// collect is what is known of a public channel: its announcement, its updates,
// and its nodes' announcements where they were not told before.
func collect(g *graph.Graph, c *graph.Channel, told map[int32]bool, in func(uint32) bool) [][]byte {
	out := [][]byte{c.Raw}
	for d := range c.Policies {
		if p := &c.Policies[d]; p.Known() && in(p.Timestamp) {
			out = append(out, p.Raw)
		}
	}
	for _, n := range c.Nodes {
		if node := &g.Nodes()[n]; node.Raw != nil && !told[n] && in(node.Timestamp) {
			told[n] = true
			out = append(out, node.Raw)
		}
	}
	return out
}

func (b *Book) sendRaw(p Peer, raw [][]byte) {
	msgs := make([]wire.Message, 0, len(raw))
	for _, r := range raw {
		if m, err := wire.Decode(r); err == nil {
			msgs = append(msgs, m)
		}
	}
	if len(msgs) > 0 {
		b.tell(p, msgs...)
	}
}

// maxIDs is how many short channel ids fit in one reply.
const maxIDs = 8000

// uncompressed is the only encoding of short channel ids that is in use.
const uncompressed = 0

// query answers query_short_channel_ids.
func (b *Book) query(p Peer, m *wire.QueryShortChannelIDs) {
	end := &wire.ReplyShortChannelIDsEnd{ChainHash: m.ChainHash, FullInformation: m.ChainHash == b.cfg.Chain}
	var out [][]byte
	if e := m.EncodedShortIDs; len(e) > 0 && e[0] == uncompressed && end.FullInformation {
		b.Read(func(g *graph.Graph) {
			told := map[int32]bool{}
			for ids := e[1:]; len(ids) >= 8; ids = ids[8:] {
				if c, ok := g.ByID(scidOf(ids)); ok && c.Public() {
					out = append(out, collect(g, c, told, func(uint32) bool { return true })...)
				}
			}
		})
	}
	b.sendRaw(p, out)
	b.tell(p, end)
}

func scidOf(b []byte) (id wire.ShortChannelID) {
	for _, x := range b[:8] {
		id = id<<8 | wire.ShortChannelID(x)
	}
	return id
}

func appendSCID(b []byte, id wire.ShortChannelID) []byte {
	for shift := 56; shift >= 0; shift -= 8 {
		b = append(b, byte(id>>shift))
	}
	return b
}

// queryRange answers query_channel_range with as many replies as it takes.
func (b *Book) queryRange(p Peer, m *wire.QueryChannelRange) {
	first, last := uint64(m.FirstBlocknum), uint64(m.FirstBlocknum)+uint64(m.NumberOfBlocks)
	var ids []wire.ShortChannelID
	if m.ChainHash == b.cfg.Chain {
		b.Read(func(g *graph.Graph) {
			for i := range g.Channels() {
				c := &g.Channels()[i]
				if h := uint64(c.SCID.Height()); c.Public() && h >= first && h < last {
					ids = append(ids, c.SCID)
				}
			}
		})
	}
	slices.Sort(ids)
	for from := m.FirstBlocknum; ; {
		n := min(len(ids), maxIDs)
		for n > 0 && n < len(ids) && ids[n].Height() == ids[n-1].Height() {
			n-- // a block's channels stay together
		}
		if n == 0 {
			n = min(len(ids), maxIDs)
		}
		reply := &wire.ReplyChannelRange{
			ChainHash: m.ChainHash, FirstBlocknum: from, SyncComplete: m.ChainHash == b.cfg.Chain, EncodedShortIDs: []byte{uncompressed},
		}
		for _, id := range ids[:n] {
			reply.EncodedShortIDs = appendSCID(reply.EncodedShortIDs, id)
		}
		ids = ids[n:]
		next := min(last, uint64(^uint32(0)))
		if len(ids) > 0 {
			next = uint64(ids[0].Height())
		}
		reply.NumberOfBlocks = uint32(next - uint64(from)) //nolint:gosec // next is at most 2^32-1
		b.tell(p, reply)
		if len(ids) == 0 {
			return
		}
		from = uint32(next) //nolint:gosec // as above
	}
}
