package script

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Params is what all commitments of one broadcaster in one channel share.
type Params struct {
	Format              Format
	Funding             btcwire.OutPoint
	Capacity            amount.Satoshi
	Broadcaster         Basepoints
	Countersignatory    Basepoints
	BroadcasterIsOpener bool            // who pays the fee and the anchors
	ToSelfDelay         uint16          // blocks that the broadcaster must wait
	DustLimit           amount.Satoshi  // the broadcaster's
	Property            amount.Property // zero: bitcoin only, as are the next
	Tokens              amount.Units    // that the funding address has for the channel
}

// HTLC is one HTLC of a commitment.
type HTLC struct {
	Offered     bool // by the broadcaster
	ID          uint64
	Amount      amount.MilliSatoshi
	PaymentHash wire.PaymentHash
	CLTVExpiry  uint32       // block height
	Tokens      amount.Units // zero: bitcoin only
}

// Spec is what one commitment holds. The balances are those of the channel, from
// which the opener's share of fee and anchors has not been taken yet.
type Spec struct {
	Number             uint64 // 0 and up
	FeePerKw           uint32 // satoshi for 1000 units of weight
	ToBroadcaster      amount.MilliSatoshi
	ToCountersignatory amount.MilliSatoshi
	HTLCs              []HTLC

	TokensToBroadcaster      amount.Units
	TokensToCountersignatory amount.Units
}

// Keys are the keys of one commitment (BOLT 3, "Key Derivation").
type Keys struct {
	PerCommitment        wire.Point
	Revocation           wire.Point // the countersignatory's, once the secret is known
	BroadcasterDelayed   wire.Point
	BroadcasterHTLC      wire.Point
	CountersignatoryHTLC wire.Point
	ToRemote             wire.Point // the countersignatory's payment basepoint
}

// Output is one output of a commitment that is not an HTLC.
type Output struct {
	Index         uint32
	Value         amount.Satoshi
	WitnessScript []byte // nil for P2WPKH
	Tokens        amount.Units
	Delay         *Delay // of to_local in a channel with tokens
}

// HTLCOutput is an HTLC that has an output, with the transaction that spends it.
type HTLCOutput struct {
	HTLC
	Index         uint32 // of the commitment's output
	WitnessScript []byte
	Tx            *btcwire.MsgTx // HTLC-timeout when Offered, else HTLC-success; not signed
	OutputScript  []byte         // the witness script of Tx's output
	Delay         *Delay         // of that output, in a channel with tokens
	sigHashes     *txscript.TxSigHashes
}

// Commitment is one commitment transaction, not signed, with all that is needed
// to sign it, to spend it and to punish it.
type Commitment struct {
	Number    uint64
	Format    Format
	Capacity  amount.Satoshi
	Tx        *btcwire.MsgTx
	Fee       amount.Satoshi
	Keys      Keys
	HTLCs     []HTLCOutput // in the order of outputs
	Trimmed   []HTLC       // too small for an output: their value is in the fee
	ToLocal   *Output      // the broadcaster's, delayed; nil: below dust
	ToRemote  *Output      // the countersignatory's; nil: below dust
	Anchors   [2]*Output   // the broadcaster's and the countersignatory's
	Funding   []byte       // witness script of the output that is spent
	sigHashes *txscript.TxSigHashes
	owner     Params
}

// ErrSum means that balances and HTLCs do not add up to the capacity.
var ErrSum = errors.New("balances and HTLCs do not add up to the channel's capacity")

// ErrAnchors means that the opener has less than its anchors cost: the outputs
// would be worth more than the channel.
var ErrAnchors = errors.New("the opener cannot pay for the anchors")

// Weights of BOLT 3, Appendix A.
const (
	baseWeight        = 724
	baseWeightAnchors = 1124
	htlcWeight        = 172
	timeoutWeight     = 663
	successWeight     = 703
)

// AnchorSize is an anchor's value in satoshi (BOLT 3, "Commitment Transaction
// Outputs").
const AnchorSize amount.Satoshi = 330

// CommitWeight is the expected weight of a signed commitment (BOLT 3, "Expected
// Weight of the Commitment Transaction").
func CommitWeight(f Format, untrimmed int) uint64 {
	switch f {
	case Anchors:
		return baseWeightAnchors + htlcWeight*uint64(untrimmed)
	case Tokens:
		return baseWeightTokens + htlcWeightTokens*uint64(untrimmed)
	}
	return baseWeight + htlcWeight*uint64(untrimmed)
}

// CommitFee is the fee of a commitment with so many HTLC outputs (BOLT 3, "Fee
// Calculation for Commitment Transactions"). Anchors are not part of it.
func CommitFee(f Format, feePerKw uint32, untrimmed int) amount.Satoshi {
	return amount.Satoshi(uint64(feePerKw) * CommitWeight(f, untrimmed) / 1000)
}

