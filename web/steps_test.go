package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/leyden-ln/leyden/web/both"
	"github.com/leyden-ln/leyden/web/sequence"
)

// letters makes an invoice of Bob's, and gives its text and hash.
func letters(t *testing.T, bob *house, label string) (text11, hash string) {
	t.Helper()
	var made struct {
		Hash string `json:"payment_hash"`
		Text string `json:"bolt11"`
	}
	bob.ask(t, &made, "invoice", "1000sat", label, label)
	return made.Text, made.Hash
}

func TestAStepIsShownBeforeItHappensAndGoesOnByAForm(t *testing.T) {
	alice, bob := couple(t)
	a := alice.in(t)
	has(t, "home", a.get("/").body, `action="/steps"`, `name="enable" value="true"`)
	if r := a.post("/steps", "enable", "true", "back", "/"); r.status != http.StatusSeeOther || r.header.Get("Location") != "/" || !alice.node.Steps().On() {
		t.Fatalf("the switch gave %d", r.status)
	}
	text11, hash := letters(t, bob, "tea")
	sent := a.post("/pay/send", "invoice", text11)
	if sent.header.Get("Location") != "/inside/"+hash {
		t.Fatalf("%d, to %s", sent.status, sent.header.Get("Location"))
	}
	var body string
	until(t, "a step is held", func() bool {
		body = a.get("/inside/" + hash).body
		return strings.Contains(body, `action="/steps/next"`)
	})
	has(t, "the page", body, text("steps.held"), "<b>find path</b>", "leyden liststeps "+hash, `name="enable" value="false"`)
	has(t, "home", a.get("/").body, `href="/inside/`+hash+`"`, text("home.step", "find path"))
	next := func(id string) answer { return a.post("/steps/next", "id", id, "back", "/inside/"+hash) }
	id := func() string {
		_, rest, _ := strings.Cut(a.get("/inside/"+hash).body, `name="id" value="`)
		id, _, _ := strings.Cut(rest, `"`)
		return id
	}
	first := id()
	if r := next(first); r.header.Get("Location") != "/inside/"+hash {
		t.Errorf("next gave %d", r.status)
	}
	if r := next(first); r.status != http.StatusSeeOther { // it was said twice
		t.Errorf("next of what is gone gave %d", r.status)
	}
	until(t, "the message is held", func() bool { return strings.Contains(a.get("/inside/"+hash).body, "update_add_htlc") })
	has(t, "the picture", a.get("/inside/"+hash).body, `class="k-add held"`, text("steps.yet"))
	var waiting struct{ Invoices []invoiceRow }
	if bob.ask(t, &waiting, "listinvoices", "tea"); waiting.Invoices[0].Status != "unpaid" {
		t.Errorf("the invoice is %s", waiting.Invoices[0].Status)
	}
	a.post("/steps", "enable", "false", "back", "/inside/"+hash)
	bob.ask(t, nil, "waitinvoice", "tea")
	until(t, "nothing is held", func() bool { return !strings.Contains(a.get("/inside/"+hash).body, `action="/steps/next"`) })
}

// Alice's and Bob's windows, in which one says next until the payment is over, without a
// page being loaded again.
func TestInTwoWindowsAPaymentGoesStepByStepFromTheFirstClickToTheLast(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	alice, bob := couple(t)
	text11, hash := letters(t, bob, "tea")
	a, b := alice.windowIn(t), bob.windowIn(t)
	for _, w := range []*window{a, b} {
		w.click(".switch button")
		w.becomes("is switched on", `document.querySelector(".switch button").getAttribute("aria-pressed") === "true"`)
	}
	b.open("/inside/" + hash)
	a.open("/pay?invoice=" + text11)
	a.click(`form[action="/pay/send"] .main`)
	a.at("/inside/" + hash)
	js[bool](a, `window.notReloaded = true`)
	js[bool](b, `window.notReloaded = true`)
	var clicked []string
	over := `[...document.querySelectorAll(".sequence a:not(.held) text.step")].some(e => e.textContent === "close HTLC signed")`
	for !js[bool](a, over) || !js[bool](b, over) {
		var at *window
		until(t, fmt.Sprintf("a window shows what is next after %q", clicked), func() bool {
			for _, w := range []*window{a, b} {
				if js[bool](w, `!!document.querySelector("form.next button")`) {
					at = w
					return true
				}
			}
			return js[bool](a, over) && js[bool](b, over)
		})
		if at == nil {
			break
		}
		id := js[string](at, `document.querySelector("form.next [name=id]").value`)
		step := js[string](at, `document.querySelector("form.next b").textContent`)
		if len(clicked) == 0 || clicked[len(clicked)-1] != step {
			clicked = append(clicked, step)
		}
		at.click("form.next button")
		at.becomes("has gone on", fmt.Sprintf(`!document.querySelector("form.next [name=id][value='%s']")`, id))
		if len(clicked) > 30 {
			t.Fatalf("it never ends: %q", clicked)
		}
	}
	if !slices.Equal(clicked, sequence.Names) {
		t.Errorf("clicked %q, not %q", clicked, sequence.Names)
	}
	if !js[bool](a, `window.notReloaded === true`) || !js[bool](b, `window.notReloaded === true`) {
		t.Error("a page was loaded again")
	}
	b.open("/invoices/" + hash)
	b.sees("✓ Paid")
}

