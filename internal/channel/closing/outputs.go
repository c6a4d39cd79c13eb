package closing

import (
	"slices"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
)

// Terms is what a negotiation is about: all of it is fixed when the last HTLC
// is gone.
type Terms struct {
	Local, Remote Side
	LocalIsOpener bool // the opener pays the fee

	// What we would pay or see paid, in satoshi: Min <= Ideal <= Max.
	Min, Ideal, Max amount.Satoshi
}

// Side is one side's share.
type Side struct {
	Balance   amount.MilliSatoshi // before the fee
	Script    []byte              // from its shutdown
	DustLimit amount.Satoshi      // its dust_limit_satoshis
	Tokens    amount.Units        // that its output gets: then there must be one
}

// Outputs are the values of a closing transaction's outputs to the two sides'
// scripts, in satoshi. Zero: there is no such output.
type Outputs struct{ Local, Remote amount.Satoshi }

// opener is what the fee can come from, in whole satoshi.
func (t Terms) opener() amount.Satoshi {
	if t.LocalIsOpener {
		return t.Local.spare()
	}
	return t.Remote.spare()
}

// spare is what a side has beside what its tokens need.
func (s Side) spare() amount.Satoshi {
	have, keep := s.Balance.Sat(), amount.Satoshi(0)
	if s.Tokens > 0 {
		keep = DustThreshold(s.Script)
	}
	return have - min(have, keep)
}

// values are both shares after the fee, dust or not.
//
// BOLT 3: "MUST round each output down to whole satoshis."
//
// BOLT 3: "MUST subtract the fee given by `fee_satoshis` from the output to the funder."
func (t Terms) values(fee amount.Satoshi) (Outputs, bool) {
	if fee > t.opener() {
		return Outputs{}, false
	}
	o := Outputs{t.Local.Balance.Sat(), t.Remote.Balance.Sat()}
	if t.LocalIsOpener {
		o.Local -= fee
	} else {
		o.Remote -= fee
	}
	return o, true
}

// Offered are the outputs of the transaction that we sign when we offer fee:
// whatever is not dust to either side, so that the peer, who goes by its own
// dust limit, builds the same. A *[Breach] when there is no such transaction,
// or the network would not relay it.
//
// BOLT 3: "MUST remove any output below its own `dust_limit_satoshis`."
func (t Terms) Offered(fee amount.Satoshi) (Outputs, error) {
	o, ok := t.values(fee)
	if !ok {
		return Outputs{}, failf("closing fee of %v is more than the opener's %v", fee, t.opener())
	}
	dust := max(t.Local.DustLimit, t.Remote.DustLimit)
	if o.Local < dust && t.Local.Tokens == 0 {
		o.Local = 0
	}
	if o.Remote < dust && t.Remote.Tokens == 0 {
		o.Remote = 0
	}
	if o == (Outputs{}) {
		return Outputs{}, failf("nothing is left to pay out at a closing fee of %v", fee)
	}
	if !t.relayed(o) {
		return Outputs{}, failf("a closing output is below the dust limit of its scriptpubkey")
	}
	return o, nil
}

// Acceptable lists the variants of the transaction with this fee that the peer
// may have signed and we may sign too, the likeliest first. A signature that
// fits none of them (or an empty list) fails the channel.
//
// BOLT 3: "MAY eliminate its own output."
//
// BOLT 3: "each side uses its own `dust_limit_satoshis`, and the result can be
// a signature validation failure, if they disagree on what the closing
// transaction should look like."
//
// BOLT 2: "if one of the outputs in the closing transaction is below the dust
// limit for its `scriptpubkey` ... MUST fail the channel"
func (t Terms) Acceptable(fee amount.Satoshi) []Outputs {
	full, ok := t.values(fee)
	if !ok {
		return nil
	}
	// An output of ours must stand unless it is dust to one of the two; the
	// peer's may always be missing. What is dust to us must be missing.
	local := t.choices(t.Local, full.Local, full.Local < t.Remote.DustLimit)
	remote := t.choices(t.Remote, full.Remote, true)
	var list []Outputs
	for _, l := range local {
		for _, r := range remote {
			if o := (Outputs{l, r}); o != (Outputs{}) && t.relayed(o) {
				list = append(list, o)
			}
		}
	}
	return list
}

