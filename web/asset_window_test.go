package web

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/web/sequence"
)

// onLedger is how many units of Tea the ledger says that the channels' addresses have.
func (h *house) onLedger(t *testing.T) (units amount.Units) {
	t.Helper()
	view, _, err := h.node.Tokens().View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range h.node.Links().All() {
		address, err := h.node.Tokens().FundingAddress(t.Context(), l.Params())
		if err != nil {
			t.Fatal(err)
		}
		rows, err := view.AssetHoldings(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Property == 3 {
				units += r.Units
			}
		}
	}
	return units
}

func TestInTwoWindowsATokenIsInvoicedScannedAndPaid(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	alice, bob := teashop(t)
	b := bob.windowIn(t)
	b.click(`a[href="/receive"]`)
	b.becomes("offers the token first", `document.getElementById("unit").selectedOptions[0].textContent.includes("Tea")`)
	b.fill("#amount", "12.5")
	b.fill("#description", "a pound of tea")
	b.fill("#label", "order-7")
	b.click("form .main")
	b.at("/invoices/")
	b.sees("12.5"+tea, "waiting", "can receive 495"+tea)
	js[bool](b, `window.notReloaded = true`)
	b.size(1280, 900)
	scanned := b.scan()
	if want := "LIGHTNING:" + strings.ToUpper(js[string](b, `document.getElementById("bolt11").value`)); scanned != want || !strings.HasPrefix(want, "LIGHTNING:OBORT3:12500M1") {
		t.Fatalf("the QR code says %s, not %s", scanned, want)
	}

	a := alice.windowIn(t)
	a.click(`a[href="/pay"]`)
	a.fill("#invoice", scanned)
	a.sees("a pound of tea", "Pay 12.5"+tea, "property 3 of the Omni Layer", "go along with each part") // nothing was clicked
	a.click(`form[action="/pay/send"] .main`)
	a.at("/payments/")
	js[bool](a, `window.notReloaded = true`)
	a.sees("✓ Paid", "12.5"+tea, "1\u202f250\u202f000\u202f000 of the smallest units")
	b.sees("✓ Paid", "12.5"+tea)
	if !js[bool](a, `window.notReloaded === true`) || !js[bool](b, `window.notReloaded === true`) {
		t.Error("a page was loaded again")
	}
	for _, w := range []*window{a, b} {
		w.looksInside(w == a)
		w.becomes("says what the HTLC carries", `document.querySelector(".steps li.k-add").innerText.includes("12.5")`)
	}

	until(t, "the HTLC is gone", func() bool { return alice.ours(t)+bob.ours(t) == 50_000_000_000 })
	if got, ledger := bob.ours(t), alice.onLedger(t); got != 1_250_000_000 || ledger != 50_000_000_000 {
		t.Errorf("Bob has %d units in the channel, whose address has %d by the ledger", got, ledger)
	}
	a.open("/channels")
	a.sees("487.5"+tea, "12.5"+tea)
	a.open("/")
	a.sees("−12.5" + tea)
	b.open("/")
	b.sees("+12.5" + tea)
}

func TestWithoutAScriptATokenIsInvoicedAndPaid(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	alice, bob := teashop(t)
	b := bob.window(t)
	b.noScript()
	b.open(strings.TrimPrefix(bob.pages.Link(), bob.pages.URL()))
	b.at("/")
	b.open("/receive")
	b.fill("#description", "tea")
	b.fill("#label", "tea")
	b.click("form .main")
	b.at("/invoices/")
	b.sees("any amount", "\u2068Tea\u2069\u00a0#3")
	scanned := b.scan()

	a := alice.window(t)
	a.noScript()
	a.open(strings.TrimPrefix(alice.pages.Link(), alice.pages.URL()))
	a.at("/")
	a.open("/pay")
	a.fill("#invoice", scanned)
	a.click("form button:not([name])")
	a.sees("any amount", "can send 495"+tea)
	a.fill("#amount", "0.00000001")
	a.click(`form[action="/pay/send"] .main`)
	a.at("/payments/")
	a.sees("✓ Paid", "0.00000001"+tea) // a page that is not done asks again by itself
	b.open(b.path())
	b.sees("✓ Paid", "1 of the smallest units")
	until(t, "Bob has one unit", func() bool { return bob.ours(t) == 1 })
}

// The pages with tokens, as TestEveryPageFitsEachWindow has the others.
func TestEveryPageFitsEachWindowWithTokens(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	alice, bob := teashop(t)
	made, hash := map[string]string{}, map[string]string{}
	for _, i := range []struct{ amount, label, description string }{
		{"12.5", "order-7", "a pound of Darjeeling"}, {"any", "tips", "Thank you for the music"}, {"1234.56789012", "order-8", "tea for a year"},
		{"40", "order-9", "tea for a month"},
	} {
		raw, err := json.Marshal(map[string]any{"amount_msat": i.amount, "label": i.label, "description": i.description, "asset": 3})
		if err != nil {
			t.Fatal(err)
		}
		res, err := apiCall(t, bob, "invoice", raw)
		if err != nil {
			t.Fatal(err)
		}
		var out struct {
			Hash string `json:"payment_hash"`
			Text string `json:"bolt11"`
		}
		if raw, err = json.Marshal(res); err == nil {
			err = json.Unmarshal(raw, &out)
		}
		if err != nil {
			t.Fatal(err)
		}
		made[i.label], hash[i.label] = out.Text, out.Hash
	}
	alice.ask(t, nil, "pay", made["order-7"])
	bob.ask(t, nil, "invoice", "21000sat", "espresso-1", "One espresso")
	until(t, "the last step is there", func() bool {
		var seen struct{ Traces []sequence.Trace }
		alice.ask(t, &seen, "traces", hash["order-7"])
		return len(seen.Traces) > 0 && seen.Traces[len(seen.Traces)-1].Step == "close HTLC signed"
	})
	var channels struct{ Channels []channelRow }
	alice.ask(t, &channels, "listpeerchannels")
	a, b := alice.windowIn(t), bob.windowIn(t)
	folder := os.Getenv("SCREENSHOTS")
	g := gallery{folder, axeSource(t), folder == ""}
	for _, p := range []struct {
		name string
		w    *window
		path string
	}{
		{"token-home", a, "/"},
		{"token-receive", b, "/receive"},
		{"token-invoice", b, "/invoices/" + hash["order-9"]},
		{"token-invoice-any", b, "/invoices/" + hash["tips"]},
		{"token-invoice-little", b, "/invoices/" + hash["order-8"]},
		{"token-invoice-paid", b, "/invoices/" + hash["order-7"]},
		{"token-invoices", b, "/invoices"},
		{"token-pay", a, "/pay?invoice=" + made["order-9"]},
		{"token-pay-any", a, "/pay?invoice=" + made["tips"]},
		{"token-pay-much", a, "/pay?invoice=" + made["order-8"]},
		{"token-payment", a, "/payments/" + hash["order-7"]},
		{"token-payments", a, "/payments"},
		{"token-inside", a, "/inside/" + hash["order-7"]},
		{"token-channels", a, "/channels"},
		{"token-close", a, "/channels/" + channels.Channels[0].ID + "/close"},
		{"token-open", a, "/open"},
		{"token-onchain", a, "/onchain"},
	} {
		g.show(p.name, p.w, p.path)
	}
}
