//go:build !race

package rings

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestEachNodeIsOnTheRingOfItsDistance(t *testing.T) {
	// 0-1-2, 0-3, 3-2, and 4-5 to which there is no way.
	l := Around(6, 0, [][2]int32{{0, 1}, {1, 2}, {3, 0}, {3, 2}, {4, 5}})
	for i, want := range []int32{0, 1, 2, 1, -1, -1} {
		if l.Hops[i] != want {
			t.Errorf("node %d is %d hops away, not %d", i, l.Hops[i], want)
		}
	}
	if l.X[0] != 0 || l.Y[0] != 0 || len(l.Order) != 4 || l.Parent[2] != 1 || len(l.Outer) != 3 {
		t.Errorf("%+v", l)
	}
	for _, centre := range []int{-1, 6} {
		if l := Around(6, centre, nil); len(l.Order) != 0 {
			t.Errorf("around none: %+v", l)
		}
	}
	if l := Around(1, 0, [][2]int32{{0, 0}}); len(l.Order) != 1 {
		t.Errorf("alone: %+v", l)
	}
}

// public is a network as large as the public one, in which some nodes have many
// channels.
func public() *Network {
	r := rand.New(rand.NewPCG(1, 2))
	const count = 20_000
	nodes := make([]Node, count)
	var channels []Channel
	join := func(a, b int) {
		scid := fmt.Sprintf("%dx1x1", len(channels)/2)
		channels = append(channels, Channel{nodes[a].ID, nodes[b].ID, scid, 1000}, Channel{nodes[b].ID, nodes[a].ID, scid, 1000})
	}
	for i := range nodes {
		nodes[i] = Node{ID: fmt.Sprintf("02%064x", r.Uint64()), Alias: fmt.Sprint("node ", i)}
		if i > 0 {
			join(i, r.IntN(min(i, 300)))
		}
	}
	for range 3 * count {
		join(r.IntN(count), r.IntN(count/10))
	}
	return Build(nodes[count/4], nodes, channels)
}

func TestThePublicNetworkStaysInItsFrame(t *testing.T) {
	n := public()
	farthest := make([]int64, 100)
	for k, i := range n.where.Order {
		h := n.where.Hops[i]
		if k > 0 && h < n.where.Hops[n.where.Order[k-1]] {
			t.Fatalf("node %d, %d hops away, comes after one that is farther", i, h)
		}
	}
	for i := range n.Nodes {
		d := int64(n.where.X[i])*int64(n.where.X[i]) + int64(n.where.Y[i])*int64(n.where.Y[i])
		h := n.Nodes[i].Hops
		if d > Size*Size || h > 0 && d < farthest[h-1] {
			t.Fatalf("node %d, %d hops away, is at %d, %d", i, h, n.where.X[i], n.where.Y[i])
		}
		farthest[h] = max(farthest[h], d)
	}
	for h := 1; h < len(n.where.Outer); h++ {
		if out := int64(n.where.Outer[h]) + 1; farthest[h] > out*out {
			t.Errorf("ring %d, with a radius of %d, has a node at %d", h, out, farthest[h])
		}
	}
}

// drawn is a picture as its reader has it.
type drawn struct {
	x, y, channels, outer []int
	lines                 [][2]int
	hops                  []byte
	ids, names            []string
}

func read(t *testing.T, b []byte) (d drawn) {
	t.Helper()
	next := func(size int) int {
		var v int
		switch size {
		case 2:
			v = int(binary.LittleEndian.Uint16(b))
		case 4:
			v = int(binary.LittleEndian.Uint32(b))
		}
		b = b[size:]
		return v
	}
	nodes, lines, rings, zero := next(4), next(4), next(4), next(4)
	if zero != 0 {
		t.Errorf("it begins with %d", zero)
	}
	for range rings {
		d.outer = append(d.outer, next(2))
	}
	for range nodes {
		d.x = append(d.x, int(int16(next(2))))
	}
	for range nodes {
		d.y = append(d.y, int(int16(next(2))))
	}
	for range nodes {
		d.channels = append(d.channels, next(2))
	}
	for range lines {
		d.lines = append(d.lines, [2]int{next(2), next(2)})
	}
	d.hops, b = b[:nodes], b[nodes:]
	for range nodes {
		d.ids, b = append(d.ids, fmt.Sprintf("%x", b[:8])), b[8:]
	}
	d.names = strings.Split(string(b), "\n")
	if len(d.names) != nodes {
		t.Errorf("%d names for %d nodes", len(d.names), nodes)
	}
	return d
}

