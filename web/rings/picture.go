package rings

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strings"
)

// Bounds of a picture. Nodes are named by two bytes in it.
const (
	MostNodes = 40_000
	MostLines = 100_000
	mostRings = 64
	mostName  = 32 // bytes of an alias, as BOLT 7 has it
	shortID   = 8  // bytes of an id, by which its node is found
)

// Picture is what the canvas draws, all integers little-endian:
//
//	nodes, lines, rings, 0                 4 × uint32; node 0 is this one
//	the outer radius of each ring          uint16
//	x, then y, of each node                int16
//	how many channels it has               uint16
//	the two ends of each line              2 × uint16
//	how many hops away each node is        uint8
//	the beginning of its id                8 bytes
//	the aliases, with line feeds between   UTF-8
func (n *Network) Picture() []byte {
	order := make([]int32, 0, len(n.Nodes))
	for i := range n.Nodes {
		if h := n.Nodes[i].Hops; h >= 0 && h < mostRings {
			order = append(order, int32(i)) //nolint:gosec // an index
		}
	}
	slices.SortStableFunc(order, func(i, j int32) int {
		return cmp.Or(cmp.Compare(min(i, 1), min(j, 1)), cmp.Compare(n.Nodes[j].Channels, n.Nodes[i].Channels))
	})
	order = order[:min(len(order), MostNodes)]
	place := make([]int32, len(n.Nodes)) // in the picture, from 1 up
	for k, i := range order {
		place[i] = int32(k) + 1 //nolint:gosec // bounded
	}
	lines := n.lines(place)
	outer := n.where.Outer[:min(len(n.where.Outer), mostRings)]

	b := make([]byte, 0, 16+2*len(outer)+len(order)*(7+shortID+mostName)+4*len(lines))
	for _, v := range []int{len(order), len(lines), len(outer), 0} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v)) //nolint:gosec // bounded
	}
	short := func(v int) { b = binary.LittleEndian.AppendUint16(b, uint16(v)) } //nolint:gosec // two's complement, and bounded
	for _, r := range outer {
		short(int(r))
	}
	for _, i := range order {
		short(int(n.where.X[i]))
	}
	for _, i := range order {
		short(int(n.where.Y[i]))
	}
	for _, i := range order {
		short(min(n.Nodes[i].Channels, math.MaxUint16))
	}
	for _, l := range lines {
		short(int(l[0]))
		short(int(l[1]))
	}
	for _, i := range order {
		b = append(b, byte(n.Nodes[i].Hops)) //nolint:gosec // fewer than mostRings
	}
	for _, i := range order {
		var id [shortID]byte
		_, _ = hex.Decode(id[:], []byte(n.Nodes[i].ID)[:min(len(n.Nodes[i].ID), 2*shortID)])
		b = append(b, id[:]...)
	}
	for k, i := range order {
		if k > 0 {
			b = append(b, '\n')
		}
		b = append(b, name(n.Nodes[i].Alias)...)
	}
	return b
}

// lines are those between nodes of the picture, the most important first.
func (n *Network) lines(place []int32) (lines [][2]int32) {
	for _, e := range n.edges {
		if a, b := place[e[0]]-1, place[e[1]]-1; a >= 0 && b >= 0 && a != b {
			lines = append(lines, [2]int32{min(a, b), max(a, b)})
		}
	}
	slices.SortFunc(lines, func(a, b [2]int32) int { return cmp.Or(cmp.Compare(a[1], b[1]), cmp.Compare(a[0], b[0])) })
	return lines[:min(len(lines), MostLines)]
}

// name is an alias on one line.
func name(alias string) string {
	alias = strings.Join(strings.Fields(alias), " ")
	if len(alias) > mostName {
		alias = strings.ToValidUTF8(alias[:mostName], "")
	}
	return alias
}
