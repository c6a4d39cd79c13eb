//go:build !race

package channel

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// act does one random thing to the pair.
func (p *pair) act(t *rapid.T, closing bool) {
	n := p.a
	if rapid.Bool().Draw(t, "b") {
		n = p.b
	}
	switch rapid.SampledFrom([]string{
		"offer", "offer", "offer", "settle", "settle", "take", "take", "deliver", "deliver", "round", "round", "round", "round",
		"settle", "fee", "cut", "crash", "lost take", "shutdown",
	}).Draw(t, "act") {
	case "offer":
		if n.ch.rules.Rides() {
			p.offerTokens(t, n)
			return
		}
		a := amount.MilliSatoshi(rapid.SampledFrom([]uint64{1, 999, 100_000, 353_999, 354_000, 5_000_000, 60_000_000, 0}).Draw(t, "amount"))
		if a == 0 {
			a = n.ch.Spendable()
		}
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			n.ch.Offer(p.add(a)) // may be refused
		}
	case "settle":
		p.settleOne(t, n)
	case "take":
		p.take(n)
	case "deliver":
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			if len(p.other(n).out) > 0 {
				p.deliver(n)
			}
		}
	case "round":
		p.take(n)
		for len(n.out) > 0 {
			p.deliver(p.other(n))
		}
		p.take(p.other(n))
		for len(p.other(n).out) > 0 {
			p.deliver(n)
		}
	case "fee":
		n.ch.SetFee(uint32(rapid.IntRange(minFeePerKw, 4000).Draw(t, "fee")))
	case "cut":
		p.disconnect()
		p.simple = rapid.Bool().Draw(t, "option_simple_close")
		p.connect()
	case "crash":
		p.disconnect()
		p.restart(n)
		p.connect()
	case "lost take":
		// The rows are not written, or they are and nothing else happens.
		if pending, err := n.ch.Take(n.signer); err != nil {
			t.Fatalf("%s: %v", n.name, err)
		} else if rapid.Bool().Draw(t, "written") {
			if _, err := pending.Commit(t.Context(), n.disk); err != nil {
				t.Fatalf("%s: %v", n.name, err)
			}
		}
		p.disconnect()
		p.restart(n)
		if rapid.Bool().Draw(t, "settle offline") {
			p.settleOne(t, n)
			p.take(n)
		}
		p.connect()
	case "shutdown":
		if closing {
			n.ch.Shutdown(nil, uint32(rapid.IntRange(minFeePerKw, 3000).Draw(t, "closing fee")))
		}
	}
}

// settleOne settles an incoming HTLC as it was decided once for all.
func (p *pair) settleOne(t *rapid.T, n *node) {
	list := n.ch.Unsettled()
	if len(list) == 0 {
		return
	}
	in := list[rapid.IntRange(0, len(list)-1).Draw(t, "which")]
	r, ok := n.decided[in.Ref.ID]
	if !ok {
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0:
			r = removal{Kind: RemovedByFailure, Reason: []byte{byte(in.Ref.ID), 1}}
		case 1:
			r = removal{Kind: RemovedAsMalformed, Malformed: &Malformed{Code: badOnion | 5}}
		default:
			preimage := p.preimages[in.PaymentHash]
			r = removal{Kind: RemovedByPreimage, Preimage: &preimage}
		}
		n.decided[in.Ref.ID] = r
	}
	if err := propose(n.ch, in.Ref.ID, r); err != nil && p.connected && n.ch.mayUpdate() == nil {
		t.Fatalf("%s settles %d: %v", n.name, in.Ref.ID, err)
	}
}

func propose(c *Channel, id uint64, r removal) error {
	switch r.Kind {
	case RemovedByPreimage:
		return c.Fulfill(id, *r.Preimage)
	case RemovedByFailure:
		return c.Fail(id, r.Reason)
	default:
		return c.FailMalformed(id, r.Malformed.SHA256OfOnion, r.Malformed.Code)
	}
}

// mirror checks that the two sides see the same channel, once all is quiet.
func (p *pair) mirror() {
	p.t.Helper()
	a, b := p.a.ch, p.b.ch
	if a.fundings[0].toLocal.Msat+b.fundings[0].toLocal.Msat != a.params.Capacity.Msat() {
		p.t.Fatalf("balances %v and %v are not the capacity", a.fundings[0].toLocal.Msat, b.fundings[0].toLocal.Msat)
	}
	if a.fundings[0].toLocal.Tokens+b.fundings[0].toLocal.Tokens != a.params.Tokens {
		p.t.Fatalf("%d and %d tokens are not those of the channel", a.fundings[0].toLocal.Tokens, b.fundings[0].toLocal.Tokens)
	}
	if a.fees != b.fees || a.steps.Signed[dance.Local] != b.steps.Signed[dance.Remote] || a.steps.Signed[dance.Remote] != b.steps.Signed[dance.Local] {
		p.t.Fatalf("numbers differ: %+v and %+v", a.steps, b.steps)
	}
	for by := range dance.Remote + 1 {
		if len(a.htlcs[by]) != len(b.htlcs[by.Other()]) || a.nextID[by] != b.nextID[by.Other()] {
			p.t.Fatalf("HTLCs of side %d differ", by)
		}
	}
	for _, side := range []dance.Side{dance.Local, dance.Remote} {
		x := p.built(p.a, side)
		y := p.built(p.b, side.Other())
		if x.Tx.TxHash() != y.Tx.TxHash() {
			p.t.Fatalf("commitments of side %d differ", side)
		}
	}
}

