package open

import (
	"errors"
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

// MaxAcceptedHTLCs is the largest max_accepted_htlcs (BOLT 2).
const MaxAcceptedHTLCs = 483

// MinDustLimit is the smallest dust_limit_satoshis (BOLT 3, "Dust Limits").
const MinDustLimit amount.Satoshi = 354

// LargeChannel is the first funding_satoshis that needs
// option_support_large_channel.
const LargeChannel amount.Satoshi = 1 << 24

// Policy is what a node asks for in a channel and what it agrees to.
type Policy struct {
	MinFunding, MaxFunding   amount.Satoshi // of channels that peers open; MinFunding for ours too
	MinFeePerKw, MaxFeePerKw uint32         // satoshi per 1000 weight, of the first commitments

	// What we announce.
	DustLimit         amount.Satoshi
	HTLCMinimum       amount.MilliSatoshi
	InFlightPercent   uint64         // of the capacity: max_htlc_value_in_flight_msat
	AcceptedHTLCs     uint16         // max_accepted_htlcs
	ReservePercent    uint64         // of the capacity: channel_reserve_satoshis
	MinReserve        amount.Satoshi // whatever the percentage says
	MinDelay          uint16         // blocks: to_self_delay of the smallest channel
	MaxDelay          uint16         // of one of LargeChannel or more; and the most that we agree to
	MinimumDepth      uint32         // confirmations that we wait for
	MaxMinimumDepth   uint32         // the most that we agree to wait for
	MaxDustExposure   amount.MilliSatoshi
	MaxReservePercent uint64 // the most that we agree to keep

	// The least and the most that we agree to.
	MaxDustLimit     amount.Satoshi
	MaxHTLCMinimum   amount.MilliSatoshi
	MinInFlight      amount.MilliSatoshi
	MinAcceptedHTLCs uint16
}

// DefaultPolicy suits a node that has not been told otherwise.
func DefaultPolicy() Policy {
	return Policy{
		MinFunding: 20_000, MaxFunding: 10 * 100_000_000,
		MinFeePerKw: 253, MaxFeePerKw: 100_000,
		DustLimit: MinDustLimit, HTLCMinimum: 1, InFlightPercent: 100, AcceptedHTLCs: MaxAcceptedHTLCs,
		ReservePercent: 1, MinReserve: 1_000, MaxReservePercent: 10,
		MinDelay: 144, MaxDelay: 2016,
		MinimumDepth: 3, MaxMinimumDepth: 144,
		MaxDustExposure: 50_000_000,
		MaxDustLimit:    2_000, MaxHTLCMinimum: 100_000, MinInFlight: 10_000_000, MinAcceptedHTLCs: 5,
	}
}

// limits are those that we announce for a channel of this capacity. The reserve
// is at least theirs, the peer's dust limit.
func (p Policy) limits(capacity, theirs amount.Satoshi) channel.Limits {
	percent := func(n uint64) amount.Satoshi { return amount.Satoshi(uint64(capacity) / 100 * n) }
	span := uint64(p.MaxDelay - min(p.MinDelay, p.MaxDelay))
	return channel.Limits{
		DustLimit:            p.DustLimit,
		MaxHTLCValueInFlight: max(percent(p.InFlightPercent).Msat(), p.MinInFlight),
		ChannelReserve:       max(percent(p.ReservePercent), p.MinReserve, p.DustLimit, theirs),
		HTLCMinimum:          p.HTLCMinimum,
		ToSelfDelay:          p.MinDelay + uint16(span*uint64(min(capacity, LargeChannel))/uint64(LargeChannel)), //nolint:gosec // at most MaxDelay
		MaxAcceptedHTLCs:     p.AcceptedHTLCs,
	}
}

// refusef is a *channel.Violation that fails the channel.
func refusef(format string, args ...any) error {
	return &channel.Violation{Kind: channel.Fail, Text: fmt.Sprintf(format, args...)}
}

// checkLimits tells whether we agree to what a peer announced for a channel of
// this capacity; ours is nil in open_channel, to which we have not answered.
func (p Policy) checkLimits(l channel.Limits, capacity amount.Satoshi, ours *channel.Limits) error {
	switch {
	// BOLT 2: "`to_self_delay` is unreasonably large."
	case l.ToSelfDelay > p.MaxDelay:
		return refusef("to_self_delay of %d blocks is more than %d", l.ToSelfDelay, p.MaxDelay)
	// BOLT 2: "`max_accepted_htlcs` is greater than 483."
	case l.MaxAcceptedHTLCs > MaxAcceptedHTLCs:
		return refusef("max_accepted_htlcs of %d is more than %d", l.MaxAcceptedHTLCs, MaxAcceptedHTLCs)
	// BOLT 2: "it considers `max_accepted_htlcs` too small."
	case l.MaxAcceptedHTLCs < max(1, p.MinAcceptedHTLCs):
		return refusef("max_accepted_htlcs of %d is less than %d", l.MaxAcceptedHTLCs, max(1, p.MinAcceptedHTLCs))
	// BOLT 2: "`dust_limit_satoshis` is smaller than `354 satoshis`"
	case l.DustLimit < MinDustLimit:
		return refusef("dust_limit_satoshis of %d is less than %d", l.DustLimit, MinDustLimit)
	// BOLT 2: "it considers `dust_limit_satoshis` too large"
	case l.DustLimit > p.MaxDustLimit:
		return refusef("dust_limit_satoshis of %d is more than %d", l.DustLimit, p.MaxDustLimit)
	// BOLT 2: "`dust_limit_satoshis` is greater than `channel_reserve_satoshis`."
	case l.DustLimit > l.ChannelReserve:
		return refusef("channel_reserve_satoshis of %d is less than dust_limit_satoshis of %d", l.ChannelReserve, l.DustLimit)
	// BOLT 2: "it considers `channel_reserve_satoshis` too large."
	case uint64(l.ChannelReserve) > uint64(p.maxReserve(capacity)):
		return refusef("channel_reserve_satoshis of %d is more than %d", l.ChannelReserve, p.maxReserve(capacity))
	// BOLT 2: "it considers `htlc_minimum_msat` too large."
	case l.HTLCMinimum > p.MaxHTLCMinimum:
		return refusef("htlc_minimum_msat of %d is more than %d", l.HTLCMinimum, p.MaxHTLCMinimum)
	// BOLT 2: "it considers `max_htlc_value_in_flight_msat` too small."
	case l.MaxHTLCValueInFlight < p.MinInFlight:
		return refusef("max_htlc_value_in_flight_msat of %d is less than %d", l.MaxHTLCValueInFlight, p.MinInFlight)
	}
	if ours == nil {
		return nil
	}
	switch {
	// BOLT 2: "if `channel_reserve_satoshis` is less than `dust_limit_satoshis`
	// within the `open_channel` message: - MUST fail the channel."
	case l.ChannelReserve < ours.DustLimit:
		return refusef("channel_reserve_satoshis of %d is less than our dust_limit_satoshis of %d", l.ChannelReserve, ours.DustLimit)
	// BOLT 2: "if `channel_reserve_satoshis` from the `open_channel` message is
	// less than `dust_limit_satoshis`: - MUST fail the channel."
	case ours.ChannelReserve < l.DustLimit:
		return refusef("dust_limit_satoshis of %d is more than our channel_reserve_satoshis of %d", l.DustLimit, ours.ChannelReserve)
	}
	return nil
}

func (p Policy) maxReserve(capacity amount.Satoshi) amount.Satoshi {
	return max(amount.Satoshi(uint64(capacity)/100*p.MaxReservePercent), p.MinReserve)
}

// checkFunding checks what both sides start with.
func (p Policy) checkFunding(capacity amount.Satoshi, push amount.MilliSatoshi, feePerKw uint32, reserve amount.Satoshi) error {
	// BOLT 2: "`push_msat` is greater than `funding_satoshis` * 1000."
	opener, ok := capacity.Msat().Sub(push)
	if !ok {
		return refusef("push_msat of %d is more than the %d that funding_satoshis holds", push, capacity.Msat())
	}
	// BOLT 2: "it considers `feerate_per_kw` too small for timely processing or unreasonably large."
	if feePerKw < p.MinFeePerKw || feePerKw > p.MaxFeePerKw {
		return refusef("feerate_per_kw of %d is not from %d to %d", feePerKw, p.MinFeePerKw, p.MaxFeePerKw)
	}
	// BOLT 2: "the funder's amount for the initial commitment transaction is not
	// sufficient for full [fee payment](03-transactions.md#fee-payment)."
	cost := script.CommitFee(script.Anchors, feePerKw, 0) + script.AnchorsCost(script.Anchors)
	opener, ok = opener.Sub(cost.Msat())
	if !ok {
		return refusef("opener cannot pay the first commitment's fee and anchors of %v", cost)
	}
	// BOLT 2: "both `to_local` and `to_remote` amounts for the initial commitment
	// transaction are less than or equal to `channel_reserve_satoshis`"
	if opener <= reserve.Msat() && push <= reserve.Msat() {
		return refusef("neither side has more than the channel_reserve_satoshis of %d", reserve)
	}
	return nil
}

// The channel types that we open: anchors, each with or without the two
// variations.
var (
	anchors = wire.NewFeatures(wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC)

	errType = errors.New("channel_type must be option_static_remotekey (12) and option_anchors (22), with option_scid_alias (46) or option_zeroconf (50) if wished")
)

func channelType(alias, zeroConf bool) wire.Features {
	t := anchors
	if alias {
		t = t.With(wire.SCIDAlias)
	}
	if zeroConf {
		t = t.With(wire.ZeroConf)
	}
	return t
}

// Variations says which of option_scid_alias and option_zeroconf a channel type has that we
// open. Error: [ErrRequest], for any other type.
func Variations(t wire.Features) (alias, zeroConf bool, err error) {
	if alias, zeroConf, err = checkType(t); err != nil {
		err = fmt.Errorf("%w: %w", ErrRequest, errType)
	}
	return alias, zeroConf, err
}

// checkType takes the types that we know, in their exact bits.
//
// BOLT 2: "they are not an arbitrary combination"
func checkType(t wire.Features) (alias, zeroConf bool, err error) {
	alias, zeroConf = t.Bit(int(wire.SCIDAlias)), t.Bit(int(wire.ZeroConf))
	if !t.Equal(channelType(alias, zeroConf)) {
		return false, false, refusef("%v, not %v", errType, t)
	}
	return alias, zeroConf, nil
}
