// Package mint is who has issued the tokens of the simulation: it funds channels with them,
// and sends dust and tokens to strangers' addresses.
package mint

import (
	"math/rand/v2"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/sim/miner"
)

// Property is the one that there is: the first of the ecosystem for tests.
const Property amount.Property = 0x80000003

// Mint has coins at the address of the issuer, which anybody can spend.
type Mint struct {
	coins []btcwire.OutPoint
	rng   *rand.Rand
}

// String implements [miner.Node].
func (*Mint) String() string { return "the mint" }

const coin = 20_000

var (
	anyone            = []byte{0x51}
	address, sigInput = script.Wrapped(script.P2WSH(anyone))
)

// New makes a mint, with the transactions that give it its coins and issue the property.
func New(rng *rand.Rand) (*Mint, []*btcwire.MsgTx, error) {
	m, root := &Mint{rng: rng}, btcwire.NewMsgTx(2)
	root.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: chainhash.Hash{4}}})
	for range 150 {
		root.AddTxOut(btcwire.NewTxOut(coin, address))
	}
	for i := range root.TxOut {
		m.coins = append(m.coins, btcwire.OutPoint{Hash: root.TxHash(), Index: uint32(i)}) //nolint:gosec // few
	}
	payload, err := asset.IssueFixed(true, false, asset.About{Name: "Teacups"}, amount.MaxUnits)
	issue := m.spend()
	issue.AddTxOut(btcwire.NewTxOut(0, omni.Script(payload)))
	issue.AddTxOut(btcwire.NewTxOut(coin-1000, address))
	return m, []*btcwire.MsgTx{root, issue}, err
}

// spend begins a transaction of the issuer's.
func (m *Mint) spend() *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{
		PreviousOutPoint: m.coins[0], SignatureScript: sigInput, Witness: btcwire.TxWitness{anyone},
		Sequence: btcwire.MaxTxInSequenceNum - 2,
	})
	m.coins = m.coins[1:]
	return tx
}

// send adds a payload that gives units to output 1, and that output.
func send(tx *btcwire.MsgTx, pkScript []byte, value int64, units amount.Units) error {
	payload, err := omni.SendToMany(Property, omni.Entry{Output: 1, Units: units})
	tx.AddTxOut(btcwire.NewTxOut(0, omni.Script(payload)))
	tx.AddTxOut(btcwire.NewTxOut(value, pkScript))
	return err
}

// Fund makes a transaction whose output 1 funds a channel. More comes out of it than goes
// in, which is for the first block only.
func (m *Mint) Fund(pkScript []byte, capacity amount.Satoshi, units amount.Units) (*btcwire.MsgTx, error) {
	tx := m.spend()
	return tx, send(tx, pkScript, int64(capacity), units) //nolint:gosec // below all money
}

// Gift sends dust to an address, and perhaps tokens with it; false: there are no coins.
func (m *Mint) Gift(c *miner.Chain, pkScript []byte) bool {
	if len(m.coins) == 0 {
		return false
	}
	tx, value := m.spend(), 600+m.rng.Int64N(3000)
	if m.rng.IntN(3) == 0 {
		tx.AddTxOut(btcwire.NewTxOut(value, pkScript))
		tx.AddTxOut(btcwire.NewTxOut(coin/2, address))
	} else if send(tx, pkScript, value, 1+amount.Units(m.rng.Int64N(1<<40))) != nil {
		return false
	}
	return c.Broadcast(m, tx) == nil
}

// Units draws how many units a channel has.
func Units(rng *rand.Rand) amount.Units {
	most := []int64{20, 1000, 1_000_000, 1 << 40, 1 << 56}[rng.IntN(5)]
	return 10 + amount.Units(rng.Int64N(most)) //nolint:gosec // positive
}
