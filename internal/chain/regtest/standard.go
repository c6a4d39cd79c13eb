package regtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/mempool"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/chain"
)

// DefaultDataCarrier is how many bytes the script of an OP_RETURN output may have, as in
// bitcoind since its version 30.
const DefaultDataCarrier = 100_000

const maxTxVersion = 2

// btcd's mempool takes OP_RETURN outputs of 83 bytes, and can only be told to take
// transactions of any form. So it is, and what it would have refused is refused here.

// standard says why nodes would not relay a transaction because of its form; nil when they
// would, or when it spends what is not known.
func (c *Chain) standard(tx *btcwire.MsgTx) error {
	for _, in := range tx.TxIn {
		script, ok := c.spent(in.PreviousOutPoint)
		if !ok {
			return nil // it is refused for that
		}
		if err := standardInput(in, script); err != nil {
			return fmt.Errorf("%w: input %v: %w", chain.ErrRejected, in.PreviousOutPoint, err)
		}
	}
	shown := tx.Copy()
	for _, out := range shown.TxOut {
		if !carries(out.PkScript) {
			continue
		}
		if size, most := len(out.PkScript), c.carrier.Load(); int64(size) > most {
			return fmt.Errorf("%w: an OP_RETURN output of %d bytes, and %d are relayed", chain.ErrRejected, size, most)
		}
		out.PkScript = []byte{txscript.OP_RETURN}
	}
	best := c.blocks.BestSnapshot()
	if err := mempool.CheckTransactionStandard(btcutil.NewTx(shown), best.Height+1, best.MedianTime, mempool.DefaultMinRelayTxFee, maxTxVersion); err != nil {
		return fmt.Errorf("%w: %w", chain.ErrRejected, err)
	}
	return nil
}

// carries says whether a script is OP_RETURN with data behind it.
func carries(script []byte) bool {
	return len(script) > 1 && script[0] == txscript.OP_RETURN && txscript.IsPushOnlyScript(script[1:])
}

// maxSigOps is how many signatures the script of a P2SH output may check.
const maxSigOps = 15

func standardInput(in *btcwire.TxIn, script []byte) error {
	switch {
	case txscript.IsPayToAnchorScript(script):
		if len(in.SignatureScript)+len(in.Witness) > 0 {
			return fmt.Errorf("an anchor is spent by nothing, not by %d bytes and %d elements", len(in.SignatureScript), len(in.Witness))
		}
	case txscript.GetScriptClass(script) == txscript.NonStandardTy:
		return errors.New("it spends a script of no known form")
	case txscript.IsPayToScriptHash(script):
		if n := txscript.GetPreciseSigOpCount(in.SignatureScript, script, true); n > maxSigOps {
			return fmt.Errorf("its script checks %d signatures, and %d are allowed", n, maxSigOps)
		}
	}
	return nil
}

// spent is the script of an output that is unspent, in a block or in the mempool.
func (c *Chain) spent(op btcwire.OutPoint) ([]byte, bool) {
	if e, err := c.blocks.FetchUtxoEntry(op); err == nil && e != nil && !e.IsSpent() {
		return e.PkScript(), true
	}
	if parent, err := c.pool.FetchTransaction(&op.Hash); err == nil && int(op.Index) < len(parent.MsgTx().TxOut) {
		return parent.MsgTx().TxOut[op.Index].PkScript, true
	}
	return nil, false
}

// admit offers a transaction to the mempool.
func (c *Chain) admit(tx *btcutil.Tx, fresh bool) (missing []*chainhash.Hash, desc *mempool.TxDesc, err error) {
	if err := c.standard(tx.MsgTx()); err != nil {
		return nil, nil, err
	}
	return c.pool.MaybeAcceptTransaction(tx, fresh, false)
}

// SetDataCarrier changes how many bytes the script of an OP_RETURN output may have.
func (c *Chain) SetDataCarrier(bytes int) { c.carrier.Store(int64(bytes)) }

// DataCarrier implements [chain.Source].
func (c *Chain) DataCarrier(context.Context) (int, error) { return int(c.carrier.Load()), nil }
