package assetgossip

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/gossip/spread"
	"github.com/leyden-ln/leyden/internal/tokens"
)

const (
	// announceDepth is how many confirmations a channel has when it is announced.
	announceDepth = 6
	// maxEarly is how many announcements are held that came too early.
	maxEarly = 256
	// mostAhead is how many blocks too early one may come to be held.
	mostAhead = 144
	// maxLooking is how many looks at the chain there are at once for all strangers.
	maxLooking = 3
)

// What peers make us check, in points: so many at once, and then so many a second.
const (
	mostPoints  = 2000
	pointsRate  = 100
	costChannel = 10 // four signatures, a look at the chain and one at the ledger
	costUpdate  = 1
)

var (
	errNotAChannel = errors.New("the output is not a channel of these keys")
	errLies        = errors.New("too many announcements of channels with tokens that there are not")
)

// claim is what an announcement says of an output: that it is of these keys.
type claim struct {
	scid   wire.ShortChannelID
	script string
}

func claimOf(m *wire.AssetChannelAnnouncement) claim {
	return claim{m.ShortChannelID, string(assetgraph.FundingScript(m))}
}

// credit is so many points, filled with time.
type credit struct {
	left int
	at   time.Time
}

// spend takes some; false when there are not as many.
func (c *credit) spend(points int, now time.Time, rate, most int64) bool {
	full := spread.Fill(c.left, now.Sub(c.at), rate, most)
	if gained := full - c.left; full == int(most) {
		c.left, c.at = full, now
	} else if gained > 0 { // what is less than a point is not lost, however often it is asked
		c.left, c.at = full, c.at.Add(time.Duration(gained)*time.Second/time.Duration(rate))
	}
	if c.left < points {
		return false
	}
	c.left -= points
	return true
}

// pays says whether a peer, a friend with a channel or a stranger, may make us check
// something: strangers have one credit together, for a node id costs nothing. It is called
// with mu held.
func (b *Book) pays(p Peer, friend bool, points int) bool {
	of := &b.strangers.work
	if c := b.peers[p]; c != nil && friend {
		of = &c.work
	}
	return of.spend(points, b.cfg.Now(), pointsRate, mostPoints)
}

// announcement takes an asset_channel_announcement, once its output and its tokens are
// found.
func (b *Book) announcement(ctx context.Context, p Peer, m *wire.AssetChannelAnnouncement) {
	friend := b.cfg.Ours(p.ID())
	b.mu.Lock()
	err := b.worth(p, friend, m)
	if errors.Is(err, assetgraph.ErrTaken) {
		err = nil // if that is so is seen when the chain is looked at
	}
	early := err == nil && b.cfg.Height()+1 < m.ShortChannelID.Height()+announceDepth
	if early {
		b.hold(unripe{from: p, friend: friend, m: m})
	}
	b.mu.Unlock()
	switch {
	case errors.Is(err, assetgraph.ErrFalse):
		b.Blame(p, err)
	case err == nil && !early:
		b.look(ctx, p, friend, m)
	}
}

// ErrEnough means that more is not taken for now.
var ErrEnough = errors.New("enough for now")

// worth says whether an announcement is worth a look at the chain: it is signed, and neither
// known nor refused. It is called with mu held.
func (b *Book) worth(p Peer, friend bool, m *wire.AssetChannelAnnouncement) error {
	if err := b.graph.Known(m); err != nil {
		b.news.Heard(announcementKey(m.ShortChannelID), b.number(p))
		return err
	}
	now := b.now()
	if b.refused.Has(m.ShortChannelID, now) || b.claims.Has(claimOf(m), now) {
		return ErrEnough
	}
	if b.graph.Len() >= maxChannels || !b.pays(p, friend, costChannel) {
		return ErrEnough
	}
	return b.graph.Check(m)
}

