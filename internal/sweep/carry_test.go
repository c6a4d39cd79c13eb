package sweep

import (
	"bytes"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/enforce"
)

const cups amount.Property = 0x80000003

// carrying is a claim of tokens, with hardly any bitcoin.
func carrying(n byte, tokens amount.Units, deadline uint32) enforce.Claim {
	c := disputed(n, 1_500, deadline)
	c.Tokens, c.Property, c.Apart = tokens, cups, true
	c.PkScript, _ = script.Wrapped(script.P2WSH([]byte{n}))
	return c
}

// taking are the transactions on their way that take an output, by their first input.
func (o *office) taking(n byte) (list []*btcwire.MsgTx) {
	o.chain.mu.Lock()
	defer o.chain.mu.Unlock()
	for _, tx := range o.chain.waiting {
		if tx.TxIn[0].PreviousOutPoint == at(n) {
			list = append(list, tx)
		}
	}
	return list
}

func TestEachClaimOfTokensIsATransactionOfItsOwn(t *testing.T) {
	o := newOffice(t)
	o.coin(100_000)
	o.coin(100_000)
	tea, coffee := carrying(1, 700, 0), carrying(2, 300, 0)
	tea.Apart, coffee.Apart = false, false // they are so because of their tokens
	o.owed(tea, coffee, ours(3, 50_000))
	o.sweep()
	seen := map[string]bool{}
	for n, units := range map[byte]amount.Units{1: 700, 2: 300} {
		txs := o.taking(n)
		if len(txs) != 1 {
			t.Fatalf("%d transactions take %d\n%s", len(txs), n, o.log)
		}
		payload, err := omni.SendToMany(cups, omni.Entry{Output: 1, Units: units})
		if err != nil {
			t.Fatal(err)
		}
		tx := txs[0]
		if !bytes.Equal(tx.TxOut[0].PkScript, omni.Script(payload)) || tx.TxOut[0].Value != 0 || tx.TxOut[1].Value != int64(enforce.Carrier) {
			t.Errorf("%d is taken by %+v", n, tx.TxOut[:2])
		}
		for _, in := range tx.TxIn[1:] {
			if _, ours := o.wallet.Value(in.PreviousOutPoint); !ours {
				t.Errorf("with %d goes %s", n, in.PreviousOutPoint)
			}
		}
		if seen[string(tx.TxOut[1].PkScript)] {
			t.Error("two addresses would be one")
		}
		seen[string(tx.TxOut[1].PkScript)] = true
	}
	o.turns(2)
	if len(o.work.Claims) != 0 {
		t.Errorf("left: %d\n%s", len(o.work.Claims), o.log)
	}
}

// A new feerate is no new address, and tokens are worth a fee beyond their satoshi.
func TestAClaimOfTokensIsReplacedForTheSameReceiver(t *testing.T) {
	o := newOffice(t)
	o.coin(100_000)
	o.owed(carrying(1, 700, 130))
	o.sweep()
	before := o.taking(1)
	o.chain.price = 8_000
	o.sweep()
	after := o.taking(1)
	if len(before) != 1 || len(after) != 1 || before[0].TxHash() == after[0].TxHash() {
		t.Fatalf("%d transactions, then %d\n%s", len(before), len(after), o.log)
	}
	for i := range 2 {
		if a, b := before[0].TxOut[i], after[0].TxOut[i]; !bytes.Equal(a.PkScript, b.PkScript) || a.Value != b.Value {
			t.Errorf("output %d is another one", i)
		}
	}
	o.turns(2)
	if o.spent[at(1)] == 0 {
		t.Errorf("not claimed\n%s", o.log)
	}
}

// What the peer signed whole has its inputs, its outputs and its fee.
func TestWhatThePeerSignedWholeGoesAsItIs(t *testing.T) {
	o := newOffice(t)
	o.coin(100_000)
	c := carrying(1, 700, 0)
	c.Kind = enforce.Delayed
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: c.OutPoint, Sequence: 9})
	tx.AddTxOut(btcwire.NewTxOut(0, []byte{0x6a}))
	tx.AddTxOut(btcwire.NewTxOut(1_000, []byte{0x51}))
	c.Whole = &enforce.Whole{Tx: tx, Signature: scrawl(c.OutPoint)}
	o.owed(c)
	for _, price := range []uint32{500, 5_000} {
		o.chain.price = price
		o.sweep()
		if got := o.taking(1); len(got) != 1 || got[0].TxHash() != tx.TxHash() {
			t.Fatalf("it is taken by %v\n%s", got, o.log)
		}
	}
	o.restart()
	o.chain.price = 500
	o.turns(2)
	if o.spent[at(1)] == 0 || o.wallet.Balance().Reserved != 0 {
		t.Errorf("not claimed, or with coins: %+v\n%s", o.wallet.Balance(), o.log)
	}
}

func TestADeathAtEachWriteLosesNoTokens(t *testing.T) {
	for _, after := range []bool{false, true} {
		for k := uint64(1); ; k++ {
			o := newOffice(t)
			o.coin(3_000)
			o.owed(carrying(1, 700, 0))
			o.store.SetFault(func(n uint64) (bool, bool) { return n == k && !after, n == k && after })
			o.sweep()
			died := o.store.SetFault(nil)
			o.restart()
			o.turns(2)
			if o.spent[at(1)] == 0 || o.wallet.Balance().Reserved != 0 {
				t.Errorf("%d: not claimed, or coins are lost: %+v\n%s", k, o.wallet.Balance(), o.log)
			}
			o.stop()
			if !died {
				break
			}
		}
	}
}
