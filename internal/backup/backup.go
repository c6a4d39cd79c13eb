package backup

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Backup is what is known of a node at one moment.
type Backup struct {
	Chain    chainhash.Hash // the hash of its first block
	Node     wire.NodeID
	Counter  uint64 // grows with each backup of a node
	Time     uint64 // in seconds since 1970
	Birthday uint32 // height of the block after which the node's first coin came
	NextKey  uint32 // the first index of a channel's keys that was not used
	Branches []Branch
	Channels []Channel
}

// Branch says how many addresses of a kind the wallet has given out.
type Branch struct{ Kind, Branch, Next uint32 }

// Channel is what is known of a channel that was not closed for good.
type Channel struct {
	Peer          wire.NodeID
	Addresses     []string // host and port, the best first
	KeyIndex      uint32
	Funding       btcwire.OutPoint
	Capacity      amount.Satoshi
	LocalIsOpener bool
	Announce      bool
	Type          wire.Features
	Format        script.Format
	RemoteKeys    script.Basepoints
	LocalDelay    uint16 // to_self_delay as we announced it
	RemoteDelay   uint16 // and as they did
	LocalScript   []byte // where our money goes in a mutual close
	LocalAlias    wire.ShortChannelID
	SCID          wire.ShortChannelID // zero: not known yet
	Property      amount.Property     // whose tokens are in it beside the coins; zero: none
	Tokens        amount.Units        // so many, of both sides together
}

// ID is the channel's id.
func (c *Channel) ID() wire.ChannelID { return script.ChannelID(c.Funding) }

// Errors of [Open] and [Decode].
var (
	ErrNoBackup  = errors.New("this is no backup of Leyden's")
	ErrVersion   = errors.New("the backup is of a newer version of Leyden: use that, or a newer one")
	ErrKey       = errors.New("the backup cannot be opened: it belongs to another seed, or is damaged")
	ErrMalformed = errors.New("the backup is malformed")
)

// The records of a backup.
const (
	recordChain    = 1
	recordNode     = 3
	recordCounter  = 5
	recordTime     = 7
	recordBirthday = 9
	recordNextKey  = 11
	recordBranches = 13
	recordChannels = 15
)

// The records of a channel.
const (
	recordPeer      = 1
	recordAddresses = 3
	recordKeyIndex  = 5
	recordFunding   = 7
	recordCapacity  = 9
	recordFlags     = 11
	recordType      = 13
	recordFormat    = 15
	recordKeys      = 17
	recordDelays    = 19
	recordScript    = 21
	recordAlias     = 23
	recordSCID      = 25
	recordTokens    = 27 // only where there are some
)

// Bits of recordFlags.
const (
	flagOpener   = 1
	flagAnnounce = 2
)

// maxMoney is more than there will ever be, in satoshi.
const maxMoney = 21_000_000 * 100_000_000

// Encode gives the body of a backup.
func (b *Backup) Encode() []byte {
	var branches, channels []byte
	for _, x := range b.Branches {
		for _, n := range []uint32{x.Kind, x.Branch, x.Next} {
			branches = appendUint32(branches, n)
		}
	}
	for i := range b.Channels {
		channels = appendPart(channels, b.Channels[i].encode())
	}
	return tlv.Stream{
		{Type: recordChain, Value: b.Chain[:]},
		{Type: recordNode, Value: b.Node[:]},
		{Type: recordCounter, Value: tlv.AppendTU64(nil, b.Counter)},
		{Type: recordTime, Value: tlv.AppendTU64(nil, b.Time)},
		{Type: recordBirthday, Value: tlv.AppendTU64(nil, uint64(b.Birthday))},
		{Type: recordNextKey, Value: tlv.AppendTU64(nil, uint64(b.NextKey))},
		{Type: recordBranches, Value: branches},
		{Type: recordChannels, Value: channels},
	}.Append(nil)
}

func (c *Channel) encode() []byte {
	var addresses, flags, points []byte
	for _, a := range c.Addresses {
		addresses = appendPart(addresses, []byte(a))
	}
	var bits byte
	if c.LocalIsOpener {
		bits |= flagOpener
	}
	if c.Announce {
		bits |= flagAnnounce
	}
	flags = append(flags, bits)
	k := &c.RemoteKeys
	for _, p := range []*wire.Point{&k.Funding, &k.Revocation, &k.Payment, &k.DelayedPayment, &k.HTLC} {
		points = append(points, p[:]...)
	}
	s := tlv.Stream{
		{Type: recordPeer, Value: c.Peer[:]},
		{Type: recordAddresses, Value: addresses},
		{Type: recordKeyIndex, Value: tlv.AppendTU64(nil, uint64(c.KeyIndex))},
		{Type: recordFunding, Value: appendUint32(slices.Clone(c.Funding.Hash[:]), c.Funding.Index)},
		{Type: recordCapacity, Value: tlv.AppendTU64(nil, uint64(c.Capacity))},
		{Type: recordFlags, Value: flags},
		{Type: recordType, Value: c.Type},
		{Type: recordFormat, Value: tlv.AppendTU64(nil, uint64(c.Format))},
		{Type: recordKeys, Value: points},
		{Type: recordDelays, Value: appendUint32(nil, uint32(c.LocalDelay)<<16|uint32(c.RemoteDelay))},
		{Type: recordScript, Value: c.LocalScript},
		{Type: recordAlias, Value: tlv.AppendTU64(nil, uint64(c.LocalAlias))},
		{Type: recordSCID, Value: tlv.AppendTU64(nil, uint64(c.SCID))},
	}
	if c.Property != 0 {
		s = append(s, tlv.Record{Type: recordTokens, Value: tlv.AppendTU64(appendUint32(nil, uint32(c.Property)), uint64(c.Tokens))})
	}
	return s.Append(nil)
}

