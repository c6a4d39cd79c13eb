//go:build !race

package enforce

import (
	"maps"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
)

// paying is a transaction whose first output has a script.
func paying(script []byte) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	tx.AddTxOut(btcwire.NewTxOut(0, script))
	return tx
}

func TestTheTokensOfACommitmentAreReadFromItsPayload(t *testing.T) {
	var list []omni.Entry
	want := map[uint32]amount.Units{}
	for i := range uint8(7) { // the longest payload has another push
		list = append(list, omni.Entry{Output: i + 1, Units: amount.MaxUnits / 8})
		want[uint32(i)+1] = amount.MaxUnits / 8
		payload, err := omni.SendToMany(0x80000003, list...)
		if err != nil {
			t.Fatal(err)
		}
		if got := entries(paying(omni.Script(payload))); !maps.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	simple, err := omni.SimpleSend(3, 5)
	if err != nil {
		t.Fatal(err)
	}
	if got := entries(paying(omni.Script(simple))); len(got) != 0 {
		t.Errorf("a simple send gives %v", got)
	}
	if got := entries(btcwire.NewMsgTx(2)); len(got) != 0 {
		t.Errorf("a transaction without outputs gives %v", got)
	}
}

func FuzzEntries(f *testing.F) {
	payload, err := omni.SendToMany(31, omni.Entry{Output: 1, Units: 7}, omni.Entry{Output: 2, Units: 8})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(omni.Script(payload))
	f.Add(omni.Script(payload[:11]))
	f.Add([]byte{0x6a, 0x4c, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		if got := entries(paying(script)); len(got) > 255 {
			t.Errorf("%d entries", len(got))
		}
	})
}
