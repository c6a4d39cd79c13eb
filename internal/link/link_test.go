package link

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

func TestAPaymentSettlesOrFailsAndIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		preimage, paid := payment(1, 20_000_000, []*side{bob}, []*pair{p})
		bob.preimages[paid.PaymentHash] = preimage
		_, unknown := payment(2, 30_000_000, []*side{bob}, []*pair{p})
		for _, add := range []channel.Add{paid, unknown} {
			if err := alice.links.Offer(p.scid, add); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if len(alice.resolved) != 2 || len(alice.refused) != 0 || len(bob.offers) != 2 {
			t.Fatalf("%d resolved, %v refused, %d offered", len(alice.resolved), alice.refused, len(bob.offers))
		}
		for _, r := range alice.resolved {
			if settled := r.Preimage != nil; settled != (r.Origin.Attempt == 1) || settled && *r.Preimage != preimage || settled == (len(r.Reason) > 0) {
				t.Errorf("attempt %d: %+v", r.Origin.Attempt, r)
			}
		}
		p.agree(t, alice, bob)
		if v := p.links[1].View(); v.ToLocal != capacity.Msat()/2+20_000_000 {
			t.Errorf("bob has %s", v.ToLocal)
		}
		if err := alice.links.Offer(99, paid); err == nil {
			t.Error("an HTLC for no channel is taken")
		}
	})
}

// chain is Alice, Carol and Bob with a channel between each two.
type chain struct {
	alice, carol, bob *side
	ac, cb            *pair
}

func newChain(t *testing.T) *chain {
	c := &chain{alice: newSide(t, "alice"), carol: newSide(t, "carol"), bob: newSide(t, "bob")}
	c.ac, c.cb = opened(c.alice, c.carol, 1), opened(c.carol, c.bob, 2)
	return c
}

func (c *chain) offer(t *testing.T, number byte, known bool) channel.Add {
	t.Helper()
	preimage, add := payment(number, 5_000_000, []*side{c.carol, c.bob}, []*pair{c.ac, c.cb})
	c.bob.mu.Lock()
	if known {
		c.bob.preimages[add.PaymentHash] = preimage
	}
	c.bob.mu.Unlock()
	if err := c.alice.links.Offer(c.ac.scid, add); err != nil {
		t.Fatal(err)
	}
	return add
}

func TestTheStepsOfAForwardedPaymentAreTracedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		add := c.offer(t, 1, true)
		synctest.Wait()
		steps := func(s *side, l *Link) (out []string) {
			for _, tr := range s.traces.Of(add.PaymentHash) {
				if tr.Channel == l.ID() {
					out = append(out, fmt.Sprintf("%s: %s %s", tr.Step, tr.Direction, tr.Message))
				}
				if tr.Amount == 0 || tr.ShortID == 0 || tr.HTLC != 0 {
					t.Errorf("%s: %+v", s.name, tr)
				}
			}
			return out
		}
		// From the offerer's side; the other one sees the same from the other end.
		offerer := []string{
			"add HTLC: sent update_add_htlc",
			"HTLC signed: sent commitment_signed",
			"HTLC signed: received revoke_and_ack",
			"HTLC signed: received commitment_signed",
			"HTLC signed: sent revoke_and_ack",
			"forward R: received update_fulfill_htlc",
			"sign R: received commitment_signed",
			"close HTLC: sent revoke_and_ack",
			"close HTLC: sent commitment_signed",
			"close HTLC signed: received revoke_and_ack",
		}
		var other []string
		for _, s := range offerer {
			switch {
			case containsWord(s, "sent"):
				other = append(other, replaceWord(s, "sent", "received"))
			default:
				other = append(other, replaceWord(s, "received", "sent"))
			}
		}
		for _, x := range []struct {
			who  string
			got  []string
			want []string
		}{
			{"payer", steps(c.alice, c.ac.links[0]), offerer},
			{"forwarder, incoming", steps(c.carol, c.ac.links[1]), other},
			{"forwarder, outgoing", steps(c.carol, c.cb.links[0]), offerer},
			{"payee", steps(c.bob, c.cb.links[1]), other},
		} {
			if !slices.Equal(x.got, x.want) {
				t.Errorf("%s:\n%q\nwant\n%q", x.who, x.got, x.want)
			}
		}
		// A failure has its own name.
		failed := c.offer(t, 2, false)
		synctest.Wait()
		if got := c.alice.traces.Of(failed.PaymentHash); len(got) != 10 || got[5].Step != "fail HTLC" || got[9].Step != "close HTLC signed" {
			t.Errorf("%+v", got)
		}
		c.ac.agree(t, c.alice, c.carol)
		c.cb.agree(t, c.carol, c.bob)
	})
}

func containsWord(s, word string) bool { return strings.Contains(s, ": "+word+" ") }

func replaceWord(s, word, with string) string {
	return strings.Replace(s, ": "+word+" ", ": "+with+" ", 1)
}

func TestAForwardedFailureIsAttributed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		for number, known := range map[byte]bool{1: true, 2: false} {
			add := c.offer(t, number, known)
			synctest.Wait()
			session, _ := btcec.PrivKeyFromBytes(add.PaymentHash[:]) // as payment has it
			secrets := onion.Secrets(session, []wire.NodeID{c.carol.ring.Node().ID(), c.bob.ring.Node().ID()})
			r := c.alice.resolved[len(c.alice.resolved)-1]
			if held := onion.Attributed(secrets, r.Reason, r.Attribution); len(held) != 2 || (r.Preimage != nil) != known {
				t.Errorf("known %v: %d hops vouch for %+v", known, len(held), r)
			}
		}
	})
}
