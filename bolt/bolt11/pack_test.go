//go:build !race

package bolt11

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2/bech32"

	"github.com/leyden-ln/leyden/amount"
)

func TestAPackedInvoiceIsShorterAndGivesTheSameText(t *testing.T) {
	for _, v := range examples(t) {
		inv, err := Decode(v)
		if err != nil {
			t.Fatal(err)
		}
		known := Known{PaymentHash: inv.PaymentHash, PaymentSecret: inv.PaymentSecret}
		if inv.Description != nil {
			known.Description = *inv.Description
		}
		for what, k := range map[string]Known{
			"all": known, "nothing": {}, "the hash": {PaymentHash: inv.PaymentHash},
			"another's": {PaymentHash: [32]byte{1}, PaymentSecret: [32]byte{2}, Description: "x"},
		} {
			b := Pack(v, k)
			if again, err := Unpack(b, k); err != nil || again != v {
				t.Errorf("%s: %q, %v, not %q", what, again, err, v)
			}
			if len(b) > len(v)*5/8+10 && strings.ToLower(v) == v && !strings.Contains(v, ":") {
				t.Errorf("%s: %d bytes of %d", what, len(b), len(v))
			}
		}
		// With the amount the human-readable part is known too, unless it is written otherwise.
		for what, k := range map[string]*amount.MilliSatoshi{"its amount": cmp.Or(inv.Amount, new(amount.MilliSatoshi)), "another": ptr(1234), "any": new(amount.MilliSatoshi)} {
			with := known
			with.Amount = k
			b := Pack(v, with)
			if again, err := Unpack(b, with); err != nil || again != v {
				t.Errorf("%s: %q, %v, not %q", what, again, err, v)
			}
			if b[0] >= lean && b[0]&named == 0 {
				if again, err := Unpack(b, known); err == nil {
					t.Errorf("without %s: %q", what, again)
				}
			}
			if what == "its amount" && b[0]&named != 0 {
				t.Errorf("%q is packed with its human-readable part", v)
			}
		}
		if all, none := Pack(v, known), Pack(v, Known{}); all[0]&named != 0 && len(all)+32 > len(none) {
			t.Errorf("%d bytes, and %d without what is known", len(all), len(none))
		}
	}
}

func ptr(a amount.MilliSatoshi) *amount.MilliSatoshi { return &a }

func TestAnyTextIsGivenBack(t *testing.T) {
	for _, text := range []string{"", "x", "\x00", "\x01", "lnbc1", "LNBC1QQQQ", "no invoice at all", strings.Repeat("1", 300), "lnbc1" + strings.Repeat("q", 200)} {
		if again, err := Unpack(Pack(text, Known{}), Known{}); err != nil || again != text {
			t.Errorf("%q: %q, %v", text, again, err)
		}
	}
	if b := Pack("", Known{}); b == nil || len(b) != 0 {
		t.Errorf("nothing is %v", b)
	}
}

func TestADamagedPackIsRefused(t *testing.T) {
	v := examples(t)[0]
	inv, err := Decode(v)
	if err != nil {
		t.Fatal(err)
	}
	known := Known{PaymentHash: inv.PaymentHash}
	b := Pack(v, known)
	for what, bad := range map[string][]byte{
		"another form": {6, 1, 2}, "an amount that is not known": append([]byte{lean}, b[6:]...), "a form alone": {lean}, "an older form alone": {olderPlain}, "both a name and a network": append([]byte{b[0] | 1<<networkBits}, b[1:]...), "no length": {1}, "no rest": {1, 4, 'l', 'n', 'b', 'c'}, "short": b[:len(b)/2], "one byte less": b[:len(b)-1],
	} {
		if got, err := Unpack(bad, known); err == nil {
			t.Errorf("%s gave %q", what, got)
		}
	}
	if got, err := Unpack(b, Known{}); err == nil {
		t.Errorf("without the hash: %q", got)
	}
}

// What was packed with the lengths of what it leaves out is read still.
func TestAnOlderPackIsRead(t *testing.T) {
	for i, old := range map[int]string{
		0: "02370b25fe64500d021a343f2807040234f3a78a0d5ccdfd8b68058b651537e09fe0f3f9266bac7076cd275360449d09790d328a64a501b08eee86ba2b1b28ca202ce352fdbfe1d00932b0d2ea5897c404",
		1: "021f0b25fe64500d021a341430041e14038201cb3c7ff7a728bc86690f22b1a63d1360edbfea9e7f4f2f35cf3be5b73b95eb12d97fc348f171a460fd259102728c996fcdde4dc8298957c6666f2c3bb8bd156202",
	} {
		text := examples(t)[i]
		inv, err := Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		known := Known{PaymentHash: inv.PaymentHash, PaymentSecret: inv.PaymentSecret, Description: *inv.Description, Amount: cmp.Or(inv.Amount, new(amount.MilliSatoshi))}
		b, err := hex.DecodeString(old)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Unpack(b, known); err != nil || got != text {
			t.Errorf("%q, %v, not %q", got, err, text)
		}
		if now := Pack(text, known); len(now) > len(b)-3 {
			t.Errorf("%d bytes, and %d before", len(now), len(b))
		}
	}
}

func TestAFieldThatStandsTwiceIsGivenBackTwice(t *testing.T) {
	known := Known{PaymentHash: [32]byte{1}}
	field := func(hash [32]byte) []byte { return append([]byte{tagPaymentHash, 1, 20}, groups(hash[:])...) }
	for what, fields := range map[string][][]byte{
		"known last": {field([32]byte{2}), field([32]byte{1})}, "known first": {field([32]byte{1}), field([32]byte{2})}, "known twice": {field([32]byte{1}), field([32]byte{1})},
	} {
		data := append(make([]byte, timestampGroups), slices.Concat(fields...)...)
		text, err := bech32.Encode("lnbcrt1", append(data, make([]byte, signatureGroups)...))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Unpack(Pack(text, known), known); err != nil || again != text {
			t.Errorf("%s: %q, %v", what, again, err)
		}
	}
}

// examples are the invoices of BOLT 11.
func examples(t testing.TB) (all []string) {
	for _, v := range load(t).Valid {
		all = append(all, v.Invoice)
	}
	return all
}

func FuzzUnpack(f *testing.F) {
	for _, v := range examples(f) {
		f.Add(Pack(v, Known{}), v)
	}
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		known := Known{PaymentHash: [32]byte{1}, PaymentSecret: [32]byte{2}, Description: "d", Amount: ptr(2_500_000_000)}
		if again, err := Unpack(Pack(text, known), known); err != nil || again != text {
			t.Fatalf("%q: %q, %v", text, again, err)
		}
		// What is no pack of ours is refused, or a text that packs again.
		got, err := Unpack(b, known)
		if err != nil {
			return
		}
		if again, err := Unpack(Pack(got, known), known); err != nil || again != got {
			t.Fatalf("%q: %q, %v", got, again, err)
		}
	})
}
