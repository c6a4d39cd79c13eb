package wallet

import (
	"errors"
	"testing"

	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
)

// claim is a transaction that spends outputs of somebody else's, whose witnesses
// weigh 100 each, with outputs that stay.
func claim(values []int64, outs ...int64) Topping {
	t := Topping{Tx: btcwire.NewMsgTx(2), FeePerKw: 1000, For: "test"}
	for i, v := range values {
		t.Tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: [32]byte{9, byte(i)}}})
		t.Spent = append(t.Spent, btcwire.NewTxOut(v, somebody))
	}
	for _, v := range outs {
		t.Tx.AddTxOut(btcwire.NewTxOut(v, somebody))
	}
	t.Weight = 4*uint64(t.Tx.SerializeSizeStripped()) + 2 + 100*uint64(len(values))
	return t
}

func (f *fixture) top(t Topping) Topped {
	f.t.Helper()
	p, err := f.Top(t)
	return commit(f, p, err)
}

// judge checks what holds for every topped transaction: the fee is what was asked
// for and is what is left, the inputs of ours are signed, all that is not the fee
// comes back.
func (f *fixture) judge(t Topping, got Topped) {
	f.t.Helper()
	prevs := txscript.NewMultiPrevOutFetcher(nil)
	var sum int64
	for i, in := range got.Tx.TxIn {
		prev := btcwire.NewTxOut(0, nil)
		if i < len(t.Spent) {
			prev = t.Spent[i]
		} else if c := f.coins[in.PreviousOutPoint]; c != nil {
			prev = btcwire.NewTxOut(int64(c.Value), c.Script)
		}
		sum += prev.Value
		prevs.AddPrevOut(in.PreviousOutPoint, prev)
	}
	for _, o := range got.Tx.TxOut {
		sum -= o.Value
	}
	if sum != int64(got.Fee) {
		f.t.Errorf("the fee is %d, it says %d", sum, got.Fee)
	}
	least := amount.Satoshi(got.Weight*uint64(t.FeePerKw)/1000) + t.Extra
	if t.Replaces > 0 {
		least = max(least, t.Replaces+amount.Satoshi(got.Weight/4))
	}
	if got.Fee < least || got.Fee > least+changeDust+changeWeight {
		f.t.Errorf("the fee is %v, it should be %v", got.Fee, least)
	}
	hashes := txscript.NewTxSigHashes(got.Tx, prevs)
	for i := len(t.Spent); i < len(got.Tx.TxIn); i++ {
		prev := prevs.FetchPrevOutput(got.Tx.TxIn[i].PreviousOutPoint)
		vm, err := txscript.NewEngine(prev.PkScript, got.Tx, i, txscript.StandardVerifyFlags, nil, hashes, prev.Value, prevs)
		if err == nil {
			err = vm.Execute()
		}
		if err != nil {
			f.t.Errorf("input %d: %v", i, err)
		}
	}
}

func TestAClaimPaysItsFeeAndTheRestIsOurs(t *testing.T) {
	f := newFixture(t)
	ask := claim([]int64{50_000, 20_000})
	got := f.top(ask)
	f.judge(ask, got)
	if len(got.Tx.TxIn) != 2 || len(got.Tx.TxOut) != 1 || got.Tx.TxOut[0].Value != 70_000-int64(got.Fee) {
		t.Errorf("%+v", got.Tx)
	}
	if _, ours := f.addresses[string(got.Tx.TxOut[0].PkScript)]; !ours {
		t.Error("the rest is not ours")
	}
}

