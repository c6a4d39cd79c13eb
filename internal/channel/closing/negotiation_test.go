//go:build !race

package closing

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

func offer(fee amount.Satoshi, limits ...amount.Satoshi) Offer {
	o := Offer{Fee: fee}
	if len(limits) == 2 {
		o.Range = &wire.FeeRange{Min: limits[0], Max: limits[1]}
	}
	return o
}

func accepter(low, ideal, high amount.Satoshi) Terms {
	t := terms(50_000, 100_000)
	t.LocalIsOpener, t.Min, t.Ideal, t.Max = false, low, ideal, high
	return t
}

// A step of a scripted negotiation: what comes, and what is answered.
type turn struct {
	in     Offer
	out    *Offer
	agreed bool
	fail   bool
	warn   bool
}

func TestClosingNegotiation(t *testing.T) {
	send := func(o Offer) *Offer { return &o }
	opener := terms(100_000, 50_000) // 100 to 10,000, ideal 500
	for name, c := range map[string]struct {
		terms Terms
		first *Offer
		turns []turn
	}{
		"the opener begins and the peer agrees at once": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{{in: offer(500, 50, 20_000), agreed: true}},
		},
		"without a range the most that we pay is agreed to": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{{in: offer(10_000), out: send(offer(10_000, 100, 10_000)), agreed: true}},
		},
		"without a range the least that we pay is agreed to": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{{in: offer(100), out: send(offer(100, 100, 10_000)), agreed: true}},
		},
		"the peer picks another fee in both ranges": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{{in: offer(900, 900, 20_000), out: send(offer(900, 100, 10_000)), agreed: true}},
		},
		"the peer picks a fee outside our range": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{{in: offer(10_001, 900, 20_000), fail: true}},
		},
		"the peer picks a fee outside its own range": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{{in: offer(800, 900, 20_000), fail: true}},
		},
		"the ranges do not overlap; then the peer gives way": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{
				{in: offer(10_001, 10_001, 20_000), warn: true},
				{in: offer(10_000, 10_000, 20_000), out: send(offer(10_000, 100, 10_000)), agreed: true},
			},
		},
		"a range that is upside down overlaps nothing": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{{in: offer(600, 700, 600), warn: true}},
		},
		"the fee exceeds what the opener owns": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{{in: offer(100_001), fail: true}},
		},
		"the accepter takes the opener's fee": {
			accepter(100, 500, 10_000), nil,
			[]turn{{in: offer(300, 200, 400), out: send(offer(300, 100, 10_000)), agreed: true}},
		},
		"the accepter raises its maximum to the opener's": {
			accepter(100, 500, 600), nil,
			[]turn{{in: offer(700, 200, 800), out: send(offer(700, 100, 800)), agreed: true}},
		},
		"but not above what the opener owns": {
			accepter(100, 500, 600), nil,
			[]turn{{in: offer(700, 200, 1<<62), out: send(offer(700, 100, 100_000)), agreed: true}},
		},
		"the accepter wants more, the opener follows": {
			accepter(300, 500, 10_000), nil,
			[]turn{
				{in: offer(200, 200, 400), out: send(offer(300, 300, 10_000))},
				{in: offer(300, 200, 400), agreed: true},
			},
		},
		"the accepter wants more, the opener does not follow": {
			accepter(300, 500, 10_000), nil,
			[]turn{
				{in: offer(200, 200, 400), out: send(offer(300, 300, 10_000))},
				{in: offer(310, 200, 400), fail: true},
			},
		},
		"the accepter wants more than the opener's maximum": {
			accepter(401, 500, 10_000), nil,
			[]turn{{in: offer(200, 200, 400), warn: true}},
		},
		"without ranges: a fee in our range is taken": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{{in: offer(9_000), out: send(offer(9_000, 100, 10_000)), agreed: true}},
		},
		"without ranges: half the way, as far as our range goes": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{
				{in: offer(15_000), out: send(offer(7_750, 100, 10_000))},
				{in: offer(14_000), out: send(offer(10_000, 100, 10_000))},
				{in: offer(13_000), fail: true},
			},
		},
		"without ranges: the accepter's first answer is its ideal": {
			accepter(300, 500, 600), nil,
			[]turn{
				{in: offer(200), out: send(offer(500, 300, 600))},
				{in: offer(250), out: send(offer(375, 300, 600))},
				{in: offer(310), out: send(offer(310, 300, 600)), agreed: true},
			},
		},
		"without ranges: no step forward": {
			opener, send(offer(500, 100, 10_000)),
			[]turn{
				{in: offer(15_000), out: send(offer(7_750, 100, 10_000))},
				{in: offer(15_000), warn: true},
			},
		},
	} {
		n, first := Start(c.terms)
		if diff := cmp.Diff(c.first, first); diff != "" {
			t.Errorf("%s: first offer %s", name, diff)
		}
		for i, turn := range c.turns {
			next, step, err := n.Receive(turn.in)
			n = next
			if diff := cmp.Diff(Step{Send: turn.out, Agreed: turn.agreed}, step); diff != "" {
				t.Errorf("%s, turn %d: %s", name, i, diff)
			}
			var b *Breach
			if errors.As(err, &b); turn.fail != (b != nil && b.Fail) || turn.warn != (b != nil && !b.Fail) {
				t.Errorf("%s, turn %d: %v", name, i, err)
			}
		}
	}
}

