package gossip

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// What a peer asks of us must be well formed, and one thing at a time.
var (
	errConcurrent = errors.New("a query before the one before it was answered")
	errFlags      = errors.New("query_flags are not one for each short_channel_id")
	errBlocks     = errors.New("query_channel_range asks for no blocks")
	errOption     = errors.New("query_option is not a number")
)

// Records of the queries and replies.
const (
	queryFlagsType = 1
	optionType     = 1
	timestampsType = 1
	checksumsType  = 3
)

// Bits of a query_flag, the first one, and one of each node or direction.
const (
	wantAnnouncement = 1 << 0
	wantUpdate       = 1 << 1
	wantChannel      = wantAnnouncement | wantUpdate | wantUpdate<<1
	wantNode         = 1 << 3
	wantAll          = 0x1f
)

// Bits of query_option_flags.
const (
	optionTimestamps = 1
	optionChecksums  = 2
)

// uncompressed is the only encoding of arrays that is in use.
const uncompressed = 0

// idsAnswer is what is left to answer of a query_short_channel_ids.
type idsAnswer struct {
	ids   []wire.ShortChannelID
	flags []byte // nil: everything of each
	told  map[wire.NodeID]bool
}

// What an id costs a peer whether it is known or not, and what a query or a filter
// does, in bytes of its credit.
const (
	lookupCost = 16
	askCost    = 32 << 10
)

// query takes query_short_channel_ids.
func (b *Book) query(ctx context.Context, p Peer, m *wire.QueryShortChannelIDs) {
	c := b.with(p)
	if c == nil {
		return
	}
	// BOLT 7: "if does not maintain up-to-date channel information for `chain_hash`: - MUST set `full_information` to 0."
	if m.ChainHash != b.cfg.Chain {
		b.tell(p, &wire.ReplyShortChannelIDsEnd{ChainHash: m.ChainHash})
		return
	}
	ids, err := wire.DecodeShortIDs(m.EncodedShortIDs)
	if err != nil {
		b.warn(p, err)
		return
	}
	flags, err := queryFlags(m.Extra, len(ids))
	if err != nil {
		b.warn(p, err)
		return
	}
	c.mu.Lock()
	// BOLT 7: "if it has not sent `reply_short_channel_ids_end` to a previously received `query_short_channel_ids` from this sender: - MAY send a `warning`. - MAY close the connection."
	busy := c.ids != nil
	if !busy {
		c.ids = &idsAnswer{ids, flags, map[wire.NodeID]bool{}}
	}
	c.mu.Unlock()
	if busy {
		b.blame(p, errConcurrent)
		return
	}
	b.serve(ctx, c)
}

// queryFlags reads the query_flags of a query of n channels; nil when there are none.
func queryFlags(extra []byte, n int) ([]byte, error) {
	s, err := tlv.Decode(extra)
	if err != nil {
		return nil, err
	}
	v, ok := s.Get(queryFlagsType)
	if !ok {
		return nil, nil
	}
	if len(v) == 0 || v[0] != uncompressed {
		return nil, wire.ErrEncoding
	}
	flags := make([]byte, 0, n)
	for v = v[1:]; len(v) > 0; {
		flag, rest, err := tlv.BigSize(v)
		if err != nil {
			return nil, err
		}
		flags, v = append(flags, byte(flag)), rest //nolint:gosec // higher bits have no meaning
	}
	// BOLT 7: "if `encoded_query_flags` does not decode to exactly one flag per `short_channel_id`: - MAY send a `warning`. - MAY close the connection."
	if len(flags) != n {
		return nil, errFlags
	}
	return flags, nil
}

// nextID answers one short_channel_id, or ends the answer.
//
// BOLT 7: "MUST follow these responses with `reply_short_channel_ids_end`."
func (b *Book) nextID(ctx context.Context, c *conversation) {
	a := c.ids
	if len(a.ids) == 0 {
		c.ids = nil
		b.tell(c.peer, &wire.ReplyShortChannelIDsEnd{ChainHash: b.cfg.Chain, FullInformation: true})
		return
	}
	scid, flag := a.ids[0], byte(wantAll)
	c.credit -= lookupCost
	a.ids = a.ids[1:]
	if a.flags != nil {
		flag, a.flags = a.flags[0], a.flags[1:]
	}
	var nodes [2]wire.NodeID
	var hidden [2]bool
	b.mu.RLock()
	ch, e := b.shown(scid)
	if ch != nil {
		nodes, hidden = [2]wire.NodeID{b.graph.Nodes()[ch.Nodes[0]].ID, b.graph.Nodes()[ch.Nodes[1]].ID}, e.hidden
	}
	b.mu.RUnlock()
	if ch == nil {
		return
	}
	if flag&wantChannel != 0 {
		announcement, updates := b.readChannel(ctx, scid)
		if flag&wantAnnouncement != 0 {
			b.send(c, announcement)
		}
		for d := range updates {
			if flag&(wantUpdate<<d) != 0 && !hidden[d] {
				b.send(c, updates[d])
			}
		}
	}
	for d, id := range nodes {
		// BOLT 7: "SHOULD avoid sending duplicate `node_announcements` in response to a single `query_short_channel_ids`."
		if flag&(wantNode<<d) != 0 && !a.told[id] {
			a.told[id] = true
			b.send(c, b.readNode(ctx, id))
		}
	}
}

