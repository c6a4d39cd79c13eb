package route

import (
	"errors"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/relay"
)

// FindOver is [Find] for a payment that one of Find.Offers exchanges on its way: bitcoin
// goes to the exchange and tokens from there to the payee, or the other way round. Of
// several exchanges it takes the one that costs least. Each part is a way of its own.
// Announced are the channels with the tokens that gossip tells of.
func FindOver(g *graph.Graph, q Query, own []OwnTokens, announced []assetgraph.Channel) (routes []pay.Route, err error) {
	if q.Find.Destination == q.Us {
		return nil, fail(pay.CodeRouteNotFound, "the destination is this node")
	}
	err = fail(pay.CodeRouteNotFound, "no exchange is known")
	least := ^uint64(0)
	for i := range q.Find.Offers {
		o := over{g: g, q: q, own: slices.Clone(own), announced: announced, offer: &q.Find.Offers[i], sells: q.Find.Units != 0}
		o.q.Own = slices.Clone(q.Own)
		found, why := o.split()
		if why != nil {
			if routes == nil {
				err = why
			}
			continue
		}
		if cost := o.cost(found); cost < least {
			routes, least, err = found, cost, nil
		}
	}
	return routes, err
}

// over is the search for ways over one exchange. What is paid and what it costs are counted
// in units where tokens are, in millisatoshi where bitcoin is.
type over struct {
	g         *graph.Graph
	q         Query
	own       []OwnTokens
	announced []assetgraph.Channel
	offer     *rate.Offer
	sells     bool // tokens arrive, bitcoin is sent
}

func (o *over) cost(routes []pay.Route) (sum uint64) {
	for _, r := range routes {
		if o.sells {
			sum += uint64(r.Sent())
		} else {
			sum += uint64(r.SentUnits())
		}
	}
	return sum
}

// split finds ways for all that is paid, in as many parts as it takes.
func (o *over) split() (routes []pay.Route, err error) {
	f := o.q.Find
	left, limit, smallest := uint64(f.Amount), uint64(f.MaxFeeUnits), uint64(smallestPart)
	if o.sells {
		left, limit, smallest = uint64(f.Units), uint64(f.MaxFee), uint64(o.offer.Least)
	}
	if o.offer.Node == o.q.Us {
		return nil, fail(pay.CodeRouteNotFound, "this node does not exchange for itself")
	}
	var last error
	parts := uint64(max(f.MaxParts, 1)) //nolint:gosec // positive
	for part := left; ; {
		r, err := o.path(part, limit)
		if err == nil {
			routes = append(routes, r)
			o.charge(r)
			left, limit = left-part, limit-o.cost([]pay.Route{r})
			if left == 0 {
				return routes, nil
			}
			part = min(part, left)
		} else {
			last = err
			if why, ok := errors.AsType[*pay.Error](err); ok && why.Code == pay.CodeRouteTooCostly || part <= smallest {
				return nil, last
			}
			part = (part + 1) / 2
		}
		if free := parts - uint64(len(routes)); free == 0 || part < (left+free-1)/free {
			if last == nil {
				last = fail(pay.CodeRouteNotFound, "it would take more than %d parts over the exchange %s", parts, o.offer.Node)
			}
			return nil, last
		}
	}
}

// charge takes what a part sends from our own channel.
func (o *over) charge(r pay.Route) {
	for i := range o.q.Own {
		if c := &o.q.Own[i]; c.SCID == r[0].SCID {
			c.Spendable = c.Spendable.Less0(r.Sent())
		}
	}
	for i := range o.own {
		if c := &o.own[i]; c.SCID == r[0].SCID {
			c.Spendable -= min(c.Spendable, r.SentUnits())
		}
	}
}

// path finds the way for one part: first that from the exchange to the payee, which says
// what must come there, then that from us.
func (o *over) path(part, limit uint64) (pay.Route, error) {
	f := *o.q.Find
	f.MaxParts, f.Offers = 1, nil
	q := o.q
	q.Find, q.Us = &f, o.offer.Node
	q.Find.MaxDelay = min(f.MaxDelay, uint32(o.offer.Blocks))
	q.Find.Exclude = append(slices.Clone(f.Exclude), pay.Exclusion{Node: o.q.Us})
	q.Find.Hints = nil
	var begin []bolt11.HopHint // channels of the exchange itself
	for _, path := range o.q.Find.Hints {
		if len(path) > 0 && path[0].NodeID == o.offer.Node {
			begin = append(begin, path[0])
			path = path[1:]
		}
		if len(path) > 0 {
			q.Find.Hints = append(q.Find.Hints, path)
		}
	}
	if o.sells {
		return o.sell(q, begin, amount.Units(part), amount.MilliSatoshi(limit))
	}
	return o.buy(q, begin, amount.MilliSatoshi(part), amount.Units(limit))
}

