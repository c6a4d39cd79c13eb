package node_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
)

// hold makes a held invoice of Bob's.
func (w *world) hold(amt amount.MilliSatoshi) (invoice.Row, wire.Preimage) {
	w.t.Helper()
	w.number++
	preimage := wire.Preimage{byte(w.number), byte(w.number >> 8), 7}
	hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
	row, err := w.bob.NewInvoice(w.t.Context(), invoice.Request{
		Label: fmt.Sprint(w.number), Amount: amount.OrAny{Msat: amt}, Expiry: 3600, Hold: &hash,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return row, preimage
}

func (w *world) held(hash wire.PaymentHash) invoice.Row {
	w.t.Helper()
	row, ok, err := w.bob.Store().InvoiceByHash(w.t.Context(), hash)
	if err != nil || !ok {
		w.t.Fatal(ok, err)
	}
	return row
}

// paying has Alice pay in the background.
func (w *world) paying(bolt string) <-chan error {
	w.t.Helper()
	r := request(w.t, bolt)
	done := make(chan error, 1)
	alice := w.alice.Node
	go func() {
		err := errors.New("the payer died")
		defer func() { done <- err }()
		ctx, cancel := context.WithTimeout(w.t.Context(), longest)
		defer cancel()
		_, err = alice.Sender().Pay(ctx, r)
	}()
	return done
}

// decide has Alice pay a held invoice, again and again, and Bob settle or cancel it as
// soon as it is accepted, until it is ended. It returns early when the victim dies.
func (w *world) decide(row invoice.Row, preimage wire.Preimage, cancel bool, victim *mortal) (died bool) {
	w.t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for range 20 {
		var err error
		for done := w.paying(row.Bolt11); done != nil; {
			select {
			case err = <-done:
				done = nil
			case <-victim.died:
				return true
			case <-look.C:
				if w.held(row.PaymentHash).Status != invoice.Accepted {
					continue
				}
				// A death may take the answer: it is asked again.
				if cancel {
					_, _ = w.bob.Receiver().Cancel(w.t.Context(), row.PaymentHash)
				} else {
					_, _ = w.bob.SettleHeld(w.t.Context(), preimage)
				}
			}
		}
		switch {
		case err == nil, cancel && w.held(row.PaymentHash).CancelledAt != 0:
			return false
		case errors.Is(err, store.ErrFault):
			return true // the write that the fault struck is about to say so
		}
		w.recover(victim)
	}
	w.t.Fatal("never ended")
	return false
}

// holdSweep is [world.sweep] for a held invoice.
func (w *world) holdSweep(amt amount.MilliSatoshi, victim *mortal, after, cancel bool) (deaths int) {
	w.t.Helper()
	for k := uint64(1); ; k += uint64(race.Step(14)) { //nolint:gosec // positive
		row, preimage := w.hold(amt)
		victim.Store().SetFault(func(n uint64) (bool, bool) { return n == k && !after, n == k && after })
		died := w.decide(row, preimage, cancel, victim)
		if !died {
			until(w.t, "the HTLCs are gone or the victim has died", func() bool {
				select {
				case <-victim.died:
					return true
				default:
					return w.quiet()
				}
			})
		}
		if victim.Store().SetFault(nil) {
			died = true
			deaths++
			victim.restart()
			w.reconnect()
			w.decide(row, preimage, cancel, victim)
		}
		w.settled()
		if cancel {
			if got := w.held(row.PaymentHash); got.Status != invoice.Expired || got.CancelledAt == 0 {
				w.t.Fatalf("a cancelled invoice is %+v", got)
			}
			paid := w.invoice(1000)
			w.pay(paid.Bolt11, w.bob)
			w.settled()
			w.judge(paid.Label, 1000) // nothing else has moved
		} else {
			w.judge(row.Label, amt)
			if w.held(row.PaymentHash).Preimage != preimage {
				w.t.Fatal("it was settled with another preimage")
			}
		}
		if left, err := w.bob.Store().HeldInvoices(w.t.Context()); err != nil || len(left) != 0 {
			w.t.Fatalf("still held: %+v %v", left, err)
		}
		if !died {
			return deaths
		}
	}
}

func TestAHeldInvoiceSurvivesADeathAtEachWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	for i, c := range []struct {
		victim *mortal
		cancel bool
	}{{w.bob, false}, {w.bob, true}, {w.carol, false}} {
		for _, after := range []bool{i == 1, i != 1}[:2/race.Step(2)] {
			deaths := w.holdSweep(5_000_000, c.victim, after, c.cancel)
			t.Logf("%s died %d times, after the write: %v, cancelled: %v", c.victim.alias, deaths, after, c.cancel)
			if deaths < 5/race.Step(14) {
				t.Errorf("%s died %d times only: the sweep misses its writes", c.victim.alias, deaths)
			}
		}
	}
}

func TestAHeldInvoiceInTwoPartsSurvivesTheDeathOfItsOwner(t *testing.T) {
	race.Like(t, TestAHeldInvoiceSurvivesADeathAtEachWrite)
	t.Parallel()
	w := newWorld(t, 2)
	for _, after := range []bool{false, true} {
		w.holdSweep(1_200_000_000, w.bob, after, true)
	}
}

func TestAHeldInvoiceIsSettledOnChainWhenItsChannelIsClosed(t *testing.T) {
	race.Like(t, TestAForcedCloseSurvivesDeathsAtItsWrites)
	t.Parallel()
	const amt = 50_000_000
	w := newWorld(t, 1)
	fund(t, w.chain, w.bob.Node, 50_000) // for the fee of what he claims, should his commitment be the first
	row, preimage := w.hold(amt)
	done := w.paying(row.Bolt11)
	until(t, "the payment is held", func() bool { return w.held(row.PaymentHash).Status == invoice.Accepted })
	before := coins(w.bob.Node)
	forceClose(t, w.carol, onlyLink(t, w.carol.Node, w.bob.ID()))
	until(t, "the commitment is in the mempool", func() bool { return w.chain.Waiting() > 0 })
	mine(t, w.chain, 1, w.nodes()...)
	if got, err := w.bob.SettleHeld(t.Context(), preimage); err != nil || got.Status != invoice.Paid {
		t.Fatal(got, err)
	}
	for paid := false; !paid; {
		w.swept(w.alice, w.carol, w.bob)
		mine(t, w.chain, 1, w.nodes()...)
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("the payer: %v", err)
			}
			paid = true
		default:
		}
		if w.bob.Height() > row.MinFinalCLTVExpiryDelta+300 {
			t.Fatal("the payer never got the preimage")
		}
	}
	// What he gets has to wait, should his commitment be the first.
	const least = amt/1000 - 4000
	for range 60 {
		if coins(w.bob.Node) >= before+least {
			break
		}
		mine(t, w.chain, 5, w.nodes()...)
		w.swept(w.alice, w.carol, w.bob)
	}
	if got := coins(w.bob.Node); got < before+least {
		t.Errorf("bob had %d on-chain and has %d", before, got)
	}
}
