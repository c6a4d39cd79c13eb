package web

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	cdpnet "github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/leyden-ln/leyden/web/door"
	"github.com/leyden-ln/leyden/web/sequence"
)

// looks are the ways in which each page is shown: in which language, how wide the window
// is, and which colours the system prefers.
var looks = []struct {
	name, lang string
	width      int64
	height     int64
	colour     string
}{
	{"light", "en", 1280, 800, "light"}, {"dark", "en", 1280, 800, "dark"}, {"narrow", "en", 360, 740, "light"}, {"narrow-dark", "en", 360, 740, "dark"},
	{"wide", "en", 2560, 1440, "light"}, {"german", "de", 1280, 800, "light"}, {"german-narrow", "de", 360, 740, "dark"}, {"german-wide", "de", 2560, 1440, "light"},
}

// speaks sets the language that somebody has chosen.
func (w *window) speaks(lang string) {
	w.t.Helper()
	call(w, cdpnet.SetCookie, cdpnet.SetCookieParams{Name: languageCookie, Value: lang, URL: w.h.http.URL})
}

// colours sets those that the system prefers.
func (w *window) colours(preferred string) {
	w.t.Helper()
	call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: preferred}},
	})
}

// gallery looks at pages in each of the ways; folder is where their pictures go, axe the
// script that says what is wrong. Each may be empty. With few, it looks at two of the ways.
type gallery struct {
	folder, axe string
	few         bool
}

func (g gallery) show(name string, w *window, path string) {
	w.t.Helper()
	lang := ""
	for i, look := range looks {
		if g.few && i%6 != 0 { // the first, and one that is all else
			continue
		}
		if look.lang != lang {
			lang = look.lang
			w.speaks(lang)
			w.open(path)
			if on, clicked := clicks[name]; clicked {
				w.click(on.click)
				w.becomes("shows what was clicked for", `!!document.querySelector("`+on.shows+`")`)
			}
			if g.axe != "" {
				w.do(chromedp.Evaluate[chromedp.Void](g.axe))
			}
		}
		w.size(look.width, look.height)
		w.colours(look.colour)
		w.fits(name + ", " + look.name)
		if g.axe != "" && look.width != 2560 {
			w.accessible(name + ", " + look.name)
		}
		if g.folder != "" {
			w.picture(filepath.Join(g.folder, name+"-"+look.name+".png"), chromedp.FullScreenshot(100))
		}
	}
}

