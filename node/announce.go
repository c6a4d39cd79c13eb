package node

import (
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/relay"
)

// announceDepth is how deep the funding output is when a channel is announced.
//
// BOLT 7: "the funding transaction has at least 6 confirmations"
const announceDepth = 6

// announcing is how far a channel's announcement has come on this connection.
type announcing struct {
	sent   bool                         // our announcement_signatures
	theirs *wire.AnnouncementSignatures // nil: not here yet
}

// above shows the node to the links.
type above struct{ n *Node }

// Raised implements [link.Above].
func (a above) Raised(l *link.Link, e channel.Event) {
	n := a.n
	switch e := e.(type) {
	case channel.Ready:
		n.ready(l, e)
	case channel.ClosedMutually:
		n.log.Info("channel closed by agreement", "channel", l.ID(), "tx", e.Tx.TxHash())
		if _, err := n.wallet.Publish(e.Tx, "close "+l.ID().String()).Commit(n.ctx, n.store); err != nil {
			n.fatal(err)
			return
		}
		n.broadcast(e.Tx)
	case channel.Failure:
		n.log.Warn("channel fails: our commitment is broadcast", "channel", l.ID(), "why", e.Why)
		n.reviveOnChain(l)
	case channel.DataLoss:
		n.log.Error("state of a channel was lost: the peer must close it", "channel", l.ID(), "why", e.Why)
	case channel.ShutdownStarted:
		n.log.Info("channel is closing", "channel", l.ID(), "by peer", e.ByPeer)
	}
}

// Reestablished implements [link.Above].
func (a above) Reestablished(l *link.Link) {
	a.n.away.back(l.ID())
	a.n.forgetConnectionOf(l.ID())
	a.n.tellUpdate(l)
	a.n.announce(l)
}

// Signatures implements [link.Above].
func (a above) Signatures(l *link.Link, m *wire.AnnouncementSignatures) {
	n := a.n
	n.announceMu.Lock()
	n.progress(l.ID()).theirs = m
	n.announceMu.Unlock()
	n.wg.Go(func() { n.announce(l) }) // the link's goroutine must not wait for the chain
}

// progress is called with announceMu held.
func (n *Node) progress(id wire.ChannelID) *announcing {
	if n.announcing[id] == nil {
		n.announcing[id] = &announcing{}
	}
	return n.announcing[id]
}

func (n *Node) forgetConnection(peer wire.NodeID) {
	for _, l := range n.linksOf(peer) {
		n.forgetConnectionOf(l.ID())
	}
}

func (n *Node) forgetConnectionOf(id wire.ChannelID) {
	n.announceMu.Lock()
	defer n.announceMu.Unlock()
	delete(n.announcing, id)
}

// opened takes a channel that was just opened.
func (n *Node) opened(p funding.Peer, ch *channel.Channel, s channel.Signer, first []wire.Message) {
	n.watchFunding(ch.Params(), ch.Status())
	l := n.links.Add(ch, s, link.Begin{})
	l.Begin(p, first)
	l.Start()
	n.log.Info("channel opened", "channel", l.ID(), "peer", p.ID(), "capacity", ch.Params().Capacity)
}

// ready gives a channel that can carry HTLCs its place in the graph and its terms.
func (n *Node) ready(l *link.Link, e channel.Ready) {
	if e.SCID == 0 {
		return
	}
	p := l.Params()
	n.log.Info("channel ready", "channel", l.ID(), "short_channel_id", e.SCID)
	n.book.Local(e.SCID, n.ID(), p.Peer, p.Capacity)
	n.wg.Go(func() {
		n.renewUpdate(l, e.SCID)
		n.tellUpdate(l)
		n.announce(l)
	})
}

// policy implements [link.Config.Policy].
func (n *Node) policy(l *link.Link) (relay.Policy, *wire.ChannelUpdate) {
	return n.cfg.Relay, n.book.Update(l.Status().SCID, n.ID())
}

