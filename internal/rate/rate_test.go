//go:build !race

package rate

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
)

func free(amount.MilliSatoshi) amount.MilliSatoshi { return 0 }

func thousandth(a amount.MilliSatoshi) amount.MilliSatoshi { return 1 + a/1000 }

func TestRoundingIsForWhoExchanges(t *testing.T) {
	r := Rate{Property: 3, Sell: Price{10, 3}, Buy: Price{10, 3}, Least: 1, Most: 1000, Blocks: 144}
	if got, ok := r.AskFor(1, 100, free); !ok || got != 104 {
		t.Errorf("one unit for %d", got)
	}
	if got, ok := r.AskFor(3, 1000, thousandth); !ok || got != 1010+2 {
		t.Errorf("three units for %d", got)
	}
	if got, ok := r.UnitsFor(104, 100, free); !ok || got != 2 {
		t.Errorf("4 msat are %d units", got)
	}
	if !r.Pays(2, 100, 106, free) || r.Pays(2, 100, 107, free) {
		t.Error("two units are worth 6 msat")
	}
	// What the carrier alone pays for has the least of tokens.
	r.Least = 7
	if got, ok := r.UnitsFor(100, 500, thousandth); !ok || got != 7 {
		t.Errorf("%d units", got)
	}
}

func TestWhatOverflowsIsRefused(t *testing.T) {
	dear := Rate{Sell: Price{amount.Max, 1}, Buy: Price{1, amount.MaxUnits}}
	if _, ok := dear.AskFor(2, 0, free); ok {
		t.Error("more bitcoin than there is")
	}
	if _, ok := dear.AskFor(1, 1, free); ok {
		t.Error("with the carrier")
	}
	if _, ok := dear.AskFor(1, 0, thousandth); ok {
		t.Error("with the fee")
	}
	if _, ok := dear.UnitsFor(2, 0, free); ok {
		t.Error("more units than there can be")
	}
	if dear.Pays(amount.MaxUnits, ^amount.MilliSatoshi(0), 1, free) {
		t.Error("an amount that overflows")
	}
	if dear.Pays(amount.MaxUnits, 0, amount.Max, thousandth) {
		t.Error("a fee above all that there is")
	}
	if _, ok := (Price{amount.Max, 1}).Spread(1, true); ok {
		t.Error("a price above all that there is")
	}
	if _, ok := (Price{5, 1}).Spread(million, false); ok {
		t.Error("tokens for nothing")
	}
	var none Rate
	if _, ok := none.AskFor(1, 1, free); ok || none.Pays(1, 1, 1, free) || !none.None() {
		t.Error("without a price")
	}
}

func TestASpreadIsExact(t *testing.T) {
	for _, c := range []struct {
		p      Price
		ppm    uint32
		dearer bool
		want   Price
	}{
		{Price{1000, 1}, 10_000, true, Price{1010, 1}},
		{Price{1000, 1}, 10_000, false, Price{990, 1}},
		{Price{1, 3}, 1, true, Price{1_000_001, 3_000_000}},
		{Price{7, 14}, 0, true, Price{1, 2}},
	} {
		if got, ok := c.p.Spread(c.ppm, c.dearer); !ok || got != c.want {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

func drawn(t *rapid.T) Rate {
	price := func(name string) Price {
		return Price{
			amount.MilliSatoshi(rapid.OneOf(rapid.Uint64Range(1, 1000), rapid.Uint64Range(1, uint64(amount.Max))).Draw(t, name+" msat")),
			amount.Units(rapid.OneOf(rapid.Uint64Range(1, 1000), rapid.Uint64Range(1, uint64(amount.MaxUnits))).Draw(t, name+" units")),
		}
	}
	return Rate{Property: 3, Sell: price("sell"), Buy: price("buy"), Least: 1, Most: amount.MaxUnits, Blocks: 144}
}

// Against arithmetic that knows no limits: who sells gets the price and more, by less than
// one millisatoshi; who buys gives the price or less; and as few units as will do are asked for.
func TestNobodyLosesByRounding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawn(t)
		carrier := amount.MilliSatoshi(rapid.Uint64Range(0, 3_000_000).Draw(t, "carrier"))
		units := amount.Units(rapid.OneOf(rapid.Uint64Range(1, 1000), rapid.Uint64Range(1, uint64(amount.MaxUnits))).Draw(t, "units"))
		product := func(a, b uint64) *big.Int {
			return new(big.Int).Mul(new(big.Int).SetUint64(a), new(big.Int).SetUint64(b))
		}
		if ask, ok := r.AskFor(units, carrier, thousandth); ok {
			cost, _ := r.Sell.Cost(units)
			worth := product(uint64(units), uint64(r.Sell.Msat))
			if product(uint64(cost), uint64(r.Sell.Units)).Cmp(worth) < 0 || product(uint64(cost-1), uint64(r.Sell.Units)).Cmp(worth) >= 0 {
				t.Fatalf("%d units for %d", units, cost)
			}
			if ask != cost+carrier+thousandth(cost+carrier) {
				t.Fatalf("%d for %d and %d", ask, cost, carrier)
			}
		}
		amt := amount.MilliSatoshi(rapid.OneOf(rapid.Uint64Range(1, 5_000_000), rapid.Uint64Range(1, uint64(amount.Max))).Draw(t, "amount"))
		few, ok := r.UnitsFor(amt, carrier, thousandth)
		if !ok {
			return
		}
		if !r.Pays(few, carrier, amt, thousandth) {
			t.Fatalf("%d units do not pay %d", few, amt)
		}
		if few > r.Least && r.Pays(few-1, carrier, amt, thousandth) {
			t.Fatalf("one less than %d units pays %d too", few, amt)
		}
		value, _ := r.Buy.Value(few)
		if product(uint64(value), uint64(r.Buy.Units)).Cmp(product(uint64(few), uint64(r.Buy.Msat))) > 0 || value+carrier < amt+thousandth(amt) {
			t.Fatalf("%d units are taken for %d", few, value)
		}
	})
}

