package script

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// What follows is of commitments that carry tokens of the Omni Layer; it is of no BOLT
// (docs/decisions/0009-tokens-in-a-channel.md).

// Outputs of a commitment can have tokens as far as its OP_RETURN can name them and nodes
// relay that.
const (
	// MinReceivers is what a channel with tokens has at the least: the script of an OP_RETURN
	// that names so many has 79 bytes, and bitcoind relayed 83 before its version 30.
	MinReceivers = 7
	// MaxReceivers is what it has at the most: an OP_RETURN that names more has longer
	// lengths, here and in its output, than [CommitWeight] counts.
	MaxReceivers = 26
)

// Receivers is how many outputs an OP_RETURN can name whose script has so many bytes, up to
// [MaxReceivers]: its opcode and the push take 3 of them, what is the same in each
// send-to-many takes 13, and 9 are for each output.
func Receivers(bytes int) uint8 { return uint8(min(max(bytes-3-13, 0)/9, MaxReceivers)) }

// TokenHTLCs is how many HTLCs each side may offer in a channel whose commitments have so
// many receivers: both balances are receivers too. Of an odd number the opener has one more.
func TokenHTLCs(receivers uint8) (openers, accepters uint16) {
	all := uint16(max(receivers, 2)) - 2
	return all - all/2, all / 2
}

// Errors of a commitment with tokens.
var (
	ErrTokens    = errors.New("tokens do not add up to those of the channel, or an HTLC has none")
	ErrReceivers = errors.New("more outputs would have tokens than an OP_RETURN names")
	ErrCarrier   = errors.New("an output with tokens has too few satoshi for what is to spend it")
)

// ScriptHashDust is below what nodes do not relay an output of a token channel: all of
// them pay to the hash of a script (BOLT 3, "Dust Limits").
const ScriptHashDust amount.Satoshi = 540

// Weights of transactions of token channels. Both their inputs and their outputs are
// segwit wrapped in P2SH: an input has 35 bytes of its own more than in BOLT 3, an output
// 23 bytes of script.
const (
	// version, counts, one input, to_local and to_remote, an OP_RETURN with an entry for
	// each of them, locktime: 193 bytes; and the witness of a 2-of-2.
	baseWeightTokens = 4*193 + 224
	// An HTLC's output and its entry.
	htlcWeightTokens = 4 * (32 + 9)
	// version, counts, one input, an OP_RETURN with a simple send, an output, locktime.
	sendBytes = 149
	// Witnesses as BOLT 3 has them, without its odd unit too many.
	timeoutWeightTokens = 4*sendBytes + 287
	successWeightTokens = 4*sendBytes + 326
	// no element, two signatures, no condition, the script of 109 bytes.
	delayWeight = 4*sendBytes + 2 + 1 + 1 + 74 + 74 + 1 + 110
	// A key's witness, and 12 bytes less in the input.
	spendWeight = 4*(sendBytes-12) + 2 + 1 + 74 + 34
)

// Carrier says what satoshi go with tokens for.
type Carrier uint8

// The carriers.
const (
	CarrierToLocal  Carrier = iota // the delay transaction
	CarrierToRemote                // one transaction that sends the tokens on
	CarrierHTLC                    // an HTLC transaction and its delay transaction
)

// CarrierFloor is how many satoshi an output with tokens has at the least: what its
// transactions cost at a feerate in satoshi per 1000 weight, and an output that is
// relayed behind them. An HTLC's is one whoever offered it, so that both commitments
// agree.
func CarrierFloor(feePerKw uint32, c Carrier) amount.Satoshi {
	switch c {
	case CarrierToLocal:
		return ScriptHashDust + DelayFee(feePerKw)
	case CarrierToRemote:
		return ScriptHashDust + feeOf(feePerKw, spendWeight)
	default:
		return ScriptHashDust + HTLCFee(Tokens, false, feePerKw) + DelayFee(feePerKw)
	}
}

// DelayFee is the fee of a delay transaction.
func DelayFee(feePerKw uint32) amount.Satoshi { return feeOf(feePerKw, delayWeight) }

func feeOf(feePerKw uint32, weight uint64) amount.Satoshi {
	return amount.Satoshi(uint64(feePerKw) * weight / 1000)
}

