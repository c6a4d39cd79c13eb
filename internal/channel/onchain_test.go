//go:build !race

package channel

import (
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// rowsOf lists every HTLC's row, done or not.
func (d *disk) rowsOf() (list []HTLCRow) {
	for _, h := range d.htlcs {
		list = append(list, h)
	}
	return list
}

func TestWhatAPastCommitmentPaidToIsKnown(t *testing.T) {
	p := ready(t, usual())
	past := map[uint64]*script.Commitment{}
	note := func() {
		c := p.built(p.b, dance.Local)
		past[c.Number] = c
	}
	note()
	for i, a := range []amount.MilliSatoshi{20_000_000, 300_000, 30_000_000} {
		mine, theirs := p.offer(p.a, a), p.offer(p.b, a+1000)
		p.settle()
		note()
		if i == 1 {
			continue // stays
		}
		p.fulfill(p.b, mine)
		if err := p.a.ch.Fail(theirs, nil); err != nil {
			t.Fatal(err)
		}
		p.settle()
		note()
	}
	list := p.a.disk.rowsOf()
	checked := 0
	for n, was := range past {
		secret, revoked := p.a.ch.Secret(n)
		if !revoked {
			continue
		}
		checked++
		if got := p.a.ch.NumberOf(was.Tx); got != n {
			t.Errorf("commitment %d is said to be %d", n, got)
		}
		c, err := p.a.ch.Past(dance.Remote, n, script.PointOfSecret(secret), list)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.HTLCs) != len(was.HTLCs)+len(was.Trimmed) || c.Keys != was.Keys {
			t.Errorf("commitment %d held %d HTLCs and %d as dust, its past %d", n, len(was.HTLCs), len(was.Trimmed), len(c.HTLCs))
		}
		known := map[string]bool{}
		for _, o := range c.Tx.TxOut {
			known[string(o.PkScript)] = true
		}
		for i, o := range was.Tx.TxOut {
			if !known[string(o.PkScript)] {
				t.Errorf("output %d of commitment %d is not known", i, n)
			}
		}
	}
	if checked < 3 {
		t.Fatalf("%d commitments are revoked", checked)
	}
}

func TestAnHTLCIsCommittedOnceBothSidesCannotGoBack(t *testing.T) {
	p := ready(t, usual())
	id := p.offer(p.a, 20_000_000)
	committed := func(n *node) bool {
		h, ok := n.disk.htlcs[htlcKey{n == p.b, id}]
		return ok && h.Committed(&n.disk.rows.State)
	}
	steps := 0
	for range 20 {
		for _, n := range []*node{p.a, p.b} {
			if len(p.other(n).out) > 0 {
				p.deliver(n)
			}
			p.take(n)
			by := dance.Local
			if n == p.b {
				by = dance.Remote
			}
			h := n.ch.find(by, id)
			if h == nil {
				continue
			}
			if want := n.ch.steps.Stage(h.by(), h.Added) == dance.Irrevocable; committed(n) != want {
				t.Fatalf("%s: committed %v at stage %d", n.name, !want, n.ch.steps.Stage(h.by(), h.Added))
			}
			steps++
		}
	}
	if !committed(p.a) || !committed(p.b) || steps < 10 {
		t.Error("it never is")
	}
}
