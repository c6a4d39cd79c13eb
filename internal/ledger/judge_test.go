//go:build !race

package ledger

import (
	"context"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/enforce"
)

// executed is a ledger that has read so many blocks, one transaction in them.
type executed struct {
	height uint32
	entry  Entry
}

func (e executed) AssetHeight(context.Context) (uint32, bool, error) { return e.height, true, nil }

func (e executed) AssetEntry(_ context.Context, txid chainhash.Hash) (Entry, bool, error) {
	return e.entry, e.entry.TxID == txid, nil
}

func (executed) AssetHoldings(context.Context, string) ([]Holding, error) { return nil, nil }

// A transaction that the ledger has not read is not one that moved nothing, however high
// the ledger is: it may be in a branch that the chain has left. Nor counts what it has read
// of the same transaction in a block that is gone.
func TestALedgerSaysNothingOfBlocksThatItHasNotRead(t *testing.T) {
	tx := btcwire.NewMsgTx(2)
	at := btcwire.OutPoint{Index: 1}
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: at})
	txid := tx.TxHash()
	done := Entry{Height: 100, TxID: txid, Property: first, Units: 7}
	nothing := done
	nothing.Failure = "the sender has too few"
	for what, c := range map[string]struct {
		from   executed
		placed uint32 // height of the block that has it now
		said   bool
	}{
		"read":                          {executed{105, done}, 100, true},
		"read, and it moved nothing":    {executed{105, nothing}, 100, true},
		"not read, in a branch as high": {executed{105, Entry{}}, 100, false},
		"read in a block that is gone":  {executed{105, done}, 101, false},
		"behind":                        {executed{99, done}, 100, false},
	} {
		l, err := Judge(t.Context(), c.from, params(), first, map[btcwire.OutPoint]enforce.Spend{at: {Tx: tx, Height: c.placed}})
		if err != nil {
			t.Fatal(err)
		}
		if units, said := l.Moved[txid]; said != c.said || said && units > 0 != (c.from.entry.Failure == "") {
			t.Errorf("%s: %d units, said %v", what, units, said)
		}
	}
}
