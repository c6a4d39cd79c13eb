package open

import (
	"fmt"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Accepter is the conversation as the side sees it that was asked.
type Accepter struct {
	terms
	stage     stage
	temporary wire.ChannelID
}

// Accept takes an open_channel and gives the answer to send. Error: a
// *channel.Violation, or [ErrRequest] when our script may not be named or an
// alias is missing.
func Accept(cfg Config, m *wire.OpenChannel) (*Accepter, *wire.AcceptChannel, error) {
	theirs := channel.Limits{
		DustLimit: m.DustLimitSatoshis, MaxHTLCValueInFlight: m.MaxHTLCValueInFlightMsat,
		ChannelReserve: m.ChannelReserveSatoshis, HTLCMinimum: m.HTLCMinimumMsat,
		ToSelfDelay: m.ToSelfDelay, MaxAcceptedHTLCs: m.MaxAcceptedHTLCs,
	}
	announce := m.ChannelFlags&1 != 0
	zeroConf, err := checkOpen(&cfg, m, announce)
	if err != nil {
		return nil, nil, err
	}
	policy := cfg.Policy
	var receivers uint8
	var openers uint16
	if m.Asset != nil {
		policy.MinAcceptedHTLCs = 1
		_, told := script.TokenHTLCs(m.Asset.Limits.MaxReceivers)
		if err := policy.checkAsset(&theirs, &m.Asset.Limits, m.Asset.Funding, told); err != nil {
			return nil, nil, err
		}
		var accepters uint16
		receivers = min(cfg.receivers(), m.Asset.Limits.MaxReceivers)
		openers, accepters = script.TokenHTLCs(receivers)
		theirs.MaxAcceptedHTLCs = min(theirs.MaxAcceptedHTLCs, accepters)
	}
	if err := policy.checkLimits(theirs, m.FundingSatoshis, nil); err != nil {
		return nil, nil, err
	}
	if err := cfg.Policy.checkFunding(m.FundingSatoshis, m.PushMsat, m.FeeratePerKw, m.ChannelReserveSatoshis); err != nil {
		return nil, nil, err
	}
	if err := closing.CheckOurs(cfg.Script, cfg.forms(m.Asset != nil)); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	a := &Accepter{terms: terms{cfg: cfg, push: m.PushMsat, feePerKw: m.FeeratePerKw}, temporary: m.TemporaryChannelID}
	// BOLT 2: "MUST set `channel_reserve_satoshis` greater than or equal to
	// `dust_limit_satoshis` from the `open_channel` message."
	limits := cfg.Policy.limits(m.FundingSatoshis, m.DustLimitSatoshis)
	if m.Asset != nil {
		cfg.Policy.forAsset(&limits, m.Asset.Funding, openers)
		a.asset = &Asset{Property: m.Asset.Property, Tokens: m.Asset.Funding, Push: m.Asset.Push}
	}
	// BOLT 2: "MUST set `dust_limit_satoshis` less than or equal to
	// `channel_reserve_satoshis` from the `open_channel` message."
	if limits.DustLimit > m.ChannelReserveSatoshis {
		return nil, nil, refusef("channel_reserve_satoshis of %d is less than our dust limit of %d", m.ChannelReserveSatoshis, limits.DustLimit)
	}
	a.ours(limits)
	keys := script.Basepoints{
		Funding: m.FundingPubkey, Revocation: m.RevocationBasepoint, Payment: m.PaymentBasepoint,
		DelayedPayment: m.DelayedPaymentBasepoint, HTLC: m.HTLCBasepoint,
	}
	if err := a.peer(keys, m.FirstPerCommitmentPoint, theirs, m.UpfrontShutdownScript); err != nil {
		return nil, nil, err
	}
	p := &a.params
	p.Announce, p.ChannelType = announce, m.ChannelType.Trim()
	p.Capacity, p.Pushed = m.FundingSatoshis, m.PushMsat
	if !zeroConf {
		p.MinimumDepth = max(1, cfg.Policy.MinimumDepth)
	}
	var asset *wire.AssetLimits
	if a.asset != nil {
		a.carry(a.asset)
		if err := a.checkTokens(receivers); err != nil {
			return nil, nil, err
		}
		p.Announce = m.Asset.Limits.Flags&wire.AssetAnnounce != 0 && !cfg.Private
		limits := record(limits.Tokens, receivers, p.Announce)
		asset = &limits
	}
	return a, &wire.AcceptChannel{
		TemporaryChannelID: m.TemporaryChannelID,
		DustLimitSatoshis:  limits.DustLimit, MaxHTLCValueInFlightMsat: limits.MaxHTLCValueInFlight,
		ChannelReserveSatoshis: limits.ChannelReserve, HTLCMinimumMsat: limits.HTLCMinimum,
		MinimumDepth: p.MinimumDepth, ToSelfDelay: limits.ToSelfDelay, MaxAcceptedHTLCs: limits.MaxAcceptedHTLCs,
		FundingPubkey: p.LocalKeys.Funding, RevocationBasepoint: p.LocalKeys.Revocation,
		PaymentBasepoint: p.LocalKeys.Payment, DelayedPaymentBasepoint: p.LocalKeys.DelayedPayment,
		HTLCBasepoint: p.LocalKeys.HTLC, FirstPerCommitmentPoint: cfg.Signer.PerCommitmentPoint(0),
		UpfrontShutdownScript: cfg.upfront(), ChannelType: p.ChannelType, Asset: asset,
	}, nil
}

// checkOpen checks what only open_channel has.
func checkOpen(cfg *Config, m *wire.OpenChannel, announce bool) (zeroConf bool, err error) {
	switch {
	// BOLT 2: "the `chain_hash` value is set to a hash of a chain that is unknown to the receiver."
	case m.ChainHash != cfg.Chain:
		return false, refusef("chain_hash %v is not our chain", m.ChainHash)
	// BOLT 2: "if `option_dual_fund` has been negotiated: - fail the channel."
	case cfg.both(wire.DualFund):
		return false, refusef("option_dual_fund is negotiated: use open_channel2")
	// BOLT 2: "`funding_satoshis` is greater than or equal to 2^24 and the
	// receiver does not support `option_support_large_channel`."
	case m.FundingSatoshis >= LargeChannel && !cfg.Ours.Has(wire.LargeChannels), m.FundingSatoshis > amount.MaxMoney:
		return false, refusef("funding_satoshis of %d is too large", m.FundingSatoshis)
	case m.FundingSatoshis > cfg.Policy.MaxFunding:
		return false, refusef("funding_satoshis of %d is more than %d", m.FundingSatoshis, cfg.Policy.MaxFunding)
	// BOLT 2: "`funding_satoshis` is too small."
	case m.FundingSatoshis < cfg.Policy.MinFunding:
		return false, refusef("funding_satoshis of %d is less than %d", m.FundingSatoshis, cfg.Policy.MinFunding)
	// BOLT 2: "if the message doesn't include a `channel_type`: - fail the channel."
	case m.ChannelType == nil:
		return false, refusef("open_channel has no channel_type")
	}
	if m.Asset != nil || m.ChannelType.Bit(int(wire.OptionOmniAsset)) {
		return false, cfg.mayCarry(m, announce)
	}
	// BOLT 2: "the `channel_type` is not suitable."
	alias, zeroConf, err := checkType(m.ChannelType)
	switch {
	case err != nil:
		return false, err
	case alias && announce:
		return false, refusef("a channel of type option_scid_alias cannot be announced")
	// BOLT 2: "the `channel_type` includes `option_zeroconf` and it does not
	// trust the sender to open an unconfirmed channel."
	case zeroConf && !cfg.TrustPeer:
		return false, refusef("option_zeroconf: we do not trust you to open an unconfirmed channel")
	case (alias || zeroConf) && cfg.Alias == 0:
		return false, fmt.Errorf("%w: it needs an alias", ErrRequest)
	}
	return zeroConf, nil
}

// Created takes the funding output's place and the peer's signature on our first
// commitment. The outcome begins with funding_signed; once it is committed the
// channel is remembered. That no other channel has this funding output is for
// the caller to see to.
func (a *Accepter) Created(m *wire.FundingCreated, v channel.Verifier) (durable.Pending[Result], error) {
	none := durable.Pending[Result]{}
	if a.stage != hello || m.TemporaryChannelID != a.temporary {
		return none, refusef("funding_created answers no accept_channel of ours")
	}
	a.stage = over
	a.fund(btcwire.OutPoint{Hash: m.FundingTxid, Index: uint32(m.FundingOutputIndex)})
	theirs := channel.Signatures{Signature: m.Signature, DelaySignatures: m.DelaySignatures}
	if err := a.verify(theirs, v); err != nil {
		return none, err
	}
	sigs, err := a.sign()
	if err != nil {
		return none, err
	}
	return a.finish(theirs, &wire.FundingSigned{ChannelID: a.params.Channel, Signature: sigs.Signature, DelaySignatures: sigs.DelaySignatures})
}
