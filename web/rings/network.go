package rings

import (
	"cmp"
	"slices"
	"strings"

	"github.com/leyden-ln/leyden/amount"
)

// Node is a node of the network.
type Node struct {
	ID       string
	Alias    string
	Hops     int // from us; -1: there is no way
	Channels int
	Capacity amount.MilliSatoshi
}

// Channel is a channel between two nodes, or one direction of it.
type Channel struct {
	A, B     string // node ids
	SCID     string
	Capacity amount.MilliSatoshi
}

// Network is the network as one node knows it.
type Network struct {
	Nodes    []Node // the nearest first, and of those the best connected
	Channels int

	index map[string]int32
	edges [][2]int32 // without those that say the same
	where Layout
}

// Build makes the network around a node. Nodes need not be listed: those of a channel
// are known by it. A channel may come twice, once a direction.
func Build(us Node, nodes []Node, channels []Channel) *Network {
	n := &Network{index: make(map[string]int32, len(nodes)+1)}
	n.add(us.ID, us.Alias)
	for _, x := range nodes {
		n.add(x.ID, x.Alias)
	}
	seen := make(map[string]bool, len(channels)/2)
	for _, c := range channels {
		if seen[c.SCID] {
			continue
		}
		seen[c.SCID] = true
		e := [2]int32{n.add(c.A, ""), n.add(c.B, "")}
		n.Channels++
		n.edges = append(n.edges, e)
		for _, i := range e {
			n.Nodes[i].Channels++
			n.Nodes[i].Capacity += c.Capacity // no more than there are bitcoins, twice
		}
	}
	n.where = Around(len(n.Nodes), 0, n.edges)
	for i := range n.Nodes {
		n.Nodes[i].Hops = int(n.where.Hops[i])
	}
	n.sort()
	return n
}

func (n *Network) add(id, alias string) int32 {
	i, known := n.index[id]
	if !known {
		i = int32(len(n.Nodes)) //nolint:gosec // in memory
		n.index[id] = i
		n.Nodes = append(n.Nodes, Node{ID: id, Alias: alias})
	}
	return i
}

// sort puts the nodes into their order, and what speaks of them.
func (n *Network) sort() {
	order := make([]int32, len(n.Nodes))
	for i := range order {
		order[i] = int32(i) //nolint:gosec // an index
	}
	slices.SortFunc(order, func(i, j int32) int {
		a, b := &n.Nodes[i], &n.Nodes[j]
		return cmp.Or(cmp.Compare(uint(a.Hops), uint(b.Hops)), cmp.Compare(b.Channels, a.Channels), cmp.Compare(a.ID, b.ID)) //nolint:gosec // -1 is last
	})
	place := make([]int32, len(order))
	nodes := make([]Node, len(order))
	x, y := make([]int32, len(order)), make([]int32, len(order))
	for k, i := range order {
		place[i], nodes[k], x[k], y[k] = int32(k), n.Nodes[i], n.where.X[i], n.where.Y[i] //nolint:gosec // an index
		n.index[nodes[k].ID] = int32(k)                                                   //nolint:gosec // an index
	}
	n.Nodes, n.where.X, n.where.Y = nodes, x, y
	for k, e := range n.edges {
		a, b := place[e[0]], place[e[1]]
		n.edges[k] = [2]int32{min(a, b), max(a, b)}
	}
	slices.SortFunc(n.edges, func(a, b [2]int32) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	n.edges = slices.Compact(n.edges)
}

// Node gives the node with an id, or the only one whose id begins so, by 16 digits at
// least.
func (n *Network) Node(id string) (*Node, bool) {
	if i, known := n.index[id]; known {
		return &n.Nodes[i], true
	}
	if len(id) < 2*shortID {
		return nil, false
	}
	var found *Node
	for i := range n.Nodes {
		if strings.HasPrefix(n.Nodes[i].ID, id) {
			if found != nil {
				return nil, false
			}
			found = &n.Nodes[i]
		}
	}
	return found, found != nil
}

// Find gives the nodes whose alias has the text in it, or whose id begins so: up to
// limit of them, from one on, and how many there are.
func (n *Network) Find(text string, from, limit int) (some []*Node, all int) {
	text = strings.ToLower(strings.TrimSpace(text))
	for i := range n.Nodes {
		x := &n.Nodes[i]
		if !strings.HasPrefix(x.ID, text) && !strings.Contains(strings.ToLower(x.Alias), text) {
			continue
		}
		if all >= from && len(some) < limit {
			some = append(some, x)
		}
		all++
	}
	return some, all
}
