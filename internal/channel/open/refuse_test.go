//go:build !race

package open

import (
	"errors"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

func TestIllegalOpenChannelIsRefused(t *testing.T) {
	notAPoint := wire.Point{2, 5: 1}
	for range 9 { // some x have no point: find one
		if _, err := notAPoint.Key(); err != nil {
			break
		}
		notAPoint[32]++
	}
	base := wire.NewFeatures(wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC)
	for _, c := range []struct {
		name   string
		change func(*Config, *wire.OpenChannel)
		answer string // part of the text; empty: accepted
	}{
		{"legal", func(*Config, *wire.OpenChannel) {}, ""},
		{"the smallest that the policy takes", func(_ *Config, m *wire.OpenChannel) {
			m.FundingSatoshis, m.PushMsat, m.ChannelReserveSatoshis = 20_000, 0, 1_000
		}, ""},
		{"the largest that the policy takes", func(_ *Config, m *wire.OpenChannel) { m.FundingSatoshis = 1_000_000_000 }, ""},
		{"all bitcoin", func(c *Config, m *wire.OpenChannel) {
			m.FundingSatoshis, c.Policy.MaxFunding = amount.MaxMoney, amount.MaxMoney
		}, ""},
		{"lowest feerate", func(_ *Config, m *wire.OpenChannel) { m.FeeratePerKw = 253 }, ""},
		{"highest feerate", func(_ *Config, m *wire.OpenChannel) { m.FeeratePerKw = 100_000 }, ""},
		{"fewest HTLCs", func(_ *Config, m *wire.OpenChannel) { m.MaxAcceptedHTLCs = 5 }, ""},
		{"largest dust limit", func(_ *Config, m *wire.OpenChannel) { m.DustLimitSatoshis = 2_000 }, ""},
		{"largest reserve", func(_ *Config, m *wire.OpenChannel) { m.ChannelReserveSatoshis = 100_000 }, ""},
		{"reserve of our dust limit", func(c *Config, m *wire.OpenChannel) {
			m.ChannelReserveSatoshis, c.Policy.DustLimit = 1_000, 1_000
		}, ""},
		{"largest HTLC minimum", func(_ *Config, m *wire.OpenChannel) { m.HTLCMinimumMsat = 100_000 }, ""},
		{"least in flight", func(_ *Config, m *wire.OpenChannel) { m.MaxHTLCValueInFlightMsat = 10_000_000 }, ""},
		{"both exactly the reserve", func(c *Config, m *wire.OpenChannel) {
			m.PushMsat = (1_000_000 - 1124 - 660) / 2 * 1000
			m.ChannelReserveSatoshis, c.Policy.MaxReservePercent = m.PushMsat.Sat(), 95
		}, "neither side"},
		{"the opener a satoshi above the reserve", func(c *Config, m *wire.OpenChannel) {
			m.PushMsat = (1_000_000-1124-660)/2*1000 - 1000
			m.ChannelReserveSatoshis, c.Policy.MaxReservePercent = m.PushMsat.Sat()+1, 95
		}, ""},
		{"another chain", func(_ *Config, m *wire.OpenChannel) { m.ChainHash[0]++ }, "chain_hash"},
		{"funding too small", func(_ *Config, m *wire.OpenChannel) { m.FundingSatoshis, m.PushMsat = 19_999, 0 }, "funding_satoshis"},
		{"funding over the policy", func(_ *Config, m *wire.OpenChannel) { m.FundingSatoshis = 1_000_000_001 }, "funding_satoshis"},
		{"funding over all bitcoin", func(c *Config, m *wire.OpenChannel) {
			m.FundingSatoshis, c.Policy.MaxFunding = 1<<63, 1<<64-1
		}, "funding_satoshis"},
		{"large", func(_ *Config, m *wire.OpenChannel) { m.FundingSatoshis = 1 << 24 }, ""},
		{"large, not supported", func(c *Config, m *wire.OpenChannel) {
			m.FundingSatoshis, c.Ours = 1<<24, base
		}, "too large"},
		{"just not large, not supported", func(c *Config, m *wire.OpenChannel) {
			m.FundingSatoshis, c.Ours = 1<<24-1, base
		}, ""},
		{"push of more than there is", func(_ *Config, m *wire.OpenChannel) { m.PushMsat = 1_000_000_001 }, "push_msat"},
		{"push that would wrap", func(_ *Config, m *wire.OpenChannel) { m.PushMsat = 1<<64 - 1 }, "push_msat"},
		{"opener cannot pay fee and anchors", func(_ *Config, m *wire.OpenChannel) {
			m.PushMsat = amount.MilliSatoshi(1_000_000_000 - (1124+660)*1000 + 1)
		}, "cannot pay"},
		{"opener can just pay", func(_ *Config, m *wire.OpenChannel) {
			m.PushMsat = amount.MilliSatoshi(1_000_000_000 - (1124+660)*1000)
		}, ""},
		{"both below the reserve", func(c *Config, m *wire.OpenChannel) {
			m.ChannelReserveSatoshis, m.PushMsat, c.Policy.MaxReservePercent = 900_000, 200_000_000, 95
		}, "neither side"},
		{"feerate too low", func(_ *Config, m *wire.OpenChannel) { m.FeeratePerKw = 252 }, "feerate_per_kw"},
		{"feerate too high", func(_ *Config, m *wire.OpenChannel) { m.FeeratePerKw = 100_001 }, "feerate_per_kw"},
		{"delay too large", func(_ *Config, m *wire.OpenChannel) { m.ToSelfDelay = 2017 }, "to_self_delay"},
		{"too many HTLCs", func(_ *Config, m *wire.OpenChannel) { m.MaxAcceptedHTLCs = 484 }, "max_accepted_htlcs"},
		{"too few HTLCs", func(_ *Config, m *wire.OpenChannel) { m.MaxAcceptedHTLCs = 4 }, "max_accepted_htlcs"},
		{"no HTLC under a policy of none", func(c *Config, m *wire.OpenChannel) {
			m.MaxAcceptedHTLCs, c.Policy.MinAcceptedHTLCs = 0, 0
		}, "max_accepted_htlcs"},
		{"dust limit too small", func(_ *Config, m *wire.OpenChannel) { m.DustLimitSatoshis = 353 }, "dust_limit_satoshis"},
		{"dust limit too large", func(_ *Config, m *wire.OpenChannel) { m.DustLimitSatoshis = 2_001 }, "dust_limit_satoshis"},
		{"dust limit above the reserve", func(_ *Config, m *wire.OpenChannel) {
			m.DustLimitSatoshis, m.ChannelReserveSatoshis = 1_500, 1_499
		}, "channel_reserve_satoshis"},
		{"reserve too large", func(_ *Config, m *wire.OpenChannel) { m.ChannelReserveSatoshis = 100_001 }, "channel_reserve_satoshis"},
		{"reserve below our dust limit", func(c *Config, m *wire.OpenChannel) {
			m.ChannelReserveSatoshis, c.Policy.DustLimit = 999, 1_000
		}, "our dust limit"},
		{"HTLC minimum too large", func(_ *Config, m *wire.OpenChannel) { m.HTLCMinimumMsat = 100_001 }, "htlc_minimum_msat"},
		{"in flight too small", func(_ *Config, m *wire.OpenChannel) { m.MaxHTLCValueInFlightMsat = 9_999_999 }, "in_flight"},
		{"no type", func(_ *Config, m *wire.OpenChannel) { m.ChannelType = nil }, "has no channel_type"},
		{"empty type", func(_ *Config, m *wire.OpenChannel) { m.ChannelType = wire.Features{} }, "channel_type"},
		{"static_remotekey alone", func(_ *Config, m *wire.OpenChannel) {
			m.ChannelType = wire.NewFeatures(wire.StaticRemoteKey)
		}, "channel_type"},
		{"anchors with a bit more", func(_ *Config, m *wire.OpenChannel) {
			m.ChannelType = base.With(wire.ZeroFeeCommitments)
		}, "channel_type"},
		{"optional bits", func(_ *Config, m *wire.OpenChannel) {
			m.ChannelType = wire.NewFeatures(wire.StaticRemoteKey+1, wire.AnchorsZeroFeeHTLC+1)
		}, "channel_type"},
		{"alias and announced", func(_ *Config, m *wire.OpenChannel) { m.ChannelType = base.With(wire.SCIDAlias) }, "announced"},
		{"alias, unannounced", func(_ *Config, m *wire.OpenChannel) {
			m.ChannelType, m.ChannelFlags = base.With(wire.SCIDAlias), 0xfe
		}, ""},
		{"zero-conf from who is not trusted", func(c *Config, m *wire.OpenChannel) {
			m.ChannelType, c.TrustPeer = base.With(wire.ZeroConf), false
		}, "trust"},
		{"zero-conf", func(_ *Config, m *wire.OpenChannel) { m.ChannelType = base.With(wire.ZeroConf) }, ""},
		{"dual funding negotiated", func(c *Config, _ *wire.OpenChannel) {
			c.Ours, c.Theirs = c.Ours.With(wire.DualFund+1), c.Theirs.With(wire.DualFund)
		}, "open_channel2"},
		{"undefined flags", func(_ *Config, m *wire.OpenChannel) { m.ChannelFlags = 0xff }, ""},
		{"upfront script of no form", func(_ *Config, m *wire.OpenChannel) { m.UpfrontShutdownScript = []byte{0, 1, 2} }, "upfront"},
		{"upfront taproot, not negotiated", func(c *Config, m *wire.OpenChannel) {
			m.UpfrontShutdownScript, c.Theirs = append([]byte{0x51, 32}, make([]byte, 32)...), base
		}, "upfront"},
		{"upfront taproot", func(_ *Config, m *wire.OpenChannel) {
			m.UpfrontShutdownScript = append([]byte{0x51, 32}, make([]byte, 32)...)
		}, ""},
		{"no upfront script", func(_ *Config, m *wire.OpenChannel) { m.UpfrontShutdownScript = nil }, ""},
		{"funding key", func(_ *Config, m *wire.OpenChannel) { m.FundingPubkey = notAPoint }, "funding_pubkey"},
		{"revocation key", func(_ *Config, m *wire.OpenChannel) { m.RevocationBasepoint = notAPoint }, "revocation_basepoint"},
		{"payment key", func(_ *Config, m *wire.OpenChannel) { m.PaymentBasepoint = notAPoint }, "payment_basepoint"},
		{"delayed key", func(_ *Config, m *wire.OpenChannel) { m.DelayedPaymentBasepoint = notAPoint }, "delayed_payment_basepoint"},
		{"HTLC key", func(_ *Config, m *wire.OpenChannel) { m.HTLCBasepoint = notAPoint }, "htlc_basepoint"},
		{"first point", func(_ *Config, m *wire.OpenChannel) { m.FirstPerCommitmentPoint = notAPoint }, "first_per_commitment_point"},
	} {
		_, m, err := Start(side("alice"), wish())
		if err != nil {
			t.Fatal(err)
		}
		cfg := side("bob")
		c.change(&cfg, m)
		_, _, err = Accept(cfg, m)
		check(t, c.name, c.answer, err)
	}
}

func check(t *testing.T, name, answer string, err error) {
	t.Helper()
	var v *channel.Violation
	switch {
	case answer == "" && err != nil:
		t.Errorf("%s: refused: %v", name, err)
	case answer == "":
	case err == nil:
		t.Errorf("%s: accepted", name)
	case !errors.As(err, &v) || v.Kind != channel.Fail || !strings.Contains(v.Text, answer):
		t.Errorf("%s: %v does not speak of %s", name, err, answer)
	}
}

func TestIllegalAcceptChannelIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config, *wire.AcceptChannel)
		answer string
	}{
		{"legal", func(*Config, *wire.AcceptChannel) {}, ""},
		{"largest depth", func(_ *Config, m *wire.AcceptChannel) { m.MinimumDepth = 144 }, ""},
		{"reserve of our dust limit", func(c *Config, m *wire.AcceptChannel) {
			c.Policy.DustLimit, m.ChannelReserveSatoshis = 1_000, 1_000
		}, ""},
		{"dust limit of the reserve that we asked for", func(c *Config, m *wire.AcceptChannel) {
			c.Policy.MaxDustLimit, m.DustLimitSatoshis, m.ChannelReserveSatoshis = 20_000, 10_000, 10_000
		}, ""},
		{"no type", func(_ *Config, m *wire.AcceptChannel) { m.ChannelType = nil }, "has no channel_type"},
		{"another type", func(_ *Config, m *wire.AcceptChannel) { m.ChannelType = m.ChannelType.With(wire.ZeroConf) }, "channel_type"},
		{"no depth: one confirmation is the least", func(_ *Config, m *wire.AcceptChannel) { m.MinimumDepth = 0 }, ""},
		{"depth too large", func(_ *Config, m *wire.AcceptChannel) { m.MinimumDepth = 145 }, "minimum_depth"},
		{"reserve below our dust limit", func(c *Config, m *wire.AcceptChannel) {
			c.Policy.DustLimit, m.ChannelReserveSatoshis = 1_000, 999
		}, "our dust_limit_satoshis"},
		{"dust limit above the reserve that we asked for", func(c *Config, m *wire.AcceptChannel) {
			c.Policy.MaxDustLimit, m.DustLimitSatoshis, m.ChannelReserveSatoshis = 20_000, 10_001, 10_001
		}, "our channel_reserve_satoshis"},
		{"dust limit above its own reserve", func(_ *Config, m *wire.AcceptChannel) {
			m.DustLimitSatoshis, m.ChannelReserveSatoshis = 1_500, 1_499
		}, "channel_reserve_satoshis"},
		{"dust limit too small", func(_ *Config, m *wire.AcceptChannel) { m.DustLimitSatoshis = 353 }, "dust_limit_satoshis"},
		{"reserve too large", func(_ *Config, m *wire.AcceptChannel) { m.ChannelReserveSatoshis = 100_001 }, "channel_reserve_satoshis"},
		{"delay too large", func(_ *Config, m *wire.AcceptChannel) { m.ToSelfDelay = 2017 }, "to_self_delay"},
		{"too many HTLCs", func(_ *Config, m *wire.AcceptChannel) { m.MaxAcceptedHTLCs = 484 }, "max_accepted_htlcs"},
		{"HTLC minimum too large", func(_ *Config, m *wire.AcceptChannel) { m.HTLCMinimumMsat = 100_001 }, "htlc_minimum_msat"},
		{"in flight too small", func(_ *Config, m *wire.AcceptChannel) { m.MaxHTLCValueInFlightMsat = 1 }, "in_flight"},
		{"upfront script of no form", func(_ *Config, m *wire.AcceptChannel) { m.UpfrontShutdownScript = []byte{9} }, "upfront"},
		{"no point", func(_ *Config, m *wire.AcceptChannel) { m.HTLCBasepoint = wire.Point{} }, "htlc_basepoint"},
	} {
		_, hello, err := Start(side("alice"), wish())
		if err != nil {
			t.Fatal(err)
		}
		_, m, err := Accept(side("bob"), hello)
		if err != nil {
			t.Fatal(err)
		}
		cfg, good := side("alice"), *m
		c.change(&cfg, m)
		o, _, err := Start(cfg, wish())
		if err != nil {
			t.Fatal(err)
		}
		_, err = o.Accepted(m)
		check(t, c.name, c.answer, err)
		if want := max(1, m.MinimumDepth); err == nil && o.params.MinimumDepth != want {
			t.Errorf("%s: a depth of %d, not %d", c.name, o.params.MinimumDepth, want)
		}
		if _, again := o.Accepted(&good); again == nil {
			t.Errorf("%s: a second accept_channel is taken", c.name)
		}
	}
}

