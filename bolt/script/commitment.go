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
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Params is what all commitments of one broadcaster in one channel share.
type Params struct {
	Format              Format
	Funding             btcwire.OutPoint
	Capacity            amount.Satoshi
	Broadcaster         Basepoints
	Countersignatory    Basepoints
	BroadcasterIsOpener bool           // who pays the fee and the anchors
	ToSelfDelay         uint16         // blocks that the broadcaster must wait
	DustLimit           amount.Satoshi // the broadcaster's
}

// HTLC is one HTLC of a commitment.
type HTLC struct {
	Offered     bool // by the broadcaster
	ID          uint64
	Amount      amount.MilliSatoshi
	PaymentHash wire.PaymentHash
	CLTVExpiry  uint32 // block height
}

// Spec is what one commitment holds. The balances are those of the channel, from
// which the opener's share of fee and anchors has not been taken yet.
type Spec struct {
	Number             uint64 // 0 and up
	FeePerKw           uint32 // satoshi for 1000 units of weight
	ToBroadcaster      amount.MilliSatoshi
	ToCountersignatory amount.MilliSatoshi
	HTLCs              []HTLC
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
}

// HTLCOutput is an HTLC that has an output, with the transaction that spends it.
type HTLCOutput struct {
	HTLC
	Index         uint32 // of the commitment's output
	WitnessScript []byte
	Tx            *btcwire.MsgTx // HTLC-timeout when Offered, else HTLC-success; not signed
	OutputScript  []byte         // the witness script of Tx's output
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
	if f == Anchors {
		return baseWeightAnchors + htlcWeight*uint64(untrimmed)
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
	case offered:
		return amount.Satoshi(uint64(feePerKw) * timeoutWeight / 1000)
	default:
		return amount.Satoshi(uint64(feePerKw) * successWeight / 1000)
	}
}

// IsTrimmed says whether an HTLC is too small to have an output (BOLT 3, "Trimmed
// Outputs").
func IsTrimmed(f Format, offered bool, amt amount.MilliSatoshi, feePerKw uint32, dust amount.Satoshi) bool {
	return amt.Sat() < dust+HTLCFee(f, offered, feePerKw)
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
// transactions. Errors: [ErrSum], [ErrAnchors] and [ErrNoKey].
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
	add := func(value amount.Satoshi, pkScript []byte, cltv uint32, placed func(uint32)) {
		outs = append(outs, candidate{value, pkScript, cltv, placed})
	}
	c.HTLCs = make([]HTLCOutput, 0, len(kept))
	scripts := make([][]byte, len(kept))
	for i, h := range kept {
		if h.Offered {
			scripts[i] = offered(p.Format, &c.Keys, h.PaymentHash)
		} else {
			scripts[i] = received(p.Format, &c.Keys, h.PaymentHash, h.CLTVExpiry)
		}
		add(h.Amount.Sat(), P2WSH(scripts[i]), h.CLTVExpiry, func(n uint32) {
			c.HTLCs = append(c.HTLCs, HTLCOutput{HTLC: h, Index: n, WitnessScript: scripts[i]})
		})
	}
	local := delayed(c.Keys.Revocation, c.Keys.BroadcasterDelayed, p.ToSelfDelay)
	if toBroadcaster >= p.DustLimit {
		add(toBroadcaster, P2WSH(local), 0, func(n uint32) { c.ToLocal = &Output{n, toBroadcaster, local} })
	}
	if toOther >= p.DustLimit {
		var witness []byte
		pk := P2WPKH(c.Keys.ToRemote)
		if p.Format == Anchors {
			witness = toRemote(c.Keys.ToRemote)
			pk = P2WSH(witness)
		}
		add(toOther, pk, 0, func(n uint32) { c.ToRemote = &Output{n, toOther, witness} })
	}
	if p.Format == Anchors {
		for i, side := range []struct {
			has bool
			key wire.Point
		}{{toBroadcaster >= p.DustLimit, p.Broadcaster.Funding}, {toOther >= p.DustLimit, p.Countersignatory.Funding}} {
			if side.has || len(kept) > 0 {
				w := anchor(side.key)
				add(AnchorSize, P2WSH(w), 0, func(n uint32) { c.Anchors[i] = &Output{n, AnchorSize, w} })
			}
		}
	}
	slices.SortStableFunc(outs, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.value, b.value), bytes.Compare(a.pkScript, b.pkScript), cmp.Compare(a.cltv, b.cltv))
	})

	obscured := ObscuredNumber(s.Number, p)
	c.Tx = btcwire.NewMsgTx(2)
	c.Tx.LockTime = 0x20000000 | uint32(obscured&0xffffff)
	c.Tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: p.Funding, Sequence: 0x80000000 | uint32(obscured>>24)})
	c.Fee = p.Capacity
	for i, o := range outs {
		if o.value > c.Fee {
			return ErrAnchors
		}
		c.Tx.AddTxOut(btcwire.NewTxOut(int64(o.value), o.pkScript)) //nolint:gosec // below MaxMoney
		c.Fee -= o.value
		o.placed(uint32(i)) //nolint:gosec // at most 970
	}
	c.sigHashes = witnessHashes(c.Tx)
	txid := c.Tx.TxHash()
	for i := range c.HTLCs {
		h := &c.HTLCs[i]
		h.OutputScript = local
		h.Tx = htlcTx(p.Format, btcwire.OutPoint{Hash: txid, Index: h.Index}, h.HTLC, s.FeePerKw, local)
		h.sigHashes = witnessHashes(h.Tx)
	}
	return nil
}

// htlcTx is the HTLC-timeout or HTLC-success transaction (BOLT 3, "HTLC-Timeout
// and HTLC-Success Transactions").
func htlcTx(f Format, from btcwire.OutPoint, h HTLC, feePerKw uint32, outputScript []byte) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	in := &btcwire.TxIn{PreviousOutPoint: from}
	if f == Anchors {
		in.Sequence = 1
	}
	tx.AddTxIn(in)
	if h.Offered {
		tx.LockTime = h.CLTVExpiry
	}
	value := h.Amount.Sat() - HTLCFee(f, h.Offered, feePerKw)
	tx.AddTxOut(btcwire.NewTxOut(int64(value), P2WSH(outputScript))) //nolint:gosec // below MaxMoney
	return tx
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
