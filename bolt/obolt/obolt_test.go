//go:build !race

package obolt

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
)

type vectors struct {
	Valid []struct {
		Name         string               `json:"name"`
		Network      bolt11.Network       `json:"network"`
		Property     amount.Property      `json:"property"`
		Units        amount.Units         `json:"units"`
		Msat         *amount.MilliSatoshi `json:"amount_msat"`
		Description  string               `json:"description"`
		Refundable   bool                 `json:"refundable"`
		NamesPayee   bool                 `json:"names_payee"`
		Expiry       uint64               `json:"expiry"`
		MinFinalCLTV uint32               `json:"min_final_cltv_expiry_delta"`
		Timestamp    uint64               `json:"timestamp"`
		PaymentHash  wire.PaymentHash     `json:"payment_hash"`
		Secret       wire.PaymentHash     `json:"payment_secret"`
		Payee        wire.NodeID          `json:"payee"`
		Invoice      string               `json:"invoice"`
	} `json:"valid"`
	Unsigned []string `json:"unsigned"`
}

func load(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/obolt.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func signer(b byte) bolt11.Signer {
	k, pub := btcec.PrivKeyFromBytes([]byte{31: b})
	return bolt11.Signer{ID: wire.PointOf(pub), Sign: func(hash [32]byte) (sig [65]byte, err error) {
		compact := ecdsa.SignCompact(k, hash[:], true)
		copy(sig[:], compact[1:])
		sig[64] = compact[0] - 27 - 4
		return sig, nil
	}}
}

// as is a signer who gives the signature that an invoice already has.
func as(inv *Invoice) bolt11.Signer {
	return bolt11.Signer{ID: inv.Payee, Sign: func([32]byte) (sig [65]byte, err error) {
		copy(sig[:], inv.Signature[:])
		sig[64] = inv.RecoveryID
		return sig, nil
	}}
}

func TestOmniBOLTsExamplesHoldWhatItsPagesSay(t *testing.T) {
	for _, v := range load(t).Valid {
		t.Run(v.Name, func(t *testing.T) {
			got, err := Decode(v.Invoice)
			if err != nil {
				t.Fatal(err)
			}
			want := &Invoice{
				Invoice: bolt11.Invoice{
					Network: v.Network, Amount: v.Msat, Timestamp: v.Timestamp, Description: &v.Description,
					PaymentHash: v.PaymentHash, PaymentSecret: v.Secret, Payee: v.Payee,
					Expiry: v.Expiry, MinFinalCLTVExpiryDelta: v.MinFinalCLTV,
					Features: got.Features, Signature: got.Signature, RecoveryID: got.RecoveryID,
				},
				Property: v.Property, Units: v.Units, Refundable: v.Refundable, NamesPayee: v.NamesPayee,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if v.Secret != (wire.PaymentHash{}) {
				if f := wire.NewFeatures(wire.VarOnion+1, wire.PaymentSecret, wire.BasicMPP+1); string(got.Features) != string(f) {
					t.Errorf("features %x, want %x", got.Features, f)
				}
			}
			// What is encoded again, with the signature that it had, is the same text.
			again, err := got.Encode(as(got))
			if err != nil || again != v.Invoice {
				t.Errorf("%v\n%s, want\n%s", err, again, v.Invoice)
			}
		})
	}
}

func TestTheUnsignedFormOf2020IsRefusedWithItsReason(t *testing.T) {
	for _, s := range load(t).Unsigned {
		if _, err := Decode(s); !errors.Is(err, ErrUnsigned) || !strings.Contains(err.Error(), "nobody signs") {
			t.Errorf("%v for %s", err, s)
		}
	}
}

func TestAnInvoiceOfBOLT11IsNotOneOfOmniBOLT(t *testing.T) {
	text := ""
	inv := bolt11.Invoice{Network: bolt11.Mainnet, Description: &text, Expiry: 3600, MinFinalCLTVExpiryDelta: 18, Features: wire.NewFeatures(wire.VarOnion, wire.PaymentSecret)}
	s, err := inv.Encode(signer(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(s); !errors.Is(err, ErrPrefix) {
		t.Errorf("lnbc: %v", err)
	}
	if _, err := bolt11.Decode(load(t).Valid[0].Invoice); !errors.Is(err, bolt11.ErrPrefix) {
		t.Errorf("obto: %v", err)
	}
}

func example() *Invoice {
	text := "1 cup coffee"
	return &Invoice{Property: 31, Units: 1_250_000_000, Invoice: bolt11.Invoice{
		Network: bolt11.Mainnet, Timestamp: 1496314658, PaymentHash: wire.PaymentHash{1}, PaymentSecret: [32]byte{2},
		Description: &text, Expiry: 600, MinFinalCLTVExpiryDelta: 40, Features: wire.NewFeatures(wire.VarOnion, wire.PaymentSecret),
	}}
}

// byHand writes an invoice with this human-readable part and these fields of its own.
func byHand(t testing.TB, hrp string, fields map[rune][]byte) string {
	t.Helper()
	s, err := form.Encode(&example().Invoice, bolt11.Extra{HRP: hrp, Fields: fields}, signer(1))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHumanReadableParts(t *testing.T) {
	msat := func(m amount.MilliSatoshi) *amount.MilliSatoshi { return &m }
	for _, c := range []struct {
		hrp      string
		property amount.Property
		units    amount.Units
		bitcoin  *amount.MilliSatoshi
		err      error
	}{
		{hrp: "obo31:", property: 31},
		{hrp: "obo0:"},
		{hrp: "obo31:12", property: 31, units: 1_200_000_000},
		{hrp: "obo31:12500m", property: 31, units: 1_250_000_000},
		{hrp: "obo31:1000u", property: 31, units: 100_000},
		{hrp: "obo31:50n", property: 31, units: 5},
		{hrp: "obo4294967295:10n", property: 4294967295, units: 1},
		{hrp: "obo31:92233720368547758070n", property: 31, units: amount.MaxUnits}, // the number alone has more than 64 bits
		{hrp: "obo31:92233720368547758080n", property: 31, err: ErrAmount},
		{hrp: "obo31:92233720368547758u", property: 31, units: 9_223_372_036_854_775_800},
		{hrp: "obo31:92233720369", property: 31, err: ErrAmount},
		{hrp: "obo0:25m", bitcoin: msat(2_500_000_000)},
		{hrp: "obo0:10p", bitcoin: msat(1)},
		{hrp: "obo0:1p", err: bolt11.ErrAmount},
		{hrp: "obo31:10p", property: 31, err: ErrAmount},
		{hrp: "obo31:5n", property: 31, err: ErrAmount},
		{hrp: "obo31:15n", property: 31, err: ErrAmount},
		{hrp: "obo31:0", property: 31, err: ErrAmount},
		{hrp: "obo31:01", property: 31, err: ErrAmount},
		{hrp: "obo31:m", property: 31, err: ErrAmount},
		{hrp: "obo31:1mm", property: 31, err: ErrAmount},
		{hrp: "obo31:-1", property: 31, err: ErrAmount},
		{hrp: "obo31:1.5", property: 31, err: ErrAmount},
		{hrp: "obo31", err: ErrProperty},
		{hrp: "obo", err: ErrProperty},
		{hrp: "obo:5", err: ErrProperty},
		{hrp: "obo031:5", err: ErrProperty},
		{hrp: "obo4294967296:5", err: ErrProperty},
		{hrp: "obo99999999999999999999999:5", err: ErrProperty},
		{hrp: "obo+1:5", err: ErrPrefix},
		{hrp: "obx31:5", err: ErrPrefix},
		{hrp: "lnbc31:5", err: ErrPrefix},
		{hrp: "", err: ErrPrefix},
	} {
		t.Run(c.hrp, func(t *testing.T) {
			h, err := parseHumanReadable(c.hrp)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			want := human{bolt11.Mainnet, c.property, c.bitcoin, c.units}
			if diff := cmp.Diff(want, h, cmp.AllowUnexported(human{})); err == nil && diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPrefixAndFieldMustAgree(t *testing.T) {
	for name, fields := range map[string]map[rune][]byte{
		"another property": {'3': propertyGroups(32)}, "no field": nil, "an empty field": {'3': nil},
		"a zero before": {'3': {0, 31}}, "33 bits": {'3': {8, 0, 0, 0, 0, 0, 0}}, "many bits": {'3': make([]byte, 40)},
		"very many bits": {'3': append([]byte{1}, make([]byte, 39)...)},
	} {
		if _, err := Decode(byHand(t, "obo31:5", fields)); !errors.Is(err, ErrProperty) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Decode(byHand(t, "obo31:5", map[rune][]byte{'3': {31}})); err != nil {
		t.Errorf("both agree: %v", err)
	}
}

func TestRefundableIsOne(t *testing.T) {
	for _, data := range [][]byte{nil, {0}, {2}, {0, 1}} {
		if _, err := Decode(byHand(t, "obo31:5", map[rune][]byte{'3': {31}, 'j': data})); !errors.Is(err, bolt11.ErrField) {
			t.Errorf("%v: %v", data, err)
		}
	}
}

func TestAFieldOfItsOwnStandsOnce(t *testing.T) {
	twice := form
	for _, l := range twice.Own {
		twice.Order = form.Order + string(l)
		s, err := twice.Encode(&example().Invoice, bolt11.Extra{HRP: "obo31:5", Fields: map[rune][]byte{'3': {31}, 'j': {1}}}, signer(1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(s); !errors.Is(err, bolt11.ErrDuplicate) {
			t.Errorf("%c: %v", l, err)
		}
	}
}

func TestEncodeRefusesWhatCannotBeRead(t *testing.T) {
	one := amount.MilliSatoshi(1)
	for name, c := range map[string]struct {
		change func(*Invoice)
		err    error
	}{
		"signet":               {func(i *Invoice) { i.Network = bolt11.Signet }, ErrPrefix},
		"too many units":       {func(i *Invoice) { i.Units = amount.MaxUnits + 1 }, ErrAmount},
		"tokens in msat":       {func(i *Invoice) { i.Amount = &one }, ErrAmount},
		"bitcoin in units":     {func(i *Invoice) { i.Property = 0 }, ErrAmount},
		"no description":       {func(i *Invoice) { i.Description = nil }, bolt11.ErrMissing},
		"for another payee":    {func(i *Invoice) { i.Payee = signer(2).ID }, bolt11.ErrSignature},
		"names payee, unknown": {func(i *Invoice) { i.NamesPayee = true }, bolt11.ErrField},
	} {
		inv := example()
		c.change(inv)
		if s, err := inv.Encode(signer(1)); !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", name, s, err)
		}
	}
}

func TestInvoiceIsWhatWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := example()
		want.Network = rapid.SampledFrom([]bolt11.Network{bolt11.Mainnet, bolt11.Testnet, bolt11.Regtest}).Draw(t, "network")
		want.Property = amount.Property(rapid.Uint32().Draw(t, "property"))
		want.Refundable = rapid.Bool().Draw(t, "refundable")
		want.NamesPayee = rapid.Bool().Draw(t, "names payee")
		if rapid.Bool().Draw(t, "hash?") {
			want.Description, want.DescriptionHash = nil, &[32]byte{9}
		}
		if rapid.Bool().Draw(t, "no secret?") {
			want.PaymentSecret = [32]byte{}
		}
		want.Units = 0
		if want.Property == 0 {
			m := amount.MilliSatoshi(rapid.Uint64Range(1, uint64(amount.Max)).Draw(t, "msat"))
			want.Amount = &m
		} else if rapid.Bool().Draw(t, "amount?") {
			zeros := rapid.SampledFrom([]uint64{1, 100, 100_000, 100_000_000}).Draw(t, "zeros")
			want.Units = amount.Units(rapid.Uint64Range(1, uint64(amount.MaxUnits)/zeros).Draw(t, "units") * zeros)
		}
		by := signer(rapid.ByteRange(1, 255).Draw(t, "key"))
		want.Payee = by.ID
		s, err := want.Encode(by)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(s)
		if err != nil {
			t.Fatal(err)
		}
		want.Signature, want.RecoveryID = got.Signature, got.RecoveryID
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzDecode takes the text as it comes, and its human-readable part and field 3 in an
// invoice whose checksum and signature are right.
func FuzzDecode(f *testing.F) {
	v := load(f)
	for _, v := range v.Valid {
		f.Add(v.Invoice, "obo31:5", []byte{31})
	}
	for _, s := range v.Unsigned {
		f.Add(s, "obort2147483651:500u", propertyGroups(2147483651))
	}
	again := func(t *testing.T, s string) {
		inv, err := Decode(s)
		if err != nil {
			return
		}
		inv.Payee, inv.NamesPayee = wire.NodeID{}, false
		text, err := inv.Encode(signer(1))
		if err != nil {
			t.Fatal(err)
		}
		same, err := Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		same.Payee, same.Signature, same.RecoveryID = inv.Payee, inv.Signature, inv.RecoveryID
		if diff := cmp.Diff(inv, same); diff != "" {
			t.Fatal(diff)
		}
	}
	f.Fuzz(func(t *testing.T, s, hrp string, field []byte) {
		again(t, s)
		for i := range field {
			field[i] &= 31
		}
		if s, err := form.Encode(&example().Invoice, bolt11.Extra{HRP: strings.ToLower(hrp), Fields: map[rune][]byte{'3': field}}, signer(1)); err == nil {
			again(t, s)
		}
	})
}

func ExampleDecode() {
	inv, err := Decode("obort2147483651:500u1p3vlcmzpp5ynph4j2tvmklqq3g4m6djqv6sjycr55t8uw5m9xvjsn7pf0yvdsqdqqcqzpgxqyz5vq3q8zqqqqqrsp54cq6k33jznf7l7uv6ypnrdccdmrkwe459h3m9spdy8un4hk5xavs9qyyssqcsup8urhhh5dvaszcq4zputt8z0gmrqt7uvxad9eug389wkewunx24tk95ng7kj9nevlj0u8euvk42e5cmzyuxlqftewrqsl4phuayqqzexztj")
	if err != nil {
		panic(err)
	}
	fmt.Println(inv.Property, inv.Units.Tokens(true))
	// Output: 2147483651 0.0005
}
