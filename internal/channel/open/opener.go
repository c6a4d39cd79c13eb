package open

import (
	"errors"
	"fmt"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Request is the channel that we wish to open.
type Request struct {
	TemporaryID wire.ChannelID // random; unique among the peer's channels
	Funding     amount.Satoshi
	Push        amount.MilliSatoshi // given to the peer at once
	FeePerKw    uint32              // of the first commitments, satoshi per 1000 weight
	Announce    bool
	UseAlias    bool   // option_scid_alias: never tell the real short_channel_id
	ZeroConf    bool   // option_zeroconf: the peer trusts us with an unconfirmed funding
	Asset       *Asset // tokens that it carries; nil: bitcoin only

	MinimumDepth uint32 // confirmations that we wait for, whatever less the peer asks for; zero with ZeroConf

	Reserve *amount.Satoshi // that the peer must keep; nil: as the policy says
}

// Output is what the funding transaction must pay.
type Output struct {
	Value  amount.Satoshi
	Script []byte
}

// stage of a conversation.
type stage uint8

const (
	hello   stage = iota // open_channel or accept_channel is on its way
	agreed               // the opener knows the funding output's script
	created              // funding_created is on its way
	over
)

// Opener is the conversation as its opener sees it.
type Opener struct {
	terms
	stage stage
	sent  *wire.OpenChannel
	depth uint32 // that we wait for at the least
}

// Refusals of a wish of ours, before anything is sent.
var (
	ErrRequest = errors.New("channel cannot be opened like this")
	ErrFeature = errors.New("peer does not support this kind of channel")
	ErrLarge   = errors.New("the channel would be too large")   // beside one of them
	ErrDust    = errors.New("the funding output would be dust") // beside one of them
)

// Start begins the conversation: send the message. Errors: [ErrRequest],
// [ErrFeature].
func Start(cfg Config, r Request) (*Opener, *wire.OpenChannel, error) {
	limits := cfg.Policy.limits(r.Funding, 0)
	if r.Reserve != nil {
		limits.ChannelReserve = *r.Reserve
	}
	o := &Opener{terms: terms{cfg: cfg, push: r.Push, feePerKw: r.FeePerKw}, depth: max(1, r.MinimumDepth)}
	p := &o.params
	p.LocalIsOpener, p.Announce = true, r.Announce
	p.ChannelType = channelType(r.UseAlias, r.ZeroConf)
	p.Capacity, p.Pushed = r.Funding, r.Push
	receivers := uint8(0)
	if r.Asset != nil {
		receivers = o.affordable()
		_, accepters := script.TokenHTLCs(receivers)
		cfg.Policy.forAsset(&limits, r.Asset.Tokens, accepters)
	}
	if err := checkRequest(&cfg, r, limits); err != nil {
		return nil, nil, err
	}
	if (r.ZeroConf || r.UseAlias) && cfg.Alias == 0 {
		return nil, nil, fmt.Errorf("%w: it needs an alias", ErrRequest)
	}
	o.ours(limits)
	if r.Asset != nil {
		o.carry(r.Asset)
		if err := o.checkTokens(receivers); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrRequest, err)
		}
	}
	o.sent = &wire.OpenChannel{
		ChainHash: cfg.Chain, TemporaryChannelID: r.TemporaryID,
		FundingSatoshis: r.Funding, PushMsat: r.Push, FeeratePerKw: r.FeePerKw,
		DustLimitSatoshis: limits.DustLimit, MaxHTLCValueInFlightMsat: limits.MaxHTLCValueInFlight,
		ChannelReserveSatoshis: limits.ChannelReserve, HTLCMinimumMsat: limits.HTLCMinimum,
		ToSelfDelay: limits.ToSelfDelay, MaxAcceptedHTLCs: limits.MaxAcceptedHTLCs,
		FundingPubkey: p.LocalKeys.Funding, RevocationBasepoint: p.LocalKeys.Revocation,
		PaymentBasepoint: p.LocalKeys.Payment, DelayedPaymentBasepoint: p.LocalKeys.DelayedPayment,
		HTLCBasepoint: p.LocalKeys.HTLC, FirstPerCommitmentPoint: cfg.Signer.PerCommitmentPoint(0),
		UpfrontShutdownScript: cfg.upfront(), ChannelType: p.ChannelType,
	}
	switch {
	case r.Asset != nil:
		o.sent.Asset = &wire.OpenAsset{Property: r.Asset.Property, Funding: r.Asset.Tokens, Push: r.Asset.Push, Limits: record(limits.Tokens, receivers, r.Announce)}
	case r.Announce:
		o.sent.ChannelFlags = 1
	}
	m := *o.sent
	return o, &m, nil
}

