package api_test

import (
	"sync"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

// Two nodes pay a part each, and both get the preimage.
func TestAnInvoiceIsPaidInPartsByTwoNodes(t *testing.T) {
	w := line(t)
	for method, name := range map[string]string{"pay": "bolt11", "xpay": "invstring"} {
		fixed := ask[invoiceResult](t, w.bob, "invoice", 1_000_000, "lunch "+method, "for two")
		open := ask[invoiceResult](t, w.bob, "invoice", "any", "alms "+method, "from two")
		for _, x := range []struct {
			inv    invoiceResult
			amount named
		}{{fixed, named{}}, {open, named{"amount_msat": 1_000_000}}} {
			var wg sync.WaitGroup
			var alice, carol payResult
			for _, p := range []struct {
				from *node.Node
				part uint64
				into *payResult
			}{{w.alice, 600_000, &alice}, {w.carol, 400_000, &carol}} {
				wg.Go(func() {
					params := named{name: x.inv.Bolt11, "partial_msat": p.part}
					for k, v := range x.amount {
						params[k] = v
					}
					*p.into = ask[payResult](t, p.from, method, params)
				})
			}
			wg.Wait()
			equal(t, "the preimage", alice.Preimage, carol.Preimage)
			equal(t, "what Alice paid", alice.Amount, amount.MilliSatoshi(600_000))
			equal(t, "what Carol paid", carol.Sent, amount.MilliSatoshi(400_000))
			w.idle(t)
			got := ask[struct{ Invoices []invoiceResult }](t, w.bob, "listinvoices", named{"payment_hash": x.inv.PaymentHash}).Invoices
			if len(got) != 1 || got[0].Status != "paid" {
				t.Errorf("%+v", got)
			}
		}
	}
}

func TestAPartThatIsNoneIsRefused(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	inv := ask[invoiceResult](t, w.bob, "invoice", 1000, "tea", "tea").Bolt11
	whole := foreign(t, func(*bolt11.Invoice) {}) // without basic_mpp
	for method, name := range map[string]string{"pay": "bolt11", "xpay": "invstring"} {
		for _, part := range []any{0, 1001, "much", -1} {
			refused(t, w.alice, command.InvalidParams, method, named{name: inv, "partial_msat": part})
		}
		refused(t, w.alice, command.InvalidParams, method, named{name: whole, "partial_msat": 400})
	}
	refused(t, w.alice, command.InvalidParams, "xpay", named{"invstring": inv, "layers": []string{"mine"}})
	refused(t, w.alice, command.InvalidParams, "xkeysend", named{"destination": w.bob.ID(), "amount_msat": 1000, "layers": []string{"mine"}})
}
