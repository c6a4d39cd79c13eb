package node

import (
	"slices"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/peer"
	"github.com/leyden-ln/leyden/internal/terms"
)

// named says whether a channel has this name.
func (n *Node) named(id wire.ShortChannelID) bool {
	_, ok := n.links.Named(id)
	return ok
}

// trusts says whether a peer's channels are used before they confirm.
func (n *Node) trusts(id wire.NodeID) bool { return slices.Contains(n.cfg.ZeroConf, id) }

// introduce gives a channel a place in the graph under a name. Its announcement may have
// come before, from others: it becomes one of ours then.
func (n *Node) introduce(p channel.ParamsRow, id wire.ShortChannelID) {
	if id != 0 {
		n.book.Local(id, n.ID(), p.Peer, p.Capacity)
	}
}

// placed says whether the graph has a channel of this name.
func (n *Node) placed(id wire.ShortChannelID) (known bool) {
	n.book.Read(func(g *graph.Graph) { _, known = g.ByID(id) })
	return known
}

// expect makes room for a channel_update of a peer about a channel with us: it may
// come before the channel's own goroutine has heard that the channel is ready.
func (n *Node) expect(p *peer.Peer, id wire.ShortChannelID) {
	if l, ok := n.ofPeer(p.ID(), id); ok && l.Status().Status < channel.Spent {
		n.introduce(l.Params(), id)
	}
}

// ofPeer finds the channel with a peer that has a name which the peer may use.
func (n *Node) ofPeer(peer wire.NodeID, id wire.ShortChannelID) (*link.Link, bool) {
	l, ok := n.links.Named(id)
	if !ok {
		n.chainMu.Lock()
		for of, place := range n.places {
			if place == id {
				l, ok = n.links.Get(of)
			}
		}
		n.chainMu.Unlock()
	}
	return l, ok && l.Params().Peer == peer
}

// tidy gives a ready channel its places in the graph, and takes away those that it
// no longer needs: its alias, once it has a short_channel_id to be announced, or
// once it is spent.
func (n *Node) tidy(l *link.Link) {
	p, s := l.Params(), l.Status()
	alias := p.LocalAlias
	if s.Status < channel.Spent && terms.LocalID(p, s) == alias {
		if s.ReadySent {
			n.introduce(p, alias)
		}
		return
	}
	if alias != 0 && n.placed(alias) {
		if err := n.book.Gone(n.ctx, alias); err != nil && n.ctx.Err() == nil {
			n.fatal(err)
		}
	}
}

// ourTerms is our channel_update of a channel, as the graph has it; nil: there is
// none yet.
func (n *Node) ourTerms(l *link.Link) *wire.ChannelUpdate {
	id := terms.LocalID(l.Params(), l.Status())
	if id == 0 {
		return nil
	}
	return n.book.Update(id, n.ID())
}

// peerTerms is the peer's newest channel_update of a channel; nil: none has come.
func (n *Node) peerTerms(l *link.Link) *wire.ChannelUpdate {
	return n.PeerUpdate(l.Params(), l.Status())
}

// PeerUpdate is the peer's newest channel_update of a channel, whichever name it uses;
// nil: none has come.
func (n *Node) PeerUpdate(p channel.ParamsRow, s channel.StatusRow) (newest *wire.ChannelUpdate) {
	for _, id := range []wire.ShortChannelID{p.LocalAlias, s.SCID} {
		if id == 0 {
			continue
		}
		if u := n.book.Update(id, p.Peer); u != nil && (newest == nil || u.Timestamp > newest.Timestamp) {
			newest = u
		}
	}
	return newest
}
