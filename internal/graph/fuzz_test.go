//go:build !race

package graph_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
)

// crowd is five nodes in the order of their ids.
var crowd = func() (all []who) {
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		all = append(all, person(name))
	}
	slices.SortFunc(all, func(a, b who) int { return slices.Compare(a.id[:], b.id[:]) })
	return all
}()

// disk keeps rows as a store does.
type disk struct {
	announcements map[wire.ShortChannelID]graph.AnnouncementRow
	updates       map[wire.ShortChannelID]*[2]durable.Row
	nodes         map[wire.NodeID]graph.NodeRow
}

func (d *disk) write(rows ...durable.Row) {
	for _, r := range rows {
		switch r := r.(type) {
		case graph.AnnouncementRow:
			d.announcements[r.SCID] = r
		case graph.UpdateRow:
			if d.updates[r.SCID] == nil {
				d.updates[r.SCID] = new([2]durable.Row)
			}
			d.updates[r.SCID][r.Direction] = r
		case graph.NodeRow:
			d.nodes[r.Node] = r
		case graph.GoneRow:
			delete(d.announcements, r.SCID)
			delete(d.updates, r.SCID)
		}
	}
}

// load makes a graph of what is on disk.
func (d *disk) load(t *testing.T) *graph.Graph {
	g := graph.New(chain)
	for _, r := range d.announcements {
		load(t, g, r)
	}
	for _, both := range d.updates {
		for _, r := range both {
			if r != nil {
				load(t, g, r)
			}
		}
	}
	for _, r := range d.nodes {
		load(t, g, r)
	}
	return g
}

// crowded drives a graph with bytes.
type crowded struct {
	g     *graph.Graph
	disk  disk
	known map[wire.ShortChannelID]bool // channels that were taken and not removed
	most  int                          // of them at once
	input []byte
}

func (c *crowded) byte() (b byte) {
	if len(c.input) > 0 {
		b, c.input = c.input[0], c.input[1:]
	}
	return b
}

func (c *crowded) who() who { return crowd[int(c.byte())%len(crowd)] }

// act sends one message in, right or wrong.
func (c *crowded) act(t *testing.T) {
	id := wire.ShortChannelID(c.byte() % 8)
	var v graph.Verdict
	switch what := c.byte(); what % 6 {
	case 0:
		a := announcement(c.who(), c.who(), func(a *wire.ChannelAnnouncement) {
			a.ShortChannelID = id
			if what >= 200 {
				a.Features = wire.NewFeatures(wire.FeatureBit(what))
			}
		})
		a.NodeSignature2[c.byte()%64] ^= c.byte() & 1
		if err := c.g.Check(a); err != nil {
			return
		}
		if a.NodeID1 == a.NodeID2 || id == 0 {
			t.Fatalf("%+v is found good", a)
		}
		if v = c.g.Channel(a, amount.Satoshi(c.byte())*1000); v.Kind == graph.Accepted {
			c.known[id] = true
		}
	case 1:
		u := update(c.who(), func(u *wire.ChannelUpdate) {
			u.ShortChannelID, u.ChannelFlags, u.MessageFlags = id, c.byte()%4, what/6
			u.Timestamp = now + 3 - uint32(c.byte())*10_000
			u.HTLCMaximumMsat = amount.MilliSatoshi(c.byte()) * 1_000_000
		})
		before, had := c.g.ByID(id)
		var was graph.Channel
		if had {
			was = *before
		}
		v = c.g.Update(u, now)
		if v.Kind == graph.Accepted && (!had || was.Policies[u.ChannelFlags&1].Timestamp >= u.Timestamp) {
			t.Fatalf("%+v is taken after %+v", u, was)
		}
	case 2:
		n := nodeAnnouncement(c.who(), func(n *wire.NodeAnnouncement) {
			n.Timestamp, n.Addresses = now+3-uint32(c.byte()), c.input[:min(len(c.input), int(what/16))]
		})
		v = c.g.Node(n, now)
	case 3:
		if c.known[id] != c.g.Remove(id) {
			t.Fatalf("channel %s", id)
		}
		delete(c.known, id)
		c.disk.write(graph.GoneRow{SCID: id})
	case 4:
		if a, b := c.who(), c.who(); id != 0 && a.id != b.id {
			c.g.Local(id, a.id, b.id, 1000)
			c.known[id] = true
		}
	case 5:
		rows := c.g.Prune(now+uint32(c.byte())*100_000, c.who().id)
		for _, r := range rows {
			delete(c.known, r.(graph.GoneRow).SCID)
		}
		c.disk.write(rows...)
	}
	c.most = max(c.most, len(c.known))
	if (v.Kind == graph.Bad) != (v.Why != nil) || v.Kind != graph.Accepted && v.Row != nil {
		t.Fatalf("%+v", v)
	}
	if v.Row != nil {
		c.disk.write(v.Row)
	}
}