// dust is what no node relays in an output of any kind.
const dust amount.Satoshi = 546

// checkRequest refuses what the peer would have to refuse.
func checkRequest(cfg *Config, r Request, l channel.Limits) error {
	need := []wire.FeatureBit{wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC}
	if r.Asset != nil {
		if r.UseAlias || r.ZeroConf {
			return fmt.Errorf("%w: a channel with tokens is used when it is confirmed, by its short_channel_id", ErrRequest)
		}
		need = []wire.FeatureBit{wire.StaticRemoteKey, wire.OptionOmniAsset}
	}
	if r.UseAlias {
		need = append(need, wire.SCIDAlias)
	}
	if r.ZeroConf {
		need = append(need, wire.ZeroConf)
	}
	// BOLT 2: "SHOULD NOT set it to a type containing a feature which was not negotiated."
	for _, b := range need {
		if !cfg.both(b) {
			return fmt.Errorf("%w: feature %d is not negotiated", ErrFeature, b)
		}
	}
	// BOLT 2: "MUST set `funding_satoshis` to less than 2^24 satoshi."
	if r.Funding >= LargeChannel && !cfg.both(wire.LargeChannels) {
		return fmt.Errorf("%w: %w: %v needs option_support_large_channel; stay below %v", ErrFeature, ErrLarge, r.Funding, LargeChannel)
	}
	// BOLT 2: "MUST NOT send `channel_type` with the `option_scid_alias` bit set."
	if r.Announce && r.UseAlias {
		return fmt.Errorf("%w: a channel that hides its short_channel_id cannot be announced", ErrRequest)
	}
	if r.ZeroConf && r.MinimumDepth > 0 || r.MinimumDepth > cfg.Policy.MaxMinimumDepth {
		return fmt.Errorf("%w: a depth of %d", ErrRequest, r.MinimumDepth)
	}
	if r.Funding < dust {
		return fmt.Errorf("%w: %w: %v", ErrRequest, ErrDust, r.Funding)
	}
	if r.Funding < cfg.Policy.MinFunding || r.Funding > amount.MaxMoney {
		return fmt.Errorf("%w: %v is below the minimum of %v", ErrRequest, r.Funding, cfg.Policy.MinFunding)
	}
	if err := cfg.Policy.checkFunding(r.Funding, r.Push, r.FeePerKw, l.ChannelReserve); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	// Below the dust limit, or far above a hundredth, no peer takes it.
	if most := cfg.Policy.maxReserve(r.Funding); l.ChannelReserve < l.DustLimit || l.ChannelReserve > most {
		return fmt.Errorf("%w: a reserve of %v is not from %v to %v", ErrRequest, l.ChannelReserve, l.DustLimit, most)
	}
	if err := closing.CheckOurs(cfg.Script, cfg.forms(r.Asset != nil)); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return nil
}

