package closing

import (
	"github.com/leyden-ln/leyden/amount"
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
}

// Outputs are the values of a closing transaction's outputs to the two sides'
// scripts, in satoshi. Zero: there is no such output.
type Outputs struct{ Local, Remote amount.Satoshi }

// opener is the share that the fee comes from, in whole satoshi.
func (t Terms) opener() amount.Satoshi {
	if t.LocalIsOpener {
		return t.Local.Balance.Sat()
	}
	return t.Remote.Balance.Sat()
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
	if o.Local < dust {
		o.Local = 0
	}
	if o.Remote < dust {
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
	local := choices(full.Local, t.Local.DustLimit, full.Local < t.Remote.DustLimit)
	remote := choices(full.Remote, t.Local.DustLimit, true)
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

// choices are the values that an output may have: v, zero, or either.
func choices(v, dust amount.Satoshi, mayBeMissing bool) []amount.Satoshi {
	switch {
	case v == 0 || v < dust:
		return []amount.Satoshi{0}
	case mayBeMissing:
		return []amount.Satoshi{v, 0}
	}
	return []amount.Satoshi{v}
}

// relayed tells whether the network takes these outputs.
func (t Terms) relayed(o Outputs) bool {
	return (o.Local == 0 || o.Local >= DustThreshold(t.Local.Script)) &&
		(o.Remote == 0 || o.Remote >= DustThreshold(t.Remote.Script))
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
