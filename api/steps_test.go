package api_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

type heldStepResult struct {
	ID          uint64
	Step        string
	Message     string
	PaymentHash string `json:"payment_hash"`
}

type stepsResult struct {
	Enabled bool
	Changes uint64
	Steps   []heldStepResult
}

// TestAPaymentIsTakenStepByStep says next at the payer, the forwarder and the payee, from
// the first step to the last.
func TestAPaymentIsTakenStepByStep(t *testing.T) {
	race.Like(t, TestWhoWaitsForAStepHearsOfIt)
	w := line(t)
	inv := ask[invoiceResult](t, w.bob, "invoice", 5000, "tea", "one tea")
	nodes := []*node.Node{w.alice, w.carol, w.bob}
	for _, n := range nodes {
		equal(t, "held at first", ask[struct{ Enabled bool }](t, n, "stepmode").Enabled, false)
		equal(t, "switched on", ask[struct{ Enabled bool }](t, n, "stepmode", true).Enabled, true)
	}
	paid := make(chan payResult, 1)
	go func() { paid <- ask[payResult](t, w.alice, "pay", inv.Bolt11) }()
	var said []string
	var first []string
	for done := false; !done; {
		until(t, fmt.Sprintf("something is held after %q, or the payment is over", said), func() bool {
			for _, n := range nodes {
				if held := ask[stepsResult](t, n, "liststeps", inv.PaymentHash).Steps; len(held) > 0 {
					h := held[0]
					if _, err := try(t, n, "nextstep", h.ID); err != nil {
						t.Error(err)
					}
					said = append(said, n.Alias()+" "+h.Step+": "+h.Message)
					if !slices.Contains(first, h.Step) {
						first = append(first, h.Step)
					}
					return true
				}
			}
			// The last words of both channels, in whichever order.
			done = slices.Contains(said, "carol close HTLC signed: revoke_and_ack") && slices.Contains(said, "bob close HTLC signed: revoke_and_ack") || len(said) > 60
			return done
		})
	}
	if p := <-paid; p.Status != "complete" {
		t.Errorf("the payment: %+v", p)
	}
	if want := []string{"find path", "add HTLC", "HTLC signed", "forward R", "sign R", "close HTLC", "close HTLC signed"}; !slices.Equal(first, want) {
		t.Errorf("the steps came as %q, not %q, in\n%q", first, want, said)
	}
	for _, n := range nodes {
		equal(t, "switched off", ask[struct{ Enabled bool }](t, n, "stepmode", false).Enabled, false)
	}
	w.idle(t)
}

func TestWhoWaitsForAStepHearsOfIt(t *testing.T) {
	w := line(t)
	inv := ask[invoiceResult](t, w.bob, "invoice", 5000, "tea", "one tea")
	ask[struct{}](t, w.alice, "stepmode", true)
	before := ask[stepsResult](t, w.alice, "liststeps")
	heard := make(chan stepsResult, 1)
	go func() { heard <- ask[stepsResult](t, w.alice, "liststeps", nil, before.Changes, 60) }()
	paid := make(chan payResult, 1)
	go func() { paid <- ask[payResult](t, w.alice, "pay", inv.Bolt11) }()
	got := <-heard
	if len(got.Steps) != 1 || got.Steps[0].Step != "find path" || got.Steps[0].PaymentHash != inv.PaymentHash || !got.Enabled {
		t.Errorf("heard %+v", got)
	}
	equal(t, "steps of another payment", len(ask[stepsResult](t, w.alice, "liststeps", fmt.Sprintf("%064d", 1)).Steps), 0)
	refused(t, w.alice, command.Failed, "nextstep", 99)
	equal(t, "without waiting", len(ask[stepsResult](t, w.alice, "liststeps", nil, got.Changes, 0).Steps), 1)
	next := ask[struct{ Next uint64 }](t, w.alice, "traces", inv.PaymentHash).Next
	traced := make(chan int, 1)
	go func() {
		traced <- len(ask[struct{ Traces []struct{} }](t, w.alice, "traces", inv.PaymentHash, next, nil, 60).Traces)
	}()
	equal(t, "what was let go", ask[heldStepResult](t, w.alice, "nextstep").Step, "find path")
	if <-traced == 0 {
		t.Error("the trace was not heard of")
	}
	equal(t, "switched off", ask[struct{ Held int }](t, w.alice, "stepmode", false).Held, 0)
	equal(t, "the payment", (<-paid).Status, "complete")
	refused(t, w.alice, command.Failed, "nextstep")
	w.idle(t)
}
