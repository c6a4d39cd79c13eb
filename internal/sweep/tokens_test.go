package sweep_test

import (
	"fmt"
	"slices"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// busy is a channel with a past and with HTLCs in both directions: of 650 tokens of
// alice's and 350 of bob's, 100 are on their way to bob, who has the preimage, 10 to alice,
// who has it too, and 20 and 5 whose preimages nobody knows.
func busy(t *testing.T) *pact {
	t.Helper()
	p := agree(t, 700, 300)
	p.settle(p.offer(p.alice, 50, 40), true)
	toBob, toAlice := p.offer(p.alice, 100, 40), p.offer(p.bob, 10, 35)
	p.offer(p.alice, 20, 30)
	p.offer(p.bob, 5, 30)
	p.bob.decided[toBob.id], p.alice.decided[toAlice.id] = toBob.preimage, toAlice.preimage
	return p
}

func TestForceCloseByEitherSideGivesEachItsTokens(t *testing.T) {
	for i, name := range []string{"alice", "bob"} {
		if i < race.Step(2)-1 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := busy(t)
			p.fail(p.sides()[i])
			p.finish()
			p.ends(650-100+10, 350+100-10)
		})
	}
}

// A preimage that was shown on the chain is passed on, and an HTLC that is claimed back
// fails upstream: not before its tokens are back.
func TestForceCloseEndsEachHTLCForItsOrigin(t *testing.T) {
	race.Like(t, TestForceCloseByEitherSideGivesEachItsTokens)
	p := busy(t)
	p.fail(p.bob)
	p.finish()
	var kinds []enforce.VerdictKind
	for _, v := range p.alice.plan.Upstream {
		kinds = append(kinds, v.Kind)
	}
	if want := []enforce.VerdictKind{enforce.Fulfil, enforce.Fail}; !slices.Equal(kinds, want) {
		t.Errorf("alice's HTLCs end with %v, want %v", kinds, want)
	}
}

// Whatever state a cheat goes back to, the other one has all of the channel's tokens in
// the end: at once, or after the cheat has taken its HTLCs to their second stages.
func TestARevokedStateOfAnyAgeCostsTheCheatAll(t *testing.T) {
	race.Like(t, TestForceCloseByEitherSideGivesEachItsTokens)
	for number := uint64(0); number < 5; number++ {
		for _, late := range []int{0, 4} {
			t.Run(fmt.Sprintf("commitment %d, %d blocks late", number, late), func(t *testing.T) {
				p := busy(t)
				p.advance(func() {})
				p.cheat(p.bob, number)
				p.alice.asleep = true
				p.turns(late)
				p.alice.asleep = false
				p.finish()
				p.ends(p.units, 0)
			})
		}
	}
}

// A side that has forgotten the last states takes what is its own of a commitment that it
// does not know: how many tokens that is the commitment says.
func TestASideThatLostItsStateGetsItsBalance(t *testing.T) {
	race.Like(t, TestForceCloseByEitherSideGivesEachItsTokens)
	p := agree(t, 700, 300)
	old := p.alice.copy()
	p.settle(p.offer(p.alice, 50, 40), true)
	p.offer(p.alice, 100, 30)
	p.alice.rows = old
	p.alice.rows.Status.Status = channel.Lost
	p.fail(p.bob)
	p.finish()
	if p.alice.plan.Kind != enforce.TheirsFuture {
		t.Errorf("alice takes it for %s", p.alice.plan.Kind)
	}
	p.ends(550, 350)
}

func TestCooperativeCloseLeavesEachSideItsTokens(t *testing.T) {
	race.Like(t, TestForceCloseByEitherSideGivesEachItsTokens)
	p := agree(t, 700, 300)
	p.settle(p.offer(p.alice, 50, 40), true)
	p.close()
	p.finish()
	for _, s := range p.sides() {
		if s.plan.Kind != enforce.Mutual {
			t.Errorf("%s takes it for %s", s.name, s.plan.Kind)
		}
	}
	p.ends(650, 350)
}

// close has the closing transaction confirmed of a channel with 650 and 350 tokens.
func (p *pact) close() {
	p.Helper()
	a, b := p.alice.address(wallet.Token), p.bob.address(wallet.Token)
	params := p.alice.rows.Params
	tx, err := script.TokenClosing(&script.Params{
		Funding: params.Funding, Property: token, Tokens: p.units,
		Broadcaster: params.LocalKeys, Countersignatory: params.RemoteKeys,
	}, btcwire.MaxTxInSequenceNum, 0,
		script.Share{Out: btcwire.NewTxOut(140_000, a), Tokens: 650}, script.Share{Out: btcwire.NewTxOut(50_000, b), Tokens: 350})
	if err != nil {
		p.Fatal(err)
	}
	for i, s := range p.sides() {
		mine, theirs := a, b
		if i == 1 {
			mine, theirs = b, a
		}
		s.rows.Status.LocalShutdown, s.rows.Status.RemoteShutdown = mine, theirs
	}
	p.send(p.signClosing(tx))
}

