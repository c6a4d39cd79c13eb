package enforce

import (
	"bytes"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Output is where some of the channel's money is.
type Output struct {
	OutPoint btcwire.OutPoint
	Value    amount.Satoshi
	Type     string       // by the names of Core Lightning
	HTLC     *HTLC        // nil: none
	Tokens   amount.Units // that go with it
	State    OutputState
	// Worthless says that it is, or will be, ours to take, and never worth the fee.
	Worthless bool
	// Spendable is the height of the first block in which we can take it; zero: not
	// at all, or not as long as the preimage is unknown.
	Spendable uint32
	// By is the confirmed transaction that spent it, in the block of SpentAt; nil:
	// none.
	By      *chainhash.Hash
	SpentAt uint32
}

// OutputState is what an output does.
type OutputState uint8

// The states of outputs.
const (
	NotOurs   OutputState = iota // it is the peer's, or somebody's
	Locked                       // ours, from a later block on
	Claimable                    // ours, now
	Waiting                      // an incoming HTLC: ours if the preimage comes before it expires
	Taken                        // spent, by us or for us
	Lost                         // it was ours, and somebody else spent it
)

// String is a word for lists.
func (s OutputState) String() string {
	return [...]string{"not_ours", "locked", "claimable", "waiting", "taken", "lost"}[s]
}

// walk lists the outputs of what spent the funding output, and claims what is
// ours.
func (r *resolver) walk(c *commitment) {
	hashes := map[wire.PaymentHash]bool{}
	for i := range r.rows.HTLCs {
		if h := &r.rows.HTLCs[i]; !h.Incoming {
			hashes[h.PaymentHash] = true
		}
	}
	r.reveal(hashes)
	seen := map[btcwire.OutPoint]bool{} // second stages: one transaction may spend several HTLCs
	for i, out := range c.Tx.TxOut {
		if r.tokens() && txscript.IsNullData(out.PkScript) {
			continue // the payload
		}
		at := btcwire.OutPoint{Hash: c.txid, Index: uint32(i)} //nolint:gosec // an output's index
		spend, spent := r.facts.spend(at)
		if spent {
			r.extract(spend.Tx, at, hashes)
		}
		p := c.parts[at.Index]
		o := Output{OutPoint: at, Value: value(out), Type: "ELSE", Tokens: c.units[at.Index]}
		claim := Claim{Channel: r.machine.ID(), OutPoint: at, Value: o.Value, WitnessScript: p.script, Sequence: bumpable}
		ours := false
		switch p.role {
		case toLocal:
			ours = r.toLocal(c, &p, &o, &claim)
		case toRemote:
			ours = r.toRemote(c, &o, &claim)
		case anchorLocal, anchorRemote:
			o.Type = "ANCHOR_TO_THEM"
			if ours = (p.role == anchorLocal) == c.ours(); ours {
				o.Type, o.State = "ANCHOR_TO_US", Claimable
				claim = r.anchorClaim(at, p.script)
				claim.NotBefore = c.Height
			}
		case htlcOutput:
			ours = r.htlc(c, &p, &o, &claim)
		case unknownOutput:
			r.unknown(c, &o, out.PkScript)
		}
		ready := r.carry(&claim, &o, c.txid, out.PkScript, claim.Kind != ToUs)
		r.note(o, claim, ours, ready, spend, spent)
		if r.tokens() && spent && p.role == toLocal && c.kind == Ours {
			r.matured(c, spend, nil, o.Tokens)
		}
		if n := len(r.plan.Outputs) - 1; spent && p.role == htlcOutput && (c.kind == Ours || c.kind == TheirsRevoked) &&
			r.secondStage(c, spend, seen) {
			r.plan.Outputs[n].State = Taken
		}
	}
}

// unknown is an output that is none of a commitment's.
func (r *resolver) unknown(c *commitment, o *Output, pkScript []byte) {
	switch {
	case c.kind == Mutual && r.toWallet(pkScript):
		o.Type, o.State, o.Spendable = "OUTPUT_TO_US", Taken, c.Height
	case c.kind == Mutual:
		o.Type = "OUTPUT_TO_THEM"
	case c.kind == TheirsRevoked:
		r.plan.Warning = "the peer broadcast a commitment that it had revoked, and not all of it is recognised: funds may be lost"
	}
}

// ours tells whether the commitment is one of ours.
func (c *commitment) ours() bool {
	return c.kind == Ours || c.kind == OursRevoked || c.kind == OursFuture
}

// note lists an output, and its claim when it is ours, nobody has taken it and it is ready
// to be taken.
func (r *resolver) note(o Output, claim Claim, ours, ready bool, spend Spend, spent bool) {
	if spent {
		txid := spend.Tx.TxHash()
		o.By, o.SpentAt, o.Spendable = &txid, spend.Height, 0
		o.State = r.taken(&o, &claim, spend.Tx)
	} else if ours {
		o.Worthless = claim.Worthless()
		o.Spendable, o.State = max(claim.NotBefore, 1), Claimable
		if !r.facts.near(claim.NotBefore, 1) {
			o.State = Locked
		}
		if ready {
			r.plan.Claims = append(r.plan.Claims, claim)
		} else {
			o.Spendable, o.State = 0, Locked
		}
	}
	r.plan.Outputs = append(r.plan.Outputs, o)
}

// taken tells by the witness of what spent an output whose it has become.
func (r *resolver) taken(o *Output, claim *Claim, tx *btcwire.MsgTx) OutputState {
	witness := witnessOf(tx, o.OutPoint)
	switch {
	case o.State == Claimable && (claim.Kind == RevokedToLocal || claim.Kind == RevokedSecondStage):
		if len(witness) == 3 && len(witness[1]) == 1 {
			return Taken
		}
		return Lost
	case o.State == Claimable && claim.Kind == RevokedHTLC:
		if len(witness) == 3 && bytes.Equal(witness[1], claim.PubKey[:]) {
			return Taken
		}
		return Lost
	case o.HTLC == nil || claim.Kind == DelayedHTLC:
		if o.State == NotOurs {
			return NotOurs
		}
		return Taken
	case (PreimageIn(witness) != nil) == o.HTLC.Incoming:
		return Taken
	case o.HTLC.Incoming && claim.Preimage != nil:
		return Lost
	}
	return NotOurs
}

// toLocal is the broadcaster's main output.
func (r *resolver) toLocal(c *commitment, p *part, o *Output, claim *Claim) bool {
	switch c.kind {
	case Ours, OursFuture:
		if r.tokens() {
			if c.kind == OursFuture {
				break // what the peer signed is lost
			}
			claim.Whole = &Whole{Tx: p.delay.Tx, Signature: p.delaySig}
		}
		o.Type, o.State = "DELAYED_OUTPUT_TO_US", Claimable
		r.delayed(c, claim, c.Height)
		claim.Kind = Delayed
		return true
	case TheirsRevoked:
		o.Type, o.State = "DELAYED_CHEAT_OUTPUT_TO_THEM", Claimable
		r.penalty(c, claim, c.Height)
		claim.Kind = RevokedToLocal
		return true
	}
	o.Type = "DELAYED_OUTPUT_TO_THEM"
	return false
}

// toRemote is the main output of the one who did not broadcast.
func (r *resolver) toRemote(c *commitment, o *Output, claim *Claim) bool {
	if c.ours() {
		o.Type = "OUTPUT_TO_THEM"
		return false
	}
	o.Type, o.State = "OUTPUT_TO_US", Claimable
	claim.Kind, claim.Key, claim.Sequence, claim.NotBefore = ToUs, Key{Role: PaymentKey}, 1, c.Height+1
	if r.tokens() {
		claim.Sequence, claim.NotBefore, claim.PubKey = bumpable, c.Height, c.keys.ToRemote
	}
	return true
}

// delayed claims an output of ours whose delay began in the block of a height.
//
// BOLT 5: "MUST wait until the `OP_CHECKSEQUENCEVERIFY` delay has passed"
func (r *resolver) delayed(c *commitment, claim *Claim, from uint32) {
	delay := uint32(r.rows.Params.RemoteLimits.ToSelfDelay)
	claim.Key = Key{Role: OwnDelayedKey, Number: c.number}
	claim.Sequence, claim.NotBefore = delay, from+delay
}

// penalty claims an output that the cheat can take after a delay, which began in
// the block of a height.
func (r *resolver) penalty(c *commitment, claim *Claim, from uint32) {
	delay := uint32(r.rows.Params.LocalLimits.ToSelfDelay)
	claim.Key = Key{Role: RevocationKey, Secret: c.secret}
	claim.PubKey = c.keys.Revocation
	claim.NotBefore, claim.Deadline = from, from+max(delay, 1)-1
	claim.Apart = r.facts.near(claim.Deadline, r.policy.Security)
}

// htlc is an HTLC's output.
func (r *resolver) htlc(c *commitment, p *part, o *Output, claim *Claim) bool {
	k := c.name(p)
	o.HTLC, claim.HTLC = k, k
	o.Type = "OUR_HTLC"
	if k.Incoming {
		o.Type = "THEIR_HTLC"
	}
	switch c.kind {
	case Ours, Theirs:
		return r.validHTLC(c, p, o, claim)
	case TheirsRevoked:
		o.State = Claimable
		r.penalty(c, claim, c.Height)
		claim.Kind, claim.Apart = RevokedHTLC, true
		if k.Incoming {
			// Its sender can take it to the second stage when it has expired; an HTLC
			// of ours its receiver can at any time, if it has the preimage.
			claim.Deadline = p.htlc.CLTVExpiry
			claim.Apart = r.facts.near(claim.Deadline, r.policy.Security)
		}
		return true
	}
	return false
}

// validHTLC is an HTLC's output of a commitment that was valid.
func (r *resolver) validHTLC(c *commitment, p *part, o *Output, claim *Claim) bool {
	claim.Sequence, claim.NotBefore = 1, c.Height+1
	if r.tokens() {
		claim.Sequence, claim.NotBefore = bumpable, c.Height
	}
	if c.kind == Ours {
		claim.Key = Key{Role: OwnHTLCKey, Number: c.number}
		if r.tokens() {
			claim.Whole = &Whole{Tx: p.tx, Signature: p.signature}
		} else {
			claim.Presigned = &Presigned{Output: p.output, Signature: p.signature}
		}
	} else {
		claim.Key = Key{Role: TheirHTLCKey, Point: c.keys.PerCommitment}
	}
	if o.HTLC.Incoming {
		claim.Kind, claim.Deadline = Success, p.htlc.CLTVExpiry
		if c.kind == Ours {
			claim.Kind = SuccessTx
		}
		claim.Apart = r.facts.near(claim.Deadline, r.policy.Security)
		claim.Preimage = r.preimageFor(o.HTLC.ID)
		if claim.Preimage == nil {
			o.State = Waiting
			return false
		}
		o.State = Claimable
		return true
	}
	claim.Kind, claim.LockTime = Timeout, p.htlc.CLTVExpiry
	if c.kind == Ours {
		claim.Kind = TimeoutTx
	}
	claim.NotBefore = max(claim.NotBefore, p.htlc.CLTVExpiry+1)
	claim.Apart = true
	if h := r.row(*o.HTLC); h != nil {
		claim.Deadline = r.serves(h)
	}
	o.State = Claimable
	return true
}

// secondStage lists the outputs of an HTLC transaction, of ours or of a cheat's,
// and tells whether there are any. One side's signature binds an output to the
// input beside it, so there is one for each HTLC that the transaction spends.
func (r *resolver) secondStage(c *commitment, s Spend, seen map[btcwire.OutPoint]bool) (found bool) {
	txid, pkScript := s.Tx.TxHash(), locked(c.format, c.delayed)
	for i, out := range s.Tx.TxOut {
		at := btcwire.OutPoint{Hash: txid, Index: uint32(i)} //nolint:gosec // an output's index
		if !bytes.Equal(out.PkScript, pkScript) {
			continue
		}
		found = true
		if seen[at] {
			continue
		}
		seen[at] = true
		p := c.beside(s.Tx, i)
		var h *HTLC
		if p != nil {
			h = c.name(p)
		}
		o := Output{OutPoint: at, Value: value(out), Type: "DELAYED_OUTPUT_TO_US", HTLC: h, State: Claimable}
		ours, ready := true, true
		if p != nil {
			o.Tokens = p.htlc.Tokens
		}
		claim := Claim{Channel: r.machine.ID(), OutPoint: at, Value: o.Value, WitnessScript: c.delayed, HTLC: h, Sequence: bumpable}
		if c.kind == Ours {
			r.delayed(c, &claim, s.Height)
			claim.Kind = DelayedHTLC
			if r.tokens() {
				ours, ready = r.secondDelay(p, &claim, &o, txid)
			}
		} else {
			o.Type = "DELAYED_CHEAT_OUTPUT_TO_THEM"
			r.penalty(c, &claim, s.Height)
			claim.Kind = RevokedSecondStage
		}
		ready = r.carry(&claim, &o, txid, pkScript, true) && ready
		spend, spent := r.facts.spend(at)
		r.note(o, claim, ours, ready, spend, spent)
		if r.tokens() && spent && c.kind == Ours {
			r.matured(c, spend, h, o.Tokens)
		}
	}
	return found
}

// beside is the HTLC's output of the commitment that the input at an output's place
// spends. With tokens an HTLC transaction has one input, and its first output is a payload.
func (c *commitment) beside(tx *btcwire.MsgTx, i int) *part {
	if c.format == script.Tokens {
		i = 0
	}
	if i >= len(tx.TxIn) || tx.TxIn[i].PreviousOutPoint.Hash != c.txid {
		return nil
	}
	p := c.parts[tx.TxIn[i].PreviousOutPoint.Index]
	if p.role != htlcOutput {
		return nil
	}
	return &p
}

// name is the HTLC of an output.
func (c *commitment) name(p *part) *HTLC {
	return &HTLC{p.htlc.Offered != c.ours(), p.htlc.ID}
}

// witnessOf is the witness by which a transaction spends an output.
func witnessOf(tx *btcwire.MsgTx, o btcwire.OutPoint) btcwire.TxWitness {
	for _, in := range tx.TxIn {
		if in.PreviousOutPoint == o {
			return in.Witness
		}
	}
	return nil
}

// PreimageIn is what an HTLC's script takes for a preimage: the item before the
// script, of 32 bytes.
func PreimageIn(w btcwire.TxWitness) *wire.Preimage {
	if len(w) < 3 || len(w[len(w)-2]) != len(wire.Preimage{}) {
		return nil
	}
	p := wire.Preimage(w[len(w)-2])
	return &p
}

// extract keeps the preimage by which an output was spent.
//
// BOLT 5: "MUST extract the payment preimage from the transaction input witness."
func (r *resolver) extract(tx *btcwire.MsgTx, o btcwire.OutPoint, hashes map[wire.PaymentHash]bool) {
	r.learn(witnessOf(tx, o), hashes)
}

// learn keeps the preimage that a witness shows.
func (r *resolver) learn(w btcwire.TxWitness, hashes map[wire.PaymentHash]bool) {
	if p := PreimageIn(w); p != nil {
		if h := hashOf(*p); hashes[h] {
			r.plan.Preimages[h] = *p
		}
	}
}
