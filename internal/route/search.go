package route

import (
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

// maxHeight is the highest expiry that an HTLC can have.
const maxHeight = 1<<32 - 1

// label is a way known from a node to the payee.
type label struct {
	amount msat                // of the HTLC that must arrive at the node
	cost   uint64              // what the search makes as small as it can
	base   msat                // in bitcoin, where the amount is in tokens
	scid   wire.ShortChannelID // of the channel to the next node
	next   int32               // the node after this one; -1: this is the payee
	delay  uint32              // blocks from now to the HTLC's expiry
	round  uint32              // of the search that found it
	hops   int8
	done   bool
}

// edge is one direction of a channel of somebody else.
type edge struct {
	from, to int32
	way      way
	base     uint32
	ppm      uint32
	bitcoin  msat // the fee beside, where amounts are in tokens
	delta    uint16
	min, max msat
	capacity msat // zero: unknown
}

type way struct {
	scid      wire.ShortChannelID
	direction uint8
}

// told is what is known of a way beside the graph.
type told struct {
	excluded bool
	limited  bool
	below    msat          // carries less than this only, when it is limited
	used     msat          // by parts already found
	terms    *graph.Policy // that came with a failure; nil: the graph's
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
	own      map[int32][]Own  // by the node that they lead to
	ways     map[way]told
	shunned  map[int32]bool // no way goes on from these
	labels   []label
	round    uint32
	queue    queue
	base     msat // what may be paid in bitcoin, where amounts are in tokens
	least    msat // of the search under way: what is delivered
	most     msat // and what may be sent
	lost     bool // a limit has ruled out a way
	patience int  // channels that careful searches may still try; zero: quick ones only
}

func newSearch(g *graph.Graph, q Query) *search {
	s := &search{
		g: g, q: q, maxDelay: q.Find.MaxDelay, index: map[wire.NodeID]int32{}, hints: map[int32][]edge{},
		own: map[int32][]Own{}, ways: map[way]told{}, shunned: map[int32]bool{}, base: q.base,
	}
	s.us, s.to = s.node(q.Us), s.node(q.Find.Destination)
	for _, o := range q.Own {
		n := s.node(o.Peer)
		s.own[n] = append(s.own[n], o)
	}
	for _, path := range q.Find.Hints {
		for i, h := range path {
			next := q.Find.Destination
			if i+1 < len(path) {
				next = path[i+1].NodeID
			}
			to, w := s.node(next), way{h.SCID, direction(h.NodeID, next)}
			s.hints[to] = append(s.hints[to], edge{
				from: s.node(h.NodeID), to: to, way: w, bitcoin: msat(q.bases[w]),
				base: h.FeeBaseMsat, ppm: h.FeeProportionalMillionths, delta: h.CLTVExpiryDelta, max: ^msat(0),
			})
		}
	}
	for i := range q.announced {
		e := q.announced[i].edge(s)
		s.hints[e.to] = append(s.hints[e.to], e)
	}
	var none wire.NodeID
	for _, e := range q.Find.Exclude {
		if e.Node != none {
			s.shunned[s.node(e.Node)] = true
		} else {
			s.tell(way{e.SCID, e.Direction}, func(t *told) { t.excluded = true })
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
	for _, u := range q.Updates {
		if p, ok := g.Terms(u.Update, u.From, u.To); ok {
			s.tell(way{u.Update.ShortChannelID, direction(u.From, u.To)}, func(t *told) {
				if t.terms == nil || t.terms.Timestamp <= p.Timestamp {
					t.terms = &p
				}
			})
		}
	}
	s.labels = make([]label, len(g.Nodes())+len(s.ids))
	return s
}

func (s *search) tell(w way, change func(*told)) {
	t := s.ways[w]
	change(&t)
	s.ways[w] = t
}

// about is what is known of a way beside the graph: mostly nothing.
func (s *search) about(w way) told {
	if len(s.ways) == 0 {
		return told{}
	}
	return s.ways[w]
}

func (s *search) avoid(l pay.Limit) {
	var none wire.NodeID
	if l.Node != none {
		if l.Below == 0 {
			s.shunned[s.node(l.Node)] = true
		}
		return
	}
	s.tell(way{l.SCID, l.Direction}, func(t *told) {
		if !t.limited || l.Below < t.below {
			t.limited, t.below = true, l.Below
		}
	})
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

// path finds a path for amt within a limit of fees.
func (s *search) path(amt, maxFee msat) (pay.Route, error) {
	most, ok := amt.Add(maxFee)
	if !ok || most > s.q.exists() {
		most = s.q.exists()
	}
	s.least, s.most = amt, most
	start := label{amount: amt, delay: s.q.Find.FinalDelta, next: -1}
	r := s.quick(start)
	if r == nil && s.patience > 0 {
		r = s.careful(start)
	}
	if r == nil {
		return nil, s.none(amt)
	}
	return r, nil
}

// quick is Dijkstra's search. It keeps one way for each node, the cheapest, and so
// may run into a limit that a dearer way would have kept.
func (s *search) quick(start label) pay.Route {
	s.round++
	s.queue = s.queue[:0]
	s.reach(s.to, start)
	for len(s.queue) > 0 {
		at := s.queue.pop()
		l := &s.labels[at.node]
		if l.done || at.cost != l.cost {
			continue
		}
		l.done = true
		if at.node == s.us {
			return s.walk()
		}
		s.extend(at.node, *l, s.reach)
	}
	return nil
}

// reach notes a way from a node when it is the best so far. Of two equal ones the
// first stays, so that the answer does not depend on chance.
func (s *search) reach(node int32, l label) {
	old := &s.labels[node]
	if old.round == s.round && old.cost <= l.cost {
		return
	}
	l.round = s.round
	*old = l
	s.queue.push(item{l.cost, node})
}

// walk reads the labels from us to the payee.
func (s *search) walk() pay.Route {
	var r pay.Route
	for at := s.us; s.labels[at].next >= 0; at = s.labels[at].next {
		r = append(r, s.hop(s.labels[at].scid, s.labels[at].next, s.labels[s.labels[at].next]))
	}
	return slices.Clip(r)
}

// hop is the HTLC over a channel to a node whose label is l.
func (s *search) hop(scid wire.ShortChannelID, to int32, l label) pay.Hop {
	return pay.Hop{NodeID: s.id(to), SCID: scid, Amount: l.amount, CLTVExpiry: s.q.Height + l.delay}
}

// extend tries every channel that leads to a node with the label l, ours first,
// and tells the labels of the nodes at their other ends.
func (s *search) extend(node int32, l label, tell func(from int32, l label)) {
	if l.hops == MaxHops {
		s.lost = true
		return
	}
	for _, o := range s.own[node] {
		if next, ok := s.first(node, &l, o); ok {
			tell(s.us, next)
		}
	}
	for _, e := range s.hints[node] {
		t := s.about(e.way)
		if t.terms != nil && !e.on(t.terms) {
			continue
		}
		if next, ok := s.follow(&e, t, &l); ok {
			tell(e.from, next)
		}
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
		from := c.Nodes[d]
		if known := &s.labels[from]; known.done && known.round == s.round {
			continue
		}
		w := way{c.SCID, d}
		t := s.about(w)
		p := t.terms
		if p == nil {
			p = &c.Policies[d]
		}
		if !c.Usable(p) {
			continue
		}
		e := edge{from: from, to: node, way: w, capacity: c.Capacity.Msat()}
		e.on(p)
		if next, ok := s.follow(&e, t, &l); ok && !nodes[from].Strange {
			tell(from, next)
		}
	}
}

// on sets the terms of an edge. It returns false when they forbid its use.
func (e *edge) on(p *graph.Policy) bool {
	e.base, e.ppm, e.delta, e.min, e.max = p.FeeBaseMsat, p.FeeProportionalMillionths, p.CLTVExpiryDelta, p.HTLCMinimum, p.HTLCMaximum
	return p.Enabled()
}

// fits says whether an HTLC of amt is between two bounds. When it is not, but one
// of another amount that the search may send would be, a limit is to blame.
func (s *search) fits(amt, lowest, highest msat) bool {
	if lowest <= amt && amt <= highest {
		return true
	}
	s.lost = s.lost || lowest <= s.most && highest >= s.least
	return false
}

// room is how large an HTLC may be on a way where all HTLCs together must not
// exceed a bound.
func (t *told) room(bound msat) msat {
	if t.limited {
		bound = min(bound, t.below.Less0(1))
	}
	return bound.Less0(t.used)
}

// first tries the first hop: our own channel o to the node.
func (s *search) first(node int32, l *label, o Own) (label, bool) {
	t := s.about(way{o.SCID, direction(s.q.Us, o.Peer)})
	switch {
	case t.excluded:
		return label{}, false
	case !s.fits(l.amount, o.Minimum, min(o.Maximum, t.room(o.Spendable))):
		return label{}, false
	case l.delay > s.maxDelay || uint64(s.q.Height)+uint64(l.delay) > maxHeight:
		s.lost = true
		return label{}, false
	}
	return label{amount: l.amount, delay: l.delay, cost: l.cost, base: l.base, hops: l.hops + 1, next: node, scid: o.SCID}, true
}

// follow tries to pass the HTLC of a node on from the node before it.
func (s *search) follow(e *edge, t told, l *label) (label, bool) {
	room := t.room(^msat(0))
	if e.capacity > 0 {
		room = t.room(e.capacity)
	}
	if e.from == s.us || t.excluded || s.shunned[e.from] || !s.fits(l.amount, e.min, min(e.max, room)) {
		return label{}, false
	}
	taken := fee(e.base, e.ppm, l.amount)
	amt, ok := l.amount.Add(taken)
	delay := uint64(l.delay) + uint64(e.delta)
	base := l.base + e.bitcoin
	if !ok || amt > s.most || delay > uint64(s.maxDelay) || base > s.base {
		s.lost = true
		return label{}, false
	}
	cost := l.cost + uint64(taken) + uint64(e.bitcoin) + hopCost + uint64(amt)/1_000_000*lockedCost*uint64(e.delta)/1000
	if e.capacity > 0 {
		share := uint64(l.amount+t.used) / max(uint64(e.capacity)/1000, 1) // thousandths
		cost += fillCost / 1_000_000 * share * share
	}
	return label{
		amount: amt, delay: uint32(delay), cost: min(cost, costOverflow), base: base, hops: l.hops + 1, next: e.to, scid: e.way.scid, //nolint:gosec // at most maxDelay
	}, true
}

// charge remembers what a part takes of its channels.
func (s *search) charge(r pay.Route) {
	from := s.q.Us
	for _, h := range r {
		s.tell(way{h.SCID, direction(from, h.NodeID)}, func(t *told) { t.used += h.Amount })
		from = h.NodeID
	}
}