func TestARateHoldsForAWhileAfterItWasChanged(t *testing.T) {
	var r Rates
	rate := func(msat amount.MilliSatoshi) Rate {
		return Rate{Property: 3, Sell: Price{msat, 1}, Least: 1, Most: 9, Blocks: 144}
	}
	r.Set(rate(10), 600)
	if got := r.At(3, 0); len(got) != 1 || got[0].Sell.Msat != 10 {
		t.Fatalf("%+v", got)
	}
	r.Set(rate(11), 700)
	r.Set(Rate{Property: 3}, 800) // taken away
	for at, want := range map[uint64]int{100: 2, 699: 2, 700: 1, 799: 1, 800: 0} {
		if got := r.At(3, at); len(got) != want {
			t.Errorf("at %d: %+v", at, got)
		}
	}
	r.Set(rate(12), 900)
	if got := r.At(3, 100); len(got) != 3 || got[0].Sell.Msat != 12 || got[1].Sell.Msat != 11 {
		t.Errorf("the newest is not first: %+v", got)
	}
	for i := range 100 {
		r.Set(rate(amount.MilliSatoshi(100+i)), 1000)
	}
	if got := r.At(3, 0); len(got) != 1+maxOlder {
		t.Errorf("%d rates", len(got))
	}
	if got := r.At(4, 0); len(got) != 0 {
		t.Errorf("of another property: %+v", got)
	}
}

func TestARateThatContradictsItselfIsNoGood(t *testing.T) {
	good := Rate{Property: 3, Sell: Price{1, 1}, Least: 1, Most: 9, Blocks: 1}
	if !good.Good() {
		t.Fatal("a good one")
	}
	for name, spoil := range map[string]func(*Rate){
		"of bitcoin":         func(r *Rate) { r.Property = 0 },
		"half a price":       func(r *Rate) { r.Buy.Units = 5 },
		"too much bitcoin":   func(r *Rate) { r.Sell.Msat = amount.Max + 1 },
		"too many units":     func(r *Rate) { r.Sell.Units = amount.MaxUnits + 1 },
		"least above most":   func(r *Rate) { r.Least = 10 },
		"nothing as least":   func(r *Rate) { r.Least = 0 },
		"most above all":     func(r *Rate) { r.Most = amount.MaxUnits + 1 },
		"no time to be paid": func(r *Rate) { r.Blocks = 0 },
	} {
		r := good
		if spoil(&r); r.Good() {
			t.Error(name)
		}
	}
}

func TestPricesAreComparedExactly(t *testing.T) {
	for _, c := range []struct {
		a, b Price
		want int
	}{
		{Price{3, 2}, Price{6, 4}, 0},
		{Price{3, 2}, Price{3, 1}, -1},
		{Price{4, 2}, Price{3, 2}, 1},
		{Price{amount.Max, amount.MaxUnits}, Price{amount.Max - 1, amount.MaxUnits}, 1},
		{Price{amount.Max, amount.MaxUnits - 1}, Price{amount.Max, amount.MaxUnits}, 1},
		{Price{1, amount.MaxUnits}, Price{amount.Max, 1}, -1},
	} {
		if got, back := c.a.Compare(c.b), c.b.Compare(c.a); got != c.want || back != -c.want {
			t.Errorf("%v and %v: %d, %d", c.a, c.b, got, back)
		}
	}
}
