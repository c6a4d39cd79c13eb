package open

import (
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// What follows is of channels with tokens, which no BOLT has
// (docs/decisions/0009-tokens-in-a-channel.md).

// Asset is the tokens that a channel is to carry.
type Asset struct {
	Property amount.Property
	Tokens   amount.Units // that the funding output is to hold
	Push     amount.Units // of them given to the peer at once
}

// AssetDepth is how deep the funding output must be at the least before the channel is
// used: the ledger of the tokens says what it holds, and a block can be undone.
const AssetDepth = 6

var (
	assetType = wire.NewFeatures(wire.StaticRemoteKey, wire.OptionOmniAsset)

	errAssetType = fmt.Errorf("channel_type of a channel with tokens must be option_static_remotekey (12) and option_omni_asset (%d)", wire.OptionOmniAsset)
)

// tokenLimits are those that we announce for a channel of so many tokens.
func (p Policy) tokenLimits(tokens amount.Units) tally.TokenLimits {
	return tally.TokenLimits{Reserve: tokens / 100 * amount.Units(p.ReservePercent), HTLCMinimum: 1, MaxInFlight: tokens}
}

// receivers is how many outputs with tokens our commitments may have.
func (c *Config) receivers() uint8 {
	return min(max(c.Receivers, script.MinReceivers), script.MaxReceivers)
}

// forAsset changes the limits that we announce to those of a channel with tokens; accepted
// is how many HTLCs the peer may offer.
func (p Policy) forAsset(l *channel.Limits, tokens amount.Units, accepted uint16) {
	l.DustLimit = max(l.DustLimit, script.ScriptHashDust)
	l.ChannelReserve = max(l.ChannelReserve, l.DustLimit)
	l.MaxAcceptedHTLCs = accepted
	l.Tokens = p.tokenLimits(tokens)
}

// record is what a message says of our limits, and of whether we want the channel announced.
func record(l tally.TokenLimits, receivers uint8, announce bool) wire.AssetLimits {
	out := wire.AssetLimits{Reserve: l.Reserve, HTLCMinimum: l.HTLCMinimum, MaxInFlight: l.MaxInFlight, MaxReceivers: receivers}
	if announce {
		out.Flags = wire.AssetAnnounce
	}
	return out
}

// checkAsset tells whether we agree to what a peer announced for a channel of so many
// tokens, in which it takes so many HTLCs of ours at the most.
func (p Policy) checkAsset(l *channel.Limits, m *wire.AssetLimits, tokens amount.Units, accepted uint16) error {
	most := tokens / 100 * amount.Units(p.MaxReservePercent)
	switch {
	case m.Flags&^wire.AssetAnnounce != 0:
		return refusef("asset_flags of %d are not known", m.Flags)
	case m.MaxReceivers < script.MinReceivers:
		return refusef("max_asset_receivers of %d is less than %d", m.MaxReceivers, script.MinReceivers)
	case l.MaxAcceptedHTLCs > accepted:
		return refusef("max_accepted_htlcs of %d is more than the %d that can be with tokens", l.MaxAcceptedHTLCs, accepted)
	case l.DustLimit < script.ScriptHashDust:
		return refusef("dust_limit_satoshis of %d is less than %d, with tokens", l.DustLimit, script.ScriptHashDust)
	case m.Reserve > most:
		return refusef("asset_reserve of %d is more than %d", m.Reserve, most)
	case m.HTLCMinimum > max(1, tokens/100):
		return refusef("htlc_minimum_asset of %d is more than a hundredth of %d", m.HTLCMinimum, tokens)
	case m.MaxInFlight < max(1, tokens/10):
		return refusef("max_asset_in_flight of %d is less than a tenth of %d", m.MaxInFlight, tokens)
	}
	l.Tokens = tally.TokenLimits{Reserve: m.Reserve, HTLCMinimum: m.HTLCMinimum, MaxInFlight: m.MaxInFlight}
	return nil
}

// rules are those of commitments with so many receivers.
func (t *terms) rules(receivers uint8) tally.Rules {
	openers, accepters := script.TokenHTLCs(receivers)
	r := tally.Rules{Format: script.Tokens, Opener: dance.Remote, HTLCs: int(openers + accepters)}
	if t.params.LocalIsOpener {
		r.Opener = dance.Local
	}
	return r
}

// affordable is how many receivers a channel that we open should have: as many as we can,
// while the fee of a commitment with all of them, which we always have to keep, is no more
// than a quarter of what we put in at twice the feerate.
func (t *terms) affordable() uint8 {
	n := t.cfg.receivers()
	for ; n > script.MinReceivers; n-- {
		if r := t.rules(n); r.Cost(tally.Twice(t.feePerKw), r.HTLCs) <= tally.Msat(t.params.Capacity.Msat()-t.push)/4 {
			break
		}
	}
	return n
}

// checkTokens checks what both sides start with: tokens that there can be, and the satoshi
// that must be with them in commitments with so many receivers.
func (t *terms) checkTokens(receivers uint8) error {
	a := t.asset
	if a.Property == 0 || a.Tokens == 0 || a.Tokens > amount.MaxUnits || a.Push > a.Tokens {
		return refusef("%d units of property %d, of which %d are pushed", a.Tokens, a.Property, a.Push)
	}
	local, remote := t.loads()
	rules := t.rules(receivers)
	start := tally.Start(local, local.Add(remote))
	if !rules.MayBear(&start, tally.Twice(t.feePerKw)) {
		return refusef("too few satoshi are with the tokens: fund more, or push more with what is pushed, at feerate_per_kw %d", t.feePerKw)
	}
	return nil
}

// loads are the balances at the start.
func (t *terms) loads() (local, remote tally.Load) {
	l, r := t.balances()
	local, remote = tally.Load{Msat: l}, tally.Load{Msat: r}
	if t.asset == nil {
		return local, remote
	}
	local.Tokens, remote.Tokens = t.asset.Push, t.asset.Tokens-t.asset.Push
	if t.params.LocalIsOpener {
		local.Tokens, remote.Tokens = remote.Tokens, local.Tokens
	}
	return local, remote
}

// carry makes it a channel with tokens.
func (t *terms) carry(a *Asset) {
	p := &t.params
	t.asset = a
	p.Format, p.ChannelType, p.Property, p.Tokens = script.Tokens, assetType, a.Property, a.Tokens
	p.MinimumDepth = max(p.MinimumDepth, AssetDepth)
}

// mayCarry checks what open_channel says of a channel with tokens.
func (c *Config) mayCarry(m *wire.OpenChannel, announce bool) error {
	switch {
	case !c.both(wire.OptionOmniAsset):
		return refusef("option_omni_asset is not negotiated")
	case m.Asset == nil || !m.ChannelType.Equal(assetType):
		return refusef("%v, not %v, and say which tokens", errAssetType, m.ChannelType)
	case announce:
		return refusef("a channel with tokens cannot be announced by channel_flags")
	}
	return nil
}
