package sim

import (
	"fmt"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/invoice"
)

// script makes the schedule of bytes: of each the low five bits say what happens, the
// others how much later.
func (w *world) script(bytes []byte) {
	waits := [8]time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second, 10 * time.Second, 20 * time.Second, time.Minute}
	w.nodes[2].remember()
	at := time.Second
	for i, b := range bytes {
		at += waits[b>>5]
		what, do := w.opcode(int(b&31), i)
		w.schedule = append(w.schedule, action{at, what, do})
	}
	w.stats.Actions = len(w.schedule)
}

// opcode is what one byte stands for.
func (w *world) opcode(op, i int) (what string, do func()) {
	n, c, e := w.nodes[op%3], w.conns[op%len(w.conns)], w.edges[op%len(w.edges)]
	l := func(f func(l *link)) func() {
		return func() {
			if l := e.ends[i%2].n.links[e.id]; l != nil && !l.n.stale {
				l.put(func() { f(l) })
			}
		}
	}
	switch {
	case op < 9:
		other := w.nodes[(op+1+op/3%2)%3]
		msat := amount.MilliSatoshi([]int{1_000_000, 20_000_123, 300_000_000}[op/3]) //nolint:gosec // positive
		r := invoice.Request{Label: fmt.Sprint(i), Amount: amount.OrAny{Msat: msat}, CLTV: invoice.MinFinalCLTVExpiryDelta, Expiry: 3600}
		r.Preimage[0], r.Preimage[1], r.Secret[0] = byte(i), byte(i>>8), 1
		return fmt.Sprintf("%s pays %s %s", n, other, msat), func() { w.request(n, other, r) }
	case op < 11:
		return "cut", func() { c.cut("the script") }
	case op < 17:
		return fmt.Sprintf("%s dies", n), func() {
			if n.up && n.fuse < 0 {
				n.fuse = 1 + (op-11)/3*(i%23)
			}
		}
	case op < 19:
		return "block", w.block
	case op < 21:
		return "reorganization", func() { w.chain.Reorganize(1 + (op-19)*5) }
	case op == 21:
		return "dear blocks", func() { w.chain.Spike(2000, 6) }
	case op == 22:
		return "mempools forget", w.chain.Lose
	case op == 23:
		return "feerate", l(func(l *link) { _ = l.ch.SetFee(uint32(253 + i*100%4000)) }) //nolint:gosec // small
	case op < 26:
		return fmt.Sprintf("%s opens a channel", c.ends[0]), func() { c.ends[0].open(c, funding.Request{Amount: 50_000, Announce: true, MinConf: 1}, 5) }
	case op == 26:
		return fmt.Sprintf("%s is closed", e), l(func(l *link) { _ = l.ch.Shutdown(nil, 0) })
	case op == 27:
		return fmt.Sprintf("%s is closed by force", e), l(func(l *link) { l.ch.ForceClose("the script") })
	case op == 28:
		return "n1 sits on HTLCs", func() { w.nodes[1].holds = true }
	case op == 29:
		return "n2 cheats", func() { w.nodes[2].betray(i % 7) }
	case op == 30:
		return "n0 lies", func() { w.nodes[0].lies = true }
	}
	return "n1 is copied, or restored", func() {
		if n := w.nodes[1]; n.copied == nil {
			n.snapshot()
		} else {
			n.restore()
		}
	}
}
