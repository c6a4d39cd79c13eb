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
}

// Known says whether there was a channel_update.
func (p *Policy) Known() bool { return p.Timestamp != 0 }

// Enabled says whether the direction takes HTLCs, as far as its node says.
func (p *Policy) Enabled() bool { return p.Known() && p.Flags&flagDisabled == 0 }

const (
	flagDirection   = 1 // bit of channel_flags: which node
	flagDisabled    = 2
	flagDontForward = 2 // bit of message_flags
)

// Direction of a channel from one node to another, as in channel_flags: 0 from the
// lesser node id.
func Direction(from, to wire.NodeID) uint8 {
	if string(from[:]) < string(to[:]) {
		return 0
	}
	return flagDirection
}

// Channel is a channel between two nodes. Direction 0 goes from Nodes[0], the
// lesser node id, to Nodes[1].
type Channel struct {
	SCID     wire.ShortChannelID
	Nodes    [2]int32 // indexes
	Capacity amount.Satoshi
	Policies [2]Policy // by direction
	public   bool
	strange  bool // it needs features that are not known here
}

// Public says whether the channel was announced.
func (c *Channel) Public() bool { return c.public }

func (c *Channel) announced(f wire.Features) { c.public, c.strange = true, strangeChannel(f) }

// Usable says whether routes may take the channel on such terms of a direction.
//
// BOLT 7: "if `htlc_maximum_msat` is greater than channel capacity:" ...
// BOLT 7: "SHOULD ignore this channel during route considerations."
func (c *Channel) Usable(p *Policy) bool {
	return p.Enabled() && !c.strange && p.HTLCMinimum <= p.HTLCMaximum &&
		(c.Capacity == 0 || p.HTLCMaximum <= c.Capacity.Msat())
}

// Node is a node with a channel.
type Node struct {
	ID        wire.NodeID
	Strange   bool    // it needs features that are not known here: no route goes through it
	Timestamp uint32  // of its node_announcement; zero: none is known
	Raw       []byte  // the node_announcement as it came
	Channels  []int32 // indexes
}

// Graph is the network. The zero value is not ready: see [New].
type Graph struct {
	chain    chainhash.Hash
	nodes    []Node // a removed one has no channels
	nodeOf   map[wire.NodeID]int32
	noNodes  []int32   // indexes of removed nodes
	channels []Channel // a removed one has the SCID zero
	chanOf   map[wire.ShortChannelID]int32
	free     []int32 // indexes of removed channels
}

// New makes an empty graph of a chain.
func New(chain chainhash.Hash) *Graph {
	return &Graph{chain: chain, nodeOf: map[wire.NodeID]int32{}, chanOf: map[wire.ShortChannelID]int32{}}
}

// Nodes are all nodes by index. One without channels is removed.
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
	var i int32
	if n := len(g.noNodes); n > 0 {
		i, g.noNodes = g.noNodes[n-1], g.noNodes[:n-1]
		g.nodes[i] = Node{ID: id}
	} else {
		i = int32(len(g.nodes)) //nolint:gosec // far fewer nodes than 2^31
		g.nodes = append(g.nodes, Node{ID: id})
	}
	g.nodeOf[id] = i
	return i
}

// insert adds a channel between two nodes, the lesser id first.
func (g *Graph) insert(scid wire.ShortChannelID, a, b wire.NodeID, capacity amount.Satoshi) *Channel {
	c := Channel{SCID: scid, Nodes: [2]int32{g.node(a), g.node(b)}, Capacity: capacity}
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
	return &g.channels[i]
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
	g.insert(scid, us, peer, capacity)
}
