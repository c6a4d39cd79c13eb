package wallet

import (
	"cmp"
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/btcsuite/btcwallet/wallet/txrules"
	"github.com/btcsuite/btcwallet/wallet/txsizes"

	"github.com/leyden-ln/leyden/amount"
)

func TestCoinsWorthMostAreSpentFirst(t *testing.T) {
	f := newFixture(t)
	for n := range amount.Satoshi(12) {
		f.deposit(P2WPKH, 20_000+1_000*n)
	}
	got := f.fund(Request{Outputs: to(50_000)})
	if total := got.Fee + got.Change + 50_000; len(got.Tx.TxIn) != 2 || total != 31_000+30_000 {
		t.Errorf("%d coins worth %v", len(got.Tx.TxIn), total)
	}
}

func TestNoMoreCoinsAreSpentThanAreNeeded(t *testing.T) {
	s := source{free: []*CoinRow{{Value: 100}, {Value: 50}, {Value: 20}}}
	for target, want := range map[btcutil.Amount]int{100: 1, 101: 2, 150: 2, 170: 3} {
		if _, ins, _, _, err := s.take(target); len(ins) != want || err != nil {
			t.Errorf("%d coins for %d: %v", len(ins), target, err)
		}
	}
	var e *InsufficientError
	if _, _, _, _, err := s.take(171); !errors.As(err, &e) || e.Missing != 1 || e.Available != 170 {
		t.Error(err)
	}
}

func TestACoinThatBringsNothingIsLeftWhereItIs(t *testing.T) {
	const perKw = 5000
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	script := f.address(P2WPKH).Script
	cost := amount.Satoshi(txrules.FeeForSerializeSize(feePerKb(perKw), txsizes.GetMinInputVirtualSize(script)))
	f.block(f.pay(script, cost), f.pay(script, cost+1))
	if got := f.fund(Request{Outputs: []Output{{All, somebody}}, FeePerKw: perKw}); len(got.Tx.TxIn) != 2 {
		t.Errorf("%d coins", len(got.Tx.TxIn))
	}
}

func TestTheFeeOfAllIsThatOfItsWeight(t *testing.T) {
	for _, kinds := range [][]Kind{{P2WPKH}, {P2TR}, {P2TR, P2WPKH, P2TR}} {
		f := newFixture(t)
		for _, k := range kinds {
			f.deposit(k, 1_000_000)
		}
		got := f.fund(Request{Outputs: []Output{{All, somebody}}, FeePerKw: MaxFeePerKw})
		least := amount.Satoshi(MaxFeePerKw * blockchain.GetTransactionWeight(btcutil.NewTx(got.Tx)) / 1000)
		if got.Fee < least || got.Fee > least+least/50 {
			t.Errorf("%v: fee %v, want %v", kinds, got.Fee, least)
		}
	}
}

func TestTheOrderOfOutputsDoesNotTellWhichIsChange(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 1_000_000)
	got := f.fund(Request{Outputs: slices.Concat(to(300_000), to(1_000), to(900), to(500_000))})
	if got.Change == 0 || !slices.IsSortedFunc(got.Tx.TxOut, func(a, b *btcwire.TxOut) int { return cmp.Compare(a.Value, b.Value) }) {
		t.Errorf("%+v", got.Tx.TxOut)
	}
}

func TestMoreThanTheWalletHasIsNotMoreThanExists(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	var e *InsufficientError
	if _, err := f.Fund(Request{Outputs: to(amount.MaxMoney), FeePerKw: 1000, For: "x"}); !errors.As(err, &e) {
		t.Error(err)
	}
}

func TestCoinsAreListedTheOldestFirst(t *testing.T) {
	f := newFixture(t)
	for n := range amount.Satoshi(12) {
		f.deposit(P2WPKH, 20_000+n)
	}
	for i, c := range f.Coins() {
		if c.Value != 20_000+amount.Satoshi(i) || c.Confirmations != 12-uint32(i) { //nolint:gosec // few
			t.Errorf("coin %d: %+v", i, c)
		}
	}
}

func TestUnconfirmedTransactionsComeInTheOrderInWhichTheyWereMade(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 1_000_000)
	var want []chainhash.Hash
	for range 10 { // each spends the change of the one before
		got := f.fund(Request{Outputs: to(1_000)})
		commit(f, f.Publish(got.Tx, ""), nil)
		want = append(want, got.Tx.TxHash())
	}
	if got := ids(f.Unconfirmed()); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestPublishingAgainChangesNothing(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	got := f.fund(Request{Outputs: to(40_000)})
	commit(f, f.Publish(got.Tx, "channel"), nil)
	before := f.txs[got.Tx.TxHash()].TxRow
	commit(f, f.Publish(got.Tx, "another label"), nil)
	if after := f.txs[got.Tx.TxHash()].TxRow; after.Number != before.Number || after.Label != "channel" {
		t.Errorf("%+v, was %+v", after, before)
	}
}

func TestATransactionOfForeignCoinsCanBeOurs(t *testing.T) {
	f := newFixture(t)
	claim := f.pay(f.address(P2WPKH).Script, 50_000) // of a channel's output, say
	commit(f, f.Publish(claim, "claim"), nil)
	if f.Balance() != (Balance{Unconfirmed: 50_000}) || len(f.Unconfirmed()) != 1 {
		t.Errorf("%+v", f.Balance())
	}
	late := f.pay(f.address(P2WPKH).Script, 7_000)
	f.block(claim, late)
	commit(f, f.Publish(late, "late"), nil)
	if f.Balance() != (Balance{Confirmed: 57_000}) || len(f.Unconfirmed()) != 0 {
		t.Errorf("%+v, %d unconfirmed", f.Balance(), len(f.Unconfirmed()))
	}
}

func TestABlockUndoneLeavesThoseBelowItAlone(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	got := f.fund(Request{Outputs: to(40_000)})
	commit(f, f.Publish(got.Tx, "channel"), nil)
	f.block(got.Tx)
	f.block()
	commit(f, must(f.Disconnect(f.Height())), nil)
	if f.txs[got.Tx.TxHash()].Height != 2 || f.Balance() != (Balance{Confirmed: got.Change}) {
		t.Errorf("%+v, %+v", f.txs[got.Tx.TxHash()].TxRow, f.Balance())
	}
	for range 100 {
		f.block()
	}
	if _, err := f.Connect(1, nil); !errors.Is(err, ErrReorg) {
		t.Errorf("a block below all that can be undone: %v", err)
	}
}

type noKeys struct{ err error }

func (k noKeys) WalletKey(uint32, uint32, uint32) (*btcec.PrivateKey, error) { return nil, k.err }

func TestWithoutKeysNothingIsMade(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	f.cfg.Keys = noKeys{errors.New("locked")}
	if _, err := f.NewAddress(P2TR); err == nil {
		t.Error("an address")
	}
	for name, outs := range map[string][]Output{"with change": to(40_000), "all": {{All, somebody}}} {
		if _, err := f.Fund(Request{Outputs: outs, FeePerKw: 1000, For: "x"}); err == nil {
			t.Errorf("%s: funded", name)
		}
	}
	if f.Balance() != (Balance{Confirmed: 100_000}) {
		t.Errorf("coins are reserved: %+v", f.Balance())
	}
}
