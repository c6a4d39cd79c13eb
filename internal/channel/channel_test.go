//go:build !race

package channel

import (
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"testing"
)

func TestPaymentGoesBothWays(t *testing.T) {
	p := ready(t, usual())
	p.engine = true
	x := p.offer(p.a, 50_000_000)
	y := p.offer(p.a, 100_000) // dust
	p.settle()
	if got := len(raised[Incoming](p.b)); got != 2 {
		t.Fatalf("%d incoming HTLCs raised", got)
	}
	p.fulfill(p.b, x)
	if err := p.b.ch.Fail(y, []byte("no")); err != nil {
		t.Fatal(err)
	}
	z := p.offer(p.b, 7_000_000)
	p.settle()
	p.fulfill(p.a, z)
	p.settle()
	p.sound()
	if got := p.a.ch.fundings[0].toLocal.Msat; got != 557_000_000 {
		t.Errorf("a ends with %v", got)
	}
	if got := p.b.ch.fundings[0].toLocal.Msat; got != 443_000_000 {
		t.Errorf("b ends with %v", got)
	}
	if p.a.disk.settlements[x].Preimage == nil || string(p.a.disk.settlements[y].Reason) != "no" {
		t.Errorf("settlements %+v", p.a.disk.settlements)
	}
	for _, n := range []*node{p.a, p.b} {
		for k, h := range n.disk.htlcs {
			if !h.Done || h.Onion != nil || h.Removed[dance.Remote] <= h.Added[dance.Remote] || h.Reason != nil || h.Preimage != nil {
				t.Errorf("%s: finished HTLC %v is %+v", n.name, k, h)
			}
		}
	}
}
