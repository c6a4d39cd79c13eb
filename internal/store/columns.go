package store

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

// Columns hold integers as 64 bits with a sign; what has none keeps its bits.
//
//nolint:gosec // the conversions below are each other's inverse
func integer[T ~uint8 | ~uint16 | ~uint32 | ~uint64](v T) int64 { return int64(uint64(v)) }

// place is where to begin in an index: beyond its end when it is above all numbers.
func place(v uint64) int64 { return integer(min(v, math.MaxInt64)) }

func unsigned[T ~uint8 | ~uint16 | ~uint32 | ~uint64](v int64) T { return T(uint64(v)) } //nolint:gosec // see above

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func optional(v int64, there bool) sql.NullInt64 { return sql.NullInt64{Int64: v, Valid: there} }

// errColumn means that a column holds what no write of ours put there.
var errColumn = errors.New("the database is damaged")

// columns copies fixed-length columns and remembers the first that was wrong.
type columns struct{ err error }

func (c *columns) fixed(dst, src []byte) {
	if len(src) != len(dst) {
		c.fail("%d bytes where %d belong", len(src), len(dst))
		return
	}
	copy(dst, src)
}

func (c *columns) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: "+format, append([]any{errColumn}, args...)...)
	}
}

func basepoints(b script.Basepoints) []byte {
	out := make([]byte, 0, 5*33)
	for _, p := range []wire.Point{b.Funding, b.Revocation, b.Payment, b.DelayedPayment, b.HTLC} {
		out = append(out, p[:]...)
	}
	return out
}

func (c *columns) basepoints(b []byte) (out script.Basepoints) {
	if len(b) != 5*33 {
		c.fail("%d bytes of basepoints", len(b))
		return out
	}
	for i, p := range []*wire.Point{&out.Funding, &out.Revocation, &out.Payment, &out.DelayedPayment, &out.HTLC} {
		copy(p[:], b[i*33:])
	}
	return out
}

func signatures(sigs []wire.Signature) []byte {
	out := make([]byte, 0, 64*len(sigs))
	for i := range sigs {
		out = append(out, sigs[i][:]...)
	}
	return out
}

func (c *columns) signatures(b []byte) []wire.Signature {
	if len(b)%64 != 0 {
		c.fail("%d bytes of signatures", len(b))
		return nil
	}
	var out []wire.Signature
	for ; len(b) > 0; b = b[64:] {
		out = append(out, wire.Signature(b[:64]))
	}
	return out
}

func preimage(p *wire.Preimage) []byte {
	if p == nil {
		return nil
	}
	return p[:]
}

func (c *columns) preimage(b []byte) *wire.Preimage {
	if b == nil {
		return nil
	}
	p := new(wire.Preimage)
	c.fixed(p[:], b)
	return p
}

func malformed(m *channel.Malformed) []byte {
	if m == nil {
		return nil
	}
	return binary.BigEndian.AppendUint16(append([]byte(nil), m.SHA256OfOnion[:]...), m.Code)
}

func (c *columns) malformed(b []byte) *channel.Malformed {
	if b == nil {
		return nil
	}
	var whole [34]byte
	c.fixed(whole[:], b)
	return &channel.Malformed{SHA256OfOnion: [32]byte(whole[:32]), Code: binary.BigEndian.Uint16(whole[32:])}
}
