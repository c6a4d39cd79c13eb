//go:build !race

package pay

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/rate"
)

// offer is that of a node, at the middle of [via], at 10 msat a unit.
func offer(middle byte) rate.Offer {
	price := rate.Price{Msat: 10, Units: 1}
	return rate.Offer{Node: wire.NodeID{3, middle}, Carrier: 5000, Rate: rate.Rate{Property: 31, Sell: price, Buy: price, Least: 1, Most: amount.MaxUnits, Blocks: 144}}
}

// selling pays for 1000 units with bitcoin, buying for 10000 msat with tokens.
func selling(limit amount.MilliSatoshi, offers ...rate.Offer) Request {
	r := inTokens(1000)
	r.Offers, r.MaxCost = offers, &limit
	return r
}

func buying(limit amount.Units, offers ...rate.Offer) Request {
	return Request{Invoice: testInvoice(10_000, true), Offers: offers, MaxCostUnits: &limit}
}

// sold is a route on which bitcoin is exchanged for units, bought the reverse.
func sold(middle byte, msat amount.MilliSatoshi, units amount.Units) Route {
	r := via(middle, 5000, msat-5000)
	r[1].Units = units
	return r
}

func bought(middle byte, units amount.Units, msat amount.MilliSatoshi) Route {
	r := via(middle, msat, 0)
	r[0].Units, r[0].Amount = units, 5000
	return r
}

func TestBitcoinIsSentAndTokensArriveForNoMoreThanTheLimit(t *testing.T) {
	b, todo := begin(t, selling(16_000, offer(1), offer(2)))
	if f := todo.Find; f.Property != 31 || f.Units != 1000 || f.Amount != 0 || f.MaxFee != 16_000 || len(f.Offers) != 2 {
		t.Fatalf("%+v", f)
	}
	b.p.Routes(start, 100, []Route{sold(1, 8000, 500), sold(2, 8000, 500)}, b.mint)
	sends := b.take(t).Send
	if len(sends) != 2 || sends[0].Property != 31 || sends[0].TotalUnits != 1000 {
		t.Fatalf("%+v", sends)
	}
	for _, s := range sends {
		b.p.Resolved(start, s.Attempt, Result{Preimage: &preimage})
	}
	b.take(t)
	if r := b.payment.Result; r.Status != Complete || r.AmountSent != 16_000 || r.UnitsSent != 0 || b.attempts[0].Units != 500 || b.attempts[0].UnitsSent != 0 {
		t.Errorf("%+v", r)
	}
}

func TestTokensAreSentAndBitcoinArrivesForNoMoreThanTheLimit(t *testing.T) {
	b, todo := begin(t, buying(1100, offer(1)))
	if f := todo.Find; f.Property != 31 || f.Units != 0 || f.Amount != 10_000 || f.MaxFeeUnits != 1100 {
		t.Fatalf("%+v", f)
	}
	b.p.Routes(start, 100, []Route{bought(1, 1100, 10_000)}, b.mint)
	s := b.take(t).Send[0]
	if s.Total != 10_000 || s.TotalUnits != 0 || s.Property != 31 {
		t.Fatalf("%+v", s)
	}
	b.p.Resolved(start, s.Attempt, Result{Preimage: &preimage})
	b.take(t)
	if r := b.payment.Result; r.Status != Complete || r.UnitsSent != 1100 || r.AmountSent != 5000 {
		t.Errorf("%+v", r)
	}
}

func TestWhatDoesNotExchangeOrCostsTooMuchIsNotTaken(t *testing.T) {
	for name, c := range map[string]struct {
		request Request
		routes  []Route
		code    Code
	}{
		"dear":                 {selling(15_000, offer(1)), []Route{sold(1, 15_001, 1000)}, CodeRouteTooCostly},
		"dear in two parts":    {selling(15_000, offer(1)), []Route{sold(1, 8000, 500), sold(2, 8000, 500)}, CodeRouteTooCostly},
		"too few":              {selling(15_000, offer(1)), []Route{sold(1, 15_000, 999)}, CodeRouteNotFound},
		"tokens all the way":   {selling(15_000, offer(1)), []Route{carrying(1, 1000, 0)}, CodeRouteNotFound},
		"no tokens at all":     {selling(15_000, offer(1)), []Route{via(1, 5000, 1000)}, CodeRouteNotFound},
		"dear in tokens":       {buying(1100, offer(1)), []Route{bought(1, 1101, 10_000)}, CodeRouteTooCostly},
		"too little":           {buying(1100, offer(1)), []Route{bought(1, 1100, 9999)}, CodeRouteNotFound},
		"bitcoin all the way":  {buying(1100, offer(1)), []Route{via(1, 10_000, 0)}, CodeRouteNotFound},
		"more than there is":   {buying(1100, offer(1)), []Route{bought(1, amount.MaxUnits, 5000), bought(2, amount.MaxUnits, 5000), bought(3, 2, 5000)}, CodeRouteNotFound},
		"the other way around": {buying(1100, offer(1)), []Route{sold(1, 15_000, 1000)}, CodeRouteNotFound},
	} {
		b, _ := begin(t, c.request)
		b.p.Routes(start, 100, c.routes, b.mint)
		if todo := b.take(t); len(todo.Send) != 0 || todo.End == nil || todo.End.Err.Code != c.code {
			t.Errorf("%s: %+v", name, todo)
		}
	}
}

