package gossip

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Limits of what we ask and what we take for an answer.
const (
	chunk        = 200     // channels in a query: the peer's other messages wait behind its answer
	maxReplies   = 1 << 14 // messages in answer to query_channel_range
	maxIDs       = 1 << 18 // channels in them
	maxMissing   = 200     // channels of orphans to ask for at once
	maxAsked     = 4096    // of them, on a connection
	maxListening = 5       // peers that tell us news of others
	maxBarren    = 5       // queries in a row that bring nothing

	silence   = time.Minute      // after which a peer is given up
	patience  = 10 * time.Minute // for one answer, however it trickles
	attempt   = 30 * time.Minute // for everything that a peer knows, while another could be asked
	tryAgain  = 10 * time.Minute // until a peer that failed is asked again
	askOthers = time.Hour        // until another peer is asked for everything
	overlap   = 3600             // seconds before the time from which news is asked for
	twoWeeks  = 14 * 24 * 3600   // seconds
)

// How far we are with what we ask a peer.
const (
	quiet    = iota
	ranging  // query_channel_range was sent
	fetching // query_short_channel_ids was sent, of what the ranges showed
	patching // query_short_channel_ids was sent, of channels of orphans
)

// asking is what we ask of a peer.
type asking struct {
	state     int
	queries   bool      // the peer offers gossip_queries
	extended  bool      // and gossip_queries_ex
	filtered  bool      // our filter was sent
	listening bool      // and it asks for something
	tried     time.Time // when the last attempt to learn everything ended
	began     time.Time // when the attempt that goes on began
	asked     time.Time // when the last query was sent
	heard     time.Time // when the last message came

	end          uint64 // the block after the last one that was asked for
	last, told   uint64 // first block of the last reply, and the block after it
	replies, ids int
	blind        bool // the replies had no timestamps
	partial      bool // the peer does not know everything
	brought      bool // what came of the last query was of use
	barren       int  // queries in a row of which nothing was
	want         []want
	missing      map[wire.ShortChannelID]bool // channels of orphans
	askedFor     map[wire.ShortChannelID]bool
}

// want is a channel to ask for.
type want struct {
	scid wire.ShortChannelID
	flag byte
}

// greet begins to ask a peer.
func (b *Book) greet(c *conversation) {
	f := c.peer.Features()
	b.talk.Lock()
	c.asking.queries, c.asking.extended = f.Has(wire.GossipQueries), f.Has(wire.GossipQueriesEx)
	c.asking.missing, c.asking.askedFor = map[wire.ShortChannelID]bool{}, map[wire.ShortChannelID]bool{}
	b.talk.Unlock()
	b.seek()
	b.talk.Lock()
	defer b.talk.Unlock()
	if c.asking.state == quiet && !c.asking.filtered {
		b.listen(c)
	}
}

// seek gives up on silent peers, asks one for everything when it is time, and asks
// for the channels of orphans.
func (b *Book) seek() {
	b.talk.Lock()
	defer b.talk.Unlock()
	now := b.cfg.Now()
	busy, listening := false, 0
	for _, c := range b.peers {
		a := &c.asking
		learning := a.state == ranging || a.state == fetching
		if a.state != quiet && (now.Sub(a.heard) > silence || now.Sub(a.asked) > patience) ||
			learning && now.Sub(a.began) > attempt && b.candidate(now) != nil {
			b.done(c, false)
		}
		busy = busy || a.state == ranging || a.state == fetching
		if a.listening {
			listening++
		}
	}
	if !busy && (!b.synced || !now.Before(b.nextSync)) {
		if c := b.candidate(now); c != nil {
			b.begin(c, now)
		}
	}
	for _, c := range b.inOrder() {
		if a := &c.asking; a.state == quiet {
			if a.filtered && !a.listening && a.queries && listening < maxListening {
				b.listen(c)
				listening++
			}
			b.patch(c, now)
		}
	}
}