func TestWithoutAnAliasNoChannelThatNeedsOneIsAccepted(t *testing.T) {
	r := wish()
	r.ZeroConf = true
	_, hello, err := Start(side("alice"), r)
	if err != nil {
		t.Fatal(err)
	}
	cfg := side("bob")
	cfg.Alias = 0
	if _, _, err := Accept(cfg, hello); !errors.Is(err, ErrRequest) {
		t.Errorf("got %v", err)
	}
}

func TestAClosingScriptOfNoFormIsOurOwnFault(t *testing.T) {
	_, hello, err := Start(side("alice"), wish())
	if err != nil {
		t.Fatal(err)
	}
	cfg := side("bob")
	cfg.Script = []byte{1}
	var v *channel.Violation
	if _, _, err := Accept(cfg, hello); !errors.Is(err, ErrRequest) || errors.As(err, &v) {
		t.Errorf("got %v", err)
	}
}

func TestZeroConfMeansNoDepth(t *testing.T) {
	r := wish()
	r.ZeroConf = true
	o, hello, err := Start(side("alice"), r)
	if err != nil {
		t.Fatal(err)
	}
	_, m, err := Accept(side("bob"), hello)
	if err != nil || m.MinimumDepth != 0 {
		t.Fatalf("minimum_depth %d, %v", m.MinimumDepth, err)
	}
	m.MinimumDepth = 1
	_, err = o.Accepted(m)
	check(t, "depth 1", "minimum_depth", err)
}

