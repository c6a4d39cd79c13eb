package graph

import (
	"slices"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Remove takes a channel away, because its funding output is spent. A node whose
// last channel it was goes with it. It returns false when there is none.
func (g *Graph) Remove(scid wire.ShortChannelID) bool {
	i, ok := g.chanOf[scid]
	if !ok {
		return false
	}
	for _, n := range g.channels[i].Nodes {
		node := &g.nodes[n]
		k := slices.Index(node.Channels, i)
		node.Channels[k] = node.Channels[len(node.Channels)-1]
		node.Channels = node.Channels[:len(node.Channels)-1]
		if len(node.Channels) == 0 {
			delete(g.nodeOf, node.ID)
			*node = Node{}
			g.noNodes = append(g.noNodes, n)
		}
	}
	delete(g.chanOf, scid)
	g.channels[i] = Channel{}
	g.free = append(g.free, i)
	return true
}

// maxAge is after how long a channel_update no longer counts, in seconds: two
// weeks.
const maxAge = 1209600

// old says whether a channel_update is too old at the time now.
//
// BOLT 7: "older than two weeks (1209600 seconds)"
func old(timestamp, now uint32) bool { return uint64(timestamp)+maxAge < uint64(now) }

// Prune removes the public channels that nobody keeps up at the time now, in unix
// seconds: the last word of both sides is too old. It returns the rows to write.
// Channels of us stay, and so do those of which neither side has said anything
// yet. While one side speaks, the other may only be slow.
func (g *Graph) Prune(now uint32, us wire.NodeID) []durable.Row {
	mine, known := g.NodeIndex(us)
	var rows []durable.Row
	for i := range g.channels {
		c := &g.channels[i]
		last := max(c.Policies[0].Timestamp, c.Policies[1].Timestamp)
		if !c.Public() || last == 0 || !old(last, now) || known && slices.Contains(c.Nodes[:], mine) {
			continue
		}
		rows = append(rows, GoneRow{c.SCID})
		g.Remove(c.SCID)
	}
	return rows
}
