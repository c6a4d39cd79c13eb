package node

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/herald"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/steps"
	"github.com/leyden-ln/leyden/internal/terms"
)

// announceDepth is how deep the funding output is when a channel is announced.
//
// BOLT 7: "the funding transaction has at least 6 confirmations"
const announceDepth = 6

// announcing is how far a channel's announcement has come on this connection, and
// since when the peer is there, or is not.
type announcing struct {
	sent   bool                         // our announcement_signatures
	theirs *wire.AnnouncementSignatures // nil: not here yet
	peer   terms.Presence
}

// refreshAfter is the age at which a channel_update is made anew, in seconds: others
// forget it after two weeks.
const refreshAfter = 13 * 24 * 3600

// Bits of channel_update.
const (
	dontForward = 2 // of message_flags
	disableFlag = 2 // of channel_flags
)

// flush is the time between two batches of gossip, zero for the default. Those who
// make their own blocks do not wait for it.
func (n *Node) flush() time.Duration {
	if n.cfg.Network.Name == chaincfg.RegressionNetParams.Name {
		return 500 * time.Millisecond
	}
	return 0
}

// tend keeps the gossip going, and our part of it true, until the node stops.
func (n *Node) tend() {
	every := time.Second
	if f := n.flush(); f != 0 {
		every = f / 2
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			n.book.Save(context.WithoutCancel(n.ctx))
			n.assets.Save(context.WithoutCancel(n.ctx))
			return
		case now := <-tick.C:
			n.book.Tick(n.ctx)
			n.assets.Tick(n.ctx)
			links := n.links.All()
			n.look(links, now)
			for _, l := range links {
				n.tidy(l)
				n.renewUpdate(l)
			}
		}
	}
}

// look notes which peers are there, and forgets channels that are no more.
func (n *Node) look(links []*link.Link, now time.Time) {
	n.announceMu.Lock()
	defer n.announceMu.Unlock()
	known := make(map[wire.ChannelID]bool, len(links))
	for _, l := range links {
		known[l.ID()] = true
		_, there := n.peers.Get(l.Params().Peer)
		n.progress(l.ID()).peer.Sees(there, now)
	}
	for id := range n.announcing {
		if !known[id] {
			delete(n.announcing, id)
		}
	}
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
		if n.awaits(l) {
			return // what it pays us is no coin as long as the peer may have made up the funding
		}
		if !e.Best {
			n.broadcast(e.Tx)
			return
		}
		if _, err := n.wallet.Publish(e.Tx, "close "+l.ID().String()).Commit(n.ctx, n.store); err != nil {
			n.fatal(err)
			return
		}
		n.broadcast(e.Tx)
	case channel.Failure:
		if n.awaits(l) {
			n.log.Info("channel fails before its funding transaction is in a block", "channel", l.ID(), "why", e.Why)
			return
		}
		n.log.Warn("channel fails: our commitment is broadcast", "channel", l.ID(), "why", e.Why)
		n.reviveOnChain(l)
		n.onchain.Poke()
	case channel.Blamed:
		n.log.Warn("the peer fails a channel and has not shown that our state of it is current: its commitment is awaited", "channel", l.ID(), "why", e.Why)
	case channel.DataLoss:
		n.log.Error("state of a channel was lost: the peer must close it", "channel", l.ID(), "why", e.Why)
	case channel.ShutdownStarted:
		n.log.Info("channel is closing", "channel", l.ID(), "by peer", e.ByPeer)
	}
}

// Reestablished implements [link.Above].
func (a above) Reestablished(l *link.Link) {
	a.n.away.Back(l.ID())
	a.n.established(l)
	a.n.forgetConnectionOf(l.ID())
	a.n.tidy(l)
	a.n.tellUpdate(l)
	a.n.announce(l)
	a.n.assets.Reestablished(a.n.ctx, l)
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
	if a := n.announcing[id]; a != nil {
		a.sent, a.theirs = false, nil
	}
}

