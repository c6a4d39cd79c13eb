//go:build !race

package relay

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

const height = 800_000

// scene is an HTLC that may be forwarded, for tests to spoil.
type scene struct {
	in      channel.Incoming
	peeled  onion.Peeled
	peelErr error
	out     Channel
	known   bool
	lost    bool
	scid    wire.ShortChannelID
}

func forwardable() *scene {
	s := &scene{known: true, scid: 7}
	s.in = channel.Incoming{
		Ref: channel.Ref{ID: 3}, Amount: 101_001, CLTVExpiry: height + 140, PaymentHash: wire.PaymentHash{8},
		Onion: new([wire.OnionPacketSize]byte),
	}
	s.peeled = onion.Peeled{
		Payload: onion.Payload{AmtToForward: 100_000, OutgoingCLTV: height + 60, ShortChannelID: &s.scid},
		Next:    &[wire.OnionPacketSize]byte{9},
	}
	s.out = Channel{Policy: DefaultPolicy(), Usable: true, Update: &wire.ChannelUpdate{ShortChannelID: 7}}
	return s
}

// tokens makes it one that carries 1,000,000 units and their fee, and exactly the base
// fee in bitcoin.
func (s *scene) tokens() {
	s.in.Amount, s.in.Property, s.in.Tokens = 101_000, 31, 1_000_010
	s.peeled.Payload.Tokens = &onion.Tokens{Property: 31, Units: 1_000_000}
	s.out.Property, s.out.Carrier = 31, 100_000
}

func (s *scene) decide() Decision {
	return Decide(s.in, s.peeled, s.peelErr, Facts{Height: height, Lost: s.lost, Outgoing: func(scid wire.ShortChannelID) (Channel, bool) {
		if !s.known {
			return Channel{}, false
		}
		return s.out, scid == 7
	}})
}

func TestAnHTLCThatPaysIsForwardedAsTheOnionSays(t *testing.T) {
	s := forwardable()
	f, ok := s.decide().(Forward)
	if !ok {
		t.Fatalf("%+v", s.decide())
	}
	if f.SCID != 7 || f.Add.Amount != 100_000 || f.Add.CLTVExpiry != height+60 || f.Add.Onion[0] != 9 ||
		f.Add.PaymentHash != s.in.PaymentHash || *f.Add.Origin.In != s.in.Ref || f.Add.Origin.Attempt != 0 {
		t.Errorf("%+v", f)
	}
}

func TestTokensAreForwardedAsTheOnionSays(t *testing.T) {
	s := forwardable()
	s.tokens()
	f, ok := s.decide().(Forward)
	if !ok || f.SCID != 7 || f.Add.Amount != 100_000 || f.Add.Tokens != 1_000_000 {
		t.Fatalf("%+v", s.decide())
	}
}

