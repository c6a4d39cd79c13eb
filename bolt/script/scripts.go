package script

import (
	"bytes"
	"crypto/sha256"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"golang.org/x/crypto/ripemd160" //nolint:staticcheck // bitcoin's HASH160 is made of it

	"github.com/leyden-ln/leyden/bolt/wire"
)

// Format is a commitment transaction's form.
type Format uint8

// The formats: the one of option_static_remotekey, whose HTLC transactions pay
// the channel's fee rate, the one of option_anchors, whose HTLC transactions
// pay no fee and are signed so that inputs for a fee can be added, and the one of
// channels that carry tokens of the Omni Layer (see [MaxReceivers] and what follows).
const (
	StaticRemoteKey Format = 1
	Anchors         Format = 2
	Tokens          Format = 3
)

// build assembles a script of a fixed shape: it cannot grow too long.
func build(b *txscript.ScriptBuilder) []byte {
	s, err := b.Script()
	if err != nil {
		panic("script: " + err.Error())
	}
	return s
}

// P2WSH is the scriptPubKey that pays to a witness script.
func P2WSH(witnessScript []byte) []byte {
	h := sha256.Sum256(witnessScript)
	return build(txscript.NewScriptBuilder().AddOp(txscript.OP_0).AddData(h[:]))
}

// P2WPKH is the scriptPubKey that pays to a key's hash.
func P2WPKH(key wire.Point) []byte {
	return build(txscript.NewScriptBuilder().AddOp(txscript.OP_0).AddData(address.Hash160(key[:])))
}

// FundingScript is the 2-of-2 of a channel's funding output, and the
// scriptPubKey that pays to it (BOLT 3, "Funding Transaction Output").
func FundingScript(a, b wire.Point) (witnessScript, pkScript []byte) {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	witnessScript = build(txscript.NewScriptBuilder().AddOp(txscript.OP_2).
		AddData(a[:]).AddData(b[:]).AddOp(txscript.OP_2).AddOp(txscript.OP_CHECKMULTISIG))
	return witnessScript, P2WSH(witnessScript)
}

// delayed is the script of to_local and of an HTLC transaction's output (BOLT 3,
// "`to_local` Output").
func delayed(revocation, delayedKey wire.Point, toSelfDelay uint16) []byte {
	return build(txscript.NewScriptBuilder().
		AddOp(txscript.OP_IF).
		AddData(revocation[:]).
		AddOp(txscript.OP_ELSE).
		AddInt64(int64(toSelfDelay)).AddOp(txscript.OP_CHECKSEQUENCEVERIFY).AddOp(txscript.OP_DROP).
		AddData(delayedKey[:]).
		AddOp(txscript.OP_ENDIF).
		AddOp(txscript.OP_CHECKSIG))
}

// toRemote is the witness script of to_remote with anchors (BOLT 3, "`to_remote`
// Output").
func toRemote(key wire.Point) []byte {
	return build(txscript.NewScriptBuilder().
		AddData(key[:]).AddOp(txscript.OP_CHECKSIGVERIFY).
		AddOp(txscript.OP_1).AddOp(txscript.OP_CHECKSEQUENCEVERIFY))
}

// anchor is the witness script of an anchor (BOLT 3, "`to_local_anchor` and
// `to_remote_anchor` Output").
func anchor(fundingKey wire.Point) []byte {
	return build(txscript.NewScriptBuilder().
		AddData(fundingKey[:]).AddOp(txscript.OP_CHECKSIG).AddOp(txscript.OP_IFDUP).
		AddOp(txscript.OP_NOTIF).
		AddOp(txscript.OP_16).AddOp(txscript.OP_CHECKSEQUENCEVERIFY).
		AddOp(txscript.OP_ENDIF))
}

// htlcStart is what both kinds of HTLC script begin with: revocation, then the
// countersignatory's key and the size of what it shows.
func htlcStart(k *Keys) *txscript.ScriptBuilder {
	return txscript.NewScriptBuilder().
		AddOp(txscript.OP_DUP).AddOp(txscript.OP_HASH160).AddData(address.Hash160(k.Revocation[:])).AddOp(txscript.OP_EQUAL).
		AddOp(txscript.OP_IF).
		AddOp(txscript.OP_CHECKSIG).
		AddOp(txscript.OP_ELSE).
		AddData(k.CountersignatoryHTLC[:]).AddOp(txscript.OP_SWAP).
		AddOp(txscript.OP_SIZE).AddInt64(32).AddOp(txscript.OP_EQUAL)
}

// htlcEnd closes both kinds of HTLC script; with anchors every path but the
// revocation waits for one confirmation.
func htlcEnd(f Format, b *txscript.ScriptBuilder) []byte {
	b.AddOp(txscript.OP_ENDIF)
	if f == Anchors {
		b.AddOp(txscript.OP_1).AddOp(txscript.OP_CHECKSEQUENCEVERIFY).AddOp(txscript.OP_DROP)
	}
	return build(b.AddOp(txscript.OP_ENDIF))
}

// both adds the 2-of-2 of the HTLC keys, by which the HTLC transaction spends.
func both(b *txscript.ScriptBuilder, k *Keys) *txscript.ScriptBuilder {
	return b.AddOp(txscript.OP_2).AddOp(txscript.OP_SWAP).AddData(k.BroadcasterHTLC[:]).
		AddOp(txscript.OP_2).AddOp(txscript.OP_CHECKMULTISIG)
}

// offered is the witness script of an HTLC that the broadcaster offered (BOLT 3,
// "Offered HTLC Outputs").
func offered(f Format, k *Keys, hash wire.PaymentHash) []byte {
	b := htlcStart(k).AddOp(txscript.OP_NOTIF).AddOp(txscript.OP_DROP)
	both(b, k).AddOp(txscript.OP_ELSE).
		AddOp(txscript.OP_HASH160).AddData(ripemd(hash)).AddOp(txscript.OP_EQUALVERIFY).
		AddOp(txscript.OP_CHECKSIG)
	return htlcEnd(f, b)
}

// received is the witness script of an HTLC that was offered to the broadcaster
// (BOLT 3, "Received HTLC Outputs").
func received(f Format, k *Keys, hash wire.PaymentHash, cltvExpiry uint32) []byte {
	b := htlcStart(k).AddOp(txscript.OP_IF).
		AddOp(txscript.OP_HASH160).AddData(ripemd(hash)).AddOp(txscript.OP_EQUALVERIFY)
	both(b, k).AddOp(txscript.OP_ELSE).
		AddOp(txscript.OP_DROP).AddInt64(int64(cltvExpiry)).AddOp(txscript.OP_CHECKLOCKTIMEVERIFY).AddOp(txscript.OP_DROP).
		AddOp(txscript.OP_CHECKSIG)
	return htlcEnd(f, b)
}

// ripemd is RIPEMD160(payment_hash), which is the HASH160 of the preimage.
func ripemd(hash wire.PaymentHash) []byte {
	h := ripemd160.New()
	h.Write(hash[:])
	return h.Sum(nil)
}