// candidate is the peer that was not asked for everything for the longest time, one
// with a channel first.
func (b *Book) candidate(now time.Time) (best *conversation) {
	for _, c := range b.inOrder() {
		a := &c.asking
		if !a.queries || a.state != quiet || !a.tried.IsZero() && now.Sub(a.tried) < tryAgain {
			continue
		}
		if best == nil || a.tried.Before(best.asking.tried) ||
			a.tried.Equal(best.asking.tried) && b.cfg.Ours(c.peer.ID()) && !b.cfg.Ours(best.peer.ID()) {
			best = c
		}
	}
	return best
}

// begin asks for the channels of all blocks.
func (b *Book) begin(c *conversation, now time.Time) {
	a := &c.asking
	a.state, a.began, a.asked, a.heard = ranging, now, now, now
	a.end, a.last, a.told, a.replies, a.ids, a.blind, a.partial, a.want = uint64(b.cfg.Height())+1, 0, 0, 0, 0, false, false, nil
	a.brought, a.barren = false, 0
	q := &wire.QueryChannelRange{ChainHash: b.cfg.Chain, NumberOfBlocks: uint32(a.end)} //nolint:gosec // a height
	if a.extended {
		q.Extra = tlv.Stream{{Type: optionType, Value: []byte{optionTimestamps | optionChecksums}}}.Append(nil)
	}
	b.tell(c.peer, q)
}

// hears notes that a peer that we wait for is alive.
func (b *Book) hears(p Peer) {
	b.talk.Lock()
	defer b.talk.Unlock()
	if c := b.peers[p]; c != nil {
		c.asking.heard = b.cfg.Now()
	}
}

// Faults of a reply_channel_range.
var (
	errChain     = errors.New("a reply about another chain")
	errRange     = errors.New("reply_channel_range is not of the blocks that were asked for")
	errOrder     = errors.New("reply_channel_range out of order")
	errGap       = errors.New("reply_channel_range leaves blocks out")
	errOutside   = errors.New("reply_channel_range has channels of other blocks than it says")
	errFlood     = errors.New("reply_channel_range without end")
	errRecords   = errors.New("reply_channel_range has not one record for each channel")
	errAscending = errors.New("reply_channel_range has channels out of order")
)

// rangeReply takes a reply_channel_range. One that nobody asked for, or that comes
// when nobody waits for it any more, says nothing.
func (b *Book) rangeReply(p Peer, m *wire.ReplyChannelRange) {
	b.talk.Lock()
	defer b.talk.Unlock()
	c := b.peers[p]
	if c == nil || c.asking.state != ranging {
		return
	}
	finished, err := b.span(&c.asking, m)
	switch {
	case err != nil:
		b.warn(p, err)
		b.done(c, false)
	case finished:
		b.fetch(c, fetching)
	}
}

// span takes one reply and says whether it is the last one.
//
// Peers differ: some cut replies at a block's border and some inside a block, some
// set sync_complete in each reply and some in the last one, some tell more blocks
// than were asked for, and some tell the whole range in each reply. The last reply
// is the one that says so and reaches the end.
func (b *Book) span(a *asking, m *wire.ReplyChannelRange) (finished bool, err error) {
	first, end := uint64(m.FirstBlocknum), uint64(m.FirstBlocknum)+uint64(m.NumberOfBlocks)
	a.replies++
	switch {
	case m.ChainHash != b.cfg.Chain:
		return false, errChain
	// BOLT 7: "MUST set `first_blocknum` less than or equal to the `first_blocknum` in `query_channel_range`"
	case a.replies == 1 && first > 0, first >= a.end, end <= first:
		return false, errRange
	// BOLT 7: "MUST have `first_blocknum` equal or greater than the previous `first_blocknum`."
	case first < a.last:
		return false, errOrder
	case first > a.told:
		return false, errGap
	case a.replies > maxReplies:
		return false, errFlood
	}
	a.last, a.told = first, max(a.told, end)
	ids, err := wire.DecodeShortIDs(m.EncodedShortIDs)
	if err != nil {
		return false, err
	}
	if a.ids += len(ids); a.ids > maxIDs {
		return false, errFlood
	}
	timestamps, sums, err := records(m.Extra, len(ids))
	if err != nil {
		return false, err
	}
	a.blind = a.blind || timestamps == nil && len(ids) > 0
	b.mu.RLock()
	defer b.mu.RUnlock()
	for i, id := range ids {
		// BOLT 7: "`0`: uncompressed array of `short_channel_id` types, in ascending order."
		if i > 0 && id <= ids[i-1] {
			return false, errAscending
		}
		if h := uint64(id.Height()); h < first || h >= end {
			return false, errOutside
		}
		if flag := b.wish(a, id, pair(timestamps, i), pair(sums, i)); flag != 0 {
			a.want = append(a.want, want{id, flag})
		}
	}
	return m.SyncComplete && a.told >= a.end, nil
}