func TestAChannelThatThePeerWouldRefuseIsNotAskedFor(t *testing.T) {
	small := wire.NewFeatures(wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC)
	for _, c := range []struct {
		name   string
		change func(*Config, *Request)
		want   error
	}{
		{"legal", func(*Config, *Request) {}, nil},
		{"peer with anchors and nothing more", func(c *Config, _ *Request) { c.Theirs = small }, nil},
		{"the smallest", func(_ *Config, r *Request) { r.Funding, r.Push = 20_000, 0 }, nil},
		{"all bitcoin", func(_ *Config, r *Request) { r.Funding = amount.MaxMoney }, nil},
		{"more than all bitcoin", func(_ *Config, r *Request) { r.Funding = amount.MaxMoney + 1 }, ErrRequest},
		{"peer without anchors", func(c *Config, _ *Request) { c.Theirs = wire.NewFeatures(wire.StaticRemoteKey) }, ErrFeature},
		{"large, peer without it", func(c *Config, r *Request) { c.Theirs, r.Funding = small, 1<<24 }, ErrFeature},
		{"alias, peer without it", func(c *Config, r *Request) { c.Theirs, r.UseAlias, r.Announce = small, true, false }, ErrFeature},
		{"zero-conf, peer without it", func(c *Config, r *Request) { c.Theirs, r.ZeroConf = small, true }, ErrFeature},
		{"alias and announced", func(_ *Config, r *Request) { r.UseAlias = true }, ErrRequest},
		{"zero-conf without an alias", func(c *Config, r *Request) { c.Alias, r.ZeroConf = 0, true }, ErrRequest},
		{"too small", func(_ *Config, r *Request) { r.Funding, r.Push = 19_999, 0 }, ErrRequest},
		{"too much pushed", func(_ *Config, r *Request) { r.Push = 999_000_000 }, ErrRequest},
		{"feerate", func(_ *Config, r *Request) { r.FeePerKw = 1 }, ErrRequest},
		{"closing script", func(c *Config, _ *Request) { c.Script = []byte{1} }, ErrRequest},
	} {
		cfg, r := side("alice"), wish()
		c.change(&cfg, &r)
		if _, _, err := Start(cfg, r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
