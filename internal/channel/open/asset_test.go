//go:build !race

package open

import (
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// tokenSide is one that knows tokens, and closes to where they can be.
func tokenSide(name string) Config {
	c := side(name)
	c.Ours, c.Theirs = c.Ours.With(wire.OptionOmniAsset+1), c.Theirs.With(wire.OptionOmniAsset+1)
	c.Script, _ = script.Wrapped(c.Script)
	return c
}

func tokenWish() Request {
	r := wish()
	r.Announce, r.Asset = false, &Asset{Property: 0x80000003, Tokens: 1_000_000, Push: 200_000}
	return r
}

func TestTwoNodesOpenAChannelWithTokens(t *testing.T) {
	for _, push := range []amount.Units{0, 200_000, 1_000_000} {
		r := tokenWish()
		r.Asset.Push = push
		c := converse(t, tokenSide("alice"), tokenSide("bob"), r)
		c.finish(t)
		if pk := fundingScript(t, c); !txscript.IsPayToScriptHash(pk) {
			t.Errorf("the funding output is %x", pk)
		}
		for i, side := range []*terms{&c.opener.terms, &c.accepter.terms} {
			p := c.done[i].A.Channel.Params()
			if p.Property != 0x80000003 || p.Tokens != 1_000_000 || p.Format != script.Tokens || p.MinimumDepth != AssetDepth || p.Announce {
				t.Errorf("%+v", p)
			}
			opener, accepter := p.LocalLimits, p.RemoteLimits
			if i == 1 {
				opener, accepter = accepter, opener
			}
			if opener.MaxAcceptedHTLCs != 2 || accepter.MaxAcceptedHTLCs != 3 || opener.DustLimit != 540 ||
				opener.Tokens != (tally.TokenLimits{Reserve: 10_000, HTLCMinimum: 1, MaxInFlight: 1_000_000}) || opener.Tokens != accepter.Tokens {
				t.Errorf("limits %+v and %+v", opener, accepter)
			}
			want := push
			if i == 0 {
				want = 1_000_000 - push
			}
			if v := c.done[i].A.Channel.View(); v.TokensToLocal != want || v.TokensToRemote != 1_000_000-want {
				t.Errorf("%+v", v)
			}
			ours, _, _, err := c.done[i].A.Channel.OurCommitment(side.cfg.Signer)
			if err != nil {
				t.Fatal(err)
			}
			other := []*terms{&c.accepter.terms, &c.opener.terms}[i]
			if theirs, err := other.first(dance.Remote); err != nil || theirs.Tx.TxHash() != ours.Tx.TxHash() {
				t.Errorf("the sides differ on commitment 0 of side %d: %v", i, err)
			}
			delays, sigs := ours.Delays(), c.done[i].A.Channel.DelaySignatures()
			if len(delays) != 1 || len(sigs) != 1 || !script.Verify(ours.Keys.CountersignatoryHTLC, delays[0].SigHash(), sigs[0]) {
				t.Errorf("%d delays, %d signatures", len(delays), len(sigs))
			}
		}
	}
}

// The HTLCs of a channel are as many as both sides' bitcoin nodes relay, and as the opener
// can pay for.
func TestBothSidesAgreeOnHowManyHTLCsWithTokensThereAre(t *testing.T) {
	for _, c := range []struct {
		alice, bob         uint8
		feePerKw           uint32
		openers, accepters uint16
	}{
		{0, 0, 2000, 3, 2}, {7, 26, 2000, 3, 2}, {26, 0, 2000, 3, 2}, {8, 8, 2000, 3, 3}, {9, 26, 2000, 4, 3}, {26, 26, 2000, 12, 12}, {26, 25, 2000, 12, 11},
		{255, 255, 2000, 12, 12}, {26, 26, 50_000, 3, 3}, {26, 26, 30_000, 7, 7}, {26, 26, 90_000, 3, 2},
	} {
		r, alice, bob := tokenWish(), tokenSide("alice"), tokenSide("bob")
		alice.Receivers, bob.Receivers, r.FeePerKw = c.alice, c.bob, c.feePerKw
		r.Push = 200_000_000
		both := converse(t, alice, bob, r)
		both.finish(t)
		for i := range both.done {
			p := both.done[i].A.Channel.Params()
			opener, accepter := p.LocalLimits, p.RemoteLimits
			if i == 1 {
				opener, accepter = accepter, opener
			}
			if opener.MaxAcceptedHTLCs != c.accepters || accepter.MaxAcceptedHTLCs != c.openers {
				t.Errorf("%+v: side %d: the opener offers %d, the other side %d", c, i, accepter.MaxAcceptedHTLCs, opener.MaxAcceptedHTLCs)
			}
		}
	}
}

func TestAChannelWithTokensIsAnnouncedWhenBothWishIt(t *testing.T) {
	for _, wish := range []struct{ opener, private, want bool }{{true, false, true}, {true, true, false}, {false, false, false}} {
		r, bob := tokenWish(), tokenSide("bob")
		r.Announce, bob.Private = wish.opener, wish.private
		c := converse(t, tokenSide("alice"), bob, r)
		c.finish(t)
		if c.opener.sent.ChannelFlags != 0 {
			t.Error("BOLT 2's announce_channel is set")
		}
		for i := range c.done {
			if got := c.done[i].A.Channel.Params().Announce; got != wish.want {
				t.Errorf("%+v: side %d: %v", wish, i, got)
			}
		}
	}
}

func TestAChannelWithTokensThatCannotBeIsNotAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config, *Request)
		want   error
	}{
		"as it is":              {func(*Config, *Request) {}, nil},
		"announced":             {func(_ *Config, r *Request) { r.Announce = true }, nil},
		"hidden":                {func(_ *Config, r *Request) { r.UseAlias = true }, ErrRequest},
		"unconfirmed":           {func(_ *Config, r *Request) { r.ZeroConf = true }, ErrRequest},
		"a peer without":        {func(c *Config, _ *Request) { c.Theirs = side("bob").Theirs }, ErrFeature},
		"none":                  {func(_ *Config, r *Request) { r.Asset.Tokens, r.Asset.Push = 0, 0 }, ErrRequest},
		"bitcoin as a property": {func(_ *Config, r *Request) { r.Asset.Property = 0 }, ErrRequest},
		"more pushed than are":  {func(_ *Config, r *Request) { r.Asset.Push = 1_000_001 }, ErrRequest},
		"pushed without satoshi": {func(_ *Config, r *Request) {
			r.Push = script.CarrierFloor(2000, script.CarrierToLocal).Msat() - 1
		}, ErrRequest},
		"pushed with just enough":        {func(_ *Config, r *Request) { r.Push = script.CarrierFloor(2000, script.CarrierToLocal).Msat() }, nil},
		"too little for the fees":        {func(_ *Config, r *Request) { r.Funding, r.Push, r.FeePerKw = 20_000, 3_000_000, 5000 }, ErrRequest},
		"a closing script that has none": {func(c *Config, _ *Request) { c.Script = side("alice").Script }, ErrRequest},
	} {
		a, r := tokenSide("alice"), tokenWish()
		c.change(&a, &r)
		if _, _, err := Start(a, r); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestIllegalOpenChannelWithTokensIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config, *wire.OpenChannel)
		answer string // part of the text; empty: accepted
	}{
		{"legal", func(*Config, *wire.OpenChannel) {}, ""},
		{"not negotiated", func(c *Config, _ *wire.OpenChannel) { c.Ours = side("bob").Ours }, "not negotiated"},
		{"no tokens said", func(_ *Config, m *wire.OpenChannel) { m.Asset = nil }, "channel_type"},
		{"a type of bitcoin", func(_ *Config, m *wire.OpenChannel) {
			m.ChannelType = wire.NewFeatures(wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC)
		}, "channel_type"},
		{"announced", func(_ *Config, m *wire.OpenChannel) { m.ChannelFlags = 1 }, "announced"},
		{"unknown flags", func(_ *Config, m *wire.OpenChannel) { m.Asset.Limits.Flags = 2 }, "asset_flags"},
		{"few receivers", func(_ *Config, m *wire.OpenChannel) { m.Asset.Limits.MaxReceivers = 6 }, "max_asset_receivers"},
		{"more HTLCs than there can be", func(_ *Config, m *wire.OpenChannel) { m.MaxAcceptedHTLCs = 3 }, "max_accepted_htlcs"},
		{"a dust limit below P2SH's", func(_ *Config, m *wire.OpenChannel) { m.DustLimitSatoshis = 539 }, "dust_limit_satoshis"},
		{"a large reserve", func(_ *Config, m *wire.OpenChannel) { m.Asset.Limits.Reserve = 100_001 }, "asset_reserve"},
		{"a large minimum", func(_ *Config, m *wire.OpenChannel) { m.Asset.Limits.HTLCMinimum = 10_001 }, "htlc_minimum_asset"},
		{"little in flight", func(_ *Config, m *wire.OpenChannel) { m.Asset.Limits.MaxInFlight = 99_999 }, "max_asset_in_flight"},
		{"more pushed than are", func(_ *Config, m *wire.OpenChannel) { m.Asset.Push = 1_000_001 }, "pushed"},
		{"too many", func(_ *Config, m *wire.OpenChannel) { m.Asset.Funding = 1 << 63; m.Asset.Limits.MaxInFlight = 1 << 63 }, "units"},
		{"pushed without satoshi", func(_ *Config, m *wire.OpenChannel) { m.PushMsat = 0 }, "too few satoshi"},
		{"an upfront script that has none", func(_ *Config, m *wire.OpenChannel) { m.UpfrontShutdownScript = side("alice").Script }, "upfront"},
	} {
		_, hello, err := Start(tokenSide("alice"), tokenWish())
		if err != nil {
			t.Fatal(err)
		}
		b := tokenSide("bob")
		c.change(&b, hello)
		_, answer, err := Accept(b, hello)
		switch {
		case c.answer == "" && (err != nil || answer.Asset == nil || answer.MinimumDepth < AssetDepth):
			t.Errorf("%s: %v, %+v", c.name, err, answer)
		case c.answer != "" && (err == nil || !strings.Contains(violation(t, err).Text, c.answer)):
			t.Errorf("%s: %v, want %q", c.name, err, c.answer)
		}
	}
}

func TestIllegalAcceptChannelWithTokensIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *wire.AcceptChannel)
		answer string
	}{
		"legal":           {func(*wire.AcceptChannel) {}, ""},
		"no tokens":       {func(m *wire.AcceptChannel) { m.Asset = nil }, "do not agree"},
		"four HTLCs":      {func(m *wire.AcceptChannel) { m.MaxAcceptedHTLCs = 4 }, "max_accepted_htlcs"},
		"a large reserve": {func(m *wire.AcceptChannel) { m.Asset.Reserve = 100_001 }, "asset_reserve"},
	} {
		o, hello, err := Start(tokenSide("alice"), tokenWish())
		if err != nil {
			t.Fatal(err)
		}
		_, answer, err := Accept(tokenSide("bob"), hello)
		if err != nil {
			t.Fatal(err)
		}
		c.change(answer)
		if _, err := o.Accepted(answer); (c.answer == "") != (err == nil) || err != nil && !strings.Contains(violation(t, err).Text, c.answer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := converse(t, tokenSide("alice"), tokenSide("bob"), tokenWish())
	c.created.DelaySignatures = nil
	if _, err := c.accepter.Created(c.created, verifier{}); err == nil {
		t.Error("a first commitment whose delay nobody has signed")
	}
}
