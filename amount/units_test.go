//go:build !race

package amount

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestTokensAreReadAndPrinted(t *testing.T) {
	for _, c := range []struct {
		text      string
		divisible bool
		units     Units
		print     string
		err       error
	}{
		{text: "12.5", divisible: true, units: 1_250_000_000, print: "12.5"},
		{text: "12.50", divisible: true, units: 1_250_000_000, print: "12.5"},
		{text: "0.00000001", divisible: true, units: 1, print: "0.00000001"},
		{text: "7", divisible: true, units: 700_000_000, print: "7"},
		{text: "7", units: 7, print: "7"},
		{text: "7.0", units: 7, print: "7"},
		{text: "0", units: 0, print: "0"},
		{text: "92233720368.54775807", divisible: true, units: MaxUnits, print: "92233720368.54775807"},
		{text: "9223372036854775807", units: MaxUnits, print: "9223372036854775807"},
		{text: "9223372036854775808", err: ErrTokenRange},
		{text: "92233720368.54775808", divisible: true, err: ErrTokenRange},
		{text: "99999999999999999999999", err: ErrTokenRange},
		{text: "0.000000001", divisible: true, err: ErrTokenFraction},
		{text: "7.5", err: ErrTokenFraction},
		{text: "", err: ErrTokens}, {text: ".5", divisible: true, err: ErrTokens}, {text: "5.", divisible: true, err: ErrTokens},
		{text: "-1", err: ErrTokens}, {text: "1e3", err: ErrTokens}, {text: "1.2.3", divisible: true, err: ErrTokens},
	} {
		got, err := ParseTokens(c.text, c.divisible)
		if got != c.units || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%q: %d, %v; want %d, %v", c.text, got, err, c.units, c.err)
		}
		if err == nil && got.Tokens(c.divisible) != c.print {
			t.Errorf("%q is printed as %q", c.text, got.Tokens(c.divisible))
		}
	}
}

func TestTokensThatWerePrintedAreRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := Units(rapid.Uint64Range(0, uint64(MaxUnits)).Draw(t, "units"))
		divisible := rapid.Bool().Draw(t, "divisible")
		if got, err := ParseTokens(u.Tokens(divisible), divisible); err != nil || got != u {
			t.Fatalf("%d was printed %q and read as %d, %v", u, u.Tokens(divisible), got, err)
		}
	})
}

func TestUnitsSayWhenTheyOverflow(t *testing.T) {
	for _, c := range []struct {
		a, b     Units
		add, sub bool
	}{
		{1, 1, true, true}, {1, 2, true, false}, {MaxUnits, 0, true, true}, {MaxUnits, 1, false, true},
		{MaxUnits, MaxUnits, false, true}, {math.MaxUint64, 2, false, true},
	} {
		if _, ok := c.a.Add(c.b); ok != c.add {
			t.Errorf("%d + %d: %v", c.a, c.b, ok)
		}
		if _, ok := c.a.Sub(c.b); ok != c.sub {
			t.Errorf("%d - %d: %v", c.a, c.b, ok)
		}
	}
}

func FuzzParseTokens(f *testing.F) {
	f.Add("12.5", true)
	f.Add("7", false)
	f.Fuzz(func(t *testing.T, s string, divisible bool) {
		u, err := ParseTokens(s, divisible)
		if err != nil {
			return
		}
		if again, err := ParseTokens(u.Tokens(divisible), divisible); err != nil || again != u {
			t.Fatalf("%q: %d, then %d, %v", s, u, again, err)
		}
	})
}
