package api_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/psbt/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

type reservedResult struct {
	Txid    string
	Vout    uint32
	Was     bool   `json:"was_reserved"`
	Is      bool   `json:"reserved"`
	ToBlock uint32 `json:"reserved_to_block"`
}

type psbtResult struct {
	PSBT         string
	Signed       string              `json:"signed_psbt"`
	FeeRate      uint32              `json:"feerate_per_kw"`
	Weight       uint64              `json:"estimated_final_weight"`
	Excess       amount.MilliSatoshi `json:"excess_msat"`
	Change       *int                `json:"change_outnum"`
	Reservations []reservedResult
	Tx, Txid     string
}

func readPSBT(t *testing.T, text string) *psbt.Packet {
	t.Helper()
	p, err := psbt.NewFromRawBytes(strings.NewReader(text), true)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// addOutput gives a PSBT with one more output.
func addOutput(t *testing.T, text, address string, w *network, sat int64) string {
	t.Helper()
	p := readPSBT(t, text)
	script := scriptOf(t, w, address)
	tx := p.UnsignedTx.Copy()
	tx.AddTxOut(btcwire.NewTxOut(sat, script))
	more, err := psbt.NewFromUnsignedTx(tx)
	if err != nil {
		t.Fatal(err)
	}
	copy(more.Inputs, p.Inputs)
	out, err := more.B64Encode()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// misled is a PSBT whose first input comes with another transaction than the one that it
// spends, and with a signature, so that the input looks as if it could be finished.
func misled(t *testing.T, text string, change func(of *btcwire.MsgTx)) string {
	t.Helper()
	p := readPSBT(t, text)
	spent := &p.UnsignedTx.TxIn[0].PreviousOutPoint
	of := btcwire.NewMsgTx(2)
	of.AddTxIn(btcwire.NewTxIn(spent, nil, nil))
	of.AddTxOut(btcwire.NewTxOut(1000, []byte{0x51}))
	change(of)
	if len(of.TxOut) == 0 {
		*spent = btcwire.OutPoint{Hash: of.TxHash(), Index: 5}
	}
	key, _ := btcec.PrivKeyFromBytes([]byte{31: 1})
	hash := [32]byte{1}
	p.Inputs[0] = psbt.PInput{NonWitnessUtxo: of, PartialSigs: []*psbt.PartialSig{{
		PubKey: key.PubKey().SerializeCompressed(), Signature: append(ecdsa.Sign(key, hash[:]).Serialize(), 1),
	}}}
	out, err := p.B64Encode()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestATransactionIsMadeByHandFromCoinsThatAreKept(t *testing.T) {
	race.Like(t, TestWithdrawing)
	w := newNetwork(t)
	w.fund(t, w.alice, 300_000)
	w.fund(t, w.alice, 200_000)
	to := ask[struct{ Bech32 string }](t, w.bob, "newaddr").Bech32
	free := func() (n int) {
		for _, o := range ask[fundsResult](t, w.alice, "listfunds").Outputs {
			if !o.Reserved {
				n++
			}
		}
		return n
	}

	const weight = 42 + 4*(9+22)
	got := ask[psbtResult](t, w.alice, "fundpsbt", "100000sat", "1000perkw", weight, nil, nil, nil, nil, true)
	p := readPSBT(t, got.PSBT)
	equal(t, "the largest coin is taken, and kept", fmt.Sprint(len(p.UnsignedTx.TxIn), free(), len(got.Reservations)), "1 1 1")
	equal(t, "for how long", got.Reservations[0].ToBlock, w.alice.Height()+72)
	equal(t, "the height", p.UnsignedTx.LockTime, w.alice.Height())
	if got.Change == nil || *got.Change != 0 || got.Excess != 0 || got.FeeRate != 1000 {
		t.Fatalf("%+v", got)
	}
	made := addOutput(t, got.PSBT, to, w, 100_000)
	signed := ask[psbtResult](t, w.alice, "signpsbt", made)
	sent := ask[psbtResult](t, w.alice, "sendpsbt", signed.Signed)
	var tx btcwire.MsgTx
	if err := tx.Deserialize(hex.NewDecoder(strings.NewReader(sent.Tx))); err != nil || tx.TxHash().String() != sent.Txid {
		t.Fatal(err)
	}
	// A signature may be a byte or two shorter than what is counted.
	real := uint64(3*tx.SerializeSizeStripped() + tx.SerializeSize()) //nolint:gosec // small
	if real > got.Weight || real+8 < got.Weight {
		t.Errorf("it weighs %d, estimated %d", real, got.Weight)
	}
	paid := 300_000 - tx.TxOut[0].Value - tx.TxOut[1].Value
	equal(t, "the fee", paid, int64((got.Weight*1000+999)/1000))
	until(t, "it is in the mempool", func() bool { return w.chain.Waiting() == 1 })
	w.mine(t, 1)
	equal(t, "what arrived", uint64(ask[fundsResult](t, w.bob, "listfunds").Outputs[0].Amount), uint64(100_000_000))

	// What is left over is said, when no change is asked for; and nothing is kept when
	// that is not asked for either.
	rest := ask[psbtResult](t, w.alice, "fundpsbt", named{"satoshi": "100000sat", "feerate": "1000perkw", "startweight": weight, "reserve": 0})
	if rest.Change != nil || rest.Reservations != nil || rest.Excess == 0 || free() != 2 {
		t.Errorf("%+v", rest)
	}
	refused(t, w.alice, command.InvalidParams, "signpsbt", rest.PSBT) // not reserved
	all := ask[psbtResult](t, w.alice, "fundpsbt", named{"satoshi": "all", "feerate": "slow", "startweight": weight, "reserve": 5})
	equal(t, "all coins", len(readPSBT(t, all.PSBT).UnsignedTx.TxIn), 2)
	equal(t, "none is free", free(), 0)
	refused(t, w.alice, command.FundCannotAfford, "fundpsbt", "1000sat", "slow", weight)

	// Reservations are made, made longer, shortened and ended by hand.
	held := func(method string, params ...any) []reservedResult {
		return ask[psbtResult](t, w.alice, method, params...).Reservations
	}
	refused(t, w.alice, command.InvalidParams, "reserveinputs", all.PSBT)
	height := w.alice.Height()
	for _, r := range held("reserveinputs", all.PSBT, false, 10) {
		equal(t, "longer", r, reservedResult{r.Txid, r.Vout, true, true, height + 15})
	}
	for _, r := range held("unreserveinputs", all.PSBT, 12) {
		equal(t, "shorter", r, reservedResult{r.Txid, r.Vout, true, true, height + 3})
	}
	for _, r := range held("unreserveinputs", all.PSBT) {
		equal(t, "ended", r, reservedResult{r.Txid, r.Vout, true, false, 0})
	}
	equal(t, "free", free(), 2)
	equal(t, "again", len(held("reserveinputs", all.PSBT)), 2)
	w.mine(t, 72)
	equal(t, "after 72 blocks", free(), 2)

	// Somebody else's inputs are left alone.
	refused(t, w.bob, command.InvalidParams, "signpsbt", all.PSBT)
	equal(t, "Bob's", len(ask[psbtResult](t, w.bob, "reserveinputs", all.PSBT).Reservations), 0)
	refused(t, w.alice, command.InvalidParams, "sendpsbt", all.PSBT)  // not signed
	refused(t, w.alice, command.InvalidParams, "reserveinputs", made) // spent

	for _, method := range []string{"reserveinputs", "unreserveinputs", "signpsbt", "sendpsbt"} {
		for name, wrong := range map[string]any{
			"nothing": "", "words": "mine", "a number": 7, "an object": named{"a": 1}, "cut off": all.PSBT[:len(all.PSBT)-40],
			"an input of another transaction": misled(t, all.PSBT, func(of *btcwire.MsgTx) { of.LockTime++ }),
			"an output that is none":          misled(t, all.PSBT, func(of *btcwire.MsgTx) { of.TxOut = nil }),
			"noise":                           base64.StdEncoding.EncodeToString([]byte("psbt\xff\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
		} {
			t.Run(method+" of "+name, func(t *testing.T) { refused(t, w.alice, command.InvalidParams, method, wrong) })
		}
		refused(t, w.alice, command.InvalidParams, method)
	}
	for name, params := range map[string][]any{
		"too few": {"1000sat", "slow"}, "no amount": {"much", "slow", weight}, "no feerate": {"1000sat", "soon", weight},
		"less than no weight": {"1000sat", "slow", -1}, "too many": {1, "slow", 1, 1, 1, 1, 1, true, true, true, 1},
		"a fraction": {"1500msat", "slow", weight},
	} {
		t.Run("fundpsbt with "+name, func(t *testing.T) { refused(t, w.alice, command.InvalidParams, "fundpsbt", params...) })
	}
	refused(t, w.alice, command.FundOutputIsDust, "fundpsbt", "1000sat", "slow", 500_000)
	refused(t, w.alice, command.InvalidParams, "signpsbt", all.PSBT, []int{9})
}

func TestCoinsForChannelsComeBackAsChange(t *testing.T) {
	race.Like(t, TestAChannelFromItsPeerToItsClose)
	w := newNetwork(t)
	w.fund(t, w.alice, 300_000)
	w.fund(t, w.alice, 100_000)
	open(t, w.alice, w.carol, 200_000)
	w.mine(t, 6)
	reserve := uint64(ask[struct {
		Reserve amount.MilliSatoshi `json:"reserve_msat"`
	}](t, w.alice, "listfunds").Reserve / 1000)
	if reserve == 0 {
		t.Fatal("nothing is kept")
	}
	got := ask[psbtResult](t, w.alice, "fundpsbt", named{"satoshi": "all", "feerate": "1000perkw", "startweight": 166})
	if p := readPSBT(t, got.PSBT); len(p.UnsignedTx.TxOut) != 1 || uint64(p.UnsignedTx.TxOut[0].Value) != reserve || got.Excess == 0 { //nolint:gosec // positive
		t.Errorf("%+v", got)
	}
}

func TestWhatWasPreparedIsThereAfterARestart(t *testing.T) {
	race.Like(t, TestWithdrawing)
	w := newNetwork(t)
	w.fund(t, w.alice, 300_000)
	w.fund(t, w.alice, 200_000)
	to := ask[struct{ Bech32 string }](t, w.bob, "newaddr").Bech32
	prepare := func() string {
		return ask[psbtResult](t, w.alice, "txprepare", []any{named{to: "50000sat"}}).Txid
	}
	sent, discarded := prepare(), prepare()
	dir := w.alice.Dir()
	if err := w.alice.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := node.Open(context.Background(), node.Config{
		Dir: dir, Network: w.chain.Params(), Source: w.chain, Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	w.alice = again
	w.mine(t, 1)
	for _, o := range ask[fundsResult](t, w.alice, "listfunds").Outputs {
		equal(t, "a coin is kept", o.Reserved, true)
	}
	ask[psbtResult](t, w.alice, "txsend", sent)
	equal(t, "what was discarded", ask[psbtResult](t, w.alice, "txdiscard", discarded).Txid, discarded)
	refused(t, w.alice, command.Failed, "txdiscard", discarded)
	refused(t, w.alice, command.Failed, "txsend", sent)
	// unreserveinputs ends what txprepare keeps.
	third := ask[psbtResult](t, w.alice, "txprepare", []any{named{to: "50000sat"}})
	ask[psbtResult](t, w.alice, "unreserveinputs", third.PSBT)
	refused(t, w.alice, command.Failed, "txsend", third.Txid)

	w.mine(t, 1)
	type list struct {
		Transactions []struct {
			Hash, RawTx, Label string
			Height             uint32 `json:"blockheight"`
			TxIndex            *uint32
			Created            uint64 `json:"created_index"`
			Inputs             []struct{ Txid string }
			Outputs            []struct {
				Amount amount.MilliSatoshi `json:"amount_msat"`
			}
		}
		Next uint64
	}
	all := ask[list](t, w.alice, "listtransactions")
	if len(all.Transactions) != 3 || all.Next != 0 {
		t.Fatalf("%+v", all)
	}
	for i, tx := range all.Transactions {
		if tx.TxIndex == nil || *tx.TxIndex == 0 { // first stands what pays the miner
			t.Errorf("transaction %d: its place is %v", i, tx.TxIndex)
		}
		if tx.Height == 0 || len(tx.Outputs) != 2 || (tx.Label == "") != (i < 2) {
			t.Errorf("transaction %d: %+v", i, tx)
		}
	}
	equal(t, "the one that was sent", all.Transactions[2].Hash, sent)
	page := ask[list](t, w.alice, "listtransactions", named{"limit": 2})
	equal(t, "a page", fmt.Sprint(len(page.Transactions), page.Next > 0), "2 true")
	equal(t, "the next", ask[list](t, w.alice, "listtransactions", page.Next).Transactions[0].Hash, sent)
	equal(t, "by SQL", query(t, w.alice, "SELECT count(*), sum(o.amount_msat) FROM transactions t JOIN transactions_outputs o ON o.row = t.rowid WHERE t.hash = x'%s'", sent),
		fmt.Sprintf("[[2,%d]]", uint64(all.Transactions[2].Outputs[0].Amount+all.Transactions[2].Outputs[1].Amount)))
	refused(t, w.alice, command.InvalidParams, "listtransactions", -1)
	refused(t, w.alice, command.InvalidParams, "listtransactions", 0, 1, 2)
}
