//go:build !race

package relay

import (
	"bytes"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/rate"
)

// at is what 31 is exchanged at: 3 msat for 7 units, with a tenth of it between buying
// and selling.
func at() Exchange {
	return Exchange{Quote: []byte("quote"), Rates: []rate.Rate{{
		Property: 31, Sell: rate.Price{Msat: 33, Units: 70}, Buy: rate.Price{Msat: 27, Units: 70}, Least: 10, Most: 1_000_000, Blocks: 60,
	}}}
}

// exchanging makes it decide with rates.
func (s *scene) exchanging(e Exchange) Decision {
	return Decide(s.in, s.peeled, s.peelErr, Facts{
		Height:   height,
		Outgoing: func(wire.ShortChannelID) (Channel, bool) { return s.out, s.known },
		Exchange: func(p amount.Property) Exchange {
			if p != 31 {
				return Exchange{}
			}
			return e
		},
	})
}

// selling makes it bitcoin for which 1,000,000 units go on with 100,000 msat: they cost
// 471,429 msat, and the fee of both is 1,005.
func (s *scene) selling() {
	s.in.Amount = 471_429 + 100_000 + 1_005
	s.peeled.Payload.Tokens = &onion.Tokens{Property: 31, Units: 1_000_000}
	s.out.Property, s.out.Carrier = 31, 100_000
}

// buying makes it tokens for which 100,000 msat go on with a fee of 1,001: 1,001 msat come
// with them, and 259,260 units are worth 100,000.28.
func (s *scene) buying() {
	s.in.Amount, s.in.Property, s.in.Tokens = 1_001, 31, 259_260
}

func TestBitcoinAndTokensAreExchangedAtTheRate(t *testing.T) {
	s := forwardable()
	s.selling()
	f, ok := s.exchanging(at()).(Forward)
	if !ok || f.Add.Amount != 100_000 || f.Add.Tokens != 1_000_000 || f.Over == nil || *f.Over != (Over{31, 1_000_000}) || *f.Add.Origin.In != s.in.Ref {
		t.Errorf("sold: %+v", s.exchanging(at()))
	}
	s = forwardable()
	s.buying()
	f, ok = s.exchanging(at()).(Forward)
	if !ok || f.Add.Amount != 100_000 || f.Add.Tokens != 0 || f.Over == nil || *f.Over != (Over{31, 259_260}) {
		t.Errorf("bought: %+v", s.exchanging(at()))
	}
	// What is not exchanged says so.
	s = forwardable()
	if f, ok := s.exchanging(at()).(Forward); !ok || f.Over != nil {
		t.Errorf("%+v", f)
	}
}

func TestEachRuleOfAnExchangeHasItsFailure(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(s *scene, r *rate.Rate)
		want  onion.Code
		quote bool
	}{
		"one msat less":             {func(s *scene, _ *rate.Rate) { s.selling(); s.in.Amount-- }, onion.CodeFeeInsufficient, true},
		"one unit more":             {func(s *scene, _ *rate.Rate) { s.selling(); s.peeled.Payload.Tokens.Units += 3 }, onion.CodeTemporaryChannelFailure, true},
		"a unit more for it":        {func(s *scene, r *rate.Rate) { s.selling(); r.Most *= 2; s.peeled.Payload.Tokens.Units += 3 }, onion.CodeFeeInsufficient, true},
		"one unit less":             {func(s *scene, _ *rate.Rate) { s.buying(); s.in.Tokens -= 1 }, onion.CodeFeeInsufficient, true},
		"a carrier of one less":     {func(s *scene, _ *rate.Rate) { s.buying(); s.in.Amount -= 1 }, onion.CodeFeeInsufficient, true},
		"too few to sell":           {func(s *scene, r *rate.Rate) { s.selling(); r.Least = 1_000_001; r.Most = 2_000_000 }, onion.CodeAmountBelowMinimum, true},
		"too few to buy":            {func(s *scene, r *rate.Rate) { s.buying(); r.Least = 259_261 }, onion.CodeAmountBelowMinimum, true},
		"too many to buy":           {func(s *scene, r *rate.Rate) { s.buying(); r.Most = 259_259 }, onion.CodeTemporaryChannelFailure, true},
		"too little to carry them":  {func(s *scene, _ *rate.Rate) { s.selling(); s.out.Carrier++ }, onion.CodeAmountBelowMinimum, false},
		"a long choice of a sale":   {func(s *scene, r *rate.Rate) { s.selling(); r.Blocks = 59 }, onion.CodeExpiryTooFar, true},
		"a long choice of a buy":    {func(s *scene, r *rate.Rate) { s.buying(); r.Blocks = 59 }, onion.CodeExpiryTooFar, true},
		"nothing sold":              {func(s *scene, r *rate.Rate) { s.selling(); r.Sell = rate.Price{} }, onion.CodeUnknownNextPeer, false},
		"nothing bought":            {func(s *scene, r *rate.Rate) { s.buying(); r.Buy = rate.Price{} }, onion.CodeUnknownNextPeer, false},
		"others sold":               {func(s *scene, _ *rate.Rate) { s.selling(); s.out.Property = 32 }, onion.CodeUnknownNextPeer, false},
		"others that nobody has":    {func(s *scene, _ *rate.Rate) { s.selling(); s.out.Property, s.peeled.Payload.Tokens.Property = 32, 32 }, onion.CodeUnknownNextPeer, false},
		"others bought":             {func(s *scene, _ *rate.Rate) { s.buying(); s.in.Property = 32 }, onion.CodeUnknownNextPeer, false},
		"tokens for other tokens":   {func(s *scene, _ *rate.Rate) { s.buying(); s.out.Property = 32 }, onion.CodeUnknownNextPeer, false},
		"tokens for others as said": {func(s *scene, _ *rate.Rate) { s.tokens(); s.out.Property, s.peeled.Payload.Tokens.Property = 32, 32 }, onion.CodeUnknownNextPeer, false},
		"one block less":            {func(s *scene, _ *rate.Rate) { s.selling(); s.in.CLTVExpiry-- }, onion.CodeIncorrectCLTVExpiry, false},
		"a channel that is away":    {func(s *scene, _ *rate.Rate) { s.selling(); s.out.Usable = false }, onion.CodeTemporaryChannelFailure, false},
		"a price that overflows":    {func(s *scene, r *rate.Rate) { s.selling(); r.Sell = rate.Price{Msat: amount.Max, Units: 1} }, onion.CodeFeeInsufficient, true},
		"all that there is":         {func(s *scene, _ *rate.Rate) { s.selling(); s.peeled.Payload.AmtToForward = ^amount.MilliSatoshi(0) }, onion.CodeFeeInsufficient, true},
		"all that there is, bought": {func(s *scene, _ *rate.Rate) { s.buying(); s.peeled.Payload.AmtToForward = ^amount.MilliSatoshi(0) }, onion.CodeFeeInsufficient, true},
	} {
		s, e := forwardable(), at()
		c.spoil(s, &e.Rates[0])
		f, ok := s.exchanging(e).(Fail)
		if !ok || f.Failure.Code != c.want || c.quote != bytes.Equal(f.Failure.Extra, []byte("quote")) {
			t.Errorf("%s: %+v, want %v", name, s.exchanging(e), c.want)
		}
	}
}