// Wrapped is the scriptPubKey that pays to the hash of a witness program, and the
// signature script that spends it.
func Wrapped(program []byte) (pkScript, sigScript []byte) {
	pkScript = build(txscript.NewScriptBuilder().AddOp(txscript.OP_HASH160).
		AddData(address.Hash160(program)).AddOp(txscript.OP_EQUAL))
	return pkScript, build(txscript.NewScriptBuilder().AddData(program))
}

// Pays is the scriptPubKey of a witness script in a format.
func (f Format) Pays(witnessScript []byte) []byte {
	if f != Tokens {
		return P2WSH(witnessScript)
	}
	pkScript, _ := Wrapped(P2WSH(witnessScript))
	return pkScript
}

// paysKey is the scriptPubKey of a key in a format.
func (f Format) paysKey(key wire.Point) []byte {
	if f != Tokens {
		return P2WPKH(key)
	}
	pkScript, _ := Wrapped(P2WPKH(key))
	return pkScript
}

// sigScript is what an input has that spends a witness script of a format.
func (f Format) sigScript(witnessScript []byte) []byte {
	if f != Tokens {
		return nil
	}
	_, sig := Wrapped(P2WSH(witnessScript))
	return sig
}

// FundingScript is the 2-of-2 of the funding output of a format, and the scriptPubKey
// that pays to it.
func (f Format) FundingScript(a, b wire.Point) (witnessScript, pkScript []byte) {
	witnessScript, _ = FundingScript(a, b)
	return witnessScript, f.Pays(witnessScript)
}

// delayedByBoth is the script of to_local and of an HTLC transaction's output where there
// are tokens. No lock in a script holds them: whoever can spend any output of an address
// moves its tokens. So the owner can spend it only by a transaction that the other side
// has signed, with the delay in its nSequence.
func delayedByBoth(k *Keys) []byte {
	return build(txscript.NewScriptBuilder().
		AddOp(txscript.OP_IF).
		AddData(k.Revocation[:]).AddOp(txscript.OP_CHECKSIG).
		AddOp(txscript.OP_ELSE).
		AddOp(txscript.OP_2).AddData(k.BroadcasterDelayed[:]).AddData(k.CountersignatoryHTLC[:]).AddOp(txscript.OP_2).
		AddOp(txscript.OP_CHECKMULTISIG).
		AddOp(txscript.OP_ENDIF))
}

// Delay is a delay transaction: it gives an output to the broadcaster's delayed key after
// to_self_delay blocks. The countersignatory signs it with its HTLC key of the commitment.
type Delay struct {
	Tx            *btcwire.MsgTx // not signed
	WitnessScript []byte         // of the output that it spends
	Value         amount.Satoshi // of that output
	Tokens        amount.Units   // zero: none
	sigHashes     *txscript.TxSigHashes
}

// newDelay makes the delay transaction of an output, whose value pays its fee.
func newDelay(p *Params, k *Keys, from btcwire.OutPoint, value amount.Satoshi, tokens amount.Units, feePerKw uint32, script []byte) (*Delay, error) {
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: from, Sequence: uint32(p.ToSelfDelay), SignatureScript: Tokens.sigScript(script)})
	if tokens > 0 {
		if err := sends(tx, p.Property, tokens); err != nil {
			return nil, err
		}
	}
	left := value - min(value, DelayFee(feePerKw))
	if left < ScriptHashDust {
		return nil, fmt.Errorf("%w: %v of %v are left after its delay", ErrCarrier, left, value)
	}
	tx.AddTxOut(btcwire.NewTxOut(int64(left), Tokens.paysKey(k.BroadcasterDelayed))) //nolint:gosec // below MaxMoney
	return &Delay{Tx: tx, WitnessScript: script, Value: value, Tokens: tokens, sigHashes: witnessHashes(tx)}, nil
}

// sends adds the output by which a transaction sends tokens to its other one.
func sends(tx *btcwire.MsgTx, property amount.Property, tokens amount.Units) error {
	payload, err := omni.SimpleSend(property, tokens)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTokens, err)
	}
	tx.AddTxOut(btcwire.NewTxOut(0, omni.Script(payload)))
	return nil
}

// SigHash is what both sides sign.
func (d *Delay) SigHash() [32]byte {
	return sigHash(d.Tx, d.sigHashes, 0, d.WitnessScript, d.Value, txscript.SigHashAll)
}

