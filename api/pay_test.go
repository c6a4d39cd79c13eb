package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
)

// requiresFeature100 is of BOLT 11's examples of invalid invoices: "Same, but
// adding invalid unknown feature 100".
const requiresFeature100 = "lnbc25m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5vdhkven9v5sxyetpdeessp5zyg3zyg3" +
	"zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs9q4psqqqqqqqqqqqqqqqqsgqtqyx5vggfcsll4wu246hz02kp85x4katwsk9639we5n5yngc3yhqkm35j" +
	"njw4len8vrnqnf5ejh0mzj9n3vz2px97evektfm2l6wqccp3y7372"

// corrupted is the invoice with one character of its data changed.
func corrupted(s string) string {
	b := []byte(s)
	i := len(b) - 20
	b[i] = map[bool]byte{true: 'p', false: 'q'}[b[i] == 'q']
	return string(b)
}

func TestPaying(t *testing.T) {
	w := line(t)
	tea := ask[invoiceResult](t, w.bob, "invoice", 25_000, "tea", "one tea").Bolt11

	t.Run("a bad invoice is refused", func(t *testing.T) {
		refused(t, w.alice, command.InvalidParams, "pay", corrupted(tea))
		refused(t, w.alice, command.InvalidParams, "pay", "")
		refused(t, w.alice, command.InvalidParams, "pay")
		refused(t, w.alice, command.InvalidParams, "pay", tea[:len(tea)/2])
		refused(t, w.alice, command.InvalidParams, "decode", corrupted(tea))
		mainnet := foreign(t, func(inv *bolt11.Invoice) { inv.Network = bolt11.Mainnet })
		refused(t, w.alice, command.InvalidParams, "pay", mainnet)
		equal(t, "currency", ask[struct{ Currency string }](t, w.alice, "decode", mainnet).Currency, "bc")
		if e := refused(t, w.alice, command.InvalidParams, "pay", requiresFeature100); !strings.Contains(e.Message, "feature") {
			t.Errorf("an unknown feature: %s", e.Message)
		}
		old := foreign(t, func(inv *bolt11.Invoice) { inv.Timestamp, inv.Expiry = 1_600_000_000, 60 })
		refused(t, w.alice, command.PayInvoiceExpired, "pay", old)
		equal(t, "an expired invoice decodes", ask[struct{ Expiry uint64 }](t, w.alice, "decode", old).Expiry, uint64(60))
		open := foreign(t, func(inv *bolt11.Invoice) { inv.Amount = nil })
		refused(t, w.alice, command.InvalidParams, "pay", open)
		refused(t, w.alice, command.InvalidParams, "pay", open, 0)
		refused(t, w.alice, command.InvalidParams, "pay", tea, 24_999)
	})

	t.Run("limits that are none are refused", func(t *testing.T) {
		for _, percent := range []any{-1, 101, "0.00001", "x", "0.1sat", "", "1e2", true} {
			refused(t, w.alice, command.InvalidParams, "pay", named{"bolt11": tea, "maxfeepercent": percent})
		}
		refused(t, w.alice, command.InvalidParams, "pay", named{"bolt11": tea, "retry_for": -1})
		refused(t, w.alice, command.InvalidParams, "pay", named{"bolt11": tea, "maxfee": -1})
		refused(t, w.alice, command.InvalidParams, "pay", named{"bolt11": tea, "maxdelay": 1 << 33})
	})

	t.Run("our own invoice is refused", func(t *testing.T) {
		own := ask[invoiceResult](t, w.alice, "invoice", 1000, "own", "to ourselves").Bolt11
		refused(t, w.alice, command.InvalidParams, "pay", own)
	})

	t.Run("what no route can carry fails and moves nothing", func(t *testing.T) {
		before := ask[fundsResult](t, w.alice, "listfunds")
		nowhere := foreign(t, func(*bolt11.Invoice) {})
		much := ask[invoiceResult](t, w.bob, "invoice", "2000000sat", "much", "more than there is").Bolt11
		for _, invoice := range []string{nowhere, much} {
			_, err := try(t, w.alice, "pay", invoice)
			if e, ok := err.(*command.Error); !ok || e.Code != command.PayRouteNotFound {
				t.Errorf("got %v, want code %d", err, command.PayRouteNotFound)
			}
			if pays := ask[paysResult](t, w.alice, "listpays", invoice).Pays; len(pays) != 1 || pays[0].Status != "failed" {
				t.Errorf("listpays gives %+v", pays)
			}
		}
		equal(t, "funds", ask[fundsResult](t, w.alice, "listfunds"), before)
		equal(t, "attempts", string(ask[json.RawMessage](t, w.alice, "listsendpays")), `{"payments":[]}`)
	})

	t.Run("an invoice is paid once", func(t *testing.T) {
		waited := make(chan error, 1)
		go func() {
			_, err := api.Call(t.Context(), w.bob, "waitinvoice", json.RawMessage(`["tea"]`))
			waited <- err
		}()
		first := ask[payResult](t, w.alice, "pay", named{"bolt11": tea, "label": "for tea"})
		if err := <-waited; err != nil {
			t.Errorf("waitinvoice: %v", err)
		}
		equal(t, "status", first.Status, "complete")
		equal(t, "destination", first.Destination, w.bob.ID().String())
		equal(t, "amount", first.Amount, amount.MilliSatoshi(25_000))
		paid := ask[invoiceResult](t, w.bob, "waitinvoice", "tea")
		equal(t, "the payee's status", paid.Status, "paid")
		equal(t, "received", paid.Received, amount.MilliSatoshi(25_000))
		equal(t, "the receipt", first.Preimage, paid.PaymentPreimage)
		w.idle(t)
		before := stateOf(t, w.alice)
		equal(t, "the second receipt", ask[payResult](t, w.alice, "pay", tea), first)
		equal(t, "what the second pay changed", stateOf(t, w.alice), before)
		pays := ask[paysResult](t, w.alice, "listpays", named{"status": "complete"}).Pays
		if len(pays) != 1 || pays[0].Sent != first.Sent || pays[0].Label != "for tea" || pays[0].Bolt11 != tea || pays[0].Preimage != first.Preimage {
			t.Errorf("listpays gives %+v", pays)
		}
		lost := amount.MilliSatoshi(1_000_000_000) - channels(t, w.alice)[0].ToUs
		equal(t, "what left the channel", lost, first.Sent)
		fees := ask[struct {
			Msat amount.MilliSatoshi `json:"fees_collected_msat"`
		}](t, w.carol, "getinfo").Msat
		equal(t, "what Carol earned", fees, first.Sent-first.Amount)
	})

	t.Run("a route is found, taken and waited for", func(t *testing.T) {
		inv := ask[invoiceResult](t, w.bob, "invoice", 7000, "route", "by hand")
		route := ask[struct{ Route []json.RawMessage }](t, w.alice, "getroute", named{"id": w.bob.ID(), "msatoshi": 7000, "cltv": 50}).Route
		equal(t, "hops", len(route), 2)
		sent := ask[payResult](t, w.alice, "sendpay", named{
			"route": route, "payment_hash": inv.PaymentHash, "payment_secret": inv.PaymentSecret, "bolt11": inv.Bolt11,
		})
		equal(t, "the hash", sent.PaymentHash, inv.PaymentHash)
		done := ask[payResult](t, w.alice, "waitsendpay", inv.PaymentHash, 60)
		equal(t, "status", done.Status, "complete")
		equal(t, "the receipt", done.Preimage, ask[invoiceResult](t, w.bob, "waitinvoice", "route").PaymentPreimage)
		attempts := ask[struct{ Payments []payResult }](t, w.alice, "listsendpays", inv.Bolt11).Payments
		if len(attempts) != 1 || attempts[0] != done {
			t.Errorf("listsendpays gives %+v, waitsendpay gave %+v", attempts, done)
		}
		w.idle(t)
		refused(t, w.alice, command.InvalidParams, "sendpay", "[]", inv.PaymentHash)
		refused(t, w.alice, command.InvalidParams, "sendpay", "no route", inv.PaymentHash)
		refused(t, w.alice, command.PayNoSuchPayment, "waitsendpay", strings.Repeat("ab", 32))
		refused(t, w.alice, command.PayRouteNotFound, "getroute", w.bob.ID(), "2000000sat")
	})

	t.Run("a payee that does not know the payment says so", func(t *testing.T) {
		route := ask[struct{ Route []json.RawMessage }](t, w.alice, "getroute", w.bob.ID(), 7000).Route
		hash := strings.Repeat("cd", 32)
		ask[payResult](t, w.alice, "sendpay", named{"route": route, "payment_hash": hash, "payment_secret": hash})
		_, err := try(t, w.alice, "waitsendpay", hash)
		e, ok := err.(*command.Error)
		if !ok || e.Code != command.PayDestinationFailed {
			t.Fatalf("got %v, want code %d", err, command.PayDestinationFailed)
		}
		data, ok := e.Data.(map[string]any)
		if !ok || data["erring_index"] != 2 || data["erring_node"] != w.bob.ID() {
			t.Errorf("its data is %v", e.Data)
		}
		w.idle(t)
	})
}
