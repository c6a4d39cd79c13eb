//go:build !race

package pay

import (
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
)

func inTokens(asked amount.Units) Request {
	inv := testInvoice(0, true)
	return Request{Invoice: inv, Property: 31, Asked: asked}
}

// carrying is a route that delivers units for a fee in units, carried by 5 satoshi.
func carrying(node byte, units, fee amount.Units) Route {
	r := via(node, 5000, 1000)
	r[0].Units, r[1].Units = units+fee, units
	return r
}

func TestAPaymentInTokensSaysSoToEachPart(t *testing.T) {
	b, todo := begin(t, inTokens(1_000_000))
	f := todo.Find
	if f.Property != 31 || f.Units != 1_000_000 || f.Amount != 0 || f.MaxFeeUnits != 5000 || f.MaxFee != tokenExemptFee {
		t.Fatalf("%+v", f)
	}
	b.p.Routes(start, 100, []Route{carrying(1, 400_000, 4), carrying(2, 600_000, 6)}, b.mint)
	todo = b.take(t)
	if len(todo.Send) != 2 || todo.Send[0].Property != 31 || todo.Send[0].TotalUnits != 1_000_000 || todo.Send[1].Hops[0].Units != 600_006 {
		t.Fatalf("%+v", todo.Send)
	}
	for _, s := range todo.Send {
		b.p.Resolved(start, s.Attempt, Result{Preimage: &preimage})
	}
	b.take(t)
	if r := b.payment.Result; r.Status != Complete || r.UnitsSent != 1_000_010 || r.AmountSent != 12_000 {
		t.Errorf("%+v", r)
	}
}