func TestAPictureBeginsWithWhatMatters(t *testing.T) {
	id := func(i int) string { return fmt.Sprintf("03%064x", i) }
	us := Node{ID: id(9), Alias: "alice"}
	n := Build(us, []Node{{ID: id(1), Alias: "carol\nand\tfriends"}, {ID: id(2), Alias: strings.Repeat("ü", 20)}}, []Channel{
		{id(9), id(1), "1x1x1", 1000}, {id(1), id(9), "1x1x1", 1000}, // both directions
		{id(1), id(2), "1x1x2", 2000}, {id(1), id(2), "1x1x3", 3000}, // two between the same
		{id(1), id(3), "1x1x4", 4000},
		{id(5), id(6), "1x1x5", 5000}, // out of reach
	})
	if len(n.Nodes) != 6 || n.Channels != 5 {
		t.Fatalf("%d nodes and %d channels", len(n.Nodes), n.Channels)
	}
	if c, ok := n.Node(id(1)); !ok || c.Hops != 1 || c.Channels != 4 || c.Capacity != 10_000 {
		t.Errorf("carol is %+v", c)
	}
	d := read(t, n.Picture())
	if !slices.Equal(d.names, []string{"alice", "carol and friends", strings.Repeat("ü", 16), ""}) || string(d.hops) != "\x00\x01\x02\x02" || !slices.Equal(d.channels, []int{1, 4, 2, 1}) {
		t.Errorf("the nodes are %q, %d hops away, with %d channels", d.names, d.hops, d.channels)
	}
	if fmt.Sprint(d.lines) != "[[0 1] [1 2] [1 3]]" {
		t.Errorf("the lines are %v", d.lines)
	}
	if d.ids[1] != id(1)[:16] || d.x[0] != 0 || d.y[0] != 0 || d.x[1] == 0 || len(d.outer) != 3 {
		t.Errorf("%+v", d)
	}
	alone := read(t, Build(us, nil, nil).Picture())
	if len(alone.names) != 1 || len(alone.lines) != 0 {
		t.Errorf("alone: %+v", alone)
	}
}

func TestAPictureIsBounded(t *testing.T) {
	n := public()
	b := n.Picture()
	d := read(t, b)
	t.Logf("%d nodes, %d channels: %d bytes", len(n.Nodes), n.Channels, len(b))
	if len(d.x) > MostNodes || len(d.lines) > MostLines || len(b) > 16+2*mostRings+MostNodes*(7+shortID+mostName+1)+4*MostLines {
		t.Errorf("%d nodes and %d lines in %d bytes", len(d.x), len(d.lines), len(b))
	}
	if !slices.IsSortedFunc(d.channels[1:], func(a, b int) int { return b - a }) {
		t.Error("a node with more channels comes later")
	}
	if !slices.IsSortedFunc(d.lines, func(a, b [2]int) int { return a[1] - b[1] }) {
		t.Error("a line comes before one between nodes that matter more")
	}
}

func TestNodesAreFoundByNameAndByTheBeginningOfTheirID(t *testing.T) {
	n := public()
	some, all := n.Find("NODE 1", 0, 50)
	if want := 11_111; len(some) != 50 || all != want {
		t.Errorf("%d of %d, not of %d", len(some), all, want)
	}
	if !slices.IsSortedFunc(some, func(a, b *Node) int { return a.Hops - b.Hops }) {
		t.Error("what is farther away comes first")
	}
	more, _ := n.Find("NODE 1", 50, 50)
	if len(more) != 50 || more[0] == some[0] {
		t.Error("the second page is the first")
	}
	for _, text := range []string{some[3].ID, " " + strings.ToUpper(some[3].ID[:64])} {
		if one, all := n.Find(text, 0, 50); all != 1 || one[0] != some[3] {
			t.Errorf("%d are found by %q", all, text)
		}
	}
	if none, all := n.Find("nobody", 0, 50); len(none) != 0 || all != 0 {
		t.Errorf("%d are nobody", all)
	}
	two := Build(Node{ID: strings.Repeat("02", 33)}, []Node{{ID: "03" + strings.Repeat("a", 63) + "1"}, {ID: "03" + strings.Repeat("a", 63) + "2"}}, nil)
	for id, want := range map[string]bool{
		strings.Repeat("02", 33): true, strings.Repeat("02", 8): true, strings.Repeat("02", 7): false, "03" + strings.Repeat("a", 14): false,
		"03" + strings.Repeat("a", 63) + "2": true, "": false, "zz": false,
	} {
		if x, ok := two.Node(id); ok != want || ok && !strings.HasPrefix(x.ID, id) {
			t.Errorf("%q: %v", id, ok)
		}
	}
}
