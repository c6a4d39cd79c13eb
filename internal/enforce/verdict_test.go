//go:build !race

package enforce_test

import (
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
)

func TestAPreimageSeenOnChainGoesUpstream(t *testing.T) {
	for _, ours := range []bool{true, false} {
		p := open(t, usual())
		id := p.offer(p.a, 20_000_000, cltv)
		hash := p.last.PaymentHash
		p.settle()
		h := latest(p.b)
		if ours {
			h = latest(p.a)
		}
		c := confirmed(t, p, h, 450)
		f := p.facts(p.b, c)
		f.Decided = map[uint64]wire.Preimage{id: p.preimages[hash]}
		plan, err := enforce.Resolve(p.b.disk.load(), p.b.signer, f, enforce.DefaultPolicy())
		if err != nil {
			t.Fatal(err)
		}
		kind := enforce.SuccessTx
		if ours {
			kind = enforce.Success
		}
		c.confirm(sweep(t, p.b.signer, one(t, plan, kind)))
		if v := p.resolve(p.a, c).Upstream[0]; v.Kind != enforce.Wait {
			t.Fatalf("%s before the preimage is in a block", v.Kind)
		}
		c.height++
		plan = p.resolve(p.a, c)
		if v := plan.Upstream[0]; v.Kind != enforce.Fulfil || *v.Preimage != p.preimages[hash] || plan.Preimages[hash] != p.preimages[hash] {
			t.Fatalf("%s: %s", v.Kind, v.Why)
		}
		if has(plan, enforce.Timeout) || has(plan, enforce.TimeoutTx) {
			t.Error("what the peer took is claimed")
		}
		// The block vanishes: so does what it told.
		c.height--
		if v := p.resolve(p.a, c).Upstream[0]; v.Kind != enforce.Wait {
			t.Fatalf("%s after the reorganization", v.Kind)
		}
	}
}

