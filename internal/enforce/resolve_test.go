//go:build !race

package enforce_test

import (
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
)

const cltv = 500

// has tells whether a plan claims an output in some way.
func has(plan enforce.Plan, kind enforce.ClaimKind) bool {
	for _, c := range plan.Claims {
		if c.Kind == kind {
			return true
		}
	}
	return false
}

// confirmed puts a commitment into the block of a height and gives the chain.
func confirmed(t *testing.T, p *pair, h held, height uint32) *chain {
	t.Helper()
	c := newChain(t, p, height-1)
	c.confirm(h.tx)
	c.height = height
	return c
}

func latest(n *node) held { return n.held[len(n.held)-1] }

// ends are the situations in which a finds one HTLC in a commitment.
var ends = []struct {
	name string
	kind enforce.Kind
	// make brings the channel on from one irrevocable HTLC, and gives what is
	// broadcast.
	make func(p *pair) held
}{
	{"ours", enforce.Ours, func(p *pair) held { return latest(p.a) }},
	{"theirs", enforce.Theirs, func(p *pair) held { return latest(p.b) }},
	{"theirs, the next one", enforce.Theirs, func(p *pair) held {
		p.offer(p.a, 7_000_000, 600)
		p.take(p.a)
		for len(p.a.out) > 0 {
			p.deliver(p.b)
		}
		p.take(p.b) // revokes, which a never sees
		return latest(p.b)
	}},
	{"theirs, the one before the next", enforce.Theirs, func(p *pair) held {
		before := latest(p.b)
		p.offer(p.a, 7_000_000, 600)
		p.take(p.a)
		return before
	}},
	{"revoked", enforce.TheirsRevoked, func(p *pair) held {
		before := latest(p.b)
		p.offer(p.a, 7_000_000, 600)
		p.settle()
		return before
	}},
	{"revoked long ago, the HTLC done", enforce.TheirsRevoked, func(p *pair) held {
		before := latest(p.b)
		for _, n := range []*node{p.a, p.b} {
			for _, in := range n.ch.Unsettled() {
				n.ch.Fail(in.Ref.ID, nil)
			}
		}
		p.settle()
		for range 3 {
			p.offer(p.a, 7_000_000, 600)
			p.settle()
		}
		return before
	}},
}

