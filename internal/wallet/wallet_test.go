package wallet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
)

// Vectors of BIP 84 and BIP 86, "Test vectors".
func TestAddressesAreThoseOfBIP84AndBIP86(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		kind Kind
		want string
	}{
		{P2WPKH, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"},
		{P2WPKH, "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"},
		{P2TR, "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"},
		{P2TR, "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"},
	} {
		if got := f.address(c.kind); got.Address != c.want {
			t.Errorf("%d/%d: %s, want %s", c.kind, got.Index, got.Address, c.want)
		}
	}
	change, err := f.newAddress(P2WPKH, Change)
	if want := "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"; err != nil || change.Address != want {
		t.Errorf("change is %s, %v", change.Address, err)
	}
	if _, err := f.NewAddress(1); !errors.Is(err, ErrKind) {
		t.Errorf("kind 1: %v", err)
	}
}

func TestEveryScriptIsWatched(t *testing.T) {
	f := newFixture(t)
	var watched [][]byte
	f.cfg.Watch = func(scripts ...[]byte) { watched = append(watched, scripts...) }
	p, err := f.NewAddress(P2WPKH)
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.Commit(t.Context(), f.disk)
	if err != nil {
		t.Fatal(err)
	}
	if len(watched) != 1 || !bytes.Equal(watched[0], first.Script) {
		t.Errorf("a new address: %x", watched)
	}
	watched = nil
	if _, err := Load(f.cfg, Rows{Addresses: []AddressRow{first}}); err != nil || len(watched) != 1 {
		t.Errorf("a stored address: %x, %v", watched, err)
	}
}

// verify runs the scripts of all inputs of a transaction that the wallet signed.
func verify(t *testing.T, w *Wallet, tx *btcwire.MsgTx) {
	t.Helper()
	spent := txscript.NewMultiPrevOutFetcher(nil)
	for _, in := range tx.TxIn {
		c := w.coins[in.PreviousOutPoint]
		spent.AddPrevOut(in.PreviousOutPoint, btcwire.NewTxOut(int64(c.Value), c.Script))
	}
	hashes := txscript.NewTxSigHashes(tx, spent)
	for i, in := range tx.TxIn {
		c := w.coins[in.PreviousOutPoint]
		vm, err := txscript.NewEngine(c.Script, tx, i, txscript.StandardVerifyFlags, nil, hashes, int64(c.Value), spent)
		if err == nil {
			err = vm.Execute()
		}
		if err != nil {
			t.Errorf("input %d: %v", i, err)
		}
		if len(in.SignatureScript) != 0 && !txscript.IsPayToScriptHash(c.Script) { // of that it pushes the one script that can be
			t.Errorf("input %d is not segwit alone: the txid could change", i)
		}
	}
}

func TestFundedTransactionsAreSignedAndPayTheirFee(t *testing.T) {
	for _, kinds := range [][]Kind{{P2WPKH}, {P2TR}, {P2WPKH, P2TR}, {P2TR, P2WPKH, P2WPKH, P2TR}} {
		for _, perKw := range []uint32{MinFeePerKw, 1000, 12_345} {
			f := newFixture(t)
			for _, k := range kinds {
				f.deposit(k, 100_000)
			}
			total := amount.Satoshi(100_000 * len(kinds))
			got := f.fund(Request{Outputs: append(to(total-50_000), to(1_000)...), FeePerKw: perKw, MinConf: 1})
			verify(t, f.Wallet, got.Tx)
			if got.Fee+got.Change+total-49_000 != total {
				t.Errorf("fee %v and change %v", got.Fee, got.Change)
			}
			weight := blockchain.GetTransactionWeight(btcutil.NewTx(got.Tx))
			least := amount.Satoshi(uint64(perKw) * uint64(weight) / 1000)
			if got.Fee < least || got.Fee > least+least/20+10 {
				t.Errorf("%v at %d: fee %v for %d units of weight, want %v", kinds, perKw, got.Fee, weight, least)
			}
			for i, want := range []amount.Satoshi{total - 50_000, 1_000} {
				if o := got.Tx.TxOut[got.Index[i]]; o.Value != int64(want) || hex.EncodeToString(o.PkScript) != hex.EncodeToString(somebody) {
					t.Errorf("output %d is not at %d", i, got.Index[i])
				}
			}
			if got.Tx.Version != 2 || got.Tx.TxIn[0].Sequence != 0xfffffffd {
				t.Error("not version 2, or not replaceable")
			}
		}
	}
}

