//go:build !race

package channel

import (
	"context"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// fast is a pair without the checks of the tests: messages go over as they are
// and rows into memory.
func (p *pair) exchange(b *testing.B) {
	for moved := true; moved; {
		moved = false
		for _, n := range []*node{p.a, p.b} {
			other := p.other(n)
			for _, m := range other.out {
				if err := n.ch.Receive(m, verifier{}); err != nil {
					b.Fatal(err)
				}
			}
			other.out = nil
			pending, err := n.ch.Take(n.signer)
			if err != nil {
				b.Fatal(err)
			}
			v, err := pending.Commit(context.Background(), n.disk)
			if err != nil {
				b.Fatal(err)
			}
			n.out = append([]wire.Message(nil), v.Send...)
			moved = moved || len(v.Send) > 0
		}
	}
}

// BenchmarkPayments adds and fulfills HTLCs in batches between two machines.
func BenchmarkPayments(b *testing.B) {
	for _, batch := range []int{1, 64, 483} {
		b.Run(map[int]string{1: "1", 64: "64", 483: "483"}[batch], func(b *testing.B) {
			terms := usual()
			terms.capacity, terms.toA = 16_000_000, 15_000_000_000
			terms.b.MaxHTLCValueInFlight = 10_000_000_000
			p := ready(b, terms)
			adds := make([]Add, batch)
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				if p.a.ch.fundings[0].toLocal.Msat < 2_000_000_000 {
					p = ready(b, terms)
				}
				for i := range adds {
					adds[i] = p.add(amount.MilliSatoshi(2_000_000))
				}
				b.StartTimer()
				first := p.a.ch.nextID[dance.Local]
				for _, a := range adds {
					if _, err := p.a.ch.Offer(a); err != nil {
						b.Fatal(err)
					}
				}
				p.exchange(b)
				for i, a := range adds {
					if err := p.b.ch.Fulfill(first+uint64(i), p.preimages[a.PaymentHash]); err != nil {
						b.Fatal(err)
					}
				}
				p.exchange(b)
			}
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "payments/s")
		})
	}
}
