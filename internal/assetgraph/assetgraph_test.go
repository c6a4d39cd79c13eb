//go:build !race

package assetgraph

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
)

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

// vector is a channel between two nodes, whose keys are hashes of words, and what is signed
// of it.
type vector struct {
	Node1, Node2, Funding1, Funding2 string // words
	SCID                             wire.ShortChannelID
	Property                         amount.Property
	Capacity                         amount.Units
	Timestamp                        uint32
	Script                           string // of the funding output, in hexadecimal, as the messages are
	Announcement                     string
	Updates                          [2]string
	Rate                             string // of the first node
}

// rate is that of a vector's first node.
func (v *vector) rate() *wire.AssetRate {
	who := keyOf(v.Node1)
	return SignRate(&wire.AssetRate{
		ChainHash: chain, NodeID: who.id, Property: v.Property, Timestamp: v.Timestamp, Lasts: 43200, SellMsat: 1_515_000, SellUnits: 100_000_000,
		BuyMsat: 1_485_000, BuyUnits: 100_000_000, MinUnits: 1, MaxUnits: v.Capacity, MaxDelay: 144, Carrier: 2_000_000,
	}, who.sign)
}

type key struct {
	*btcec.PrivateKey
	id wire.Point
}

func keyOf(word string) key {
	seed := sha256.Sum256([]byte(word))
	k, pub := btcec.PrivKeyFromBytes(seed[:])
	return key{k, wire.PointOf(pub)}
}

func (k key) sign(hash [32]byte) wire.Signature { return script.Sign(k.PrivateKey, hash) }

var chain = chainhash.Hash{6, 34, 110, 70}

// sign makes the messages of a vector.
func (v *vector) sign() (*wire.AssetChannelAnnouncement, [2]*wire.AssetChannelUpdate, error) {
	var updates [2]*wire.AssetChannelUpdate
	one, two := keyOf(v.Node1), keyOf(v.Node2)
	us, peer := graph.Half{Node: one.id, Bitcoin: keyOf(v.Funding1).id}, graph.Half{Node: two.id, Bitcoin: keyOf(v.Funding2).id}
	a := NewAnnouncement(chain, v.SCID, v.Property, v.Capacity, us, peer)
	hash := a.Digest()
	half := func(node, funding string) *wire.AssetAnnouncementSignatures {
		return &wire.AssetAnnouncementSignatures{ShortChannelID: v.SCID, NodeSignature: keyOf(node).sign(hash), BitcoinSignature: keyOf(funding).sign(hash)}
	}
	signed, err := Signed(a, one.id, peer, half(v.Node1, v.Funding1), half(v.Node2, v.Funding2))
	u := &wire.AssetChannelUpdate{
		ChainHash: chain, ShortChannelID: v.SCID, Timestamp: v.Timestamp, CLTVExpiryDelta: 40, HTLCMinimum: 1, HTLCMaximum: v.Capacity,
		FeeBaseMsat: 1000, FeeProportionalMillionths: 10, Carrier: 2_000_000,
	}
	first := SignUpdate(u, one.id, two.id, one.sign)
	second := SignUpdate(u, two.id, one.id, two.sign)
	updates[first.ChannelFlags], updates[second.ChannelFlags] = first, second
	return signed, updates, err
}

