package wallet

import (
	"errors"
	"reflect"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"
)

// history is a wallet with a life of 140 blocks, and the blocks.
func history(t *testing.T) (f *fixture, blocks [][]*btcwire.MsgTx) {
	f = newFixture(t)
	p, err := f.Connect(1000, nil)
	commit(f, p, err)
	next := func(txs ...*btcwire.MsgTx) {
		blocks = append(blocks, txs)
		f.block(txs...)
	}
	next(f.pay(f.address(P2TR).Script, 50_000), f.pay(f.address(P2WPKH).Script, 60_000))
	spend := f.fund(Request{Outputs: to(80_000)})
	commit(f, f.Publish(spend.Tx, "withdraw"), nil)
	next(spend.Tx)
	for range 130 { // the first coins are forgotten
		next()
	}
	next(f.pay(f.address(P2TR).Script, 70_000))
	next()
	return f, blocks
}

func TestAWalletComesBackFromItsSeedAndTheChain(t *testing.T) {
	old, blocks := history(t)
	f := newFixture(t)
	p, err := f.Extend(old.Given())
	commit(f, p, err)
	c, err := f.Connect(1000, nil)
	commit(f, c, err)
	for _, b := range blocks {
		f.block(b...)
	}
	if got, want := f.Balance(), old.Balance(); got != want || got.Confirmed == 0 {
		t.Errorf("%+v, it had %+v", got, want)
	}
	if !reflect.DeepEqual(f.Given(), old.Given()) {
		t.Errorf("%+v are given out, it was %+v", f.Given(), old.Given())
	}
	for _, bad := range []Given{{Kind: 44}, {Kind: P2TR, Branch: 2}, {Kind: P2TR, Next: 1 << 31}} {
		if _, err := f.Extend([]Given{bad}); !errors.Is(err, ErrKind) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestARescanEndsWithTheSameWallet(t *testing.T) {
	f, blocks := history(t)
	want, coins := f.Balance(), f.Coins()
	commit(f, f.Rescan(1000), nil)
	if f.Height() != 1000 || f.Balance() == want {
		t.Errorf("height %d, balance %+v", f.Height(), f.Balance())
	}
	for _, b := range blocks {
		f.block(b...)
	}
	if got := f.Balance(); got != want || !reflect.DeepEqual(f.Coins(), coins) {
		t.Errorf("%+v, it was %+v", got, want)
	}
	if len(f.Unconfirmed()) != 0 {
		t.Error("a transaction in a block is unconfirmed")
	}
	height := f.Height()
	commit(f, f.Rescan(height+5), nil)
	if f.Height() != height {
		t.Errorf("height %d after a rescan of what is not there yet", f.Height())
	}
}

// An address that was not known when it was paid.
func TestARescanFindsWhatWasNotLookedFor(t *testing.T) {
	f := newFixture(t)
	other := newFixture(t)
	p, err := f.Connect(1000, nil)
	commit(f, p, err)
	payment := f.pay(other.address(P2WPKH).Script, 1234)
	f.block(payment)
	for range 150 {
		f.block()
	}
	e, err := f.Extend(other.Given())
	commit(f, e, err)
	commit(f, f.Rescan(1000), nil)
	f.block(payment)
	for range 150 {
		f.block()
	}
	if b := f.Balance(); b.Confirmed != 1234 {
		t.Errorf("%+v", b)
	}
}

// A process may die between the wallet's write of a block and the node's: then the block
// comes once more, however old it is.
func TestABlockOfARescanMayComeTwice(t *testing.T) {
	f, blocks := history(t)
	want := f.Coins()
	commit(f, f.Rescan(1000), nil)
	for _, b := range blocks {
		f.block(b...)
		f.Wallet = f.disk.load()
		p, err := f.Connect(f.Height(), b)
		commit(f, p, err)
	}
	if !reflect.DeepEqual(f.Coins(), want) {
		t.Errorf("%+v, they were %+v", f.Coins(), want)
	}
}