// A reorganization takes back the funding transaction and all that came after it. What
// comes again, comes to the same end.
func TestAReorganizationAcrossTheFundingChangesNothing(t *testing.T) {
	race.Like(t, TestForceCloseByEitherSideGivesEachItsTokens)
	p := busy(t)
	p.fail(p.alice)
	p.turns(3)
	tip := p.alice.height
	p.reorg(tip - p.funded + 1)
	made := p.made
	p.made = 0 // the grant is gone too
	p.has("the funding address", p.fundingScript(), 0)
	p.made = made
	p.finish()
	p.ends(650-100+10, 350+100-10)
}

// Strangers send dust and tokens to every address of a commitment, before it is confirmed
// and after. Nothing that is the channel's is moved or held up by it; what they sent stays
// where they sent it.
func TestAStrangersDustAndTokensChangeNothing(t *testing.T) {
	race.Like(t, TestForceCloseByEitherSideGivesEachItsTokens)
	for _, revoked := range []bool{false, true} {
		t.Run(fmt.Sprintf("revoked %v", revoked), func(t *testing.T) {
			p := busy(t)
			number := p.number
			if revoked {
				p.advance(func() {})
			}
			tx := p.bob.held[number].tx
			gifts := amount.Units(0)
			gift := func() {
				for _, out := range tx.TxOut[1:] {
					p.pay(out.PkScript, 1_000)
					gifts += p.gift(out.PkScript)
				}
				p.turn()
			}
			gift()
			if revoked {
				p.cheat(p.bob, number)
			} else {
				p.fail(p.bob)
			}
			gift()
			if revoked {
				p.bob.asleep = true
			}
			p.finish()
			alice, bob := amount.Units(650-100+10), amount.Units(350+100-10)
			if revoked {
				alice, bob = p.units, 0
			}
			p.ends(alice, bob)
			if left := p.made - alice - bob; left < gifts {
				t.Errorf("%d tokens of strangers were taken", gifts-left)
			}
		})
	}
}