func TestChangeThatWouldBeDustGoesToTheFee(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	got := f.fund(Request{Outputs: to(99_100), FeePerKw: 1000})
	if got.Change != 0 || len(got.Tx.TxOut) != 1 || got.Fee != 900 {
		t.Errorf("change %v, fee %v", got.Change, got.Fee)
	}
}

func TestAllIsWhatFeeAndOtherOutputsLeave(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000, 50_000)
	f.deposit(P2TR, 30_000, 10) // 10 are not worth their input
	got := f.fund(Request{Outputs: []Output{{All, somebody}, {20_000, somebody}}, FeePerKw: 1000})
	verify(t, f.Wallet, got.Tx)
	if len(got.Tx.TxIn) != 3 || got.Change != 0 || len(got.Tx.TxOut) != 2 {
		t.Errorf("%d inputs, %d outputs", len(got.Tx.TxIn), len(got.Tx.TxOut))
	}
	if v := got.Tx.TxOut[got.Index[0]].Value; v != 160_000-int64(got.Fee) || got.Tx.TxOut[got.Index[1]].Value != 20_000 {
		t.Errorf("all is %d with a fee of %v", v, got.Fee)
	}
	if b := f.Balance(); b.Confirmed != 10 || b.Reserved != 180_000 {
		t.Errorf("balance %+v", b)
	}
}

func TestFundRefusals(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	good := Request{Outputs: to(1_000), FeePerKw: 1000, For: "test"}
	var insufficient *InsufficientError
	for name, c := range map[string]struct {
		change func(*Request)
		want   error
	}{
		"feerate too low":   {func(r *Request) { r.FeePerKw = 252 }, ErrFeeRate},
		"feerate too high":  {func(r *Request) { r.FeePerKw = 250_001 }, ErrFeeRate},
		"no output":         {func(r *Request) { r.Outputs = nil }, ErrNoOutput},
		"dust":              {func(r *Request) { r.Outputs[0].Value = 100 }, ErrOutput},
		"more than exists":  {func(r *Request) { r.Outputs[0].Value = amount.MaxMoney + 1 }, ErrOutput},
		"all twice":         {func(r *Request) { r.Outputs = []Output{{All, somebody}, {All, somebody}} }, ErrOutput},
		"a coin not ours":   {func(r *Request) { r.Coins = []btcwire.OutPoint{{Index: 9}} }, ErrNotFree},
		"too much":          {func(r *Request) { r.Outputs[0].Value = 100_001 }, nil},
		"all, but too much": {func(r *Request) { r.Outputs = []Output{{All, somebody}, {99_900, somebody}} }, nil},
		"young coins":       {func(r *Request) { r.MinConf = 2 }, nil},
	} {
		r := good
		r.Outputs = append([]Output(nil), good.Outputs...)
		c.change(&r)
		_, err := f.Fund(r)
		if c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &insufficient) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.Fund(Request{Outputs: to(1_000), FeePerKw: 1000}); err == nil {
		t.Error("a reservation without a purpose is made")
	}
	if b := f.Balance(); b.Confirmed != 100_000 {
		t.Errorf("a refusal reserves coins: %+v", b)
	}
}

func TestInsufficientFundsSayHowMuchIsMissing(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	_, err := f.Fund(Request{Outputs: to(120_000), FeePerKw: 1000, For: "test"})
	var e *InsufficientError
	if !errors.As(err, &e) || e.Available != 100_000 || e.Missing < 20_000 || e.Missing > 21_000 {
		t.Errorf("got %v", err)
	}
}