func TestOpenerOffersNoMoreThanItOwns(t *testing.T) {
	tm := terms(300, 50_000)
	_, first := Start(tm)
	if diff := cmp.Diff(offer(300, 100, 300), *first); diff != "" {
		t.Error(diff)
	}
	tm.Local.Balance = 50_000
	_, first = Start(tm)
	if diff := cmp.Diff(offer(50, 50, 50), *first); diff != "" {
		t.Error(diff)
	}
}

// drawTerms gives both sides' terms of one channel.
func drawTerms(t *rapid.T) (opener, accepter Terms) {
	fee := rapid.Uint64Range(0, 3000)
	for _, tm := range []*Terms{&opener, &accepter} {
		lo, mid, hi := fee.Draw(t, "a"), fee.Draw(t, "b"), fee.Draw(t, "c")
		tm.Min, tm.Max = amount.Satoshi(min(lo, mid, hi)), amount.Satoshi(max(lo, mid, hi))
		tm.Ideal = amount.Satoshi(lo + mid + hi - min(lo, mid, hi) - max(lo, mid, hi))
	}
	side := func(name string) Side {
		return Side{
			Balance:   amount.MilliSatoshi(rapid.Uint64Range(0, 10_000_000).Draw(t, name)),
			Script:    p2wpkh,
			DustLimit: amount.Satoshi(rapid.Uint64Range(354, 600).Draw(t, name+" dust")),
		}
	}
	opener.Local, opener.Remote = side("opener"), side("accepter")
	accepter.Local, accepter.Remote = opener.Remote, opener.Local
	opener.LocalIsOpener = true
	return opener, accepter
}

func TestTwoHonestNegotiatorsAlwaysEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, a := drawTerms(t)
		ranges := rapid.Bool().Draw(t, "both know fee_range")
		n := [2]Negotiation{}
		var next *Offer
		n[0], next = Start(o)
		n[1], _ = Start(a)

		owned := o.Local.Balance.Sat()
		overlap := min(a.Min, owned) <= min(o.Max, owned)
		if !ranges { // the accepter does not learn the opener's maximum
			overlap = overlap && min(o.Min, owned) <= min(a.Max, owned)
		}
		rounds := 16
		if ranges {
			rounds = 3
		}
		agreed := [2]bool{}
		from := 0
		for range rounds {
			in := *next
			if !ranges {
				in.Range = nil
			}
			to := 1 - from
			after, step, err := n[to].Receive(in)
			if err != nil {
				if overlap {
					t.Fatalf("side %d refused %+v: %v", to, in, err)
				}
				return
			}
			n[to], next = after, step.Send
			if step.Agreed {
				if in.Fee > owned {
					t.Fatalf("agreed on %v of %v", in.Fee, owned)
				}
				if agreed[to] = true; step.Send == nil {
					agreed[from] = true
				}
			}
			if agreed[0] && agreed[1] {
				if !overlap {
					t.Fatalf("agreed on %v without an overlap", in.Fee)
				}
				return
			}
			if next == nil {
				t.Fatalf("side %d is silent after %+v", to, in)
			}
			from = to
		}
		t.Fatal("they did not end")
	})
}

func TestWhatOneSideSignsTheOtherAccepts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, a := drawTerms(t)
		fee := amount.Satoshi(rapid.Uint64Range(0, 12_000).Draw(t, "fee"))
		outs, err := o.Offered(fee)
		mirror, errMirror := a.Offered(fee)
		if (err == nil) != (errMirror == nil) || outs != (Outputs{mirror.Remote, mirror.Local}) {
			t.Fatalf("offered %+v, %v and %+v, %v", outs, err, mirror, errMirror)
		}
		if err != nil {
			return
		}
		for _, v := range a.Acceptable(fee) {
			if v == mirror {
				return
			}
		}
		t.Fatalf("%+v is not in %+v", mirror, a.Acceptable(fee))
	})
}