// AnchorsCost is what both anchors take from the opener.
func AnchorsCost(f Format) amount.Satoshi {
	if f == Anchors {
		return 2 * AnchorSize
	}
	return 0
}

// HTLCFee is the fee of an HTLC transaction; with anchors it is zero.
func HTLCFee(f Format, offered bool, feePerKw uint32) amount.Satoshi {
	switch {
	case f == Anchors:
		return 0
	case f == Tokens && offered:
		return feeOf(feePerKw, timeoutWeightTokens)
	case f == Tokens:
		return feeOf(feePerKw, successWeightTokens)
	case offered:
		return feeOf(feePerKw, timeoutWeight)
	default:
		return feeOf(feePerKw, successWeight)
	}
}

// IsTrimmed says whether an HTLC is too small to have an output (BOLT 3, "Trimmed
// Outputs"). One with tokens never is: it is refused instead.
func IsTrimmed(f Format, offered bool, amt amount.MilliSatoshi, feePerKw uint32, dust amount.Satoshi) bool {
	return f != Tokens && amt.Sat() < dust+HTLCFee(f, offered, feePerKw)
}

// Recall, when it is set, gives a commitment's keys in the place of derive, which
// derives them: for a process that makes the same commitments again and again, such as
// a simulation. It is set before anything is built.
var Recall func(d Derivation, derive func() (Keys, error)) (Keys, error)

// Derivation is all that a commitment's keys depend on.
type Derivation struct {
	Broadcaster, Countersignatory Basepoints
	PerCommitment                 wire.Point
}

// keysFor is a commitment's keys.
func keysFor(p *Params, point wire.Point) (Keys, error) {
	if Recall == nil {
		return deriveKeys(p, point)
	}
	return Recall(Derivation{p.Broadcaster, p.Countersignatory, point}, func() (Keys, error) { return deriveKeys(p, point) })
}

// deriveKeys derives a commitment's keys.
func deriveKeys(p *Params, point wire.Point) (k Keys, err error) {
	k.PerCommitment, k.ToRemote = point, p.Countersignatory.Payment
	if k.Revocation, err = DeriveRevocationPubKey(p.Countersignatory.Revocation, point); err != nil {
		return k, err
	}
	for _, d := range []struct {
		to   *wire.Point
		base wire.Point
	}{
		{&k.BroadcasterDelayed, p.Broadcaster.DelayedPayment},
		{&k.BroadcasterHTLC, p.Broadcaster.HTLC},
		{&k.CountersignatoryHTLC, p.Countersignatory.HTLC},
	} {
		if *d.to, err = DerivePubKey(d.base, point); err != nil {
			return k, err
		}
	}
	return k, nil
}

// Build makes the broadcaster's commitment transaction with its HTLC
// transactions. Errors: [ErrSum], [ErrAnchors], [ErrNoKey] and those of tokens.
func Build(p *Params, perCommitmentPoint wire.Point, s Spec) (*Commitment, error) {
	keys, err := keysFor(p, perCommitmentPoint)
	if err != nil {
		return nil, err
	}
	c := &Commitment{Number: s.Number, Format: p.Format, Capacity: p.Capacity, Keys: keys, owner: *p}
	c.Funding, _ = FundingScript(p.Broadcaster.Funding, p.Countersignatory.Funding)
	total, ok := s.ToBroadcaster.Add(s.ToCountersignatory)
	var kept []HTLC
	for _, h := range s.HTLCs {
		var fits bool
		total, fits = total.Add(h.Amount)
		ok = ok && fits
		if IsTrimmed(p.Format, h.Offered, h.Amount, s.FeePerKw, p.DustLimit) {
			c.Trimmed = append(c.Trimmed, h)
		} else {
			kept = append(kept, h)
		}
	}
	if !ok || total != p.Capacity.Msat() {
		return nil, fmt.Errorf("%w: %d msat of %d", ErrSum, total, p.Capacity.Msat())
	}
	if err := s.checkTokens(p); err != nil {
		return nil, err
	}
	if err := c.build(p, s, kept); err != nil {
		return nil, err
	}
	return c, nil
}

// candidate is an output before its place is known.
type candidate struct {
	value    amount.Satoshi
	pkScript []byte
	cltv     uint32
	tokens   amount.Units
	placed   func(index uint32)
}