// records reads the records of a reply about n channels; nil for one that is missing.
func records(extra []byte, n int) (timestamps, sums []byte, err error) {
	s, err := tlv.Decode(extra)
	if err != nil {
		return nil, nil, err
	}
	if v, ok := s.Get(timestampsType); ok {
		if len(v) != 1+8*n || v[0] != uncompressed {
			return nil, nil, errRecords
		}
		timestamps = v[1:]
	}
	if v, ok := s.Get(checksumsType); ok {
		if len(v) != 8*n {
			return nil, nil, errRecords
		}
		sums = v
	}
	return timestamps, sums, nil
}

// pair is the two numbers about the i-th channel; nil when there are none.
func pair(v []byte, i int) *[2]uint32 {
	if v == nil {
		return nil
	}
	v = v[8*i:]
	return &[2]uint32{binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])}
}

// wish is what to ask of a channel; zero: nothing. It is called with mu held.
func (b *Book) wish(a *asking, id wire.ShortChannelID, timestamps, sums *[2]uint32) (flag byte) {
	now := b.now()
	if id.Height()+announceDepth > b.cfg.Height()+1+maxAhead || b.refused.Has(id, now) {
		return 0
	}
	c, ok := b.graph.ByID(id)
	e := b.index.channels[id]
	if !ok || e == nil {
		if timestamps != nil && b.stale(id, *timestamps, now) {
			return 0
		}
		return wantAll
	}
	if timestamps == nil || !a.extended {
		return 0
	}
	for d, t := range timestamps {
		ours := c.Policies[d].Timestamp
		if t <= ours || ours != 0 && t-ours < redundant && sums != nil && sums[d] == e.sums[d] {
			continue
		}
		flag |= wantUpdate << d
	}
	for d, n := range c.Nodes {
		if b.graph.Nodes()[n].Timestamp == 0 {
			flag |= wantNode << d
		}
	}
	return flag
}

// fetch asks for the next channels, or ends.
func (b *Book) fetch(c *conversation, state int) {
	a := &c.asking
	if len(a.want) == 0 {
		b.done(c, true)
		return
	}
	now := b.cfg.Now()
	a.state, a.asked, a.heard = state, now, now
	n := min(chunk, len(a.want))
	part := a.want[:n]
	a.want = a.want[n:]
	slices.SortFunc(part, func(x, y want) int { return cmp.Compare(x.scid, y.scid) })
	ids, flags, some := make([]wire.ShortChannelID, 0, n), []byte{uncompressed}, false
	for _, w := range part {
		if len(ids) > 0 && w.scid == ids[len(ids)-1] {
			continue // it stood in two replies
		}
		ids, flags = append(ids, w.scid), append(flags, w.flag)
		some = some || w.flag != wantAll
	}
	q := &wire.QueryShortChannelIDs{ChainHash: b.cfg.Chain, EncodedShortIDs: wire.EncodeShortIDs(ids)}
	if some {
		q.Extra = tlv.Stream{{Type: queryFlagsType, Value: flags}}.Append(nil)
	}
	b.tell(c.peer, q)
}

