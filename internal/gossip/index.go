package gossip

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// entry is what a book knows of a public channel beside the graph. The messages
// themselves are on disk.
type entry struct {
	funding uint64    // see fundingOf
	sums    [2]uint32 // of the channel_update of each direction
	hidden  [2]bool   // the channel_update says dont_forward
	fresh   bool      // its announcement has not been passed on yet
	since   uint32    // unix seconds when it came; zero: it was stored
	spent   uint32    // the height at which its funding output was seen spent; zero: it is not
}

// tell notes a channel_update.
func (e *entry) tell(raw []byte) {
	if len(raw) < updateSize {
		return // there is no such one
	}
	d := raw[updateFlags+1] & directionFlag
	e.sums[d], e.hidden[d] = checksum(raw), raw[updateFlags]&dontForward != 0
}

// Where things stand in messages as they came, from the type on (BOLT 7).
const (
	updateSigned    = 2 + 64                // chain_hash, short_channel_id
	updateTimestamp = updateSigned + 32 + 8 // 4 bytes
	updateFlags     = updateTimestamp + 4   // message_flags, channel_flags
	updateSize      = updateFlags + 1 + 1 + 2 + 8 + 4 + 4 + 8

	announcementFeatures = 2 + 4*64 // the length, then the features
	announcementKeys     = announcementFeatures + 2 + 32 + 8 + 33 + 33
)

// redundant is for how many seconds an update that says the same as the one before
// it says nothing.
const redundant = 24 * 3600

// Bits of channel_update.
const (
	directionFlag = 1 // of channel_flags
	disableFlag   = 2
	dontForward   = 2 // of message_flags
)

// index is the public channels by id and in order, and by their funding scripts.
type index struct {
	channels  map[wire.ShortChannelID]*entry
	byFunding map[uint64][]wire.ShortChannelID
	order     []wire.ShortChannelID
	sorted    bool
}

func newIndex() index {
	return index{channels: map[wire.ShortChannelID]*entry{}, byFunding: map[uint64][]wire.ShortChannelID{}}
}

func (x *index) add(scid wire.ShortChannelID, funding uint64, since uint32) *entry {
	e := &entry{funding: funding, since: since}
	x.channels[scid] = e
	x.byFunding[funding] = append(x.byFunding[funding], scid)
	x.order, x.sorted = append(x.order, scid), false
	return e
}

// remove takes channels away.
func (x *index) remove(scids ...wire.ShortChannelID) {
	for _, scid := range scids {
		e := x.channels[scid]
		if e == nil {
			continue
		}
		delete(x.channels, scid)
		rest := slices.DeleteFunc(x.byFunding[e.funding], func(id wire.ShortChannelID) bool { return id == scid })
		if x.byFunding[e.funding] = rest; len(rest) == 0 {
			delete(x.byFunding, e.funding)
		}
	}
	x.order = slices.DeleteFunc(x.order, func(id wire.ShortChannelID) bool { return x.channels[id] == nil })
}

// from is the channels from scid on, in ascending order. It must be used before
// the lock is given back.
func (x *index) from(scid wire.ShortChannelID) []wire.ShortChannelID {
	if !x.sorted {
		slices.Sort(x.order)
		x.sorted = true
	}
	i, _ := slices.BinarySearch(x.order, scid)
	return x.order[i:]
}

// fundingOf is the first bytes of the hash in an announced channel's funding
// output: the key by which a spend, which shows the script, is recognised.
func fundingOf(raw []byte) uint64 {
	var a wire.ChannelAnnouncement
	if len(raw) >= announcementKeys {
		if keys := announcementKeys + int(binary.BigEndian.Uint16(raw[announcementFeatures:])); len(raw) >= keys+66 {
			a.BitcoinKey1, a.BitcoinKey2 = wire.Point(raw[keys:keys+33]), wire.Point(raw[keys+33:keys+66])
		}
	}
	return fundingHash(&a)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the checksum of a channel_update as reply_channel_range has it.
//
// BOLT 7: "The checksum of a `channel_update` is the CRC32C checksum as specified in [RFC3720](https://tools.ietf.org/html/rfc3720#appendix-B.4) of this `channel_update` without its `signature` and `timestamp` fields."
func checksum(raw []byte) uint32 {
	if len(raw) < updateSize {
		return 0
	}
	return crc32.Update(crc32.Checksum(raw[updateSigned:updateTimestamp], castagnoli), castagnoli, raw[updateFlags:])
}

// note takes an accepted message into the index and says what there is to tell of
// it. Like what follows, it is called with mu held.
func (b *Book) note(m wire.Message) []key {
	switch m := m.(type) {
	case *wire.ChannelAnnouncement:
		e := b.index.add(m.ShortChannelID, fundingOf(wire.Encode(m)), b.now())
		e.fresh = true
		if ours := b.ours[m.ShortChannelID]; ours != nil {
			for _, u := range ours {
				if u != nil {
					e.tell(wire.Encode(u))
				}
			}
		}
		return b.unveil(m.ShortChannelID)
	case *wire.ChannelUpdate:
		if ours := b.ours[m.ShortChannelID]; ours != nil {
			ours[m.ChannelFlags&directionFlag] = m
		}
		e := b.index.channels[m.ShortChannelID]
		if e == nil {
			return nil // the channel is not public
		}
		e.tell(wire.Encode(m))
		if e.fresh {
			return b.unveil(m.ShortChannelID)
		}
		if e.hidden[m.ChannelFlags&directionFlag] {
			return nil
		}
		return []key{updateKey(m)}
	case *wire.NodeAnnouncement:
		return []key{nodeKey(m.NodeID)}
	}
	return nil
}

// unveil is what there is to tell of a channel that nobody was told about: its
// announcement with the terms that are known; nil when there are no terms yet, or
// everybody was told.
//
// BOLT 7: "If a `channel_announcement` has no corresponding `channel_update`s: - MUST NOT send the `channel_announcement`."
func (b *Book) unveil(scid wire.ShortChannelID) []key {
	e := b.index.channels[scid]
	c, ok := b.graph.ByID(scid)
	if e == nil || !ok || !e.fresh {
		return nil
	}
	out := []key{announcementKey(scid)}
	for d := range c.Policies {
		if c.Policies[d].Known() && !e.hidden[d] {
			out = append(out, key{kind: kindUpdate + uint8(d), scid: scid}) //nolint:gosec // 0 or 1
		}
	}
	if len(out) == 1 {
		return nil
	}
	e.fresh = false
	return out
}
