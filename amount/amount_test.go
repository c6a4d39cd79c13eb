//go:build !race

package amount

import (
	"encoding/json"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want MilliSatoshi
		err  error
	}{
		{"0", 0, nil},
		{"1000", 1000, nil},
		{"1000msat", 1000, nil},
		{"10sat", 10_000, nil},
		{"1.5sat", 1500, nil},
		{"0.5btc", 50_000_000_000, nil},
		{"0.00000000001btc", 1, nil},
		{"1.000sat", 1000, nil},
		{"1.0msat", 1, nil},
		{"21000000btc", Max, nil},
		{"21000001btc", 0, ErrRange},
		{"99999999999999999999999", 0, ErrRange},
		{"0.0001sat", 0, ErrFraction},
		{"1.5msat", 0, ErrFraction},
		{"", 0, ErrSyntax},
		{"sat", 0, ErrSyntax},
		{"-1", 0, ErrSyntax},
		{"+1", 0, ErrSyntax},
		{"1.", 0, ErrSyntax},
		{".5btc", 0, ErrSyntax},
		{"1e3", 0, ErrSyntax},
		{"1 sat", 0, ErrSyntax},
		{"any", 0, ErrSyntax},
		{"1.2.3btc", 0, ErrSyntax},
		{"1SAT", 0, ErrSyntax},
	} {
		got, err := Parse(c.in)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("Parse(%q) = %d, %v; want %d, %v", c.in, got, err, c.want, c.err)
		}
	}
}

func TestWhatIsPrintedIsParsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := MilliSatoshi(rapid.Uint64Range(0, uint64(Max)).Draw(t, "msat"))
		if got, err := Parse(m.String()); err != nil || got != m {
			t.Fatalf("%s became %d, %v", m, got, err)
		}
		s := m.Sat()
		if got, err := Parse(s.String()); err != nil || got != s.Msat() {
			t.Fatalf("%s became %d, %v", s, got, err)
		}
	})
}

func TestArithmeticSaysWhenItOverflows(t *testing.T) {
	if _, ok := (^MilliSatoshi(0)).Add(1); ok {
		t.Error("overflow not seen")
	}
	if _, ok := MilliSatoshi(1).Sub(2); ok {
		t.Error("underflow not seen")
	}
	if v, ok := MilliSatoshi(3).Sub(2); !ok || v != 1 {
		t.Error("3-2 is not 1")
	}
	if v, ok := Max.Add(0); !ok || v != Max {
		t.Error("adding nothing overflows")
	}
	if v, ok := Max.Sub(Max); !ok || v != 0 {
		t.Error("an amount cannot be taken from itself")
	}
	if most := Satoshi(^uint64(0) / 1000); most.Msat() != MilliSatoshi(most)*1000 || (most+1).Msat() != ^MilliSatoshi(0) {
		t.Error("it does not saturate exactly where 64 bits end")
	}
	if (^Satoshi(0)).Msat() != ^MilliSatoshi(0) {
		t.Error("an impossible amount of satoshi does not saturate")
	}
	if MilliSatoshi(1).Less0(2) != 0 || MilliSatoshi(5).Less0(2) != 3 {
		t.Error("Less0")
	}
}

func TestOrAnyJSON(t *testing.T) {
	for in, want := range map[string]OrAny{
		`"any"`: {Any: true}, `5`: {Msat: 5}, `"5sat"`: {Msat: 5000}, `"7"`: {Msat: 7},
	} {
		var got OrAny
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s gave %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{`"all"`, `1.5`, `-1`, `null`, `[]`, `true`} {
		var got struct{ A *OrAny }
		if err := json.Unmarshal([]byte(`{"A":`+in+`}`), &got); err == nil && in != `null` {
			t.Errorf("%s was taken as %+v", in, got.A)
		}
	}
	again := OrAny{Any: true}
	if err := again.UnmarshalJSON([]byte(`5`)); err != nil || again != (OrAny{Msat: 5}) {
		t.Errorf("what was there before is left: %+v, %v", again, err)
	}
	if err := again.UnmarshalJSON(nil); err == nil {
		t.Error("nothing was taken as an amount")
	}
	b, _ := json.Marshal([]OrAny{{Any: true}, {Msat: 12}})
	if string(b) != `["any",12]` {
		t.Errorf("printed %s", b)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0.5btc")
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := Parse(s); err == nil {
			if again, err := Parse(v.String()); err != nil || again != v {
				t.Fatalf("%q gave %d, which prints as %s", s, v, v)
			}
		}
	})
}
