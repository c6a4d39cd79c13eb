//go:build !race

package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// onion is 56 characters of an onion service.
var onion = strings.Repeat("a", 55) + "d" + onionSuffix

// addresses are one of each kind, with its descriptor.
var addresses = []struct {
	Address
	descriptor, text string
}{
	{Address{AddressIPv4, "203.0.113.5", 9735}, "01cb0071052607", "203.0.113.5:9735"},
	{Address{AddressIPv6, "2001:db8::1", 9735}, "0220010db80000000000000000000000012607", "[2001:db8::1]:9735"},
	{Address{AddressTorV3, onion, 9735}, "04" + strings.Repeat("00", 34) + "03" + "2607", onion + ":9735"},
	{Address{AddressDNS, "node.example.com", 9735}, "0510" + hex.EncodeToString([]byte("node.example.com")) + "2607", "node.example.com:9735"},
}

func TestAddressesOfEachKind(t *testing.T) {
	var all []byte
	var want []Address
	for _, a := range addresses {
		b, err := AppendAddress(nil, a.Address)
		if err != nil || hex.EncodeToString(b) != a.descriptor {
			t.Errorf("%v: %x, %v", a.Address, b, err)
		}
		if a.String() != a.text {
			t.Errorf("%s, want %s", a, a.text)
		}
		all, want = append(all, b...), append(want, a.Address)
	}
	got, err := ParseAddresses(all)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestHostnamesAreMadeOfWhatCanBeDialled(t *testing.T) {
	for name, ok := range map[string]bool{
		"a.example": true, "z": true, "A.EXAMPLE": true, "Z": true, "0-9_x.example": true, "9": true,
		strings.Repeat("x", 255): true,
		"":                       false, "a b": false, "a/b": false, "a:b": false, "a@b": false, "a[b": false, "a`b": false, "a{b": false, "ä": false,
		"a\x00": false, "a\n": false,
	} {
		_, err := AppendAddress(nil, Address{Kind: AddressDNS, Host: name, Port: 1})
		if (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := AppendAddress(nil, Address{Kind: AddressDNS, Host: strings.Repeat("x", 256), Port: 1}); err == nil {
		t.Error("256 bytes fit")
	}
}

func TestAddressOfAnUnknownKindEndsTheList(t *testing.T) {
	one := addresses[0].descriptor
	for _, next := range []string{"00", "06aabb", "ff"} {
		got, err := ParseAddresses(unhexed(t, one+next+one))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", next, got, err)
		}
	}
}

func TestAddressesThatAreOfNoUseAreLeftOut(t *testing.T) {
	last := addresses[2].descriptor
	for name, first := range map[string]string{
		"Tor v2":        "03" + strings.Repeat("11", 12),
		"no port":       "01cb0071050000",
		"no hostname":   "0500" + "2607",
		"a script":      "0503" + hex.EncodeToString([]byte("<b>")) + "2607",
		"not ASCII":     "0502" + "c3a9" + "2607",
		"a space":       "0501" + "20" + "2607",
		"name, no port": "0501" + "61" + "0000",
	} {
		got, err := ParseAddresses(unhexed(t, first+last))
		if err != nil || len(got) != 1 || got[0].Kind != AddressTorV3 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestAddressThatEndsEarlyIsRefused(t *testing.T) {
	for _, a := range addresses {
		b := unhexed(t, a.descriptor)
		for n := 1; n < len(b); n++ {
			got, err := ParseAddresses(append(unhexed(t, addresses[0].descriptor), b[:n]...))
			if !errors.Is(err, ErrShort) || len(got) != 1 {
				t.Errorf("%v of %d bytes: %v, %v", a.Address, n, got, err)
			}
		}
	}
}

func TestSecondHostnameIsRefused(t *testing.T) {
	name := addresses[3].descriptor
	if got, err := ParseAddresses(unhexed(t, name+name)); !errors.Is(err, ErrHostnames) || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAddressesThatCannotBeAnnounced(t *testing.T) {
	for _, a := range []Address{
		{}, {AddressIPv4, "203.0.113.5", 0}, {AddressIPv4, "2001:db8::1", 1}, {AddressIPv4, "example.com", 1},
		{AddressIPv6, "203.0.113.5", 1}, {AddressIPv6, "fe80::1%eth0", 1}, {AddressIPv6, "[::1]", 1},
		{AddressTorV3, "aaaa.onion", 1}, {AddressTorV3, strings.TrimSuffix(onion, ".onion"), 1},
		{AddressDNS, "", 1}, {AddressDNS, "a b", 1}, {AddressDNS, strings.Repeat("a", 256), 1}, {torV2, "aaaa.onion", 1}, {9, "x", 1},
	} {
		if b, err := AppendAddress([]byte{7}, a); !errors.Is(err, ErrAddress) || !bytes.Equal(b, []byte{7}) {
			t.Errorf("%v: %x, %v", a, b, err)
		}
	}
}

func FuzzAddresses(f *testing.F) {
	var all []byte
	for _, a := range addresses {
		b := unhexed(f, a.descriptor)
		f.Add(b)
		all = append(all, b...)
	}
	f.Add(all)
	f.Add([]byte{5})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _ := ParseAddresses(b)
		var again []byte
		for _, a := range got {
			var err error
			if again, err = AppendAddress(again, a); err != nil {
				t.Fatal(err)
			}
		}
		if second, err := ParseAddresses(again); err != nil || !slices.Equal(got, second) {
			t.Errorf("%v comes back as %v: %v", got, second, err)
		}
	})
}

func TestShortIDsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ShortChannelID {
			return ShortChannelID(rapid.Uint64().Draw(t, "id"))
		}), 0, 20).Draw(t, "ids")
		b := EncodeShortIDs(ids)
		if len(b) != 1+8*len(ids) || b[0] != 0 {
			t.Fatalf("%x", b)
		}
		got, err := DecodeShortIDs(b)
		if err != nil || !slices.Equal(got, ids) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestShortIDsInAnotherEncodingAreRefused(t *testing.T) {
	for _, b := range [][]byte{nil, {1}, {0, 1}, append([]byte{1}, make([]byte, 8)...), make([]byte, 16)} {
		if ids, err := DecodeShortIDs(b); !errors.Is(err, ErrEncoding) {
			t.Errorf("%x: %v, %v", b, ids, err)
		}
	}
}
