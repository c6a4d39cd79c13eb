package sweep

import (
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
)

// commitment is one of ours that was signed at a feerate, with its anchor at 0.
func (o *office) commitment(perKw uint32, deadline uint32) (chainhash.Hash, *btcwire.MsgTx) {
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: at(90), Witness: btcwire.TxWitness{make([]byte, 200)}})
	tx.AddTxOut(btcwire.NewTxOut(330, make([]byte, 34)))
	tx.AddTxOut(btcwire.NewTxOut(500_000, make([]byte, 34)))
	fee := cost(Weight(tx), perKw)
	o.chain.outputs[at(90)] = 500_330 + fee
	hash := tx.TxHash()
	o.work.Parents[hash] = Parent{Tx: tx, Fee: fee, Weight: Weight(tx), Ours: 500_000, AtRisk: 50_000}
	c := anchor(0, deadline)
	c.OutPoint, c.WitnessScript = btcwire.OutPoint{Hash: hash}, make([]byte, 40)
	o.work.Claims = append(o.work.Claims, c)
	o.work.Alive[hash] = true
	return hash, tx
}

func TestAChildTakesItsCommitmentIntoABlock(t *testing.T) {
	o := newOffice(t)
	o.coin(30_000)
	o.chain.price, o.chain.relay = 4_000, 2_000
	_, tx := o.commitment(300, 140)
	if err := o.chain.Broadcast(t.Context(), tx); err == nil {
		t.Fatal("the mempool takes it alone")
	}
	o.turn()
	if o.spent[at(90)] == 0 {
		t.Fatalf("not confirmed:\n%s", o.log)
	}
	if b := o.wallet.Balance(); b.Confirmed < 24_000 || b.Spent != 0 {
		t.Errorf("%+v", b)
	}
}

func TestACommitmentThatFellOutOfTheMempoolComesBackWithItsChild(t *testing.T) {
	o := newOffice(t)
	o.coin(30_000)
	o.chain.price, o.chain.relay = 4_000, 2_000
	o.commitment(300, 140)
	o.sweep()
	if len(o.chain.waiting) != 2 {
		t.Fatalf("%d wait", len(o.chain.waiting))
	}
	o.chain.waiting = nil
	child := o.wallet.Unconfirmed()[0]
	for _, in := range o.work.Parents { // its outputs are gone with it
		delete(o.chain.outputs, btcwire.OutPoint{Hash: in.Tx.TxHash()})
	}
	if err := o.chain.Broadcast(t.Context(), child); err == nil {
		t.Fatal("the child is taken alone")
	}
	o.turn()
	if o.spent[at(90)] == 0 {
		t.Errorf("not confirmed:\n%s", o.log)
	}
}

func TestTheChildOfACommitmentThatLostIsGivenUp(t *testing.T) {
	o := newOffice(t)
	o.coin(30_000)
	o.chain.price = 4_000
	hash, _ := o.commitment(300, 140)
	o.sweep()
	if o.wallet.Balance().Spent == 0 {
		t.Fatal("no child")
	}
	delete(o.work.Parents, hash) // the peer's is in a block
	delete(o.work.Alive, hash)
	o.work.Claims, o.chain.waiting = nil, nil
	o.owed(ours(1, 500_000))
	o.turns(2)
	if b := o.wallet.Balance(); b.Spent != 0 || o.spent[at(1)] == 0 || b.Confirmed < 525_000 {
		t.Errorf("%+v\n%s", b, o.log)
	}
}