// Bob claims an HTLC of alice's commitment by the preimage, but from a coin that somebody
// else had at the HTLC's address: the channel's own output stays unspent. Alice learns the
// preimage all the same, and does not lose what is hers by taking the output back.
func TestAnHTLCClaimedFromDustShowsItsPreimage(t *testing.T) {
	race.Like(t, TestForceCloseByEitherSideGivesEachItsTokens)
	p := agree(t, 700, 300)
	h := p.offer(p.alice, 100, 20)
	p.bob.asleep = true
	c, _, _, err := p.alice.machine().OurCommitment(p.alice.keys)
	if err != nil {
		t.Fatal(err)
	}
	at := c.HTLCs[0]
	dust := p.pay(locked(at.WitnessScript), 2_000)
	p.turn()
	p.fail(p.alice)
	p.turn()
	_, thief := key("bob's own")
	claim := draft(dust, btcwire.MaxTxInSequenceNum-2, must(omni.SimpleSend(token, 100)), home(thief))
	sig, err := p.bob.keys.SignClaim(&enforce.Claim{
		OutPoint: dust.at, Value: dust.value, WitnessScript: at.WitnessScript,
		Key: enforce.Key{Role: enforce.TheirHTLCKey, Point: c.Keys.PerCommitment},
	}, claim, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.send(open(claim, 0, at.WitnessScript, der(sig), h.preimage[:]))
	p.turns(30)
	v := p.alice.plan.Upstream
	if len(v) != 1 || v[0].Kind != enforce.Fulfil || v[0].Preimage == nil || *v[0].Preimage != h.preimage {
		t.Fatalf("alice decides %+v", v)
	}
	// Her timeout is confirmed and has moved nothing. What would delay it would move tokens
	// of to_local, which has the same address.
	timedOut := false
	for _, o := range p.alice.plan.Outputs {
		timedOut = timedOut || o.HTLC != nil && o.OutPoint.Hash != p.alice.plan.TxID
	}
	if !timedOut || slices.ContainsFunc(p.alice.plan.Claims, func(c enforce.Claim) bool { return c.Kind == enforce.DelayedHTLC }) {
		t.Errorf("timed out %v, alice claims %+v", timedOut, p.alice.plan.Claims)
	}
	p.finish()
	p.has("bob", home(thief), 100)
	p.ends(600, 0)
}

// The issuer freezes an address of the channel. What is there waits, and nothing is decided
// meanwhile; when it is freed again it comes home.
func TestTokensOfAFrozenAddressWait(t *testing.T) {
	race.Like(t, TestForceCloseByEitherSideGivesEachItsTokens)
	for what, address := range map[string]func(p *pact) []byte{
		"to_remote": func(p *pact) []byte { return home(p.alice.rows.Params.LocalKeys.Payment) },
	} {
		t.Run(what, func(t *testing.T) {
			p := agree(t, 700, 300)
			p.settle(p.offer(p.alice, 50, 40), true)
			p.freeze(address(p), true)
			p.fail(p.bob)
			p.turns(20)
			p.pass(100)
			p.turns(2)
			p.ends(0, 350)
			if p.alice.plan.Done || !p.bob.plan.Done {
				t.Errorf("alice is done: %v, bob: %v", p.alice.plan.Done, p.bob.plan.Done)
			}
			p.freeze(address(p), false)
			p.finish()
			p.ends(650, 350)
		})
	}
}

// When the funding address is frozen the commitment moves no tokens: they stay where only
// both sides together can move them, the channel is not done, and its owner is told.
func TestTokensOfAFrozenFundingAddressStayThere(t *testing.T) {
	race.Like(t, TestForceCloseByEitherSideGivesEachItsTokens)
	t.Run("force close", func(t *testing.T) {
		p := busy(t)
		p.freeze(p.fundingScript(), true)
		p.fail(p.alice)
		p.stays(t)
	})
	t.Run("cooperative close", func(t *testing.T) {
		p := agree(t, 650, 350)
		p.freeze(p.fundingScript(), true)
		p.close()
		p.stays(t)
	})
}

func (p *pact) stays(t *testing.T) {
	t.Helper()
	for range 4 {
		p.pass(p.idle())
	}
	p.pass(100)
	p.turns(2)
	p.has("the funding address", p.fundingScript(), p.units)
	p.ends(0, 0)
	for _, s := range p.sides() {
		if s.plan.Done || s.plan.Warning == "" {
			t.Errorf("%s: done %v, %q", s.name, s.plan.Done, s.plan.Warning)
		}
		for _, v := range s.plan.Upstream {
			if v.Kind == enforce.Fail {
				t.Errorf("%s fails HTLC %d while its tokens have not moved", s.name, v.HTLC.ID)
			}
		}
	}
}

// An HTLC's address is frozen when it times out: its sender has the bitcoin and not the
// tokens, so it is not failed upstream.
func TestAnHTLCIsNotFailedWhileItsTokensAreFrozen(t *testing.T) {
	race.Like(t, TestForceCloseByEitherSideGivesEachItsTokens)
	p := agree(t, 700, 300)
	p.offer(p.alice, 100, 20)
	c, _, _, err := p.alice.machine().OurCommitment(p.alice.keys)
	if err != nil {
		t.Fatal(err)
	}
	address := locked(c.HTLCs[0].WitnessScript)
	p.fail(p.alice)
	p.turn()
	p.freeze(address, true)
	p.turns(35)
	p.pass(100)
	p.turns(2)
	p.has("the HTLC's address", address, 100)
	if v := p.alice.plan.Upstream; len(v) != 1 || v[0].Kind != enforce.Wait {
		t.Errorf("alice decides %+v", v)
	}
	p.ends(600, 300) // the rest came home
}

// Who has one unit of a property, or issues it, can have the ledger halt it: what becomes of
// the tokens then is not known here, and for others they may move as ever. So nothing is
// given up, and no output that has some is spent without them.
func TestTokensOfAHaltedPropertyAreNotGivenUp(t *testing.T) {
	race.Like(t, TestForceCloseByEitherSideGivesEachItsTokens)
	for _, early := range []bool{true, false} {
		t.Run(fmt.Sprintf("before the commitment %v", early), func(t *testing.T) {
			p := busy(t)
			if early {
				p.halt()
			}
			p.fail(p.alice)
			p.turn()
			if !early {
				p.halt()
			}
			for until := p.alice.height + 200; p.alice.height < until; {
				p.pass(p.idle())
			}
			p.turns(2)
			for _, s := range p.sides() {
				if s.plan.Done {
					t.Errorf("%s is done", s.name)
				}
				for _, v := range s.plan.Upstream {
					if v.Kind == enforce.Fail {
						t.Errorf("%s fails HTLC %d and does not know what became of it", s.name, v.HTLC.ID)
					}
				}
			}
			books := walk(t, p.chain)
			waits, all := amount.Units(0), amount.Units(0)
			for _, o := range p.alice.plan.Outputs {
				if o.Tokens > 0 && o.State == enforce.Lost {
					t.Errorf("alice gives up %d tokens of %v", o.Tokens, o.OutPoint)
				}
				if out := books.scripts[o.OutPoint]; o.By == nil && out != "" {
					waits += o.Tokens
				}
			}
			for _, s := range p.sides() {
				all += s.tokens()
			}
			if waits+all != p.units {
				t.Errorf("%d tokens are at home and %d wait at coins of theirs, of %d", all, waits, p.units)
			}
		})
	}
}