// Signed is the delay transaction ready to broadcast, once the output is old enough.
func (d *Delay) Signed(broadcaster, countersignatory wire.Signature) *btcwire.MsgTx {
	tx := d.Tx.Copy()
	tx.TxIn[0].Witness = btcwire.TxWitness{
		nil, der(broadcaster, txscript.SigHashAll), der(countersignatory, txscript.SigHashAll), nil, d.WitnessScript,
	}
	return tx
}

// Delays are the delay transactions of to_local, if it has an output, and of each HTLC
// transaction, in the order in which they are signed. Only commitments with tokens have
// them.
func (c *Commitment) Delays() []*Delay {
	var out []*Delay
	if c.ToLocal != nil && c.ToLocal.Delay != nil {
		out = append(out, c.ToLocal.Delay)
	}
	for i := range c.HTLCs {
		if d := c.HTLCs[i].Delay; d != nil {
			out = append(out, d)
		}
	}
	return out
}

// Share is one side's output of a closing transaction with tokens.
type Share struct {
	Out    *btcwire.TxOut
	Tokens amount.Units // zero: none
}

// TokenClosing is the mutual close of a channel with tokens, not signed: an OP_RETURN that
// gives each share its tokens, then the shares in the order of BIP 69. What is dust is
// left out by who calls it; tokens cannot be. Error: [ErrTokens].
func TokenClosing(p *Params, sequence, locktime uint32, shares ...Share) (*btcwire.MsgTx, error) {
	witnessScript, _ := FundingScript(p.Broadcaster.Funding, p.Countersignatory.Funding)
	tx := btcwire.NewMsgTx(2)
	tx.LockTime = locktime
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: p.Funding, Sequence: sequence, SignatureScript: Tokens.sigScript(witnessScript)})
	var outs []candidate
	total := amount.Units(0)
	for _, s := range shares {
		total += s.Tokens                                                                                              // refused by payload when it is too large
		outs = append(outs, candidate{value: amount.Satoshi(s.Out.Value), pkScript: s.Out.PkScript, tokens: s.Tokens}) //nolint:gosec // not negative
	}
	if total != p.Tokens {
		return nil, fmt.Errorf("%w: %d of %d", ErrTokens, total, p.Tokens)
	}
	sortCandidates(outs)
	payload, err := p.payload(entries(outs))
	if err != nil {
		return nil, err
	}
	tx.AddTxOut(payload)
	for _, o := range outs {
		tx.AddTxOut(btcwire.NewTxOut(int64(o.value), o.pkScript)) //nolint:gosec // below MaxMoney
	}
	return tx, nil
}

// ClosingWeightTokens is what a [TokenClosing] weighs beside its outputs and what a
// closing transaction of bitcoin weighs: the input's script, and the OP_RETURN with two
// entries.
const ClosingWeightTokens = 4 * (35 + 8 + 1 + 33)

// checkTokens refuses what is no state of a channel with tokens, and tokens where there
// are to be none.
func (s *Spec) checkTokens(p *Params) error {
	total, ok := s.TokensToBroadcaster.Add(s.TokensToCountersignatory)
	receivers := 0
	for _, u := range []amount.Units{s.TokensToBroadcaster, s.TokensToCountersignatory} {
		if u > 0 {
			receivers++
		}
	}
	for i := range s.HTLCs {
		h := &s.HTLCs[i]
		var fits bool
		total, fits = total.Add(h.Tokens)
		ok = ok && fits && (h.Tokens > 0) == (p.Format == Tokens)
		if p.Format == Tokens && h.Amount.Sat() < CarrierFloor(s.FeePerKw, CarrierHTLC) {
			return fmt.Errorf("%w: %v in HTLC %d", ErrCarrier, h.Amount, h.ID)
		}
	}
	switch {
	case !ok || total != p.Tokens || (p.Tokens > 0) != (p.Format == Tokens) || (p.Property > 0) != (p.Format == Tokens):
		return fmt.Errorf("%w: %d of %d", ErrTokens, total, p.Tokens)
	case p.Format == Tokens && receivers+len(s.HTLCs) > MaxReceivers:
		return fmt.Errorf("%w: %d", ErrReceivers, receivers+len(s.HTLCs))
	}
	return nil
}

// payload is the output that gives every output of a commitment its tokens; entries are in
// the order of the outputs.
func (p *Params) payload(entries []omni.Entry) (*btcwire.TxOut, error) {
	b, err := omni.SendToMany(p.Property, entries...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTokens, err)
	}
	return btcwire.NewTxOut(0, omni.Script(b)), nil
}
