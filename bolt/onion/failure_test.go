//go:build !race

package onion

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// hmacOf is HMAC-SHA256.
func hmacOf(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

// resign gives a packet the HMAC that its sender would have made.
func resign(packet *[wire.OnionPacketSize]byte, secret [32]byte, assoc wire.PaymentHash) {
	copy(packet[macStart:], hmacOf(hmacOf([]byte("mu"), secret[:]), append(packet[payloadStart:macStart:macStart], assoc[:]...)))
}

type failureVector struct {
	Source         string `json:"source"`
	SessionKey     string `json:"session_key"`
	FailureMessage string `json:"failure_message"`
	Hops           []struct {
		NodeID wire.NodeID `json:"node_id"`
		Secret string      `json:"secret"`
	} `json:"hops"`
	ErringHop int    `json:"erring_hop"`
	PaddedTo  int    `json:"padded_to"`
	Payload   string `json:"payload"`
	Reason    string `json:"reason"`
}

func TestReasonsAreThoseOfBOLT4(t *testing.T) {
	var vectors []failureVector
	load(t, "failure.json", &vectors)
	for _, v := range vectors {
		var nodes []wire.NodeID
		for _, h := range v.Hops {
			nodes = append(nodes, h.NodeID)
		}
		secrets := Secrets(key(0x41).PrivateKey, nodes)
		for i, h := range v.Hops {
			if got := hex.EncodeToString(secrets[i][:]); got != h.Secret {
				t.Errorf("secret of hop %d is %s, want %s", i, got, h.Secret)
			}
		}
		f, err := DecodeFailure(unhex(t, v.FailureMessage))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(f.Encode()); got != v.FailureMessage {
			t.Errorf("failure\n%s, want\n%s", got, v.FailureMessage)
		}
		payload := unhex(t, v.Payload)
		reason := Obfuscate(secrets[v.ErringHop], append(authentication(secrets[v.ErringHop], payload), payload...))
		if ours := NewFailure(secrets[v.ErringHop], f); v.PaddedTo == minFailure && !bytes.Equal(ours, reason) {
			t.Errorf("reason\n%x, want\n%x", ours, reason)
		}
		for i := v.ErringHop - 1; i >= 0; i-- {
			reason = Obfuscate(secrets[i], reason)
		}
		if got := hex.EncodeToString(reason); got != v.Reason {
			t.Errorf("reason\n%s, want\n%s", got, v.Reason)
		}
		hop, got, err := DecodeReason(secrets, unhex(t, v.Reason))
		if err != nil || hop != v.ErringHop {
			t.Fatalf("hop %d, %v", hop, err)
		}
		if diff := cmp.Diff(f, got); diff != "" {
			t.Errorf("failure (-want +got):\n%s", diff)
		}
	}
}

// update is a channel_update as a failure carries it.
var update = &wire.ChannelUpdate{ShortChannelID: 7, Timestamp: 8, MessageFlags: 1, CLTVExpiryDelta: 40, HTLCMaximumMsat: 9}

// failures are all codes with all their data, and their bytes without those of
// the hash and of the update.
func failures() map[string]Failure {
	hash := sha256.Sum256(nil)
	return map[string]Failure{
		"2002":                                   TemporaryNodeFailure(),
		"6002":                                   PermanentNodeFailure(),
		"6003":                                   {Code: CodeRequiredNodeFeatureMissing},
		"c004HASH":                               {Code: CodeInvalidOnionVersion, SHA256OfOnion: hash},
		"c005HASH":                               {Code: CodeInvalidOnionHMAC, SHA256OfOnion: hash},
		"c006HASH":                               {Code: CodeInvalidOnionKey, SHA256OfOnion: hash},
		"1007UPDATE":                             TemporaryChannelFailure(update),
		"10070000":                               TemporaryChannelFailure(nil),
		"4008":                                   PermanentChannelFailure(),
		"4009":                                   {Code: CodeRequiredChannelFeatureMissing},
		"400a":                                   UnknownNextPeer(),
		"100b0000000000000064UPDATE":             AmountBelowMinimum(100, update),
		"100c0000000000000064UPDATE":             FeeInsufficient(100, update),
		"100d00000065UPDATE":                     IncorrectCLTVExpiry(101, update),
		"100eUPDATE":                             ExpiryTooSoon(update),
		"400f0000000000000064000c3500":           IncorrectOrUnknownPaymentDetails(100, 800_000),
		"001200000065":                           FinalIncorrectCLTVExpiry(101),
		"00130000000000000064":                   FinalIncorrectHTLCAmount(100),
		"10140000UPDATE":                         ChannelDisabled(update),
		"0015":                                   ExpiryTooFar(),
		"4016fd01010102":                         InvalidOnionPayload(257, 258),
		"0017":                                   MPPTimeout(),
		"c018HASH":                               {Code: CodeInvalidOnionBlinding, SHA256OfOnion: hash},
		"4fffabcd":                               {Code: 0x4fff, Extra: []byte{0xab, 0xcd}},
		"400f0000000000000064000c3500fe00000001": {Code: CodeIncorrectOrUnknownPaymentDetails, HTLCMsat: 100, Height: 800_000, Extra: []byte{0xfe, 0, 0, 0, 1}},
	}
}

func spelled(t testing.TB, s string) []byte {
	hash := sha256.Sum256(nil)
	u := wire.Encode(update)
	return unhex(t, strings.NewReplacer(
		"HASH", hex.EncodeToString(hash[:]),
		"UPDATE", hex.EncodeToString(append([]byte{byte(len(u) >> 8), byte(len(u))}, u...)),
	).Replace(s))
}

func TestEveryFailureHasItsData(t *testing.T) {
	seen := map[Code]bool{}
	for s, f := range failures() {
		seen[f.Code] = true
		b := spelled(t, s)
		if got := f.Encode(); !bytes.Equal(got, b) {
			t.Errorf("%v: %x, want %x", f, got, b)
		}
		got, err := DecodeFailure(b)
		if err != nil {
			t.Errorf("%v: %v", f, err)
		}
		if diff := cmp.Diff(f, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", f, diff)
		}
		if s == "4fffabcd" {
			continue
		}
		for cut := 2; cut < len(b)-len(f.Extra); cut++ {
			if got, err := DecodeFailure(b[:cut]); err == nil || got.Code != f.Code {
				t.Errorf("%v cut to %d bytes: %+v, %v", f, cut, got, err)
			}
		}
	}
	for code := range layouts {
		if !seen[code] {
			t.Errorf("%v is not tested", code)
		}
	}
	if _, err := DecodeFailure([]byte{0}); !errors.Is(err, ErrFailureData) {
		t.Error(err)
	}
}

func TestCodesHaveTheirNames(t *testing.T) {
	if got := CodeIncorrectOrUnknownPaymentDetails.String(); got != "incorrect_or_unknown_payment_details" {
		t.Error(got)
	}
	if got := Code(0x4fff).String(); got != "unknown failure code 0x4fff" {
		t.Error(got)
	}
}

func TestChannelUpdateOfAFailureIsReadWithAndWithoutItsType(t *testing.T) {
	f := TemporaryChannelFailure(update)
	for _, b := range [][]byte{f.ChannelUpdate, f.ChannelUpdate[2:]} {
		f.ChannelUpdate = b
		got, ok := f.Channel()
		if !ok {
			t.Fatalf("%x is not read", b)
		}
		if diff := cmp.Diff(update, got); diff != "" {
			t.Error(diff)
		}
	}
	for _, b := range [][]byte{nil, {1}, wire.Encode(&wire.Ping{})} {
		f.ChannelUpdate = b
		if u, ok := f.Channel(); ok {
			t.Errorf("%x is read as %+v", b, u)
		}
	}
	f.ChannelUpdate = make([]byte, 1<<16-1)
	if got := f.Encode(); len(got) != 2+2+1<<16-1 {
		t.Errorf("the longest update gives %d bytes", len(got))
	}
	f.ChannelUpdate = make([]byte, 1<<16)
	if got := f.Encode(); !bytes.Equal(got, spelled(t, "10070000")) {
		t.Errorf("an update that is too long gives %d bytes", len(got))
	}
}

func TestAllReasonsUpTo256BytesHaveOneLength(t *testing.T) {
	for _, f := range failures() {
		if got := len(NewFailure([32]byte{1}, f)); got != 32+2+2+256 {
			t.Errorf("%v: a reason of %d bytes", f, got)
		}
	}
	if got := len(NewFailure([32]byte{1}, Failure{Code: 1, Extra: make([]byte, 300)})); got != 32+2+2+302 {
		t.Errorf("a longer reason has %d bytes", got)
	}
	if got := len(NewFailure([32]byte{1}, Failure{Code: 1, Extra: make([]byte, 1<<17)})); got > 40_000 {
		t.Errorf("a reason of %d bytes does not fit in a message", got)
	}
}

func TestOnlyTheHopThatFailedIsNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hops := rapid.IntRange(1, MaxHops).Draw(t, "hops")
		erring := rapid.IntRange(0, hops-1).Draw(t, "erring")
		secrets := make([][32]byte, hops)
		for i := range secrets {
			secrets[i] = sha256.Sum256([]byte{byte(i)})
		}
		want := IncorrectOrUnknownPaymentDetails(1, 2)
		reason := NewFailure(secrets[erring], want)
		for i := erring - 1; i >= 0; i-- {
			reason = Obfuscate(secrets[i], reason)
		}
		hop, got, err := DecodeReason(secrets, reason)
		if err != nil || hop != erring || got.Code != want.Code {
			t.Fatalf("hop %d, %v, %v", hop, got, err)
		}
		reason[rapid.IntRange(0, len(reason)-1).Draw(t, "at")] ^= 1
		if hop, _, err := DecodeReason(secrets, reason); !errors.Is(err, ErrUnreadable) || hop != -1 {
			t.Fatalf("a changed reason names hop %d: %v", hop, err)
		}
	})
}