func TestWithoutAScriptOneSaysNextByAForm(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	alice, bob := couple(t)
	text11, hash := letters(t, bob, "tea")
	a := alice.window(t)
	a.noScript()
	a.open(strings.TrimPrefix(alice.pages.Link(), alice.pages.URL()))
	a.at("/")
	a.click(".switch button")
	a.becomes("is switched on", `document.querySelector(".switch button").getAttribute("aria-pressed") === "true"`)
	a.open("/pay?invoice=" + text11)
	a.click(`form[action="/pay/send"] .main`)
	a.at("/inside/" + hash)
	a.sees("find path") // the page asks again by itself
	a.click("form.next button")
	a.at("/inside/" + hash)
	a.sees("update_add_htlc")
	a.click(".switch button")
	a.becomes("is switched off", `document.querySelector(".switch button").getAttribute("aria-pressed") === "false"`)
	bob.ask(t, nil, "waitinvoice", "tea")
}

// The bar above Alice's and Bob's pages, which changes by itself and whose one button
// takes a payment from its first step to the last.
func TestAboveBothPagesOneButtonTakesAPaymentStepByStep(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	alice, bob := couple(t)
	text11, _ := letters(t, bob, "tea")
	over := both.New(slog.New(slog.DiscardHandler))
	for _, h := range []*house{alice, bob} {
		over.Nodes = append(over.Nodes, both.Node{Name: h.pages.self.Alias, ID: h.node.ID(), Gate: h.node.Steps()})
	}
	over.Height, over.Words = func() uint64 { return uint64(alice.node.Synced()) }, WordsOf
	over.Mine = func(context.Context) error { mine(t, 1, alice, bob); return nil }
	s := httptest.NewServer(over)
	t.Cleanup(s.Close)
	w := alice.window(t)
	w.goTo(s.URL + over.Path() + "chain")
	height := alice.node.Synced()
	w.sees(fmt.Sprintf("The chain is at block %d.", height))
	w.click("#mine")
	w.sees(fmt.Sprintf("The chain is at block %d.", height+1))
	w.click("#steps")
	w.sees("waits for your word")
	if axe := axeSource(t); axe != "" {
		w.do(chromedp.Evaluate[chromedp.Void](axe))
		w.accessible("the bar")
	}
	js[bool](w, `window.notReloaded = true`)
	paid := make(chan error, 1)
	go func() {
		_, err := apiCall(t, alice, "pay", json.RawMessage(`["`+text11+`"]`))
		paid <- err
	}()
	w.sees("alice: find path")
	if !js[bool](w, `window.notReloaded === true`) {
		t.Error("the bar was loaded again to show a step")
	}
	if folder := os.Getenv("SCREENSHOTS"); folder != "" {
		w.size(1280, 100)
		w.picture(filepath.Join(folder, "bar.png"), chromedp.CaptureScreenshot())
		w.size(360, 200)
		w.fits("the bar")
		w.picture(filepath.Join(folder, "bar-narrow.png"), chromedp.CaptureScreenshot())
	}
	var waiting struct{ Invoices []invoiceRow }
	if bob.ask(t, &waiting, "listinvoices", "tea"); waiting.Invoices[0].Status != "unpaid" {
		t.Errorf("before a click the invoice is %s", waiting.Invoices[0].Status)
	}
	w.size(1280, 900)
	var err error
	until(t, "it is paid", func() bool {
		select {
		case err = <-paid:
			return true
		default:
		}
		// While the bar gives way to the next one there is nothing to click, and maybe no answer.
		ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
		defer cancel()
		_ = chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`(b => { if (b && !b.dataset.clicked) { b.dataset.clicked = "yes"; b.click(); } })(document.getElementById("next"))`))
		return false
	})
	if err != nil {
		t.Error(err)
	}
	bob.ask(t, nil, "waitinvoice", "tea")
	alice.node.Steps().Set(false)
	bob.node.Steps().Set(false)
}

// A click is a press and a release, and the page may be drawn anew between them: the step
// that one has seen goes on nevertheless.
func TestAClickIntoWhichTheNextPictureFallsIsNotLost(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	alice, bob := couple(t)
	text11, hash := letters(t, bob, "tea")
	a := alice.windowIn(t)
	alice.ask(t, nil, "stepmode", "true")
	a.open("/pay?invoice=" + text11)
	a.click(`form[action="/pay/send"] .main`)
	a.at("/inside/" + hash)
	a.becomes("shows the first step", `!!document.querySelector("form.next button")`)
	at := js[[]float64](a, `(r => [r.left + r.width / 2, r.top + r.height / 2])(document.querySelector("form.next button").getBoundingClientRect())`)
	mouse := func(kind input.DispatchMouseEventType) {
		call(a, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: at[0], Y: at[1], Button: input.MouseButtonLeft, ClickCount: 1})
	}
	mouse(input.DispatchMouseEventTypeMousePressed)
	get(a, chromedp.Evaluate[bool](`fetch(location.pathname).then(r => r.text()).then(page => {
		const live = document.querySelector("[hx-sse\\:connect]");
		const next = new DOMParser().parseFromString(page, "text/html").querySelector("[hx-sse\\:connect]").innerHTML;
		htmx.swap({text: next + "<p>drawn anew</p>", target: live, sourceElement: live, swap: live.getAttribute("hx-swap")});
		return true;
	})`, chromedp.EvalAwaitPromise))
	mouse(input.DispatchMouseEventTypeMouseReleased)
	a.sees("update_add_htlc")
	alice.ask(t, nil, "stepmode", "false")
	bob.ask(t, nil, "waitinvoice", "tea")
}
