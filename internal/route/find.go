package route

import (
	"errors"
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/relay"
)

type msat = amount.MilliSatoshi

// Own is a channel of ours that can carry HTLCs now.
type Own struct {
	SCID      wire.ShortChannelID // or the alias by which the link knows it
	Peer      wire.NodeID
	Spendable msat // at the most, in one HTLC or several
	Minimum   msat // the peer's htlc_minimum_msat
	Maximum   msat // of one HTLC
}

// Query is a question for routes.
type Query struct {
	Us     wire.NodeID
	Height uint32 // of the best block
	Find   *pay.Find
	Own    []Own
	Memory *Memory // nil: nothing was learnt
	Now    uint64  // unix seconds

	// Updates are what earlier attempts of this payment learnt of the terms of
	// channels: lessons with an Update. What the graph cannot believe is left out.
	Updates []pay.Lesson

	units     amount.Property // all amounts are units of this asset; 0: millisatoshi
	announced []announced     // its channels
	bases     map[way]uint32  // and their fees in bitcoin
	base      msat            // of which so much may be paid
}

// exists is all that there can be of what is paid.
func (q *Query) exists() msat {
	if q.units != 0 {
		return msat(amount.MaxUnits)
	}
	return amount.Max
}

// smallest is below what an amount is not split further.
func (q *Query) smallest() msat {
	if q.units != 0 {
		return 1
	}
	return smallestPart
}

// write writes an amount for an error.
func (q *Query) write(a msat) string {
	if q.units != 0 {
		return fmt.Sprintf("%d units of property %d", a, q.units)
	}
	return a.String()
}

// Announced are the channels of a node that the graph knows, each with its whole capacity.
func Announced(g *graph.Graph, id wire.NodeID) (own []Own) {
	index, known := g.NodeIndex(id)
	if !known {
		return nil
	}
	nodes, channels := g.Nodes(), g.Channels()
	for _, i := range nodes[index].Channels {
		c := &channels[i]
		d := uint8(0)
		if c.Nodes[1] == index {
			d = 1
		}
		if p := &c.Policies[d]; c.Usable(p) && p.Enabled() {
			own = append(own, Own{
				SCID: c.SCID, Peer: nodes[c.Nodes[1-d]].ID, Spendable: min(c.Capacity.Msat(), p.HTLCMaximum), Minimum: p.HTLCMinimum, Maximum: p.HTLCMaximum,
			})
		}
	}
	return own
}

// MaxHops is how many hops an onion has room for with ordinary payloads.
const MaxHops = 20

// smallestPart is below what an amount is not split further.
const smallestPart msat = 10_000_000

// Find answers a query: routes that deliver the amount together, at most
// Find.MaxParts of them, within the limits of fee and delay. The error is a
// [*pay.Error] with the code 205 (no way, or not enough balance, and then with Short) or
// 206 (above a limit, with Cost), in words that say which.
func Find(g *graph.Graph, q Query) ([]pay.Route, error) {
	f := q.Find
	switch {
	case f.Destination == q.Us:
		return nil, fail(pay.CodeRouteNotFound, "the destination is this node")
	case f.Amount == 0:
		return nil, fail(pay.CodeRouteNotFound, "nothing is to be delivered")
	}
	if err := q.affordable(); err != nil {
		return nil, err
	}
	s := newSearch(g, q)
	routes, err := s.split(f.Amount, f.MaxFee, max(f.MaxParts, 1))
	if err != nil && s.lost {
		s = newSearch(g, q)
		s.patience = maxPatience
		routes, err = s.split(f.Amount, f.MaxFee, max(f.MaxParts, 1))
	}
	if err == nil {
		return routes, nil
	}
	if q.Memory != nil && q.Memory.Any() {
		// What failed an hour ago may work now: better a doubtful way than none.
		q.Memory = nil
		return Find(g, q)
	}
	// Say what a limit of ours rules out.
	s = newSearch(g, q)
	s.maxDelay, s.base = ^uint32(0), ^msat(0)
	if routes, free := s.split(f.Amount, q.exists(), max(f.MaxParts, 1)); free == nil {
		return nil, tooCostly(q, routes)
	}
	if why, ok := errors.AsType[*pay.Error](err); ok && !q.reachable(g) {
		why.Short = pay.CodeDestinationShort
	}
	return nil, err
}