// opened takes a channel that was just opened.
func (n *Node) opened(p funding.Peer, ch *channel.Channel, s channel.Signer, first []wire.Message) {
	n.watchFunding(ch.Params(), ch.Status())
	l := n.links.Add(ch, s, link.Begin{})
	l.Begin(p, first)
	l.Start()
	if c, up := n.peers.Get(p.ID()); up {
		if err := n.reached(n.ctx, p.ID(), c.Outbound(), c.Addr()); err != nil {
			n.fatal(err)
		}
	}
	n.changed()
	n.log.Info("channel opened", "channel", l.ID(), "peer", p.ID(), "capacity", ch.Params().Capacity)
	if params := ch.Params(); !params.LocalIsOpener && params.MinimumDepth == 0 {
		n.log.Warn("the channel is used on trust: until its funding transaction is in a block, the peer can take back all that is in it", "channel", l.ID())
	}
}

// established has a channel's peer store our backup, unless the channel still waits for
// its funding transaction: then the peer need not.
func (n *Node) established(l *link.Link) {
	if s := l.Status(); s.Status == channel.Open && !s.ReadySent {
		return
	}
	if p, up := n.peers.Get(l.Params().Peer); up {
		n.keeper.Established(p)
	}
}

// ready gives a channel that can carry HTLCs its place in the graph and its terms:
// when both sides are ready, and again when it is in a block, if that comes later.
func (n *Node) ready(l *link.Link, e channel.Ready) {
	n.log.Info("channel ready", "channel", l.ID(), "short_channel_id", e.SCID)
	n.established(l)
	n.introduce(l.Params(), e.SCID)
	n.tidy(l)
	id := terms.LocalID(l.Params(), l.Status())
	if id == 0 {
		return
	}
	n.wg.Go(func() {
		n.makeUpdate(l, id)
		n.announce(l)
		n.assets.Announce(n.ctx, l)
		n.letSettle(l)
		n.tellUpdate(l)
	})
}

// How long a peer has to put a new channel into its own graph. One that needs it may
// lose our terms for good when they come at once, or while it makes ready to announce
// the channel: for that it takes the channel out of its graph and puts it in again.
const (
	settling   = 2 * time.Second
	resettling = 10 * time.Second
)

// letSettle waits until the peer shows that the channel is in its graph, or for a
// while.
func (n *Node) letSettle(l *link.Link) {
	look := time.NewTicker(settling / 20)
	defer look.Stop()
	for begin := time.Now(); ; {
		n.announceMu.Lock()
		signed := n.progress(l.ID()).theirs != nil
		n.announceMu.Unlock()
		if settled(n.announces(l.Params(), l.Status()), signed, n.peerTerms(l) != nil, time.Since(begin)) {
			return
		}
		select {
		case <-look.C:
		case <-n.ctx.Done():
			return
		}
	}
}

// settled says whether our terms can go to the peer, that long after the channel was
// ready: it has told its own terms, or where the channel is announced now has signed
// for that.
func settled(announced, signed, told bool, after time.Duration) bool {
	if announced {
		return signed || after >= resettling
	}
	return told || after >= settling
}

// policy implements [link.Config.Policy].
func (n *Node) policy(l *link.Link) (policy relay.Policy, older []relay.Policy, update *wire.ChannelUpdate) {
	policy, older = n.terms.Of(l, time.Now())
	if terms.Hides(l.Params()) {
		policy.Hidden = l.Status().SCID
	}
	return policy, older, n.ourTerms(l)
}

// renewUpdate makes our channel_update anew where what it says has changed or it is
// old, and tells the peer, who hears it from nobody else before the channel is
// public. There is none to renew before the channel is ready.
func (n *Node) renewUpdate(l *link.Link) {
	if old := n.ourTerms(l); old != nil && n.makeUpdate(l, old.ShortChannelID) && !n.public(old.ShortChannelID) {
		n.tellUpdate(l)
	}
}