// peer is the node to which a hinted channel of the exchange leads: the next one of the
// path, or the payee.
func (o *over) peer(first *bolt11.HopHint) wire.NodeID {
	for _, path := range o.q.Find.Hints {
		if len(path) > 1 && path[0] == *first {
			return path[1].NodeID
		}
	}
	return o.q.Find.Destination
}

// defaultCarrier is what carries tokens where nobody says what must: enough at a feerate of
// 253 sat per 1000 weight. It is doubled where an exchange asks for more.
const defaultCarrier msat = 1_500_000

// sell finds the way of a part for which bitcoin is sent and tokens arrive.
func (o *over) sell(q Query, begin []bolt11.HopHint, units amount.Units, limit msat) (pay.Route, error) {
	f := q.Find
	f.Units, f.MaxFeeUnits, f.MaxFee = units, amount.MaxUnits, amount.Max
	own := o.ofExchange(begin)
	if len(own) == 0 {
		return nil, fail(pay.CodeRouteNotFound, "no channel of the exchange %s with tokens of property %d is announced, and the invoice names none", o.offer.Node, f.Property)
	}
	onward, err := FindTokens(q, own, o.announced)
	if err != nil {
		return nil, o.beyond(err)
	}
	first := onward[0][0]
	if err := o.amount(first.Units); err != nil {
		return nil, err
	}
	terms := o.terms(first, begin)
	ask, ok := o.offer.AskFor(first.Units, first.Amount, terms.Fee)
	if !ok {
		return nil, fail(pay.CodeRouteTooCostly, "at the rate of the exchange %s it would cost more than there can be", o.offer.Node)
	}
	if ask > limit {
		return nil, fail(pay.CodeRouteTooCostly, "at the rate of the exchange %s it would cost at least %s, the limit is %s", o.offer.Node, ask, limit)
	}
	in := o.inward(first, terms)
	in.Find.Property, in.Find.Units, in.Find.Amount, in.Find.MaxFee = 0, 0, ask, limit-ask
	routes, err := Find(o.g, in)
	if err != nil {
		return nil, err
	}
	return append(routes[0], onward[0]...), nil
}

// ofExchange are the channels of the exchange with the tokens: those that the invoice names,
// and the others that are announced.
func (o *over) ofExchange(begin []bolt11.HopHint) (own []OwnTokens) {
	carrier, property := o.offer.Carrier, o.q.Find.Property
	if carrier == 0 {
		carrier = defaultCarrier
	}
	for i := range begin {
		own = append(own, OwnTokens{SCID: begin[i].SCID, Peer: o.peer(&begin[i]), Property: property, Spendable: amount.MaxUnits, Carrier: carrier})
	}
	for i := range o.announced {
		c := &o.announced[i]
		d := slices.Index(c.Nodes[:], o.offer.Node)
		if d < 0 || c.Property != property || !c.Usable(d) || slices.ContainsFunc(begin, func(h bolt11.HopHint) bool { return h.SCID == c.SCID }) {
			continue
		}
		if p := &c.Policies[d]; p.Carrier <= mostCarrier(carrier) {
			own = append(own, OwnTokens{
				SCID: c.SCID, Peer: c.Nodes[1-d], Property: property, Minimum: p.HTLCMinimum, Spendable: p.HTLCMaximum, Carrier: max(carrier, p.Carrier),
			})
		}
	}
	return own
}

