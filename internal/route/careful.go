package route

import (
	"slices"

	"github.com/leyden-ln/leyden/internal/pay"
)

// maxPatience is how many channels the careful searches of a query may try, so
// that those that find nothing take a few milliseconds. In small networks it is
// never used up.
const maxPatience = 20_000

// state is a way that a careful search knows from a node to the payee.
type state struct {
	label
	node   int32
	parent int32 // the state of the next node; -1: this is the payee
	beaten bool  // another way from the node is better in every respect
}

// careful searches as [search.quick] does, but keeps all ways from a node of which
// none is better than another in every respect: a cheaper one may take too long, or
// leave an HTLC below a minimum.
func (s *search) careful(start label) pay.Route {
	highest := s.highestMinimum()
	s.round++ // no label of the quick search counts
	states := []state{{label: start, node: s.to, parent: -1}}
	known := map[int32][]int32{s.to: {0}} // states by node
	s.queue = append(s.queue[:0], item{})
	for len(s.queue) > 0 && s.patience > 0 {
		i := s.queue.pop().node
		at := states[i]
		if at.beaten {
			continue
		}
		if at.node == s.us {
			return s.track(states, i)
		}
		s.patience -= 1 + s.degree(at.node)
		s.extend(at.node, at.label, func(from int32, l label) {
			for k := i; k >= 0; k = states[k].parent {
				if states[k].node == from {
					return
				}
			}
			rest := known[from]
			if slices.ContainsFunc(rest, func(k int32) bool { return states[k].beats(&l, highest) }) {
				return
			}
			rest = slices.DeleteFunc(rest, func(k int32) bool {
				states[k].beaten = l.beats(&states[k].label, highest)
				return states[k].beaten
			})
			next := int32(len(states)) //nolint:gosec // bounded by patience
			states = append(states, state{label: l, node: from, parent: i})
			known[from] = append(rest, next)
			s.queue.push(item{l.cost, next})
		})
	}
	return nil
}

// degree is how many channels lead to a node, as far as the graph knows.
func (s *search) degree(node int32) int {
	if nodes := s.g.Nodes(); int(node) < len(nodes) {
		return len(nodes[node].Channels)
	}
	return 0
}

// beats says whether every way that goes on from m could go on from l, and would
// not be dearer. With a smaller amount it would fall below a minimum between the
// two; none is above highest.
func (l *label) beats(m *label, highest msat) bool {
	return l.cost <= m.cost && l.base <= m.base && l.delay <= m.delay && l.hops <= m.hops &&
		(l.amount == m.amount || l.amount < m.amount && l.amount >= highest)
}

// highestMinimum is that of all channels, among those that an HTLC of the search
// can reach.
func (s *search) highestMinimum() msat {
	var highest msat
	note := func(m msat) {
		if m > s.least && m <= s.most {
			highest = max(highest, m)
		}
	}
	for i := range s.g.Channels() {
		for d := range s.g.Channels()[i].Policies {
			note(s.g.Channels()[i].Policies[d].HTLCMinimum)
		}
	}
	for _, a := range s.q.announced {
		note(msat(a.policy.HTLCMinimum))
	}
	for _, t := range s.ways {
		if t.terms != nil {
			note(t.terms.HTLCMinimum)
		}
	}
	for _, o := range s.q.Own {
		note(o.Minimum)
	}
	return highest
}

// track reads the states from us to the payee.
func (s *search) track(states []state, i int32) pay.Route {
	var r pay.Route
	for ; states[i].parent >= 0; i = states[i].parent {
		next := &states[states[i].parent]
		r = append(r, s.hop(states[i].scid, next.node, next.label))
	}
	return slices.Clip(r)
}
