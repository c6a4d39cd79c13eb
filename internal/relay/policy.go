package relay

import (
	"math/bits"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Policy is the terms at which a channel carries HTLCs, as in its channel_update.
type Policy struct {
	FeeBaseMsat               uint32 // millisatoshi
	FeeProportionalMillionths uint32
	CLTVExpiryDelta           uint16              // blocks
	HTLCMinimum               amount.MilliSatoshi // of the outgoing HTLC
	HTLCMaximum               amount.MilliSatoshi // zero: none
	// Hidden is the short_channel_id of a channel for which only its alias may be
	// asked (option_scid_alias); zero: none.
	Hidden wire.ShortChannelID
}

// DefaultPolicy is the terms of a new channel. The delta is above the 34 blocks
// that BOLT 2 ("`cltv_expiry_delta` Selection") calls reasonable, because feerates
// can rise faster than a claim confirms.
func DefaultPolicy() Policy {
	return Policy{FeeBaseMsat: 1000, FeeProportionalMillionths: 10, CLTVExpiryDelta: 80, HTLCMinimum: 1}
}

// Fee is what it costs to forward amt, rounded down (BOLT 7, "HTLC Fees"). It is
// the largest uint64 when it would overflow.
func (p Policy) Fee(amt amount.MilliSatoshi) amount.MilliSatoshi {
	const million = 1_000_000
	hi, lo := bits.Mul64(uint64(amt), uint64(p.FeeProportionalMillionths))
	if hi >= million {
		return ^amount.MilliSatoshi(0)
	}
	share, _ := bits.Div64(hi, lo, million)
	fee, ok := amount.MilliSatoshi(share).Add(amount.MilliSatoshi(p.FeeBaseMsat))
	if !ok {
		return ^amount.MilliSatoshi(0)
	}
	return fee
}

// TokenFee is what it costs to forward units of an asset: the proportional part only,
// rounded down. The base is of the bitcoin that carries them. It is at most units.
func (p Policy) TokenFee(units amount.Units) amount.Units {
	const million = 1_000_000
	hi, lo := bits.Mul64(uint64(units), uint64(min(p.FeeProportionalMillionths, million))) // so hi is below a million
	share, _ := bits.Div64(hi, lo, million)
	return amount.Units(share)
}

// Channel is what a forward needs to know of the channel that the onion names.
type Channel struct {
	Policy Policy
	// Older is terms that were announced before and are still honoured, since
	// gossip needs time to arrive; empty: none.
	Older    []Policy
	Usable   bool                // the peer is connected and the channel takes HTLCs
	Disabled bool                // we announced it as disabled
	Gone     bool                // it is closing or closed
	Update   *wire.ChannelUpdate // to enclose in failures; nil: none

	Property amount.Property     // whose tokens it carries; 0: bitcoin
	Carrier  amount.MilliSatoshi // the least that an HTLC with tokens needs to carry them
}

// honours says whether an HTLC keeps a rule under any of the terms that hold.
func (c Channel) honours(broken func(Policy) bool) bool {
	if !broken(c.Policy) {
		return true
	}
	for _, p := range c.Older {
		if !broken(p) {
			return true
		}
	}
	return false
}
