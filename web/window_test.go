package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdpnet "github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"

	"github.com/leyden-ln/leyden/web/sequence"
)

func TestInTwoWindowsAnInvoiceIsMadeScannedAndPaid(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	alice, bob := couple(t)
	b := bob.windowIn(t)
	b.click(`a[href="/receive"]`)
	b.fill("#amount", "25 000")
	b.fill("#description", "1 t-shirt, size M")
	b.fill("#label", "t-shirt")
	b.click("form .main")
	b.at("/invoices/")
	b.sees("25\u202f000\u00a0sat", "waiting")
	text11 := js[string](b, `document.getElementById("bolt11").value`)
	js[bool](b, `window.notReloaded = true`)
	for _, size := range [][2]int64{{1280, 900}, {360, 740}, {2560, 1300}} {
		b.size(size[0], size[1])
		if got := b.scan(); got != "LIGHTNING:"+strings.ToUpper(text11) {
			t.Fatalf("the QR code at %d pixels says %s, not %s", size[0], got, text11)
		}
	}
	scanned := b.scan()

	a := alice.windowIn(t)
	a.click(`a[href="/pay"]`)
	a.fill("#invoice", scanned)
	a.sees("1 t-shirt, size M", "bob", "hops now: 1") // nothing was clicked
	a.click(`form[action="/pay/send"] .main`)
	a.at("/payments/")
	js[bool](a, `window.notReloaded = true`)
	a.sees("✓ Paid", "25\u202f000\u00a0sat", "1 t-shirt, size M")
	b.sees("✓ Paid", "25\u202f000\u00a0sat")
	if !js[bool](a, `window.notReloaded === true`) || !js[bool](b, `window.notReloaded === true`) {
		t.Error("a page was loaded again")
	}

	for _, w := range []*window{a, b} {
		w.looksInside(w == a)
	}
}

// looksInside goes from a payment, or from its invoice, to the picture of it, which has the
// seven steps in their order.
func (w *window) looksInside(payer bool) {
	w.t.Helper()
	until(w.t, "the last step is there", func() bool {
		w.open("/inside/" + js[string](w, `location.pathname.split("/")[2]`))
		return js[bool](w, `[...document.querySelectorAll(".sequence text.step")].some(e => e.textContent === "close HTLC signed")`)
	})
	drawn := js[[]string](w, `[...document.querySelectorAll(".sequence text.step")].map(e => e.textContent)`)
	first := map[string]int{}
	for i, name := range drawn {
		if _, again := first[name]; !again {
			first[name] = i
		}
	}
	last := -1
	for _, name := range sequence.Names {
		at, ok := first[name]
		if !ok && name == "find path" && !payer { // the payer finds it
			continue
		}
		if !ok || at < last {
			w.t.Errorf("%s: the step %q is missing or too early in %v", w.h.pages.self.Alias, name, drawn)
		}
		last = at
	}
	w.click(".sequence a.k-add")
	if at := w.path(); !strings.Contains(at, "#step-") {
		w.t.Errorf("an arrow leads to %s", at)
	}
}

func TestWithoutAScriptAllTheFormsWork(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	alice, bob := couple(t)
	b := bob.window(t)
	b.noScript()
	b.open(strings.TrimPrefix(bob.pages.Link(), bob.pages.URL()))
	b.at("/")
	b.open("/receive")
	b.fill("#amount", "1000")
	b.fill("#description", "tea")
	b.fill("#label", "tea")
	b.click("form .main")
	b.at("/invoices/")
	b.sees("waiting", "until 20") // no countdown
	scanned := b.scan()

	a := alice.window(t)
	a.noScript()
	a.open(strings.TrimPrefix(alice.pages.Link(), alice.pages.URL()))
	a.at("/")
	a.open("/pay")
	a.fill("#invoice", scanned)
	a.click("form button:not([name])")
	a.sees("tea", "hops now: 1")
	a.click(`form[action="/pay/send"] .main`)
	a.at("/payments/")
	a.sees("✓ Paid") // a page that is not done asks again by itself
	b.open(b.path())
	b.sees("✓ Paid")
	b.open("/invoices")
	b.fill("#text", "te")
	b.click(".filter button")
	b.at("/invoices?text=te")
	b.sees("tea", "1 shown")
	b.click(`button[value="dark"]`)
	b.becomes("is dark", `document.documentElement.dataset.theme === "dark"`)
	b.at("/invoices?text=te")
	b.click(`button[value="de"]`)
	b.becomes("speaks German", `document.documentElement.lang === "de" && document.body.innerText.includes("1 gezeigt")`)
	b.at("/invoices?text=te")
	b.click(`form[action="/logout"] button`)
	b.at("/login")
}

func TestABrowserComesInByAGoodLinkOnly(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	h := newHouse(t, newChain(t), "alice")
	w := h.window(t)
	if w.open("/invoices"); w.path() != "/login" {
		t.Errorf("who is not logged in is at %s", w.path())
	}
	w.fill("#ticket", "wrong")
	w.click("form .main")
	w.sees("leyden web", text("login.wrong"))
	w.fill("#ticket", h.pages.Link()) // the whole link, typed
	w.click("form .main")
	w.at("/")
	w.sees("What happened last")
	if got := js[string](w, `document.cookie`); got != "" {
		t.Errorf("a script can read the cookie %q", got)
	}
}