func appendUint32(b []byte, v uint32) []byte {
	return append(b, byte(v>>24), byte(v>>16), byte(v>>8), byte(v)) //nolint:gosec // byte by byte
}

// appendPart appends a part with its length before it.
func appendPart(b, part []byte) []byte {
	return append(tlv.AppendBigSize(b, uint64(len(part))), part...)
}

// Fit gives a backup whose body has at most so many bytes: of more channels than fit
// those with the most coins. Left is how many are left out.
func (b *Backup) Fit(size int) (fitting Backup, left int) {
	fitting = *b
	if len(b.Encode()) <= size {
		return fitting, 0
	}
	order := make([]int, len(b.Channels))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(b.Channels[j].Capacity, b.Channels[i].Capacity) })
	const lengths = 16 // of the record, and a change of it
	fitting.Channels = nil
	used := len(fitting.Encode()) + lengths
	var keep []int
	for _, i := range order {
		n := len(appendPart(nil, b.Channels[i].encode()))
		if used+n > size {
			continue
		}
		used += n
		keep = append(keep, i)
	}
	slices.Sort(keep)
	for _, i := range keep {
		fitting.Channels = append(fitting.Channels, b.Channels[i])
	}
	return fitting, len(b.Channels) - len(keep)
}

// reader reads the values of records and remembers the first that was wrong.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
}

func (r *reader) fixed(what string, dst, src []byte) {
	if len(dst) != len(src) {
		r.fail("%s of %d bytes instead of %d", what, len(src), len(dst))
		return
	}
	copy(dst, src)
}

func (r *reader) number(what string, b []byte, most uint64) uint64 {
	v, err := tlv.TU64(b)
	if err != nil {
		r.fail("%s: %w", what, err)
	} else if v > most {
		r.fail("%s is %d, at most %d", what, v, most)
		v = 0
	}
	return v
}

func (r *reader) uint32(what string, b []byte) uint32 {
	return uint32(r.number(what, b, 1<<32-1)) //nolint:gosec // bounded
}

func (r *reader) point(what string, p *wire.Point, b []byte) {
	r.fixed(what, p[:], b)
	if r.err == nil {
		if _, err := p.Key(); err != nil {
			r.fail("%s is not on the curve", what)
		}
	}
}

// parts splits what [appendPart] made.
func (r *reader) parts(what string, b []byte, each func(part []byte)) {
	for len(b) > 0 && r.err == nil {
		n, rest, err := tlv.BigSize(b)
		if err != nil || n > uint64(len(rest)) {
			r.fail("%s end too early", what)
			return
		}
		each(rest[:n:n])
		b = rest[n:]
	}
}

// records reads a stream of which those of the types wanted must be there, and gives
// each known one to take, which says whether it is.
func (r *reader) records(what string, b []byte, wanted []uint64, take func(t uint64, v []byte) bool) {
	stream, err := tlv.Decode(b)
	if err != nil {
		r.fail("%s: %w", what, err)
		return
	}
	missing := slices.Clone(wanted)
	for _, record := range stream {
		if i := slices.Index(missing, record.Type); i >= 0 {
			missing = slices.Delete(missing, i, i+1)
		}
		if known := take(record.Type, record.Value); !known && record.Type%2 == 0 && r.err == nil {
			r.err = fmt.Errorf("%w (record %d of %s)", ErrVersion, record.Type, what)
		}
	}
	if len(missing) > 0 {
		r.fail("%s has no record %d", what, missing[0])
	}
}