// look asks the chain for the output of a channel and the ledger for its tokens, and takes
// it. For strangers few are looked for at a time: they wait for each other.
func (b *Book) look(ctx context.Context, p Peer, friend bool, m *wire.AssetChannelAnnouncement) {
	if !friend {
		select {
		case b.looking <- struct{}{}:
			defer func() { <-b.looking }()
		case <-ctx.Done():
			return
		}
	}
	if !b.heeds(p) {
		return
	}
	out, _, err := b.cfg.Source.Output(ctx, m.ShortChannelID)
	switch {
	case err == nil && !bytes.Equal(out.PkScript, assetgraph.FundingScript(m)):
		b.refuse(p, friend, m, errNotAChannel, spread.NoChannel)
		return
	case errors.Is(err, chain.ErrNeverWas):
		b.refuse(p, friend, m, err, spread.NoChannel)
		return
	case errors.Is(err, chain.ErrNoOutput):
		b.refuse(p, friend, m, err, spread.NoOutput)
		return
	case err != nil:
		b.cfg.Log.Debug("the chain cannot be asked", "channel", m.ShortChannelID, "why", err)
		b.again(p, friend, m)
		return
	}
	if b.taken(ctx, m) {
		b.refuse(p, friend, m, assetgraph.ErrTaken, spread.NoOutput)
		return
	}
	why, err := b.cfg.Ledger.Refute(ctx, m.ShortChannelID.Height()+announceDepth-1, tokens.Claim{Property: m.Property, Script: assetgraph.FundingScript(m), Units: m.Capacity})
	switch {
	case err == nil && why[0] != "":
		b.refuse(p, friend, m, errors.New(why[0]), spread.NoOutput)
		return
	case err != nil && !errors.Is(err, tokens.ErrOff):
		b.again(p, friend, m)
		return
	}
	b.mu.Lock()
	if err = b.add(p, m, err == nil); err == nil {
		if c := b.peers[p]; c != nil {
			c.doubt.Trust()
		}
	}
	for _, u := range b.early.take(claimOf(m)) {
		if k := updateKey(u.m); err == nil && b.graph.Fresh(u.m, b.now()) == nil && b.change(u.from, u.m) == nil {
			b.rates.Spend(k, b.now())
		}
	}
	b.mu.Unlock()
}

// again keeps an announcement until the chain can be asked, or the ledger has come so far.
func (b *Book) again(p Peer, friend bool, m *wire.AssetChannelAnnouncement) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hold(unripe{from: p, friend: friend, m: m})
}

// taken says whether another announced channel has the address of one. It is forgotten when
// its output is not there any more: a reorganization may have moved it to where this one is.
func (b *Book) taken(ctx context.Context, m *wire.AssetChannelAnnouncement) bool {
	b.mu.Lock()
	rival, taken := b.graph.Rival(m)
	b.mu.Unlock()
	if !taken || rival == m.ShortChannelID { // which somebody else has told meanwhile
		return false
	}
	if _, _, err := b.cfg.Source.Output(ctx, rival); !errors.Is(err, chain.ErrNoOutput) {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(rival)
	return false
}

// heeds says whether a peer's announcements are worth a look at the chain: it has not told
// too many lies. What it said counts when it has left.
func (b *Book) heeds(p Peer) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.peers[p]
	return c == nil || !c.doubt.Over(b.cfg.Now())
}

// refuse notes that there is no such channel, so that nobody looks for it again for a
// while. A stranger who tells too many is sent away.
func (b *Book) refuse(p Peer, friend bool, m *wire.AssetChannelAnnouncement, why error, points int) {
	b.cfg.Log.Debug("asset_channel_announcement refused", "channel", m.ShortChannelID, "why", why)
	over := false
	b.mu.Lock()
	b.early.take(claimOf(m))
	if errors.Is(why, errNotAChannel) || errors.Is(why, assetgraph.ErrTaken) {
		b.claims.Add(claimOf(m), b.now()) // the output may be a channel of other keys
	} else {
		b.refused.Add(m.ShortChannelID, b.now())
	}
	if c := b.peers[p]; c != nil {
		c.doubt.Add(points, b.cfg.Now())
		over = c.doubt.Over(b.cfg.Now())
	}
	b.mu.Unlock()
	if over && !friend {
		b.Blame(p, errLies)
	}
}