func TestAKnownPreimageWinsOverATimeout(t *testing.T) {
	p := open(t, usual())
	id := p.offer(p.a, 20_000_000, cltv)
	p.settle()
	c := confirmed(t, p, latest(p.a), cltv)
	c.confirm(sweep(t, p.a.signer, one(t, p.resolve(p.a, c), enforce.TimeoutTx)))
	for _, x := range []struct {
		depth uint32
		want  enforce.VerdictKind
	}{{1, enforce.Wait}, {5, enforce.Wait}, {6, enforce.Fail}, {100, enforce.Fail}} {
		c.height = cltv + x.depth
		if v := p.resolve(p.a, c).Upstream[0]; v.Kind != x.want || v.AtRisk {
			t.Errorf("%d deep: %s: %s", x.depth, v.Kind, v.Why)
		}
		f := p.facts(p.a, c)
		f.Learnt = map[wire.PaymentHash]wire.Preimage{p.last.PaymentHash: p.preimages[p.last.PaymentHash]}
		plan, err := enforce.Resolve(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
		if v := plan.Upstream[0]; err != nil || v.Kind != enforce.Fulfil || v.HTLC.ID != id {
			t.Errorf("%d deep, preimage known: %s, %v", x.depth, v.Kind, err)
		}
	}
}

func TestAnHTLCEndsByItsOwnOutput(t *testing.T) {
	p := open(t, usual())
	first := p.offer(p.a, 20_000_000, cltv)
	twin := p.last // the same hash and amount
	twin.CLTVExpiry += 50
	twin.Origin.Attempt = 99
	second, err := p.a.ch.Offer(twin)
	if err != nil {
		t.Fatal(err)
	}
	p.settle()
	c := confirmed(t, p, latest(p.a), cltv)
	for _, claim := range p.resolve(p.a, c).Claims {
		if claim.Kind == enforce.TimeoutTx && claim.HTLC.ID == first {
			c.confirm(sweep(t, p.a.signer, claim))
		}
	}
	c.height = cltv + 6
	got := map[uint64]enforce.VerdictKind{}
	for _, v := range p.resolve(p.a, c).Upstream {
		got[v.HTLC.ID] = v.Kind
	}
	if got[first] != enforce.Fail || got[second] != enforce.Wait {
		t.Errorf("the one that timed out: %s; the other, whose output is not spent: %s", got[first], got[second])
	}
}

func TestAnHTLCWithoutAnOutputIsFailedOnceTheCommitmentIsDeep(t *testing.T) {
	for name, make := range map[string]func(p *pair) held{
		"dust everywhere": func(p *pair) held {
			p.offer(p.a, 300_000, cltv)
			p.settle()
			return latest(p.a)
		},
		"not in ours yet, in theirs": func(p *pair) held {
			before := latest(p.a)
			p.offer(p.a, 20_000_000, cltv)
			p.take(p.a)
			return before
		},
		"in ours, dust in theirs": func(p *pair) held {
			p.offer(p.a, 400_000, cltv)
			p.settle()
			return latest(p.b)
		},
		"added after the one that they revoked": func(p *pair) held {
			before := latest(p.b)
			p.offer(p.a, 20_000_000, cltv)
			p.settle()
			return before
		},
		"removed by them, not yet by us": func(p *pair) held {
			id := p.offer(p.a, 20_000_000, cltv)
			p.settle()
			p.b.ch.Fail(id, nil)
			p.take(p.b)
			for len(p.b.out) > 0 {
				p.deliver(p.a)
			}
			p.take(p.a)
			return latest(p.a)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, usual())
			c := confirmed(t, p, make(p), 450)
			for _, x := range []struct {
				height uint32
				want   enforce.VerdictKind
			}{{450, enforce.Wait}, {454, enforce.Wait}, {455, enforce.Fail}, {600, enforce.Fail}} {
				c.height = x.height
				plan := p.resolve(p.a, c)
				if len(plan.Upstream) != 1 || plan.Upstream[0].Kind != x.want || plan.Upstream[0].AtRisk {
					t.Fatalf("height %d: %+v", x.height, plan.Upstream)
				}
			}
		})
	}
}

func TestAPreimageOfAnHTLCThatTheConfirmedCommitmentLacksWins(t *testing.T) {
	// The HTLC was fulfilled by the peer and is gone from its commitment, but its
	// removal is not irrevocable.
	p := open(t, usual())
	id := p.offer(p.a, 20_000_000, cltv)
	p.settle()
	p.fulfill(p.b, id)
	p.take(p.b)
	for len(p.b.out) > 0 {
		p.deliver(p.a)
	}
	p.take(p.a)
	c := confirmed(t, p, latest(p.a), 450)
	c.height = 600
	plan := p.resolve(p.a, c)
	if v := plan.Upstream[0]; v.Kind != enforce.Fulfil {
		t.Fatalf("%s: %s", v.Kind, v.Why)
	}
}

func TestAnIncomingHTLCAboutToExpireIsFailedWhenLittleIsAtRisk(t *testing.T) {
	const expiry = 580
	in := channel.Ref{Channel: wire.ChannelID{7}, ID: 3}
	for _, x := range []struct {
		name   string
		amt    amount.MilliSatoshi
		height uint32
		want   enforce.VerdictKind
		risk   bool
	}{
		{"little, time left", 10_000_000, expiry - 7, enforce.Wait, false},
		{"little, no time left", 10_000_000, expiry - 6, enforce.Fail, true},
		{"much, no time left", 10_000_001, expiry - 6, enforce.Wait, false},
		{"much, expired", 10_000_001, expiry + 100, enforce.Wait, false},
		{"dust, no time left", 300_000, expiry - 6, enforce.Fail, false},
		{"dust, time left", 300_000, expiry - 7, enforce.Wait, false},
	} {
		for _, spent := range []bool{false, true} {
			p := open(t, usual())
			add := p.add(x.amt, cltv)
			add.Origin = channel.Origin{In: &in}
			if _, err := p.a.ch.Offer(add); err != nil {
				t.Fatal(err)
			}
			p.settle()
			p.a.ch.ForceClose("a test")
			p.take(p.a)
			p.incoming[in] = expiry
			c := newChain(t, p, x.height)
			if spent {
				c = confirmed(t, p, latest(p.a), x.height)
			}
			v := p.resolve(p.a, c).Upstream[0]
			if v.Kind != x.want || v.AtRisk != x.risk {
				t.Errorf("%s, spent %v: %s at risk %v: %s", x.name, spent, v.Kind, v.AtRisk, v.Why)
			}
			delete(p.incoming, in)
			if v := p.resolve(p.a, c).Upstream[0]; v.Kind != enforce.Wait {
				t.Errorf("%s: %s though nothing is known of the incoming one", x.name, v.Kind)
			}
		}
	}
}

