// Package draw draws what nodes of the simulation ask each other for.
package draw

import (
	"fmt"
	"math/rand/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/channel/tally"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/relay"
)

// Dust is the amount below which an HTLC has no output in any commitment, in satoshi.
const Dust = 354

// Invoice draws a payment: most are worth an output, some need parts, some are dust if
// that is wished for.
func Invoice(rng *rand.Rand, label string, dust bool) invoice.Request {
	var sat int64
	switch rng.IntN(6) {
	case 0:
		if sat = 1000; dust {
			sat = 1 + rng.Int64N(1000)
		}
	case 1, 2:
		sat = 50_000 + rng.Int64N(600_000) // in parts, perhaps
	default:
		sat = 1000 + rng.Int64N(60_000)
	}
	return request(rng, label, sat)
}

// Crumb draws a payment that is dust.
func Crumb(rng *rand.Rand, label string) invoice.Request {
	return request(rng, label, 1+rng.Int64N(Dust-2))
}

func request(rng *rand.Rand, label string, sat int64) (r invoice.Request) {
	msat := amount.MilliSatoshi(sat*1000 + rng.Int64N(1000))       //nolint:gosec // positive
	cltv := invoice.MinFinalCLTVExpiryDelta + uint32(rng.IntN(30)) //nolint:gosec // small
	for i := range r.Preimage {
		r.Preimage[i], r.Secret[i] = byte(rng.Uint32()), byte(rng.Uint32())
	}
	r.Label, r.Amount, r.CLTV = label, amount.OrAny{Msat: msat}, cltv
	r.Expiry = uint64(60 + rng.IntN(3600)) //nolint:gosec // small
	return r
}

// Limits draws what a side announces of a channel.
func Limits(rng *rand.Rand, capacity amount.Satoshi) channel.Limits {
	l := channel.Limits{
		DustLimit: Dust, MaxHTLCValueInFlight: capacity.Msat(), ChannelReserve: capacity / 100, HTLCMinimum: 1,
		ToSelfDelay: uint16(14 + rng.IntN(20)), MaxAcceptedHTLCs: 483, //nolint:gosec // small
	}
	if rng.IntN(6) == 0 {
		l.MaxAcceptedHTLCs = uint16(1 + rng.IntN(5)) //nolint:gosec // small
	}
	return l
}

// Policy draws the terms of a node.
func Policy(rng *rand.Rand) relay.Policy {
	return relay.Policy{
		FeeBaseMsat: uint32(rng.IntN(1001)), FeeProportionalMillionths: uint32(rng.IntN(200)), //nolint:gosec // small
		CLTVExpiryDelta: []uint16{34, 40, 80}[rng.IntN(3)], HTLCMinimum: 1,
	}
}

// Opening draws what a node asks for in channels that are opened; delays are short, so
// that runs are.
func Opening(rng *rand.Rand) open.Policy {
	p := open.DefaultPolicy()
	p.MinDelay, p.MaxDelay, p.MinimumDepth = 14, 40, uint32(1+rng.IntN(3)) //nolint:gosec // small
	return p
}

// Receivers draws how many outputs with tokens the commitments of a channel have at the
// most.
func Receivers(rng *rand.Rand) uint8 {
	return []uint8{script.MinReceivers, script.MinReceivers + uint8(rng.IntN(script.MaxReceivers-script.MinReceivers)), script.MaxReceivers}[rng.IntN(3)] //nolint:gosec // small
}

// TokenLimits draws those of a channel with tokens, with so many receivers.
func TokenLimits(rng *rand.Rand, l *channel.Limits, units amount.Units, receivers uint8, opener bool) {
	l.DustLimit = script.ScriptHashDust
	l.ChannelReserve = max(l.ChannelReserve, l.DustLimit)
	openers, accepters := script.TokenHTLCs(receivers)
	if l.MaxAcceptedHTLCs = openers; opener { // of the other side
		l.MaxAcceptedHTLCs = accepters
	}
	l.Tokens = tally.TokenLimits{Reserve: units / 100 * amount.Units(rng.IntN(2)), HTLCMinimum: 1, MaxInFlight: units} //nolint:gosec // not negative
}

// Tokens draws a payment of a property, of a share of what channels have.
func Tokens(rng *rand.Rand, label string, property amount.Property, most amount.Units) invoice.Request {
	r := request(rng, label, 1)
	r.Amount, r.Property = amount.OrAny{Any: true}, property
	r.Units = 1 + amount.Units(rng.Uint64N(max(1, uint64(most)/[]uint64{1, 2, 10, 1000}[rng.IntN(4)])))
	return r
}

// Asks says what an invoice asks for.
func Asks(r invoice.Request) string {
	if r.Property != 0 {
		return fmt.Sprintf("%d units", r.Units)
	}
	return r.Amount.Msat.String()
}
