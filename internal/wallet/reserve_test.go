package wallet

import (
	"errors"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
)

func TestTheReserveGrowsWithTheChannelsUpToTen(t *testing.T) {
	for channels, want := range map[int]amount.Satoshi{-1: 0, 0: 0, 1: 10_000, 3: 30_000, 10: 100_000, 11: 100_000, 5000: 100_000} {
		if got := Reserve(channels); got != want {
			t.Errorf("%d channels: %v", channels, got)
		}
	}
}

func TestWhatIsKeptStaysInTheWallet(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 50_000, 30_000)
	// One coin pays, the other one is kept.
	if got := f.fund(Request{Outputs: to(45_000), Keep: 30_000}); len(got.Tx.TxIn) != 1 {
		t.Errorf("%d inputs", len(got.Tx.TxIn))
	}
	commit(f, f.Release("test"), nil)
	// The change counts.
	if got := f.fund(Request{Outputs: to(45_000), Keep: 33_000}); got.Change < 3_000 {
		t.Errorf("%v change", got.Change)
	}
	commit(f, f.Release("test"), nil)
	var few *InsufficientError
	if _, err := f.Fund(Request{Outputs: to(45_000), FeePerKw: 1000, For: "test", Keep: 35_000}); !errors.As(err, &few) || few.Kept != 35_000 || few.Missing == 0 {
		t.Errorf("%v", err)
	}
	// What was refused has left no trace: the rows tell all.
	f.fund(Request{Outputs: to(45_000), Keep: 20_000})
}

func TestAllLeavesWhatIsKept(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 50_000, 30_000)
	all := []Output{{All, somebody}}
	got := f.fund(Request{Outputs: all, Keep: 10_000})
	if got.Change != 10_000 || got.Tx.TxOut[got.Index[0]].Value != 70_000-int64(got.Fee) || len(got.Tx.TxIn) != 2 {
		t.Errorf("%+v", got)
	}
	commit(f, f.Release("test"), nil)
	if got := f.fund(Request{Outputs: all}); got.Change != 0 || len(got.Tx.TxOut) != 1 {
		t.Errorf("%+v", got)
	}
	commit(f, f.Release("test"), nil)
	// What other coins keep need not be change.
	at := f.Coins()[0].OutPoint
	if got := f.fund(Request{Outputs: all, Coins: []btcwire.OutPoint{at}, Keep: 20_000}); got.Change != 0 {
		t.Errorf("%+v", got)
	}
	var few *InsufficientError
	if _, err := f.Most(Request{Outputs: all, FeePerKw: 1000, Keep: 80_000}); !errors.As(err, &few) {
		t.Error(err)
	}
	if _, err := f.Most(Request{Outputs: to(1000), FeePerKw: 1000}); !errors.Is(err, ErrOutput) {
		t.Error(err)
	}
}

// The most that can be paid can be paid, and no more.
func TestTheMostCanBePaid(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := newFixture(t)
		kinds := []Kind{P2WPKH, P2TR}
		for range rapid.IntRange(1, 6).Draw(r, "coins") {
			f.deposit(rapid.SampledFrom(kinds).Draw(r, "kind"), amount.Satoshi(rapid.Uint64Range(300, 60_000).Draw(r, "value")))
		}
		q := Request{
			Outputs: []Output{{All, somebody}}, FeePerKw: rapid.Uint32Range(253, 20_000).Draw(r, "feerate"), For: "test",
			Keep: amount.Satoshi(rapid.SampledFrom([]uint64{10_000, 20_000, 1}).Draw(r, "keep")),
		}
		most, err := f.Most(q)
		if err != nil || most < 1000 {
			return
		}
		sum := f.Balance().Confirmed
		q.Outputs = to(most)
		p, err := f.Fund(q)
		if err != nil {
			r.Fatalf("%v cannot be paid: %v", most, err)
		}
		if got := commit(f, p, nil); sum-most-got.Fee < q.Keep {
			r.Fatalf("%v stay", sum-most-got.Fee)
		}
		commit(f, f.Release("test"), nil)
		q.Outputs = to(most + q.Keep + 20_000)
		if _, err := f.Fund(q); err == nil {
			r.Fatal("what was to be kept is spent")
		}
	})
}