func TestTokensForUsAreComparedWithTheirPayload(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(s *scene)
		want  onion.Code // zero: received
	}{
		"as said":          {func(*scene) {}, 0},
		"more than said":   {func(s *scene) { s.in.Tokens++ }, 0},
		"one fewer":        {func(s *scene) { s.in.Tokens-- }, onion.CodeIncorrectOrUnknownPaymentDetails},
		"others":           {func(s *scene) { s.in.Property++ }, onion.CodeIncorrectOrUnknownPaymentDetails},
		"less bitcoin":     {func(s *scene) { s.in.Amount-- }, onion.CodeFinalIncorrectHTLCAmount},
		"said of bitcoin":  {func(s *scene) { s.in.Property, s.in.Tokens = 0, 0 }, onion.CodeInvalidOnionPayload},
		"of which is none": {func(s *scene) { s.peeled.Payload.Tokens = nil }, onion.CodeInvalidOnionPayload},
	} {
		s := forwardable()
		s.tokens()
		s.peeled.Next, s.peeled.Payload.ShortChannelID = nil, nil
		s.in.Amount, s.in.Tokens, s.peeled.Payload.TotalTokens = 100_000, 1_000_000, 1_000_000
		c.spoil(s)
		switch d := s.decide().(type) {
		case Receive:
			if c.want != 0 {
				t.Errorf("%s: received", name)
			}
		case Fail:
			if d.Failure.Code != c.want {
				t.Errorf("%s: %v, want %v", name, d.Failure.Code, c.want)
			}
		default:
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// Whatever an HTLC, its onion and the next channel say: what goes on has the property that
// came, no more tokens and no more bitcoin than came, less the fees.
func TestNoForwardLosesTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := forwardable()
		s.tokens()
		units := rapid.OneOf(rapid.Uint64Range(1, 2_000_000), rapid.Uint64())
		s.in.Tokens, s.peeled.Payload.Tokens.Units = amount.Units(units.Draw(t, "in")), amount.Units(units.Draw(t, "out"))
		s.in.Amount = amount.MilliSatoshi(rapid.Uint64Range(99_000, 103_000).Draw(t, "msat"))
		s.out.Policy.FeeProportionalMillionths = rapid.Uint32().Draw(t, "ppm")
		s.out.Property = amount.Property(rapid.Uint32Range(30, 32).Draw(t, "property"))
		f, ok := s.decide().(Forward)
		if !ok {
			return
		}
		left, enough := s.in.Tokens.Sub(f.Add.Tokens)
		if !enough || left < s.out.Policy.TokenFee(f.Add.Tokens) || s.out.Property != s.in.Property || f.Add.Tokens == 0 ||
			s.in.Amount < f.Add.Amount+amount.MilliSatoshi(s.out.Policy.FeeBaseMsat) || f.Add.Amount < s.out.Carrier {
			t.Fatalf("%+v for %+v", f, s.in)
		}
	})
}