func (p *pair) built(n *node, side dance.Side) *script.Commitment {
	p.t.Helper()
	owner := n
	if side == dance.Remote {
		owner = p.other(n)
	}
	c, err := n.ch.buildLatest(&n.ch.fundings[0], side, owner.signer.PerCommitmentPoint(n.ch.steps.Signed[side]))
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return c
}

func TestTwoMachinesAgreeUnderAnySchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := usual()
		terms.capacity, terms.toA = 200_000, 140_000_000
		terms.a.MaxHTLCValueInFlight, terms.b.MaxHTLCValueInFlight = 150_000_000, 150_000_000
		terms.b.MaxAcceptedHTLCs, terms.a.DustLimit = 9, 500
		terms.exposure = 800_000
		terms.alias = rapid.Bool().Draw(t, "alias")
		terms.simple = rapid.Bool().Draw(t, "simple close")
		closing := rapid.IntRange(0, 3).Draw(t, "closing") == 0
		p := open(t, terms)
		p.engine = rapid.IntRange(0, 3).Draw(t, "engine") == 0
		started := rapid.IntRange(0, 20).Draw(t, "started")
		for i := range rapid.IntRange(10, 90).Draw(t, "acts") {
			if i == min(started, 5) {
				p.a.ch.FundingDepth(42, 1)
				p.b.ch.FundingDepth(42, 1)
				if started > 5 {
					p.settle()
				}
			}
			p.act(t, closing)
			p.sound()
		}
		p.finish(t, terms.toA, closing)
	})
}

// finish settles all HTLCs and checks what became of each, and of a's balance at
// the start.
func (p *pair) finish(t *rapid.T, start amount.MilliSatoshi, closing bool) {
	for range 50 {
		p.settle()
		p.sound()
		if len(p.a.ch.Unsettled())+len(p.b.ch.Unsettled()) == 0 {
			break
		}
		for len(p.a.ch.Unsettled()) > 0 {
			p.settleOne(t, p.a)
		}
		for len(p.b.ch.Unsettled()) > 0 {
			p.settleOne(t, p.b)
		}
	}
	if !p.a.ch.clean() || !p.b.ch.clean() {
		t.Fatalf("the channel is not clean: %+v, %+v", p.a.ch.View(), p.b.ch.View())
	}
	p.mirror()
	toA, tokens := start, p.tokensToA
	for _, n := range []*node{p.a, p.b} {
		for id := range n.ch.nextID[dance.Local] {
			row, ok := n.disk.settlements[id]
			r := p.other(n).decided[id]
			if !ok || (row.Preimage != nil) != (r.Kind == RemovedByPreimage) ||
				string(row.Reason) != string(r.Reason) || (row.Malformed != nil) != (r.Malformed != nil) {
				t.Fatalf("%s: HTLC %d was decided %+v and ended %+v (%v)", n.name, id, r, row, ok)
			}
			if row.Preimage != nil && n == p.a {
				toA -= row.Amount
			} else if row.Preimage != nil {
				toA += row.Amount
			}
			h := n.disk.htlcs[htlcKey{false, id}]
			if row.Preimage != nil && n == p.a {
				tokens -= h.Tokens
			} else if row.Preimage != nil {
				tokens += h.Tokens
			}
			if other := p.other(n).disk.htlcs[htlcKey{true, id}]; !h.Done || !other.Done ||
				h.Added[dance.Local] != other.Added[dance.Remote] || h.Removed[dance.Remote] != other.Removed[dance.Local] {
				t.Fatalf("HTLC %d ended as %+v and %+v", id, h.HTLCState, other.HTLCState)
			}
		}
		if uint64(len(n.disk.settlements)) != n.ch.nextID[dance.Local] {
			t.Fatalf("%s: %d settlements of %d HTLCs", n.name, len(n.disk.settlements), n.ch.nextID[dance.Local])
		}
		seen := map[uint64]bool{}
		for _, e := range raised[Resolved](n) {
			if seen[e.Out.ID] {
				t.Fatalf("%s: HTLC %d is resolved twice", n.name, e.Out.ID)
			}
			seen[e.Out.ID] = true
		}
	}
	if got := p.a.ch.fundings[0].toLocal.Tokens; got != tokens {
		t.Fatalf("a ends with %d tokens, its settlements say %d", got, tokens)
	}
	if got := p.a.ch.fundings[0].toLocal.Msat; got != toA {
		t.Fatalf("a ends with %v, its settlements say %v", got, toA)
	}
	if closing && p.a.ch.shuttingDown() {
		for _, n := range []*node{p.a, p.b} {
			if len(n.tx) == 0 {
				t.Fatalf("%s: no closing transaction: %s", n.name, n.ch.State())
			}
			for _, tx := range n.tx {
				p.pays(tx, p.closer(tx))
			}
			p.best(n)
		}
		if p.simple {
			return
		}
		if x, y := p.a.tx[len(p.a.tx)-1], p.b.tx[len(p.b.tx)-1]; x.TxHash() != y.TxHash() {
			t.Fatalf("the sides closed by different transactions")
		}
	}
}