func TestAPaymentOverAnExchangeThatIsNotSaidWellIsRefused(t *testing.T) {
	part, much, units := amount.MilliSatoshi(1), amount.Max+1, amount.Units(5)
	for words, r := range map[string]Request{
		"needs a limit: say what it may cost in bitcoin": func() Request { r := selling(1, offer(1)); r.MaxCost = nil; return r }(),
		"needs a limit: say how many units":              func() Request { r := buying(1, offer(1)); r.MaxCostUnits = nil; return r }(),
		"not in what is paid with":                       func() Request { r := selling(1, offer(1)); r.MaxCostUnits = &units; return r }(),
		"more than there can be":                         selling(much, offer(1)),
		"by one payment":                                 func() Request { r := buying(1, offer(1)); r.Partial = &part; return r }(),
		"and not of 31":                                  selling(1, func() rate.Offer { o := offer(1); o.Property = 32; return o }()),
		"contradicts itself":                             selling(1, func() rate.Offer { o := offer(1); o.Most = 0; return o }()),
		"sells no tokens":                                selling(1, func() rate.Offer { o := offer(1); o.Sell = rate.Price{}; return o }()),
		"buys no tokens":                                 buying(1, func() rate.Offer { o := offer(1); o.Buy = rate.Price{}; return o }()),
		"no more than 16":                                selling(1, make17()...),
	} {
		if _, err := New(r, node, 1, start); !errors.Is(err, &Error{Code: CodeInvalid}) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

func make17() (out []rate.Offer) {
	for i := range byte(17) {
		out = append(out, offer(i))
	}
	return out
}

func TestAnExchangeWhoseRateHasChangedIsNotAskedAgain(t *testing.T) {
	b, _ := begin(t, selling(20_000, offer(1), offer(2)))
	for _, middle := range []byte{1, 2} {
		b.p.Routes(start, 100, []Route{sold(middle, 15_000, 1000)}, b.mint)
		s := b.take(t).Send[0]
		b.p.Resolved(start, s.Attempt, Result{Hop: 0, Code: onion.CodeFeeInsufficient})
		todo := b.take(t)
		switch middle {
		case 1:
			if f := todo.Find; f == nil || len(f.Offers) != 1 || f.Offers[0].Node != offer(2).Node || f.MaxFee != 20_000 {
				t.Fatalf("%+v", f)
			}
		case 2:
			if e := todo.End; e == nil || e.Err.Code != CodeTryOtherRoute || !strings.Contains(e.Err.Message, "fee_insufficient") || e.Err.Failure == nil {
				t.Fatalf("%+v", e)
			}
		}
	}
}

// What is under way takes of the limit, after a restart too, and a rate that has changed
// is not forgotten by it.
func TestAPaymentOverAnExchangeGoesOnAfterARestart(t *testing.T) {
	r := selling(20_000, offer(1), offer(2))
	r.Exclude = []Exclusion{{SCID: 7}}
	b, _ := begin(t, r)
	b.p.Routes(start, 100, []Route{sold(1, 9000, 500), sold(2, 9000, 500)}, b.mint)
	sends := b.take(t).Send
	b.p.Resolved(start, sends[0].Attempt, Result{Hop: 0, Code: onion.CodeFeeInsufficient})
	b.take(t)
	p, err := Load(*b.payment, r.Invoice, []Resume{{Row: b.attempts[0]}, {Row: b.attempts[1], Alive: true}}, us, start)
	if err != nil {
		t.Fatal(err)
	}
	f := p.Asked()
	if f == nil || f.Units != 500 || f.MaxFee != 11_000 || f.Property != 31 || len(f.Exclude) != 1 {
		t.Fatalf("%+v", f)
	}
	if diff := cmp.Diff([]rate.Offer{offer(2)}, f.Offers); diff != "" {
		t.Error(diff)
	}
	for cut := range len(b.payment.Exclude) - exclusionSize {
		row := *b.payment
		row.Exclude = row.Exclude[:cut]
		if _, err := Load(row, r.Invoice, nil, us, start); err == nil && cut > 0 {
			t.Errorf("%d of %d bytes are read", cut, len(b.payment.Exclude))
		}
	}
}

// Where no exchange is known, what is paid already is told all the same: that is asked first.
func TestAPaymentOverExchangesOfWhichNoneIsKnownIsNotBegun(t *testing.T) {
	for name, r := range map[string]Request{"bitcoin for tokens": selling(16_000), "tokens for bitcoin": buying(16_000)} {
		r.Offers = []rate.Offer{}
		_, err := New(r, node, 1, start)
		if why, ok := errors.AsType[*Error](err); !ok || why.Code != CodeRouteNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := selling(16_000)
	r.Offers = []rate.Offer{}
	if ask, err := r.Pays(); err != nil || ask.Units != 1000 {
		t.Errorf("%v, %v", ask, err)
	}
}