func TestDustIsFailedInTimeWhateverWeRisk(t *testing.T) {
	in := channel.Ref{Channel: wire.ChannelID{7}, ID: 3}
	policy := enforce.DefaultPolicy()
	policy.MaxAtRisk = 0
	for amt, want := range map[amount.MilliSatoshi]enforce.VerdictKind{353_999: enforce.Fail, 354_000: enforce.Wait} {
		p := open(t, usual())
		add := p.add(amt, cltv)
		add.Origin = channel.Origin{In: &in}
		if _, err := p.a.ch.Offer(add); err != nil {
			t.Fatal(err)
		}
		p.settle()
		p.incoming[in] = 580
		c := confirmed(t, p, latest(p.a), 580)
		plan, err := enforce.Resolve(p.a.disk.load(), p.a.signer, p.facts(p.a, c), policy)
		if v := plan.Upstream[0]; err != nil || v.Kind != want || v.AtRisk {
			t.Errorf("%s: %s: %s, %v", amt, v.Kind, v.Why, err)
		}
	}
}

func TestDustOfASilentPeerIsFailedBeforeTheIncomingHTLCExpires(t *testing.T) {
	in := channel.Ref{Channel: wire.ChannelID{7}, ID: 3}
	for _, x := range []struct {
		name   string
		amt    amount.MilliSatoshi
		height uint32
		origin *channel.Ref
		learnt bool
		want   int
	}{
		{"no time left", 353_999, 574, &in, false, 1},
		{"time left", 353_999, 573, &in, false, 0},
		{"an output of one commitment", 354_000, 574, &in, false, 0},
		{"a payment of ours", 353_999, 574, nil, false, 0},
		{"the preimage is known", 353_999, 574, &in, true, 0},
	} {
		p := open(t, usual())
		add := p.add(x.amt, cltv)
		add.Origin = channel.Origin{In: x.origin}
		if _, err := p.a.ch.Offer(add); err != nil {
			t.Fatal(err)
		}
		p.settle()
		p.incoming[in] = 580
		f := p.facts(p.a, newChain(t, p, x.height))
		if r, ok := p.preimages[add.PaymentHash]; ok && x.learnt {
			f.Learnt = map[wire.PaymentHash]wire.Preimage{add.PaymentHash: r}
		}
		list, err := enforce.Overdue(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
		if err != nil || len(list) != x.want {
			t.Fatalf("%s: %v, %v", x.name, list, err)
		}
		for _, v := range list {
			if v.Kind != enforce.Fail || !v.AtRisk || *v.Origin.In != in || v.Amount != x.amt {
				t.Errorf("%s: %+v", x.name, v)
			}
		}
		// Before it has expired itself it is the peer's to settle.
		f.Height = cltv - 1
		p.incoming[in] = cltv
		if list, err := enforce.Overdue(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy()); err != nil || len(list) != 0 {
			t.Errorf("%s: failed before its expiry: %v, %v", x.name, list, err)
		}
	}
}

func TestAPreimageOnlyClaimsTheHTLCForWhichItWasDecided(t *testing.T) {
	p := open(t, usual())
	p.offer(p.b, 20_000_000, cltv)
	hash := p.last.PaymentHash
	twin := p.last
	twin.Origin.Attempt = 99
	if _, err := p.b.ch.Offer(twin); err != nil { // the same hash, amount and expiry
		t.Fatal(err)
	}
	p.settle()
	p.offer(p.b, 40_000_000, cltv)
	late := p.last.PaymentHash
	p.take(p.b) // signed, not irrevocable
	for len(p.b.out) > 0 {
		p.deliver(p.a)
	}
	p.take(p.a)
	c := confirmed(t, p, latest(p.a), 450)
	claims := func(f enforce.Facts) (ids []uint64) {
		plan, err := enforce.Resolve(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range plan.Claims {
			if x.Kind == enforce.SuccessTx {
				ids = append(ids, x.HTLC.ID)
			}
		}
		return ids
	}
	f := p.facts(p.a, c)
	f.Learnt = map[wire.PaymentHash]wire.Preimage{hash: p.preimages[hash], late: p.preimages[late]}
	if got := claims(f); got != nil {
		t.Errorf("claims %v by what was learnt elsewhere", got)
	}
	f.Decided = map[uint64]wire.Preimage{0: {1, 2, 3}}
	if got := claims(f); got != nil {
		t.Errorf("claims %v by a wrong preimage", got)
	}
	f.Decided = map[uint64]wire.Preimage{1: p.preimages[hash]}
	if got := claims(f); len(got) != 1 || got[0] != 1 {
		t.Errorf("claims %v, decided was 1", got)
	}
	// BOLT 5: one that is not irrevocable must not be claimed.
	f.Decided = map[uint64]wire.Preimage{2: p.preimages[late]}
	if got := claims(f); got != nil {
		t.Errorf("claims %v, which are not irrevocable", got)
	}
	p.a.ch.ForceClose("a test")
	p.fulfill(p.a, 0)
	p.take(p.a)
	f.Decided = nil
	if got := claims(f); len(got) != 1 || got[0] != 0 {
		t.Errorf("claims %v by the preimage in the rows", got)
	}
}

// An HTLC that is worth less than the cheapest claim is claimed by nobody: its
// payment ends all the same, and its channel is forgotten in time.
func TestAnHTLCThatIsNotWorthItsClaimIsFailedAfterItsExpiry(t *testing.T) {
	for _, ours := range []bool{true, false} {
		p := open(t, usual())
		p.offer(p.a, 1_200_000, cltv)
		p.settle()
		h := latest(p.b)
		if ours {
			h = latest(p.a)
		}
		c := confirmed(t, p, h, 450)
		small := p.resolve(p.a, c)
		for i := range small.Outputs {
			if o := &small.Outputs[i]; o.HTLC != nil && o.Worthless {
				t.Errorf("%d satoshi are worthless", o.Value)
			}
		}
	}
	for _, ours := range []bool{true, false} {
		o := usual()
		o.dustB = 354
		p := open(t, o)
		p.offer(p.a, 400_000, cltv)
		p.settle()
		h := latest(p.b)
		if ours {
			h = latest(p.a)
		}
		c := confirmed(t, p, h, 450)
		for _, x := range []struct {
			height uint32
			want   enforce.VerdictKind
			risk   bool
		}{{cltv + 4, enforce.Wait, false}, {cltv + 5, enforce.Fail, true}, {cltv + 98, enforce.Fail, true}, {cltv + 99, enforce.Fail, false}} {
			c.height = x.height
			plan := p.resolve(p.a, c)
			if v := plan.Upstream[0]; v.Kind != x.want || v.AtRisk != x.risk {
				t.Errorf("ours %v, at %d: %s, at risk %v: %s", ours, x.height, v.Kind, v.AtRisk, v.Why)
			}
			if plan.Done {
				t.Error("our balance is forgotten")
			}
		}
	}
}
