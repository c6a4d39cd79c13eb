package enforce

import (
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// HTLC names an HTLC of a channel.
type HTLC struct {
	Incoming bool
	ID       uint64
}

// ClaimKind is what an output is and how it is taken.
type ClaimKind uint8

// The kinds of claim.
const (
	ToUs               ClaimKind = iota // to_remote of the peer's commitment
	Delayed                             // to_local of our commitment
	TimeoutTx                           // HTLC-timeout: an HTLC that we offered, on our commitment
	SuccessTx                           // HTLC-success: one offered to us, on our commitment
	DelayedHTLC                         // the output of our HTLC-timeout or HTLC-success
	Timeout                             // an HTLC that we offered, on the peer's commitment
	Success                             // one offered to us, on the peer's commitment
	RevokedToLocal                      // to_local of a commitment that the peer has revoked
	RevokedHTLC                         // an HTLC on it
	RevokedSecondStage                  // the output of the peer's HTLC transaction on it
	Anchor                              // ours, on either commitment
	Matured                             // what a delay transaction of ours paid to our delayed key
)

// String is a word for logs.
func (k ClaimKind) String() string {
	return [...]string{
		"to_us", "delayed", "htlc_timeout_tx", "htlc_success_tx", "delayed_htlc", "htlc_timeout", "htlc_success",
		"revoked_to_local", "revoked_htlc", "revoked_second_stage", "anchor", "matured",
	}[k]
}

// Role is which private key of the channel signs.
type Role uint8

// The roles. Own keys are derived from our per-commitment point, the others from
// the peer's.
const (
	PaymentKey    Role = iota // the payment basepoint itself
	FundingKey                // the funding key itself: anchors only
	OwnDelayedKey             // Key.Number
	OwnHTLCKey                // Key.Number
	TheirHTLCKey              // Key.Point
	RevocationKey             // Key.Secret
)

// Key says how the private key that signs a claim is derived (BOLT 3, "Key
// Derivation").
type Key struct {
	Role   Role
	Number uint64     // of our commitment
	Point  wire.Point // the peer's per-commitment point
	Secret [32]byte   // the peer's per-commitment secret
}

// Signer signs claims of one channel. It refuses what belongs to a commitment of
// ours that is revoked.
type Signer interface {
	// SignClaim signs an input of tx, which spends the claim's output, with
	// SIGHASH_ALL.
	SignClaim(c *Claim, tx *btcwire.MsgTx, input int) (wire.Signature, error)
}

// Claim is an output that is ours to take.
type Claim struct {
	Channel  wire.ChannelID
	OutPoint btcwire.OutPoint
	Value    amount.Satoshi
	Kind     ClaimKind
	HTLC     *HTLC // nil: none

	// NotBefore is the height of the first block that may hold the claim: it may be
	// broadcast when the newest block is the one before.
	NotBefore uint32
	// Deadline is the height of the last block in which nobody else can have taken
	// the output, or, of an HTLC that we offered and that forwards another, in
	// which its timeout still serves that one; zero: none.
	Deadline uint32
	// Apart is set when somebody else can spend the output, now or within
	// [Policy.Security] blocks: no other claim may be in its transaction, or the
	// peer could hold them up together.
	//
	// BOLT 5: "SHOULD *resolve* revoked outputs in their own, separate penalty
	// transactions. A previous penalty transaction claiming multiple revoked
	// outputs at once may be blocked from confirming because of a transaction
	// pinning attack."
	Apart bool
	// Unconfirmed says that the commitment is in no block yet: the claim, an anchor,
	// serves to pay for it. There is one for each commitment that may be broadcast.
	Unconfirmed bool

	WitnessScript []byte // of an output that is paid to a key: what BIP 143 signs in its place
	// PkScript is what the output pays to; nil: to the hash of WitnessScript. That of a
	// channel with tokens is P2SH around a witness program.
	PkScript []byte
	Key      Key
	Sequence uint32
	LockTime uint32         // cltv_expiry; zero: none
	Preimage *wire.Preimage // by which it is claimed
	PubKey   wire.Point     // that the witness shows, of a RevokedHTLC and of what is paid to a key
	// Presigned is the peer's part of an HTLC transaction of ours; nil: none.
	Presigned *Presigned
	// Whole is the transaction that takes it, where the peer has signed all of it; nil: it
	// is for us to make.
	Whole *Whole

	// Tokens are the units of Property at the output's address that belong to it. A
	// transaction moves those of its first input's address only: the claim is alone in it.
	Tokens   amount.Units
	Property amount.Property
}

// Whole is a transaction that the peer signed by SIGHASH_ALL: nothing is added to it, and
// its fee is what it was when it was signed.
type Whole struct {
	Tx        *btcwire.MsgTx // without witness
	Signature wire.Signature
}

// Presigned is what the peer signed of an HTLC transaction: by
// SIGHASH_SINGLE|SIGHASH_ANYONECANPAY the input, the output beside it, the version
// and the locktime. Inputs and outputs may be added behind them.
type Presigned struct {
	Output    *btcwire.TxOut
	Signature wire.Signature
}

const (
	// sigSize is the size of a signature with its hash type in an expected weight
	// (BOLT 5, Appendix A); ours are one or two bytes shorter.
	sigSize = 73
	// inputWeight is that of an input without its witness.
	inputWeight = 4 * 41
	// bumpable is the sequence of an input without a relative lock: the transaction
	// may be replaced (BIP 125) and its locktime counts.
	bumpable = btcwire.MaxTxInSequenceNum - 2
)

// What a transaction of claims weighs beside its inputs, and what it must leave.
const (
	// Overhead is with one output of ours.
	Overhead = 4*(4+4+1+1) + 2 + 4*(8+1+22)
	// SignedOutput is an output that the peer has signed.
	SignedOutput = 4 * (8 + 1 + 34)
	// WalletInput is an input of the wallet's.
	WalletInput = 4*41 + 1 + 1 + 73 + 1 + 33
	// Dust is the least that an output of ours may hold.
	Dust amount.Satoshi = 294
	// cheapest is the lowest feerate that nodes relay, in satoshi for 1000 weight.
	cheapest = 253
)

// Worthless tells whether the output is worth less than it costs to take on the
// cheapest day: nobody will. What tokens are worth is not known, and never nothing.
func (c *Claim) Worthless() bool {
	if c.Tokens > 0 || c.Whole != nil {
		return false
	}
	weight := Overhead + c.Weight()
	if c.Presigned != nil {
		weight += SignedOutput + WalletInput
	}
	return c.Value < Dust+amount.Satoshi((weight*cheapest+999)/1000)
}

// Weight is the most that the claim's input weighs, with its witness.
func (c *Claim) Weight() uint64 {
	return inputWeight + 4*uint64(len(c.sigScript())) + c.witnessWeight()
}

func (c *Claim) witnessWeight() uint64 {
	witness := c.witness(make([]byte, sigSize), make([]byte, sigSize))
	return uint64(witness.SerializeSize()) //nolint:gosec // not negative
}

// byKey tells whether the output is paid to a key, nested in P2SH.
func (c *Claim) byKey() bool { return c.PkScript != nil && (c.Kind == ToUs || c.Kind == Matured) }

// sigScript is what opens P2SH: a push of the witness program.
func (c *Claim) sigScript() []byte {
	if c.PkScript == nil {
		return nil
	}
	program := script.P2WSH(c.WitnessScript)
	if c.byKey() {
		program = script.P2WPKH(c.PubKey)
	}
	_, sig := script.Wrapped(program)
	return sig
}

// Output is what the claim spends.
func (c *Claim) Output() *btcwire.TxOut {
	pkScript := c.PkScript
	if pkScript == nil {
		pkScript = script.P2WSH(c.WitnessScript)
	}
	return btcwire.NewTxOut(int64(c.Value), pkScript) //nolint:gosec // at most all money
}

// witness is what BOLT 3 asks for, given our signature and the peer's.
func (c *Claim) witness(ours, theirs []byte) btcwire.TxWitness {
	var preimage []byte
	if c.Preimage != nil {
		preimage = c.Preimage[:]
	}
	switch {
	case c.byKey():
		return btcwire.TxWitness{ours, c.PubKey[:]}
	case c.Whole != nil && (c.Kind == Delayed || c.Kind == DelayedHTLC):
		return btcwire.TxWitness{nil, ours, theirs, nil, c.WitnessScript}
	}
	switch c.Kind {
	case ToUs, Anchor:
		return btcwire.TxWitness{ours, c.WitnessScript}
	case TimeoutTx, SuccessTx:
		return btcwire.TxWitness{nil, theirs, ours, preimage, c.WitnessScript}
	case Timeout, Success:
		return btcwire.TxWitness{ours, preimage, c.WitnessScript}
	case RevokedToLocal, RevokedSecondStage:
		return btcwire.TxWitness{ours, {1}, c.WitnessScript}
	case RevokedHTLC:
		return btcwire.TxWitness{ours, c.PubKey[:], c.WitnessScript}
	default: // Delayed, DelayedHTLC
		return btcwire.TxWitness{ours, nil, c.WitnessScript}
	}
}

// sign makes the witness of an input of tx that spends the claim's output.
func (c *Claim) sign(s Signer, tx *btcwire.MsgTx, input int) error {
	sig, err := s.SignClaim(c, tx, input)
	if err != nil {
		return err
	}
	ours, err := serialize(sig, txscript.SigHashAll)
	if err != nil {
		return err
	}
	var theirs []byte
	if p := c.Presigned; p != nil {
		if theirs, err = serialize(p.Signature, txscript.SigHashSingle|txscript.SigHashAnyOneCanPay); err != nil {
			return err
		}
	}
	if w := c.Whole; w != nil {
		if theirs, err = serialize(w.Signature, txscript.SigHashAll); err != nil {
			return err
		}
	}
	tx.TxIn[input].Witness = c.witness(ours, theirs)
	return nil
}

// SigHash is what is signed of an input of tx that spends the claim's output.
func (c *Claim) SigHash(tx *btcwire.MsgTx, input int) [32]byte {
	return script.WitnessSigHash(tx, input, c.WitnessScript, c.Value, txscript.SigHashAll)
}

func serialize(s wire.Signature, t txscript.SigHashType) ([]byte, error) {
	sig, err := s.ECDSA()
	if err != nil {
		return nil, err
	}
	return append(sig.Serialize(), byte(t)), nil
}

// opens tells whether a preimage is that of a hash.
func opens(r wire.Preimage, h wire.PaymentHash) bool { return hashOf(r) == h }