func TestReservedCoinsAreNotSpentTwice(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000, 100_000)
	first := f.fund(Request{Outputs: to(50_000), For: "a"})
	second := f.fund(Request{Outputs: to(50_000), For: "b", Until: f.Height() + 2})
	if first.Tx.TxIn[0].PreviousOutPoint == second.Tx.TxIn[0].PreviousOutPoint {
		t.Fatal("one coin is in both")
	}
	if _, err := f.Fund(Request{Outputs: to(50_000), FeePerKw: 1000, For: "c"}); err == nil {
		t.Fatal("a reserved coin is spent")
	}
	if _, err := f.Fund(Request{Outputs: to(50_000), FeePerKw: 1000, For: "c", Coins: []btcwire.OutPoint{first.Tx.TxIn[0].PreviousOutPoint}}); !errors.Is(err, ErrNotFree) {
		t.Fatal("a reserved coin is spent because it was asked for")
	}
	if n := commit(f, f.Release("a"), nil); n != 1 || f.Balance().Confirmed != 100_000 {
		t.Errorf("%d coins released: %+v", n, f.Balance())
	}
	if n := commit(f, f.Release(""), nil); n != 0 {
		t.Errorf("%d coins released for nothing", n)
	}
	f.block()
	f.block()
	if f.Balance().Reserved != 100_000 {
		t.Error("the reservation ended early")
	}
	f.block()
	if f.Balance().Reserved != 0 {
		t.Error("the reservation does not end")
	}
}

func TestPublishedTransactionIsSpentAtOnceAndItsChangeCanBe(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	got := f.fund(Request{Outputs: to(40_000)})
	commit(f, f.Publish(got.Tx, "channel"), nil)
	if b := f.Balance(); b != (Balance{Unconfirmed: got.Change, Spent: 100_000}) {
		t.Errorf("balance %+v", b)
	}
	if diff := cmp.Diff([]chainhash.Hash{got.Tx.TxHash()}, ids(f.Unconfirmed())); diff != "" {
		t.Error(diff)
	}
	if _, err := f.Fund(Request{Outputs: to(10_000), FeePerKw: 1000, MinConf: 1, For: "x"}); err == nil {
		t.Error("unconfirmed change is spent although a confirmation was asked for")
	}
	child := f.fund(Request{Outputs: to(10_000)})
	verify(t, f.Wallet, child.Tx)
	commit(f, f.Publish(child.Tx, "child"), nil)
	seen := f.block(got.Tx, child.Tx)
	if len(seen.Received) != 2 || len(seen.Spent) != 2 || len(seen.Lost) != 0 {
		t.Errorf("seen %+v", seen)
	}
	if b := f.Balance(); b != (Balance{Confirmed: child.Change}) || len(f.Unconfirmed()) != 0 {
		t.Errorf("balance %+v", b)
	}
	if coins := f.Coins(); len(coins) != 1 || coins[0].Confirmations != 1 || coins[0].Address == "" || coins[0].Status != Confirmed {
		t.Errorf("coins %+v", coins)
	}
}

func ids(txs []*btcwire.MsgTx) []chainhash.Hash {
	var all []chainhash.Hash
	for _, tx := range txs {
		all = append(all, tx.TxHash())
	}
	return all
}

func TestAbandonedTransactionFreesItsCoins(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	got := f.fund(Request{Outputs: to(40_000)})
	commit(f, f.Publish(got.Tx, "channel"), nil)
	child := f.fund(Request{Outputs: to(10_000)})
	commit(f, f.Publish(child.Tx, "child"), nil)
	if !commit(f, f.Abandon(got.Tx.TxHash()), nil) || f.Balance() != (Balance{Confirmed: 100_000}) || len(f.Unconfirmed()) != 0 {
		t.Errorf("balance %+v", f.Balance())
	}
	commit(f, f.Publish(got.Tx, ""), nil)
	if f.Balance() != (Balance{Unconfirmed: child.Change, Spent: 100_000 + got.Change}) {
		t.Errorf("published again: %+v", f.Balance())
	}
	f.block(got.Tx)
	if commit(f, f.Abandon(got.Tx.TxHash()), nil) {
		t.Error("a confirmed transaction is abandoned")
	}
}