func vectors(t *testing.T) (out []vector) {
	t.Helper()
	const file = "testdata/vectors.json"
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !*update {
		return out
	}
	for i := range out {
		a, u, err := out[i].sign()
		if err != nil {
			t.Fatal(err)
		}
		out[i].Script, out[i].Announcement = hex.EncodeToString(FundingScript(a)), hex.EncodeToString(wire.Encode(a))
		for d := range u {
			out[i].Updates[d] = hex.EncodeToString(wire.Encode(u[d]))
		}
		out[i].Rate = hex.EncodeToString(wire.Encode(out[i].rate()))
	}
	if b, err = json.MarshalIndent(out, "", "  "); err == nil {
		err = os.WriteFile(file, append(b, '\n'), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func read[M wire.Message](t *testing.T, text string) M {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	u, err := wire.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wire.DecodeAsset(u.(*wire.Unknown))
	if err != nil {
		t.Fatal(err)
	}
	return m.(M)
}

func TestOurVectorsAreSignedSoAndTaken(t *testing.T) {
	all := vectors(t)
	if len(all) < 2 {
		t.Fatal("no vectors")
	}
	g := New(chain)
	for i := range all {
		v := &all[i]
		a, u, err := v.sign()
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(wire.Encode(a)); got != v.Announcement {
			t.Errorf("vector %d: the announcement is\n%s", i, got)
		}
		if got := hex.EncodeToString(FundingScript(a)); got != v.Script {
			t.Errorf("vector %d: the funding output pays to %s", i, got)
		}
		stored := read[*wire.AssetChannelAnnouncement](t, v.Announcement)
		if err := g.Check(stored); err != nil {
			t.Error(err)
		}
		c, err := g.Add(stored)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(wire.Encode(v.rate())); got != v.Rate {
			t.Errorf("vector %d: the rate is\n%s", i, got)
		}
		m := read[*wire.AssetRate](t, v.Rate)
		if err := errors.Join(g.FreshRate(m, v.Timestamp), g.UpdateRate(m)); err != nil {
			t.Error(err)
		}
		if got, ok := g.Rate(ExchangeOf(m)); !ok || !got.Good() || got.Most != v.Capacity || got.Until != uint64(v.Timestamp)+43200 {
			t.Errorf("%+v", got)
		}
		for d := range u {
			if got := hex.EncodeToString(wire.Encode(u[d])); got != v.Updates[d] {
				t.Errorf("vector %d: update %d is\n%s", i, d, got)
			}
			m := read[*wire.AssetChannelUpdate](t, v.Updates[d])
			if err := errors.Join(g.Fresh(m, v.Timestamp), g.Update(m)); err != nil {
				t.Error(err)
			}
			if !c.Usable(d) || c.Policies[d].HTLCMaximum != v.Capacity || bytes.Compare(c.Nodes[0][:], c.Nodes[1][:]) >= 0 {
				t.Errorf("%+v", c)
			}
		}
	}
}

func TestWhatWasStoredGivesTheSameGraph(t *testing.T) {
	g, again := New(chain), New(chain)
	var stored []wire.Message
	for _, v := range vectors(t) {
		a, u, err := v.sign()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Add(a); err != nil {
			t.Fatal(err)
		}
		stored = append(stored, a)
		for _, m := range u {
			if err := g.Update(m); err != nil {
				t.Fatal(err)
			}
			stored = append(stored, m)
		}
	}
	for _, m := range stored {
		again.Load(m)
	}
	if d := cmp.Diff(g.Channels(), again.Channels(), cmp.AllowUnexported(Channel{})); d != "" {
		t.Error(d)
	}
	c := g.Channels()[0]
	if all := g.Of(c.Property); len(all) != 1 || all[0].SCID != c.SCID || len(g.Of(c.Property+9)) != 0 {
		t.Errorf("%+v", all)
	}
	if !g.Remove(c.SCID) || g.Remove(c.SCID) || g.Len() != len(again.Channels())-1 {
		t.Error("it is not removed once")
	}
	if _, err := g.Add(stored[0].(*wire.AssetChannelAnnouncement)); err != nil {
		t.Errorf("its address is still taken: %v", err)
	}
}

func TestThePeersHalfMustBeThatOfTheChannel(t *testing.T) {
	v := vectors(t)[0]
	one, two := keyOf(v.Node1), keyOf(v.Node2)
	us, peer := graph.Half{Node: one.id, Bitcoin: keyOf(v.Funding1).id}, graph.Half{Node: two.id, Bitcoin: keyOf(v.Funding2).id}
	a := NewAnnouncement(chain, v.SCID, v.Property, v.Capacity, us, peer)
	hash := a.Digest()
	good := wire.AssetAnnouncementSignatures{ShortChannelID: v.SCID, NodeSignature: two.sign(hash), BitcoinSignature: keyOf(v.Funding2).sign(hash)}
	for i, spoil := range []func(m *wire.AssetAnnouncementSignatures){
		func(m *wire.AssetAnnouncementSignatures) { m.ShortChannelID++ },
		func(m *wire.AssetAnnouncementSignatures) { m.NodeSignature[9]++ },
		func(m *wire.AssetAnnouncementSignatures) { m.BitcoinSignature = m.NodeSignature },
	} {
		m := good
		spoil(&m)
		if _, err := Signed(a, one.id, peer, &good, &m); !errors.Is(err, graph.ErrHalf) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// recast reads the bytes of a message behind its signature as another message's.
func recast[M wire.Message](t *testing.T, number uint16, sig wire.Signature, body []byte) M {
	t.Helper()
	m, err := wire.Decode(slices.Concat(binary.BigEndian.AppendUint16(nil, number), sig[:], body))
	if u, ok := m.(*wire.Unknown); ok {
		m, err = wire.DecodeAsset(u)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m.(M)
}

// The bytes of one message are those of another too. What is signed as ours is none of
// BOLT 7's all the same, what is signed as BOLT 7's none of ours, and of ours none is another.
func TestASignatureServesForItsMessageOnly(t *testing.T) {
	v := vectors(t)[0]
	a, updates, err := v.sign()
	if err != nil {
		t.Fatal(err)
	}
	who, second := keyOf(v.Node1), keyOf(v.Node2)
	if who.id != a.NodeID1 {
		who, second = second, who
	}
	ours := *updates[0]
	ours.Extra = make([]byte, 20)
	said := v.rate()
	for name, body := range map[string][]byte{"an announcement": a.SignedPart(), "an update": ours.SignedPart(), "a rate": said.SignedPart()} {
		hashes := [][32]byte{a.Digest(), ours.Digest(), said.Digest(), chainhash.DoubleHashH(body), chainhash.HashH(body)}
		for signed, hash := range hashes {
			for as, other := range hashes {
				if good := script.Verify(who.id, other, who.sign(hash)); good != (signed == as) {
					t.Errorf("the bytes of %s, signed as %d, serve as %d: %v", name, signed, as, good)
				}
			}
		}
	}

	public, g := graph.New(chain), New(chain)
	public.Local(v.SCID, a.NodeID1, a.NodeID2, 1000)
	if _, err := g.Add(a); err != nil {
		t.Fatal(err)
	}
	body := ours.SignedPart()
	for _, c := range []struct {
		hash [32]byte
		good bool
	}{{ours.Digest(), false}, {chainhash.DoubleHashH(body), true}} {
		got := public.Update(recast[*wire.ChannelUpdate](t, 258, who.sign(c.hash), body), v.Timestamp)
		if (got.Kind == graph.Accepted) != c.good || (got.Kind == graph.Bad) == c.good {
			t.Errorf("an asset_channel_update as a channel_update: %+v, want %v", got, c.good)
		}
	}
	theirs := graph.SignUpdate(&wire.ChannelUpdate{
		ChainHash: chain, ShortChannelID: v.SCID, Timestamp: v.Timestamp, HTLCMaximumMsat: 1000, Extra: make([]byte, 20),
	}, second.id, who.id, second.sign) // its message_flags are our channel_flags
	u := recast[*wire.AssetChannelUpdate](t, 33003, theirs.Signature, theirs.SignedPart())
	if err := g.Update(u); !errors.Is(err, ErrFalse) {
		t.Errorf("a channel_update as an asset_channel_update: %v", err)
	}
	u.Signature = second.sign(u.Digest())
	if err := g.Update(u); err != nil {
		t.Error(err)
	}
	// Half of an announcement is one of no other message of the same bytes.
	half := &wire.AssetAnnouncementSignatures{ShortChannelID: v.SCID, NodeSignature: who.sign(chainhash.DoubleHashH(a.SignedPart())), BitcoinSignature: a.BitcoinSignature1}
	peer := graph.Half{Node: a.NodeID1, Bitcoin: a.BitcoinKey1}
	if _, err := Signed(a, a.NodeID2, peer, half, half); !errors.Is(err, graph.ErrHalf) {
		t.Errorf("half of an announcement that is signed as BOLT 7 signs: %v", err)
	}
	if half.NodeSignature = a.NodeSignature1; !script.Verify(a.NodeID1, a.Digest(), half.NodeSignature) || script.Verify(a.NodeID1, chainhash.DoubleHashH(a.SignedPart()), half.NodeSignature) {
		t.Error("half of an announcement serves for a message of BOLT 7")
	}
	if _, err := Signed(a, a.NodeID2, peer, half, half); err != nil {
		t.Error(err)
	}
}

// What the Omni Layer's features may become is not routed over before it is known.
func TestAChannelThatNeedsMoreIsNotUsed(t *testing.T) {
	v := vectors(t)[0]
	a, u, err := v.sign()
	if err != nil {
		t.Fatal(err)
	}
	for bit, want := range map[wire.FeatureBit]bool{100: false, 101: true} {
		g, b := New(chain), *a
		b.Features = wire.NewFeatures(bit)
		c, err := g.Add(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Update(u[0]); err != nil || c.Usable(0) != want {
			t.Errorf("feature %d: %v, %v", bit, c.Usable(0), err)
		}
	}
}
