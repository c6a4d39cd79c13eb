package link

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/present"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/race"
)

// becomes says what a side knows of the present height from now on.
func (s *side) becomes(state present.State) {
	s.present.Store(uint32(state))
	if state != present.Awaited {
		s.links.Resume()
	}
	synctest.Wait()
}

// failure is who among some hops failed an HTLC, and how.
func (c *chain) failure(t *testing.T, add channel.Add, hops ...*side) (hop int, code onion.Code) {
	t.Helper()
	r, times := c.alice.end(add.Origin.Attempt)
	if times != 1 || r == nil {
		t.Fatalf("attempt %d ended %d times", add.Origin.Attempt, times)
	}
	session, _ := btcec.PrivKeyFromBytes(add.PaymentHash[:]) // as payment has it
	ids := make([]wire.NodeID, len(hops))
	for i, s := range hops {
		ids[i] = s.ring.Node().ID()
	}
	hop, f, _ := onion.DecodeReason(onion.Secrets(session, ids), r.Reason)
	return hop, f.Code
}

func TestNoPreimageIsRevealedBeforeThePresentHeightIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		bob.becomes(present.Awaited)
		preimage, add := payment(1, 20_000_000, []*side{bob}, []*pair{p})
		bob.preimages[add.PaymentHash] = preimage
		if err := alice.links.Offer(p.scid, add); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		waits := func(when string) {
			t.Helper()
			if n := len(p.links[1].View().HTLCs); n != 1 || len(bob.offers) != 0 || len(alice.resolved)+len(alice.refused) != 0 {
				t.Fatalf("%s: %d HTLCs, %d offered to the receiver, %d resolved", when, n, len(bob.offers), len(alice.resolved))
			}
		}
		waits("it has arrived")
		bob.links.Resume()
		synctest.Wait()
		waits("all links go on")
		p.conn.cut()
		synctest.Wait()
		p.conn = connect(alice, bob, -1)
		waits("the peers are connected again")
		bob.becomes(present.Known)
		if r, times := alice.end(1); times != 1 || r == nil || r.Preimage == nil || *r.Preimage != preimage || len(bob.offers) != 1 {
			t.Errorf("told %d times, %d offered: %+v", times, len(bob.offers), r)
		}
		p.agree(t, alice, bob)
	})
}

func TestNothingIsForwardedBeforeThePresentHeightIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		c.carol.becomes(present.Awaited)
		add := c.offer(t, 1, true)
		synctest.Wait()
		if n := len(c.ac.links[1].View().HTLCs); n != 1 {
			t.Fatalf("%d HTLCs", n)
		}
		if slices.Contains(c.cb.conn.sent(), "carol update_add_htlc") {
			t.Fatal("it was forwarded")
		}
		c.carol.becomes(present.Known)
		if r, times := c.alice.end(add.Origin.Attempt); times != 1 || r == nil || r.Preimage == nil {
			t.Errorf("told %d times: %+v", times, r)
		}
		c.ac.agree(t, c.alice, c.carol)
		c.cb.agree(t, c.carol, c.bob)
	})
}

func TestAnHTLCGoesBackWhenThePresentHeightDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		c.carol.becomes(present.Awaited)
		waited := c.offer(t, 1, true)
		synctest.Wait()
		c.carol.becomes(present.Lost)
		later := c.offer(t, 2, true)
		synctest.Wait()
		for _, add := range []channel.Add{waited, later} {
			if hop, code := c.failure(t, add, c.carol, c.bob); hop != 0 || code != onion.CodeTemporaryNodeFailure {
				t.Errorf("hop %d: %v", hop, code)
			}
		}
		if slices.Contains(c.cb.conn.sent(), "carol update_add_htlc") {
			t.Error("it was forwarded")
		}
		c.carol.becomes(present.Known)
		third := c.offer(t, 3, true)
		synctest.Wait()
		if r, _ := c.alice.end(third.Origin.Attempt); r == nil || r.Preimage == nil {
			t.Errorf("the height is known again: %+v", r)
		}
		c.ac.agree(t, c.alice, c.carol)
		c.cb.agree(t, c.carol, c.bob)
	})
}

// What was decided while the height was known is done whatever is known now.
func TestAPreimageGoesUpThoughThePresentHeightIsNotKnown(t *testing.T) {
	for _, state := range []present.State{present.Awaited, present.Lost}[race.Step(2)-1:] {
		synctest.Test(t, func(t *testing.T) {
			c := newChain(t)
			c.bob.becomes(present.Awaited)
			paid, failed := c.offer(t, 1, true), c.offer(t, 2, false)
			synctest.Wait()
			if n := len(c.cb.links[1].View().HTLCs); n != 2 {
				t.Fatalf("%d HTLCs at bob's", n)
			}
			c.carol.becomes(state)
			c.bob.becomes(present.Known)
			if r, _ := c.alice.end(paid.Origin.Attempt); r == nil || r.Preimage == nil {
				t.Errorf("%+v", r)
			}
			if _, code := c.failure(t, failed, c.carol, c.bob); code != onion.CodeIncorrectOrUnknownPaymentDetails {
				t.Error(code)
			}
			c.ac.agree(t, c.alice, c.carol)
			c.cb.agree(t, c.carol, c.bob)
		})
	}
}

// An HTLC that was signed, and that the peer has not got, goes out again with the
// numbers: by then it may be long past its time.
func TestWhatWasSignedBeforeIsNotSentAgainBeforeThePresentHeightIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		preimage, add := payment(1, 20_000_000, []*side{bob}, []*pair{p})
		bob.preimages[add.PaymentHash] = preimage
		reached, release := alice.hold()
		if err := alice.links.Offer(p.scid, add); err != nil {
			t.Fatal(err)
		}
		<-reached
		p.conn.cut()
		release()
		synctest.Wait()
		alice.becomes(present.Awaited)
		p.conn = connect(alice, bob, -1)
		if sent := p.conn.sent(); !over(p.conn) || slices.ContainsFunc(sent, func(s string) bool { return s != "bob channel_reestablish" }) {
			t.Fatalf("over: %v, sent %v", over(p.conn), sent)
		}
		if n := len(p.links[0].View().HTLCs); n != 1 {
			t.Fatalf("%d HTLCs", n)
		}
		alice.becomes(present.Known)
		p.conn = connect(alice, bob, -1)
		if r, times := alice.end(1); times != 1 || r == nil || r.Preimage == nil || *r.Preimage != preimage {
			t.Errorf("told %d times: %+v", times, r)
		}
		p.agree(t, alice, bob)
		// A peer that has all that was signed is spoken to.
		alice.becomes(present.Awaited)
		p.conn.cut()
		synctest.Wait()
		if p.conn = connect(alice, bob, -1); over(p.conn) || !p.links[0].View().Connected {
			t.Error("the connection was ended")
		}
	})
}