func TestEachHTLCOfEachCommitmentIsClaimed(t *testing.T) {
	for _, end := range ends {
		for _, incoming := range []bool{false, true} {
			for _, preimage := range []bool{false, true} {
				for _, amt := range []amount.MilliSatoshi{20_000_000, 499_999, 354_000, 353_999} {
					name := fmt.Sprintf("%s/incoming=%v/preimage=%v/%s", end.name, incoming, preimage, amt)
					t.Run(name, func(t *testing.T) {
						p := open(t, usual())
						from := p.a
						if incoming {
							from = p.b
						}
						id := p.offer(from, amt, cltv)
						hash := p.last.PaymentHash
						p.settle()
						c := confirmed(t, p, end.make(p), 450)
						f := p.facts(p.a, c)
						if preimage && incoming {
							f.Decided = map[uint64]wire.Preimage{id: p.preimages[hash]}
						} else if preimage {
							f.Learnt = map[wire.PaymentHash]wire.Preimage{hash: p.preimages[hash]}
						}
						plan, err := enforce.Resolve(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
						if err != nil {
							t.Fatal(err)
						}
						if plan.Kind != end.kind {
							t.Fatalf("it is %s", plan.Kind)
						}
						// The broadcaster's dust limit decides.
						dust := amt.Sat() < 500
						if end.kind == enforce.Ours {
							dust = amt.Sat() < 354
						}
						checkHTLC(t, p, c, plan, incoming, preimage, dust, amt.Sat())
						checkVerdict(t, plan, id, incoming, preimage, p.a.disk.htlcs[enforce.HTLC{ID: id}].Done)
					})
				}
			}
		}
	}
}

// checkHTLC takes the claim of the one HTLC of 2 amt and its second stage.
func checkHTLC(t *testing.T, p *pair, c *chain, plan enforce.Plan, incoming, preimage, dust bool, amt amount.Satoshi) {
	t.Helper()
	var found []enforce.Claim
	for _, x := range plan.Claims {
		if x.HTLC != nil && x.Value == amt {
			found = append(found, x)
		}
	}
	if dust || incoming && !preimage && plan.Kind != enforce.TheirsRevoked {
		if len(found) != 0 {
			t.Fatalf("claims %+v", found)
		}
		return
	}
	if len(found) != 1 {
		t.Fatalf("%d claims: %v", len(found), kinds(plan))
	}
	claim := found[0]
	want, from := enforce.RevokedHTLC, c.height
	switch {
	case plan.Kind == enforce.Ours && incoming:
		want, from = enforce.SuccessTx, c.height+1
	case plan.Kind == enforce.Ours:
		want, from = enforce.TimeoutTx, cltv+1
	case plan.Kind == enforce.Theirs && incoming:
		want, from = enforce.Success, c.height+1
	case plan.Kind == enforce.Theirs:
		want, from = enforce.Timeout, cltv+1
	}
	if claim.Kind != want || claim.NotBefore != from {
		t.Fatalf("%s not before %d instead of %s not before %d", claim.Kind, claim.NotBefore, want, from)
	}
	tx := sweep(t, p.a.signer, claim)
	if from > c.height+1 {
		c.height = from - 2
		if err := c.valid(tx); err == nil {
			t.Fatalf("%s is valid before its time", claim.Kind)
		}
		c.height = from - 1
	}
	c.confirm(tx)
	c.height++
	plan = p.resolve(p.a, c)
	if plan.Kind != enforce.Ours {
		for _, x := range plan.Claims {
			if x.OutPoint == claim.OutPoint {
				t.Fatal("a claim is repeated after it was confirmed")
			}
		}
		return
	}
	claim = one(t, plan, enforce.DelayedHTLC)
	if claim.NotBefore != c.height+delayB || claim.Value != amt || claim.Apart || claim.Deadline != 0 {
		t.Fatalf("second stage %+v", claim)
	}
	tx = sweep(t, p.a.signer, claim)
	c.height = claim.NotBefore - 2
	if err := c.valid(tx); err == nil {
		t.Fatal("the second stage is valid before its time")
	}
	c.height++
	c.confirm(tx)
}

func checkVerdict(t *testing.T, plan enforce.Plan, id uint64, incoming, preimage, done bool) {
	t.Helper()
	for _, v := range plan.Upstream {
		switch {
		case v.HTLC.ID != id || incoming:
			if v.Kind != enforce.Wait {
				t.Fatalf("HTLC %d: %s", v.HTLC.ID, v.Kind)
			}
		case preimage && v.Kind != enforce.Fulfil || !preimage && v.Kind != enforce.Wait:
			t.Fatalf("%s: %s", v.Kind, v.Why)
		default:
			return
		}
	}
	if !incoming && !done {
		t.Fatal("there is no verdict")
	}
}

func TestOurBalanceIsClaimedOnEachCommitment(t *testing.T) {
	for _, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			p := open(t, usual())
			p.offer(p.a, 20_000_000, cltv)
			p.settle()
			h := end.make(p)
			c := confirmed(t, p, h, 450)
			plan := p.resolve(p.a, c)
			switch plan.Kind {
			case enforce.Ours:
				claim := one(t, plan, enforce.Delayed)
				if claim.NotBefore != 450+delayB || claim.Deadline != 0 || claim.Apart || claim.Value != h.ToLocal.Value {
					t.Fatalf("%+v", claim)
				}
				tx := sweep(t, p.a.signer, claim)
				c.height = 450 + delayB - 2
				if c.valid(tx) == nil {
					t.Fatal("to_local is valid before its delay")
				}
				c.height++
				c.confirm(tx)
			case enforce.TheirsRevoked:
				claim := one(t, plan, enforce.RevokedToLocal)
				if claim.NotBefore != 450 || claim.Deadline != 450+delayA-1 || claim.Value != h.ToLocal.Value {
					t.Fatalf("%+v", claim)
				}
				if plan.Warning == "" {
					t.Error("nobody is told of the cheat")
				}
				c.confirm(sweep(t, p.a.signer, claim))
				fallthrough
			default:
				claim := one(t, plan, enforce.ToUs)
				if claim.NotBefore != 451 || claim.Deadline != 0 || claim.Apart || claim.Value != h.ToRemote.Value {
					t.Fatalf("%+v", claim)
				}
				c.confirm(sweep(t, p.a.signer, claim))
			}
			anchor := one(t, plan, enforce.Anchor)
			c.confirm(sweep(t, p.a.signer, anchor))
		})
	}
}