// makeUpdate makes our channel_update, unless the one that is known says the same.
func (n *Node) makeUpdate(l *link.Link, scid wire.ShortChannelID) (made bool) {
	p, now := l.Params(), time.Now()
	own, _ := n.terms.Of(l, now)
	u := &wire.ChannelUpdate{
		ChainHash: *n.cfg.Network.GenesisHash, ShortChannelID: scid, Timestamp: uint32(unixNow()), //nolint:gosec // until 2106
		CLTVExpiryDelta: own.CLTVExpiryDelta, FeeBaseMsat: own.FeeBaseMsat,
		FeeProportionalMillionths: own.FeeProportionalMillionths,
		HTLCMinimumMsat:           own.HTLCMinimum, HTLCMaximumMsat: own.HTLCMaximum,
	}
	// BOLT 7: "MUST set `dont_forward` to 1 in `message_flags`"
	if !n.public(scid) {
		u.MessageFlags |= dontForward
	}
	old := n.book.Update(scid, n.ID())
	if n.disabled(l, old, now) {
		u.ChannelFlags |= disableFlag
	}
	if old != nil {
		if same(old, u) && u.Timestamp < old.Timestamp+refreshAfter {
			return false
		}
		u.Timestamp = max(u.Timestamp, old.Timestamp+1)
	}
	n.gossip(p.Capacity, graph.SignUpdate(u, n.ID(), p.Peer, n.ring.Node().Sign))
	return true
}

// disabled says whether a channel takes no HTLCs for long: it is being closed, or
// its peer is away.
func (n *Node) disabled(l herald.Channel, old *wire.ChannelUpdate, now time.Time) bool {
	if s := l.Status(); s.Status != channel.Open || s.LocalShutdown != nil || s.RemoteShutdown != nil {
		return true
	}
	if old == nil {
		return false
	}
	n.announceMu.Lock()
	defer n.announceMu.Unlock()
	return n.progress(l.ID()).peer.Disable(old.ChannelFlags&disableFlag != 0, now)
}

// public says whether a channel is announced.
func (n *Node) public(scid wire.ShortChannelID) (public bool) {
	n.book.Read(func(g *graph.Graph) {
		c, known := g.ByID(scid)
		public = known && c.Public()
	})
	return public
}

func same(a, b *wire.ChannelUpdate) bool {
	return a.CLTVExpiryDelta == b.CLTVExpiryDelta && a.FeeBaseMsat == b.FeeBaseMsat &&
		a.FeeProportionalMillionths == b.FeeProportionalMillionths &&
		a.HTLCMinimumMsat == b.HTLCMinimumMsat && a.HTLCMaximumMsat == b.HTLCMaximumMsat &&
		a.MessageFlags&dontForward == b.MessageFlags&dontForward && a.ChannelFlags&disableFlag == b.ChannelFlags&disableFlag
}

func (n *Node) gossip(capacity amount.Satoshi, msgs ...wire.Message) {
	if err := n.book.Own(n.ctx, capacity, msgs...); err != nil && n.ctx.Err() == nil {
		n.log.Error("own gossip refused", "why", err)
	}
}

// tellUpdate sends our channel_update to the channel's peer, who may need it for
// route hints before the channel is announced: by a name that the peer knows.
func (n *Node) tellUpdate(l *link.Link) {
	u, p := n.ourTerms(l), l.Params()
	id := terms.RemoteID(p, l.Status())
	if u == nil || id == 0 {
		return
	}
	if u.ShortChannelID != id {
		u.ShortChannelID = id
		u = graph.SignUpdate(u, n.ID(), p.Peer, n.ring.Node().Sign)
	}
	l.Send(u)
}

// announces says whether a channel is to be announced now.
func (n *Node) announces(p channel.ParamsRow, s channel.StatusRow) bool {
	return p.Announce && p.Property == 0 && s.SCID != 0 && s.Status == channel.Open && n.Height()+1 >= s.SCID.Height()+announceDepth
}

