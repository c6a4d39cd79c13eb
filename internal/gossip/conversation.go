package gossip

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/gossip/spread"
	"github.com/leyden-ln/leyden/internal/graph"
)

// How fast a peer is answered, in bytes: so many at once, and then so many a
// second; and no further while so many of them wait to be written to it. What it
// asked for beyond that waits as a place in the graph, not as messages.
const (
	maxCredit  = 1 << 20
	creditRate = 256 << 10
	maxQueue   = 128 << 10
)

// conversation is what goes on with a peer: what we ask, and what we answer.
type conversation struct {
	peer   Peer
	number uint64       // in the order of coming
	asking asking       // held by the book's talk
	doubt  spread.Doubt // held by the book's talk

	mu       sync.Mutex // held while the peer is answered
	credit   int        // bytes that may be sent
	credited time.Time

	ids     *idsAnswer
	span    *spanAnswer
	backlog *backlog

	greeted     bool      // a filter came, and our own gossip was sent
	from, until uint64    // the filter's range of timestamps; none before it came
	heard       uint64    // the number of the first news that was not passed on
	flushTo     uint64    // the end of the batch that is being passed on
	nextFlush   time.Time // of the batch after it
}

// Up begins the conversation with a peer.
func (b *Book) Up(p Peer) {
	b.mu.RLock()
	end := b.news.End()
	b.mu.RUnlock()
	now := b.cfg.Now()
	c := &conversation{
		peer: p, credit: maxCredit, credited: now, heard: end, flushTo: end, nextFlush: now.Add(b.cfg.Flush),
	}
	b.talk.Lock()
	b.met++
	c.number = b.met
	b.peers[p] = c
	b.talk.Unlock()
	b.greet(c)
}

// Down forgets a peer.
func (b *Book) Down(p Peer) {
	b.talk.Lock()
	c := b.peers[p]
	delete(b.peers, p)
	b.talk.Unlock()
	if c != nil {
		b.seek() // another one may be asked instead
	}
}

// with is the conversation with a peer; nil when there is none.
func (b *Book) with(p Peer) *conversation {
	b.talk.Lock()
	defer b.talk.Unlock()
	return b.peers[p]
}

// conversations are all, in the order of their coming.
func (b *Book) conversations() []*conversation {
	b.talk.Lock()
	defer b.talk.Unlock()
	return b.inOrder()
}

// inOrder is called with talk held.
func (b *Book) inOrder() []*conversation {
	out := make([]*conversation, 0, len(b.peers))
	for _, c := range b.peers {
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y *conversation) int { return cmp.Compare(x.number, y.number) })
	return out
}

// serve sends a peer what it has to get, as far as its credit goes and it reads:
// answers, then news, then what is known from before.
func (b *Book) serve(ctx context.Context, c *conversation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := b.cfg.Now()
	if d := now.Sub(c.credited); d > 0 {
		c.credit = spread.Fill(c.credit, d, creditRate, maxCredit)
		c.credited = now
	}
	if c.heard >= c.flushTo && !now.Before(c.nextFlush) {
		b.mu.RLock()
		c.flushTo = b.news.End()
		b.mu.RUnlock()
		c.nextFlush = now.Add(b.cfg.Flush)
	}
	if !c.owed() {
		return
	}
	room, stranger := maxQueue, !b.cfg.Ours(c.peer.ID())
	if stranger {
		room = b.share()
	}
	for c.owed() && c.credit > 0 && c.peer.Queued() < room && ctx.Err() == nil && (!stranger || !b.strangers.spent()) {
		before := c.credit
		switch {
		case c.ids != nil:
			b.nextID(ctx, c)
		case c.span != nil:
			b.nextSpan(c)
		case c.heard < c.flushTo:
			b.nextNews(ctx, c)
		default:
			b.nextOld(ctx, c)
		}
		if stranger {
			b.strangers.spend(before - c.credit)
		}
	}
}

// owed says whether there is anything to send.
func (c *conversation) owed() bool {
	return c.ids != nil || c.span != nil || c.heard < c.flushTo || c.backlog != nil
}

// send sends messages as they came, at the expense of the peer's credit.
func (b *Book) send(c *conversation, raw ...[]byte) { c.credit -= b.sendRaw(c.peer, raw...) }

func (c *conversation) wants(timestamp uint32) bool {
	return uint64(timestamp) >= c.from && uint64(timestamp) < c.until
}

// nextNews passes on one message.
func (b *Book) nextNews(ctx context.Context, c *conversation) {
	b.mu.RLock()
	k, after, ok := b.news.Next(c.heard, c.flushTo, c.peer)
	wanted := ok && b.wanted(c, k)
	b.mu.RUnlock()
	c.credit -= scanPrice
	c.heard = max(after, c.heard)
	if !ok {
		c.heard = c.flushTo
	}
	if wanted {
		b.send(c, b.read(ctx, []key{k})...)
	}
}

// wanted says whether a message is in the range of a peer's filter. It is called
// with mu held.
//
// BOLT 7: "MUST consider the `timestamp` of the `channel_announcement` to be the `timestamp` of a corresponding `channel_update`."
func (b *Book) wanted(c *conversation, k key) bool {
	if k.kind == kindNode {
		i, ok := b.graph.NodeIndex(k.node)
		return ok && b.public(i) && c.wants(b.graph.Nodes()[i].Timestamp)
	}
	ch, ok := b.graph.ByID(k.scid)
	if e := b.index.channels[k.scid]; !ok || e == nil || k.kind == kindAnnouncement && e.spent != 0 {
		return false
	}
	if k.kind == kindAnnouncement {
		return c.wants(ch.Policies[0].Timestamp) || c.wants(ch.Policies[1].Timestamp)
	}
	return c.wants(ch.Policies[k.kind-kindUpdate].Timestamp)
}

