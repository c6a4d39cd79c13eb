package wire

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/tlv"
)

// MaxPayload is the largest message, with its type (BOLT 8: 65535 bytes).
const MaxPayload = 65535

// Errors of decoding and encoding.
var (
	ErrShort            = errors.New("message ends too early")
	ErrUnknownMandatory = errors.New("unknown even TLV type")
	ErrPoint            = errors.New("not a point on the curve")
	ErrTooLong          = errors.New("message is longer than 65535 bytes")
	ErrTrailing         = errors.New("bytes are left over")
)

// Field is one field of a message as text, for traces.
type Field struct{ Name, Value string }

// The three things that a codec does with the fields that it is shown.
const (
	writing = iota
	reading
	printing
)

// codec is shown a message's fields in order and writes, reads or prints them.
// After the first error it does nothing more.
type codec struct {
	mode int
	buf  []byte // written so far, or left to read
	out  []Field
	err  error
}

func (c *codec) fail(name string, err error) {
	if c.err == nil {
		c.err = fmt.Errorf("%s: %w", name, err)
	}
}

// take removes n bytes from what is left to read; nil when there are fewer.
func (c *codec) take(name string, n int) []byte {
	if c.err != nil {
		return nil
	}
	if n > len(c.buf) {
		c.fail(name, ErrShort)
		return nil
	}
	b := c.buf[:n:n]
	c.buf = c.buf[n:]
	return b
}

func (c *codec) print(name, value string) { c.out = append(c.out, Field{name, value}) }

// bytes is a field of a fixed length.
func (c *codec) bytes(name string, p []byte) {
	switch c.mode {
	case writing:
		c.buf = append(c.buf, p...)
	case reading:
		copy(p, c.take(name, len(p)))
	case printing:
		c.print(name, hex.EncodeToString(p))
	}
}

func (c *codec) uint(name string, size int, v uint64) uint64 {
	switch c.mode {
	case writing:
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], v)
		c.buf = append(c.buf, b[8-size:]...)
	case reading:
		v = 0
		for _, x := range c.take(name, size) {
			v = v<<8 | uint64(x)
		}
	case printing:
		c.print(name, strconv.FormatUint(v, 10))
	}
	return v
}

func (c *codec) u8(name string, p *byte)    { *p = byte(c.uint(name, 1, uint64(*p))) }
func (c *codec) u16(name string, p *uint16) { *p = uint16(c.uint(name, 2, uint64(*p))) } //nolint:gosec // two bytes
func (c *codec) u32(name string, p *uint32) { *p = uint32(c.uint(name, 4, uint64(*p))) } //nolint:gosec // four bytes
func (c *codec) u64(name string, p *uint64) { *p = c.uint(name, 8, *p) }

func (c *codec) boolean(name string, p *bool) {
	var b byte
	if *p {
		b = 1
	}
	c.u8(name, &b)
	*p = b != 0
}

func (c *codec) sat(name string, p *amount.Satoshi) {
	*p = amount.Satoshi(c.uint(name, 8, uint64(*p)))
}

func (c *codec) msat(name string, p *amount.MilliSatoshi) {
	*p = amount.MilliSatoshi(c.uint(name, 8, uint64(*p)))
}

func (c *codec) channelID(name string, p *ChannelID) { c.bytes(name, p[:]) }

func (c *codec) signature(name string, p *Signature) { c.bytes(name, p[:]) }

// hash is a txid or block hash: in the order of its bytes, printed reversed.
func (c *codec) hash(name string, p *chainhash.Hash) {
	if c.mode == printing {
		c.print(name, p.String())
		return
	}
	c.bytes(name, p[:])
}

func (c *codec) scid(name string, p *ShortChannelID) {
	if c.mode == printing {
		c.print(name, p.String())
		return
	}
	*p = ShortChannelID(c.uint(name, 8, uint64(*p)))
}

func (c *codec) point(name string, p *Point) {
	c.bytes(name, p[:])
	if c.mode == reading && c.err == nil {
		if _, err := p.Key(); err != nil {
			c.fail(name, ErrPoint)
		}
	}
}

