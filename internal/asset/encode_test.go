//go:build !race

package asset

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
)

var inside = cmp.AllowUnexported(Property{}, Crowdsale{}, sale{})

func drawKey(t *rapid.T) Key {
	return Key{rapid.String().Draw(t, "address"), amount.Property(rapid.Uint32().Draw(t, "property"))}
}

func drawSale(t *rapid.T) *Crowdsale {
	u64 := func(what string) uint64 { return rapid.Uint64().Draw(t, what) }
	return &Crowdsale{
		Property: amount.Property(rapid.Uint32().Draw(t, "property")), Desired: amount.Property(rapid.Uint32().Draw(t, "desired")),
		Deadline: u64("deadline"), ForUsers: amount.Units(u64("users")), ForIssuer: amount.Units(u64("issuer")),
		earlyBird: rapid.Uint8().Draw(t, "early"), percent: rapid.Uint8().Draw(t, "percent"), perUnit: u64("per unit"),
	}
}

func drawProperty(t *rapid.T) Property {
	text, flag := rapid.String(), rapid.Bool()
	return Property{
		ID: amount.Property(rapid.Uint32Min(1).Draw(t, "id")), Issuer: text.Draw(t, "issuer"), Delegate: text.Draw(t, "delegate"),
		About: About{
			Category: text.Draw(t, "category"), Subcategory: text.Draw(t, "subcategory"), Name: text.Draw(t, "name"),
			URL: text.Draw(t, "url"), Data: string(rapid.SliceOf(rapid.Byte()).Draw(t, "data")), // any bytes
		},
		Divisible: flag.Draw(t, "divisible"), Unique: flag.Draw(t, "unique"), Fixed: flag.Draw(t, "fixed"), Managed: flag.Draw(t, "managed"),
		Freezing: append([]uint32(nil), rapid.SliceOf(rapid.Uint32()).Draw(t, "freezing")...),
		Tainted:  text.Draw(t, "tainted"), Halted: text.Draw(t, "halted"),
		sale: sale{
			desired: amount.Property(rapid.Uint32().Draw(t, "desired")), perUnit: rapid.Uint64().Draw(t, "per unit"),
			deadline: rapid.Uint64().Draw(t, "deadline"), earlyBird: rapid.Uint8().Draw(t, "early"), percent: rapid.Uint8().Draw(t, "percent"),
		},
	}
}

func TestWhatABlockDidIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want Changes
		few := rapid.IntRange(0, 3)
		for range few.Draw(t, "balances") {
			want.Balances = append(want.Balances, BalanceChange{
				drawKey(t), amount.Units(rapid.Uint64().Draw(t, "before")), amount.Units(rapid.Uint64().Draw(t, "after")),
			})
		}
		for range few.Draw(t, "properties") {
			p := PropertyChange{After: drawProperty(t)}
			if rapid.Bool().Draw(t, "known") {
				p.Before = drawProperty(t)
			}
			want.Properties = append(want.Properties, p)
		}
		for range few.Draw(t, "sales") {
			s := SaleChange{Issuer: rapid.String().Draw(t, "issuer")}
			if rapid.Bool().Draw(t, "open before") {
				s.Before = drawSale(t)
			}
			if rapid.Bool().Draw(t, "open after") {
				s.After = drawSale(t)
			}
			want.Sales = append(want.Sales, s)
		}
		for range few.Draw(t, "frozen") {
			want.Frozen = append(want.Frozen, FrozenChange{drawKey(t), rapid.Bool().Draw(t, "after")})
		}
		got, err := DecodeChanges(want.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, inside); diff != "" {
			t.Fatal(diff)
		}
		for _, p := range want.Properties {
			if got, err := DecodeProperty(p.After.Encode()); err != nil || !cmp.Equal(got, p.After, inside) {
				t.Fatalf("%+v became %+v: %v", p.After, got, err)
			}
		}
		for _, s := range want.Sales {
			if s.After == nil {
				continue
			}
			if got, err := DecodeCrowdsale(s.After.Encode()); err != nil || got != *s.After {
				t.Fatalf("%+v became %+v: %v", s.After, got, err)
			}
		}
	})
}

func TestADamagedRecordIsAnErrorWhereverItEnds(t *testing.T) {
	p := Property{ID: 7, About: About{Name: "x"}, Freezing: []uint32{1}}
	for name, c := range map[string]struct {
		whole []byte
		read  func([]byte) error
	}{
		"changes": {Changes{
			Balances: []BalanceChange{{Key{"a", 1}, 2, 3}}, Properties: []PropertyChange{{p, p}}, Frozen: []FrozenChange{{Key{"a", 1}, true}},
			Sales: []SaleChange{{"a", new(Crowdsale), new(Crowdsale)}},
		}.Encode(), func(b []byte) error { _, err := DecodeChanges(b); return err }},
		"a property":  {p.Encode(), func(b []byte) error { _, err := DecodeProperty(b); return err }},
		"a crowdsale": {Crowdsale{}.Encode(), func(b []byte) error { _, err := DecodeCrowdsale(b); return err }},
	} {
		if err := c.read(c.whole); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := range c.whole {
			if err := c.read(c.whole[:n]); !errors.Is(err, ErrDamaged) {
				t.Errorf("%d bytes of %s: %v", n, name, err)
			}
		}
		if err := c.read(append(c.whole[:len(c.whole):len(c.whole)], 0)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s and more: %v", name, err)
		}
	}
}

// A count of billions costs nothing: what is not there is not made room for.
func TestACountThatIsNotThereTakesNoRoom(t *testing.T) {
	if _, err := DecodeChanges(bytes.Repeat([]byte{0xff}, 64)); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

func FuzzDecodeChanges(f *testing.F) {
	p := Property{ID: 7, About: About{Name: "x"}, Freezing: []uint32{1}}
	f.Add(Changes{}.Encode())
	f.Add(Changes{
		Balances: []BalanceChange{{Key{"a", 1}, 2, 3}}, Properties: []PropertyChange{{p, p}, {After: p}}, Frozen: []FrozenChange{{Key{"a", 1}, true}},
		Sales: []SaleChange{{"a", new(Crowdsale), nil}},
	}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := DecodeChanges(b); err == nil && !bytes.Equal(c.Encode(), b) {
			t.Errorf("%x became %x", b, c.Encode())
		}
	})
}

func FuzzDecodeProperty(f *testing.F) {
	f.Add(Property{ID: 7, About: About{Name: "x"}, Freezing: []uint32{1}}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := DecodeProperty(b); err == nil && !bytes.Equal(p.Encode(), b) {
			t.Errorf("%x became %x", b, p.Encode())
		}
		if c, err := DecodeCrowdsale(b); err == nil && !bytes.Equal(c.Encode(), b) {
			t.Errorf("%x became %x", b, c.Encode())
		}
	})
}
