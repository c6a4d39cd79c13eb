package enforce

import (
	"bytes"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// Kind is what spent the funding output.
type Kind uint8

// The kinds.
const (
	Unspent       Kind = iota // nothing yet
	Mutual                    // a closing transaction
	Ours                      // our latest commitment
	Theirs                    // a commitment of the peer that is valid
	TheirsRevoked             // one that the peer has revoked
	TheirsFuture              // one of the peer's that we have no memory of: we lost state
	OursRevoked               // one of ours that we have revoked
	OursFuture                // one of ours that we have no memory of: we lost state
	Unknown                   // something that both funding keys signed and that we do not know
)

// String is the kind by the names of Core Lightning, where it has one.
func (k Kind) String() string {
	return [...]string{
		"UNSPENT", "MUTUAL_CLOSE", "OUR_UNILATERAL", "THEIR_UNILATERAL", "THEIR_REVOKED_UNILATERAL",
		"THEIR_FUTURE_UNILATERAL", "OUR_REVOKED_UNILATERAL", "OUR_FUTURE_UNILATERAL",
		"UNKNOWN_TXTYPE",
	}[k]
}

// isCommitment tells whether a transaction has the form of a commitment (BOLT 3,
// "Commitment Transaction").
func isCommitment(tx *btcwire.MsgTx) bool {
	return len(tx.TxIn) == 1 && tx.TxIn[0].Sequence>>24 == 0x80 && tx.LockTime>>24 == 0x20
}

// Revoked reads from a transaction that spends the channel's funding output the
// number of a commitment that the peer has revoked: then [Facts] must have the
// HTLCs that stood in it.
func Revoked(rows channel.Rows, tx *btcwire.MsgTx) (number uint64, revoked bool, err error) {
	c, err := channel.Load(rows)
	if err != nil || !isCommitment(tx) {
		return 0, false, err
	}
	n := c.NumberOf(tx)
	return n, n < rows.State.Revoked, nil
}

// commitment is the transaction that spent the funding output, with what is known
// of its outputs.
type commitment struct {
	Spend
	kind    Kind
	txid    chainhash.Hash
	format  script.Format
	units   map[uint32]amount.Units // of tokens, by output
	number  uint64
	keys    script.Keys
	secret  [32]byte        // of a revoked one of theirs
	parts   map[uint32]part // by output
	delayed []byte          // witness script of to_local and of HTLC transactions' outputs
}

// role is what an output of a commitment is.
type role uint8

const (
	unknownOutput role = iota
	toLocal
	toRemote
	anchorLocal  // the broadcaster's
	anchorRemote // the countersignatory's
	htlcOutput
)

// part is an output of a commitment that was recognised.
type part struct {
	role   role
	script []byte
	htlc   script.HTLC // of an htlcOutput
	// Of an HTLC of our own commitment: its transaction's output and the peer's
	// signature on it.
	output    *btcwire.TxOut
	signature wire.Signature
	// Of a channel with tokens: the HTLC transaction whole, and of it or of to_local the
	// delay transaction, with the peer's signature on that.
	tx       *btcwire.MsgTx
	delay    *script.Delay
	delaySig wire.Signature
}

// recognise names the transaction that spent the funding output.
func (r *resolver) recognise(s Spend) (*commitment, error) {
	c := &commitment{Spend: s, txid: s.Tx.TxHash(), format: r.rows.Params.Format}
	if r.tokens() {
		c.units = entries(s.Tx)
	}
	if !isCommitment(s.Tx) {
		c.kind = Unknown
		if r.mutual(s.Tx) {
			c.kind = Mutual
		}
		return c, nil
	}
	n, state := r.machine.NumberOf(s.Tx), &r.rows.State
	if r.blank() {
		return c, r.recall(c)
	}
	if n == state.Received {
		ours, err := r.own()
		if err != nil {
			return nil, err
		}
		if c.txid == ours.Tx.TxHash() {
			c.kind = Ours
			c.match(ours, &r.rows.Commitment)
			return c, nil
		}
	}
	if n == state.Revoked || n == state.Signed {
		theirs, err := r.their()
		if err != nil {
			return nil, err
		}
		for _, t := range theirs {
			if c.txid == t.Tx.TxHash() {
				c.kind = Theirs
				c.match(t, nil)
				return c, nil
			}
		}
	}
	return c, r.recall(c)
}

// recall names a commitment that is not valid, or not known, by its number and by
// what it pays to.
func (r *resolver) recall(c *commitment) error {
	n, state := r.machine.NumberOf(c.Tx), &r.rows.State
	if secret, ok := r.machine.Secret(n); ok {
		found, err := r.matchPast(c, dance.Remote, n, script.PointOfSecret(secret))
		if found || err != nil {
			c.kind, c.secret = TheirsRevoked, secret
			return err
		}
	}
	found, err := r.matchPast(c, dance.Local, n, r.points.PerCommitmentPoint(n))
	if found || err != nil {
		c.kind = OursRevoked
		if n >= state.Received {
			c.kind = OursFuture
		}
		return err
	}
	// Our to_remote and the anchors are the same in every commitment of theirs,
	// whatever its point.
	found, err = r.matchPast(c, dance.Remote, n, r.rows.Params.RemoteKeys.Payment)
	c.kind = Unknown
	if found || n > state.Signed || r.rows.Status.Status == channel.Lost {
		c.kind = TheirsFuture
	}
	return err
}

// matchPast recognises the outputs that side's commitment of a number had.
func (r *resolver) matchPast(c *commitment, side dance.Side, n uint64, point wire.Point) (bool, error) {
	past, err := r.machine.Past(side, n, point, r.history())
	if err != nil {
		return false, err
	}
	return c.match(past, nil), nil
}

// match recognises the outputs that a commitment, or its scripts, explain. It
// tells whether one of them is not an anchor: those are in both sides'.
func (c *commitment) match(from *script.Commitment, signed *channel.CommitmentRow) (found bool) {
	c.number, c.keys, c.parts = from.Number, from.Keys, map[uint32]part{}
	main := map[string]part{}
	put := func(o *script.Output, r role) {
		if o != nil {
			main[string(locked(c.format, o.WitnessScript))] = part{role: r, script: o.WitnessScript, delay: o.Delay}
		}
	}
	put(from.ToLocal, toLocal)
	if c.format == script.Tokens {
		pkScript, code := toKey(from.Keys.ToRemote)
		main[string(pkScript)] = part{role: toRemote, script: code}
	} else {
		put(from.ToRemote, toRemote)
	}
	put(from.Anchors[0], anchorLocal)
	put(from.Anchors[1], anchorRemote)
	if from.ToLocal != nil {
		c.delayed = from.ToLocal.WitnessScript
	}
	htlcs := map[htlcKey][]part{}
	for i := range from.HTLCs {
		h := &from.HTLCs[i]
		c.delayed = h.OutputScript
		p := part{role: htlcOutput, script: h.WitnessScript, htlc: h.HTLC, output: h.Tx.TxOut[0], tx: h.Tx, delay: h.Delay}
		if signed != nil && i < len(signed.HTLCSignatures) {
			p.signature = signed.HTLCSignatures[i]
		}
		k := htlcKey{int64(h.Amount.Sat()), h.Tokens, string(locked(c.format, h.WitnessScript))} //nolint:gosec // below MaxMoney
		htlcs[k] = append(htlcs[k], p)
	}
	for i, out := range c.Tx.TxOut {
		at := uint32(i) //nolint:gosec // at most 970
		if p, ok := main[string(out.PkScript)]; ok {
			c.parts[at] = p
			found = found || p.role == toLocal || p.role == toRemote
		} else if k := (htlcKey{out.Value, c.units[at], string(out.PkScript)}); len(htlcs[k]) > 0 {
			c.parts[at], htlcs[k] = htlcs[k][0], htlcs[k][1:]
			found = true
		}
	}
	if signed != nil {
		c.delays(from, signed.DelaySignatures)
	}
	return found
}

// delays gives the parts of our own commitment the peer's signatures on their delay
// transactions: to_local's first, when it is there.
func (c *commitment) delays(from *script.Commitment, signatures []wire.Signature) {
	put := func(at uint32) {
		if p := c.parts[at]; len(signatures) > 0 {
			p.delaySig, signatures = signatures[0], signatures[1:]
			c.parts[at] = p
		}
	}
	if from.ToLocal != nil {
		put(from.ToLocal.Index)
	}
	for i := range from.HTLCs {
		put(from.HTLCs[i].Index)
	}
}

// htlcKey tells HTLC outputs apart: two with one hash and one expiry have one
// script.
type htlcKey struct {
	value    int64
	units    amount.Units
	pkScript string
}

// mutual tells whether a transaction pays only to what both sides named in
// shutdown. With option_simple_close the peer may have named another script since,
// or before. A channel whose state was lost has forgotten that there was one, and it
// knows nothing else that is no commitment.
func (r *resolver) mutual(tx *btcwire.MsgTx) bool {
	theirs := r.rows.Status.RemoteShutdown
	if theirs == nil && r.rows.Status.Status == channel.Lost {
		return true
	}
	strange := 0
	for _, out := range tx.TxOut {
		if r.tokens() && txscript.IsNullData(out.PkScript) {
			continue // the payload
		}
		if !r.toWallet(out.PkScript) && (theirs == nil || !bytes.Equal(out.PkScript, theirs)) {
			strange++
		}
	}
	return strange == 0 || theirs != nil && strange == 1 && tx.TxIn[0].Sequence == script.SimpleClosingSequence
}

// toWallet tells whether a closing transaction's output is ours.
func (r *resolver) toWallet(pkScript []byte) bool {
	ours := r.rows.Status.LocalShutdown
	if ours == nil {
		ours = r.rows.Params.LocalScript
	}
	return ours != nil && bytes.Equal(pkScript, ours)
}