// cheated has three HTLCs each way in b's commitment that is revoked.
func cheated(t *testing.T) (*pair, held) {
	p := open(t, usual())
	for i := range 3 {
		p.offer(p.a, 20_000_000+amount.MilliSatoshi(i)*1000, cltv)
		p.offer(p.b, 30_000_000+amount.MilliSatoshi(i)*1000, cltv)
	}
	p.settle()
	cheat := latest(p.b)
	for _, in := range p.b.ch.Unsettled() {
		p.b.ch.Fail(in.Ref.ID, nil)
	}
	p.settle()
	return p, cheat
}

// thief is the plan of b with its rows of the day of the cheat.
func thief(t *testing.T, p *pair, cheat held, c *chain) enforce.Plan {
	t.Helper()
	f := enforce.Facts{Height: c.height, Spends: c.spends, Decided: map[uint64]wire.Preimage{}}
	for _, h := range cheat.rows.HTLCs {
		if h.Incoming {
			f.Decided[h.ID] = p.preimages[h.PaymentHash]
		}
	}
	plan, err := enforce.Resolve(cheat.rows, p.b.signer, f, enforce.DefaultPolicy())
	if err != nil || plan.Kind != enforce.Ours {
		t.Fatalf("%s, %v", plan.Kind, err)
	}
	return plan
}

func TestACheatsSecondStageIsTakenToo(t *testing.T) {
	for _, batched := range []bool{false, true} {
		p, cheat := cheated(t)
		c := confirmed(t, p, cheat, cltv+1) // so that its timeouts are valid
		plan := thief(t, p, cheat, c)
		for _, kind := range []enforce.ClaimKind{enforce.SuccessTx, enforce.TimeoutTx} {
			var batch []enforce.Claim
			for _, claim := range plan.Claims {
				if claim.Kind == kind {
					claim.Apart = false // a thief batches as it likes
					batch = append(batch, claim)
				}
			}
			if len(batch) != 3 {
				t.Fatalf("%d claims", len(batch))
			}
			if batched {
				c.confirm(sweep(t, p.b.thief, batch...))
				continue
			}
			for _, claim := range batch {
				c.confirm(sweep(t, p.b.thief, claim))
			}
		}
		c.height++
		plan = p.resolve(p.a, c)
		var second []enforce.Claim
		named := map[enforce.HTLC]bool{}
		var sum amount.Satoshi
		for _, claim := range plan.Claims {
			switch claim.Kind {
			case enforce.RevokedHTLC:
				t.Fatal("an HTLC is claimed that the cheat has moved")
			case enforce.RevokedSecondStage:
				if claim.NotBefore != c.height || claim.Deadline != c.height+delayA-1 {
					t.Fatalf("second stage %+v", claim)
				}
				if h := p.a.disk.htlcs[*claim.HTLC]; h.Amount.Sat() != claim.Value {
					t.Errorf("%d sat are said to be of HTLC %v", claim.Value, *claim.HTLC)
				}
				named[*claim.HTLC] = true
				second = append(second, claim)
				sum += claim.Value
			}
		}
		if len(second) != 6 || len(named) != 6 || sum != 3*20_000+3*30_000+6 {
			t.Fatalf("%d claims, worth %d", len(second), sum)
		}
		for _, o := range plan.Outputs {
			if o.State == enforce.Lost {
				t.Fatalf("an output counts as lost: %+v", o)
			}
		}
		for i := range second {
			c.confirm(sweep(t, p.a.signer, second[i]))
		}
		c.height += 100
		if plan = p.resolve(p.a, c); has(plan, enforce.RevokedSecondStage) || plan.Done {
			t.Fatalf("done: %v, %v", plan.Done, kinds(plan)) // to_local and to_remote are left
		}
	}
}