func TestDoubleSpendUndoesOurTransactionAndAReorgRevivesIt(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	got := f.fund(Request{Outputs: to(40_000)})
	commit(f, f.Publish(got.Tx, "channel"), nil)
	before := f.Balance()
	thief := f.pay(somebody, 1)
	thief.TxIn[0].PreviousOutPoint = got.Tx.TxIn[0].PreviousOutPoint
	seen := f.block(thief)
	if len(seen.Lost) != 1 || seen.Lost[0].Label != "channel" || f.Balance() != (Balance{}) || len(f.Unconfirmed()) != 0 {
		t.Errorf("after the double spend %+v, %+v", seen, f.Balance())
	}
	p, err := f.Disconnect(f.Height())
	commit(f, p, err)
	if f.Balance() != before || len(f.Unconfirmed()) != 1 {
		t.Errorf("after the reorg %+v, want %+v", f.Balance(), before)
	}
}

func TestReplacementTakesThePlaceOfWhatItReplaces(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	first := f.fund(Request{Outputs: to(40_000)})
	commit(f, f.Release("test"), nil)
	second := f.fund(Request{Outputs: to(40_000), FeePerKw: 2000})
	commit(f, f.Publish(first.Tx, "first"), nil)
	commit(f, f.Publish(second.Tx, "second"), nil)
	if f.Balance() != (Balance{Unconfirmed: second.Change, Spent: 100_000}) {
		t.Errorf("balance %+v", f.Balance())
	}
	if diff := cmp.Diff([]chainhash.Hash{second.Tx.TxHash()}, ids(f.Unconfirmed())); diff != "" {
		t.Error(diff)
	}
	if seen := f.block(first.Tx); len(seen.Lost) != 1 || f.Balance() != (Balance{Confirmed: first.Change}) {
		t.Errorf("the first one confirmed: %+v", f.Balance())
	}
}

func TestTransactionThatABlockHasAlreadyIsNotUnconfirmed(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	got := f.fund(Request{Outputs: to(40_000)})
	f.block(got.Tx)
	commit(f, f.Publish(got.Tx, "late"), nil)
	if len(f.Unconfirmed()) != 0 || f.Balance() != (Balance{Confirmed: got.Change}) {
		t.Errorf("balance %+v", f.Balance())
	}
}

func TestTransactionThatABlockContradictsAlreadyIsLost(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	all := []Output{{All, somebody}} // no change that could tell
	late := f.fund(Request{Outputs: all})
	f.block(late.Tx)
	commit(f, f.Publish(late.Tx, "late"), nil)
	if own := f.txs[late.Tx.TxHash()]; own.Height != 2 || len(f.Unconfirmed()) != 0 {
		t.Errorf("late: %+v", own.TxRow)
	}
	f.deposit(P2WPKH, 100_000)
	lost := f.fund(Request{Outputs: all})
	thief := f.pay(somebody, 1)
	thief.TxIn[0].PreviousOutPoint = lost.Tx.TxIn[0].PreviousOutPoint
	f.block(thief)
	commit(f, f.Publish(lost.Tx, "lost"), nil)
	if own := f.txs[lost.Tx.TxHash()]; own.Conflict != 4 || len(f.Unconfirmed()) != 0 {
		t.Errorf("lost: %+v", own.TxRow)
	}
}

func TestOnlyTheCoinsAskedForAreSpent(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000, 50_000)
	var small btcwire.OutPoint
	for _, c := range f.Coins() {
		if c.Value == 50_000 {
			small = c.OutPoint
		}
	}
	got := f.fund(Request{Outputs: to(40_000), Coins: []btcwire.OutPoint{small, small}})
	if len(got.Tx.TxIn) != 1 || got.Tx.TxIn[0].PreviousOutPoint != small {
		t.Errorf("spent %v", got.Tx.TxIn)
	}
	commit(f, f.Release("test"), nil)
	_, err := f.Fund(Request{Outputs: to(60_000), FeePerKw: 1000, For: "test", Coins: []btcwire.OutPoint{small, small}})
	var e *InsufficientError
	if !errors.As(err, &e) || e.Available != 50_000 {
		t.Errorf("a coin counts twice: %v", err)
	}
}

func TestCoinbaseMatures(t *testing.T) {
	f := newFixture(t)
	cb := f.pay(f.address(P2WPKH).Script, 5_000_000)
	cb.TxIn[0].PreviousOutPoint = btcwire.OutPoint{Index: 0xffffffff}
	f.block(cb)
	for range 98 {
		f.block()
	}
	if f.Balance() != (Balance{Immature: 5_000_000}) {
		t.Errorf("at 99 confirmations %+v", f.Balance())
	}
	f.block()
	if f.Balance() != (Balance{Confirmed: 5_000_000}) {
		t.Errorf("at 100 confirmations %+v", f.Balance())
	}
}