// Each page as it is shown: nothing is cut off, and axe-core finds nothing wrong. As
// pictures too, in the folder that SCREENSHOTS names (make screenshots), to be looked at.
func TestEveryPageFitsEachWindow(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	folder := os.Getenv("SCREENSHOTS")
	row := inARow(t, "alice", "carol", "bob")
	alice, carol, bob := row[0], row[1], row[2]
	made := map[string]string{} // the text of an invoice by its description
	hash := map[string]string{}
	for _, i := range []struct{ amount, label, description string }{
		{"21000sat", "espresso-1", "One espresso"}, {"250000sat", "shirt-1", "1 t-shirt, size M"}, {"any", "donations", "Thank you for the music"},
		{"1500sat", "tea-7", "شاي بالنعناع"}, {"900000sat", "bicycle", "A used bicycle, with lights, a lock and a bell that rings"},
		{"12000sat", "order-31", "2 cups of Ethiopian coffee"}, {"3000sat", "juice-4", "A glass of juice"},
	} {
		var out struct {
			Hash string `json:"payment_hash"`
			Text string `json:"bolt11"`
		}
		bob.ask(t, &out, "invoice", i.amount, i.label, i.description)
		made[i.label], hash[i.label] = out.Text, out.Hash
	}
	alice.ask(t, nil, "createwebhook", "http://127.0.0.1:1/paid", "payment") // where nobody is
	aRune(t, alice)
	for _, label := range []string{"espresso-1", "shirt-1", "tea-7"} {
		alice.ask(t, nil, "pay", made[label])
	}
	held, end := heldBy(t, alice, bob)
	defer end()
	waiting := waitingCoin(t, alice)
	alice.ask(t, nil, "datastore", `["labels","`+waiting[:64]+`"]`, "Savings for a bicycle with lights")
	until(t, "somebody was to be told of a payment", func() bool {
		var found struct{ Deliveries []struct{ Outcome string } }
		alice.ask(t, &found, "listwebhookdeliveries", "1")
		return len(found.Deliveries) > 0 && found.Deliveries[0].Outcome != ""
	})
	a, b, c := alice.windowIn(t), bob.windowIn(t), carol.windowIn(t)
	until(t, "the last step is there", func() bool {
		var seen struct{ Traces []sequence.Trace }
		alice.ask(t, &seen, "traces", hash["shirt-1"])
		return len(seen.Traces) > 0 && seen.Traces[len(seen.Traces)-1].Step == "close HTLC signed"
	})
	var channels struct{ Channels []channelRow }
	carol.ask(t, &channels, "listpeerchannels")
	ofCarol := channels.Channels[0].ID
	axe := axeSource(t)
	bob.settle(17_000, 50_000)
	looking := alice.window(t)
	link, err := door.NewLink(alice.node.Dir(), door.Look)
	if err != nil {
		t.Fatal(err)
	}
	looking.goTo(link)
	if err := door.SetPassword(carol.node.Dir(), "correct horse battery"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(bob.node.Dir(), "web-password.json")); err != nil { // he has not decided yet
		t.Fatal(err)
	}
	g := gallery{folder: folder, axe: axe}
	show := g.show
	paid := heldSteps(t, alice, made["juice-4"])
	show("home-step", a, "/")
	show("inside-step", a, "/inside/"+hash["juice-4"])
	paid()
	for _, p := range []struct {
		name string
		w    *window
		path string
	}{
		{"home", b, "/"},
		{"home-of-who-pays", a, "/"},
		{"receive", b, "/receive"},
		{"invoice", b, "/invoices/" + hash["bicycle"]},
		{"invoice-any", b, "/invoices/" + hash["donations"]},
		{"invoice-paid", b, "/invoices/" + hash["shirt-1"]},
		{"invoices", b, "/invoices"},
		{"invoices-none", b, "/invoices?text=nothing+like+it"},
		{"pay", a, "/pay"},
		{"pay-decoded", a, "/pay?invoice=" + made["donations"]},
		{"pay-wrong", a, "/pay?invoice=lnbc1wrong"},
		{"pay-paid", a, "/pay?invoice=" + made["shirt-1"]},
		{"payment", a, "/payments/" + hash["shirt-1"]},
		{"payments", a, "/payments"},
		{"inside", a, "/inside/" + hash["shirt-1"]},
		{"inside-forwarder", c, "/inside/" + hash["shirt-1"]},
		{"inside-payee", b, "/inside/" + hash["shirt-1"]},
		{"channels", c, "/channels"},
		{"channels-more", c, "/channels"},
		{"open", a, "/open"},
		{"terms", c, "/channels/" + ofCarol + "/terms"},
		{"close", c, "/channels/" + ofCarol + "/close"},
		{"close-by-force", c, "/channels/" + ofCarol + "/close?force=yes"},
		{"forwards", c, "/forwards"},
		{"network", c, "/network"},
		{"network-large", b, "/network"},
		{"network-route", a, "/network?to=" + bob.node.ID().String() + "&amount=25000"},
		{"onchain", a, "/onchain"},
		{"bump", a, "/onchain/bump?coin=" + waiting},
		{"settings", a, "/settings"},
		{"metrics", a, "/settings/metrics"},
		{"label", a, "/onchain/label?of=" + waiting[:64]},
		{"runes", a, "/settings/runes"},
		{"rune-made", a, "/settings/runes"},
		{"webhooks", a, "/settings/webhooks"},
		{"webhook", a, "/settings/webhooks/1"},
		{"webhook-delete", a, "/settings/webhooks/1?delete=yes"},
		{"delete", b, "/delete?what=invoice&label=tea-7&status=paid"},
		{"invoice-held", b, "/invoices/" + held},
		{"notfound", a, "/nothing"},
		{"login", alice.window(t), "/login"},
		{"login-password", carol.window(t), "/login"},
		{"password", a, "/password"},
		{"password-first", b, "/password"},
		{"home-look", looking, "/"},
		{"onchain-look", looking, "/onchain"},
		{"forbidden", looking, "/pay"},
	} {
		show(p.name, p.w, p.path)
	}
	if folder == "" {
		return
	}
	for _, p := range []struct {
		name, path string
		w          *window
		height     int64
	}{{"receive-with-qr", "/invoices/" + hash["order-31"], b, 1010}, {"inside-a-payment", "/inside/" + hash["shirt-1"], a, 900}} {
		p.w.colours("light")
		p.w.speaks("en")
		p.w.size(900, p.height)
		p.w.open(p.path)
		p.w.picture(filepath.Join(folder, p.name+".png"), chromedp.CaptureScreenshot())
	}
}

