package graph

import (
	"errors"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Half is one side of a channel that is to be announced.
type Half struct {
	Node    wire.NodeID
	Bitcoin wire.Point // funding_pubkey
}

// ErrHalf means that the peer's announcement_signatures do not sign the channel.
var ErrHalf = errors.New("announcement_signatures are wrong")

// NewAnnouncement is the channel_announcement of a channel of ours without
// signatures (BOLT 7).
func NewAnnouncement(chain chainhash.Hash, scid wire.ShortChannelID, us, peer Half) *wire.ChannelAnnouncement {
	one, two := us, peer
	if !first(us, peer) {
		one, two = peer, us
	}
	return &wire.ChannelAnnouncement{
		ChainHash: chain, ShortChannelID: scid,
		NodeID1: one.Node, NodeID2: two.Node, BitcoinKey1: one.Bitcoin, BitcoinKey2: two.Bitcoin,
	}
}

func first(a, b Half) bool { return string(a.Node[:]) < string(b.Node[:]) }

// Signed puts both sides' signatures in place, once the peer's are right. Error:
// [ErrHalf].
func Signed(a *wire.ChannelAnnouncement, us, peer Half, ours, theirs *wire.AnnouncementSignatures) (*wire.ChannelAnnouncement, error) {
	hash := Digest(a)
	if theirs.ShortChannelID != a.ShortChannelID || !script.Verify(peer.Node, hash, theirs.NodeSignature) ||
		!script.Verify(peer.Bitcoin, hash, theirs.BitcoinSignature) {
		return nil, ErrHalf
	}
	out := *a
	if !first(us, peer) {
		ours, theirs = theirs, ours
	}
	out.NodeSignature1, out.BitcoinSignature1 = ours.NodeSignature, ours.BitcoinSignature
	out.NodeSignature2, out.BitcoinSignature2 = theirs.NodeSignature, theirs.BitcoinSignature
	return &out, nil
}

// SignUpdate sets the direction and the signature of a channel_update of ours.
func SignUpdate(u *wire.ChannelUpdate, us, peer wire.NodeID, sign func([32]byte) wire.Signature) *wire.ChannelUpdate {
	out := *u
	out.MessageFlags |= 1 // BOLT 7: must_be_one
	out.ChannelFlags &^= flagDirection
	if string(us[:]) > string(peer[:]) {
		out.ChannelFlags |= flagDirection
	}
	out.Signature = sign(digest(out.SignedPart()))
	return &out
}

// SignNode sets the signature of our node_announcement.
func SignNode(n *wire.NodeAnnouncement, sign func([32]byte) wire.Signature) *wire.NodeAnnouncement {
	out := *n
	out.Signature = sign(digest(out.SignedPart()))
	return &out
}
