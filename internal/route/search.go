package route

import (
	"container/heap"
	"slices"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/pay"
)

// Costs beside fees, in millisatoshi.
const (
	hopCost      = 500       // of each hop: something may go wrong
	lockedCost   = 15        // of a billion msat locked for a block
	fillCost     = 2_000_000 // of filling a channel's capacity, falling with the square of the share
	costOverflow = ^uint64(0) >> 2
)

// label is the best way known from a node to the payee.
type label struct {
	amount msat   // of the HTLC that must arrive at the node
	delay  uint32 // blocks from now to its expiry
	cost   uint64
	hops   int
	next   int32               // the node after this one; -1: this is the payee
	scid   wire.ShortChannelID // of the channel to it
	done   bool
	seen   bool
}

// edge is one direction of a channel of somebody else.
type edge struct {
	from, to  int32
	scid      wire.ShortChannelID
	direction uint8
	base, ppm uint32
	delta     uint16
	min, max  msat
	capacity  msat
}

type way struct {
	scid      wire.ShortChannelID
	direction uint8
}

// search is one query under way. Nodes that only hints name have indexes after
// those of the graph.
type search struct {
	g        *graph.Graph
	q        Query
	us       int32
	to       int32
	maxDelay uint32
	ids      []wire.NodeID // of nodes after the graph's
	index    map[wire.NodeID]int32
	hints    map[int32][]edge // by the node that they lead to
	used     map[way]msat     // charged by parts already found
	excluded map[way]bool
	shunned  map[int32]bool
	limits   map[way]msat // carry less than this only
	labels   []label
	queue    queue
}

func newSearch(g *graph.Graph, q Query) *search {
	s := &search{
		g: g, q: q, maxDelay: q.Find.MaxDelay, index: map[wire.NodeID]int32{}, hints: map[int32][]edge{},
		used: map[way]msat{}, excluded: map[way]bool{}, shunned: map[int32]bool{}, limits: map[way]msat{},
	}
	s.us, s.to = s.node(q.Us), s.node(q.Find.Destination)
	for _, path := range q.Find.Hints {
		for i, h := range path {
			next := q.Find.Destination
			if i+1 < len(path) {
				next = path[i+1].NodeID
			}
			to := s.node(next)
			s.hints[to] = append(s.hints[to], edge{
				from: s.node(h.NodeID), to: to, scid: h.SCID, direction: direction(h.NodeID, next),
				base: h.FeeBaseMsat, ppm: h.FeeProportionalMillionths, delta: h.CLTVExpiryDelta, max: ^msat(0),
			})
		}
	}
	var none wire.NodeID
	for _, e := range q.Find.Exclude {
		if e.Node != none {
			s.shunned[s.node(e.Node)] = true
		} else {
			s.excluded[way{e.SCID, e.Direction}] = true
		}
	}
	for _, l := range q.Find.Avoid {
		s.avoid(l)
	}
	if q.Memory != nil {
		for _, l := range q.Memory.Limits(q.Now) {
			s.avoid(l)
		}
	}
	s.labels = make([]label, len(g.Nodes())+len(s.ids))
	return s
}

func (s *search) avoid(l pay.Limit) {
	var none wire.NodeID
	if l.Node != none {
		if l.Below == 0 {
			s.shunned[s.node(l.Node)] = true
		}
		return
	}
	w := way{l.SCID, l.Direction}
	if old, ok := s.limits[w]; !ok || l.Below < old {
		s.limits[w] = l.Below
	}
}

func (s *search) node(id wire.NodeID) int32 {
	if i, ok := s.g.NodeIndex(id); ok {
		return i
	}
	if i, ok := s.index[id]; ok {
		return i
	}
	i := int32(len(s.g.Nodes()) + len(s.ids)) //nolint:gosec // far fewer than 2^31
	s.index[id] = i
	s.ids = append(s.ids, id)
	return i
}

func (s *search) id(i int32) wire.NodeID {
	if n := s.g.Nodes(); int(i) < len(n) {
		return n[i].ID
	}
	return s.ids[int(i)-len(s.g.Nodes())]
}

// path finds the cheapest path for amt within a limit of fees.
func (s *search) path(amt, maxFee msat) (pay.Route, error) {
	if need := len(s.g.Nodes()) + len(s.ids); need > len(s.labels) {
		s.labels = make([]label, need)
	}
	clear(s.labels)
	s.queue = s.queue[:0]
	most, ok := amt.Add(maxFee)
	if !ok {
		most = ^msat(0)
	}
	own := s.own()
	s.reach(s.to, label{amount: amt, delay: s.q.Find.FinalDelta, next: -1})
	for s.queue.Len() > 0 {
		at := heap.Pop(&s.queue).(item)
		l := &s.labels[at.node]
		if l.done || at.cost != l.cost {
			continue
		}
		l.done = true
		if at.node == s.us {
			return s.route(), nil
		}
		for _, o := range own[at.node] {
			s.leave(at.node, o)
		}
		if l.hops+1 < MaxHops {
			s.relax(at.node, most)
		}
	}
	return nil, s.none(amt)
}

