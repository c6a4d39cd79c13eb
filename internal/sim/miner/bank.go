package miner

import (
	"math/rand/v2"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
)

// Bank has outputs that anybody can spend: cheats pay their fees with them.
type Bank struct{ coins []btcwire.OutPoint }

var anyone = []byte{0x51}

// NewBank makes a bank with the transaction that has its outputs.
func NewBank(rng *rand.Rand) (*Bank, *btcwire.MsgTx) {
	b, tx := &Bank{}, btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: chainhash.Hash{3}}})
	for range 100 {
		tx.AddTxOut(btcwire.NewTxOut(300+rng.Int64N(10_000), script.P2WSH(anyone)))
	}
	for i := range tx.TxOut {
		b.coins = append(b.coins, btcwire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}) //nolint:gosec // few
	}
	return b, tx
}

// Lend adds the next output that is not spent to a transaction; false: there is none.
func (b *Bank) Lend(c *Chain, tx *btcwire.MsgTx) bool {
	for len(b.coins) > 0 {
		at := b.coins[0]
		b.coins = b.coins[1:]
		if _, ok := c.UTXO[at]; ok {
			tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: at, Sequence: btcwire.MaxTxInSequenceNum - 2, Witness: btcwire.TxWitness{anyone}})
			return true
		}
	}
	return false
}
