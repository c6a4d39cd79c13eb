package store

import (
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/leyden-ln/leyden/bolt/wire"
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

// read reads a form of package compact.
func read[T any](c *columns, f func([]byte) (T, error), b []byte) T {
	v, err := f(b)
	if err != nil {
		c.fail("%v", err)
	}
	return v
}