func fail(code pay.Code, format string, args ...any) *pay.Error {
	return &pay.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (q *Query) affordable() error {
	if len(q.Own) == 0 {
		return short(pay.CodeSourceShort, "no channel of this node can carry a payment now")
	}
	var sum msat
	for _, o := range q.Own {
		if o.Spendable > ^sum {
			return nil // more than there is, and more than enough
		}
		sum += o.Spendable
	}
	if sum < q.Find.Amount {
		return short(pay.CodeSourceShort, "not enough balance: %s can be spent, %s are asked for", q.write(sum), q.write(q.Find.Amount))
	}
	return nil
}

// short is an error that says at which end the capacity is missing.
func short(where pay.Code, format string, args ...any) *pay.Error {
	err := fail(pay.CodeRouteNotFound, format, args...)
	err.Short = where
	return err
}

// reachable says whether the channels to the destination can carry the amount together:
// those of the graph, ours and those of hints, whose size nobody knows.
func (q *Query) reachable(g *graph.Graph) bool {
	f := q.Find
	index, known := g.NodeIndex(f.Destination)
	if !known || len(f.Hints) > 0 {
		return true
	}
	left := f.Amount
	for _, o := range q.Own {
		if o.Peer == f.Destination {
			left = left.Less0(o.Spendable)
		}
	}
	nodes, channels := g.Nodes(), g.Channels()
	for _, i := range nodes[index].Channels {
		c := &channels[i]
		d := 0 // towards the destination
		if c.Nodes[0] == index {
			d = 1
		}
		if p := &c.Policies[d]; nodes[c.Nodes[d]].ID == q.Us || !c.Usable(p) {
			continue
		}
		if c.Capacity == 0 {
			return true
		}
		left = left.Less0(c.Capacity.Msat())
	}
	return left == 0
}

func tooCostly(q Query, routes []pay.Route) *pay.Error {
	var fee msat
	var delay uint32
	for _, r := range routes {
		fee += r.Sent() - r.Delivered()
		delay = max(delay, r[0].CLTVExpiry-q.Height)
	}
	why := fail(pay.CodeRouteTooCostly, "the way takes up to %d blocks, the limit is %d", delay, q.Find.MaxDelay)
	if fee > q.Find.MaxFee {
		why = fail(pay.CodeRouteTooCostly, "the cheapest way costs a fee of %s, the limit is %s", q.write(fee), q.write(q.Find.MaxFee))
	}
	var base msat
	for _, r := range routes {
		base += q.baseOf(r)
	}
	if base > q.base {
		why = fail(pay.CodeRouteTooCostly, "the cheapest way costs base fees of %s in bitcoin, the limit is %s", base, q.base)
	}
	why.Cost = &pay.Cost{Amount: q.Find.Amount, Fee: fee, Delay: delay}
	return why
}

// split finds routes for amt with at most fee in fees and at most parts of them.
func (s *search) split(amt, fee msat, parts int) ([]pay.Route, error) {
	var routes []pay.Route
	var last error
	for part := amt; ; {
		r, err := s.path(part, fee)
		if err == nil {
			routes = append(routes, r)
			s.charge(r)
			amt, fee = amt-part, fee-(r.Sent()-r.Delivered())
			s.base = s.base.Less0(s.q.baseOf(r))
			if amt == 0 {
				return routes, nil
			}
			part = min(part, amt)
		} else {
			last = err
			if part <= s.q.smallest() {
				return nil, last
			}
			part = (part + 1) / 2
		}
		// What is left must fit in the parts that are left.
		if left := parts - len(routes); left <= 0 || part < (amt+msat(left)-1)/msat(left) { //nolint:gosec // positive
			if last == nil {
				last = s.none(amt)
			}
			return nil, last
		}
	}
}

// baseOf is what a route with tokens costs in bitcoin.
func (q *Query) baseOf(r pay.Route) (sum msat) {
	for i := range r[1:] {
		sum += msat(q.bases[wayTo(r, i+1)])
	}
	return sum
}

func (s *search) none(amt msat) error {
	return fail(pay.CodeRouteNotFound, "no way to %s for %s is known", s.q.Find.Destination, s.q.write(amt))
}

// direction of the channel from one node to another, as in channel_flags.
func direction(from, to wire.NodeID) uint8 { return graph.Direction(from, to) }

// fee is what a hop takes for passing on amt; the largest value when it overflows.
func fee(base, ppm uint32, amt msat) msat {
	return relay.Policy{FeeBaseMsat: base, FeeProportionalMillionths: ppm}.Fee(amt)
}
