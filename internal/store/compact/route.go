package compact

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
)

// ErrDamaged is that something is not what this package wrote.
var ErrDamaged = errors.New("a compact form is damaged")

// Ref is the number under which a node is kept, from 1 up; zero: it is not, and stands in
// full.
type Ref func(node wire.NodeID) uint64

// Node is the reverse of a [Ref].
type Node func(ref uint64) (wire.NodeID, error)

// Route appends the form of a route. For each hop: the node's number, or 0 and its id;
// block, transaction and output of the channel; by how much the amount is below that of
// the hop before, first the one that is sent; and the same of the expiry, first in full.
// Each is a varint.
func Route(b []byte, sent amount.MilliSatoshi, hops []pay.Hop, ref Ref) []byte {
	amt, expiry := uint64(sent), uint32(0)
	for _, h := range hops {
		n := ref(h.NodeID)
		if b = binary.AppendUvarint(b, n); n == 0 {
			b = append(b, h.NodeID[:]...)
		}
		b = binary.AppendUvarint(b, uint64(h.SCID)>>40)
		b = binary.AppendUvarint(b, uint64(h.SCID)>>16&0xffffff)
		b = binary.AppendUvarint(b, uint64(h.SCID)&0xffff)
		b = binary.AppendVarint(b, int64(amt-uint64(h.Amount)))       //nolint:gosec // the bits are kept
		b = binary.AppendVarint(b, int64(expiry)-int64(h.CLTVExpiry)) // each has 32 bits
		amt, expiry = uint64(h.Amount), h.CLTVExpiry
	}
	return b
}

// reader takes a form apart, and remembers that it was too short.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	return r.took(v, n)
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	return int64(r.took(uint64(v), n)) //nolint:gosec // the bits are kept
}

func (r *reader) took(v uint64, n int) uint64 {
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(dst []byte) {
	if len(r.b) < len(dst) {
		r.b, r.bad = nil, true
		return
	}
	copy(dst, r.b)
	r.b = r.b[len(dst):]
}

// Hops reads what [Route] wrote.
func Hops(b []byte, sent amount.MilliSatoshi, node Node) (hops []pay.Hop, err error) {
	r := reader{b: b}
	amt, expiry := uint64(sent), int64(0)
	for len(r.b) > 0 {
		var h pay.Hop
		if ref := r.uvarint(); ref != 0 {
			if h.NodeID, err = node(ref); err != nil {
				return nil, fmt.Errorf("node %d of a route: %w", ref, err)
			}
		} else {
			r.bytes(h.NodeID[:])
		}
		block, tx, out := r.uvarint(), r.uvarint(), r.uvarint()
		amt -= uint64(r.varint()) //nolint:gosec // the bits are kept
		expiry -= r.varint()
		if r.bad || block > 0xffffff || tx > 0xffffff || out > 0xffff || expiry < 0 || expiry > 0xffffffff {
			return nil, fmt.Errorf("%w: a route", ErrDamaged)
		}
		h.SCID = wire.ShortChannelID(block<<40 | tx<<16 | out)
		h.Amount, h.CLTVExpiry = amount.MilliSatoshi(amt), uint32(expiry) //nolint:gosec // bounded
		hops = append(hops, h)
	}
	return hops, nil
}

// PutNode is how a node's number is kept where an id of 33 bytes was: its bytes without
// zeros before them, nothing for the zero id; or the id, when it has no number.
func PutNode(node wire.NodeID, ref Ref) []byte {
	if node == (wire.NodeID{}) {
		return []byte{}
	}
	n := ref(node)
	if n == 0 {
		return node[:]
	}
	b := binary.BigEndian.AppendUint64(nil, n)
	for b[0] == 0 {
		b = b[1:]
	}
	return b
}

// ReadNode is the reverse of [PutNode].
func ReadNode(b []byte, node Node) (id wire.NodeID, err error) {
	switch {
	case len(b) == 0:
		return id, nil
	case len(b) == len(id):
		copy(id[:], b)
		return id, nil
	case len(b) > 8:
		return id, fmt.Errorf("%w: a node", ErrDamaged)
	}
	var n uint64
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return node(n)
}