// spanAnswer is what is left to answer of a query_channel_range.
type spanAnswer struct {
	next    wire.ShortChannelID // the first one that was not told
	block   uint32              // where the next reply begins
	end     uint64              // the block after the last one that was asked for
	options byte
}

// queryRange takes query_channel_range.
func (b *Book) queryRange(ctx context.Context, p Peer, m *wire.QueryChannelRange) {
	c := b.with(p)
	if c == nil {
		return
	}
	if m.ChainHash != b.cfg.Chain {
		b.tell(p, &wire.ReplyChannelRange{
			ChainHash: m.ChainHash, FirstBlocknum: m.FirstBlocknum, NumberOfBlocks: m.NumberOfBlocks,
			EncodedShortIDs: wire.EncodeShortIDs(nil),
		})
		return
	}
	options, err := rangeOptions(m)
	if err != nil {
		b.warn(p, err)
		return
	}
	c.mu.Lock()
	// BOLT 7: "if it has not sent all `reply_channel_range` to a previously received `query_channel_range` from this sender: - MAY send a `warning`. - MAY close the connection."
	busy := c.span != nil
	if !busy {
		c.credit -= askCost
		c.span = &spanAnswer{
			next: wire.NewShortChannelID(min(m.FirstBlocknum, maxBlock), 0, 0), block: m.FirstBlocknum,
			end: min(uint64(m.FirstBlocknum)+uint64(m.NumberOfBlocks), 1<<32-1), options: options,
		}
	}
	c.mu.Unlock()
	if busy {
		b.blame(p, errConcurrent)
		return
	}
	b.serve(ctx, c)
}

// maxBlock is the highest block that a short_channel_id can name.
const maxBlock = 1<<24 - 1

func rangeOptions(m *wire.QueryChannelRange) (byte, error) {
	// BOLT 7: "MUST set `number_of_blocks` to 1 or greater."
	if m.NumberOfBlocks == 0 {
		return 0, errBlocks
	}
	s, err := tlv.Decode(m.Extra)
	if err != nil {
		return 0, err
	}
	v, ok := s.Get(optionType)
	if !ok {
		return 0, nil
	}
	flags, rest, err := tlv.BigSize(v)
	if err != nil || len(rest) > 0 {
		return 0, errOption
	}
	return byte(flags) & (optionTimestamps | optionChecksums), nil //nolint:gosec // higher bits have no meaning
}

// replyRoom is the bytes of a reply_channel_range for what it says of each channel:
// a message without the type, the fields before them, and the heads of two records.
const replyRoom = 65535 - 2 - (32 + 4 + 4 + 1 + 2 + 1) - (1 + 5 + 1) - (1 + 5)

// perReply is how many channels fit in a reply.
func perReply(options byte) int {
	const each = 8 // bytes: an id, two timestamps, two checksums
	size := each
	for _, o := range []byte{optionTimestamps, optionChecksums} {
		if options&o != 0 {
			size += each
		}
	}
	return replyRoom / size
}

// nextSpan sends the next reply_channel_range. The channels of a block stay
// together, unless they are too many for one reply.
func (b *Book) nextSpan(c *conversation) {
	a := c.span
	reply := &wire.ReplyChannelRange{ChainHash: b.cfg.Chain, FirstBlocknum: a.block}
	var ids []wire.ShortChannelID
	timestamps, sums := []byte{uncompressed}, []byte(nil)
	most, more := perReply(a.options), false
	var next wire.ShortChannelID
	b.reading(func() {
		for _, scid := range b.index.from(a.next) {
			ch, e := b.shown(scid)
			if uint64(scid.Height()) >= a.end {
				break
			}
			if ch == nil {
				continue
			}
			if more = len(ids) == most; more {
				next = scid
				break
			}
			ids = append(ids, scid)
			for d := range ch.Policies {
				t, sum := ch.Policies[d].Timestamp, e.sums[d]
				if e.hidden[d] {
					t, sum = 0, 0
				}
				timestamps, sums = binary.BigEndian.AppendUint32(timestamps, t), binary.BigEndian.AppendUint32(sums, sum)
			}
		}
	})
	if more {
		n := len(ids)
		for n > 0 && ids[n-1].Height() == next.Height() {
			n--
		}
		// A block that fills a reply by itself is cut, and goes on in the next one.
		cut := uint32(1)
		if n > 0 {
			if n < len(ids) {
				next = ids[n]
			}
			ids, timestamps, sums, cut = ids[:n], timestamps[:1+8*n], sums[:8*n], 0
		}
		reply.NumberOfBlocks = next.Height() - a.block + cut
		a.next, a.block = next, next.Height()
	} else {
		// BOLT 7: "MUST have `first_blocknum` plus `number_of_blocks` equal or greater than the `query_channel_range` `first_blocknum` plus `number_of_blocks`."
		reply.NumberOfBlocks = uint32(max(a.end-uint64(a.block), 1)) //nolint:gosec // of 32 bits
		reply.SyncComplete = true
		c.span = nil
	}
	reply.EncodedShortIDs = wire.EncodeShortIDs(ids)
	var s tlv.Stream
	if a.options&optionTimestamps != 0 {
		s = append(s, tlv.Record{Type: timestampsType, Value: timestamps})
	}
	if a.options&optionChecksums != 0 {
		s = append(s, tlv.Record{Type: checksumsType, Value: sums})
	}
	reply.Extra = s.Append(nil)
	c.credit -= len(reply.EncodedShortIDs) + len(reply.Extra)
	b.tell(c.peer, reply)
}
