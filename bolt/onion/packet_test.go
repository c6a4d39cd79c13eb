//go:build !race

package onion

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// nodeKey is a node's private key.
type nodeKey struct{ *btcec.PrivateKey }

func key(b byte) nodeKey {
	k, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{b}, 32))
	return nodeKey{k}
}

func (k nodeKey) PublicKey() *btcec.PublicKey { return k.PubKey() }
func (k nodeKey) ID() wire.NodeID             { return wire.PointOf(k.PubKey()) }
func (k nodeKey) ECDH(p *btcec.PublicKey) [32]byte {
	var point, shared btcec.JacobianPoint
	p.AsJacobian(&point)
	btcec.ScalarMultNonConst(&k.Key, &point, &shared)
	shared.ToAffine()
	return sha256.Sum256(btcec.NewPublicKey(&shared.X, &shared.Y).SerializeCompressed())
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func load(t testing.TB, file string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

type packetVector struct {
	SessionKey  string           `json:"session_key"`
	PaymentHash wire.PaymentHash `json:"payment_hash"`
	Hops        []struct {
		NodeID           wire.NodeID `json:"node_id"`
		PrivateKey       string      `json:"private_key"`
		LengthAndPayload string      `json:"length_and_payload"`
	} `json:"hops"`
	Packet string `json:"packet"`
}

// parts are what wrap takes, without the payloads' lengths.
func (v packetVector) parts(t testing.TB) (session *btcec.PrivateKey, nodes []wire.NodeID, payloads [][]byte) {
	t.Helper()
	session, _ = btcec.PrivKeyFromBytes(unhex(t, v.SessionKey))
	for _, h := range v.Hops {
		_, payload, err := tlv.BigSize(unhex(t, h.LengthAndPayload))
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, h.NodeID)
		payloads = append(payloads, payload)
	}
	return session, nodes, payloads
}

func TestPacketIsTheOneOfBOLT4(t *testing.T) {
	var v packetVector
	load(t, "packet.json", &v)
	session, nodes, payloads := v.parts(t)
	packet, err := wrap(session, nodes, payloads, v.PaymentHash)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(packet[:]); got != v.Packet {
		t.Fatalf("packet\n%s, want\n%s", got, v.Packet)
	}
}

func TestEachHopPeelsItsPayloadOfBOLT4(t *testing.T) {
	var v packetVector
	load(t, "packet.json", &v)
	session, nodes, payloads := v.parts(t)
	secrets := Secrets(session, nodes)
	packet := [wire.OnionPacketSize]byte(unhex(t, v.Packet))
	for i, h := range v.Hops {
		k, _ := btcec.PrivKeyFromBytes(unhex(t, h.PrivateKey))
		got, err := Peel(nodeKey{k}, &packet, v.PaymentHash)
		if err != nil || got.PayloadErr != nil {
			t.Fatalf("hop %d: %v, %v", i, err, got.PayloadErr)
		}
		if got.SharedSecret != secrets[i] {
			t.Errorf("hop %d: secret %x, but the sender's is %x", i, got.SharedSecret, secrets[i])
		}
		want, err := DecodePayload(payloads[i])
		if err != nil {
			t.Fatal(err)
		}
		if got.Payload.AmtToForward != want.AmtToForward || got.Payload.OutgoingCLTV != want.OutgoingCLTV {
			t.Errorf("hop %d: payload %+v, want %+v", i, got.Payload, want)
		}
		if last := i == len(v.Hops)-1; last != (got.Next == nil) || last != (got.Payload.ShortChannelID == nil) {
			t.Errorf("hop %d: last %v, next %v, channel %v", i, last, got.Next != nil, got.Payload.ShortChannelID)
		}
		if got.Next != nil {
			packet = *got.Next
		}
	}
}

// route is three hops, with the keys 1, 2 and 3.
func route() []Hop {
	first, second := wire.NewShortChannelID(700_000, 1, 0), wire.NewShortChannelID(700_001, 2, 1)
	secret := [32]byte{7}
	return []Hop{
		{key(1).ID(), Payload{AmtToForward: 1_000_100, OutgoingCLTV: 800_080, ShortChannelID: &first}},
		{key(2).ID(), Payload{AmtToForward: 1_000_000, OutgoingCLTV: 800_040, ShortChannelID: &second}},
		{key(3).ID(), Payload{AmtToForward: 1_000_000, OutgoingCLTV: 800_018, PaymentSecret: &secret, TotalMsat: 2_000_000}},
	}
}

func build(t testing.TB, hops []Hop) *[wire.OnionPacketSize]byte {
	t.Helper()
	packet, err := Build(key(9).PrivateKey, hops, wire.PaymentHash{1})
	if err != nil {
		t.Fatal(err)
	}
	return &packet
}

func TestUnreadablePacketsAreMalformed(t *testing.T) {
	good := build(t, route())
	for name, test := range map[string]struct {
		break_ func(p *[wire.OnionPacketSize]byte)
		assoc  wire.PaymentHash
		code   Code
	}{
		"version":            {func(p *[wire.OnionPacketSize]byte) { p[0] = 1 }, wire.PaymentHash{1}, CodeInvalidOnionVersion},
		"key":                {func(p *[wire.OnionPacketSize]byte) { p[1] = 5 }, wire.PaymentHash{1}, CodeInvalidOnionKey},
		"payloads":           {func(p *[wire.OnionPacketSize]byte) { p[1333]++ }, wire.PaymentHash{1}, CodeInvalidOnionHMAC},
		"mac":                {func(p *[wire.OnionPacketSize]byte) { p[1365]++ }, wire.PaymentHash{1}, CodeInvalidOnionHMAC},
		"other payment hash": {func(*[wire.OnionPacketSize]byte) {}, wire.PaymentHash{2}, CodeInvalidOnionHMAC},
	} {
		t.Run(name, func(t *testing.T) {
			packet := *good
			test.break_(&packet)
			_, err := Peel(key(1), &packet, test.assoc)
			var m *Malformed
			if !errors.As(err, &m) || Code(m.Code) != test.code || m.SHA256OfOnion != sha256.Sum256(packet[:]) {
				t.Fatalf("%+v, want %v with the packet's hash", err, test.code)
			}
			if f := m.Failure(); f.Code != test.code || f.SHA256OfOnion != m.SHA256OfOnion {
				t.Errorf("the peer would send %+v", f)
			}
		})
	}
}

func TestHTLCWithPathKeyIsAnsweredWithInvalidOnionBlinding(t *testing.T) {
	packet := build(t, route())
	m := InvalidOnionBlinding(packet)
	if Code(m.Code) != CodeInvalidOnionBlinding || m.SHA256OfOnion != sha256.Sum256(packet[:]) {
		t.Errorf("%+v", m)
	}
}

func TestBuildRefusesRoutesThatDoNotFit(t *testing.T) {
	hop := route()[0]
	bad := hop
	bad.NodeID = wire.NodeID{9}
	large := hop
	large.Payload.PaymentMetadata = make([]byte, 1300)
	wrong := hop
	wrong.Payload.Custom = []tlv.Record{{Type: 65535}}
	for name, test := range map[string]struct {
		hops []Hop
		want error
	}{
		"no hops":      {nil, ErrHops},
		"28 hops":      {make([]Hop, MaxHops+1), ErrHops},
		"bad node":     {[]Hop{hop, bad}, ErrNodeID},
		"large":        {[]Hop{large}, ErrTooLarge},
		"bad payload":  {[]Hop{wrong}, ErrPayload},
		"26 of a kind": {many(hop, 26), ErrTooLarge}, // 27 hops need shorter payloads than these
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Build(key(9).PrivateKey, test.hops, wire.PaymentHash{}); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
	if Secrets(key(9).PrivateKey, []wire.NodeID{bad.NodeID}) != nil {
		t.Error("secrets with who is not a node")
	}
}

func many(h Hop, n int) []Hop {
	var hops []Hop
	for range n {
		hops = append(hops, h)
	}
	return hops
}

func TestTwentySevenHopsFit(t *testing.T) {
	scid := wire.ShortChannelID(1)
	hops := many(Hop{key(1).ID(), Payload{AmtToForward: 0, OutgoingCLTV: 0, ShortChannelID: &scid}}, MaxHops-1)
	hops = append(hops, Hop{key(1).ID(), Payload{}})
	packet := build(t, hops)
	for i := range hops {
		got, err := Peel(key(1), packet, wire.PaymentHash{1})
		if err != nil || got.PayloadErr != nil {
			t.Fatalf("hop %d: %v, %v", i, err, got.PayloadErr)
		}
		packet = got.Next
	}
	if packet != nil {
		t.Error("a packet is left after the last hop")
	}
}

func FuzzPeel(f *testing.F) {
	f.Add(build(f, route())[:], true)
	f.Add([]byte{}, false)
	f.Add([]byte{1}, false)
	f.Fuzz(func(t *testing.T, b []byte, wellMade bool) {
		packet := new([wire.OnionPacketSize]byte)
		copy(packet[:], b)
		if wellMade { // the sender's HMAC is right, and what it protects is not
			p, err := wrap(key(9).PrivateKey, []wire.NodeID{key(1).ID(), key(2).ID()},
				[][]byte{b[:min(len(b), 1200)], {}}, wire.PaymentHash{1})
			if err != nil {
				return
			}
			packet = &p
		}
		got, err := Peel(key(1), packet, wire.PaymentHash{1})
		var m *Malformed
		if err != nil && !errors.As(err, &m) {
			t.Fatalf("%v is no *Malformed", err)
		}
		var p *PayloadError
		if got.PayloadErr != nil && !errors.As(got.PayloadErr, &p) {
			t.Fatalf("%v is no *PayloadError", got.PayloadErr)
		}
	})
}

func BenchmarkBuild(b *testing.B) {
	hops := route()
	b.ReportAllocs()
	for b.Loop() {
		build(b, hops)
	}
}

func BenchmarkPeel(b *testing.B) {
	packet := build(b, route())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Peel(key(1), packet, wire.PaymentHash{1}); err != nil {
			b.Fatal(err)
		}
	}
}