func TestEachBrokenRuleHasItsFailure(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(s *scene)
		want  onion.Code
	}{
		"unusable":          {func(s *scene) { s.out.Usable = false }, onion.CodeTemporaryChannelFailure},
		"above the maximum": {func(s *scene) { s.out.Policy.HTLCMaximum = 99_999 }, onion.CodeTemporaryChannelFailure},
		"no present height": {func(s *scene) { s.lost = true }, onion.CodeTemporaryNodeFailure},
		"nor a payload": {func(s *scene) {
			s.lost = true
			s.peeled.PayloadErr = &onion.PayloadError{Failure: onion.InvalidOnionPayload(4, 2)}
		}, onion.CodeInvalidOnionPayload},
		"nor for us":               {func(s *scene) { s.lost = true; s.peeled.Next = nil }, onion.CodeTemporaryNodeFailure},
		"over exposed":             {func(s *scene) { s.in.OverExposed = true }, onion.CodeTemporaryChannelFailure},
		"gone":                     {func(s *scene) { s.out.Gone = true }, onion.CodePermanentChannelFailure},
		"the hidden name":          {func(s *scene) { s.out.Policy.Hidden = 7 }, onion.CodeUnknownNextPeer},
		"unknown":                  {func(s *scene) { s.known = false }, onion.CodeUnknownNextPeer},
		"below the minimum":        {func(s *scene) { s.out.Policy.HTLCMinimum = 100_001 }, onion.CodeAmountBelowMinimum},
		"zero":                     {func(s *scene) { s.peeled.Payload.AmtToForward = 0; s.out.Policy.HTLCMinimum = 0 }, onion.CodeAmountBelowMinimum},
		"one msat of fee less":     {func(s *scene) { s.in.Amount = 101_000 }, onion.CodeFeeInsufficient},
		"more than came":           {func(s *scene) { s.peeled.Payload.AmtToForward = math.MaxUint64 }, onion.CodeFeeInsufficient},
		"one block less":           {func(s *scene) { s.in.CLTVExpiry-- }, onion.CodeIncorrectCLTVExpiry},
		"expiry overflows":         {func(s *scene) { s.peeled.Payload.OutgoingCLTV = math.MaxUint32 }, onion.CodeIncorrectCLTVExpiry},
		"too soon":                 {func(s *scene) { s.peeled.Payload.OutgoingCLTV = height + MinExpiry }, onion.CodeExpiryTooSoon},
		"disabled":                 {func(s *scene) { s.out.Disabled = true }, onion.CodeChannelDisabled},
		"too far":                  {func(s *scene) { s.in.CLTVExpiry = height + 2017 }, onion.CodeExpiryTooFar},
		"bad payload":              {func(s *scene) { s.peeled.PayloadErr = &onion.PayloadError{Failure: onion.InvalidOnionPayload(4, 2)} }, onion.CodeInvalidOnionPayload},
		"tokens of a bitcoin HTLC": {func(s *scene) { s.peeled.Payload.Tokens = &onion.Tokens{Property: 31, Units: 1} }, onion.CodeInvalidOnionPayload},
		"no tokens of tokens":      {func(s *scene) { s.tokens(); s.peeled.Payload.Tokens.Units = 0 }, onion.CodeInvalidOnionPayload},
		"tokens of one for us": {func(s *scene) {
			s.peeled.Next, s.peeled.Payload.Tokens = nil, &onion.Tokens{Property: 31, Units: 1}
		}, onion.CodeInvalidOnionPayload},
		"tokens to a bitcoin channel":    {func(s *scene) { s.tokens(); s.out.Property = 0 }, onion.CodeUnknownNextPeer},
		"bitcoin to a channel of tokens": {func(s *scene) { s.out.Property = 31 }, onion.CodeUnknownNextPeer},
		"other tokens":                   {func(s *scene) { s.tokens(); s.out.Property = 32 }, onion.CodeUnknownNextPeer},
		"other tokens in the onion":      {func(s *scene) { s.tokens(); s.peeled.Payload.Tokens.Property = 32 }, onion.CodeUnknownNextPeer},
		"tokens of which none is said":   {func(s *scene) { s.tokens(); s.peeled.Payload.Tokens = nil }, onion.CodeInvalidOnionPayload},
		"a unit of fee less":             {func(s *scene) { s.tokens(); s.in.Tokens-- }, onion.CodeFeeInsufficient},
		"an msat of the base less":       {func(s *scene) { s.tokens(); s.in.Amount-- }, onion.CodeFeeInsufficient},
		"more tokens than came":          {func(s *scene) { s.tokens(); s.peeled.Payload.Tokens.Units = amount.MaxUnits }, onion.CodeFeeInsufficient},
		"too little to carry them":       {func(s *scene) { s.tokens(); s.out.Carrier = 100_001 }, onion.CodeAmountBelowMinimum},
		"no channel named":               {func(s *scene) { s.peeled.Payload.ShortChannelID = nil }, onion.CodeInvalidOnionPayload},
		"the first of several":           {func(s *scene) { s.out.Disabled = true; s.in.Amount = 1 }, onion.CodeFeeInsufficient},
		"unexplained":                    {func(s *scene) { s.peelErr = errors.New("key is away") }, onion.CodeTemporaryNodeFailure},
	} {
		s := forwardable()
		c.spoil(s)
		f, ok := s.decide().(Fail)
		if !ok || f.Failure.Code != c.want {
			t.Errorf("%s: %+v, want %v", name, s.decide(), c.want)
		}
	}
}

func TestALimitItselfIsKept(t *testing.T) {
	for name, spoil := range map[string]func(s *scene){
		"the maximum":      func(s *scene) { s.out.Policy.HTLCMaximum = 100_000 },
		"the minimum":      func(s *scene) { s.out.Policy.HTLCMinimum = 100_000 },
		"the nearest":      func(s *scene) { s.peeled.Payload.OutgoingCLTV = height + MinExpiry + 1 },
		"the farthest":     func(s *scene) { s.in.CLTVExpiry = height + MaxHTLCCLTV },
		"more of all":      func(s *scene) { s.in.Amount++; s.in.CLTVExpiry++ },
		"another hidden":   func(s *scene) { s.out.Policy.Hidden = 8 },
		"no enclosed word": func(s *scene) { s.out.Update = nil },
	} {
		s := forwardable()
		spoil(s)
		if _, ok := s.decide().(Forward); !ok {
			t.Errorf("%s: %+v", name, s.decide())
		}
	}
}