func TestWhatCannotBePaidInTokensIsRefused(t *testing.T) {
	one, two, none, much := amount.Units(1), amount.Units(2), amount.Units(0), amount.MaxUnits+1
	msat := amount.MilliSatoshi(1)
	for name, change := range map[string]func(*Request){
		"bitcoin beside":        func(r *Request) { r.Amount = &msat },
		"no amount":             func(r *Request) { r.Asked = 0 },
		"nothing":               func(r *Request) { r.Asked, r.Units = 0, &none },
		"more than there is":    func(r *Request) { r.Asked, r.Units = 0, &much },
		"another amount":        func(r *Request) { r.Asked, r.Units = 1, &two },
		"tokens for bitcoin":    func(r *Request) { r.Invoice, r.Property, r.Units = testInvoice(5, true), 0, &one },
		"no payment secret":     func(r *Request) { r.Invoice.PaymentSecret = [32]byte{} },
		"another's network":     func(r *Request) { r.Invoice.Network = "lnbc" },
		"an invoice of our own": func(r *Request) { r.Invoice.Payee = us },
	} {
		r := inTokens(1)
		change(&r)
		if _, err := New(r, node, 1, start); !errors.Is(err, &Error{Code: CodeInvalid}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRoutesThatDoNotCarryTheTokensAreNotTaken(t *testing.T) {
	for name, routes := range map[string][]Route{
		"too few":            {carrying(1, 999, 0)},
		"too many":           {carrying(1, 1001, 0)},
		"none":               {via(1, 1000, 0)},
		"fewer than arrive":  {{via(1, 5000, 1000)[0], carrying(1, 1000, 0)[1]}},
		"too dear in tokens": {carrying(1, 1000, 6)},
		"too dear to carry":  {func() Route { r := carrying(1, 1000, 0); r[0].Amount += tokenExemptFee; return r }()},
		"beyond all":         {carrying(1, amount.MaxUnits, 0), carrying(2, amount.MaxUnits, 0), carrying(3, 1002, 0)},
	} {
		b, _ := begin(t, inTokens(1000))
		b.p.Routes(start, 100, routes, b.mint)
		if todo := b.take(t); len(todo.Send) != 0 || todo.End == nil {
			t.Errorf("%s: %+v", name, todo)
		}
	}
}

func TestAHopThatNeedsMoreBitcoinForTheTokensGetsIt(t *testing.T) {
	b, _ := begin(t, inTokens(1000))
	b.p.Routes(start, 100, []Route{carrying(1, 500, 0), carrying(2, 500, 0)}, b.mint)
	first := b.take(t).Send
	for raise := uint8(1); raise <= maxRaise; raise++ {
		for _, s := range first { // both were made without knowing it: that is one lesson
			b.p.Resolved(start, s.Attempt, Result{Hop: 0, Code: onion.CodeAmountBelowMinimum})
		}
		f := b.take(t).Find
		if f == nil || f.Raise != raise || len(f.Avoid) != 0 {
			t.Fatalf("raise %d: %+v", raise, f)
		}
		b.p.Routes(start, 100, []Route{carrying(1, f.Units, 0)}, b.mint)
		if todo := b.take(t); todo.Find != nil {
			b.p.Routes(start, 100, []Route{carrying(1, todo.Find.Units, 0)}, b.mint)
			first = append(todo.Send, b.take(t).Send...)
		} else {
			first = todo.Send
		}
	}
	b.p.Resolved(start, first[0].Attempt, Result{Hop: 0, Code: onion.CodeAmountBelowMinimum})
	if f := b.take(t).Find; f.Raise != maxRaise || len(f.Avoid) != 1 {
		t.Errorf("it asks for ever more: %+v", f)
	}
}

func TestWhatAChannelDidNotCarryIsToldInItsTokens(t *testing.T) {
	b, _ := begin(t, inTokens(1000))
	b.p.Routes(start, 100, []Route{carrying(1, 1000, 3)}, b.mint)
	s := b.take(t).Send[0]
	b.p.Resolved(start, s.Attempt, Result{Hop: 0, Code: onion.CodeTemporaryChannelFailure})
	f := b.take(t).Find
	if len(f.Avoid) != 1 || f.Avoid[0].Below != 1000 {
		t.Errorf("%+v", f.Avoid)
	}
}

func TestARouteByHandMayExchangeOnce(t *testing.T) {
	bitcoin := func(msat amount.MilliSatoshi) Hop { return Hop{NodeID: wire.NodeID{9}, SCID: 1, Amount: msat} }
	tokens := func(msat amount.MilliSatoshi, units amount.Units) Hop {
		return Hop{NodeID: wire.NodeID{9}, SCID: 1, Amount: msat, Units: units}
	}
	for name, c := range map[string]struct {
		m    Manual
		good bool
	}{
		"bitcoin for tokens":    {Manual{Route: Route{bitcoin(9000), bitcoin(8000), tokens(1000, 7), tokens(900, 6)}, Property: 3, TotalUnits: 6}, true},
		"tokens for bitcoin":    {Manual{Route: Route{tokens(1000, 7), bitcoin(8000), bitcoin(7000)}, Property: 3, Total: 7000}, true},
		"tokens all the way":    {Manual{Route: Route{tokens(1000, 7), tokens(900, 7)}, Property: 3, TotalUnits: 7}, true},
		"tokens of nothing":     {Manual{Route: Route{bitcoin(9000), tokens(1000, 7)}, TotalUnits: 7}, false},
		"a property of nothing": {Manual{Route: Route{bitcoin(9000)}, Property: 3, Total: 9000}, false},
		"there and back":        {Manual{Route: Route{bitcoin(9000), tokens(1000, 7), bitcoin(900)}, Property: 3, Total: 900}, false},
		"more tokens on":        {Manual{Route: Route{tokens(1000, 7), tokens(1000, 8)}, Property: 3, TotalUnits: 8}, false},
		"more carrier on":       {Manual{Route: Route{tokens(1000, 7), tokens(1001, 7)}, Property: 3, TotalUnits: 7}, false},
		"more bitcoin on":       {Manual{Route: Route{bitcoin(9000), bitcoin(9001), tokens(1000, 7)}, Property: 3, TotalUnits: 7}, false},
		"more than there is":    {Manual{Route: Route{tokens(1000, amount.MaxUnits+1)}, Property: 3, TotalUnits: 7}, false},
		"a part of more":        {Manual{Route: Route{bitcoin(9000), tokens(1000, 7)}, Property: 3, TotalUnits: 8}, false},
		"tokens not asked for":  {Manual{Route: Route{bitcoin(9000), tokens(1000, 7)}, Property: 3, Total: 1000}, false},
		"bitcoin not asked for": {Manual{Route: Route{tokens(1000, 7), bitcoin(9000)}, Property: 3, TotalUnits: 7}, false},
		"no carrier":            {Manual{Route: Route{bitcoin(9000), tokens(0, 7)}, Property: 3, TotalUnits: 7}, false},
	} {
		if err := c.m.Check(); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPaymentByHandInTokensIsForWhatArrives(t *testing.T) {
	secret := [32]byte{1}
	part := func(id uint64, units amount.Units) Manual {
		return Manual{
			PaymentHash: wire.PaymentHash{7}, Property: 3, TotalUnits: 10, Part: id, Group: 1, Secret: &secret,
			Route: Route{{NodeID: wire.NodeID{8}, SCID: 1, Amount: 9000}, {NodeID: wire.NodeID{9}, SCID: 2, Amount: 1000, Units: units}},
		}
	}
	mint := func() Minted { return Minted{ID: 1} }
	p, err := NewManual(part(1, 6), us, start, mint)
	if err != nil || p.Row().Ask() != (Ask{Property: 3, Units: 10}) {
		t.Fatalf("%+v, %v", p.Row(), err)
	}
	if err := p.Attempt(start, part(2, 4), mint); err != nil {
		t.Error(err)
	}
	if err := p.Attempt(start, part(3, 1), mint); !errors.Is(err, &Error{Code: CodeInProgress}) {
		t.Errorf("more than all: %v", err)
	}
	other := part(4, 1)
	other.TotalUnits = 11
	if err := p.Attempt(start, other, mint); !errors.Is(err, &Error{Code: CodeAlreadyPaid}) {
		t.Errorf("another amount: %v", err)
	}
}