// announce goes on with a channel's announcement as far as it can go now.
func (n *Node) announce(l *link.Link) {
	p, status := l.Params(), l.Status()
	signer, ok := l.Signer().(interface{ SignAnnouncement([32]byte) wire.Signature })
	if !ok || !n.announces(p, status) {
		return
	}
	public := n.public(status.SCID)
	n.announceMu.Lock()
	at := n.progress(l.ID())
	send, theirs := !at.sent && (!public || at.theirs != nil), at.theirs
	at.sent = at.sent || send
	n.announceMu.Unlock()
	if send || !public && theirs != nil { // else nothing is signed
		us := graph.Half{Node: n.ID(), Bitcoin: p.LocalKeys.Funding}
		peer := graph.Half{Node: p.Peer, Bitcoin: p.RemoteKeys.Funding}
		a := graph.NewAnnouncement(*n.cfg.Network.GenesisHash, status.SCID, us, peer)
		hash := graph.Digest(a)
		ours := &wire.AnnouncementSignatures{
			ChannelID: l.ID(), ShortChannelID: status.SCID,
			NodeSignature: n.ring.Node().Sign(hash), BitcoinSignature: signer.SignAnnouncement(hash),
		}
		if send {
			l.Send(ours)
		}
		if !public && theirs != nil {
			signed, err := graph.Signed(a, us, peer, ours, theirs)
			if err != nil {
				n.log.Warn("channel not announced", "channel", l.ID(), "why", err)
				return
			}
			n.gossip(p.Capacity, signed)
			public = true
		}
	}
	if public {
		n.renewUpdate(l)
		n.announceNode() // the peer may have announced the channel first
	}
}

// announceNode makes our node_announcement, once a channel is public, unless the
// one that is known says the same.
func (n *Node) announceNode() {
	m := &wire.NodeAnnouncement{
		Features: n.announced(), Timestamp: uint32(unixNow()), NodeID: n.ID(), RGBColor: n.cfg.Color, //nolint:gosec // until 2106
		Addresses: n.Announced(),
	}
	copy(m.Alias[:], n.Alias())
	if old := n.book.Node(n.ctx, n.ID()); old != nil {
		if old.Features.Equal(m.Features) && old.RGBColor == m.RGBColor && old.Alias == m.Alias && string(old.Addresses) == string(m.Addresses) {
			return
		}
		m.Timestamp = max(m.Timestamp, old.Timestamp+1)
	}
	n.gossip(0, graph.SignNode(m, n.ring.Node().Sign))
}

// Announced are the addresses of our node_announcement as it has them, without those that cannot be.
//
// BOLT 7: "MUST place address descriptors in ascending order."
func (n *Node) Announced() (out []byte) {
	all := slices.Clone(n.cfg.Announce)
	slices.SortStableFunc(all, func(a, b wire.Address) int { return int(a.Kind) - int(b.Kind) })
	named := false
	for _, a := range all {
		// BOLT 7: "MUST NOT announce more than one `type 5` DNS hostname."
		if a.Kind == wire.AddressDNS && named {
			continue
		}
		named = named || a.Kind == wire.AddressDNS
		var err error
		if out, err = wire.AppendAddress(out, a); err != nil {
			n.log.Error("address not announced", "why", err)
		}
	}
	return out
}

// ParseAddress reads an address to announce, host and port: an IP address, an onion
// service or a name. Error: [wire.ErrAddress].
func ParseAddress(s string) (wire.Address, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return wire.Address{}, fmt.Errorf("%w: %w", wire.ErrAddress, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return wire.Address{}, fmt.Errorf("%w: port %q", wire.ErrAddress, port)
	}
	a := wire.Address{Kind: wire.AddressDNS, Host: host, Port: uint16(number)}
	if ip, err := netip.ParseAddr(host); err == nil {
		if a.Kind, a.Host = wire.AddressIPv6, ip.Unmap().String(); ip.Unmap().Is4() {
			a.Kind = wire.AddressIPv4
		}
	} else if strings.HasSuffix(strings.ToLower(host), ".onion") {
		a.Kind = wire.AddressTorV3
	}
	_, err = wire.AppendAddress(nil, a)
	return a, err
}

// Traces show the inside of payments while they happen.
func (n *Node) Traces() *events.Traces { return &n.traces }

// Steps holds payments before each of their steps; nil on mainnet: it never does.
func (n *Node) Steps() *steps.Gate { return n.steps }
