package node_test

import (
	"errors"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
)

func TestAPaymentWaitsForThePeersAfterAStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	row := w.invoice(5_000_000)
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil {
		t.Fatal(err)
	}
	w.alice.Close()
	w.carol.Close()
	began := time.Now()
	w.alice.start()
	done := make(chan error, 1)
	alice := w.alice.Node
	go func() {
		_, err := alice.Sender().Pay(t.Context(), pay.Request{Bolt11: row.Bolt11, Invoice: inv})
		done <- err
	}()
	until(t, "the payment is under way", func() bool {
		p, ok, err := alice.Store().PaymentByHash(t.Context(), inv.PaymentHash)
		return err == nil && ok && p.Result.Status == pay.Pending
	})
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	w.carol.start()
	w.reconnect()
	if err := <-done; err != nil {
		const soon = 15 * time.Second // in which peers are expected
		if time.Since(began) < soon {
			t.Fatal(err)
		}
		w.pay(row.Bolt11, w.bob) // Carol took that long to start
	}
	w.settled()
}

func TestAPaymentOverAPeerThatStaysAwayFailsWithItsReason(t *testing.T) {
	race.Like(t, TestAPaymentWaitsForThePeersAfterAStart)
	t.Parallel()
	w := newWorld(t, 1)
	row := w.invoice(5_000_000)
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil {
		t.Fatal(err)
	}
	w.carol.Close()
	w.parted(w.alice, w.carol)
	second := uint64(1)
	_, err = w.alice.Sender().Pay(t.Context(), pay.Request{Bolt11: row.Bolt11, Invoice: inv, RetryFor: &second})
	var e *pay.Error
	if !errors.As(err, &e) || e.Code != pay.CodeRouteNotFound || e.Message != "no channel of this node can carry a payment now" {
		t.Fatalf("%v", err)
	}
	w.carol.start()
}