// own groups our channels by the node that they lead to.
func (s *search) own() map[int32][]Own {
	out := make(map[int32][]Own, len(s.q.Own))
	for _, o := range s.q.Own {
		n := s.node(o.Peer)
		if int(n) < len(s.labels) {
			out[n] = append(out[n], o)
		}
	}
	return out
}

// leave tries the first hop: our own channel o to the node.
func (s *search) leave(node int32, o Own) {
	l := s.labels[node]
	w := way{o.SCID, direction(s.q.Us, o.Peer)}
	if s.shunned[node] && node != s.to || s.excluded[w] || l.amount < o.Minimum || l.amount > o.Maximum ||
		l.amount > o.Spendable.Less0(s.used[w]) || s.limited(w, l.amount) || l.delay > s.maxDelay {
		return
	}
	s.reach(s.us, label{amount: l.amount, delay: l.delay, cost: l.cost, hops: l.hops + 1, next: node, scid: o.SCID})
}

func (s *search) limited(w way, amt msat) bool {
	below, ok := s.limits[w]
	return ok && amt >= below
}

// relax tries every channel that leads to the node.
func (s *search) relax(node int32, most msat) {
	if s.shunned[node] && node != s.to {
		return
	}
	for _, e := range s.hints[node] {
		s.follow(e, most)
	}
	nodes := s.g.Nodes()
	if int(node) >= len(nodes) {
		return
	}
	channels := s.g.Channels()
	for _, i := range nodes[node].Channels {
		c := &channels[i]
		d := uint8(0)
		if c.Nodes[0] == node {
			d = 1
		}
		p := &c.Policies[d]
		if !p.Enabled() {
			continue
		}
		s.follow(edge{
			from: c.Nodes[d], to: node, scid: c.SCID, direction: d, base: p.FeeBaseMsat, ppm: p.FeeProportionalMillionths,
			delta: p.CLTVExpiryDelta, min: p.HTLCMinimum, max: p.HTLCMaximum, capacity: c.Capacity.Msat(),
		}, most)
	}
}

// follow tries to pass the node's HTLC over e.
func (s *search) follow(e edge, most msat) {
	l := s.labels[e.to]
	w := way{e.scid, e.direction}
	charged := l.amount + s.used[w]
	if e.from == s.us || s.labels[e.from].done || s.shunned[e.from] || s.excluded[w] ||
		l.amount < e.min || charged > e.max || e.capacity > 0 && charged > e.capacity || s.limited(w, charged) {
		return
	}
	taken := fee(e.base, e.ppm, l.amount)
	amt, ok := l.amount.Add(taken)
	delay := l.delay + uint32(e.delta)
	if !ok || amt > most || delay > s.maxDelay {
		return
	}
	cost := l.cost + uint64(taken) + hopCost + uint64(amt)/1_000_000*lockedCost*uint64(e.delta)/1000
	if e.capacity > 0 {
		share := uint64(charged) / max(uint64(e.capacity)/1000, 1) // thousandths
		cost += fillCost / 1_000_000 * share * share
	}
	s.reach(e.from, label{amount: amt, delay: delay, cost: min(cost, costOverflow), hops: l.hops + 1, next: e.to, scid: e.scid})
}

// reach notes a way from a node when it is the best so far. Of two equal ones the
// first stays, so that the answer does not depend on chance.
func (s *search) reach(node int32, l label) {
	old := &s.labels[node]
	if old.done || old.seen && old.cost <= l.cost {
		return
	}
	l.seen = true
	*old = l
	heap.Push(&s.queue, item{l.cost, node})
}

// route reads the labels from us to the payee.
func (s *search) route() pay.Route {
	var r pay.Route
	for at := s.us; s.labels[at].next >= 0; {
		l := s.labels[at]
		arrives := s.labels[l.next]
		r = append(r, pay.Hop{
			NodeID: s.id(l.next), SCID: l.scid, Amount: arrives.amount, CLTVExpiry: s.q.Height + arrives.delay,
		})
		at = l.next
	}
	return slices.Clip(r)
}

// charge remembers what a part takes of its channels.
func (s *search) charge(r pay.Route) {
	from := s.q.Us
	for _, h := range r {
		s.used[way{h.SCID, direction(from, h.NodeID)}] += h.Amount
		from = h.NodeID
	}
}

// item is a node in the queue, with the cost that it had when it was put there.
type item struct {
	cost uint64
	node int32
}

type queue []item

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].cost < q[j].cost || q[i].cost == q[j].cost && q[i].node < q[j].node
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(item)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
