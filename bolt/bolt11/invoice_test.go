//go:build !race

package bolt11

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2/bech32"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

func privateKey(b byte) *btcec.PrivateKey {
	k, _ := btcec.PrivKeyFromBytes([]byte{31: b})
	return k
}

// invoice is one with all that is needed and nothing more.
func invoice() *Invoice {
	text := "1 cup coffee"
	return &Invoice{
		Network: Mainnet, Timestamp: 1496314658, PaymentHash: wire.PaymentHash{1}, PaymentSecret: [32]byte{2},
		Description: &text, Expiry: DefaultExpiry, MinFinalCLTVExpiryDelta: DefaultMinFinalCLTVExpiryDelta,
		Features: wire.NewFeatures(wire.VarOnion, wire.PaymentSecret),
	}
}

// tagged is a field in groups.
func tagged(tag byte, data []byte) []byte {
	return append([]byte{tag, byte(len(data) >> 5), byte(len(data) & 31)}, data...)
}

// signed is an invoice made by hand: these fields after those of invoice(), or
// alone.
func signed(t testing.TB, hrp string, fields []byte, flip bool) string {
	t.Helper()
	sig, err := signer(privateKey(1)).Sign(digest(hrp, fields))
	if err != nil {
		t.Fatal(err)
	}
	if flip { // the other s that is as good, and the recovery id that belongs to it
		var s btcec.ModNScalar
		s.SetByteSlice(sig[32:64])
		s.Negate()
		s.PutBytesUnchecked(sig[32:64])
		sig[64] ^= 1
	}
	out, err := bech32.Encode(hrp, append(fields, groups(sig[:])...))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func fieldsOf(t testing.TB, inv *Invoice) []byte {
	t.Helper()
	b, err := bolt11.writeFields(inv, Extra{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func with(t testing.TB, more ...[]byte) string {
	t.Helper()
	fields := fieldsOf(t, invoice())
	for _, m := range more {
		fields = append(fields, m...)
	}
	return signed(t, "lnbc", fields, false)
}

func TestUnknownFieldsAndFallbacksAreSkipped(t *testing.T) {
	s := with(t,
		tagged(10, []byte{0, 0, 0}),                                  // "2", unknown
		tagged(tagFallback, append([]byte{19}, make([]byte, 32)...)), // a version of later days
		tagged(tagFallback, append([]byte{17}, make([]byte, 33)...)), // no hash has 20 bytes and more
		tagged(tagFallback, nil),
		tagged(tagFallback, []byte{1, 31, 31, 31}), // padding
		tagged(tagFallback, append([]byte{17}, groups(make([]byte, 20))...)))
	inv, err := Decode(s)
	if err != nil {
		t.Fatal(err)
	}
	want := invoice()
	want.Payee, want.Signature, want.RecoveryID = wire.PointOf(privateKey(1).PubKey()), inv.Signature, inv.RecoveryID
	want.Fallbacks = []Fallback{{PubKeyHash, make([]byte, 20)}}
	if diff := cmp.Diff(want, inv); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFieldsThatAreWrongAreRefused(t *testing.T) {
	hash := groups(make([]byte, 32))
	node := privateKey(1).PubKey().SerializeCompressed()
	hop := append(append([]byte(nil), node...), make([]byte, 18)...)
	badHop := make([]byte, 51)
	loose := append([]byte(nil), hash...)
	loose[51] |= 1 // padding
	for name, test := range map[string]struct {
		field []byte
		want  error
	}{
		"payment hash twice":     {tagged(tagPaymentHash, hash), ErrDuplicate},
		"payment secret twice":   {tagged(tagPaymentSecret, hash), ErrDuplicate},
		"description twice":      {tagged(tagDescription, nil), ErrDuplicate},
		"features twice":         {tagged(tagFeatures, []byte{16, 8, 0}), ErrDuplicate},
		"hash of a description":  {tagged(tagDescriptionHash, hash), ErrDuplicate},
		"expiry twice":           {append(tagged(tagExpiry, []byte{1}), tagged(tagExpiry, []byte{1})...), ErrDuplicate},
		"delta twice":            {append(tagged(tagMinFinalCLTV, []byte{1}), tagged(tagMinFinalCLTV, []byte{2})...), ErrDuplicate},
		"metadata twice":         {append(tagged(tagMetadata, nil), tagged(tagMetadata, nil)...), ErrDuplicate},
		"node id twice":          {append(tagged(tagPayee, groups(node)), tagged(tagPayee, groups(node))...), ErrDuplicate},
		"payment hash of 51":     {tagged(tagPaymentHash, hash[1:]), ErrField},
		"payment secret of 53":   {tagged(tagPaymentSecret, append(hash, 0)), ErrField},
		"description hash of 51": {tagged(tagDescriptionHash, hash[1:]), ErrField},
		"node id of 52":          {tagged(tagPayee, hash), ErrField},
		"node id of no curve":    {tagged(tagPayee, make([]byte, 53)), ErrField},
		"padding":                {tagged(tagDescriptionHash, loose), ErrField},
		"a group too many":       {tagged(tagMetadata, []byte{0}), ErrField},
		"expiry with zero":       {tagged(tagExpiry, []byte{0, 1}), ErrField},
		"expiry of 65 bits":      {tagged(tagExpiry, []byte{16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), ErrField},
		"delta with zero":        {tagged(tagMinFinalCLTV, []byte{0}), ErrField},
		"delta of 33 bits":       {tagged(tagMinFinalCLTV, []byte{4, 0, 0, 0, 0, 0, 0}), ErrField},
		"delta far too large":    {tagged(tagMinFinalCLTV, []byte{1, 0, 0, 0, 0, 0, 0, 0}), ErrField},
		"features with zero":     {tagged(tagFeatures, []byte{0, 16, 8, 0}), ErrField},
		"way of no hop":          {tagged(tagHints, nil), ErrField},
		"way of 50 bytes":        {tagged(tagHints, groups(hop[1:])), ErrField},
		"way of no node":         {tagged(tagHints, groups(badHop)), ErrField},
		"way with padding":       {tagged(tagHints, append(groups(hop), 0)), ErrField},
		"text with padding":      {tagged(tagDescription, []byte{1}), ErrField},
		"cut in the tag":         {[]byte{tagHints, 1}, ErrField},
		"cut in the data":        {[]byte{tagHints, 0, 2, 1}, ErrField},
		"another's node id":      {tagged(tagPayee, groups(privateKey(2).PubKey().SerializeCompressed())), ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Decode(with(t, test.field)); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func TestDescriptionMustBeUTF8(t *testing.T) {
	text := "\xff"
	inv := invoice()
	inv.Description = &text
	if _, err := inv.Encode(signer(privateKey(1))); !errors.Is(err, ErrField) {
		t.Errorf("encoded: %v", err)
	}
	b := fixed(1, timestampGroups)
	b = append(b, tagged(tagDescription, groups([]byte(text)))...)
	if _, err := Decode(signed(t, "lnbc", b, false)); !errors.Is(err, ErrField) {
		t.Errorf("decoded: %v", err)
	}
}

func TestNeededFieldsMustBeThere(t *testing.T) {
	hash := groups(make([]byte, 32))
	p, s, d := tagged(tagPaymentHash, hash), tagged(tagPaymentSecret, hash), tagged(tagDescription, nil)
	for name, fields := range map[string][][]byte{
		"payment hash": {s, d}, "payment secret": {p, d}, "description": {p, s},
	} {
		b := fixed(1, timestampGroups)
		for _, f := range fields {
			b = append(b, f...)
		}
		if _, err := Decode(signed(t, "lnbc", b, false)); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFeatureFieldMayBeEmpty(t *testing.T) {
	fields := fieldsOf(t, invoice())
	fields = append(fields[:len(fields)-3-3], tagged(tagFeatures, nil)...)
	inv, err := Decode(signed(t, "lnbc", fields, false))
	if err != nil || len(inv.Features) != 0 {
		t.Errorf("%+v, %v", inv, err)
	}
}

// Expiry 0 is written as a number of no group, which is not the default.
func TestZeroIsNotTheDefault(t *testing.T) {
	inv := invoice()
	inv.Expiry, inv.MinFinalCLTVExpiryDelta = 0, 0
	s, err := inv.Encode(signer(privateKey(1)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(s)
	if err != nil || got.Expiry != 0 || got.MinFinalCLTVExpiryDelta != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSignatureRules(t *testing.T) {
	plain := fieldsOf(t, invoice())
	named := append(append([]byte(nil), plain...), tagged(tagPayee, groups(privateKey(1).PubKey().SerializeCompressed()))...)
	for name, test := range map[string]struct {
		invoice string
		ok      bool
	}{
		"low s, key recovered":  {signed(t, "lnbc", plain, false), true},
		"high s, key recovered": {signed(t, "lnbc", plain, true), true},
		"low s, key named":      {signed(t, "lnbc", named, false), true},
		"high s, key named":     {signed(t, "lnbc", named, true), false},
	} {
		t.Run(name, func(t *testing.T) {
			inv, err := Decode(test.invoice)
			if !test.ok {
				if !errors.Is(err, ErrSignature) {
					t.Errorf("%v, want %v", err, ErrSignature)
				}
				return
			}
			if err != nil || inv.Payee != wire.PointOf(privateKey(1).PubKey()) {
				t.Errorf("%v, %v", inv, err)
			}
		})
	}
	for name, sig := range map[string][65]byte{
		"zero":        {},
		"recovery id": {31: 1, 63: 1, 64: 4},
		"id that wraps": func() (s [65]byte) { // a good signature, and 252 + 31 = 27
			s, _ = signer(privateKey(1)).Sign(digest("lnbc", plain))
			s[64] -= 4
			return s
		}(),
		"r too large": func() (s [65]byte) {
			for i := range 32 {
				s[i] = 0xff
			}
			s[63] = 1
			return s
		}(),
	} {
		for _, fields := range [][]byte{plain, named} {
			if strings.Contains(name, "id") && len(fields) == len(named) {
				continue // is not looked at when the key is named
			}
			s, err := bech32.Encode("lnbc", append(append([]byte(nil), fields...), groups(sig[:])...))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Decode(s); !errors.Is(err, ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestEveryCharacterIsProtected(t *testing.T) {
	s := with(t)
	for i := len("lnbc1"); i < len(s); i++ {
		c := byte('q')
		if s[i] == c {
			c = 'p'
		}
		if _, err := Decode(s[:i] + string(c) + s[i+1:]); !errors.Is(err, ErrChecksum) {
			t.Fatalf("character %d: %v", i, err)
		}
	}
}

func TestBech32mIsNoInvoice(t *testing.T) {
	_, data, err := bech32.DecodeNoLimit(with(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := bech32.EncodeM("lnbc", data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(s); !errors.Is(err, ErrChecksum) {
		t.Errorf("%v", err)
	}
}

func TestSchemeAndCase(t *testing.T) {
	s := with(t)
	for _, s := range []string{s, "lightning:" + s, "LIGHTNING:" + strings.ToUpper(s), "Lightning:" + s, strings.ToUpper(s)} {
		if _, err := Decode(s); err != nil {
			t.Errorf("%.20s: %v", s, err)
		}
	}
	for _, s := range []string{
		"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", // addresses on-chain
		"bc1pptdvg0d2nj99568qn6ssdy4cygnwuxgw2ukmnwgwz7jpqjz2kszse2s3lm",
		"lightning://" + s,
	} {
		if _, err := Decode(s); !errors.Is(err, ErrPrefix) {
			t.Errorf("%.20s: %v", s, err)
		}
	}
	for _, s := range []string{"", "lightning:", strings.ToUpper(s[:4]) + s[4:], s[:len(s)-3] + "b" + s[len(s)-2:]} {
		if _, err := Decode(s); !errors.Is(err, ErrBech32) {
			t.Errorf("%.20s: %v", s, err)
		}
	}
}

func TestAmounts(t *testing.T) {
	msat := func(v amount.MilliSatoshi) *amount.MilliSatoshi { return &v }
	for hrp, want := range map[string]*amount.MilliSatoshi{
		"lnbc":                   nil,
		"lnbc1":                  msat(100_000_000_000),
		"lnbc21000000":           msat(amount.Max),
		"lnbc20m":                msat(2_000_000_000),
		"lnbc2500u":              msat(250_000_000),
		"lnbc1n":                 msat(100),
		"lnbc10p":                msat(1),
		"lnbc21000000000000000n": msat(amount.Max),
		"lnbc9678785340p":        msat(967_878_534),
		"lnbc1000m":              msat(100_000_000_000),
		"lntbs5u":                msat(500_000),
		"lntb5u":                 msat(500_000),
		"lnbcrt5u":               msat(500_000),
	} {
		n, got, err := parseHumanReadable(hrp)
		if err != nil {
			t.Errorf("%s: %v", hrp, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", hrp, diff)
		}
		again, err := humanReadable(n, got)
		if err != nil || len(again) > len(hrp) {
			t.Errorf("%s became %s, %v", hrp, again, err)
		}
	}
	for hrp, want := range map[string]error{
		"bc": ErrPrefix, "ln": ErrPrefix, "lnbcx": ErrPrefix, "lnltc1": ErrPrefix, "lnb5": ErrPrefix, "": ErrPrefix,
		"lnbc0": ErrAmount, "lnbc0u": ErrAmount, "lnbc01u": ErrAmount, "lnbc5x": ErrAmount, "lnbc5mu": ErrAmount,
		"lnbc5-u": ErrAmount, "lnbc5.5u": ErrAmount, "lnbc1u5": ErrAmount, "lnbc11p": ErrAmount, "lnbc1p": ErrAmount,
		"lnbc21000001": ErrAmount, "lnbc18446744073709551616p": ErrAmount, "lnbc184467441": ErrAmount,
		"lnbc21000000000000000010p": ErrAmount, "lnbc21000000000001u": ErrAmount,
	} {
		_, _, err := parseHumanReadable(hrp)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", hrp, err, want)
		}
	}
}

func TestEncodeRefusesWhatCannotBeRead(t *testing.T) {
	zero, tooMuch := amount.MilliSatoshi(0), amount.Max+1
	long := strings.Repeat("x", 640)
	hash := [32]byte{}
	for name, test := range map[string]struct {
		change func(inv *Invoice)
		want   error
	}{
		"network":             {func(inv *Invoice) { inv.Network = "lnltc" }, ErrPrefix},
		"no amount":           {func(inv *Invoice) { inv.Amount = &zero }, ErrAmount},
		"too much":            {func(inv *Invoice) { inv.Amount = &tooMuch }, ErrAmount},
		"timestamp":           {func(inv *Invoice) { inv.Timestamp = 1 << 35 }, ErrField},
		"no description":      {func(inv *Invoice) { inv.Description = nil }, ErrMissing},
		"two descriptions":    {func(inv *Invoice) { inv.DescriptionHash = &hash }, ErrDuplicate},
		"long description":    {func(inv *Invoice) { inv.Description = &long }, ErrTooLong},
		"long metadata":       {func(inv *Invoice) { inv.Metadata = []byte(long) }, ErrTooLong},
		"long way":            {func(inv *Invoice) { inv.Hints = [][]HopHint{make([]HopHint, 13)} }, ErrField},
		"empty way":           {func(inv *Invoice) { inv.Hints = [][]HopHint{{}} }, ErrField},
		"fallback":            {func(inv *Invoice) { inv.Fallbacks = []Fallback{{0, []byte{1}}} }, ErrField},
		"later fallback":      {func(inv *Invoice) { inv.Fallbacks = []Fallback{{19, make([]byte, 20)}} }, ErrField},
		"unknown feature":     {func(inv *Invoice) { inv.Features = inv.Features.With(100) }, ErrUnknownFeature},
		"feature alone":       {func(inv *Invoice) { inv.Features = wire.NewFeatures(wire.BasicMPP + 1) }, ErrFeatureDependency},
		"payee is another":    {func(inv *Invoice) { inv.Payee = wire.PointOf(privateKey(2).PubKey()) }, ErrSignature},
		"features, too large": {func(inv *Invoice) { inv.Features = inv.Features.With(5115 + 1 | 1) }, ErrTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			inv := invoice()
			test.change(inv)
			if s, err := inv.Encode(signer(privateKey(1))); !errors.Is(err, test.want) {
				t.Errorf("%s, %v, want %v", s, err, test.want)
			}
		})
	}
	text := long[:639]
	inv := invoice()
	inv.Description = &text
	if _, err := inv.Encode(signer(privateKey(1))); err != nil {
		t.Errorf("639 bytes: %v", err)
	}
	refusal := errors.New("no")
	by := Signer{ID: inv.Payee, Sign: func([32]byte) ([65]byte, error) { return [65]byte{}, refusal }}
	if _, err := inv.Encode(by); !errors.Is(err, refusal) {
		t.Errorf("%v", err)
	}
	by.Sign = func([32]byte) ([65]byte, error) { return [65]byte{64: 4}, nil }
	if _, err := inv.Encode(by); !errors.Is(err, ErrSignature) {
		t.Errorf("a signature that is none: %v", err)
	}
}

func TestFeaturesThatAreNeededWithoutTheirDependencies(t *testing.T) {
	fields := fieldsOf(t, invoice())
	fields = fields[:len(fields)-3-3] // without its features
	s := signed(t, "lnbc", append(fields, tagged(tagFeatures, bitGroups(wire.NewFeatures(wire.BasicMPP+1)))...), false)
	if _, err := Decode(s); !errors.Is(err, ErrFeatureDependency) {
		t.Errorf("%v", err)
	}
}

func TestExpiresAt(t *testing.T) {
	inv := Invoice{Timestamp: 100, Expiry: 60}
	if got := inv.ExpiresAt(); got != 160 {
		t.Error(got)
	}
	inv.Expiry = math.MaxUint64 - 99
	if got := inv.ExpiresAt(); got != math.MaxUint64 {
		t.Error(got)
	}
}

func TestCheckDescription(t *testing.T) {
	inv := invoice()
	if err := inv.CheckDescription("1 cup coffee"); err != nil {
		t.Error(err)
	}
	if err := inv.CheckDescription("2 cups coffee"); !errors.Is(err, ErrDescription) {
		t.Error(err)
	}
}

// The hash that is signed covers whole bytes (BOLT 11, "Data Part"): no zero byte
// follows when the groups fill them.
func TestGroupsAreFilledUpToABoundaryOfBytesOnly(t *testing.T) {
	for n, want := range []int{0, 1, 2, 2, 3, 4, 4, 5, 5, 6} {
		if got := packed(bytes.Repeat([]byte{31}, n)); len(got) != want {
			t.Errorf("%d groups are %d bytes, not %d", n, len(got), want)
		}
	}
	if got := packed([]byte{31, 31, 31}); !bytes.Equal(got, []byte{0xff, 0xfe}) {
		t.Errorf("three groups are %x", got)
	}
}

func TestFallbackIsItsScript(t *testing.T) {
	for _, f := range []Fallback{
		{1, make([]byte, 2)}, {16, make([]byte, 40)},
		{0, make([]byte, 20)}, {0, make([]byte, 32)}, {1, make([]byte, 32)}, {16, make([]byte, 2)},
		{PubKeyHash, make([]byte, 20)}, {ScriptHash, make([]byte, 20)},
	} {
		got, ok := FallbackOf(f.Script())
		if diff := cmp.Diff(f, got); !ok || diff != "" {
			t.Errorf("%v, %v: %s", f, ok, diff)
		}
		for _, n := range []Network{Mainnet, Testnet, Signet, Regtest} {
			if f.Address(n) == "" {
				t.Errorf("%v has no address on %s", f, n)
			}
		}
	}
	for _, script := range [][]byte{nil, {0}, {0, 2, 1, 1}, {0x51, 3, 1, 1}, make([]byte, 25), make([]byte, 23), {0x6a, 2, 1, 1}} {
		if f, ok := FallbackOf(script); ok {
			t.Errorf("%x is read as %v", script, f)
		}
	}
	for n, want := range map[Network]string{
		Mainnet: "bc1q", Testnet: "tb1q", Signet: "tb1q", Regtest: "bcrt1q",
	} {
		if a := (Fallback{0, make([]byte, 20)}).Address(n); !strings.HasPrefix(a, want) {
			t.Errorf("on %s an address is %s", n, a)
		}
	}
	shared := (Fallback{0, make([]byte, 20)}).Script()
	f, _ := FallbackOf(shared)
	if shared[2] = 1; f.Program[0] != 0 {
		t.Error("the program shares the script's memory")
	}
	for version, sizes := range map[byte][]int{0: {2, 40}, 1: {1, 41}, 16: {1, 41}, PubKeyHash: {2, 32, 40}, ScriptHash: {2, 32, 40}} {
		for _, n := range sizes {
			if a := (Fallback{version, make([]byte, n)}).Address(Mainnet); a != "" {
				t.Errorf("version %d with %d bytes is %s", version, n, a)
			}
		}
	}
	if a := (Fallback{0, []byte{1}}).Address(Mainnet); a != "" {
		t.Error(a)
	}
}

func genInvoice(t *rapid.T) *Invoice {
	bytes32 := func(name string) [32]byte { return [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, name)) }
	inv := &Invoice{
		Network:                 rapid.SampledFrom([]Network{Mainnet, Testnet, Signet, Regtest}).Draw(t, "network"),
		Timestamp:               rapid.Uint64Range(0, maxTimestamp-1).Draw(t, "timestamp"),
		PaymentHash:             bytes32("hash"),
		PaymentSecret:           bytes32("secret"),
		Expiry:                  rapid.Uint64().Draw(t, "expiry"),
		MinFinalCLTVExpiryDelta: rapid.Uint32().Draw(t, "delta"),
	}
	if rapid.Bool().Draw(t, "amount?") {
		a := amount.MilliSatoshi(rapid.Uint64Range(1, uint64(amount.Max)).Draw(t, "amount"))
		inv.Amount = &a
	}
	if rapid.Bool().Draw(t, "text?") {
		text := rapid.StringN(0, 100, 639).Draw(t, "text")
		inv.Description = &text
	} else {
		hash := bytes32("description hash")
		inv.DescriptionHash = &hash
	}
	if rapid.Bool().Draw(t, "metadata?") {
		inv.Metadata = rapid.SliceOfN(rapid.Byte(), 0, 639).Draw(t, "metadata")
	}
	for range rapid.IntRange(0, 2).Draw(t, "fallbacks") {
		f := Fallback{Version: rapid.ByteRange(0, ScriptHash).Draw(t, "version")}
		f.Program = rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "program")
		inv.Fallbacks = append(inv.Fallbacks, f)
	}
	for range rapid.IntRange(0, 2).Draw(t, "ways") {
		var hops []HopHint
		for range rapid.IntRange(1, 12).Draw(t, "hops") {
			hops = append(hops, HopHint{
				NodeID:                    wire.PointOf(privateKey(rapid.ByteRange(1, 255).Draw(t, "node")).PubKey()),
				SCID:                      wire.ShortChannelID(rapid.Uint64().Draw(t, "scid")),
				FeeBaseMsat:               rapid.Uint32().Draw(t, "base"),
				FeeProportionalMillionths: rapid.Uint32().Draw(t, "proportional"),
				CLTVExpiryDelta:           rapid.Uint16().Draw(t, "cltv"),
			})
		}
		inv.Hints = append(inv.Hints, hops)
	}
	for _, bit := range []wire.FeatureBit{wire.VarOnion, wire.PaymentSecret, wire.PaymentMetadata + 1, 99, 261} {
		if rapid.Bool().Draw(t, "feature") {
			inv.Features = inv.Features.With(bit)
		}
	}
	return inv
}

func TestInvoiceIsWhatWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genInvoice(t)
		key := privateKey(rapid.ByteRange(1, 255).Draw(t, "key"))
		s, err := want.Encode(signer(key))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(s)
		if err != nil {
			t.Fatal(err)
		}
		want.Payee, want.Signature, want.RecoveryID = wire.PointOf(key.PubKey()), got.Signature, got.RecoveryID
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzDecode takes the text as it comes, and also as the fields of an invoice whose
// checksum and signature are right, which few texts are by chance.
func FuzzDecode(f *testing.F) {
	v := load(f)
	for _, v := range v.Valid {
		f.Add(v.Invoice)
	}
	for _, v := range v.Invalid {
		f.Add(v.Invoice)
	}
	f.Fuzz(func(t *testing.T, s string) {
		readAgain(t, s)
		hrp, fields := "lnbc", []byte(s)
		if i := strings.LastIndexByte(s, '1'); i > 0 {
			hrp, fields = s[:i], fields[i+1:]
		}
		for i := range fields {
			fields[i] = max(byte(strings.IndexByte("qpzry9x8gf2tvdw0s3jn54khce6mua7l", fields[i])), 0) & 31
		}
		if sig, err := signer(privateKey(1)).Sign(digest(strings.ToLower(hrp), fields)); err == nil {
			if s, err := bech32.Encode(hrp, append(fields, groups(sig[:])...)); err == nil {
				readAgain(t, s)
			}
		}
	})
}

func readAgain(t *testing.T, s string) {
	inv, err := Decode(s)
	if err != nil {
		return
	}
	inv.Payee = wire.NodeID{}
	s, err = inv.Encode(signer(privateKey(1)))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(s)
	if err != nil {
		t.Fatal(err)
	}
	again.Payee, again.Signature, again.RecoveryID = inv.Payee, inv.Signature, inv.RecoveryID
	if diff := cmp.Diff(inv, again); diff != "" {
		t.Fatal(diff)
	}
}

func BenchmarkDecode(b *testing.B) {
	s := with(b)
	for b.Loop() {
		if _, err := Decode(s); err != nil {
			b.Fatal(err)
		}
	}
}