func (c *Commitment) build(p *Params, s Spec, kept []HTLC) error {
	toBroadcaster, toOther := s.ToBroadcaster.Sat(), s.ToCountersignatory.Sat()
	opener := &toOther
	if p.BroadcasterIsOpener {
		opener = &toBroadcaster
	}
	cost := CommitFee(p.Format, s.FeePerKw, len(kept)) + AnchorsCost(p.Format)
	*opener = max(*opener, cost) - cost // BOLT 3: what is there, when it is less

	var outs []candidate
	add := func(value amount.Satoshi, pkScript []byte, cltv uint32, tokens amount.Units, placed func(uint32)) {
		outs = append(outs, candidate{value, pkScript, cltv, tokens, placed})
	}
	c.HTLCs = make([]HTLCOutput, 0, len(kept))
	scripts := make([][]byte, len(kept))
	for i, h := range kept {
		if h.Offered {
			scripts[i] = offered(p.Format, &c.Keys, h.PaymentHash)
		} else {
			scripts[i] = received(p.Format, &c.Keys, h.PaymentHash, h.CLTVExpiry)
		}
		add(h.Amount.Sat(), p.Format.Pays(scripts[i]), h.CLTVExpiry, h.Tokens, func(n uint32) {
			c.HTLCs = append(c.HTLCs, HTLCOutput{HTLC: h, Index: n, WitnessScript: scripts[i]})
		})
	}
	local := delayed(c.Keys.Revocation, c.Keys.BroadcasterDelayed, p.ToSelfDelay)
	if p.Format == Tokens {
		local = delayedByBoth(&c.Keys)
	}
	hasLocal, hasRemote, err := s.stand(p, toBroadcaster, toOther)
	if err != nil {
		return err
	}
	if hasLocal {
		add(toBroadcaster, p.Format.Pays(local), 0, s.TokensToBroadcaster, func(n uint32) {
			c.ToLocal = &Output{Index: n, Value: toBroadcaster, WitnessScript: local, Tokens: s.TokensToBroadcaster}
		})
	}
	if hasRemote {
		var witness []byte
		pk := p.Format.paysKey(c.Keys.ToRemote)
		if p.Format == Anchors {
			witness = toRemote(c.Keys.ToRemote)
			pk = P2WSH(witness)
		}
		add(toOther, pk, 0, s.TokensToCountersignatory, func(n uint32) {
			c.ToRemote = &Output{Index: n, Value: toOther, WitnessScript: witness, Tokens: s.TokensToCountersignatory}
		})
	}
	if p.Format == Anchors {
		for i, side := range []struct {
			has bool
			key wire.Point
		}{{hasLocal, p.Broadcaster.Funding}, {hasRemote, p.Countersignatory.Funding}} {
			if side.has || len(kept) > 0 {
				w := anchor(side.key)
				add(AnchorSize, P2WSH(w), 0, 0, func(n uint32) { c.Anchors[i] = &Output{Index: n, Value: AnchorSize, WitnessScript: w} })
			}
		}
	}
	sortCandidates(outs)

	obscured := ObscuredNumber(s.Number, p)
	c.Tx = btcwire.NewMsgTx(2)
	c.Tx.LockTime = 0x20000000 | uint32(obscured&0xffffff)
	c.Tx.AddTxIn(&btcwire.TxIn{
		PreviousOutPoint: p.Funding, Sequence: 0x80000000 | uint32(obscured>>24), SignatureScript: p.Format.sigScript(c.Funding),
	})
	if p.Format == Tokens {
		payload, err := p.payload(entries(outs))
		if err != nil {
			return err
		}
		c.Tx.AddTxOut(payload)
	}
	c.Fee = p.Capacity
	for _, o := range outs {
		if o.value > c.Fee {
			return ErrAnchors
		}
		o.placed(uint32(len(c.Tx.TxOut)))                           //nolint:gosec // at most 970
		c.Tx.AddTxOut(btcwire.NewTxOut(int64(o.value), o.pkScript)) //nolint:gosec // below MaxMoney
		c.Fee -= o.value
	}
	c.sigHashes = witnessHashes(c.Tx)
	return c.children(p, s.FeePerKw, local)
}

// sortCandidates puts outputs in the order of BOLT 3; what is equal but for its tokens has
// one order too.
func sortCandidates(outs []candidate) {
	slices.SortStableFunc(outs, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.value, b.value), bytes.Compare(a.pkScript, b.pkScript), cmp.Compare(a.cltv, b.cltv), cmp.Compare(a.tokens, b.tokens))
	})
}

// entries are the tokens of the outputs, which the OP_RETURN stands before.
func entries(outs []candidate) []omni.Entry {
	var out []omni.Entry
	for i, o := range outs {
		if o.tokens > 0 {
			out = append(out, omni.Entry{Output: uint8(i + 1), Units: o.tokens}) //nolint:gosec // at most 8
		}
	}
	return out
}

