package pay

import (
	"errors"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/internal/rate"
)

// paysOver is what is paid when a node on the way exchanges it: what the invoice asks for,
// with the property that is exchanged. The error is of type [*Error].
func (r Request) paysOver(ask Ask) (Ask, error) {
	sells := ask.Property != 0
	switch {
	case !sells && len(r.Offers) == 0:
		return Ask{}, errNoOffer
	case !sells:
		ask.Property = r.Offers[0].Property
	}
	for i := range r.Offers {
		o := &r.Offers[i]
		price := o.Buy
		if sells {
			price = o.Sell
		}
		switch {
		case o.Property != ask.Property:
			return Ask{}, refuse(CodeInvalid, "the exchange %s offers tokens of property %d, and not of %d", o.Node, o.Property, ask.Property)
		case !o.Good():
			return Ask{}, refuse(CodeInvalid, "the rate of the exchange %s contradicts itself", o.Node)
		case !price.Good() && sells:
			return Ask{}, refuse(CodeInvalid, "the exchange %s sells no tokens of property %d", o.Node, o.Property)
		case !price.Good():
			return Ask{}, refuse(CodeInvalid, "the exchange %s buys no tokens of property %d", o.Node, o.Property)
		}
	}
	switch {
	case len(r.Offers) > MaxOffers:
		return Ask{}, refuse(CodeInvalid, "no more than %d exchanges can be given", MaxOffers)
	case r.Partial != nil:
		return Ask{}, refuse(CodeInvalid, "what is exchanged on the way is paid by one payment")
	case sells && r.MaxCost == nil:
		return Ask{}, refuse(CodeInvalid, "a payment over an exchange needs a limit: say what it may cost in bitcoin at the most")
	case !sells && r.MaxCostUnits == nil:
		return Ask{}, refuse(CodeInvalid, "a payment over an exchange needs a limit: say how many units of property %d it may cost at the most", ask.Property)
	case sells && r.MaxCostUnits != nil || !sells && r.MaxCost != nil:
		return Ask{}, refuse(CodeInvalid, "the limit of what it may cost is not in what is paid with")
	case sells && *r.MaxCost > amount.Max || !sells && *r.MaxCostUnits > amount.MaxUnits:
		return Ask{}, refuse(CodeInvalid, "the limit of what it may cost is more than there can be")
	}
	return ask, nil
}

// limits are those of fees; of what is exchanged on the way those of all that is sent, in
// what is paid with.
func (r Request) limits(ask Ask) (amount.MilliSatoshi, amount.Units) {
	switch {
	case r.Offers == nil:
		return r.maxFee(ask.Amount), r.maxFeeUnits(ask.Units)
	case r.MaxCost != nil:
		return *r.MaxCost, 0
	}
	return 0, *r.MaxCostUnits
}

// offersForm begins the compact form of exclusions where offers precede them: no exclusion
// begins so.
const offersForm = 0xff

func appendOffers(b []byte, offers []rate.Offer) []byte {
	if offers == nil {
		return b
	}
	b = append(b, offersForm, byte(len(offers)))
	for i := range offers {
		b = offers[i].Append(b)
	}
	return b
}

// MaxOffers is how many exchanges one payment may choose from.
const MaxOffers = 16

var errNoOffer = refuse(CodeRouteNotFound, "no exchange is known")

var errOffers = errors.New("stored offers end in the middle")

func decodeOffers(b []byte) (offers []rate.Offer, rest []byte, err error) {
	switch {
	case len(b) == 0 || b[0] != offersForm:
		return nil, b, nil
	case len(b) == 1:
		return nil, nil, errOffers
	}
	rest = b[2:]
	for range b[1] {
		var o rate.Offer
		if o, rest, err = rate.ReadOffer(rest); err != nil {
			return nil, nil, err
		}
		offers = append(offers, o)
	}
	return offers, rest, nil
}

// toll is what an attempt takes of the limits.
func (p *Payment) toll(a *AttemptRow) (amount.MilliSatoshi, amount.Units) {
	if p.offers != nil {
		return a.Sent, a.UnitsSent
	}
	return a.Sent - a.Amount, a.UnitsSent - a.Units
}

// checkExchanged is check for what is exchanged on the way: it must arrive in the one, be
// sent in the other, and cost no more than it may.
func (p *Payment) checkExchanged(asked *Find, routes []Route) *Error {
	var sent, delivered amount.MilliSatoshi
	var sentUnits, deliveredUnits amount.Units
	sells := p.row.Units != 0
	for _, r := range routes {
		if (r.SentUnits() == 0) != sells || (r.DeliveredUnits() == 0) == sells {
			return refuse(CodeRouteNotFound, "the route found does not exchange what is paid")
		}
		var ok [4]bool
		sent, ok[0] = sent.Add(r.Sent())
		delivered, ok[1] = delivered.Add(r.Delivered())
		sentUnits, ok[2] = sentUnits.Add(r.SentUnits())
		deliveredUnits, ok[3] = deliveredUnits.Add(r.DeliveredUnits())
		if slices.Contains(ok[:], false) {
			return refuse(CodeRouteNotFound, "the routes found carry more than there can be")
		}
	}
	enough := delivered == asked.Amount && delivered <= p.remaining()
	if sells {
		enough = deliveredUnits == asked.Units && deliveredUnits <= p.remainingUnits()
	}
	switch {
	case !enough || len(routes) > p.freeParts():
		return refuse(CodeRouteNotFound, "the routes found deliver another amount than was asked for")
	case sells && sent > p.feeLeft():
		return refuse(CodeRouteTooCostly, "it would cost %s, above the limit of %s", sent, p.feeLeft())
	case !sells && sentUnits > p.feeUnitsLeft():
		return refuse(CodeRouteTooCostly, "it would cost %d units, above the limit of %d", sentUnits, p.feeUnitsLeft())
	}
	return nil
}

// exchanges says whether a hop's HTLC is of another kind than the one before it: the node
// between exchanges them.
func (a *AttemptRow) exchanges(hop int) bool {
	return hop > 0 && hop < len(a.Hops) && (a.Hops[hop].Units != 0) != (a.Hops[hop-1].Units != 0)
}

// tokens says whether a hop's HTLC, or the one before it, carries tokens.
func (a *AttemptRow) tokens(hop int) bool { return a.Hops[hop].Units != 0 || a.Hops[hop-1].Units != 0 }

// dear takes note that an exchange asks for more than it offered: it is not asked again.
func (p *Payment) dear(f *Failure) {
	p.offers = slices.DeleteFunc(slices.Clone(p.offers), func(o rate.Offer) bool { return o.Node == f.ErringNode })
	if len(p.offers) == 0 && p.stop == nil {
		p.stop = refuse(CodeTryOtherRoute, "the exchange %s asks for more than the rate that was given (fee_insufficient): it has changed meanwhile", f.ErringNode)
		p.stop.Failure = f
	}
}

// insufficient says whether a failure is an exchange's about its rate.
func insufficient(a *AttemptRow, f *Failure) bool {
	return a.exchanges(f.ErringIndex) && onion.Code(f.FailCode) == onion.CodeFeeInsufficient
}
