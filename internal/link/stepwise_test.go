package link

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/steps"
)

// stepper says "next" at the gates of two sides.
type stepper struct {
	*pair
	sides [2]*side
	said  []string // what was let go
}

// stepwise is a channel over which payments are taken step by step, and one of Alice's
// that has begun.
func stepwise(t *testing.T) *stepper {
	t.Helper()
	alice, bob := newSide(t, "alice"), newSide(t, "bob")
	s := &stepper{pair: opened(alice, bob, 1), sides: [2]*side{alice, bob}}
	for _, x := range s.sides {
		x.steps.Set(true)
		t.Cleanup(func() { x.steps.Set(false) })
	}
	s.pay(t, 1)
	return s
}

func (s *stepper) pay(t *testing.T, number byte) {
	t.Helper()
	preimage, add := payment(number, 20_000_000, []*side{s.sides[1]}, []*pair{s.pair})
	s.sides[1].mu.Lock()
	s.sides[1].preimages[add.PaymentHash] = preimage
	s.sides[1].mu.Unlock()
	if err := s.sides[0].links.Offer(s.scid, add); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// held is what is held, by whom.
func (s *stepper) held() (out []string) {
	for _, x := range s.sides {
		list, _, _ := x.steps.List()
		for _, h := range list {
			out = append(out, fmt.Sprintf("%s %s: %s", x.name, h.Traces[0].Step, h.Traces[0].Message))
		}
	}
	return out
}

// next says "next" to whoever holds something; false: nobody does.
func (s *stepper) next() bool {
	for _, x := range s.sides {
		if h, ok := x.steps.Next(0); ok {
			s.said = append(s.said, fmt.Sprintf("%s %s: %s", x.name, h.Traces[0].Step, h.Traces[0].Message))
			synctest.Wait()
			return true
		}
	}
	return false
}

func (s *stepper) paid(t *testing.T) {
	t.Helper()
	if end, times := s.sides[0].end(1); times != 1 || end.Preimage == nil {
		t.Errorf("the payment ended %d times: %+v", times, end)
	}
	s.agree(t, s.sides[0], s.sides[1])
}

func TestNothingOfAPaymentIsSentBeforeItsWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stepwise(t)
		for range 100 {
			held := s.held()
			if len(held) > 1 {
				t.Errorf("held at once: %q", held)
			}
			before := len(s.conn.sent())
			synctest.Wait()
			if sent := s.conn.sent(); len(sent) != before {
				t.Errorf("while %q is held, %q was sent", held, sent[before:])
			}
			if !s.next() {
				break
			}
			if sent := s.conn.sent(); len(sent) != before+1 {
				t.Errorf("after %q, %q was sent", held, sent[before:])
			}
		}
		want := []string{
			"alice add HTLC: update_add_htlc",
			"alice HTLC signed: commitment_signed",
			"bob HTLC signed: revoke_and_ack",
			"bob HTLC signed: commitment_signed",
			"alice HTLC signed: revoke_and_ack",
			"bob forward R: update_fulfill_htlc",
			"bob sign R: commitment_signed",
			"alice close HTLC: revoke_and_ack",
			"alice close HTLC: commitment_signed",
			"bob close HTLC signed: revoke_and_ack",
		}
		if !slices.Equal(s.said, want) {
			t.Errorf("said next to\n%q, not\n%q", s.said, want)
		}
		s.paid(t)
		if n := len(s.sides[0].traces.Of(s.sides[1].offers[0].PaymentHash)); n != len(want) {
			t.Errorf("%d steps were traced", n)
		}
	})
}

func TestADisconnectForgetsWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for after := 0; ; after += race.Step(5) {
			s := stepwise(t)
			whole := false
			for range after {
				whole = !s.next() || whole
			}
			s.conn.cut()
			synctest.Wait()
			if held := s.held(); len(held) != 0 {
				t.Errorf("after %d steps, without a connection, %q is held", after, held)
			}
			s.conn = connect(s.sides[0], s.sides[1], -1)
			for range 100 {
				if !s.next() {
					break
				}
			}
			if _, refused := s.sides[0].refused[1]; refused && after < 2 {
				s.agree(t, s.sides[0], s.sides[1]) // it was never signed, or the peer never saw it
			} else {
				s.paid(t)
			}
			for _, x := range s.sides {
				x.links.Close()
			}
			if whole {
				return
			}
		}
	})
}

func TestALinkThatStopsForgetsWhatItHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stepwise(t)
		s.sides[0].links.Close()
		if held := s.held(); len(held) != 0 {
			t.Errorf("%q is still held", held)
		}
	})
}

func TestWhenTheStepsAreOverAllGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stepwise(t)
		s.next()
		s.pay(t, 2) // waits behind the first one
		for _, x := range s.sides {
			x.steps.Set(false)
		}
		synctest.Wait()
		s.paid(t)
		if _, times := s.sides[0].end(2); times != 1 {
			t.Errorf("the second payment ended %d times", times)
		}
	})
}

func TestNobodyHasToSayNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stepwise(t)
		time.Sleep(steps.PerPayment + 2*steps.PerStep)
		synctest.Wait()
		s.paid(t)
	})
}

func TestWhatIsHeldHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		c.alice.steps.Set(true)
		defer c.alice.steps.Set(false)
		c.offer(t, 1, true)
		preimage, add := payment(2, 5_000_000, []*side{c.bob}, []*pair{c.cb})
		c.bob.mu.Lock()
		c.bob.preimages[add.PaymentHash] = preimage
		c.bob.mu.Unlock()
		if err := c.carol.links.Offer(c.cb.scid, add); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, times := c.carol.end(2); times != 1 {
			t.Error("another channel waits")
		}
		if list, _, _ := c.alice.steps.List(); len(list) != 1 {
			t.Errorf("held: %+v", list)
		}
		c.ac.links[0].Sync(t.Context()) // nor is the channel's own goroutine
	})
}

func TestTheLastWordsOfAChannelAreNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stepwise(t)
		s.links[0].Do(func(ch *channel.Channel) { ch.ForceClose("test") })
		synctest.Wait()
		sent := s.conn.sent()
		if i := slices.Index(sent, "alice error"); i < 0 {
			t.Errorf("sent: %q", sent)
		}
		if held, _, _ := s.sides[0].steps.List(); len(held) != 0 {
			t.Errorf("%+v is still held", held)
		}
	})
}
