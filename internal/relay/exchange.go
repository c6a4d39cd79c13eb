package relay

import (
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/rate"
)

// Exchange is at what bitcoin and tokens of a property are exchanged.
type Exchange struct {
	Rates []rate.Rate // that hold now
	Quote []byte      // the present one as others are told it, to add to failures; nil: none
}

// Over is what an HTLC that goes on exchanges: bitcoin comes and units go on, or the other
// way round. Until the HTLC that goes on has ended, whoever may fulfil it has the choice to
// exchange at this rate or not.
type Over struct {
	Property amount.Property
	Units    amount.Units
}

// crossing is an HTLC of bitcoin that is to go on with tokens, or the reverse.
type crossing struct {
	Over
	sells bool // tokens go on
	rates []rate.Rate
	quote []byte
}

// cross finds out what an HTLC exchanges when it goes on over a channel as its onion says;
// nil: nothing is exchanged so.
func (f *Facts) cross(in *channel.Incoming, said *onion.Tokens, out amount.Property) *crossing {
	var x crossing
	switch {
	case f.Exchange == nil:
		return nil
	case in.Property == 0 && said != nil && said.Property == out:
		x = crossing{Over: Over{out, said.Units}, sells: true}
	case in.Property != 0 && said == nil && out == 0:
		x = crossing{Over: Over{in.Property, in.Tokens}}
	default:
		return nil
	}
	e := f.Exchange(x.Property)
	x.rates, x.quote = slices.Clone(e.Rates), e.Quote
	if !x.keep(func(r rate.Rate) bool { return x.sells && r.Sell.Good() || !x.sells && r.Buy.Good() }) {
		return nil
	}
	return &x
}

// keep leaves the rates by which an HTLC is good. False: there is none.
func (x *crossing) keep(good func(rate.Rate) bool) bool {
	x.rates = slices.DeleteFunc(x.rates, func(r rate.Rate) bool { return !good(r) })
	return len(x.rates) > 0
}

// fail adds our rate to a failure about it.
func (x *crossing) fail(f onion.Failure) Decision {
	f.Extra = x.quote
	return Fail{f}
}

// unpaid is the failure of an HTLC that does not keep the rate; nil: it does.
func (x *crossing) unpaid(in *channel.Incoming, amt amount.MilliSatoshi, out *Channel, enclosed *wire.ChannelUpdate) Decision {
	switch {
	case !x.keep(func(r rate.Rate) bool { return x.Units >= r.Least }):
		return x.fail(onion.AmountBelowMinimum(amt, enclosed))
	case !x.keep(func(r rate.Rate) bool { return x.Units <= r.Most }):
		return x.fail(onion.TemporaryChannelFailure(enclosed))
	case !x.keep(func(r rate.Rate) bool {
		return out.honours(func(t Policy) bool {
			if x.sells {
				ask, ok := r.AskFor(x.Units, amt, t.Fee)
				return !ok || in.Amount < ask
			}
			return !r.Pays(x.Units, in.Amount, amt, t.Fee)
		})
	}):
		return x.fail(onion.FeeInsufficient(in.Amount, enclosed))
	}
	return nil
}

// long says whether an HTLC would leave the choice to exchange open for too long.
func (x *crossing) long(expiry, height uint32) bool {
	return !x.keep(func(r rate.Rate) bool { return uint64(expiry) <= uint64(height)+uint64(r.Blocks) })
}
