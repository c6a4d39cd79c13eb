package link

import (
	"testing"
	"testing/synctest"
)

// A receiver that holds an HTLC is offered it again when it comes close to its expiry,
// and lets go of it; what was forwarded is not offered twice.
func TestAnHTLCThatTheReceiverHoldsIsOfferedAgainBeforeItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, carol, bob := newSide(t, "alice"), newSide(t, "carol"), newSide(t, "bob")
		ac, cb := opened(alice, carol, 1), opened(carol, bob, 2)
		bob.holding = true
		_, add := payment(1, 5_000_000, []*side{carol, bob}, []*pair{ac, cb})
		if err := alice.links.Offer(ac.scid, add); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		const final = height + 40
		offers := func(at uint32) int {
			cb.links[1].Block(at)
			synctest.Wait()
			bob.mu.Lock()
			defer bob.mu.Unlock()
			return len(bob.offers)
		}
		if n := offers(final - 25); n != 1 {
			t.Fatalf("%d offers in time", n)
		}
		bob.holding = false // it knows no preimage: it fails what comes
		if n := offers(final - 24); n != 2 {
			t.Errorf("%d offers", n)
		}
		if n := offers(final - 23); n != 2 {
			t.Errorf("%d offers of what was failed", n)
		}
		if len(alice.resolved) != 1 || alice.resolved[0].Preimage != nil {
			t.Errorf("%+v", alice.resolved)
		}
		cb.agree(t, carol, bob)
		ac.agree(t, alice, carol)
	})
}

func TestAForwardedHTLCIsNotDecidedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, carol, bob := newSide(t, "alice"), newSide(t, "carol"), newSide(t, "bob")
		ac, cb := opened(alice, carol, 1), opened(carol, bob, 2)
		bob.holding = true
		_, add := payment(1, 5_000_000, []*side{carol, bob}, []*pair{ac, cb})
		if err := alice.links.Offer(ac.scid, add); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for at := add.CLTVExpiry - 30; at < add.CLTVExpiry-18; at++ {
			ac.links[1].Block(at)
			synctest.Wait()
		}
		if n := len(cb.links[0].View().HTLCs); n != 1 || len(bob.offers) != 1 {
			t.Errorf("%d HTLCs were offered for one", n)
		}
		if len(alice.resolved) != 0 {
			t.Errorf("%+v", alice.resolved)
		}
	})
}
