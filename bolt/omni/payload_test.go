//go:build !race

package omni

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/amount"
)

func TestPayloadsAreThoseOfOmniCore(t *testing.T) {
	// From the text on send-to-many of github.com/OmniLayer/omnicore and of gist
	// dexX7/1138fd1ea084a9db56798e9bce50d0ef, and a simple send of OmniBOLT's tests.
	for want, got := range map[string][]byte{
		"000000070000001f0302000000003e95ba80030000000002faf080050000000059682f00": enc(t)(SendToMany(31, Entry{2, 1_050_000_000}, Entry{3, 50_000_000}, Entry{5, 1_500_000_000})),
		"000000070000000101010000000005f5e100":                                     enc(t)(SendToMany(1, Entry{1, 100_000_000})),
		"00000000000000020000000000989680":                                         enc(t)(SimpleSend(2, 10_000_000)),
	} {
		if hex.EncodeToString(got) != want {
			t.Errorf("%x, want %s", got, want)
		}
	}
	if s := Script(enc(t)(SimpleSend(2, 10_000_000))); hex.EncodeToString(s) != "6a146f6d6e6900000000000000020000000000989680" {
		t.Errorf("%x", s)
	}
	var seven, eight []Entry
	for i := range uint8(8) {
		if eight = append(eight, Entry{i + 1, 1}); i < 7 {
			seven = eight
		}
	}
	// The relay limit of old is a script of 83 bytes.
	if a, b := len(Script(enc(t)(SendToMany(31, seven...)))), len(Script(enc(t)(SendToMany(31, eight...)))); a != 79 || b != 88 {
		t.Errorf("scripts of %d and %d bytes", a, b)
	}
}

func TestWhatOmniCoreDoesNotSurviveIsNotWritten(t *testing.T) {
	for name, err := range map[string]error{
		"zero":       second(SimpleSend(31, 0)),
		"too many":   second(SimpleSend(31, 1<<63)),
		"bitcoin":    second(SimpleSend(0, 1)),
		"no entry":   second(SendToMany(31)),
		"zero entry": second(SendToMany(31, Entry{1, 5}, Entry{2, 0})),
		"sum":        second(SendToMany(31, Entry{1, amount.MaxUnits}, Entry{2, 1})),
		"wraps":      second(SendToMany(31, Entry{1, 1<<64 - 1}, Entry{2, 2})),
		"order":      second(SendToMany(31, Entry{2, 5}, Entry{1, 1})),
		"twice":      second(SendToMany(31, Entry{2, 5}, Entry{2, 1})),
	} {
		if !errors.Is(err, ErrEncode) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ []byte, err error) error { return err }

func enc(t *testing.T) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}
