package wallet

import (
	"errors"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
)

// Whatever is asked for: the coins pay for value, fee, change and excess, to the satoshi.
func TestNothingIsLostBetweenCoinsAndOutputs(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := newFixture(t)
		var all amount.Satoshi
		for range rapid.IntRange(1, 5).Draw(r, "coins") {
			v := amount.Satoshi(rapid.Uint64Range(1000, 60_000).Draw(r, "value"))
			f.deposit(rapid.SampledFrom([]Kind{P2WPKH, P2TR}).Draw(r, "kind"), v)
			all += v
		}
		p := Pick{
			Value:    amount.Satoshi(rapid.SampledFrom([]uint64{uint64(All), 1000, 20_000, 50_000, 90_000}).Draw(r, "wanted")),
			FeePerKw: rapid.Uint32Range(253, 3000).Draw(r, "feerate"), Weight: rapid.Uint64Range(42, 600).Draw(r, "weight"),
			Change: rapid.Bool().Draw(r, "change"), Keep: amount.Satoshi(rapid.SampledFrom([]uint64{0, 1, 10_000}).Draw(r, "keep")),
			For: rapid.SampledFrom([]string{"", ByHand}).Draw(r, "for"), Until: f.Height() + 5,
		}
		pending, err := f.Pick(p)
		var few *InsufficientError
		if errors.As(err, &few) {
			return
		}
		got := commit(f, pending, err)
		var in, out amount.Satoshi
		for _, c := range got.Coins {
			in += c.Value
		}
		if p.Value != All {
			out = p.Value
		}
		var change amount.Satoshi
		if got.Change != nil {
			change = amount.Satoshi(got.Change.Value)
			if change < changeDust {
				r.Fatalf("%v change", change)
			}
		}
		if fee := amount.Satoshi((got.Weight*uint64(p.FeePerKw) + 999) / 1000); in != out+change+got.Excess+fee {
			r.Fatalf("%v in, %v out, %v change, %v excess, %v fee", in, out, change, got.Excess, fee)
		}
		if stays := all - in + change; stays < p.Keep {
			r.Fatalf("%v stay of %v", stays, p.Keep)
		}
		if p.Change && got.Change != nil && p.Value != All && got.Excess != 0 {
			r.Fatalf("%v excess beside change", got.Excess)
		}
		if reserved := f.Balance().Reserved; p.For == "" && reserved != 0 || p.For != "" && reserved != in {
			r.Fatalf("%v reserved of %v", reserved, in)
		}
	})
}

func TestCoinsAreKeptAllOrNone(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 10_000, 20_000, 30_000)
	var at []btcwire.OutPoint
	for _, c := range f.Coins() {
		at = append(at, c.OutPoint)
	}
	stranger := btcwire.OutPoint{Hash: chainhash.Hash{1}}
	p, err := f.Keep([]btcwire.OutPoint{at[0], stranger, at[0]}, 10, false)
	if held := commit(f, p, err); len(held) != 1 || held[0] != (Held{at[0], false, true, f.Height() + 9}) {
		t.Errorf("%+v", held)
	}
	if _, err := f.Keep([]btcwire.OutPoint{at[1], at[0]}, 10, false); !errors.Is(err, ErrNotFree) {
		t.Error(err)
	}
	if got := f.Balance().Reserved; got != 10_000 && got != 20_000 && got != 30_000 {
		t.Errorf("%v are reserved", got)
	}
	// Blocks end it.
	for range 10 {
		f.block()
	}
	if got := f.Balance().Reserved; got != 0 {
		t.Errorf("%v are reserved", got)
	}
	// What the wallet itself keeps, for a channel, say, nobody sets free.
	funded := f.fund(Request{Outputs: to(5_000), For: "channel 7"})
	spent := funded.Tx.TxIn[0].PreviousOutPoint
	if _, err := f.Unkeep([]btcwire.OutPoint{spent}, 100, func(string) bool { return false }); !errors.Is(err, ErrNotFree) {
		t.Error(err)
	}
	// What is spent cannot be kept.
	commit(f, f.Publish(funded.Tx, "channel 7"), nil)
	if _, err := f.Keep([]btcwire.OutPoint{spent}, 10, true); !errors.Is(err, ErrNotFree) {
		t.Error(err)
	}
}

func TestATransactionThatWasPreparedIsThereUntilItsCoinsAreFree(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 100_000)
	prepare := func(what string) chainhash.Hash {
		return f.fund(Request{Outputs: to(20_000), For: what, Prepare: true}).Tx.TxHash()
	}
	there := func(id chainhash.Hash) bool {
		tx, spent, label, ok := f.disk.load().Prepared(id)
		return ok && tx.TxHash() == id && len(spent) == len(tx.TxIn) && label != ""
	}
	first := prepare("first")
	if !there(first) || len(f.Unconfirmed()) != 0 {
		t.Error("it is not there, or would be broadcast")
	}
	commit(f, f.Release("first"), nil)
	second := prepare("second")
	if there(first) || !there(second) {
		t.Error("what was released is still there, or what was prepared is not")
	}
	tx, _, _, _ := f.Prepared(second)
	commit(f, f.Publish(tx, "second"), nil)
	if there(second) || len(f.Unconfirmed()) != 1 {
		t.Error("what was published is still prepared, or would not be broadcast")
	}
	f.block(tx)
	third := prepare("third")
	for range 73 {
		f.block()
	}
	if there(third) {
		t.Error("its coins are for others now")
	}
}