func TestTheCheatsOutputsAreBatchedUntilTheyCouldBePinned(t *testing.T) {
	p, cheat := cheated(t)
	// At first only what the cheat can spend at once stands apart: the HTLCs whose
	// preimage it may know. Its delay is short here, so to_local is always urgent.
	p.a.disk.rows.Params.LocalLimits.ToSelfDelay = delayA
	c := confirmed(t, p, cheat, cltv-30)
	policy := enforce.DefaultPolicy()
	apart := func() (list []bool) {
		var in, out, local bool
		plan, err := enforce.Resolve(p.a.disk.load(), p.a.signer, p.facts(p.a, c), policy)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range plan.Claims {
			switch {
			case x.Kind == enforce.RevokedToLocal:
				local = x.Apart
			case x.Kind == enforce.RevokedHTLC && x.HTLC.Incoming:
				in = x.Apart
			case x.Kind == enforce.RevokedHTLC:
				out = x.Apart
			}
		}
		return []bool{local, in, out}
	}
	for height, want := range map[uint32][]bool{
		cltv - 30: {true, false, true}, cltv - 19: {true, false, true}, cltv - 18: {true, true, true}, cltv + 5: {true, true, true},
	} {
		c.height = height
		if got := apart(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("height %d: to_local, incoming, outgoing stand apart: %v, want %v", height, got, want)
		}
	}
	// Where its delay is long beside what is safe, the HTLCs whose preimage it may know
	// stand apart all the same.
	c.height, policy.Security = cltv-30, 5
	if got := apart(); fmt.Sprint(got) != "[false false true]" {
		t.Errorf("with time: to_local, incoming, outgoing stand apart: %v", got)
	}
	// All of it in one transaction.
	var all []enforce.Claim
	for _, x := range p.resolve(p.a, c).Claims {
		x.Apart = false
		all = append(all, x)
	}
	c.confirm(sweep(t, p.a.signer, all...))
}

func TestAFailedChannelIsPublishedAndItsAnchorPays(t *testing.T) {
	p := open(t, usual())
	in := channel.Ref{Channel: wire.ChannelID{7}, ID: 3}
	add := p.add(20_000_000, cltv)
	add.Origin = channel.Origin{In: &in}
	if _, err := p.a.ch.Offer(add); err != nil {
		t.Fatal(err)
	}
	p.settle()
	c := newChain(t, p, 449)
	if plan := p.resolve(p.a, c); plan.Publish || plan.Claims != nil || plan.Upstream != nil {
		t.Fatalf("an open channel: %+v", plan)
	}
	p.a.ch.ForceClose("a test")
	p.take(p.a)
	plan := p.resolve(p.a, c)
	ours, theirs := latest(p.a), latest(p.b)
	if !plan.Publish || len(plan.Claims) != 2 || plan.Claims[0].OutPoint.Hash != ours.tx.TxHash() || plan.Claims[1].OutPoint.Hash != theirs.tx.TxHash() {
		t.Fatalf("publish %v, %+v", plan.Publish, plan.Claims)
	}
	for i, h := range []held{ours, theirs} {
		claim := plan.Claims[i]
		if !claim.Unconfirmed || !claim.Apart || claim.Kind != enforce.Anchor || claim.Deadline != 0 {
			t.Errorf("%+v", claim)
		}
		c := newChain(t, p, 449)
		c.confirm(h.tx)
		c.confirm(sweep(t, p.a.signer, claim)) // in the same block
	}
	p.incoming[in] = 580
	if d := p.resolve(p.a, c).Claims[0].Deadline; d != 580-18-9 {
		t.Errorf("the commitment may wait until %d", d)
	}
	p.incoming[in] = 520 // too near: as soon as it expires
	if d := p.resolve(p.a, c).Claims[0].Deadline; d != cltv {
		t.Errorf("the commitment may wait until %d", d)
	}
}