// Decode reads the body of a backup. Errors: [ErrMalformed], [ErrVersion].
func Decode(body []byte) (Backup, error) {
	var b Backup
	var r reader
	r.records("the backup", body, []uint64{recordChain, recordNode, recordCounter}, func(t uint64, v []byte) bool {
		switch t {
		case recordChain:
			r.fixed("the chain", b.Chain[:], v)
		case recordNode:
			r.point("the node id", &b.Node, v)
		case recordCounter:
			b.Counter = r.number("the counter", v, 1<<63-1)
		case recordTime:
			b.Time = r.number("the time", v, 1<<63-1)
		case recordBirthday:
			b.Birthday = r.uint32("the birthday", v)
		case recordNextKey:
			b.NextKey = r.uint32("the next key", v)
		case recordBranches:
			b.Branches = r.branches(v)
		case recordChannels:
			r.parts("the channels", v, func(part []byte) { b.Channels = append(b.Channels, r.channel(part)) })
		default:
			return false
		}
		return true
	})
	if r.err != nil {
		return Backup{}, r.err
	}
	return b, nil
}

func (r *reader) branches(v []byte) (out []Branch) {
	if len(v)%12 != 0 {
		r.fail("the addresses are %d bytes", len(v))
		return nil
	}
	number := func(b []byte) uint32 {
		return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	}
	for ; len(v) > 0; v = v[12:] {
		out = append(out, Branch{number(v), number(v[4:]), number(v[8:])})
	}
	return out
}

func (r *reader) channel(part []byte) (c Channel) {
	wanted := []uint64{recordPeer, recordKeyIndex, recordFunding, recordCapacity, recordFormat, recordKeys, recordDelays}
	r.records("a channel", part, wanted, func(t uint64, v []byte) bool {
		switch t {
		case recordPeer:
			r.point("a peer", &c.Peer, v)
		case recordAddresses:
			r.parts("addresses", v, func(a []byte) { c.Addresses = append(c.Addresses, r.address(a)) })
		case recordKeyIndex:
			c.KeyIndex = r.uint32("a key's index", v)
			if c.KeyIndex >= 1<<31 {
				r.fail("a key's index is %d", c.KeyIndex)
			}
		case recordFunding:
			r.funding(&c.Funding, v)
		case recordCapacity:
			c.Capacity = amount.Satoshi(r.number("a capacity", v, maxMoney))
		case recordFlags:
			var flags [1]byte
			r.fixed("flags", flags[:], v)
			c.LocalIsOpener, c.Announce = flags[0]&flagOpener != 0, flags[0]&flagAnnounce != 0
		case recordType:
			if len(v) > 0 {
				c.Type = v
			}
		case recordFormat:
			c.Format = script.Format(r.number("a format", v, uint64(script.Tokens))) //nolint:gosec // bounded
		case recordKeys:
			r.keys(&c.RemoteKeys, v)
		case recordDelays:
			var b [4]byte
			r.fixed("delays", b[:], v)
			c.LocalDelay, c.RemoteDelay = uint16(b[0])<<8|uint16(b[1]), uint16(b[2])<<8|uint16(b[3])
		case recordScript:
			if len(v) > 0 {
				c.LocalScript = v
			}
		case recordAlias:
			c.LocalAlias = wire.ShortChannelID(r.number("an alias", v, 1<<64-1))
		case recordSCID:
			c.SCID = wire.ShortChannelID(r.number("a short_channel_id", v, 1<<64-1))
		case recordTokens:
			r.tokens(&c, v)
		default:
			return false
		}
		return true
	})
	if (c.Format == script.Tokens) != (c.Property != 0) {
		r.fail("a channel of form %d has tokens of property %d", c.Format, c.Property)
	}
	return c
}

// tokens reads what a channel has beside coins.
func (r *reader) tokens(c *Channel, v []byte) {
	const property = 4
	if len(v) < property {
		r.fail("tokens of %d bytes", len(v))
		return
	}
	c.Property = amount.Property(binary.BigEndian.Uint32(v))
	if c.Tokens = amount.Units(r.number("tokens", v[property:], uint64(amount.MaxUnits))); c.Property == 0 || c.Tokens == 0 {
		r.fail("there are %d tokens of property %d", c.Tokens, c.Property)
	}
}

// address is what a log may show and a dialler take.
func (r *reader) address(a []byte) string {
	for _, x := range a {
		if x <= ' ' || x > '~' {
			r.fail("an address is no host and port")
		}
	}
	if len(a) > 255+6 {
		r.fail("an address of %d bytes", len(a))
	}
	return string(a)
}

func (r *reader) funding(at *btcwire.OutPoint, v []byte) {
	var b [36]byte
	r.fixed("a funding output", b[:], v)
	copy(at.Hash[:], b[:])
	at.Index = uint32(b[32])<<24 | uint32(b[33])<<16 | uint32(b[34])<<8 | uint32(b[35])
	if at.Index > 1<<16-1 {
		r.fail("a funding output's index is %d", at.Index)
	}
}

func (r *reader) keys(k *script.Basepoints, v []byte) {
	const size = len(wire.Point{})
	if len(v) != 5*size {
		r.fail("basepoints of %d bytes", len(v))
		return
	}
	for _, p := range []*wire.Point{&k.Funding, &k.Revocation, &k.Payment, &k.DelayedPayment, &k.HTLC} {
		r.point("a basepoint", p, v[:size])
		v = v[size:]
	}
}
