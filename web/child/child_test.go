//go:build !race

package child

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestTheChildPaysWhatItsParentDoesNot(t *testing.T) {
	for _, c := range []struct{ size, fee, wanted, rate uint64 }{
		{200, 200, 10_000, 24_635},                // (10·323 − 200) sat over 123 vB
		{200, 2000, 10_000, 10_000},               // the parent pays enough
		{200, 5000, 10_000, 10_000},               // more than enough
		{0, 0, 10_000, 10_000},                    // no parent
		{1 << 60, 0, 1 << 60, most},               // nothing overflows
		{1_000_000, 1 << 60, 1 << 60, most},       // nothing overflows
		{200, 1999, 10_000, 10_009}, {1, 0, 1, 2}, // rounded up
	} {
		if got := rate(c.size, c.fee, c.wanted); got != c.rate {
			t.Errorf("%+v: %d", c, got)
		}
	}
	if fee(10_000) != 1230 || fee(1) != 1 || fee(1<<63) == 0 {
		t.Error("the fee is wrong")
	}
}

// signed is BIP 143's example of a native P2WPKH, of whose bytes 110 are the witness,
// its marker and its flag.
const signed = "01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000494830450221008b9d1dc26ba6a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022040529b194ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4cc618ef3ed01eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac000247304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee0121025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee635711000000"

func TestTheSizeOfATransactionIsVirtual(t *testing.T) {
	got, err := size(signed)
	if total := uint64(len(signed) / 2); err != nil || got != (3*(total-110)+total+3)/4 {
		t.Errorf("%d virtual bytes of %d: %v", got, total, err)
	}
	for _, wrong := range []string{"", "zz", signed[:100], strings.Repeat("00", 9)} {
		if _, err := size(wrong); err == nil {
			t.Errorf("%.20q has a size", wrong)
		}
	}
}

func TestAPlanKnowsWhatTheWalletsOwnTransactionsPay(t *testing.T) {
	var all []Transaction
	const rows = `[
		{"hash":"aa","outputs":[{"index":0,"amount_msat":100000000},{"index":1,"amount_msat":50000000}]},
		{"hash":"bb","rawtx":"RAW","inputs":[{"txid":"aa","index":1}],"outputs":[{"index":0,"amount_msat":49000000}]},
		{"hash":"cc","rawtx":"RAW","inputs":[{"txid":"aa","index":0},{"txid":"zz","index":0}],"outputs":[{"index":0,"amount_msat":1000}]}]`
	if err := json.Unmarshal([]byte(strings.ReplaceAll(rows, "RAW", signed)), &all); err != nil {
		t.Fatal(err)
	}
	own, err := Of("bb", all, 20_000)
	if err != nil || !own.Known || own.Paid != 1000 || own.Enough || own.Rate != rate(own.Size, 1000, 20_000) || own.Costs != fee(own.Rate) {
		t.Errorf("%+v %v", own, err)
	}
	if paid, err := Of("bb", all, 1000); err != nil || !paid.Enough {
		t.Errorf("%+v %v", paid, err)
	}
	if other, err := Of("cc", all, 20_000); err != nil || other.Known || other.Paid != 0 || other.Rate <= own.Rate {
		t.Errorf("%+v %v", other, err)
	}
	if _, err := Of("dd", all, 20_000); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := Of("aa", all, 20_000); err == nil {
		t.Error("what cannot be read has a size")
	}
}