func TestNothingIsPublishedWhileTheFundingOutputIsInNoBlock(t *testing.T) {
	p := open(t, usual())
	p.a.ch.ForceClose("a test")
	p.take(p.a)
	f := p.facts(p.a, newChain(t, p, 449))
	want, err := enforce.Resolve(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
	if err != nil || !want.Publish {
		t.Fatalf("publish %v: %v", want.Publish, err)
	}
	f.Unfunded = true
	plan, err := enforce.Resolve(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
	if err != nil || plan.Publish {
		t.Fatalf("publish %v: %v", plan.Publish, err)
	}
	// What was made before a reorganization is not in vain.
	if len(plan.Claims) != 2 || plan.Claims[0].OutPoint != want.Claims[0].OutPoint {
		t.Errorf("%+v", plan.Claims)
	}
}

func TestACommitmentIsUrgentForAnHTLCOfWhichWeHaveThePreimage(t *testing.T) {
	p := open(t, usual())
	id := p.offer(p.b, 20_000_000, cltv)
	p.settle()
	p.a.ch.ForceClose("a test")
	p.take(p.a)
	c := newChain(t, p, 449)
	for _, claim := range p.resolve(p.a, c).Claims {
		if claim.Deadline != 0 {
			t.Errorf("%s may wait until %d though there is no preimage", claim.Kind, claim.Deadline)
		}
	}
	p.fulfill(p.a, id)
	p.take(p.a)
	for _, claim := range p.resolve(p.a, c).Claims {
		if claim.Deadline != cltv-9 {
			t.Errorf("%s may wait until %d", claim.Kind, claim.Deadline)
		}
	}
}

func TestALostChannelNeverPublishes(t *testing.T) {
	p := open(t, usual())
	rows := p.a.disk.load()
	rows.Status.Status = channel.Lost
	plan, err := enforce.Resolve(rows, p.a.signer, enforce.Facts{Height: 450}, enforce.DefaultPolicy())
	if err != nil || plan.Publish || len(plan.Claims) != 1 || plan.Claims[0].OutPoint.Hash != latest(p.b).tx.TxHash() {
		t.Fatalf("%+v, %v", plan, err)
	}
}

func TestAChannelIsDoneWhenNothingCanBeUndone(t *testing.T) {
	p := open(t, usual())
	p.offer(p.a, 20_000_000, cltv)
	p.offer(p.b, 30_000_000, cltv+50) // nobody knows its preimage
	p.settle()
	c := confirmed(t, p, latest(p.a), cltv)
	take := func(kind enforce.ClaimKind) {
		claim := one(t, p.resolve(p.a, c), kind)
		c.height = max(c.height, claim.NotBefore-1)
		c.confirm(sweep(t, p.a.signer, claim))
		c.height++
	}
	take(enforce.TimeoutTx)
	take(enforce.Delayed)
	take(enforce.DelayedHTLC)
	last := c.height
	for _, x := range []struct {
		height uint32
		want   bool
	}{{last + 98, false}, {last + 99, false}, {cltv + 50 + 98, false}, {cltv + 50 + 99, true}} {
		c.height = x.height
		if got := p.resolve(p.a, c).Done; got != x.want {
			t.Errorf("height %d: done %v", x.height, got)
		}
	}
	if last+99 >= cltv+50+99 {
		t.Fatal("the order of events is not the one meant")
	}
}

func TestAChannelIsDoneWhenItsLastClaimIsBuried(t *testing.T) {
	p := open(t, usual())
	p.offer(p.a, 20_000_000, cltv)
	p.settle()
	c := confirmed(t, p, latest(p.b), 300)
	c.height = cltv
	plan := p.resolve(p.a, c)
	c.confirm(sweep(t, p.a.signer, one(t, plan, enforce.Timeout)))
	c.height = cltv + 50
	c.confirm(sweep(t, p.a.signer, one(t, plan, enforce.ToUs)))
	for height, want := range map[uint32]bool{cltv + 150 - 1: false, cltv + 150: true} {
		c.height = height
		if got := p.resolve(p.a, c).Done; got != want {
			t.Errorf("height %d: done %v", height, got)
		}
	}
}

func TestAClaimStandsApartOnceThePeerMayClaimToo(t *testing.T) {
	in := channel.Ref{Channel: wire.ChannelID{7}, ID: 3}
	for _, ours := range []bool{true, false} {
		p := open(t, usual())
		add := p.add(20_000_000, cltv)
		add.Origin = channel.Origin{In: &in}
		if _, err := p.a.ch.Offer(add); err != nil {
			t.Fatal(err)
		}
		id := p.offer(p.b, 30_000_000, cltv)
		p.settle()
		p.incoming[in] = 580
		p.a.ch.ForceClose("a test")
		p.fulfill(p.a, id)
		p.take(p.a)
		h, success, timeout := latest(p.b), enforce.Success, enforce.Timeout
		if ours {
			h, success, timeout = latest(p.a), enforce.SuccessTx, enforce.TimeoutTx
		}
		c := confirmed(t, p, h, 450)
		for height, apart := range map[uint32]bool{450: false, cltv - 19: false, cltv - 18: true, cltv + 9: true} {
			c.height = height
			plan := p.resolve(p.a, c)
			if claim := one(t, plan, success); claim.Apart != apart || claim.Deadline != cltv {
				t.Errorf("%s at %d: apart %v, deadline %d", success, height, claim.Apart, claim.Deadline)
			}
			// The peer can show its preimage at any time.
			if claim := one(t, plan, timeout); !claim.Apart || claim.Deadline != 580-18 {
				t.Errorf("%s at %d: apart %v, deadline %d", timeout, height, claim.Apart, claim.Deadline)
			}
		}
		c.height = 450
		c.confirm(sweep(t, p.a.signer, one(t, p.resolve(p.a, c), success)))
		c.height++
		if plan := p.resolve(p.a, c); len(plan.Preimages) != 0 {
			t.Errorf("our own preimage is said to be learnt: %v", plan.Preimages)
		}
	}
}