func TestOthersTransactionsAreKeptToBeLookedAt(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 10_000)
	if len(f.disk.load().txs) != 1 || len(f.Unconfirmed()) != 0 {
		t.Errorf("%d rows, %d to broadcast", len(f.disk.load().txs), len(f.Unconfirmed()))
	}
	p, err := f.Disconnect(f.Height())
	commit(f, p, err)
	if len(f.Unconfirmed()) != 0 || f.Balance() != (Balance{}) {
		t.Error("a transaction of others is counted though no block has it")
	}
	seen := f.block(f.pay(f.address(P2TR).Script, 5_000))
	if len(seen.Lost) != 0 || f.Balance().Confirmed != 5_000 {
		t.Errorf("%+v", seen)
	}
}

func TestASignatureOfOneInputIsValidBesideThoseOfOthers(t *testing.T) {
	f := newFixture(t)
	f.deposit(P2WPKH, 10_000)
	f.deposit(P2TR, 20_000)
	theirs := btcwire.NewTxOut(7_000, somebody)
	tx := btcwire.NewMsgTx(2)
	var at []btcwire.OutPoint
	for _, c := range f.Coins() {
		at = append(at, c.OutPoint)
		tx.AddTxIn(btcwire.NewTxIn(&c.OutPoint, nil, nil))
	}
	other := btcwire.OutPoint{Hash: chainhash.Hash{9}}
	tx.AddTxIn(btcwire.NewTxIn(&other, nil, nil))
	tx.AddTxOut(btcwire.NewTxOut(30_000, somebody))
	fresh := func() *psbt.Packet {
		p, err := psbt.NewFromUnsignedTx(tx)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if err := f.SignPSBT(fresh(), nil); !errors.Is(err, ErrNotFree) {
		t.Errorf("not reserved: %v", err)
	}
	kept, err := f.Keep(at, 10, false)
	commit(f, kept, err)
	if err := f.SignPSBT(fresh(), nil); !errors.Is(err, ErrSpends) {
		t.Errorf("what the third input spends is not known: %v", err)
	}
	p := fresh()
	p.Inputs[2].WitnessUtxo = theirs
	p.Inputs[0].WitnessUtxo = btcwire.NewTxOut(1, somebody) // a lie about ours
	if err := f.SignPSBT(p, []uint32{2}); !errors.Is(err, ErrNothing) {
		t.Errorf("an input of others: %v", err)
	}
	if err := f.SignPSBT(p, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if ok, err := psbt.MaybeFinalize(p, i); !ok || err != nil {
			t.Fatalf("input %d: %v", i, err)
		}
	}
	spent := txscript.NewMultiPrevOutFetcher(map[btcwire.OutPoint]*btcwire.TxOut{other: theirs})
	for _, c := range f.Coins() {
		spent.AddPrevOut(c.OutPoint, btcwire.NewTxOut(int64(c.Value), c.Script))
	}
	whole, err := psbtTx(p)
	if err != nil {
		t.Fatal(err)
	}
	hashes := txscript.NewTxSigHashes(whole, spent)
	for i := range 2 {
		out := spent.FetchPrevOutput(whole.TxIn[i].PreviousOutPoint)
		vm, err := txscript.NewEngine(out.PkScript, whole, i, txscript.StandardVerifyFlags, nil, hashes, out.Value, spent)
		if err == nil {
			err = vm.Execute()
		}
		if err != nil {
			t.Errorf("input %d: %v", i, err)
		}
	}
	wrong := fresh()
	wrong.Inputs[0].SighashType, wrong.Inputs[1].SighashType = txscript.SigHashNone, txscript.SigHashNone
	wrong.Inputs[2].WitnessUtxo = theirs
	if err := f.SignPSBT(wrong, nil); !errors.Is(err, ErrOutput) {
		t.Errorf("a signature that says less: %v", err)
	}
}

// psbtTx is a transaction with the witnesses of those inputs that are final.
func psbtTx(p *psbt.Packet) (*btcwire.MsgTx, error) {
	tx := p.UnsignedTx.Copy()
	for i, in := range p.Inputs {
		if in.FinalScriptWitness == nil {
			continue
		}
		one, err := psbt.NewFromUnsignedTx(&btcwire.MsgTx{Version: 2, TxIn: []*btcwire.TxIn{tx.TxIn[i]}, TxOut: tx.TxOut})
		if err != nil {
			return nil, err
		}
		one.Inputs[0] = in
		whole, err := psbt.Extract(one)
		if err != nil {
			return nil, err
		}
		tx.TxIn[i].Witness = whole.TxIn[0].Witness
	}
	return tx, nil
}
