package node_test

import (
	"context"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

// heldAt lets a payment of Alice's to Bob go on until Alice holds a step.
func heldAt(t *testing.T, alice *node.Node, want events.Step) {
	t.Helper()
	until(t, "alice holds "+string(want), func() bool {
		list, _, _ := alice.Steps().List()
		if len(list) == 0 || list[0].Traces[0].Step == want {
			return len(list) > 0
		}
		alice.Steps().Next(list[0].ID)
		return false
	})
}

// A payment is held at a step when the connection ends, or the node stops: it goes on as
// from any other moment, and is paid once.
func TestAPaymentThatIsHeldSurvivesADisconnectAndARestart(t *testing.T) {
	race.Leave(t, "link's TestADisconnectForgetsWhatIsHeld ends the connections, and other tests restart")
	t.Parallel()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Mine(110, nil); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	alice, bob := start(t, c, dir, "alice"), start(t, c, t.TempDir(), "bob")
	defer func() { alice.Close() }()
	defer bob.Close()
	fund(t, c, alice, 2_000_000)
	mine(t, c, 1, alice, bob)
	openChannel(t, alice, bob, 1_000_000, 0)
	mine(t, c, 6, alice, bob)
	until(t, "alice knows the channel", func() bool { return known(alice) == 1 })
	ready := func() bool {
		l := alice.Links().All()
		if len(l) != 1 {
			return false
		}
		_, usable := l[0].Capacity()
		return usable
	}
	bill := func(label string) (*bolt11.Invoice, pay.Request) {
		row, err := bob.NewInvoice(t.Context(), invoice.Request{Label: label, Amount: amount.OrAny{Msat: 25_000_000}, Description: label, Expiry: 3600})
		if err != nil {
			t.Fatal(err)
		}
		inv, err := bolt11.Decode(row.Bolt11)
		if err != nil {
			t.Fatal(err)
		}
		return inv, pay.Request{Bolt11: row.Bolt11, Invoice: inv}
	}
	paid := func(label string) {
		t.Helper()
		until(t, label+" is paid", func() bool {
			row, _, err := bob.Store().InvoiceByLabel(t.Context(), label)
			return err == nil && row.Status == invoice.Paid && row.Received == 25_000_000
		})
		until(t, "no HTLC is left", func() bool { return len(alice.Links().All()[0].View().HTLCs) == 0 })
	}
	for _, at := range []events.Step{events.AddHTLC, events.HTLCSigned, events.CloseHTLC} {
		// The connection ends.
		alice.Steps().Set(true)
		label := "disconnect at " + string(at)
		_, request := bill(label)
		go func() { _, _ = alice.Sender().Pay(context.Background(), request) }()
		heldAt(t, alice, at)
		p, ok := alice.Peers().Get(bob.ID())
		if !ok {
			t.Fatal("bob is not connected")
		}
		held, _, _ := alice.Steps().List()
		p.Disconnect(context.Canceled)
		until(t, "what was held is forgotten", func() bool {
			list, _, _ := alice.Steps().List()
			return len(list) == 0 || list[0].ID != held[0].ID
		})
		alice.Steps().Set(false)
		until(t, "bob is back", ready)
		paid(label)

		// Alice stops.
		alice.Steps().Set(true)
		label = "stop at " + string(at)
		inv, request := bill(label)
		go func(n *node.Node) { _, _ = n.Sender().Pay(context.Background(), request) }(alice)
		heldAt(t, alice, at)
		if err := alice.Close(); err != nil {
			t.Fatal(err)
		}
		alice = start(t, c, dir, "alice")
		if alice.Steps().On() {
			t.Error("a node that starts holds payments")
		}
		until(t, "bob is back", ready)
		until(t, "the payment is over", func() bool {
			row, found, err := alice.Store().PaymentByHash(t.Context(), inv.PaymentHash)
			return err == nil && found && row.Result.Status != pay.Pending
		})
		paid(label)
	}
}