// idsEnd takes reply_short_channel_ids_end.
func (b *Book) idsEnd(p Peer, m *wire.ReplyShortChannelIDsEnd) {
	b.talk.Lock()
	defer b.talk.Unlock()
	c := b.peers[p]
	if c == nil || c.asking.state != fetching && c.asking.state != patching {
		return
	}
	if m.ChainHash != b.cfg.Chain {
		b.warn(p, errChain)
		b.done(c, false)
		return
	}
	// BOLT 7: "cannot be trusted, a 0 does indicate that the sender should search elsewhere for additional data."
	c.asking.partial = c.asking.partial || !m.FullInformation
	if c.asking.fruitless() {
		b.done(c, false)
		return
	}
	b.fetch(c, c.asking.state)
}

// fruitless says, at the end of an answer, whether several in a row brought nothing of
// use: the peer names channels that nobody has.
func (a *asking) fruitless() bool {
	if a.barren++; a.brought || a.state != fetching {
		a.barren = 0
	}
	a.brought = false
	return a.barren >= maxBarren
}

// brings notes that a message of a peer was of use.
func (b *Book) brings(p Peer) {
	b.talk.Lock()
	defer b.talk.Unlock()
	if c := b.peers[p]; c != nil {
		c.asking.brought = true
	}
}

// done ends what we ask of a peer. After everything was asked, news is.
func (b *Book) done(c *conversation, ok bool) {
	a := &c.asking
	was, now := a.state, b.cfg.Now()
	a.state, a.want = quiet, nil
	if was == patching {
		return
	}
	a.tried = now
	if ok && !a.partial {
		b.synced, b.nextSync = true, now.Add(askOthers)
	} else {
		b.cfg.Log.Debug("a peer did not tell all gossip", "peer", c.peer.ID())
	}
	if !a.filtered {
		b.listen(c)
	}
}

// listen sends a peer our filter, which asks for what is new, or for nothing when
// enough others tell us.
func (b *Book) listen(c *conversation) {
	a := &c.asking
	listening := 0
	for _, o := range b.peers {
		if o.asking.listening {
			listening++
		}
	}
	a.filtered, a.listening = true, a.queries && listening < maxListening
	f := &wire.GossipTimestampFilter{ChainHash: b.cfg.Chain, FirstTimestamp: ^uint32(0)}
	if a.listening {
		f.FirstTimestamp, f.TimestampRange = b.newsFrom(a), ^uint32(0)
	}
	b.tell(c.peer, f)
}

// newsFrom is from when on a peer is to tell its news: from when the asking began,
// from when we last heard any, or from as long ago as anything is kept.
func (b *Book) newsFrom(a *asking) uint32 {
	from, now := b.now(), b.now()
	if !a.began.IsZero() {
		from = uint32(max(a.began.Unix(), 0)) //nolint:gosec // until 2106
		if b.newest != 0 {
			from, b.newest = min(from, b.newest), 0
			if a.blind {
				from = 0
			}
		}
	}
	return max(from, overlap, now-min(now, twoWeeks)+overlap) - overlap
}

// miss notes that a peer spoke of a channel that we do not know.
//
// BOLT 7: "MAY send this if it receives a `channel_update` for a `short_channel_id` for which it has no `channel_announcement`."
func (b *Book) miss(p Peer, scid wire.ShortChannelID) {
	b.talk.Lock()
	defer b.talk.Unlock()
	c := b.peers[p]
	if c == nil || !c.asking.queries || scid.Height()+announceDepth > b.cfg.Height()+1 {
		return
	}
	a := &c.asking
	if len(a.missing) < maxMissing && len(a.askedFor) < maxAsked && !a.askedFor[scid] && (a.state == quiet || a.state == patching) {
		a.missing[scid] = true
	}
}

// patch asks a peer for the channels of orphans, each once.
func (b *Book) patch(c *conversation, now time.Time) {
	a := &c.asking
	for scid := range a.missing {
		a.askedFor[scid] = true
		a.want = append(a.want, want{scid, wantAll})
	}
	clear(a.missing)
	if len(a.want) > 0 {
		a.asked = now
		b.fetch(c, patching)
	}
}
