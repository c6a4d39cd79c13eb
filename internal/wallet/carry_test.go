package wallet

import (
	"bytes"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/psbt/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
)

// The first address of BIP 49 for the words of BIP 84's vectors, as wallets show it.
func TestAnAddressForTokensIsThatOfBIP49(t *testing.T) {
	if a := newFixture(t).address(Token); a.Address != "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf" {
		t.Error(a.Address)
	}
}

// coinAt is a coin of some worth at a new address.
func (f *fixture) coinAt(k Kind, value amount.Satoshi) btcwire.OutPoint {
	f.t.Helper()
	a := f.address(k)
	f.block(f.pay(a.Script, value))
	at, ok := f.At(a.Script)
	if !ok {
		f.t.Fatal("there is no coin")
	}
	return at
}

func TestACoinForTokensIsNeverChosen(t *testing.T) {
	f := newFixture(t)
	token := f.coinAt(Token, 500_000)
	if b := f.Balance(); b.Apart != 500_000 || b.Confirmed != 0 {
		t.Errorf("%+v", b)
	}
	var few *InsufficientError
	poor := func(what string, err error) {
		t.Helper()
		if !errors.As(err, &few) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := f.Fund(Request{Outputs: to(10_000), FeePerKw: 1000, For: "x"})
	poor("a payment", err)
	_, err = f.Fund(Request{Outputs: to(All), FeePerKw: 1000, For: "x"})
	poor("a payment of all", err)
	_, err = f.Pick(Pick{Value: 10_000, FeePerKw: 1000, For: "x"})
	poor("coins for others", err)
	_, err = f.Pick(Pick{Value: All, FeePerKw: 1000, For: "x"})
	poor("all coins for others", err)
	claim := claim([]int64{400}, 300)
	claim.Coins = true
	_, err = f.Top(claim)
	poor("a fee for a claim", err)
	f.coinAt(P2WPKH, 90_000)
	if got := f.fund(Request{Outputs: to(All)}); len(got.Tx.TxIn) != 1 || got.Tx.TxIn[0].PreviousOutPoint == token {
		t.Error("all coins are spent")
	}
	for _, c := range f.Coins() {
		if c.Apart != (c.OutPoint == token) {
			t.Errorf("%+v", c)
		}
	}

	// Who names it may spend it, where no tokens are.
	got := f.fund(Request{Outputs: to(All), Coins: []btcwire.OutPoint{token}})
	verify(t, f.Wallet, got.Tx)
	if size := amount.Satoshi(got.Tx.SerializeSizeStripped()*3+got.Tx.SerializeSize()) / 4; got.Fee < size*4 || got.Fee > size*4+20 {
		t.Errorf("a fee of %d for %d virtual bytes", got.Fee, size)
	}
}

func TestACoinAtAnAddressThatHasTokensIsNotSpentByHandEither(t *testing.T) {
	f := newFixture(t)
	a := f.address(P2WPKH)
	f.block(f.pay(a.Script, 100_000))
	at, _ := f.At(a.Script)
	has := false
	f.cfg.Holds = func(script []byte) bool { return has && bytes.Equal(script, a.Script) }
	kept, err := f.Keep([]btcwire.OutPoint{at}, 10, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Commit(t.Context(), f.disk); err != nil {
		t.Fatal(err)
	}
	tx := f.pay(somebody, 1000)
	tx.TxIn[0].PreviousOutPoint = at
	p, err := psbt.NewFromUnsignedTx(tx)
	if err != nil {
		t.Fatal(err)
	}
	has = true
	if err := f.SignPSBT(p, nil); !errors.Is(err, ErrTokens) {
		t.Errorf("it is signed: %v", err)
	}
	free, err := f.Unkeep([]btcwire.OutPoint{at}, 100, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := free.Commit(t.Context(), f.disk); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Keep([]btcwire.OutPoint{at}, 10, false); !errors.Is(err, ErrTokens) || !errors.Is(err, ErrNotFree) {
		t.Errorf("it is reserved: %v", err)
	}
	for what, ask := range map[string]func() error{
		"Fund": func() error {
			_, err := f.Fund(Request{Outputs: to(All), FeePerKw: 1000, For: "x", Coins: []btcwire.OutPoint{at}})
			return err
		},
		"Pick": func() error {
			_, err := f.Pick(Pick{Value: All, FeePerKw: 1000, Coins: []btcwire.OutPoint{at}})
			return err
		},
	} {
		if err := ask(); !errors.Is(err, ErrTokens) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if b := f.Balance(); b.Apart != 100_000 {
		t.Errorf("%+v", b)
	}
	has = false
	if b := f.Balance(); b.Confirmed != 100_000 {
		t.Errorf("when the tokens are gone: %+v", b)
	}
}

func TestWhatIsCarriedHasItsCoinFirstAndItsReceiverLast(t *testing.T) {
	for _, kind := range []Kind{Token, P2WPKH, P2TR} {
		f := newFixture(t)
		first := f.coinAt(kind, 600)
		f.coinAt(P2WPKH, 50_000)
		f.coinAt(P2TR, 20_000)
		outs := []*btcwire.TxOut{
			btcwire.NewTxOut(0, []byte{0x6a, 1, 7}), btcwire.NewTxOut(600, somebody), btcwire.NewTxOut(700, somebody),
		}
		p, err := f.Carry(Carrying{First: first, Outputs: outs, FeePerKw: 5000, For: "x"})
		got := commit(f, p, err)
		verify(t, f.Wallet, got.Tx)
		if got.Tx.TxIn[0].PreviousOutPoint != first || len(got.Tx.TxIn) != 2 || len(got.Spent) != 2 {
			t.Errorf("%d inputs, the first is %v", len(got.Tx.TxIn), got.Tx.TxIn[0].PreviousOutPoint)
		}
		if n := len(got.Tx.TxOut); n != 4 || got.Tx.TxOut[n-1] != outs[2] || got.Tx.TxOut[0] != outs[0] || got.Tx.TxOut[1] != outs[1] ||
			amount.Satoshi(got.Tx.TxOut[2].Value) != got.Change {
			t.Errorf("%+v", got.Tx.TxOut)
		}
		weight := amount.Satoshi(got.Tx.SerializeSizeStripped()*3 + got.Tx.SerializeSize())
		if least := weight * 5; got.Fee < least || got.Fee > least+30 {
			t.Errorf("a fee of %d for a weight of %d", got.Fee, weight)
		}
		if got.Fee+got.Change+1300 != 600+50_000 {
			t.Errorf("%+v", got)
		}
		again := commit(f, f.Publish(got.Tx, "x"), nil)
		if list := f.Since(0); len(list) != 1 || list[0].Tx.TxHash() != again.TxHash() || !bytes.Equal(list[0].Script, got.Spent[0].PkScript) {
			t.Errorf("%+v", list)
		}
		f.block(got.Tx)
		if len(f.Since(f.Height()-1)) != 1 || len(f.Since(f.Height())) != 0 {
			t.Error("it is in a block")
		}
	}
}

func TestWhatCannotBeCarriedReservesNothing(t *testing.T) {
	f := newFixture(t)
	first := f.coinAt(Token, 600)
	other := f.coinAt(Token, 700_000)
	f.coinAt(P2WPKH, 10_000)
	outs := []*btcwire.TxOut{btcwire.NewTxOut(0, []byte{0x6a, 1, 7}), btcwire.NewTxOut(700, somebody)}
	many := append(outs[:1:1], btcwire.NewTxOut(20_000, somebody))
	var few *InsufficientError
	for name, c := range map[string]struct {
		Carrying
		want error // nil: any, or too little
		poor bool
	}{
		"too low a feerate":     {Carrying{First: first, Outputs: outs, FeePerKw: 1, For: "x"}, ErrFeeRate, false},
		"too high a feerate":    {Carrying{First: first, Outputs: outs, FeePerKw: MaxFeePerKw + 1, For: "x"}, ErrFeeRate, false},
		"no output":             {Carrying{First: first, FeePerKw: 1000, For: "x"}, ErrNoOutput, false},
		"a coin of nobody":      {Carrying{First: btcwire.OutPoint{Index: 9}, Outputs: outs, FeePerKw: 1000, For: "x"}, ErrNotFree, false},
		"no purpose":            {Carrying{First: first, Outputs: outs, FeePerKw: 1000}, nil, false},
		"too little":            {Carrying{First: first, Outputs: many, FeePerKw: 1000, For: "x"}, nil, true},
		"what must stay":        {Carrying{First: first, Outputs: outs, FeePerKw: 1000, For: "x", Keep: 10_000}, nil, true},
		"more than all bitcoin": {Carrying{First: first, Outputs: append(outs[:1:1], btcwire.NewTxOut(1<<60, somebody)), FeePerKw: 1000, For: "x"}, ErrOutput, false},
	} {
		_, err := f.Carry(c.Carrying)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || errors.As(err, &few) != c.poor {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b := f.Balance(); b.Reserved != 0 || b.Apart != 700_600 {
		t.Errorf("%+v", b)
	}
	p, err := f.Carry(Carrying{First: other, Outputs: outs, FeePerKw: 1000, For: "x"})
	if got := commit(f, p, err); len(got.Tx.TxIn) != 1 {
		t.Error("the first coin would have been enough")
	}
	if _, err := f.Carry(Carrying{First: other, Outputs: outs, FeePerKw: 1000, For: "y"}); !errors.Is(err, ErrNotFree) {
		t.Errorf("twice: %v", err)
	}
}

// A wallet that comes back from its seed finds what is at addresses for tokens.
func TestAddressesForTokensAreFoundAgain(t *testing.T) {
	f := newFixture(t)
	a := f.address(Token)
	fresh := newFixture(t)
	p, err := fresh.Extend(f.Given())
	commit(fresh, p, err)
	if got := fresh.ScriptOf(a.Address); !bytes.Equal(got, a.Script) {
		t.Errorf("%x", got)
	}
	if fresh.ScriptOf("somebody") != nil {
		t.Error("an address of nobody")
	}
}
