package enforce

import (
	"bytes"
	"encoding/binary"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Ledger is what is known of a channel's tokens: what became of them by the rules of the
// Omni Layer. A block may hold a transaction that moves none: the property may be frozen,
// or somebody was faster with another coin of the same address.
type Ledger struct {
	// Moved are the units of the channel's property that transactions moved: those that
	// the ledger has executed in the very block in which [Facts.Spends] has them. What
	// moved none is in it with zero. What is not in it is not known: the ledger may be
	// behind, or still in a branch that the chain has left, at whatever height.
	Moved map[chainhash.Hash]amount.Units
	// Frozen are the scripts among the outputs of the channel's transactions whose
	// addresses cannot send the property now.
	Frozen map[string]bool
}

// tokens tells whether the channel carries some.
func (r *resolver) tokens() bool { return r.rows.Params.Format == script.Tokens }

// locked is what a script's output pays to in a format.
func locked(f script.Format, witnessScript []byte) []byte {
	program := script.P2WSH(witnessScript)
	if f != script.Tokens {
		return program
	}
	pkScript, _ := script.Wrapped(program)
	return pkScript
}

// toKey is what an output pays to that a key alone takes, and what BIP 143 signs for its
// script.
func toKey(p wire.Point) (pkScript, code []byte) {
	program := script.P2WPKH(p)
	code = append([]byte{txscript.OP_DUP, txscript.OP_HASH160}, program[1:]...)
	pkScript, _ = script.Wrapped(program)
	return pkScript, append(code, txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG)
}

// entries are the units that a commitment gives its outputs, by its payload: a
// send-to-many in output 0. Of what is none there are none.
func entries(tx *btcwire.MsgTx) map[uint32]amount.Units {
	if len(tx.TxOut) == 0 {
		return nil
	}
	s := tx.TxOut[0].PkScript
	if len(s) < 3 || s[0] != txscript.OP_RETURN {
		return nil
	}
	s = s[2:]
	if tx.TxOut[0].PkScript[1] == txscript.OP_PUSHDATA1 {
		s = s[1:]
	}
	head := append([]byte(omni.Marker), omni.Header(omni.TypeSendToMany)...)
	const property, count, entry = 4, 1, 9
	if !bytes.HasPrefix(s, head) || len(s) < len(head)+property+count {
		return nil
	}
	s = s[len(head)+property:]
	n := int(s[0])
	if s = s[count:]; len(s) != n*entry {
		return nil
	}
	list := make(map[uint32]amount.Units, n)
	for ; len(s) > 0; s = s[entry:] {
		list[uint32(s[0])] = amount.Units(binary.BigEndian.Uint64(s[1:entry]))
	}
	return list
}

// arrived tells how many of the units that a transaction sends to an output are there, and
// whether the ledger has said so. Until then they may be.
func (r *resolver) arrived(txid chainhash.Hash, units amount.Units) (amount.Units, bool) {
	moved, said := r.facts.Ledger.Moved[txid]
	if said && moved == 0 {
		return 0, true
	}
	return units, said
}

// carry makes a claim one that takes tokens. False: it must wait, because the ledger has
// not said that they are there, or because they are frozen; what somebody else may take
// waits for nothing.
func (r *resolver) carry(claim *Claim, o *Output, txid chainhash.Hash, pkScript []byte, hurry bool) bool {
	if !r.tokens() {
		return true
	}
	claim.PkScript, claim.Property = pkScript, r.rows.Params.Property
	var said bool
	claim.Tokens, said = r.arrived(txid, o.Tokens)
	if claim.Tokens > 0 {
		claim.Apart = true
	}
	if hurry || o.Tokens == 0 {
		return true
	}
	return said && (claim.Tokens == 0 || !r.facts.Ledger.Frozen[string(pkScript)])
}

// reveal keeps the preimages that anything on the chain has shown. An HTLC's tokens
// belong to the address of its script: who has the preimage takes them by any coin there,
// and the channel's own output stays where it is.
func (r *resolver) reveal(hashes map[wire.PaymentHash]bool) {
	if !r.tokens() {
		return
	}
	for at := range r.facts.Spends {
		if s, ok := r.facts.spend(at); ok {
			for _, in := range s.Tx.TxIn {
				r.learn(in.Witness, hashes)
			}
		}
	}
}

// stuck tells whether the tokens of an output that is spent are still at its address, as
// far as is known.
func (r *resolver) stuck(o *Output) bool {
	if o.Tokens == 0 || o.By == nil || r.facts.Ledger.Moved[*o.By] > 0 {
		return false
	}
	if o.HTLC != nil && !o.HTLC.Incoming {
		if h := r.row(*o.HTLC); h != nil && r.known(h) != nil {
			return false // who has shown the preimage has them
		}
	}
	return true
}

// unmoved warns of a transaction that spent the funding output and moved no tokens.
func (r *resolver) unmoved(c *commitment) {
	if units, said := r.arrived(c.txid, 1); r.tokens() && said && units == 0 {
		r.plan.Warning = "the transaction that closed the channel moved no tokens: they are still at the funding address, and only both sides together can move them"
	}
}

// matured lists what a delay transaction of ours paid to our delayed key.
func (r *resolver) matured(c *commitment, s Spend, h *HTLC, units amount.Units) {
	txid := s.Tx.TxHash()
	pkScript, code := toKey(c.keys.BroadcasterDelayed)
	for i, out := range s.Tx.TxOut {
		if !bytes.Equal(out.PkScript, pkScript) {
			continue
		}
		at := btcwire.OutPoint{Hash: txid, Index: uint32(i)} //nolint:gosec // an output's index
		o := Output{OutPoint: at, Value: value(out), Type: "OUTPUT_TO_US", State: Claimable, Tokens: units}
		claim := Claim{
			Channel: r.machine.ID(), OutPoint: at, Value: o.Value, Kind: Matured, HTLC: h, WitnessScript: code,
			PubKey: c.keys.BroadcasterDelayed, Key: Key{Role: OwnDelayedKey, Number: c.number}, Sequence: bumpable, NotBefore: s.Height,
		}
		ready := r.carry(&claim, &o, txid, pkScript, false)
		spend, spent := r.facts.spend(at)
		r.note(o, claim, true, ready, spend, spent)
	}
}

// secondDelay makes a claim of the output of an HTLC transaction of ours one by its delay
// transaction. That must not be broadcast before the tokens are there. All outputs with a
// delay have one script and so one address: where the HTLC transaction has not brought its
// tokens, the delay transaction would take to_local's in their place, and to_local's own
// would move none. The satoshi of such an output are given up.
func (r *resolver) secondDelay(p *part, claim *Claim, o *Output, txid chainhash.Hash) (ours, ready bool) {
	if p == nil {
		o.State = Lost
		return false, false
	}
	claim.Whole = &Whole{Tx: p.delay.Tx, Signature: p.delaySig}
	units, said := r.arrived(txid, o.Tokens)
	if said && units == 0 {
		o.State = Lost
		return false, false
	}
	return true, said
}