// public says whether a node has a public channel.
func (b *Book) public(node int32) bool {
	for _, c := range b.graph.Nodes()[node].Channels {
		if b.index.channels[b.graph.Channels()[c].SCID] != nil {
			return true
		}
	}
	return false
}

// backlog is a place in what was known before a filter came: channels with their
// updates first, then nodes.
type backlog struct {
	channel wire.ShortChannelID
	node    int
	nodes   bool
}

// filter notes what a peer asks for, which is first of all what is known of it.
func (b *Book) filter(ctx context.Context, p Peer, m *wire.GossipTimestampFilter) {
	c := b.with(p)
	if c == nil || m.ChainHash != b.cfg.Chain {
		return
	}
	c.mu.Lock()
	first := !c.greeted
	c.greeted = true
	c.credit -= askCost
	b.mu.RLock()
	end := b.news.End()
	b.mu.RUnlock()
	// BOLT 7: "Note that this filter replaces any previous one, so it can be used multiple times to change the gossip from a peer."
	c.from, c.until = uint64(m.FirstTimestamp), uint64(m.FirstTimestamp)+uint64(m.TimestampRange)
	c.heard, c.flushTo = end, end // the backlog holds it
	c.backlog = &backlog{}
	c.mu.Unlock()
	if first {
		b.sendRaw(p, b.read(ctx, b.ownKeys())...)
	}
	b.serve(ctx, c)
}

// ownKeys are the public messages of our own, which no filter holds back.
func (b *Book) ownKeys() (out []key) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for scid := range b.ours {
		c, ok := b.graph.ByID(scid)
		e := b.index.channels[scid]
		if !ok || e == nil {
			continue
		}
		for d, n := range c.Nodes {
			if b.graph.Nodes()[n].ID == b.us && c.Policies[d].Known() && !e.hidden[d] {
				out = append(out, announcementKey(scid), key{kind: kindUpdate + uint8(d), scid: scid}) //nolint:gosec // 0 or 1
			}
		}
	}
	slices.SortFunc(out, func(x, y key) int {
		return cmp.Or(cmp.Compare(x.scid, y.scid), cmp.Compare(x.kind, y.kind))
	})
	if len(out) > 0 {
		out = append(out, nodeKey(b.us))
	}
	return out
}

// What is gone through in search of what a filter asks for: so much at once, with the
// lock held, and each, as of the news, for so many bytes of the peer's credit.
const (
	scanStep  = 512
	scanPrice = 2
)

// nextOld sends what is known of the next channel or node of the backlog, or goes a
// step further in search of one.
func (b *Book) nextOld(ctx context.Context, c *conversation) {
	if c.backlog.nodes {
		if id, ok := b.nextNode(c); ok {
			b.send(c, b.readNode(ctx, id))
		}
		return
	}
	scid, want, ok := b.nextWanted(c)
	if !ok {
		return
	}
	a, updates := b.readChannel(ctx, scid)
	if a == nil {
		return
	}
	b.send(c, a)
	for d := range updates {
		if want[d] {
			b.send(c, updates[d])
		}
	}
}

// nextWanted finds the next channel of the backlog with an update in the filter's
// range. False: there was none in this step.
func (b *Book) nextWanted(c *conversation) (scid wire.ShortChannelID, want [2]bool, ok bool) {
	b.reading(func() {
		rest := b.index.from(c.backlog.channel)
		for i, id := range rest[:min(scanStep, len(rest))] {
			c.credit -= scanPrice
			ch, e := b.shown(id)
			if ch == nil {
				continue
			}
			for d := range want {
				want[d] = ch.Policies[d].Known() && !e.hidden[d] && c.wants(ch.Policies[d].Timestamp)
			}
			if ok = want[0] || want[1]; ok {
				scid, rest = id, rest[i+1:]
				break
			}
		}
		if !ok {
			rest = rest[min(scanStep, len(rest)):]
		}
		if c.backlog.nodes = len(rest) == 0; !c.backlog.nodes {
			c.backlog.channel = rest[0]
		}
	})
	return scid, want, ok
}

// nextNode finds the next node of the backlog that has said something in the filter's
// range. False: there was none in this step.
func (b *Book) nextNode(c *conversation) (id wire.NodeID, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	nodes := b.graph.Nodes()
	i, end := c.backlog.node, min(c.backlog.node+scanStep, len(nodes))
	for ; i < end && !ok; i++ {
		c.credit -= scanPrice
		if nodes[i].Timestamp != 0 && c.wants(nodes[i].Timestamp) && b.public(int32(i)) { //nolint:gosec // far fewer
			id, ok = nodes[i].ID, true
		}
	}
	if c.backlog.node = i; i >= len(nodes) {
		c.backlog = nil
	}
	return id, ok
}

// reading calls f, which only reads, with mu held and the index in order.
func (b *Book) reading(f func()) {
	b.mu.RLock()
	if b.index.sorted {
		defer b.mu.RUnlock()
		f()
		return
	}
	b.mu.RUnlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// shown is a public channel that others may be told of: it has an update to show
// and its funding output is unspent. It is called with mu held.
//
// BOLT 7: "If the funding output of the `channel_announcement` has been spent: - SHOULD NOT send the `channel_announcement`."
func (b *Book) shown(scid wire.ShortChannelID) (*graph.Channel, *entry) {
	c, ok := b.graph.ByID(scid)
	e := b.index.channels[scid]
	if !ok || e == nil || e.spent != 0 {
		return nil, nil
	}
	for d := range c.Policies {
		if c.Policies[d].Known() && !e.hidden[d] {
			return c, e
		}
	}
	return nil, nil
}