// choices are the values that a side's output may have: v, zero, or either.
func (t Terms) choices(s Side, v amount.Satoshi, mayBeMissing bool) []amount.Satoshi {
	switch {
	case s.Tokens > 0:
		return []amount.Satoshi{v}
	case v == 0 || v < t.Local.DustLimit:
		return []amount.Satoshi{0}
	case mayBeMissing:
		return []amount.Satoshi{v, 0}
	}
	return []amount.Satoshi{v}
}

// relayed tells whether the network takes these outputs.
func (t Terms) relayed(o Outputs) bool {
	return (o.Local == 0 && t.Local.Tokens == 0 || o.Local >= DustThreshold(t.Local.Script)) &&
		(o.Remote == 0 && t.Remote.Tokens == 0 || o.Remote >= DustThreshold(t.Remote.Script))
}

// WeightBetween is the [Weight] of the transaction that pays both sides, with what moves
// their tokens.
func WeightBetween(a, b Side) uint64 {
	if a.Tokens+b.Tokens > 0 {
		return Weight(a.Script, b.Script) + script.ClosingWeightTokens
	}
	return Weight(a.Script, b.Script)
}

// WeightOf is the [Weight] of a transaction.
func WeightOf(tx *btcwire.MsgTx) uint64 {
	scripts := make([][]byte, len(tx.TxOut))
	for i, out := range tx.TxOut {
		scripts[i] = out.PkScript
	}
	return Weight(scripts...) + 4*uint64(len(tx.TxIn[0].SignatureScript))
}

// Tx is the transaction with these outputs (BOLT 3, "Legacy Closing Transaction"), not
// signed. Of p it needs what belongs to the channel.
func (t Terms) Tx(p *script.Params, o Outputs) *btcwire.MsgTx {
	if p.Format == script.Tokens {
		return withTokens(p, btcwire.MaxTxInSequenceNum, 0, t.Local.paid(o.Local), t.Remote.paid(o.Remote))
	}
	return script.Closing(p.Funding, t.Local.paid(o.Local).Out, t.Remote.paid(o.Remote).Out)
}

// paid is a side's output of a value.
func (s Side) paid(v amount.Satoshi) script.Share {
	return script.Share{Out: btcwire.NewTxOut(int64(v), s.Script), Tokens: s.Tokens} //nolint:gosec // below the capacity
}

// withTokens is a closing transaction with the shares that have an output.
func withTokens(p *script.Params, sequence, locktime uint32, shares ...script.Share) *btcwire.MsgTx {
	shares = slices.DeleteFunc(shares, func(s script.Share) bool { return s.Out.Value == 0 })
	tx, err := script.TokenClosing(p, sequence, locktime, shares...)
	if err != nil {
		panic("closing: " + err.Error()) // the shares are the channel, and none with tokens is left out
	}
	return tx
}

// Weight is the largest weight of a closing transaction with outputs to these
// scripts, in weight units: signatures take 73 bytes each (BOLT 3, "Fee
// Calculation").
func Weight(scripts ...[]byte) uint64 {
	const (
		// version, input count, outpoint, script length, sequence, output count, locktime
		base = 4 + 1 + 36 + 1 + 4 + 1 + 4
		// marker, flag, item count, empty item, two signatures, 2-of-2 script
		witness = 2 + 1 + 1 + 2*(1+73) + 1 + 71
	)
	bytes := uint64(base)
	for _, s := range scripts {
		bytes += 8 + 1 + uint64(len(s)) // a shutdown script has less than 253 bytes
	}
	return 4*bytes + witness
}

// Fee is the fee in satoshi for a weight at a feerate in satoshi per 1000
// weight units, rounded down.
func Fee(perKw uint32, weight uint64) amount.Satoshi {
	return amount.Satoshi(uint64(perKw) * weight / 1000)
}
