//go:build !race

package route

import (
	"encoding/binary"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
)

// reader makes numbers of bytes: small, or of the whole range.
type reader []byte

func (r *reader) byte() (b byte) {
	if len(*r) > 0 {
		b, *r = (*r)[0], (*r)[1:]
	}
	return b
}

func (r *reader) number() uint64 {
	n := r.byte()
	if n < 224 {
		return uint64(n) << (n % 32)
	}
	var b [8]byte
	for i := range b {
		b[i] = r.byte()
	}
	return binary.BigEndian.Uint64(b[:])
}

// FuzzRoute makes a network and a question of bytes. Whatever they say, the search
// ends, and what it finds is a way.
func FuzzRoute(f *testing.F) {
	f.Add([]byte{3, 9, 99, 1, 2, 8, 80, 1, 9, 1, 99, 3, 1, 2, 3, 4, 0, 9, 255, 9})
	f.Add([]byte{2, 200, 200, 200, 30, 3, 90, 90, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 0, 0, 0, 250, 250})
	f.Fuzz(func(t *testing.T, input []byte) {
		r := reader(input)
		nodes := uint64(r.byte()%6) + 2
		w := worldOf(nodes - 1)
		q, payee := &w.query, uint64(r.byte())%nodes
		q.Height, q.Now, q.Memory, q.Own = uint32(r.number()), r.number(), &Memory{}, nil
		q.Find = &pay.Find{
			Destination: nodeID(payee), Amount: msat(r.number()), MaxFee: msat(r.number()),
			MaxDelay: uint32(r.number()), FinalDelta: uint32(r.number()), MaxParts: int(r.byte() % 17),
		}
		for i := range r.byte() % 4 {
			q.Own = append(q.Own, Own{
				SCID: wire.ShortChannelID(1<<40 + uint64(i)), Peer: nodeID(1 + uint64(r.byte())%(nodes-1)),
				Spendable: msat(r.number()), Minimum: msat(r.number()), Maximum: msat(r.number()),
			})
		}
		for i := range r.byte() % 16 {
			l := lane{
				from: uint64(r.byte()) % nodes, scid: wire.ShortChannelID(i + 1), base: uint32(r.number()), ppm: uint32(r.number()),
				delta: uint16(r.number()), min: msat(r.number()), max: msat(r.number()), capacity: amount.Satoshi(r.number()),
				disabled: r.byte()%8 == 0,
			}
			l.to = (l.from + 1 + uint64(r.byte())%(nodes-1)) % nodes
			if l.capacity > 0 {
				w.lanes = append(w.lanes, l)
			} else if l.to = payee; l.from != l.to {
				w.hint(l)
			}
		}
		for range r.byte() % 4 {
			l := pay.Lesson{
				Kind: pay.LessonKind(r.byte() % 3), From: nodeID(uint64(r.byte()) % nodes), To: nodeID(uint64(r.byte()) % nodes),
				SCID: wire.ShortChannelID(r.byte()), Amount: msat(r.number()), Permanent: r.byte()%2 == 0,
			}
			q.Memory.Learn(l, r.number())
			q.Find.Avoid = append(q.Find.Avoid, pay.Limit{SCID: l.SCID, Direction: r.byte() % 2, Below: l.Amount})
		}
		routes, err := Find(w.graph(t), *q)
		if err != nil {
			return
		}
		q.Memory = nil // a doubtful way is better than none
		if err := w.check(routes); err != nil {
			t.Fatalf("%v\n%+v\n%+v\n%+v\n%+v", err, routes, q.Find, q.Own, w.lanes)
		}
	})
}