// buy finds the way of a part for which tokens are sent and bitcoin arrives.
func (o *over) buy(q Query, begin []bolt11.HopHint, amt msat, limit amount.Units) (pay.Route, error) {
	f := q.Find
	f.Amount, f.MaxFee, f.Property = amt, amount.Max, 0
	q.Own = Announced(o.g, o.offer.Node)
	for i := range begin {
		q.Own = append(q.Own, Own{SCID: begin[i].SCID, Peer: o.peer(&begin[i]), Spendable: amount.Max, Maximum: amount.Max})
	}
	if len(q.Own) == 0 {
		return nil, fail(pay.CodeRouteNotFound, "no channel of the exchange %s is known", o.offer.Node)
	}
	onward, err := Find(o.g, q)
	if err != nil {
		return nil, o.beyond(err)
	}
	first := onward[0][0]
	terms := o.terms(first, begin)
	in := o.inward(first, terms)
	in.Find.Amount = 0
	// What carries the tokens counts too, and is known when their way is.
	carrier := o.carrier()
	for range mostCarriers {
		units, ok := o.offer.UnitsFor(first.Amount, carrier, terms.Fee)
		if !ok {
			return nil, fail(pay.CodeRouteTooCostly, "at the rate of the exchange %s it would cost more than there can be", o.offer.Node)
		}
		if err := o.amount(units); err != nil {
			return nil, err
		}
		if units > limit {
			return nil, fail(pay.CodeRouteTooCostly, "at the rate of the exchange %s it would cost at least %d units, the limit is %d", o.offer.Node, units, limit)
		}
		in.Find.Units, in.Find.MaxFeeUnits = units, limit-units
		routes, err := FindTokens(in, o.own, o.announced)
		if err != nil {
			return nil, err
		}
		if came := routes[0].Delivered(); came != carrier {
			carrier = came
			continue
		}
		return append(routes[0], onward[0]...), nil
	}
	return nil, fail(pay.CodeRouteNotFound, "no way to the exchange %s is known", o.offer.Node)
}

// beyond says of an error that it is about the way from the exchange on.
func (o *over) beyond(err error) error {
	why, ok := errors.AsType[*pay.Error](err)
	if !ok {
		return err
	}
	return fail(why.Code, "from the exchange %s: %s", o.offer.Node, why.Message)
}

// mostCarriers is how often the bitcoin that goes with tokens may turn out to be another.
const mostCarriers = 3

// carrier is what our own channels ask to go with tokens.
func (o *over) carrier() (most msat) {
	for _, c := range o.own {
		if c.Property == o.q.Find.Property {
			most = max(most, c.Carrier)
		}
	}
	return most << min(o.q.Find.Raise, mostRaise)
}

// amount says whether one HTLC of so many units is exchanged.
func (o *over) amount(units amount.Units) error {
	if units < o.offer.Least || units > o.offer.Most {
		return fail(pay.CodeRouteNotFound, "the exchange %s exchanges from %d to %d units at once, not %d", o.offer.Node, o.offer.Least, o.offer.Most, units)
	}
	return nil
}

// inward is the question for a way from us to the exchange, so that an HTLC can go on from
// there as first.
func (o *over) inward(first pay.Hop, terms relay.Policy) Query {
	f := *o.q.Find
	f.MaxParts, f.Offers, f.Hints, f.Destination = 1, nil, nil, o.offer.Node
	f.FinalDelta = first.CLTVExpiry - o.q.Height + uint32(terms.CLTVExpiryDelta)
	q := o.q
	q.Find = &f
	return q
}

// terms are those of the exchange's channel over which a hop goes.
func (o *over) terms(first pay.Hop, begin []bolt11.HopHint) (out relay.Policy) {
	for _, h := range begin {
		if h.SCID == first.SCID {
			return relay.Policy{FeeBaseMsat: h.FeeBaseMsat, FeeProportionalMillionths: h.FeeProportionalMillionths, CLTVExpiryDelta: h.CLTVExpiryDelta}
		}
	}
	d := direction(o.offer.Node, first.NodeID)
	for i := range o.announced {
		if c := &o.announced[i]; o.sells && c.SCID == first.SCID {
			p := &c.Policies[d]
			return relay.Policy{FeeBaseMsat: p.FeeBaseMsat, FeeProportionalMillionths: p.FeeProportionalMillionths, CLTVExpiryDelta: p.CLTVExpiryDelta}
		}
	}
	if c, known := o.g.ByID(first.SCID); known {
		p := &c.Policies[d]
		out = relay.Policy{FeeBaseMsat: p.FeeBaseMsat, FeeProportionalMillionths: p.FeeProportionalMillionths, CLTVExpiryDelta: p.CLTVExpiryDelta}
	}
	return out
}