// clicks are what is clicked on a page before it is looked at, and what is then there.
var clicks = map[string]struct{ click, shows string }{
	"rune-made": {`form[action="/settings/runes"] .main`, "#rune"}, "channels-more": {".channel summary", ".channel details[open]"},
}

// heldSteps is a payment of which the second step is held; paid lets it go on to its end.
func heldSteps(t *testing.T, h *house, text11 string) (paid func()) {
	t.Helper()
	h.ask(t, nil, "stepmode", "true")
	raw, err := json.Marshal([]string{text11})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := apiCall(t, h, "pay", raw)
		ended <- err
	}()
	for i, step := range []string{"find path", "add HTLC"} {
		until(t, step+" is held", func() bool {
			var held stepMode
			h.ask(t, &held, "liststeps")
			return len(held.Held) == 1 && held.Held[0].Step == step
		})
		if i == 0 {
			h.ask(t, nil, "nextstep")
		}
	}
	return func() {
		h.ask(t, nil, "stepmode", "false")
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// heldBy is a payment to a house that waits for its answer; end sends it back.
func heldBy(t *testing.T, payer, payee *house) (hash string, end func()) {
	t.Helper()
	hash = strings.Repeat("5e", 32)
	var inv struct{ Bolt11 string }
	payee.ask(t, &inv, "holdinvoice", hash, "33000sat", "desk-4", "A desk, made to measure")
	raw, err := json.Marshal([]string{inv.Bolt11})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = apiCall(t, payer, "pay", raw) // it fails, when it is sent back
	}()
	until(t, "the payment is held", func() bool {
		var found struct{ HoldInvoices []struct{ State string } }
		payee.ask(t, &found, "listholdinvoices", hash)
		return found.HoldInvoices[0].State == "accepted"
	})
	return hash, func() {
		payee.ask(t, nil, "cancelholdinvoice", hash)
		<-ended
	}
}

// aRune makes a rune that allows to look.
func aRune(t *testing.T, h *house) {
	t.Helper()
	if _, err := apiCall(t, h, "createrune", json.RawMessage(`{"restrictions": "readonly"}`)); err != nil {
		t.Fatal(err)
	}
}

// waitingCoin is a coin of a transaction that waits for a block.
func waitingCoin(t *testing.T, h *house) string {
	t.Helper()
	var made struct{ Bech32 string }
	h.ask(t, &made, "newaddr")
	h.ask(t, nil, "withdraw", made.Bech32, "100000", "slow")
	var funds struct {
		Outputs []struct {
			Txid, Status string
			Output       int
		}
	}
	h.ask(t, &funds, "listfunds")
	for _, o := range funds.Outputs {
		if o.Status == "unconfirmed" {
			return fmt.Sprintf("%s:%d", o.Txid, o.Output)
		}
	}
	t.Fatal("no coin waits")
	return ""
}

// axeSource is axe-core, the script of axe.min.js that AXE names: it says what of a page
// people cannot see, reach or understand who use a keyboard or a screen reader, or who
// see little. Empty where there is none; continuous integration has one.
func axeSource(t *testing.T) string {
	t.Helper()
	path := os.Getenv("AXE")
	if path == "" {
		if os.Getenv("LEYDEN_CI") != "" {
			t.Fatal("AXE names no axe.min.js (npm's axe-core)")
		}
		t.Log("NOT TESTED: whether the pages are accessible: AXE names no axe.min.js (npm's axe-core)")
		return ""
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// accessible says that axe-core, which the page has been given, finds nothing wrong.
func (w *window) accessible(what string) {
	w.t.Helper()
	wrong := get(w, chromedp.Evaluate[[]string](`axe.run(document, {resultTypes: ["violations"]}).then(r =>
		r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join(" | ")))`, chromedp.EvalAwaitPromise))
	for _, v := range wrong {
		w.t.Errorf("%s: %s", what, v)
	}
}

func (w *window) picture(path string, of chromedp.Action[[]byte]) {
	w.t.Helper()
	if err := os.WriteFile(path, get(w, of), 0o600); err != nil {
		w.t.Fatal(fmt.Errorf("a picture: %w", err))
	}
}