// Pages of another site that the owner visits while logged in.
func TestAnotherSiteCanDoNothingInTheOwnersBrowser(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	h := newHouse(t, newChain(t), "alice")
	w := h.windowIn(t)
	evil := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/post": // a form that sends itself
			fmt.Fprintf(rw, `<form method=post action="%s/receive"><input name=amount value=any><input name=label value=forged></form><script>document.forms[0].submit()</script>`, h.http.URL)
		case "/frame":
			fmt.Fprintf(rw, `<main>framed</main><iframe src="%s/"></iframe>`, h.http.URL)
		case "/fetch":
			fmt.Fprintf(rw, `<main id=out></main><script>fetch("%s/",{credentials:"include"}).then(r=>r.text()).then(t=>out.textContent="read "+t,e=>out.textContent="refused")</script>`, h.http.URL)
		}
	}))
	t.Cleanup(evil.Close)
	w.wander(evil.URL + "/post")
	w.sees(text("guard.site"))
	w.wander(evil.URL + "/fetch")
	w.sees("refused")
	w.wander(evil.URL + "/frame")
	w.sees("framed")
	frames := call(w, page.GetFrameTree, cdp.Empty{}).FrameTree
	for _, f := range frames.ChildFrames {
		if strings.HasPrefix(f.Frame.URL, h.http.URL) && f.Frame.UnreachableURL == "" {
			t.Errorf("another site frames %s", f.Frame.URL)
		}
	}
	// A name of the attacker's that points here: the browser has no cookie for it, and
	// is told nothing.
	port := h.http.URL[strings.LastIndex(h.http.URL, ":"):]
	if status := w.goTo("http://" + elsewhere + port + "/"); status != http.StatusMisdirectedRequest {
		t.Errorf("a name that points here gave %d", status)
	}
	w.sees(text("guard.host"))
	cookies := call(w, cdpnet.GetCookies, cdpnet.GetCookiesParams{URLs: []string{h.http.URL}}).Cookies
	if len(cookies) != 1 || !cookies[0].HTTPOnly || cookies[0].SameSite != cdpnet.CookieSameSiteStrict {
		t.Errorf("the session's cookie is %+v", cookies)
	}
	var all struct{ Invoices []json.RawMessage }
	if h.ask(t, &all, "listinvoices"); len(all.Invoices) != 0 {
		t.Errorf("an invoice was made: %s", all.Invoices)
	}
	w.mu.Lock()
	w.wrong = nil // what the other site was refused, which the browser reports
	w.mu.Unlock()
}

func TestNoTextOfAnInvoiceBreaksAPage(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	h := newHouse(t, newChain(t), "alice")
	w := h.windowIn(t)
	for i, evil := range []string{
		`<script>document.title="broken"</script>"><img src=x onerror="document.title='broken'">`,
		"{{.}} ${1} javascript:document.title='broken'",
		"pay \u202etihs-t\u202c \u2066x\u2069\u200f",
		strings.Repeat("w", 600),
		"شاي بالنعناع 250 مل", "日本語の説明文" + strings.Repeat("茶", 120), "👩\u200d🚀 e\u0301",
	} {
		label := fmt.Sprintf("%d %s", i, evil)
		var made struct {
			Hash string `json:"payment_hash"`
			Text string `json:"bolt11"`
		}
		h.ask(t, &made, "invoice", "1000sat", label, evil)
		for _, path := range []string{"/invoices/" + made.Hash, "/invoices", "/pay?invoice=" + made.Text, "/"} {
			w.open(path)
			if title := js[string](w, `document.title`); strings.Contains(title, "broken") || !strings.Contains(title, "Leyden") {
				t.Errorf("%s ran a script of %.30q: %s", path, evil, title)
			}
			for _, width := range []int64{360, 1280} {
				w.size(width, 800)
				w.fits(fmt.Sprintf("%s with %.20q at %d", path, evil, width))
			}
		}
	}
}

// fits says that nothing of a page is wider than its window, or than the box in
// which it stands.
func (w *window) fits(what string) {
	w.t.Helper()
	wide := js[[]string](w, `(() => {
		const name = e => e.tagName.toLowerCase() + (e.className.baseVal ?? e.className ? "." + (e.className.baseVal ?? e.className) : "");
		const page = document.documentElement, over = [];
		if (page.scrollWidth > page.clientWidth) over.push("the page, by " + (page.scrollWidth - page.clientWidth));
		for (const e of document.querySelectorAll("main *, header *"))
			if (e.clientWidth && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === "visible" && getComputedStyle(e).display !== "inline") over.push(name(e));
		return over.slice(0, 5);
	})()`)
	if len(wide) > 0 {
		w.t.Errorf("%s: too wide: %v", what, wide)
	}
}