func TestAnOlderRateHoldsAsAWhole(t *testing.T) {
	older := at().Rates[0]
	dearer := older
	dearer.Sell.Msat, dearer.Buy.Msat, dearer.Blocks = 40, 20, 1
	for name, make := range map[string]func(*scene){"sold": (*scene).selling, "bought": (*scene).buying} {
		s := forwardable()
		make(s)
		if _, ok := s.exchanging(Exchange{Rates: []rate.Rate{dearer, older}}).(Forward); !ok {
			t.Errorf("%s: %+v", name, s.exchanging(Exchange{Rates: []rate.Rate{dearer, older}}))
		}
		// The price of one and the time of the other are no rate.
		mixed := older
		mixed.Blocks = 1
		long := dearer
		long.Blocks = 60
		if f, ok := s.exchanging(Exchange{Rates: []rate.Rate{long, mixed}}).(Fail); !ok || f.Failure.Code != onion.CodeExpiryTooFar {
			t.Errorf("%s: %+v", name, s.exchanging(Exchange{Rates: []rate.Rate{long, mixed}}))
		}
	}
}

// Whatever an HTLC and its onion say: what came, at the rate and without rounding, is worth
// what goes on and the fee.
func TestNoExchangeLosesByItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, e := forwardable(), at()
		sells := rapid.Bool().Draw(t, "sells")
		if sells {
			s.selling()
			s.peeled.Payload.Tokens.Units = amount.Units(rapid.OneOf(rapid.Uint64Range(1, 2_000_000), rapid.Uint64Range(1, 1<<63)).Draw(t, "units"))
		} else {
			s.buying()
			s.in.Tokens = amount.Units(rapid.OneOf(rapid.Uint64Range(1, 2_000_000), rapid.Uint64Range(1, 1<<63-1)).Draw(t, "units"))
		}
		msat := rapid.OneOf(rapid.Uint64Range(1, 2_000_000), rapid.Uint64())
		s.in.Amount = amount.MilliSatoshi(msat.Draw(t, "in"))
		s.peeled.Payload.AmtToForward = amount.MilliSatoshi(rapid.OneOf(rapid.Uint64Range(1, 200_000), rapid.Uint64()).Draw(t, "out"))
		e.Rates[0].Most = amount.MaxUnits
		price := rate.Price{
			Msat:  amount.MilliSatoshi(rapid.OneOf(rapid.Uint64Range(1, 100), rapid.Uint64Range(1, uint64(amount.Max))).Draw(t, "price")),
			Units: amount.Units(rapid.OneOf(rapid.Uint64Range(1, 100), rapid.Uint64Range(1, uint64(amount.MaxUnits))).Draw(t, "for")),
		}
		e.Rates[0].Sell, e.Rates[0].Buy = price, price
		f, ok := s.exchanging(e).(Forward)
		if !ok {
			return
		}
		number := func(v uint64) *big.Int { return new(big.Int).SetUint64(v) }
		// Both sides times the price's units, so that nothing is rounded.
		side := func(msat, units uint64) *big.Int {
			v := new(big.Int).Mul(number(msat), number(uint64(price.Units)))
			return v.Add(v, new(big.Int).Mul(number(units), number(uint64(price.Msat))))
		}
		in := side(uint64(s.in.Amount), uint64(s.in.Tokens))
		out := side(uint64(f.Add.Amount)+uint64(s.out.Policy.FeeBaseMsat), uint64(f.Add.Tokens))
		if in.Cmp(out) < 0 {
			t.Fatalf("%d and %d units for %d and %d units at %+v", s.in.Amount, s.in.Tokens, f.Add.Amount, f.Add.Tokens, price)
		}
		if (f.Add.Tokens > 0) != sells || f.Over == nil {
			t.Fatalf("%+v", f)
		}
	})
}
