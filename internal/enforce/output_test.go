//go:build !race

package enforce_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/enforce"
)

// listed is a plan's outputs, one a line.
func listed(plan enforce.Plan) string {
	var lines []string
	for _, o := range plan.Outputs {
		line := fmt.Sprintf("%d %s %s", o.Value, o.Type, o.State)
		if o.Spendable != 0 {
			line += fmt.Sprintf(" from %d", o.Spendable)
		}
		if o.By != nil {
			line += fmt.Sprintf(" spent at %d", o.SpentAt)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestEachSatIsShownWithWhatItDoes(t *testing.T) {
	for _, x := range []struct {
		kind   enforce.Kind
		first  string // in the block of the commitment
		second string // once all is taken that could be by then
	}{
		{enforce.Ours, `
20000 OUR_HTLC locked from 501
330 ANCHOR_TO_THEM not_ours
330 ANCHOR_TO_US claimable from 450
350000 OUTPUT_TO_THEM not_ours
40000 THEIR_HTLC claimable from 451
50000 THEIR_HTLC waiting
537700 DELAYED_OUTPUT_TO_US locked from 457`, `
20000 OUR_HTLC locked from 501
330 ANCHOR_TO_THEM not_ours
330 ANCHOR_TO_US taken spent at 451
350000 OUTPUT_TO_THEM not_ours
40000 DELAYED_OUTPUT_TO_US locked from 458
40000 THEIR_HTLC taken spent at 451
50000 THEIR_HTLC waiting
537700 DELAYED_OUTPUT_TO_US locked from 457`},
		{enforce.Theirs, `
20000 OUR_HTLC locked from 501
330 ANCHOR_TO_THEM not_ours
330 ANCHOR_TO_US claimable from 450
350000 DELAYED_OUTPUT_TO_THEM not_ours
40000 THEIR_HTLC claimable from 451
50000 THEIR_HTLC waiting
537700 OUTPUT_TO_US claimable from 451`, `
20000 OUR_HTLC locked from 501
330 ANCHOR_TO_THEM not_ours
330 ANCHOR_TO_US taken spent at 451
350000 DELAYED_OUTPUT_TO_THEM not_ours
40000 THEIR_HTLC taken spent at 451
50000 THEIR_HTLC waiting
537700 OUTPUT_TO_US taken spent at 451`},
		{enforce.TheirsRevoked, `
20000 OUR_HTLC claimable from 450
330 ANCHOR_TO_THEM not_ours
330 ANCHOR_TO_US claimable from 450
350000 DELAYED_CHEAT_OUTPUT_TO_THEM claimable from 450
40000 THEIR_HTLC claimable from 450
50000 THEIR_HTLC claimable from 450
537700 OUTPUT_TO_US claimable from 451`, `
20000 OUR_HTLC taken spent at 451
330 ANCHOR_TO_THEM not_ours
330 ANCHOR_TO_US taken spent at 451
350000 DELAYED_CHEAT_OUTPUT_TO_THEM taken spent at 451
40000 THEIR_HTLC taken spent at 451
50000 THEIR_HTLC taken spent at 451
537700 OUTPUT_TO_US taken spent at 451`},
	} {
		t.Run(x.kind.String(), func(t *testing.T) {
			terms := usual()
			terms.toA = 560_000_000
			p := open(t, terms)
			p.offer(p.a, 20_000_000, cltv)
			p.offer(p.b, 40_000_000, cltv)
			known := p.preimages[p.last.PaymentHash]
			p.offer(p.b, 50_000_000, cltv)
			p.settle()
			h := latest(p.b)
			switch x.kind {
			case enforce.Ours:
				h = latest(p.a)
			case enforce.TheirsRevoked:
				p.offer(p.a, 1_000_000, cltv)
				p.settle()
			}
			c := confirmed(t, p, h, 450)
			resolve := func() enforce.Plan {
				f := p.facts(p.a, c)
				f.Decided = map[uint64]wire.Preimage{0: known}
				plan, err := enforce.Resolve(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
				if err != nil || plan.Kind != x.kind {
					t.Fatalf("%s, %v", plan.Kind, err)
				}
				return plan
			}
			plan := resolve()
			if got := listed(plan); "\n"+got != x.first {
				t.Errorf("at first:\n%s", got)
			}
			var sum amount.Satoshi
			for _, o := range plan.Outputs {
				sum += o.Value
			}
			if sum+h.Fee != terms.capacity {
				t.Errorf("outputs of %d and a fee of %d make no %d", sum, h.Fee, terms.capacity)
			}
			for _, claim := range plan.Claims {
				if claim.NotBefore <= 451 {
					c.confirm(sweep(t, p.a.signer, claim))
				}
			}
			c.height++
			if got := listed(resolve()); "\n"+got != x.second {
				t.Errorf("then:\n%s", got)
			}
		})
	}
}

func TestWhatAThiefGetsAwayWithIsLost(t *testing.T) {
	p, cheat := cheated(t)
	c := confirmed(t, p, cheat, 450)
	c.height = 450 + delayA
	claim := one(t, thief(t, p, cheat, c), enforce.Delayed)
	c.confirm(sweep(t, p.b.thief, claim))
	c.height++
	for _, o := range p.resolve(p.a, c).Outputs {
		if o.OutPoint == claim.OutPoint && o.State != enforce.Lost {
			t.Errorf("to_local is %s", o.State)
		}
	}
}

func TestAnHTLCThatThePeerTimedOutIsLostOnlyIfWeHadItsPreimage(t *testing.T) {
	for _, known := range []bool{false, true} {
		p := open(t, usual())
		p.offer(p.b, 40_000_000, cltv)
		p.settle()
		c := confirmed(t, p, latest(p.b), cltv)
		claim := one(t, p.resolve(p.b, c), enforce.TimeoutTx)
		c.confirm(sweep(t, p.b.signer, claim))
		c.height++
		f := p.facts(p.a, c)
		want := enforce.NotOurs
		if known {
			f.Decided, want = map[uint64]wire.Preimage{0: p.preimages[p.last.PaymentHash]}, enforce.Lost
		}
		plan, err := enforce.Resolve(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range plan.Outputs {
			if o.HTLC != nil && o.State != want {
				t.Errorf("known %v: %s", known, o.State)
			}
		}
	}
}
