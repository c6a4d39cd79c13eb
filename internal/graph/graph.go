package graph

import (
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Policy is the terms of one direction of a channel.
type Policy struct {
	Timestamp                 uint32 // unix seconds; zero: no channel_update is known
	FeeBaseMsat               uint32
	FeeProportionalMillionths uint32
	CLTVExpiryDelta           uint16 // blocks
	Flags                     byte   // channel_flags
	HTLCMinimum, HTLCMaximum  amount.MilliSatoshi
	Raw                       []byte // the channel_update as it came
}

// Known says whether there was a channel_update.
func (p *Policy) Known() bool { return p.Timestamp != 0 }

// Enabled says whether the direction takes HTLCs, as far as its node says.
func (p *Policy) Enabled() bool { return p.Known() && p.Flags&flagDisabled == 0 }

const (
	flagDirection = 1 // bit of channel_flags: which node
	flagDisabled  = 2
)

// Channel is a channel between two nodes. Direction 0 goes from Nodes[0], the
// lesser node id, to Nodes[1].
type Channel struct {
	SCID     wire.ShortChannelID
	Nodes    [2]int32 // indexes
	Capacity amount.Satoshi
	Policies [2]Policy // by direction
	Raw      []byte    // the channel_announcement as it came; nil: not public
}

// Public says whether the channel was announced.
func (c *Channel) Public() bool { return c.Raw != nil }

// Node is a node with a channel.
type Node struct {
	ID        wire.NodeID
	Timestamp uint32  // of its node_announcement; zero: none is known
	Raw       []byte  // the node_announcement as it came
	Channels  []int32 // indexes
}

// Graph is the network. The zero value is not ready: see [New].
type Graph struct {
	chain    chainhash.Hash
	nodes    []Node
	nodeOf   map[wire.NodeID]int32
	channels []Channel // a removed one has the SCID zero
	chanOf   map[wire.ShortChannelID]int32
	free     []int32 // indexes of removed channels
}

// New makes an empty graph of a chain.
func New(chain chainhash.Hash) *Graph {
	return &Graph{chain: chain, nodeOf: map[wire.NodeID]int32{}, chanOf: map[wire.ShortChannelID]int32{}}
}

// Nodes are all nodes by index. Some may have no channel any more.
func (g *Graph) Nodes() []Node { return g.nodes }

// Channels are all channels by index. One with SCID zero is removed.
func (g *Graph) Channels() []Channel { return g.channels }

// NodeIndex finds a node.
func (g *Graph) NodeIndex(id wire.NodeID) (int32, bool) {
	i, ok := g.nodeOf[id]
	return i, ok
}

// ByID finds a channel.
func (g *Graph) ByID(scid wire.ShortChannelID) (*Channel, bool) {
	i, ok := g.chanOf[scid]
	if !ok {
		return nil, false
	}
	return &g.channels[i], true
}

// Policy finds the terms of a node for one of its channels.
func (g *Graph) Policy(scid wire.ShortChannelID, from wire.NodeID) (*Policy, bool) {
	c, ok := g.ByID(scid)
	if !ok {
		return nil, false
	}
	for d := range c.Nodes {
		if g.nodes[c.Nodes[d]].ID == from {
			return &c.Policies[d], c.Policies[d].Known()
		}
	}
	return nil, false
}

func (g *Graph) node(id wire.NodeID) int32 {
	if i, ok := g.nodeOf[id]; ok {
		return i
	}
	i := int32(len(g.nodes)) //nolint:gosec // far fewer nodes than 2^31
	g.nodes = append(g.nodes, Node{ID: id})
	g.nodeOf[id] = i
	return i
}

// insert adds a channel between two nodes, the lesser id first.
func (g *Graph) insert(scid wire.ShortChannelID, a, b wire.NodeID, capacity amount.Satoshi, raw []byte) {
	c := Channel{SCID: scid, Nodes: [2]int32{g.node(a), g.node(b)}, Capacity: capacity, Raw: raw}
	var i int32
	if n := len(g.free); n > 0 {
		i, g.free = g.free[n-1], g.free[:n-1]
		g.channels[i] = c
	} else {
		i = int32(len(g.channels)) //nolint:gosec // far fewer channels than 2^31
		g.channels = append(g.channels, c)
	}
	g.chanOf[scid] = i
	for _, n := range c.Nodes {
		g.nodes[n].Channels = append(g.nodes[n].Channels, i)
	}
}

// Local adds a channel of ours that is not public, so that routes may use it and
// its updates have a place.
func (g *Graph) Local(scid wire.ShortChannelID, us, peer wire.NodeID, capacity amount.Satoshi) {
	if _, ok := g.chanOf[scid]; ok {
		return
	}
	if string(us[:]) > string(peer[:]) {
		us, peer = peer, us
	}
	g.insert(scid, us, peer, capacity, nil)
}

// Remove takes a channel away, because its funding output is spent. It returns
// false when there is none.
func (g *Graph) Remove(scid wire.ShortChannelID) bool {
	i, ok := g.chanOf[scid]
	if !ok {
		return false
	}
	for _, n := range g.channels[i].Nodes {
		list := g.nodes[n].Channels
		for k, c := range list {
			if c == i {
				list[k] = list[len(list)-1]
				g.nodes[n].Channels = list[:len(list)-1]
				break
			}
		}
	}
	delete(g.chanOf, scid)
	g.channels[i] = Channel{}
	g.free = append(g.free, i)
	return true
}
