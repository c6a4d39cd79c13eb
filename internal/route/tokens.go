package route

import (
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/pay"
)

// OwnTokens is a channel of ours with tokens that can carry HTLCs now.
type OwnTokens struct {
	SCID      wire.ShortChannelID // by which the link knows it
	Peer      wire.NodeID
	Property  amount.Property
	Minimum   amount.Units        // the least that one HTLC can have; zero is one
	Spendable amount.Units        // the most
	Carrier   amount.MilliSatoshi // the least that must go with them
}

// FindTokens is [Find] for a payment in an asset, over our own channels with its tokens,
// those that the payee names, and the announced ones of its property. Query.Own is not used.
//
// The search is the same, and counts in units: a hop's fee is what is proportional, in
// tokens. The base fees are paid in bitcoin. They stay within the payment's limit, and are
// added afterwards to what carries the tokens to the payee: the most that our own channels or
// any other of the way ask for, as far as is known, doubled as often as another one asked for
// more.
func FindTokens(q Query, own []OwnTokens, announced []assetgraph.Channel) ([]pay.Route, error) {
	f := *q.Find
	q.units, q.Own, q.Updates, q.base = f.Property, nil, nil, f.MaxFee
	var carrier amount.MilliSatoshi
	for _, o := range own {
		if o.Property == f.Property && o.Spendable > 0 {
			q.Own = append(q.Own, Own{SCID: o.SCID, Peer: o.Peer, Spendable: msat(o.Spendable), Minimum: msat(max(o.Minimum, 1)), Maximum: msat(o.Spendable)})
			carrier = max(carrier, o.Carrier)
		}
	}
	if len(q.Own) == 0 {
		return nil, short(pay.CodeSourceShort, "no channel of this node can carry tokens of property %d now", f.Property)
	}
	f.Amount, f.MaxFee = msat(f.Units), msat(f.MaxFeeUnits)
	q.bases, f.Hints = map[way]uint32{}, nil
	for _, path := range q.Find.Hints {
		path = slices.Clone(path)
		for i := range path {
			next := f.Destination
			if i+1 < len(path) {
				next = path[i+1].NodeID
			}
			q.bases[way{path[i].SCID, direction(path[i].NodeID, next)}] = path[i].FeeBaseMsat
			path[i].FeeBaseMsat = 0
		}
		f.Hints = append(f.Hints, path)
	}
	carriers := q.announce(announced, mostCarrier(carrier))
	q.Find = &f
	routes, err := Find(new(graph.Graph), q)
	if err != nil {
		return nil, err
	}
	for _, r := range routes {
		least := carrier
		for i := range r[1:] {
			least = max(least, carriers[wayTo(r, i+1)])
		}
		least <<= min(f.Raise, mostRaise)
		for i := len(r) - 1; i >= 0; i-- {
			r[i].Units, r[i].Amount = amount.Units(r[i].Amount), least
			if i > 0 {
				least += msat(q.bases[wayTo(r, i)])
			}
		}
	}
	return routes, nil
}

// mostRaise is how often what carries tokens may be doubled.
const mostRaise = 8

// wayTo is the channel of a route's hop, but for the first, and its direction.
func wayTo(r pay.Route, hop int) way {
	return way{r[hop].SCID, direction(r[hop-1].NodeID, r[hop].NodeID)}
}

// announced is a direction of a channel with tokens that its node has announced.
type announced struct {
	way      way
	from, to wire.NodeID
	policy   *assetgraph.Policy
	capacity amount.Units
}

// mostCarrier is the most bitcoin that goes with tokens because a stranger says so: the payee
// keeps it, who may be that stranger. All channels follow the day's feerate, none of them
// from below a quarter of it, so that no honest one asks for much more than ours do.
func mostCarrier(ours amount.MilliSatoshi) amount.MilliSatoshi { return 8 * ours }

// announce adds the announced channels to a query, but for what the payee has said of one
// itself, and those with a carrier above the most. It returns what each asks for as its
// carrier.
func (q *Query) announce(channels []assetgraph.Channel, most amount.MilliSatoshi) map[way]amount.MilliSatoshi {
	carriers := map[way]amount.MilliSatoshi{}
	for i := range channels {
		c := &channels[i]
		for d := range c.Policies {
			p := &c.Policies[d]
			w := way{c.SCID, uint8(d)} //nolint:gosec // 0 or 1
			if _, named := q.bases[w]; named || !c.Usable(d) || p.Carrier > most || c.Property != q.units {
				continue
			}
			q.bases[w], carriers[w] = p.FeeBaseMsat, p.Carrier
			q.announced = append(q.announced, announced{w, c.Nodes[d], c.Nodes[1-d], p, c.Capacity})
		}
	}
	return carriers
}

// edge is the direction as the search sees it.
func (a *announced) edge(s *search) edge {
	return edge{
		from: s.node(a.from), to: s.node(a.to), way: a.way, bitcoin: msat(a.policy.FeeBaseMsat), ppm: a.policy.FeeProportionalMillionths, delta: a.policy.CLTVExpiryDelta,
		min: msat(a.policy.HTLCMinimum), max: msat(a.policy.HTLCMaximum), capacity: msat(a.capacity),
	}
}
