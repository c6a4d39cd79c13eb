package gossip

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
)

// announceDepth is how many confirmations a channel has when it is announced
// (BOLT 7).
const announceDepth = 6

// announcement takes a channel_announcement, once its funding output is found.
func (b *Book) announcement(ctx context.Context, p Peer, m *wire.ChannelAnnouncement) {
	// BOLT 7: "if the specified `chain_hash` is unknown to the receiver: - MUST ignore the message."
	if m.ChainHash != b.cfg.Chain || b.knows(p, m) {
		return
	}
	if err := b.graph.Check(m); err != nil {
		b.blame(p, err)
		return
	}
	if b.early(p, m) {
		return
	}
	out, ok := b.look(ctx, p, m)
	if !ok {
		return
	}
	capacity := amount.Satoshi(out.Value) //nolint:gosec // an output's value is not negative
	v := b.take(p, m, func(g *graph.Graph) graph.Verdict { return g.Channel(m, capacity) })
	if v.Kind != graph.Accepted {
		return
	}
	b.trust(p)
	b.release(ctx, m)
}

// release takes what has waited for a channel.
func (b *Book) release(ctx context.Context, m *wire.ChannelAnnouncement) {
	b.mu.Lock()
	waited := b.waiting.of(m)
	b.mu.Unlock()
	for _, h := range waited {
		b.again(ctx, h)
	}
}

// again takes a message that had to wait.
func (b *Book) again(ctx context.Context, h held) {
	switch m := h.m.(type) {
	case *wire.ChannelAnnouncement:
		b.announcement(ctx, h.from, m)
	case *wire.ChannelUpdate:
		b.update(h.from, m)
	case *wire.NodeAnnouncement:
		b.node(h.from, m)
	}
}

// knows says whether an announcement is not worth checking: the channel is public
// already, or its funding output was not there a while ago, or was another's.
func (b *Book) knows(p Peer, m *wire.ChannelAnnouncement) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.index.channels[m.ShortChannelID] != nil {
		b.news.Heard(announcementKey(m.ShortChannelID), p)
		return true
	}
	return b.refused.Has(m.ShortChannelID, b.now()) || b.claims.Has(claimOf(m), b.now())
}

// update takes a channel_update.
func (b *Book) update(p Peer, m *wire.ChannelUpdate) {
	// BOLT 7: "if the specified `chain_hash` value is unknown (meaning it isn't active on the specified chain): - MUST ignore the channel update."
	if m.ChainHash != b.cfg.Chain || b.unwelcome(m) {
		return
	}
	v := b.take(p, m, func(g *graph.Graph) graph.Verdict { return g.Update(m, b.now()) })
	if v.Kind == graph.Orphan {
		b.miss(p, m.ShortChannelID)
	}
}

// unwelcome says whether a channel_update is not worth its signature's check: it
// comes too often, repeats what was said a short while ago, or breaks a rule for
// which whoever passed it on is not to blame.
func (b *Book) unwelcome(m *wire.ChannelUpdate) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	c, known := b.graph.ByID(m.ShortChannelID)
	if !known {
		return b.refused.Has(m.ShortChannelID, b.now())
	}
	old := &c.Policies[m.ChannelFlags&directionFlag]
	if c.Capacity > 0 && m.HTLCMaximumMsat > c.Capacity.Msat() {
		return true
	}
	e := b.index.channels[m.ShortChannelID]
	if e == nil || b.ours[m.ShortChannelID] != nil || m.Timestamp <= old.Timestamp {
		return false
	}
	// BOLT 7: "MUST ignore `channel_update`s, unless they have the `disable` bit set to 1."
	if e.spent != 0 && m.ChannelFlags&disableFlag == 0 {
		return true
	}
	d := m.ChannelFlags & directionFlag
	if old.Known() && m.Timestamp-old.Timestamp < redundant && e.sums[d] == checksum(wire.Encode(m)) {
		return true
	}
	return !b.rates.Allow(updateKey(m), b.now())
}

// node takes a node_announcement.
func (b *Book) node(p Peer, m *wire.NodeAnnouncement) {
	switch _, err := wire.ParseAddresses(m.Addresses); {
	case errors.Is(err, wire.ErrHostnames):
		// BOLT 7: "if more than one `type 5` address is announced: - SHOULD ignore the additional data. - MUST not forward the `node_announcement`."
		return
	case err != nil:
		b.blame(p, err)
		return
	}
	b.mu.RLock()
	allowed := b.rates.Allow(nodeKey(m.NodeID), b.now())
	b.mu.RUnlock()
	if allowed {
		b.take(p, m, func(g *graph.Graph) graph.Verdict { return g.Node(m, b.now()) })
	}
}