func TestFailuresTellWhatBOLT4Asks(t *testing.T) {
	s := forwardable()
	s.peeled.PayloadErr = &onion.PayloadError{Failure: onion.InvalidOnionPayload(4, 2)}
	if f := s.decide().(Fail).Failure; !bytes.Equal(f.Encode(), onion.InvalidOnionPayload(4, 2).Encode()) {
		t.Errorf("%+v", f)
	}
	s = forwardable()
	s.in.CLTVExpiry--
	if f := s.decide().(Fail).Failure; f.CLTVExpiry != height+60 || len(f.ChannelUpdate) == 0 {
		t.Errorf("%+v", f)
	}
	s = forwardable()
	s.in.Amount--
	if f := s.decide().(Fail).Failure; f.HTLCMsat != s.in.Amount || len(f.ChannelUpdate) == 0 {
		t.Errorf("%+v", f)
	}
	s.out.Update = &wire.ChannelUpdate{ShortChannelID: 8} // of another alias: it would give the alias away
	if f := s.decide().(Fail).Failure; len(f.ChannelUpdate) != 0 {
		t.Errorf("%+v", f)
	}
}

func TestOlderTermsAreHonoured(t *testing.T) {
	s := forwardable()
	s.out.Older = []Policy{s.out.Policy}
	s.out.Policy.FeeBaseMsat = 1_000_000
	s.out.Policy.CLTVExpiryDelta = 1000
	if _, ok := s.decide().(Forward); !ok {
		t.Errorf("%+v", s.decide())
	}
	s.in.Amount--
	if f, ok := s.decide().(Fail); !ok || f.Failure.Code != onion.CodeFeeInsufficient {
		t.Errorf("no terms are kept: %+v", s.decide())
	}
}

func TestAnHTLCInABlindedRouteOrUnreadableGoesBackMalformed(t *testing.T) {
	s := forwardable()
	s.in.PathKey = &wire.Point{2}
	if d, ok := s.decide().(FailMalformed); !ok || onion.Code(d.Malformed.Code) != onion.CodeInvalidOnionBlinding {
		t.Errorf("%+v", s.decide())
	}
	s = forwardable()
	s.peelErr = &onion.Malformed{Code: uint16(onion.CodeInvalidOnionHMAC), SHA256OfOnion: [32]byte{4}}
	if d, ok := s.decide().(FailMalformed); !ok || d.Malformed != (channel.Malformed{SHA256OfOnion: [32]byte{4}, Code: uint16(onion.CodeInvalidOnionHMAC)}) {
		t.Errorf("%+v", s.decide())
	}
}

func TestAnHTLCForUsIsComparedWithItsPayload(t *testing.T) {
	final := func() *scene {
		s := forwardable()
		s.peeled.Next = nil
		s.peeled.Payload = onion.Payload{AmtToForward: s.in.Amount, OutgoingCLTV: s.in.CLTVExpiry}
		return s
	}
	if _, ok := final().decide().(Receive); !ok {
		t.Error("not received")
	}
	s := final()
	s.in.CLTVExpiry--
	if f := s.decide().(Fail).Failure; f.Code != onion.CodeFinalIncorrectCLTVExpiry || f.CLTVExpiry != s.in.CLTVExpiry {
		t.Errorf("%+v", f)
	}
	s = final()
	s.in.Amount--
	if f := s.decide().(Fail).Failure; f.Code != onion.CodeFinalIncorrectHTLCAmount || f.HTLCMsat != s.in.Amount {
		t.Errorf("%+v", f)
	}
	s = final()
	s.in.CLTVExpiry = height + 2017
	if f := s.decide().(Fail).Failure; f.Code != onion.CodeIncorrectOrUnknownPaymentDetails {
		t.Errorf("a last hop said %v", f)
	}
}

func TestNoForwardLosesMoneyOrTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := forwardable()
		s.in.Amount = amount.MilliSatoshi(rapid.Uint64().Draw(t, "in"))
		s.peeled.Payload.AmtToForward = amount.MilliSatoshi(rapid.Uint64Range(0, uint64(s.in.Amount)).Draw(t, "out"))
		s.in.CLTVExpiry = rapid.Uint32().Draw(t, "expiry in")
		s.peeled.Payload.OutgoingCLTV = rapid.Uint32Range(0, s.in.CLTVExpiry).Draw(t, "expiry out")
		s.out.Policy = Policy{
			FeeBaseMsat: rapid.Uint32().Draw(t, "base"), FeeProportionalMillionths: rapid.Uint32().Draw(t, "ppm"),
			CLTVExpiryDelta: rapid.Uint16().Draw(t, "delta"),
		}
		f, ok := s.decide().(Forward)
		if !ok {
			return
		}
		if s.in.Amount-f.Add.Amount < amount.MilliSatoshi(s.out.Policy.FeeBaseMsat) || f.Add.Amount > s.in.Amount {
			t.Fatal("it loses money")
		}
		if s.in.CLTVExpiry-f.Add.CLTVExpiry < uint32(s.out.Policy.CLTVExpiryDelta) || f.Add.CLTVExpiry > s.in.CLTVExpiry {
			t.Fatal("it loses time")
		}
	})
}

func TestTheEndBelowIsTheEndAbove(t *testing.T) {
	secret, below := [32]byte{1}, [32]byte{2}
	in := channel.Ref{ID: 5}
	if d := Answer(in, channel.Resolved{Preimage: &wire.Preimage{3}}, secret); d.Kind != Fulfil || d.Preimage != (wire.Preimage{3}) || d.In != in {
		t.Errorf("%+v", d)
	}
	for name, c := range map[string]struct {
		r    channel.Resolved
		hop  int
		want onion.Failure
	}{
		"a failure from further on": {channel.Resolved{Reason: onion.NewFailure(below, onion.UnknownNextPeer())}, 1, onion.UnknownNextPeer()},
		"an onion that the peer could not read": {
			channel.Resolved{Malformed: &channel.Malformed{SHA256OfOnion: [32]byte{6}, Code: uint16(onion.CodeInvalidOnionHMAC)}}, 0,
			onion.Failure{Code: onion.CodeInvalidOnionHMAC, SHA256OfOnion: [32]byte{6}},
		},
		"a timeout on-chain": {channel.Resolved{}, 0, onion.PermanentChannelFailure()},
	} {
		d := Answer(in, c.r, secret)
		hop, f, err := onion.DecodeReason([][32]byte{secret, below}, d.Reason)
		if err != nil || d.Kind != Failed || hop != c.hop || !bytes.Equal(f.Encode(), c.want.Encode()) {
			t.Errorf("%s: hop %d, %v, %v", name, hop, f, err)
		}
	}
}

func TestAFeeThatOverflowsIsMoreThanAnybodyPays(t *testing.T) {
	p := Policy{FeeBaseMsat: math.MaxUint32, FeeProportionalMillionths: math.MaxUint32}
	for p, amt := range map[Policy]amount.MilliSatoshi{
		p:                                      math.MaxUint64,
		{FeeProportionalMillionths: 2_000_000}: 1 << 63, // 2^64 exactly
		{FeeProportionalMillionths: 1_000_000, FeeBaseMsat: 1}: math.MaxUint64,
	} {
		if fee := p.Fee(amt); fee != math.MaxUint64 {
			t.Errorf("%+v for %d: %d", p, amt, fee)
		}
	}
	if fee := DefaultPolicy().Fee(1_000_000); fee != 1010 {
		t.Error(fee)
	}
}
