//go:build !race

package graph_test

import (
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
)

func (w who) half() graph.Half {
	return graph.Half{Node: w.id, Bitcoin: wire.PointOf(w.bitcoin.PubKey())}
}

// signatures are a side's half of an announcement.
func (w who) signatures(a *wire.ChannelAnnouncement) *wire.AnnouncementSignatures {
	h := graph.Digest(a)
	return &wire.AnnouncementSignatures{
		ShortChannelID: a.ShortChannelID, NodeSignature: script.Sign(w.node, h), BitcoinSignature: script.Sign(w.bitcoin, h),
	}
}

func TestBothSidesMakeTheSameAnnouncement(t *testing.T) {
	var made [2]string
	for i, side := range [][2]who{{alice, bob}, {bob, alice}} {
		us, peer := side[0], side[1]
		a := graph.NewAnnouncement(chain, scid, us.half(), peer.half())
		signed, err := graph.Signed(a, us.half(), peer.half(), us.signatures(a), peer.signatures(a))
		if err != nil {
			t.Fatal(err)
		}
		if err := graph.New(chain).Check(signed); err != nil {
			t.Error(err)
		}
		if a.NodeSignature1 != (wire.Signature{}) {
			t.Error("the announcement without signatures was changed")
		}
		made[i] = string(wire.Encode(signed))
	}
	if made[0] != made[1] {
		t.Error("the two sides differ")
	}
}

func TestThePeersHalfMustSignTheChannel(t *testing.T) {
	type m = *wire.AnnouncementSignatures
	for _, side := range [][2]who{{alice, bob}, {bob, alice}} {
		us, peer := side[0], side[1]
		a := graph.NewAnnouncement(chain, scid, us.half(), peer.half())
		for name, spoil := range map[string]func(m){
			"node_signature":      func(s m) { s.NodeSignature[9] ^= 1 },
			"bitcoin_signature":   func(s m) { s.BitcoinSignature[9] ^= 1 },
			"the other way round": func(s m) { s.NodeSignature, s.BitcoinSignature = s.BitcoinSignature, s.NodeSignature },
			"short_channel_id":    func(s m) { s.ShortChannelID++ },
			"our own signatures":  func(s m) { *s = *us.signatures(a) },
		} {
			theirs := peer.signatures(a)
			spoil(theirs)
			if _, err := graph.Signed(a, us.half(), peer.half(), us.signatures(a), theirs); !errors.Is(err, graph.ErrHalf) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestOurUpdatesAndAnnouncementsAreAccepted(t *testing.T) {
	g := network(t)
	for d, side := range [][2]who{{alice, bob}, {bob, alice}} {
		us, peer := side[0], side[1]
		for _, flags := range []byte{0, 1, disable} { // the direction follows from the nodes, whatever it was
			u := &wire.ChannelUpdate{ChainHash: chain, ShortChannelID: scid, Timestamp: now + uint32(flags), ChannelFlags: flags}
			signed := graph.SignUpdate(u, us.id, peer.id, sign(us.node))
			if v := g.Update(signed, now); v.Kind != graph.Accepted {
				t.Fatalf("%+v", v)
			}
			// BOLT 7: "MUST set `must_be_one` in `message_flags` to 1."
			if signed.MessageFlags != 1 || signed.ChannelFlags != flags&disable|byte(d) || u.MessageFlags != 0 {
				t.Errorf("%+v", signed)
			}
			p, ok := g.Policy(scid, us.id)
			if !ok || p.Timestamp != u.Timestamp || p.Enabled() != (flags&disable == 0) {
				t.Errorf("%+v", p)
			}
		}
		n := graph.SignNode(&wire.NodeAnnouncement{NodeID: us.id, Timestamp: now}, sign(us.node))
		if v := g.Node(n, now); v.Kind != graph.Accepted {
			t.Errorf("%+v", v)
		}
	}
	if _, ok := g.Policy(scid, carol.id); ok {
		t.Error("carol has terms for a channel that is not hers")
	}
	if _, ok := g.Policy(scid+1, alice.id); ok {
		t.Error("an unknown channel has terms")
	}
}

func TestTheFundingScriptIsThatOfBothKeys(t *testing.T) {
	a := graph.NewAnnouncement(chain, scid, alice.half(), bob.half())
	_, want := script.FundingScript(bob.half().Bitcoin, alice.half().Bitcoin)
	if string(graph.FundingScript(a)) != string(want) {
		t.Error("another script")
	}
}
