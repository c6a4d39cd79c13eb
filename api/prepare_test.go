package api_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/psbt/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

func TestATransactionIsPreparedAndSentOrDiscarded(t *testing.T) {
	race.Like(t, TestWithdrawing)
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	to := func(n int) (out []any) {
		for range n {
			out = append(out, named{ask[struct{ Bech32 string }](t, w.bob, "newaddr").Bech32: "100000sat"})
		}
		return out
	}
	type prepared struct {
		PSBT, Txid string
		Unsigned   string `json:"unsigned_tx"`
		Tx         string
	}
	free := func() (n int) {
		for _, o := range ask[fundsResult](t, w.alice, "listfunds").Outputs {
			if !o.Reserved {
				n++
			}
		}
		return n
	}
	read := func(text string) (tx btcwire.MsgTx) {
		t.Helper()
		if err := tx.Deserialize(hex.NewDecoder(strings.NewReader(text))); err != nil {
			t.Fatal(err)
		}
		return tx
	}

	first := ask[prepared](t, w.alice, "txprepare", to(3), "slow")
	equal(t, "its coins are kept", free(), 0)
	packet, err := psbt.NewFromRawBytes(strings.NewReader(first.PSBT), true)
	if err != nil || packet.UnsignedTx.TxHash().String() != first.Txid || packet.Inputs[0].WitnessUtxo == nil || packet.IsComplete() {
		t.Errorf("the PSBT: %+v %v", packet, err)
	}
	if tx := read(first.Unsigned); tx.TxHash().String() != first.Txid || len(tx.TxOut) != 4 || len(tx.TxIn[0].Witness) != 0 {
		t.Errorf("the transaction: %+v", tx)
	}
	refused(t, w.alice, command.FundCannotAfford, "txprepare", to(1))
	gone := ask[prepared](t, w.alice, "txdiscard", first.Txid)
	equal(t, "what was discarded", gone.Unsigned, first.Unsigned)
	equal(t, "its coins are free", free(), 1)
	refused(t, w.alice, command.Failed, "txsend", first.Txid)
	refused(t, w.alice, command.Failed, "txdiscard", first.Txid)

	second := ask[prepared](t, w.alice, "txprepare", to(2))
	sent := ask[prepared](t, w.alice, "txsend", second.Txid)
	equal(t, "what was sent", sent.Txid, second.Txid)
	if packet, err := psbt.NewFromRawBytes(strings.NewReader(sent.PSBT), true); err != nil || !packet.IsComplete() {
		t.Errorf("the signed PSBT: %v", err)
	} else if tx, err := psbt.Extract(packet); err != nil || tx.WitnessHash().String() != txOf(read(sent.Tx)) {
		t.Errorf("its transaction: %v", err)
	}
	refused(t, w.alice, command.Failed, "txsend", second.Txid)
	w.mine(t, 1)
	var got []uint64
	for _, o := range ask[fundsResult](t, w.bob, "listfunds").Outputs {
		got = append(got, uint64(o.Amount))
	}
	equal(t, "what arrived", fmt.Sprint(got), "[100000000 100000000]")

	// After 72 blocks the coins are for others.
	third := ask[prepared](t, w.alice, "txprepare", to(1))
	w.mine(t, 73)
	refused(t, w.alice, command.Failed, "txsend", third.Txid)

	address := ask[struct{ Bech32 string }](t, w.bob, "newaddr").Bech32
	for name, params := range map[string][]any{
		"nothing":         {},
		"no outputs":      {[]any{}},
		"two in one":      {[]any{named{address: 1000, "x": 1}}},
		"no address":      {[]any{named{"mine": 1000}}},
		"another network": {[]any{named{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4": 1000}}},
		"less than 0":     {[]any{named{address: -1}}},
		"a fraction":      {[]any{named{address: "1500msat"}}},
		"words":           {[]any{named{address: "much"}}},
		"an object":       {[]any{named{address: named{}}}},
		"a coin of words": {named{"outputs": []any{named{address: 1000}}, "utxos": []string{"mine"}}},
		"too low a rate":  {[]any{named{address: 1000}}, "1perkw"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, w.alice, command.InvalidParams, "txprepare", params...) })
	}
	refused(t, w.alice, command.FundOutputIsDust, "txprepare", []any{named{address: 1}})
	refused(t, w.alice, command.InvalidParams, "txsend", "00")
	refused(t, w.alice, command.InvalidParams, "txdiscard")
}

func txOf(tx btcwire.MsgTx) string { return tx.WitnessHash().String() }
