package assetgossip

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/gossip/spread"
)

// What a peer is told, in messages: so many at once, and then so many a second; all
// strangers together as many as one of the others. No more is sent while so many bytes wait
// to be written.
const (
	mostTold = 256
	toldRate = 64
	maxQueue = 128 << 10
)

// keepNews is for how long news is kept, at least: as long as it takes to tell a peer all.
const keepNews = 30 * time.Minute

// conversation is what goes on with a peer. It is held by the book's mu.
type conversation struct {
	peer   Peer
	number uint64 // in the order of coming
	doubt  spread.Doubt
	credits

	all       bool                // it was told all that there was
	next      wire.ShortChannelID // where to go on with that
	offers    bool                // it goes on with rates
	nextOffer assetgraph.Exchange // from the one behind this
	heard     uint64              // the number of the first news that was not passed on
	flushTo   uint64              // the end of the batch that is being passed on
	nextFlush time.Time
}

// credits are of what a peer makes us check, and of what it is told.
type credits struct{ work, told credit }

func newCredits(now time.Time) credits {
	return credits{work: credit{mostPoints, now}, told: credit{mostTold, now}}
}

// Up begins to tell a peer with the feature what is known.
func (b *Book) Up(p Peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.cfg.Now()
	b.met++
	b.peers[p] = &conversation{
		peer: p, number: b.met, credits: newCredits(now), heard: b.news.End(), flushTo: b.news.End(), nextFlush: now.Add(b.cfg.Flush),
	}
}

// Down forgets a peer.
func (b *Book) Down(p Peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.peers, p)
}

// round is all conversations in the order of their coming, from the one on whose turn it
// is. It is called with mu held.
func (b *Book) round() []*conversation {
	all := slices.SortedFunc(maps.Values(b.peers), func(x, y *conversation) int { return cmp.Compare(x.number, y.number) })
	first := max(slices.IndexFunc(all, func(c *conversation) bool { return c.number >= b.turn }), 0)
	return slices.Concat(all[first:], all[:first])
}

// serve tells every peer what it may be told now.
func (b *Book) serve() {
	b.serving.Lock() // an update never goes out before its announcement
	defer b.serving.Unlock()
	b.mu.Lock()
	peers := b.round()
	b.mu.Unlock()
	short := false
	for _, c := range peers {
		stranger := !b.cfg.Ours(c.peer.ID())
		for c.peer.Queued() < maxQueue {
			b.mu.Lock()
			msgs, spent := b.share(c, stranger)
			if spent && !short {
				short, b.turn = true, c.number
			}
			b.mu.Unlock()
			if len(msgs) == 0 {
				break
			}
			b.tell(c.peer, msgs...)
		}
	}
}

// share is the next messages for a peer; spent: it has to wait because of what other
// strangers were told. It is called with mu held.
func (b *Book) share(c *conversation, stranger bool) (msgs []wire.Message, spent bool) {
	const most = 3 // messages about a channel
	now := b.cfg.Now()
	if !c.told.spend(most, now, toldRate, mostTold) {
		return nil, false
	}
	if stranger && !b.strangers.told.spend(most, now, toldRate, mostTold) {
		c.told.left += most
		return nil, true
	}
	if msgs = b.past(c); len(msgs) == 0 {
		msgs = b.fresh(c, now)
	}
	c.told.left += most - len(msgs)
	if stranger {
		b.strangers.told.left += most - len(msgs)
	}
	return msgs, false
}

// past is what there was when the peer came, and it did not tell itself: of the next channel
// of which an update is known, and behind all channels the next rate. What is not written
// yet it waits for.
func (b *Book) past(c *conversation) []wire.Message {
	if c.all {
		return nil
	}
	if b.order == nil {
		b.order = slices.Sorted(maps.Keys(b.entries))
	}
	at, _ := slices.BinarySearch(b.order, c.next)
	for ; at < len(b.order); at++ {
		scid := b.order[at]
		e := b.entries[scid]
		if e.drafts > 0 {
			return nil
		}
		c.next = scid + 1
		if !e.told {
			continue
		}
		keys := []key{announcementKey(scid), {kind: kindUpdate, scid: scid}, {kind: kindUpdate, scid: scid, side: 1}}
		keys = slices.DeleteFunc(keys, func(k key) bool { return *e.origin(k) == c.number })
		if msgs := b.read(keys...); len(msgs) > 0 {
			for _, k := range keys {
				b.news.Heard(k, c.number)
			}
			return msgs
		}
	}
	return b.pastOffer(c)
}

// fresh is the next of the batch of news that a peer did not tell itself.
func (b *Book) fresh(c *conversation, now time.Time) []wire.Message {
	if !c.all {
		return nil
	}
	if c.heard >= c.flushTo && !now.Before(c.nextFlush) {
		c.flushTo, c.nextFlush = b.news.End(), now.Add(b.cfg.Flush)
	}
	for {
		k, after, ok := b.news.Next(c.heard, c.flushTo, c.number)
		if ok && b.unwritten(k) {
			return nil // the latest is not written yet
		}
		if c.heard = after; !ok {
			return nil
		}
		if msgs := b.read(k); len(msgs) > 0 {
			return msgs
		}
	}
}