func TestBlocksComeInOrder(t *testing.T) {
	f := newFixture(t)
	p, err := f.Connect(500, []*btcwire.MsgTx{f.pay(f.address(P2TR).Script, 7_000)})
	commit(f, p, err)
	if _, err := f.Connect(502, nil); !errors.Is(err, ErrHeight) {
		t.Errorf("a gap: %v", err)
	}
	if _, err := f.Disconnect(0); !errors.Is(err, ErrHeight) {
		t.Errorf("a block below the first: %v", err)
	}
	commit(f, must(f.Disconnect(501)), nil)
	if f.Balance().Confirmed != 7_000 {
		t.Error("undoing what was never done undoes something")
	}
	f.block()
	// The same height again: the chain went on elsewhere while we were away.
	commit(f, must(f.Connect(500, nil)), nil)
	if f.Height() != 500 || f.Balance() != (Balance{}) {
		t.Errorf("height %d, %+v", f.Height(), f.Balance())
	}
}

// A crash between the wallet's write and its caller's leaves the wallet a block ahead.
// When both blocks are gone at the next start, the caller begins with its own.
func TestABlockIsUndoneWithThoseThatTheCallerHasNotSeen(t *testing.T) {
	f := newFixture(t)
	p, err := f.Connect(500, nil)
	commit(f, p, err)
	f.block(f.pay(f.address(P2TR).Script, 7_000))
	f.block(f.pay(f.address(P2TR).Script, 9_000))
	commit(f, must(f.Disconnect(501)), nil)
	if f.Height() != 500 || f.Balance() != (Balance{}) {
		t.Errorf("height %d, %+v", f.Height(), f.Balance())
	}
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAHundredBlocksCanBeUndone(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	got := f.fund(Request{Outputs: to(40_000)})
	commit(f, f.Publish(got.Tx, "channel"), nil)
	before := f.Balance()
	f.block(got.Tx)
	for range 99 {
		f.block()
	}
	for range 100 {
		commit(f, must(f.Disconnect(f.Height())), nil)
	}
	if f.Balance() != before {
		t.Errorf("%+v, want %+v", f.Balance(), before)
	}
	if _, err := f.Disconnect(f.Height()); !errors.Is(err, ErrReorg) {
		t.Errorf("the 101st: %v", err)
	}
	f.block()
	commit(f, must(f.Disconnect(f.Height())), nil)
	if _, err := f.Disconnect(f.Height()); !errors.Is(err, ErrReorg) {
		t.Errorf("the 101st, after one more block: %v", err)
	}
	if len(f.txs) != 1 {
		t.Error("the transaction is forgotten")
	}
	for range 102 {
		f.block(got.Tx)
		got.Tx = btcwire.NewMsgTx(2)
	}
	if len(f.txs) != 0 || len(f.coins) != 1 {
		t.Errorf("%d transactions and %d coins are kept for ever", len(f.txs), len(f.coins))
	}
}

func TestStoredTransactionThatCannotBeReadStopsLoading(t *testing.T) {
	if _, err := Load(Config{}, Rows{Txs: []TxRow{{Raw: []byte{1}}}}); err == nil {
		t.Error("loaded")
	}
}

func TestManyGoroutines(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000, 100_000, 100_000, 100_000)
	var wg sync.WaitGroup
	inputs := make([]btcwire.OutPoint, 4)
	for i := range inputs {
		wg.Go(func() {
			got := must(must(f.Fund(Request{Outputs: to(60_000), FeePerKw: 500, For: "x"})).Commit(t.Context(), discard{}))
			inputs[i] = got.Tx.TxIn[0].PreviousOutPoint
			f.Balance()
			f.Coins()
			must(f.NewAddress(P2TR))
			f.Publish(got.Tx, "")
			f.Unconfirmed()
		})
	}
	wg.Wait()
	seen := map[btcwire.OutPoint]bool{}
	for _, in := range inputs {
		if seen[in] {
			t.Errorf("%v is spent twice", in)
		}
		seen[in] = true
	}
}
