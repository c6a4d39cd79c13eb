//go:build !race

package channel

import (
	"errors"
	"flag"
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// judge says what BOLT 2 and our policy say of an offer by us, in the plainest
// way: each commitment is listed anew, by stages, HTLC by HTLC.
func judge(c *Channel, a amount.MilliSatoshi) error {
	type entry struct {
		by     dance.Side
		amount int64
	}
	list := func(side dance.Side, full bool) (in []entry, balance [2]int64) {
		balance = [2]int64{tally.Msat(c.fundings[0].toLocal.Msat), tally.Msat(c.params.Capacity.Msat() - c.fundings[0].toLocal.Msat)}
		counts := func(by dance.Side, u dance.Numbers) bool {
			stage := c.steps.Stage(by, u)
			return full || by != side || stage >= dance.Revoked
		}
		for by := range dance.Remote + 1 {
			for _, h := range c.htlcs[by] {
				switch {
				case !counts(by, h.Added):
				case h.removing() && counts(by.Other(), h.Removed):
					if h.fulfilled() {
						balance[by] -= tally.Msat(h.Amount)
						balance[by.Other()] += tally.Msat(h.Amount)
					}
				default:
					balance[by] -= tally.Msat(h.Amount)
					in = append(in, entry{by, tally.Msat(h.Amount)})
				}
			}
		}
		return in, balance
	}
	highest := uint32(0)
	for _, f := range c.fees {
		highest = max(highest, f)
	}
	theirs, opener := c.params.RemoteLimits, c.opener()
	dustLimit := [2]int64{tally.Msat(c.params.LocalLimits.DustLimit.Msat()), tally.Msat(theirs.DustLimit.Msat())}
	reserve := [2]int64{tally.Msat(theirs.ChannelReserve.Msat()), tally.Msat(c.params.LocalLimits.ChannelReserve.Msat())}
	cost := func(fee uint32, outputs int) int64 { return int64(fee)*int64(1124+172*outputs)/1000*1000 + 660_000 }
	outputs := func(side dance.Side, in []entry) (n int) {
		for _, e := range in {
			if e.amount/1000*1000 >= dustLimit[side] {
				n++
			}
		}
		return n
	}
	added := entry{dance.Local, tally.Msat(a)}
	next, balance := list(dance.Remote, false)
	ours, value := 0, int64(0)
	for _, e := range next {
		if e.by == dance.Local {
			ours++
			value += e.amount
		}
	}
	switch {
	case a == 0:
		return ErrAmount
	case a < theirs.HTLCMinimum:
		return ErrBelowMinimum
	case ours >= int(theirs.MaxAcceptedHTLCs):
		return ErrTooManyHTLCs
	case value+added.amount > tally.Msat(theirs.MaxHTLCValueInFlight):
		return ErrInFlight
	case balance[dance.Local]-added.amount < reserve[dance.Local]:
		return ErrReserve
	}
	for _, full := range []bool{false, true} {
		for side := range dance.Remote + 1 {
			if !full && side == dance.Local {
				continue
			}
			in, balance := list(side, full)
			n := outputs(side, append(in, added))
			if opener == dance.Local && balance[dance.Local]-added.amount-reserve[dance.Local] < cost(2*highest, n+1) {
				return ErrFee
			}
			if opener == dance.Remote && balance[dance.Remote]-reserve[dance.Remote] < cost(highest, n) {
				return ErrPeerFee
			}
		}
	}
	for side := range dance.Remote + 1 {
		in, _ := list(side, true)
		dust := int64(0)
		for _, e := range append(in, added) {
			if e.amount/1000*1000 < dustLimit[side] {
				dust += e.amount
			}
		}
		if added.amount/1000*1000 < dustLimit[side] && dust > tally.Msat(c.params.MaxDustExposure) {
			return ErrDustExposure
		}
	}
	return nil
}

func TestOfferIsJudgedLikeTheOracle(t *testing.T) {
	seen := map[error]int{}
	rapid.Check(t, func(t *rapid.T) {
		terms := usual()
		terms.capacity = 100_000
		terms.toA = amount.MilliSatoshi(rapid.SampledFrom([]uint64{5_000_000, 20_000_000, 50_000_000, 80_000_000}).Draw(t, "a's"))
		terms.feePerKw = 2000
		terms.a.ChannelReserve, terms.b.ChannelReserve = 1_000, 1_000
		terms.a.MaxHTLCValueInFlight, terms.b.MaxHTLCValueInFlight = 40_000_000, 60_000_000
		terms.b.HTLCMinimum, terms.b.MaxAcceptedHTLCs = 1000, 4
		terms.a.DustLimit, terms.exposure = 700, 2_000_000
		p := ready(t, terms)
		for range rapid.IntRange(20, 100).Draw(t, "acts") {
			n := p.a
			if rapid.Bool().Draw(t, "b") {
				n = p.b
			}
			a := amount.MilliSatoshi(rapid.SampledFrom([]uint64{0, 999, 1000, 300_000, 353_999, 354_000, 600_000, 699_999, 700_000, 9_000_000, 35_000_000}).Draw(t, "amount"))
			switch rapid.IntRange(0, 6).Draw(t, "act") {
			case 0:
				p.settleOne(t, n)
			case 1:
				p.take(n)
			case 2, 3:
				if len(p.other(n).out) > 0 {
					p.deliver(n)
				}
			case 4:
				n.ch.SetFee(uint32(rapid.IntRange(500, 6000).Draw(t, "fee")))
			default:
				want := judge(n.ch, a)
				_, err := n.ch.Offer(p.add(a))
				if !errors.Is(err, want) {
					t.Fatalf("%s offers %v: %v, the oracle says %v", n.name, a, err, want)
				}
				seen[want]++
			}
			p.sound()
			p.consistent(n)
		}
	})
	if rounds := flag.Lookup("rapid.checks").Value.String(); rounds != "100" {
		t.Logf("%s rounds are not enough to meet every judgement", rounds)
		return
	}
	for _, err := range []error{nil, ErrAmount, ErrBelowMinimum, ErrTooManyHTLCs, ErrInFlight, ErrReserve, ErrFee, ErrPeerFee, ErrDustExposure} {
		if seen[err] == 0 {
			t.Errorf("no offer was judged %v", err)
		}
	}
}

// consistent checks what is derived: tallies that were kept up to date, and the
// largest amount that can be offered.
func (p *pair) consistent(n *node) {
	p.t.Helper()
	c := n.ch
	kept := c.limits
	c.limits.valid = false
	if made := *c.tallied(); kept.valid && made != kept {
		p.t.Fatalf("%s: tallies kept %+v, made anew %+v", n.name, kept, made)
	}
	may := func(a amount.MilliSatoshi) bool {
		return c.mayAdd(dance.Local, tally.Load{Msat: a}, 0) == nil && c.mayOffer(tally.Load{Msat: a}) == nil
	}
	if most := c.Spendable(); most > 0 && (!may(most) || may(most+1)) {
		p.t.Fatalf("%s: %v is said to be the most that can be offered", n.name, most)
	}
}

func TestDustIsNeverAboveTheExposure(t *testing.T) {
	p := ready(t, usual())
	for p.b.ch.params.MaxDustExposure > 0 {
		if _, err := p.a.ch.Offer(p.add(353_999)); err != nil {
			if err != ErrDustExposure {
				t.Fatal(err)
			}
			break
		}
	}
	p.offer(p.a, 354_000)
	p.settle()
	total := amount.MilliSatoshi(0)
	for _, h := range p.built(p.a, dance.Local).Trimmed {
		total += h.Amount
	}
	if total > 5_000_000 || total < 4_000_000 {
		t.Errorf("%v are dust", total)
	}
}

func TestDustOfThePeerAboveTheExposureIsMarked(t *testing.T) {
	p := ready(t, usual())
	p.a.ch.params.MaxDustExposure = 100_000_000 // the peer is careless
	p.a.disk.rows.Params = p.a.ch.params
	for range 20 {
		p.offer(p.a, 300_000)
	}
	p.settle()
	for i, in := range raised[Incoming](p.b) {
		if in.OverExposed != (i >= 16) {
			t.Errorf("HTLC %d: marked %v", i, in.OverExposed)
		}
	}
	p.restart(p.b)
	if list := p.b.ch.Unsettled(); len(list) != 20 || list[15].OverExposed || !list[16].OverExposed {
		t.Error("the marks are lost with a restart")
	}
}

func TestChannelIsUsedInFull(t *testing.T) {
	terms := usual()
	terms.capacity, terms.toA = 10_000_000, 9_000_000_000
	terms.a.MaxHTLCValueInFlight, terms.b.MaxHTLCValueInFlight = 10_000_000_000, 10_000_000_000
	p := ready(t, terms)
	for range MaxAcceptedHTLCs {
		p.offer(p.a, 1_000_000)
	}
	if _, err := p.a.ch.Offer(p.add(1_000_000)); err != ErrTooManyHTLCs {
		t.Errorf("one more: %v", err)
	}
	p.settle()
	if v := p.b.ch.View(); len(v.HTLCs) != MaxAcceptedHTLCs || v.ToRemote != 9_000_000_000-483_000_000 {
		t.Errorf("%d HTLCs, balance %v", len(v.HTLCs), v.ToRemote)
	}
	for id := range uint64(MaxAcceptedHTLCs) {
		p.fulfill(p.b, id)
	}
	p.settle()
	p.sound()
	p.mirror()
}

func TestTrimmedFollowsTheFormat(t *testing.T) {
	p := ready(t, usual())
	if p.a.ch.rules.Trimmed(dance.Local, dance.Local, 354_000, 100_000) || !p.a.ch.rules.Trimmed(dance.Local, dance.Local, 353_999, 253) {
		t.Error("with anchors only the dust limit counts")
	}
	p.a.ch.rules.Format = script.StaticRemoteKey
	if !p.a.ch.rules.Trimmed(dance.Local, dance.Local, 1_016_000, 1000) || p.a.ch.rules.Trimmed(dance.Local, dance.Local, 1_017_000, 1000) {
		t.Error("without anchors the second transaction's fee counts")
	}
}

func TestTheFeeBufferMayBeUsedUpButNotMore(t *testing.T) {
	p := ready(t, usual())
	// Twice the feerate of 1000, this HTLC and one more (BOLT 3: 1124 and 172 units
	// of weight each), and the anchors.
	most := amount.MilliSatoshi(600_000-10_000-2*(1124+2*172)-660) * 1000
	if _, err := p.a.ch.Offer(p.add(most + 1)); err != ErrFee {
		t.Errorf("a millisatoshi more: %v", err)
	}
	if _, err := p.a.ch.Offer(p.add(most)); err != nil {
		t.Error(err)
	}
	p.settle()
	p.sound()
}

func TestAFeerateMayTakeAllAboveTheReserve(t *testing.T) {
	terms := usual()
	terms.toA = (10_000 + 2*1124 + 660) * 1000
	p := ready(t, terms)
	if err := p.a.ch.SetFee(2001); !errors.Is(err, ErrFee) {
		t.Errorf("a satoshi more: %v", err)
	}
	if err := p.a.ch.SetFee(2000); err != nil {
		t.Error(err)
	}
	p.settle()
	p.sound()
	if p.b.ch.fees[dance.Irrevocable] != 2000 {
		t.Errorf("the feerate is %d", p.b.ch.fees[dance.Irrevocable])
	}
}
