// Package graph is the public network as gossip tells it (BOLT 7): channels with
// the terms of each direction, and nodes. It is pure: messages in, verdicts and
// rows out.
//
//	v := g.Channel(announcement, capacity) // or g.Update, g.Node
//	switch v.Kind {
//	case graph.Accepted: // write v.Row, then pass the message on
//	case graph.Bad:      // v.Why goes to the peer that sent it
//	}
//
// Nothing enters that is not signed: a channel by both nodes and both funding
// keys, a channel_update by its node, a node_announcement by the node, which must
// have a channel. Whether the funding output exists is asked of the chain by the
// caller, who passes its value.
//
// The messages themselves are on disk: the graph keeps of them what a search
// reads, and the latest announcement of each node. Nodes and channels have small
// indexes, and each node lists its channels, so that a search walks slices. A Graph
// has one writer; readers hold the lock of whoever owns it.
//
// A channel_update that came with a failed payment is no gossip: [Graph.Terms] tells
// what it says, and forgets it.
package graph