// Accepted takes the peer's accept_channel and gives the output that the funding
// transaction must have. Error: a *channel.Violation.
func (o *Opener) Accepted(m *wire.AcceptChannel) (Output, error) {
	if o.stage != hello || m.TemporaryChannelID != o.sent.TemporaryChannelID {
		return Output{}, refusef("accept_channel answers no open_channel of ours")
	}
	o.stage = over
	limits := channel.Limits{
		DustLimit: m.DustLimitSatoshis, MaxHTLCValueInFlight: m.MaxHTLCValueInFlightMsat,
		ChannelReserve: m.ChannelReserveSatoshis, HTLCMinimum: m.HTLCMinimumMsat,
		ToSelfDelay: m.ToSelfDelay, MaxAcceptedHTLCs: m.MaxAcceptedHTLCs,
	}
	zeroConf := o.params.ChannelType.Bit(int(wire.ZeroConf))
	switch {
	// BOLT 2: "if the message doesn't include a `channel_type`: - MUST fail the channel."
	case m.ChannelType == nil:
		return Output{}, refusef("accept_channel has no channel_type")
	// BOLT 2: "if `channel_type` does not match the `channel_type` from
	// `open_channel`: - MUST fail the channel."
	case !m.ChannelType.Equal(o.params.ChannelType):
		return Output{}, refusef("channel_type is %v, not the %v of open_channel", m.ChannelType, o.params.ChannelType)
	// BOLT 2: "if `channel_type` includes `option_zeroconf`: - MUST set `minimum_depth` to zero."
	case zeroConf && m.MinimumDepth != 0:
		return Output{}, refusef("minimum_depth of %d in a channel of type option_zeroconf", m.MinimumDepth)
	// BOLT 2: "if `minimum_depth` is unreasonably large: - MAY fail the channel."
	case m.MinimumDepth > o.cfg.Policy.MaxMinimumDepth:
		return Output{}, refusef("minimum_depth of %d is more than %d", m.MinimumDepth, o.cfg.Policy.MaxMinimumDepth)
	}
	policy := o.cfg.Policy
	if (m.Asset != nil) != (o.asset != nil) {
		return Output{}, refusef("accept_channel and open_channel do not agree on whether there are tokens")
	}
	if o.asset != nil {
		policy.MinAcceptedHTLCs = 1
		openers, accepters := script.TokenHTLCs(min(o.sent.Asset.Limits.MaxReceivers, m.Asset.MaxReceivers))
		if err := policy.checkAsset(&limits, m.Asset, o.asset.Tokens, openers); err != nil {
			return Output{}, err
		}
		o.params.LocalLimits.MaxAcceptedHTLCs = min(o.params.LocalLimits.MaxAcceptedHTLCs, accepters)
		o.params.Announce = o.params.Announce && m.Asset.Flags&wire.AssetAnnounce != 0
	}
	if err := policy.checkLimits(limits, o.params.Capacity, &o.params.LocalLimits); err != nil {
		return Output{}, err
	}
	keys := script.Basepoints{
		Funding: m.FundingPubkey, Revocation: m.RevocationBasepoint, Payment: m.PaymentBasepoint,
		DelayedPayment: m.DelayedPaymentBasepoint, HTLC: m.HTLCBasepoint,
	}
	if err := o.peer(keys, m.FirstPerCommitmentPoint, limits, m.UpfrontShutdownScript); err != nil {
		return Output{}, err
	}
	if !zeroConf {
		o.params.MinimumDepth = max(o.depth, m.MinimumDepth, o.params.MinimumDepth)
	}
	o.stage = agreed
	_, pkScript := o.params.Format.FundingScript(o.params.LocalKeys.Funding, keys.Funding)
	return Output{o.params.Capacity, pkScript}, nil
}

// Funded takes the place of the funding output in a signed transaction that was
// not broadcast, and signs the peer's first commitment. The message may be sent
// when the signer's memory of it is durable.
func (o *Opener) Funded(at btcwire.OutPoint) (durable.Pending[*wire.FundingCreated], error) {
	none := durable.Pending[*wire.FundingCreated]{}
	if o.stage != agreed {
		return none, fmt.Errorf("%w: the peer has not accepted it", ErrRequest)
	}
	if at.Index > 0xffff {
		return none, fmt.Errorf("%w: funding_output_index of %d is more than 65535", ErrRequest, at.Index)
	}
	o.fund(at)
	sigs, err := o.sign()
	if err != nil {
		return none, err
	}
	o.stage = created
	return durable.Hold(&wire.FundingCreated{
		TemporaryChannelID: o.sent.TemporaryChannelID,
		FundingTxid:        at.Hash, FundingOutputIndex: uint16(at.Index),
		Signature: sigs.Signature, DelaySignatures: sigs.DelaySignatures,
	}, o.cfg.Signer.Memory()), nil
}

// Signed takes the peer's signature on our first commitment, with which we can
// have our money back. The funding transaction may be broadcast when the outcome
// is committed, not before.
//
// BOLT 2: "MUST NOT broadcast the funding transaction before receipt of a valid
// `funding_signed`."
func (o *Opener) Signed(m *wire.FundingSigned, v channel.Verifier) (durable.Pending[Result], error) {
	none := durable.Pending[Result]{}
	if o.stage != created || m.ChannelID != o.params.Channel {
		return none, refusef("funding_signed answers no funding_created of ours")
	}
	o.stage = over
	theirs := channel.Signatures{Signature: m.Signature, DelaySignatures: m.DelaySignatures}
	if err := o.verify(theirs, v); err != nil {
		return none, err
	}
	return o.finish(theirs)
}
