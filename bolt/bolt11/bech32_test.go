//go:build !race

package bolt11

import (
	"bytes"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2/bech32"
	"pgregory.net/rapid"
)

// Our bech32 is the library's, in what both make and in what both refuse.
func TestBech32IsThatOfTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hrp := rapid.StringMatching(`[!-@\[-~]{1,90}`).Draw(t, "hrp")
		data := rapid.SliceOfN(rapid.ByteRange(0, 31), 0, 400).Draw(t, "data")
		want, err := bech32.Encode(hrp, data)
		if err != nil {
			t.Fatal(err)
		}
		if got := encode(hrp, data); got != want {
			t.Fatalf("%s, not %s", got, want)
		}
		theirs, groups, version, err := bech32.DecodeNoLimitWithVersion(want)
		if h, d, ok := split(want); ok != (err == nil && version == bech32.Version0) || ok && (h != theirs || !bytes.Equal(d, groups)) {
			t.Fatalf("%q %x %v, not %q %x %v", h, d, ok, theirs, groups, err)
		}
		// One letter is changed, or put in, or is missing.
		i := rapid.IntRange(0, len(want)-1).Draw(t, "at")
		with := rapid.StringMatching(`[ -~\x00\x80]?`).Draw(t, "with")
		for _, wrong := range []string{want[:i] + with + want[i+1:], want[:i] + with + want[i:]} {
			theirs, groups, version, err := bech32.DecodeNoLimitWithVersion(wrong)
			fine := err == nil && version == bech32.Version0 && wrong == strings.ToLower(wrong)
			if h, d, ok := split(wrong); ok != fine || ok && (h != theirs || !bytes.Equal(d, groups)) {
				t.Fatalf("%q: %q %x %v, not %q %x %v", wrong, h, d, ok, theirs, groups, err)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	data := make([]byte, 300)
	for b.Loop() {
		encode("lnbc", data)
	}
}

func BenchmarkEncodeOfTheLibrary(b *testing.B) {
	data := make([]byte, 300)
	for b.Loop() {
		if _, err := bech32.Encode("lnbc", data); err != nil {
			b.Fatal(err)
		}
	}
}
