package plot

import (
	"fmt"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/invoice"
)

// Script makes the schedule of bytes: of each the low five bits say what happens, the
// others how much later.
func Script(c Cast, bytes []byte) (list []Action) {
	waits := [8]time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second, 10 * time.Second, 20 * time.Second, time.Minute}
	c.Stage.Remember(2)
	at := time.Second
	for i, b := range bytes {
		at += waits[b>>5]
		what, do := c.opcode(int(b&31), i)
		list = append(list, Action{at, what, do})
	}
	return list
}

// opcode is what one byte stands for.
func (c *Cast) opcode(op, i int) (what string, do func()) {
	n, conn, e, s := op%3, op%len(c.Conns), op%len(c.Edges), c.Stage
	switch {
	case op < 9:
		other := (op + 1 + op/3%2) % 3
		msat := amount.MilliSatoshi([]int{1_000_000, 20_000_123, 300_000_000}[op/3]) //nolint:gosec // positive
		r := invoice.Request{Label: fmt.Sprint(i), Amount: amount.OrAny{Msat: msat}, CLTV: invoice.MinFinalCLTVExpiryDelta, Expiry: 3600}
		r.Preimage[0], r.Preimage[1], r.Secret[0] = byte(i), byte(i>>8), 1
		return fmt.Sprintf("%s pays %s %s", Node(n), Node(other), msat), func() { s.Pay(n, other, r, nil) }
	case op < 11:
		return "cut", func() { s.Cut(conn, "the script") }
	case op < 17:
		return fmt.Sprintf("%s dies", Node(n)), func() { s.Fuse(n, 1+(op-11)/3*(i%23)) }
	case op < 19:
		return "block", s.Block
	case op < 21:
		return "reorganization", func() { s.Reorganize(1 + (op-19)*5) }
	case op == 21:
		return "dear blocks", func() { s.Spike(2000, 6) }
	case op == 22:
		return "mempools forget", s.Lose
	case op == 23:
		return "feerate", func() { s.Feerate(e, uint32(253+i*100%4000)) } //nolint:gosec // small
	case op < 26:
		return fmt.Sprintf("%s opens a channel", Node(c.Conns[conn][0])), func() { s.Open(conn, 0, funding.Request{Amount: 50_000, Announce: true, MinConf: 1}) }
	case op == 26:
		return fmt.Sprintf("%s is closed", c.edge(e)), func() { s.Close(e, i%2) }
	case op == 27:
		return fmt.Sprintf("%s is closed by force", c.edge(e)), func() { s.Force(e, i%2, "the script") }
	case op == 28:
		return "n1 sits on HTLCs", func() { s.Hold(1, 0) }
	case op == 29:
		return "n2 cheats", func() { s.Betray(2, i%7) }
	case op == 30:
		return "n0 lies", func() { s.Lie(0, false) }
	}
	return "n1 is copied, or restored", func() {
		if !s.Restore(1) {
			s.Snapshot(1)
		}
	}
}
