package script

import (
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Sign signs a signature hash: deterministic (RFC 6979), with a low s.
func Sign(key *btcec.PrivateKey, hash [32]byte) wire.Signature {
	return wire.SignatureOf(ecdsa.Sign(key, hash[:]))
}

// Verify checks a signature. A key or a signature that is none does not verify,
// nor does one with a high s, with which nodes would not relay a transaction.
func Verify(key wire.Point, hash [32]byte, sig wire.Signature) bool {
	k, err := key.Key()
	if err != nil {
		return false
	}
	s, err := sig.ECDSA()
	if err != nil {
		return false
	}
	if high := s.S(); high.IsOverHalfOrder() {
		return false
	}
	return s.Verify(hash[:], k)
}

// noPrevOuts serves sighash midstates: those of segwit v0 do not look at the
// outputs that are spent.
var noPrevOuts = txscript.NewCannedPrevOutputFetcher(nil, 0)

func witnessHashes(tx *btcwire.MsgTx) *txscript.TxSigHashes {
	return txscript.NewTxSigHashes(tx, noPrevOuts)
}

// WitnessSigHash is the BIP 143 hash for an input that spends value by a witness
// script.
func WitnessSigHash(tx *btcwire.MsgTx, input int, witnessScript []byte, value amount.Satoshi, t txscript.SigHashType) [32]byte {
	return sigHash(tx, witnessHashes(tx), input, witnessScript, value, t)
}

func sigHash(tx *btcwire.MsgTx, mid *txscript.TxSigHashes, input int, witnessScript []byte, value amount.Satoshi, t txscript.SigHashType) [32]byte {
	h, err := txscript.CalcWitnessSigHash(witnessScript, mid, t, tx, input, int64(value)) //nolint:gosec // below MaxMoney
	if err != nil {
		panic("script: " + err.Error()) // the input exists and the script is ours
	}
	return [32]byte(h)
}

// SigHash is what both sides sign of the commitment.
func (c *Commitment) SigHash() [32]byte {
	return sigHash(c.Tx, c.sigHashes, 0, c.Funding, c.Capacity, txscript.SigHashAll)
}

// HTLCSigHashType is how the countersignatory signs an HTLC transaction: with
// anchors so that inputs and outputs can be added (BOLT 3).
func (c *Commitment) HTLCSigHashType() txscript.SigHashType {
	if c.Format == Anchors {
		return txscript.SigHashSingle | txscript.SigHashAnyOneCanPay
	}
	return txscript.SigHashAll
}

// HTLCSigHash is what the countersignatory signs of the i-th HTLC transaction.
func (c *Commitment) HTLCSigHash(i int) [32]byte { return c.htlcSigHash(i, c.HTLCSigHashType()) }

// HTLCOwnSigHash is what the broadcaster signs of the i-th HTLC transaction.
func (c *Commitment) HTLCOwnSigHash(i int) [32]byte { return c.htlcSigHash(i, txscript.SigHashAll) }

func (c *Commitment) htlcSigHash(i int, t txscript.SigHashType) [32]byte {
	h := &c.HTLCs[i]
	return sigHash(h.Tx, h.sigHashes, 0, h.WitnessScript, h.Amount.Sat(), t)
}

// der is a signature as scripts want it, with its hash type.
func der(s wire.Signature, t txscript.SigHashType) []byte {
	sig, err := s.ECDSA()
	if err != nil {
		return []byte{byte(t)} // no script accepts it
	}
	return append(sig.Serialize(), byte(t))
}

// multisig is the witness of a 2-of-2: signatures in the order of the keys.
func multisig(witnessScript []byte, a, b wire.Point, sigA, sigB []byte) btcwire.TxWitness {
	if string(a[:]) > string(b[:]) {
		sigA, sigB = sigB, sigA
	}
	return btcwire.TxWitness{nil, sigA, sigB, witnessScript}
}

// Signed is the commitment ready to broadcast.
func (c *Commitment) Signed(broadcaster, countersignatory wire.Signature) *btcwire.MsgTx {
	tx := c.Tx.Copy()
	tx.TxIn[0].Witness = multisig(c.Funding, c.owner.Broadcaster.Funding, c.owner.Countersignatory.Funding,
		der(broadcaster, txscript.SigHashAll), der(countersignatory, txscript.SigHashAll))
	return tx
}

// SignedHTLC is the i-th HTLC transaction ready to broadcast: HTLC-success with
// the preimage, HTLC-timeout without (BOLT 3).
func (c *Commitment) SignedHTLC(i int, broadcaster, countersignatory wire.Signature, preimage *wire.Preimage) *btcwire.MsgTx {
	h := &c.HTLCs[i]
	var secret []byte
	if preimage != nil {
		secret = preimage[:]
	}
	tx := h.Tx.Copy()
	tx.TxIn[0].Witness = btcwire.TxWitness{
		nil, der(countersignatory, c.HTLCSigHashType()), der(broadcaster, txscript.SigHashAll), secret, h.WitnessScript,
	}
	return tx
}

// Closing is the mutual close (BOLT 3, "Closing Transaction"): an output for each
// side whose amount is not zero, in the order of BIP 69, not signed. Whoever
// calls it has taken the fee from the opener and left out what is dust.
func Closing(funding btcwire.OutPoint, outputs ...*btcwire.TxOut) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: funding, Sequence: btcwire.MaxTxInSequenceNum})
	for _, o := range outputs {
		if o.Value > 0 {
			tx.AddTxOut(o)
		}
	}
	sortOutputs(tx)
	return tx
}

// SimpleClosingSequence is that of a [SimpleClosing]'s input: it can be replaced.
//
// BOLT 3: "`txin[0]` sequence: 0xFFFFFFFD"
const SimpleClosingSequence = 0xFFFFFFFD

// SimpleClosing is the closing transaction of closing_complete, not signed, with
// these outputs, of value 0 too (BOLT 3, "Closing Transaction").
func SimpleClosing(funding btcwire.OutPoint, locktime uint32, outputs ...*btcwire.TxOut) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	tx.LockTime = locktime
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: funding, Sequence: SimpleClosingSequence})
	tx.TxOut = outputs
	sortOutputs(tx)
	return tx
}

func sortOutputs(tx *btcwire.MsgTx) {
	if len(tx.TxOut) == 2 {
		a, b := tx.TxOut[0], tx.TxOut[1]
		if a.Value > b.Value || a.Value == b.Value && string(a.PkScript) > string(b.PkScript) {
			tx.TxOut[0], tx.TxOut[1] = b, a
		}
	}
}

// SignedClosing is the closing transaction ready to broadcast.
func SignedClosing(tx *btcwire.MsgTx, a, b wire.Point, sigA, sigB wire.Signature) *btcwire.MsgTx {
	witnessScript, _ := FundingScript(a, b)
	tx = tx.Copy()
	tx.TxIn[0].Witness = multisig(witnessScript, a, b, der(sigA, txscript.SigHashAll), der(sigB, txscript.SigHashAll))
	return tx
}

// ClosingSigHash is what both sides sign of a closing transaction.
func ClosingSigHash(tx *btcwire.MsgTx, fundingScript []byte, capacity amount.Satoshi) [32]byte {
	return WitnessSigHash(tx, 0, fundingScript, capacity, txscript.SigHashAll)
}