// renewUpdate makes our channel_update, unless the one that is known says the same.
func (n *Node) renewUpdate(l *link.Link, scid wire.ShortChannelID) {
	p := l.Params()
	u := &wire.ChannelUpdate{
		ChainHash: *n.cfg.Network.GenesisHash, ShortChannelID: scid, Timestamp: uint32(unixNow()), //nolint:gosec // until 2106
		CLTVExpiryDelta: n.cfg.Relay.CLTVExpiryDelta, FeeBaseMsat: n.cfg.Relay.FeeBaseMsat,
		FeeProportionalMillionths: n.cfg.Relay.FeeProportionalMillionths,
		HTLCMinimumMsat:           max(n.cfg.Relay.HTLCMinimum, p.RemoteLimits.HTLCMinimum),
		HTLCMaximumMsat:           min(p.Capacity.Msat(), p.RemoteLimits.MaxHTLCValueInFlight),
	}
	if old := n.book.Update(scid, n.ID()); old != nil {
		if same(old, u) {
			return
		}
		u.Timestamp = max(u.Timestamp, old.Timestamp+1)
	}
	n.gossip(p.Capacity, graph.SignUpdate(u, n.ID(), p.Peer, n.ring.Node().Sign))
}

func same(a, b *wire.ChannelUpdate) bool {
	return a.CLTVExpiryDelta == b.CLTVExpiryDelta && a.FeeBaseMsat == b.FeeBaseMsat &&
		a.FeeProportionalMillionths == b.FeeProportionalMillionths &&
		a.HTLCMinimumMsat == b.HTLCMinimumMsat && a.HTLCMaximumMsat == b.HTLCMaximumMsat
}

func (n *Node) gossip(capacity amount.Satoshi, msgs ...wire.Message) {
	if err := n.book.Own(n.ctx, capacity, msgs...); err != nil && n.ctx.Err() == nil {
		n.log.Error("own gossip refused", "why", err)
	}
}

// tellUpdate sends our channel_update to the channel's peer, who may need it for
// route hints before the channel is announced.
func (n *Node) tellUpdate(l *link.Link) {
	if u := n.book.Update(l.Status().SCID, n.ID()); u != nil {
		l.Send(u)
	}
}

// announce goes on with a channel's announcement as far as it can go now.
func (n *Node) announce(l *link.Link) {
	p, status := l.Params(), l.Status()
	signer, ok := l.Signer().(interface{ SignAnnouncement([32]byte) wire.Signature })
	if !p.Announce || status.SCID == 0 || !ok || status.Status != channel.Open ||
		n.Height()+1 < status.SCID.Height()+announceDepth {
		return
	}
	var public bool
	n.book.Read(func(g *graph.Graph) {
		c, known := g.ByID(status.SCID)
		public = known && c.Public()
	})
	us := graph.Half{Node: n.ID(), Bitcoin: p.LocalKeys.Funding}
	peer := graph.Half{Node: p.Peer, Bitcoin: p.RemoteKeys.Funding}
	a := graph.NewAnnouncement(*n.cfg.Network.GenesisHash, status.SCID, us, peer)
	hash := graph.Digest(a)
	ours := &wire.AnnouncementSignatures{
		ChannelID: l.ID(), ShortChannelID: status.SCID,
		NodeSignature: n.ring.Node().Sign(hash), BitcoinSignature: signer.SignAnnouncement(hash),
	}
	n.announceMu.Lock()
	at := n.progress(l.ID())
	send, theirs := !at.sent && (!public || at.theirs != nil), at.theirs
	at.sent = at.sent || send
	n.announceMu.Unlock()
	if send {
		l.Send(ours)
	}
	if public {
		n.announceNode() // the peer may have announced the channel first
		return
	}
	if theirs == nil {
		return
	}
	signed, err := graph.Signed(a, us, peer, ours, theirs)
	if err != nil {
		n.log.Warn("channel not announced", "channel", l.ID(), "why", err)
		return
	}
	n.gossip(p.Capacity, signed)
	n.announceNode()
}

// announceNode makes our node_announcement, once a channel is public.
func (n *Node) announceNode() {
	m := &wire.NodeAnnouncement{
		Features: Features(), Timestamp: uint32(unixNow()), NodeID: n.ID(), RGBColor: n.cfg.Color, //nolint:gosec // until 2106
	}
	copy(m.Alias[:], n.Alias())
	var last uint32
	n.book.Read(func(g *graph.Graph) {
		if i, ok := g.NodeIndex(n.ID()); ok {
			last = g.Nodes()[i].Timestamp
		}
	})
	if last != 0 && m.Timestamp-last < uint32((24*time.Hour).Seconds()) {
		return // it says the same as yesterday's
	}
	n.gossip(0, graph.SignNode(m, n.ring.Node().Sign))
}

// Traces show the inside of payments while they happen.
func (n *Node) Traces() *events.Traces { return &n.traces }