// stand tells which balances have outputs, after the fee. One with tokens must.
func (s *Spec) stand(p *Params, toBroadcaster, toOther amount.Satoshi) (local, remote bool, err error) {
	if p.Format != Tokens {
		return toBroadcaster >= p.DustLimit, toOther >= p.DustLimit, nil
	}
	// Bitcoin alone needs a transaction that delays it too, or it can never be spent.
	least, floor := CarrierFloor(s.FeePerKw, CarrierToLocal), CarrierFloor(s.FeePerKw, CarrierToRemote)
	local = s.TokensToBroadcaster > 0 || toBroadcaster >= max(p.DustLimit, least)
	remote = s.TokensToCountersignatory > 0 || toOther >= max(p.DustLimit, ScriptHashDust)
	if local && toBroadcaster < least || s.TokensToCountersignatory > 0 && toOther < floor {
		return false, false, fmt.Errorf("%w: %v and %v after the fee", ErrCarrier, toBroadcaster, toOther)
	}
	return local, remote, nil
}

// children makes the transactions that spend the commitment and are signed with it.
func (c *Commitment) children(p *Params, feePerKw uint32, local []byte) (err error) {
	txid := c.Tx.TxHash()
	for i := range c.HTLCs {
		h := &c.HTLCs[i]
		h.OutputScript = local
		if h.Tx, err = htlcTx(p, btcwire.OutPoint{Hash: txid, Index: h.Index}, h, feePerKw, local); err != nil {
			return err
		}
		h.sigHashes = witnessHashes(h.Tx)
		if p.Format == Tokens {
			from := btcwire.OutPoint{Hash: h.Tx.TxHash(), Index: 1}
			value := amount.Satoshi(h.Tx.TxOut[1].Value) //nolint:gosec // not negative
			if h.Delay, err = newDelay(p, &c.Keys, from, value, h.Tokens, feePerKw, local); err != nil {
				return err
			}
		}
	}
	if p.Format == Tokens && c.ToLocal != nil {
		o := c.ToLocal
		o.Delay, err = newDelay(p, &c.Keys, btcwire.OutPoint{Hash: txid, Index: o.Index}, o.Value, o.Tokens, feePerKw, local)
	}
	return err
}

// htlcTx is the HTLC-timeout or HTLC-success transaction (BOLT 3, "HTLC-Timeout
// and HTLC-Success Transactions").
func htlcTx(p *Params, from btcwire.OutPoint, h *HTLCOutput, feePerKw uint32, outputScript []byte) (*btcwire.MsgTx, error) {
	tx := btcwire.NewMsgTx(2)
	in := &btcwire.TxIn{PreviousOutPoint: from, SignatureScript: p.Format.sigScript(h.WitnessScript)}
	if p.Format == Anchors {
		in.Sequence = 1
	}
	tx.AddTxIn(in)
	if h.Offered {
		tx.LockTime = h.CLTVExpiry
	}
	if p.Format == Tokens {
		if err := sends(tx, p.Property, h.Tokens); err != nil {
			return nil, err
		}
	}
	value := h.Amount.Sat() - HTLCFee(p.Format, h.Offered, feePerKw)
	tx.AddTxOut(btcwire.NewTxOut(int64(value), p.Format.Pays(outputScript))) //nolint:gosec // below MaxMoney
	return tx, nil
}

// obscurer is the lower 48 bits of SHA256 of the payment basepoints, the opener's
// first (BOLT 3, "Commitment Transaction").
func obscurer(p *Params) uint64 {
	opener, accepter := p.Countersignatory.Payment, p.Broadcaster.Payment
	if p.BroadcasterIsOpener {
		opener, accepter = accepter, opener
	}
	h := sha256.Sum256(append(opener[:], accepter[:]...))
	return binary.BigEndian.Uint64(h[24:]) & LastNumber
}

// ObscuredNumber is the 48-bit number that a commitment's locktime and sequence
// hold in place of its own.
func ObscuredNumber(number uint64, p *Params) uint64 { return number ^ obscurer(p) }

// NumberOf reads the number of a commitment transaction of this channel, of
// either side.
func NumberOf(tx *btcwire.MsgTx, p *Params) uint64 {
	hidden := uint64(tx.TxIn[0].Sequence&0xffffff)<<24 | uint64(tx.LockTime&0xffffff)
	return hidden ^ obscurer(p)
}

// ChannelID is the id of the channel with this funding output (BOLT 2).
func ChannelID(funding btcwire.OutPoint) wire.ChannelID {
	id := wire.ChannelID(funding.Hash)
	id[30] ^= byte(funding.Index >> 8)
	id[31] ^= byte(funding.Index)
	return id
}