func TestWhatPaysNoFeeGetsCoins(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000, 5_000, 40_000)
	f.deposit(P2TR, 8_000)
	ask := claim([]int64{30_000}, 30_000) // an HTLC transaction
	ask.Coins = true
	got := f.top(ask)
	f.judge(ask, got)
	if len(got.Tx.TxIn) != 2 || got.Tx.TxOut[0].Value != 30_000 {
		t.Fatalf("%+v", got.Tx)
	}
	if v, _ := f.Value(got.Tx.TxIn[1].PreviousOutPoint); v != 5_000 {
		t.Errorf("the smallest coin that suffices is 5,000, not %v", v)
	}
	for _, o := range []amount.Satoshi{5_000, 8_000} { // reserved, then enough
		if o == 8_000 {
			ask = claim([]int64{30_000}, 30_000)
			ask.Coins, ask.For = true, "another"
			got = f.top(ask)
			f.judge(ask, got)
		}
		if v, _ := f.Value(got.Tx.TxIn[1].PreviousOutPoint); v != o {
			t.Errorf("it takes %v, not %v", v, o)
		}
	}
}

func TestMuchIsMadeOfTheLargestCoins(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2TR, 4_000, 5_000, 6_000, 300)
	ask := claim([]int64{30_000}, 30_000)
	ask.Coins, ask.Extra = true, 9_000
	got := f.top(ask)
	f.judge(ask, got)
	if len(got.Tx.TxIn) != 3 {
		t.Errorf("%d inputs", len(got.Tx.TxIn))
	}
}

func TestAReplacementPaysMoreFromTheSameCoins(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 20_000, 50_000)
	ask := claim([]int64{30_000}, 30_000)
	ask.Coins = true
	first := f.top(ask)
	commit(f, f.Publish(first.Tx, "first"), nil)
	again := claim([]int64{30_000}, 30_000)
	again.Coins, again.With, again.Replaces = true, []btcwire.OutPoint{first.Tx.TxIn[1].PreviousOutPoint}, first.Fee
	second := f.top(again)
	f.judge(again, second)
	if second.Tx.TxIn[1].PreviousOutPoint != first.Tx.TxIn[1].PreviousOutPoint || len(second.Tx.TxIn) != 2 {
		t.Errorf("%+v", second.Tx.TxIn)
	}
	commit(f, f.Publish(second.Tx, "second"), nil)
	if left := f.Unconfirmed(); len(left) != 1 || left[0].TxHash() != second.Tx.TxHash() {
		t.Errorf("%d are broadcast", len(left))
	}
}

func TestWhatCannotBePaidIsRefusedAndReservesNothing(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 600)
	short := claim([]int64{30_000}, 30_000)
	small := claim([]int64{500})
	poor := claim([]int64{30_000}, 30_000)
	poor.Coins = true
	gone := claim([]int64{30_000})
	gone.With = []btcwire.OutPoint{{Index: 7}}
	slow := claim([]int64{30_000})
	slow.FeePerKw = 252
	for name, ask := range map[string]Topping{"no coins": short, "dust": small, "few coins": poor} {
		var e *InsufficientError
		if _, err := f.Top(ask); !errors.As(err, &e) || e.Missing == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.Top(gone); !errors.Is(err, ErrNotFree) {
		t.Error(err)
	}
	if _, err := f.Top(slow); !errors.Is(err, ErrFeeRate) {
		t.Error(err)
	}
	f.fund(Request{Outputs: to(400), FeePerKw: MinFeePerKw})
}

func TestWhatACrashLeftReservedIsTakenForTheSameClaim(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 5_000, 6_000)
	ask := claim([]int64{30_000}, 30_000)
	ask.Coins, ask.Extra = true, 5_500
	first := f.top(ask) // both coins, and never published
	if len(first.Tx.TxIn) != 3 {
		t.Fatalf("%d inputs", len(first.Tx.TxIn))
	}
	ask = claim([]int64{30_000}, 30_000)
	ask.Coins, ask.For = true, "another"
	var few *InsufficientError
	if _, err := f.Top(ask); !errors.As(err, &few) {
		t.Errorf("another claim takes them: %v", err)
	}
	ask = claim([]int64{30_000}, 30_000)
	ask.Coins = true
	again := f.top(ask)
	f.judge(ask, again)
	if v, _ := f.Value(again.Tx.TxIn[1].PreviousOutPoint); v != 5_000 {
		t.Errorf("it takes %v", v)
	}
	if b := f.Balance(); b.Reserved != 5_000 || b.Confirmed != 6_000 {
		t.Errorf("%+v", b)
	}
}
