//go:build !race

package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// unknown is a message as [Decode] leaves it.
func unknown(t testing.TB, b []byte) *Unknown {
	t.Helper()
	m, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	u, ok := m.(*Unknown)
	if !ok || !u.AssetGossip() || !u.Custom() {
		t.Fatalf("%T of %x", m, b[:2])
	}
	return u
}

// The fields of our vectors are written out in hexadecimal, one after the other.
func TestAssetGossipIsAsItsVectorsAre(t *testing.T) {
	var vectors []struct {
		Name   string
		Type   uint16
		Digest string      // that is signed, if it is
		Fields [][3]string // name, bytes, as text
	}
	b, err := os.ReadFile("testdata/asset_gossip.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != len(assetKinds) {
		t.Fatalf("%d vectors of %d messages", len(vectors), len(assetKinds))
	}
	for _, v := range vectors {
		raw := binary.BigEndian.AppendUint16(nil, v.Type)
		var want []Field
		for _, f := range v.Fields {
			raw = append(raw, unhexed(t, f[1])...)
			want = append(want, Field{f[0], f[2]})
		}
		m, err := DecodeAsset(unknown(t, raw))
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if got := Name(m); got != v.Name {
			t.Errorf("%s is %s", v.Name, got)
		}
		if d := cmp.Diff(want, Fields(m)); d != "" {
			t.Errorf("%s: %s", v.Name, d)
		}
		if again := Encode(m); !bytes.Equal(again, raw) {
			t.Errorf("%s: %x comes back as %x", v.Name, raw, again)
		}
		if s, ok := m.(interface{ Digest() [32]byte }); ok != (v.Digest != "") || ok && s.Digest() != [32]byte(unhexed(t, v.Digest)) {
			t.Errorf("%s: another digest than %q is signed", v.Name, v.Digest)
		}
		for n := range len(raw) - 2 {
			_, err := DecodeAsset(unknown(t, raw[:n+2]))
			if short := n+2 < len(raw)-len(unhexed(t, v.Fields[len(v.Fields)-1][1])); short && !errors.Is(err, ErrShort) {
				t.Fatalf("%s of %d bytes: %v", v.Name, n, err)
			}
		}
	}
}

func TestAssetGossipRoundTripsWithWhatFollows(t *testing.T) {
	for _, k := range assetKinds {
		t.Run(k.name, rapid.MakeCheck(func(t *rapid.T) {
			m := drawMessage(t, k)
			raw := Encode(m)
			u := &Unknown{MsgType: k.number, Payload: raw[2:]}
			got, err := DecodeAsset(u)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(m, got); d != "" {
				t.Fatal(d)
			}
			if s, ok := m.(interface{ SignedPart() []byte }); ok && !bytes.HasSuffix(raw, s.SignedPart()) {
				t.Fatal("what is signed is not the end of the message")
			}
		}))
	}
}

func TestAssetGossipWithAPointOffTheCurveIsRefused(t *testing.T) {
	raw := Encode(&AssetChannelAnnouncement{NodeID1: points[0], NodeID2: points[1], BitcoinKey1: points[2], BitcoinKey2: Point{5}})
	if _, err := DecodeAsset(unknown(t, raw)); !errors.Is(err, ErrPoint) {
		t.Error(err)
	}
	if _, err := DecodeAsset(&Unknown{MsgType: 33000}); err == nil {
		t.Error("a message of another number is read")
	}
}

func fuzzAsset(f *testing.F, number uint16) {
	k := assetKinds[number]
	for seed := range 3 {
		f.Add(Encode(rapid.Custom(func(t *rapid.T) Message { return drawMessage(t, k) }).Example(seed))[2:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeAsset(&Unknown{MsgType: number, Payload: b})
		if err != nil || len(b)+2 > MaxPayload {
			return
		}
		if again := Encode(m)[2:]; !bytes.Equal(again, b) {
			t.Errorf("%x comes back as %x", b, again)
		}
		Fields(m)
	})
}

func FuzzAssetChannelAnnouncement(f *testing.F) { fuzzAsset(f, typeAssetChannelAnnouncement) }

func FuzzAssetChannelUpdate(f *testing.F) { fuzzAsset(f, typeAssetChannelUpdate) }

func FuzzAssetAnnouncementSignatures(f *testing.F) { fuzzAsset(f, typeAssetAnnouncementSignatures) }

func FuzzAssetRate(f *testing.F) { fuzzAsset(f, typeAssetRate) }
