package node

import (
	"context"
	"errors"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgossip"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/peer"
	"github.com/leyden-ln/leyden/internal/store/heard"
)

// Gossip of channels with tokens (docs/decisions/0010-gossip-of-token-channels.md).

func (n *Node) loadAssets(ctx context.Context) error {
	rows, err := heard.Read(ctx, n.store.Queries())
	if err != nil {
		return err
	}
	n.assets, err = assetgossip.New(assetgossip.Config{
		Us: n.ID(), Chain: *n.cfg.Network.GenesisHash, Source: n.cfg.Source, Ledger: n.tokens, Height: n.Height, Store: n.store,
		Ours: n.welcome, Flush: n.flush(), Log: n.log, Fatal: n.fatal,
	}, rows)
	return err
}

// executed is told that the ledger has read the chain to its end.
func (n *Node) executed() {
	n.onchain.Executed()
	n.wg.Go(func() { n.assets.Grow(n.ctx) })
}

// AssetGraph gives the announced channels with tokens to f, which must not keep them.
func (n *Node) AssetGraph(f func(g *assetgraph.Graph)) { n.assets.Read(f) }

// hearsAssets says whether gossip of channels with tokens goes to a peer, and is taken from
// it.
func (n *Node) hearsAssets(p *peer.Peer) bool {
	return n.tokens.Carries() && p.Features().Has(wire.OptionOmniAsset)
}

// assetMessage takes a message with a number of such gossip: of others it may be anything.
func (n *Node) assetMessage(p *peer.Peer, u *wire.Unknown) {
	if !n.hearsAssets(p) {
		return
	}
	m, err := wire.DecodeAsset(u)
	if err != nil {
		n.assets.Blame(p, err)
		return
	}
	signatures, ok := m.(*wire.AssetAnnouncementSignatures)
	if !ok {
		n.assets.Message(n.ctx, p, m)
		return
	}
	if l, ok := n.links.Get(signatures.ChannelID); ok && l.Params().Peer == p.ID() {
		n.announceMu.Lock()
		n.progress(l.ID()).tokens = signatures
		n.announceMu.Unlock()
		n.announceAsset(l)
	}
}

// announceAsset goes on with the announcement of a channel with tokens as far as it can go
// now.
func (n *Node) announceAsset(l *link.Link) {
	p, s := l.Params(), l.Status()
	signer, ok := l.Signer().(announcer)
	if !ok || !p.Announce || !s.ReadySent || !n.deep(s) || !n.tokens.Carries() {
		return
	}
	public := n.assets.Announced(s.SCID)
	there := false
	if c, up := n.peers.Get(p.Peer); up {
		there = n.hearsAssets(c)
	}
	n.announceMu.Lock()
	at := n.progress(l.ID())
	send, theirs := there && !at.sent && (!public || at.tokens != nil), at.tokens
	at.sent = at.sent || send
	n.announceMu.Unlock()
	if send || !public && theirs != nil { // else nothing is signed
		us, peer := graph.Half{Node: n.ID(), Bitcoin: p.LocalKeys.Funding}, graph.Half{Node: p.Peer, Bitcoin: p.RemoteKeys.Funding}
		a := assetgraph.NewAnnouncement(*n.cfg.Network.GenesisHash, s.SCID, p.Property, p.Tokens, us, peer)
		hash := assetgraph.Digest(a)
		ours := &wire.AssetAnnouncementSignatures{
			ChannelID: l.ID(), ShortChannelID: s.SCID, NodeSignature: n.ring.Node().Sign(hash), BitcoinSignature: signer.SignAnnouncement(hash),
		}
		if send {
			l.Send(ours)
		}
		if !public && theirs != nil {
			signed, err := assetgraph.Signed(a, n.ID(), peer, ours, theirs)
			if err != nil {
				n.log.Warn("channel not announced", "channel", l.ID(), "why", err)
				return
			}
			n.assetGossip(signed)
		}
	}
	n.renewAsset(l)
}

// assetGossip tells something of our own. What the peer has told first is no fault.
func (n *Node) assetGossip(m wire.Message) {
	if err := n.assets.Own(n.ctx, m); err != nil && n.ctx.Err() == nil && !errors.Is(err, assetgraph.ErrKnown) {
		n.log.Error("own gossip refused", "why", err)
	}
}

// renewAsset makes our asset_channel_update of an announced channel anew where what it says
// has changed, or it is old.
func (n *Node) renewAsset(l *link.Link) {
	p, s := l.Params(), l.Status()
	if p.Property == 0 || !p.Announce || !n.assets.Announced(s.SCID) {
		return
	}
	now := time.Now()
	own, _ := n.terms.Of(l, now)
	limits := p.RemoteLimits.Tokens
	u := &wire.AssetChannelUpdate{
		ChainHash: *n.cfg.Network.GenesisHash, ShortChannelID: s.SCID, Timestamp: uint32(unixNow()), //nolint:gosec // until 2106
		CLTVExpiryDelta: own.CLTVExpiryDelta, HTLCMinimum: limits.HTLCMinimum, HTLCMaximum: min(p.Tokens, limits.MaxInFlight),
		FeeBaseMsat: own.FeeBaseMsat, FeeProportionalMillionths: own.FeeProportionalMillionths,
		Carrier: max(l.View().Carrier, own.HTLCMinimum),
	}
	old := n.assets.Update(s.SCID)
	var before *wire.ChannelUpdate
	if old != nil {
		before = &wire.ChannelUpdate{ChannelFlags: old.ChannelFlags}
		if u.Carrier <= old.Carrier && old.Carrier/2 <= u.Carrier {
			u.Carrier = old.Carrier // it follows the feerate: small changes are nobody's business
		}
	}
	if l.Held() != "" || n.disabled(l, before, now) {
		u.ChannelFlags |= wire.AssetDisabled
	}
	if old != nil {
		if sameAsset(old, u) && u.Timestamp < old.Timestamp+refreshAfter {
			return
		}
		u.Timestamp = max(u.Timestamp, old.Timestamp+1)
	}
	n.assetGossip(assetgraph.SignUpdate(u, n.ID(), p.Peer, n.ring.Node().Sign))
}

func sameAsset(a, b *wire.AssetChannelUpdate) bool {
	return a.CLTVExpiryDelta == b.CLTVExpiryDelta && a.FeeBaseMsat == b.FeeBaseMsat && a.FeeProportionalMillionths == b.FeeProportionalMillionths &&
		a.HTLCMinimum == b.HTLCMinimum && a.HTLCMaximum == b.HTLCMaximum && a.Carrier == b.Carrier &&
		a.ChannelFlags&wire.AssetDisabled == b.ChannelFlags&wire.AssetDisabled
}
