package closing

import (
	"bytes"
	"slices"

	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Complete is what a closing_complete says but for its signatures. The closer pays
// the fee. Of the sides their dust limits are of no account: here dust is what the
// network does not relay.
type Complete struct {
	Closer, Closee Side
	Fee            amount.Satoshi
	LockTime       uint32
}

// Version is one of the transactions that a closing_complete may sign, by the number
// of its TLV.
type Version uint8

// The versions.
const (
	CloserOnly Version = 1 // closer_output_only
	CloseeOnly Version = 2 // closee_output_only
	Both       Version = 3 // closer_and_closee_outputs
)

// Propose is what we offer as the closer: the fee of a feerate, or as much as we
// have for it. Least is the feerate below which nobody relays; false: there is no
// such transaction that we can pay for.
func Propose(us, peer Side, feePerKw, least uint32) (Complete, bool) {
	p := Complete{Closer: us, Closee: peer}
	wanted := Fee(feePerKw, WeightBetween(us, peer)) + 1 // rounded up
	if us.Balance < peer.Balance && us.Tokens == 0 {
		p.Fee = min(wanted, us.Balance.Sat())
	} else {
		// BOLT 2: "MUST set `fee_satoshis` so that at least one output is not dust."
		keep := DustThreshold(us.Script)
		p.Fee = min(wanted, us.Balance.Sat()-min(us.Balance.Sat(), keep))
	}
	return p, p.Relayed(least)
}

// Relayed tells whether there is a version to sign and nodes relay each: its feerate is
// not below the least.
func (p Complete) Relayed(least uint32) bool {
	versions := p.Offered()
	return len(versions) > 0 && !slices.ContainsFunc(versions, func(v Version) bool { return p.perKw(v) < least })
}

// perKw is the feerate of a version.
func (p Complete) perKw(v Version) uint32 {
	sum := p.Closer.Balance.Sat() + p.Closee.Balance.Sat()
	scripts := [][]byte{p.Closer.Script, p.Closee.Script}
	switch v {
	case CloserOnly:
		sum, scripts = sum-p.closer(), scripts[:1]
	case CloseeOnly:
		sum, scripts = sum-p.closee(), scripts[1:]
	case Both:
		sum -= p.closer() + p.closee()
	}
	weight := Weight(scripts...)
	if p.Closer.Tokens+p.Closee.Tokens > 0 {
		weight += script.ClosingWeightTokens
	}
	return PerKw(sum, weight)
}

// PerKw is the feerate of a fee for a weight, rounded down.
func PerKw(fee amount.Satoshi, weight uint64) uint32 {
	return uint32(min(uint64(fee)*1000/weight, 1<<32-1)) //nolint:gosec // bounded; a fee is below 2^51
}

// closer and closee are the values of the outputs.
//
// BOLT 3: "MUST subtract the fee given by `fee_satoshis` from the closer output."
//
// BOLT 3: "MUST set the output amount to 0 if the `scriptpubkey` is `OP_RETURN`."
func (p Complete) closer() amount.Satoshi {
	if isReturn(p.Closer.Script) {
		return 0
	}
	return p.Closer.Balance.Sat() - p.Fee
}

func (p Complete) closee() amount.Satoshi {
	if isReturn(p.Closee.Script) {
		return 0
	}
	return p.Closee.Balance.Sat()
}

func isReturn(script []byte) bool { return len(script) > 0 && script[0] == txscript.OP_RETURN }

// Payable tells whether the closer has the fee.
func (p Complete) Payable() bool { return p.Fee <= p.Closer.Balance.Sat() }

func (p Complete) closerIsDust() bool { return p.closer() < DustThreshold(p.Closer.Script) }
func (p Complete) closeeIsDust() bool { return p.closee() < DustThreshold(p.Closee.Script) }

// Offered are the versions that the closer must sign; none when no transaction with
// this fee would be relayed.
func (p Complete) Offered() []Version {
	switch {
	case !p.Payable(), p.Closer.Tokens > 0 && p.closerIsDust(), p.Closee.Tokens > 0 && p.closeeIsDust():
		return nil
	case p.Closer.Tokens > 0 && p.Closee.Tokens > 0:
		return []Version{Both}
	case p.Closee.Tokens > 0 && p.closerIsDust():
		return []Version{CloseeOnly}
	case p.Closee.Tokens > 0:
		return []Version{Both}
	case p.Closer.Tokens > 0 && p.closeeIsDust():
		return []Version{CloserOnly}
	// BOLT 2: "If the local outstanding balance (in millisatoshi) is less than the remote outstanding balance: - MUST NOT set `closer_output_only`. - MUST set `closee_output_only` if the local output amount is dust."
	case p.Closer.Balance < p.Closee.Balance && p.closeeIsDust():
		return nil
	case p.Closer.Balance < p.Closee.Balance && p.closerIsDust():
		return []Version{CloseeOnly}
	case p.Closer.Balance < p.Closee.Balance:
		return []Version{Both}
	case p.closerIsDust():
		return nil
	// BOLT 2: "If the closee's output amount is dust: - MUST set `closer_output_only`. - MUST NOT set `closer_and_closee_outputs`."
	case p.closeeIsDust():
		return []Version{CloserOnly}
	}
	// BOLT 2: "MUST set both `closer_output_only` and `closer_and_closee_outputs`."
	return []Version{CloserOnly, Both}
}

// Chosen is the version that the closee signs, of those that the closer has signed.
// We never give our own output away.
//
// BOLT 2: "If the local output amount is dust: - MUST use `closer_output_only`."
func (p Complete) Chosen(signed func(Version) bool) Version {
	switch {
	case p.closeeIsDust():
		return CloserOnly
	case signed(Both):
		return Both
	}
	return CloseeOnly
}

// Strands tells whether a version leaves out who has tokens, or what would carry them is
// not relayed. No such transaction is signed.
func (p Complete) Strands(v Version) bool {
	return p.Closer.Tokens > 0 && (v == CloseeOnly || p.closerIsDust()) || p.Closee.Tokens > 0 && (v == CloserOnly || p.closeeIsDust())
}

// Tx is a version of the transaction, not signed. Of params it needs what belongs to the
// channel.
func (p Complete) Tx(params *script.Params, v Version) *btcwire.MsgTx {
	shares := []script.Share{p.Closer.paid(p.closer()), p.Closee.paid(p.closee())}
	switch v {
	case CloserOnly:
		shares = shares[:1]
	case CloseeOnly:
		shares = shares[1:]
	}
	if params.Format == script.Tokens {
		return withTokens(params, script.SimpleClosingSequence, p.LockTime, shares...)
	}
	outs := make([]*btcwire.TxOut, len(shares))
	for i, s := range shares {
		outs[i] = s.Out
	}
	return script.SimpleClosing(params.Funding, p.LockTime, outs...)
}

// Slot is where a message has the signature of a version.
func Slot(m *wire.ClosingComplete, v Version) **wire.Signature {
	switch v {
	case CloserOnly:
		return &m.CloserOutputOnly
	case CloseeOnly:
		return &m.CloseeOutputOnly
	default:
		return &m.BothOutputs
	}
}

// Serialize is a closing transaction without its signatures.
func Serialize(tx *btcwire.MsgTx) []byte {
	var b bytes.Buffer
	if err := tx.SerializeNoWitness(&b); err != nil {
		panic("closing: " + err.Error()) // a buffer takes every byte
	}
	return b.Bytes()
}