// prefixed is a field with its length in two bytes before it.
func (c *codec) prefixed(name string, p *[]byte) {
	switch c.mode {
	case writing:
		if len(*p) > MaxPayload {
			c.fail(name, ErrTooLong)
			return
		}
		c.buf = append(binary.BigEndian.AppendUint16(c.buf, uint16(len(*p))), *p...) //nolint:gosec // checked
	case reading:
		var n uint16
		c.u16(name, &n)
		*p = copied(c.take(name, int(n)))
	case printing:
		c.print(name, hex.EncodeToString(*p))
	}
}

func (c *codec) features(name string, p *Features) {
	if c.mode == printing {
		c.print(name, p.String())
		return
	}
	b := []byte(*p)
	c.prefixed(name, &b)
	*p = b
}

func (c *codec) signatures(name string, p *[]Signature) {
	n := uint16(len(*p)) //nolint:gosec // at most 483
	c.u16("num_htlcs", &n)
	if c.mode == reading {
		if int(n)*64 > len(c.buf) {
			c.fail(name, ErrShort)
			return
		}
		*p = nil
		if n > 0 {
			*p = make([]Signature, n)
		}
	}
	for i := range *p {
		c.signature(name, &(*p)[i])
	}
}

// rest is a field that goes on to the end.
func (c *codec) rest(name string, p *[]byte) {
	switch c.mode {
	case writing:
		c.buf = append(c.buf, *p...)
	case reading:
		*p = copied(c.take(name, len(c.buf)))
	case printing:
		if len(*p) > 0 {
			c.print(name, hex.EncodeToString(*p))
		}
	}
}

// copied is b in memory of its own; nil for none.
func copied(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}

// record is a TLV record that a message knows.
type record struct {
	typ    uint64
	name   string
	absent bool // when writing or printing
	fields func(c *codec)
}

// extension is the TLV stream at a message's end: the records that it knows, in
// order of type, and the unknown odd ones, kept as they came.
func (c *codec) extension(extra *[]byte, known ...record) {
	switch c.mode {
	case writing:
		c.writeExtension(*extra, known)
	case reading:
		c.readExtension(extra, known)
	case printing:
		for _, r := range known {
			if !r.absent {
				r.fields(c)
			}
		}
		if len(*extra) > 0 {
			c.print("extra", hex.EncodeToString(*extra))
		}
	}
}

func (c *codec) writeExtension(extra []byte, known []record) {
	others, err := tlv.Decode(extra)
	if err != nil {
		c.fail("extra", err)
		return
	}
	for _, r := range known {
		if r.absent {
			continue
		}
		for len(others) > 0 && others[0].Type < r.typ {
			c.buf, others = others[:1].Append(c.buf), others[1:]
		}
		value := codec{mode: writing}
		r.fields(&value)
		if value.err != nil {
			c.fail(r.name, value.err)
			return
		}
		c.buf = tlv.Stream{{Type: r.typ, Value: value.buf}}.Append(c.buf)
	}
	c.buf = others.Append(c.buf)
}

func (c *codec) readExtension(extra *[]byte, known []record) {
	if c.err != nil || len(c.buf) == 0 {
		return
	}
	stream, err := tlv.Decode(c.buf)
	if err != nil {
		c.fail("extension", err)
		return
	}
	c.buf = nil
	var others tlv.Stream
	for _, got := range stream {
		r := find(known, got.Type)
		switch {
		case r != nil:
			value := codec{mode: reading, buf: got.Value}
			r.fields(&value)
			if value.err == nil && len(value.buf) > 0 {
				value.err = ErrTrailing
			}
			if value.err != nil {
				c.fail(r.name, value.err)
				return
			}
		case got.Type%2 == 0:
			c.fail("extension", fmt.Errorf("%w %d", ErrUnknownMandatory, got.Type))
			return
		default:
			others = append(others, got)
		}
	}
	*extra = others.Append(nil)
}

func find(known []record, t uint64) *record {
	for i := range known {
		if known[i].typ == t {
			return &known[i]
		}
	}
	return nil
}