// check holds the graph against its invariants.
func (c *crowded) check(t *testing.T) {
	if n := len(c.g.Channels()); n > c.most {
		t.Fatalf("room for %d channels, of which there were at most %d", n, c.most)
	}
	if n := len(c.g.Nodes()); n > len(crowd) {
		t.Fatalf("room for %d nodes, of which there are %d", n, len(crowd))
	}
	listed := map[wire.ShortChannelID]int{}
	for i, n := range c.g.Nodes() {
		at, found := c.g.NodeIndex(n.ID)
		if len(n.Channels) == 0 {
			if !reflect.DeepEqual(n, graph.Node{}) {
				t.Fatalf("a node without channels is kept: %+v", n)
			}
			continue
		}
		if !found || int(at) != i {
			t.Fatalf("node %d is found at %d", i, at)
		}
		for _, k := range n.Channels {
			ch := &c.g.Channels()[k]
			if !slices.Contains(ch.Nodes[:], at) {
				t.Fatalf("node %d lists a channel of others", i)
			}
			listed[ch.SCID]++
		}
	}
	for i := range c.g.Channels() {
		ch := &c.g.Channels()[i]
		if ch.SCID == 0 {
			continue
		}
		same, ok := c.g.ByID(ch.SCID)
		one, two := c.g.Nodes()[ch.Nodes[0]].ID, c.g.Nodes()[ch.Nodes[1]].ID
		if !ok || same != ch || !c.known[ch.SCID] || listed[ch.SCID] != 2 || string(one[:]) >= string(two[:]) {
			t.Fatalf("channel %s: %+v, listed %d times", ch.SCID, ch, listed[ch.SCID])
		}
	}
	if len(listed) != len(c.known) {
		t.Fatalf("%d channels, not %d", len(listed), len(c.known))
	}
}

// same compares what is public with what is on disk.
func (c *crowded) same(t *testing.T) {
	loaded := c.disk.load(t)
	public := 0
	for i := range c.g.Channels() {
		ch := &c.g.Channels()[i]
		if !ch.Public() {
			continue
		}
		public++
		again, ok := loaded.ByID(ch.SCID)
		if !ok || again.Policies != ch.Policies || again.Capacity != ch.Capacity || again.Usable(&again.Policies[0]) != ch.Usable(&ch.Policies[0]) {
			t.Fatalf("%+v was loaded as %+v", ch, again)
		}
	}
	if public != len(loaded.Channels()) {
		t.Fatalf("%d public channels, %d loaded", public, len(loaded.Channels()))
	}
}

func FuzzGraph(f *testing.F) {
	f.Add([]byte{1, 0, 0, 1, 0, 0, 9, 1, 1, 0, 0, 5, 9, 1, 2, 0, 4})
	f.Add([]byte{1, 0, 0, 1, 0, 0, 9, 2, 0, 1, 2, 0, 0, 9, 1, 3, 1, 0, 3, 4, 0, 0, 7, 3, 4, 1, 2, 1, 5, 200, 0})
	f.Add([]byte{1, 0, 0, 1, 0, 0, 9, 1, 1, 0, 0, 5, 9, 1, 5, 255, 4, 1, 0, 2, 3, 0, 0, 9})
	f.Fuzz(func(t *testing.T, input []byte) {
		c := &crowded{
			g: graph.New(chain), known: map[wire.ShortChannelID]bool{}, input: input,
			disk: disk{
				announcements: map[wire.ShortChannelID]graph.AnnouncementRow{},
				updates:       map[wire.ShortChannelID]*[2]durable.Row{},
				nodes:         map[wire.NodeID]graph.NodeRow{},
			},
		}
		for range 64 {
			if len(c.input) == 0 {
				break
			}
			c.act(t)
			c.check(t)
		}
		c.same(t)
	})
}

func FuzzLoad(f *testing.F) {
	f.Add(wire.Encode(announcement(alice, bob)))
	f.Add(wire.Encode(update(alice)))
	f.Add(wire.Encode(nodeAnnouncement(alice)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		g := graph.New(chain)
		g.Local(scid, alice.id, bob.id, capacity)
		for _, row := range []durable.Row{
			graph.AnnouncementRow{SCID: 8, Raw: raw}, graph.UpdateRow{SCID: scid, Raw: raw}, graph.NodeRow{Node: alice.id, Raw: raw},
		} {
			_ = g.Load(row)
		}
		a, loaded := g.ByID(8)
		m, err := wire.Decode(raw)
		if err != nil {
			return // perhaps a point that is not on the curve, which loading does not ask
		}
		want, isAnnouncement := m.(*wire.ChannelAnnouncement)
		if loaded != isAnnouncement {
			t.Fatalf("a %s: loaded is %v", wire.Name(m), loaded)
		}
		if loaded && (g.Nodes()[a.Nodes[0]].ID != want.NodeID1 || g.Nodes()[a.Nodes[1]].ID != want.NodeID2) {
			t.Fatal("the nodes were read wrongly")
		}
	})
}