// update takes an asset_channel_update.
func (b *Book) update(p Peer, m *wire.AssetChannelUpdate) {
	friend := b.cfg.Ours(p.ID())
	b.mu.Lock()
	err := b.graph.Fresh(m, b.now())
	k := updateKey(m)
	switch {
	case errors.Is(err, assetgraph.ErrUnknown):
		b.attach(p, friend, m)
	case errors.Is(err, assetgraph.ErrKnown):
		if e := b.entries[k.scid]; bytes.Equal(*e.knows(k), wire.Encode(m)) {
			b.news.Heard(k, b.number(p))
		}
	case err == nil && b.rates.Allow(k, b.now()) && b.pays(p, friend, costUpdate):
		if err = b.change(p, m); err == nil {
			b.rates.Spend(k, b.now())
		}
	}
	b.mu.Unlock()
	if errors.Is(err, assetgraph.ErrFalse) {
		b.Blame(p, err)
	}
}

// early are announcements that came before their time, with the latest update of each
// direction. Of one output there may be several: which one is true is not known yet.
type early map[claim]*unripe

type unripe struct {
	from    Peer
	friend  bool
	m       *wire.AssetChannelAnnouncement
	updates [2]said
}

// said is an update, and who said it.
type said struct {
	from Peer
	m    *wire.AssetChannelUpdate // nil: there is none
}

// hold keeps an announcement for later. Where there are too many, it takes the place of one
// that has longer to wait, or, when it is of a peer with a channel, of any stranger's. It is
// called with mu held.
func (b *Book) hold(u unripe) {
	at, scid := claimOf(u.m), u.m.ShortChannelID
	if b.early[at] != nil || scid.Height() > b.cfg.Height()+mostAhead {
		return
	}
	if len(b.early) >= maxEarly {
		var last claim
		for other, old := range b.early {
			if !old.friend && other.scid > last.scid {
				last = other
			}
		}
		if last.scid == 0 || !u.friend && last.scid <= scid {
			return
		}
		delete(b.early, last)
	}
	b.early[at] = &u
}

// attach keeps an update with the announcement that it waits for, if it is one of its
// channel. If it is not, nobody is to blame: the announcement may be the false one. It is
// called with mu held.
func (b *Book) attach(p Peer, friend bool, m *wire.AssetChannelUpdate) {
	for of, u := range b.early {
		at := &u.updates[m.ChannelFlags&wire.AssetDirection]
		if of.scid != m.ShortChannelID || at.m != nil && at.m.Timestamp >= m.Timestamp {
			continue
		}
		if !b.pays(p, friend, costUpdate) {
			return
		}
		if assetgraph.Belongs(m, u.m, b.now()) == nil {
			*at = said{p, m}
		}
	}
}

// take ends the wait of an announcement.
func (e early) take(of claim) (updates []said) {
	if u := e[of]; u != nil {
		delete(e, of)
		for _, s := range u.updates {
			if s.m != nil {
				updates = append(updates, s)
			}
		}
	}
	return updates
}

// Poke says that the chain has grown, or what the ledger has read of it: [Book.Run] looks
// at what that changes.
func (b *Book) Poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run does what asks the chain and the ledger, whenever it is poked, until ctx ends.
func (b *Book) Run(ctx context.Context) {
	for {
		select {
		case <-b.wake:
			b.grow(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// grow forgets the channels whose tokens have left, and takes the announcements whose time
// has come.
func (b *Book) grow(ctx context.Context) {
	b.audit(ctx)
	b.Save(ctx)
	b.mu.Lock()
	var ripe []*unripe
	for of, u := range b.early {
		if b.cfg.Height()+1 >= of.scid.Height()+announceDepth {
			ripe = append(ripe, u)
		}
	}
	b.mu.Unlock()
	slices.SortFunc(ripe, func(x, y *unripe) int { return int(x.m.ShortChannelID.Height()) - int(y.m.ShortChannelID.Height()) })
	for _, u := range ripe {
		b.look(ctx, u.from, u.friend, u.m)
	}
}