// take applies a peer's message; what comes of it is written and passed on later.
func (b *Book) take(from Peer, m wire.Message, apply func(g *graph.Graph) graph.Verdict) graph.Verdict {
	b.mu.Lock()
	again := b.said(m)
	v := apply(b.graph)
	switch v.Kind {
	case graph.Accepted:
		b.drafts.add(draft{row: v.Row, tell: b.note(m), from: from})
		if again {
			b.rates.Spend(keyOf(m), b.now())
		}
	case graph.Duplicate:
		b.news.Heard(keyOf(m), from)
	case graph.Orphan:
		b.waiting.add(held{m, from})
	}
	b.mu.Unlock()
	switch v.Kind {
	case graph.Bad:
		b.blame(from, v.Why)
	case graph.Accepted:
		b.brings(from)
	}
	return v
}

// said says whether the origin of an update or a node_announcement has spoken of the
// same thing before.
func (b *Book) said(m wire.Message) bool {
	switch m := m.(type) {
	case *wire.ChannelUpdate:
		c, ok := b.graph.ByID(m.ShortChannelID)
		return ok && c.Policies[m.ChannelFlags&directionFlag].Known()
	case *wire.NodeAnnouncement:
		i, ok := b.graph.NodeIndex(m.NodeID)
		return ok && b.graph.Nodes()[i].Timestamp != 0
	}
	return false
}

func keyOf(m wire.Message) key {
	switch m := m.(type) {
	case *wire.ChannelAnnouncement:
		return announcementKey(m.ShortChannelID)
	case *wire.ChannelUpdate:
		return updateKey(m)
	case *wire.NodeAnnouncement:
		return nodeKey(m.NodeID)
	}
	return key{}
}

// Bounds of what came before its time.
const (
	maxYoung        = 1000
	maxYoungOfAPeer = 200
	maxAhead        = 6 // blocks
	maxWaiting      = 1000
)

// held is a message that came before its time.
type held struct {
	m    wire.Message
	from Peer
}

// early keeps an announcement for a later block when the peer that told us is some
// blocks ahead. The height is read with the lock held: either [Book.Grow] sees the
// announcement, or we see the block.
//
// BOLT 7: "MAY accept the message if the output is close to 6 confirmations, in case the receiving node hasn't received the latest block(s) yet."
func (b *Book) early(p Peer, m *wire.ChannelAnnouncement) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, height := m.ShortChannelID.Height()+announceDepth, b.cfg.Height()+1
	if at <= height {
		return false
	}
	of := 0
	for _, h := range b.young {
		if h.from == p {
			of++
		}
	}
	if at <= height+maxAhead && len(b.young) < maxYoung && of < maxYoungOfAPeer {
		b.young[m.ShortChannelID] = held{m, p}
	}
	return true
}

// Grow takes the announcements that came too early and whose time has come: call it
// after each [Book.Block]. What peers have told makes it read the chain, so that nothing
// may wait for it. Those of peers with a channel come first.
func (b *Book) Grow(ctx context.Context) {
	b.growing.Lock()
	defer b.growing.Unlock()
	b.mu.Lock()
	young := b.young
	b.young = map[wire.ShortChannelID]held{}
	b.mu.Unlock()
	ids, strange := make([]wire.ShortChannelID, 0, len(young)), map[wire.ShortChannelID]int{}
	for id, h := range young {
		if ids = append(ids, id); !b.cfg.Ours(h.from.ID()) {
			strange[id] = 1
		}
	}
	slices.SortFunc(ids, func(x, y wire.ShortChannelID) int {
		return cmp.Or(cmp.Compare(strange[x], strange[y]), cmp.Compare(x, y))
	})
	for _, id := range ids {
		b.again(ctx, young[id])
	}
}

// waiting are updates and node announcements that came before their channels, the
// latest of each kind. The oldest make room for new ones.
type waiting struct {
	held  map[key]held
	order []key
}

func newWaiting() waiting { return waiting{held: map[key]held{}} }

func (w *waiting) add(h held) {
	k := keyOf(h.m)
	if old, ok := w.held[k]; ok {
		if stampOf(old.m) <= stampOf(h.m) {
			w.held[k] = h
		}
		return
	}
	w.order = slices.DeleteFunc(w.order, func(k key) bool { _, ok := w.held[k]; return !ok })
	if len(w.order) >= maxWaiting {
		delete(w.held, w.order[0])
		w.order = w.order[1:]
	}
	w.held[k] = h
	w.order = append(w.order, k)
}

// of takes what waited for a channel: its updates, then its nodes.
func (w *waiting) of(m *wire.ChannelAnnouncement) (out []held) {
	for _, k := range []key{
		{kind: kindUpdate, scid: m.ShortChannelID}, {kind: kindUpdate + 1, scid: m.ShortChannelID},
		nodeKey(m.NodeID1), nodeKey(m.NodeID2),
	} {
		if h, ok := w.held[k]; ok {
			delete(w.held, k)
			out = append(out, h)
		}
	}
	return out
}

func stampOf(m wire.Message) uint32 {
	switch m := m.(type) {
	case *wire.ChannelUpdate:
		return m.Timestamp
	case *wire.NodeAnnouncement:
		return m.Timestamp
	}
	return 0
}