// What fills the rounds after the last hop must not read as a hop.
func TestTheConstantSecretNamesNobody(t *testing.T) {
	if hop, _, err := DecodeReason(nil, NewFailure([32]byte{}, MPPTimeout())); !errors.Is(err, ErrUnreadable) {
		t.Errorf("hop %d, %v", hop, err)
	}
}

func TestNonsenseOfAHopIsItsOwn(t *testing.T) {
	secret := [32]byte{5}
	for name, test := range map[string]struct {
		payload string
		code    Code
	}{
		"no message":         {"0000", 0},
		"half a code":        {"0001400000", 0},
		"lengths too long":   {"00ff400f0000", 0},
		"bytes left over":    {"00024008000000", 0},
		"data of a code cut": {"0003400f000000", CodeIncorrectOrUnknownPaymentDetails},
	} {
		t.Run(name, func(t *testing.T) {
			b := unhex(t, test.payload)
			reason := Obfuscate(secret, append(authentication(secret, b), b...))
			hop, f, err := DecodeReason([][32]byte{secret}, reason)
			if hop != 0 || !errors.Is(err, ErrFailureData) || f.Code != test.code {
				t.Errorf("hop %d, %v, %v", hop, f, err)
			}
		})
	}
	if hop, _, err := DecodeReason([][32]byte{secret}, make([]byte, 32)); hop != -1 || !errors.Is(err, ErrUnreadable) {
		t.Errorf("hop %d, %v", hop, err)
	}
}

func FuzzDecodeFailure(f *testing.F) {
	for s := range failures() {
		f.Add(spelled(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		failure, err := DecodeFailure(b)
		if err == nil && !bytes.Equal(failure.Encode(), b) {
			t.Fatalf("%x became %x", b, failure.Encode())
		}
		failure.Channel()
	})
}

func FuzzDecodeReason(f *testing.F) {
	secrets := [][32]byte{{1}, {2}}
	f.Add(Obfuscate(secrets[0], NewFailure(secrets[1], MPPTimeout())))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if hop, _, err := DecodeReason(secrets, b); err == nil && (hop < 0 || hop > 1) {
			t.Fatalf("hop %d", hop)
		}
		message := append(authentication(secrets[0], b), b...)
		if hop, _, _ := DecodeReason(secrets, Obfuscate(secrets[0], message)); len(b) > 0 && hop != 0 {
			t.Fatalf("hop %d made it, not 0", hop)
		}
	})
}

func BenchmarkDecodeReason(b *testing.B) {
	secrets := [][32]byte{{1}, {2}, {3}}
	reason := Obfuscate(secrets[0], NewFailure(secrets[1], MPPTimeout()))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := DecodeReason(secrets, reason); err != nil {
			b.Fatal(err)
		}
	}
}
