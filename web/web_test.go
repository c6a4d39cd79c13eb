package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
	"github.com/leyden-ln/leyden/web/door"
	"github.com/leyden-ln/leyden/web/sequence"
	"github.com/leyden-ln/leyden/web/words"
)

// text is what the pages say to who speaks English.
func text(key string, args ...any) string { return words.For("en", "").Text(key, args...) }

// longest is how long a test waits for what nodes do by themselves.
const longest = 3 * time.Minute

// house is a node with its pages.
type house struct {
	chain *regtest.Chain
	node  *node.Node
	pages *Server
	http  *httptest.Server
}

var colors = map[string][3]byte{"alice": {0xe8, 0x4a, 0x5f}, "bob": {0x2a, 0x9d, 0x8f}, "carol": {0xe9, 0xc4, 0x6a}}

func newHouse(t *testing.T, c *regtest.Chain, alias string, change ...func(*node.Config)) *house {
	t.Helper()
	config := node.Config{
		Dir: ready.Dir(t, t.TempDir()), Network: c.Params(), Source: c, Alias: alias, Color: colors[alias], Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
		Fatal: func(err error) { panic(err) },
	}
	for _, f := range change {
		f(&config)
	}
	n, err := node.Open(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	if err := door.DoWithout(n.Dir()); err != nil { // else each first visit would ask for a password
		t.Fatal(err)
	}
	s := servePages(t, Config{Node: n, Dir: n.Dir()})
	h := &house{chain: c, node: n, pages: s, http: httptest.NewServer(s)}
	t.Cleanup(h.http.Close)
	if err := s.Announce(h.http.Listener); err != nil {
		t.Fatal(err)
	}
	return h
}

func servePages(t *testing.T, c Config) *Server {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	s, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func newChain(t *testing.T) *regtest.Chain {
	t.Helper()
	if race.Enabled { // where all takes longer, half of it is to wait for gossip
		t.Parallel()
	}
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Mine(110, nil); err != nil { // coinbases mature after 100
		t.Fatal(err)
	}
	return c
}

// couple is Alice, who has a channel to Bob.
func couple(t *testing.T) (alice, bob *house) {
	t.Helper()
	row := inARow(t, "alice", "bob")
	return row[0], row[1]
}

// inARow is houses each of which has a channel to the next one.
func inARow(t *testing.T, names ...string) (row []*house) {
	t.Helper()
	c := newChain(t)
	for _, name := range names {
		row = append(row, newHouse(t, c, name))
	}
	for _, h := range row[:len(row)-1] {
		h.fund(t, 2_000_000)
	}
	mine(t, 1, row...)
	for i, h := range row[:len(row)-1] {
		h.ask(t, nil, "connect", row[i+1].node.ID().String()+"@"+row[i+1].node.Addr().String())
		h.ask(t, nil, "fundchannel", row[i+1].node.ID().String(), "1000000")
	}
	mine(t, 6, row...)
	for _, h := range row {
		until(t, "both directions of each channel are known", func() bool {
			var known struct{ Channels []json.RawMessage }
			h.ask(t, &known, "listchannels")
			return len(known.Channels) == 2*(len(row)-1)
		})
		until(t, "the others' names are known", func() bool {
			var known struct{ Nodes []struct{ Alias string } }
			h.ask(t, &known, "listnodes")
			for _, other := range row {
				if other != h && !slices.ContainsFunc(known.Nodes, func(n struct{ Alias string }) bool { return n.Alias == other.pages.self.Alias }) {
					return false
				}
			}
			return true
		})
	}
	return row
}

// fund sends coins to a house's wallet, by a transaction that waits for a block.
func (h *house) fund(t *testing.T, sum amount.Satoshi) {
	t.Helper()
	var made struct{ Bech32 string }
	h.ask(t, &made, "newaddr")
	a, err := address.DecodeAddress(made.Bech32, h.chain.Params())
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.chain.Send(script, sum); err != nil {
		t.Fatal(err)
	}
}

// mine adds blocks to the chain of the houses, and waits until they have seen them.
func mine(t *testing.T, blocks int, houses ...*house) {
	t.Helper()
	if _, err := houses[0].chain.Mine(blocks, nil); err != nil {
		t.Fatal(err)
	}
	tip, err := houses[0].chain.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the nodes have seen the blocks", func() bool {
		return !slices.ContainsFunc(houses, func(h *house) bool { return h.node.Synced() != tip.Height })
	})
}

// until looks again and again until something is so. Most of the time is not its own: a
// look may take longer than what it waits for.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(longest)
	for begin := time.Now(); !ok(); begin = time.Now() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(min(max(3*time.Since(begin), 5*time.Millisecond), 100*time.Millisecond))
	}
}

func (h *house) ask(t *testing.T, out any, method string, params ...string) {
	t.Helper()
	raw, err := json.Marshal(append([]string{}, params...))
	if err != nil {
		t.Fatal(err)
	}
	res, err := api.Call(t.Context(), h.node, method, raw)
	if err != nil {
		t.Fatalf("%s %v: %v", method, params, err)
	}
	if out == nil {
		return
	}
	if raw, err = json.Marshal(res); err == nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// apiCall gives a node a command, which it may refuse.
func apiCall(t *testing.T, h *house, method string, params json.RawMessage) (any, error) {
	t.Helper()
	return api.Call(t.Context(), h.node, method, params)
}

// browser is somebody at a page, who follows no redirect without being told.
type browser struct {
	t       *testing.T
	h       *house
	cookies map[string]string
	csrf    string
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (h *house) browser(t *testing.T) *browser {
	return &browser{t: t, h: h, cookies: map[string]string{}}
}

// in is a browser that has logged in.
func (h *house) in(t *testing.T) *browser {
	t.Helper()
	b := h.browser(t)
	if a := b.get(strings.TrimPrefix(h.pages.Link(), h.pages.URL())); a.status != http.StatusSeeOther || a.header.Get("Location") != "/" {
		t.Fatalf("the link gave %d %s", a.status, a.body)
	}
	return b
}

func (b *browser) do(method, path string, form url.Values, change ...func(*http.Request)) answer {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), longest)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, b.h.http.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for _, c := range change {
		c(r)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	if !strings.HasSuffix(res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || res.Header.Get("X-Frame-Options") != "DENY" {
		b.t.Errorf("%s %s has the policy %q", method, path, res.Header.Get("Content-Security-Policy"))
	}
	if m := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindSubmatch(body); m != nil {
		b.csrf = string(m[1])
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func (b *browser) get(path string, change ...func(*http.Request)) answer {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil, change...)
}

// post sends a form of one of our pages.
func (b *browser) post(path string, pairs ...string) answer {
	b.t.Helper()
	if b.csrf == "" {
		b.get("/receive")
	}
	form := url.Values{"csrf": {b.csrf}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

func has(t *testing.T, what, body string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(body, w) {
			t.Errorf("%s has no %q:\n%.30000s", what, w, body)
		}
	}
}

// listen follows the changes of a page until one of them has the text.
func (b *browser) listen(path, text string) string {
	b.t.Helper()
	a := b.get(path) // ends when the server says that it is done
	if !strings.Contains(a.body, text) || a.header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		b.t.Errorf("%s: %d, no %q in %.2000s", path, a.status, text, a.body)
	}
	return a.body
}

func TestAnInvoiceOfOnePageIsPaidFromAnother(t *testing.T) {
	alice, bob := couple(t)
	a, b := alice.in(t), bob.in(t)

	has(t, "Bob's form", b.get("/receive").body, "You can receive", `name="amount"`)
	made := b.post("/receive", "amount", "25 000", "unit", "sat", "label", "t-shirt", "description", "1 t-shirt, size M", "expiry", "90 minutes")
	path := made.header.Get("Location")
	if made.status != http.StatusSeeOther || !strings.HasPrefix(path, "/invoices/") {
		t.Fatalf("%d %s", made.status, made.body)
	}
	page := b.get(path)
	has(t, "Bob's invoice", page.body, "1 t-shirt, size M", `class="qr"`, `href="lightning:lnbcrt`, "data-until", "leyden waitinvoice t-shirt", `hx-sse:connect="`+path+`/live"`, "hx-sse:close")
	text11 := regexp.MustCompile(`lnbcrt[0-9a-z]+`).FindString(page.body)
	live := make(chan string)
	go func() { live <- b.listen(path+"/live", "event: done") }()

	has(t, "Alice's form", a.get("/pay").body, `name="invoice"`)
	read := a.post("/pay", "invoice", "LIGHTNING:"+strings.ToUpper(text11))
	has(t, "what Alice reads", read.body, "1 t-shirt, size M", "<b><bdi>bob</bdi></b>", "hops now: 1, for a fee of 0\u00a0sat, with a probability of 100%", "Pay 25\u202f000\u00a0sat", "leyden decode "+text11)
	sent := a.post("/pay/send", "invoice", text11, "label", "from the page")
	if sent.status != http.StatusSeeOther {
		t.Fatalf("%d %s", sent.status, sent.body)
	}
	receipt := sent.header.Get("Location")
	a.listen(receipt+"/live", "event: done")
	has(t, "the receipt", a.get(receipt).body, "✓ Paid", "25\u202f000\u00a0sat", "from the page", "leyden checkreceipt", "leyden pay "+text11)
	has(t, "Bob's page, by itself", <-live, "data: ", "✓ Paid")
	has(t, "the receipt as a file", a.get(receipt+"/receipt.json").body, `"payment_preimage"`, text11)
	has(t, "Alice's second try", a.post("/pay", "invoice", text11).body, "You have paid this invoice already")

	hash := strings.TrimPrefix(receipt, "/payments/")
	for who, in := range map[string]*browser{"payer": a, "payee": b} {
		var body string
		until(t, "the last step was seen by the "+who, func() bool {
			body = in.get("/inside/" + hash).body
			return strings.Contains(body, ">close HTLC signed</text>")
		})

		for _, name := range sequence.Names {
			if name == "find path" && who == "payee" {
				continue
			}
			has(t, "the picture of the "+who, body, ">"+name+"</text>")
		}
		has(t, "the picture of the "+who, body, "update_add_htlc", "revoke_and_ack", "update_fulfill_htlc", ">alice</text>", ">bob</text>")
	}

	has(t, "Alice's home", a.get("/").body, "1 t-shirt, size M", "−25\u202f000")
	has(t, "Bob's home", b.get("/").body, "+25\u202f000", "leyden listfunds")
	has(t, "Bob's invoices", b.get("/invoices?text=shirt&status=paid").body, "t-shirt", "1 shown, 25\u202f000\u00a0sat received", "leyden searchinvoices shirt paid --limit=50")
	has(t, "Alice's payments", a.get("/payments").body, "1 shown, 25\u202f000\u00a0sat sent", receipt)
	has(t, "Alice's channels", a.get("/channels").body, `class="ours"`, "<bdi>bob</bdi>", ">open<")
	has(t, "a part for a script", b.get("/invoices?text=nothing", func(r *http.Request) { r.Header.Set("HX-Request", "true") }).body, "Nothing is here")
}

func TestOnlyWhoHasALinkComesIn(t *testing.T) {
	h := newHouse(t, newChain(t), "alice")
	b := h.browser(t)
	for _, path := range []string{"/", "/receive", "/invoices", "/payments", "/channels", "/inside/" + strings.Repeat("0", 64), "/nothing"} {
		if a := b.get(path); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login" {
			t.Errorf("%s gave %d", path, a.status)
		}
	}
	if a := b.do(http.MethodPost, "/receive", url.Values{"amount": {"any"}}); a.status != http.StatusUnauthorized {
		t.Errorf("an invoice without a login gave %d", a.status)
	}
	has(t, "the login", b.get("/login").body, "leyden web")

	link, err := door.NewLink(h.node.Dir(), door.All)
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(link, h.pages.URL())
	wrong := strings.Replace(path, "ticket=", "ticket=A", 1)
	if a := b.get(wrong); a.status != http.StatusForbidden || len(b.cookies) != 0 {
		t.Errorf("a wrong link gave %d", a.status)
	}
	a := b.get(path)
	cookie := a.header.Get("Set-Cookie")
	if a.status != http.StatusSeeOther || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") {
		t.Errorf("the link gave %d, %q", a.status, cookie)
	}
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("home gave %d", a.status)
	}
	if a := h.browser(t).get(path); a.status != http.StatusForbidden {
		t.Errorf("the link worked twice: %d", a.status)
	}
	old := maps.Clone(b.cookies)
	if a := b.post("/logout"); a.status != http.StatusSeeOther {
		t.Errorf("logout gave %d", a.status)
	}
	b.cookies = old
	if a := b.get("/"); a.status != http.StatusSeeOther {
		t.Errorf("after the logout, home gave %d", a.status)
	}
	if _, err := door.NewLink(t.TempDir(), door.All); err != door.ErrOff {
		t.Errorf("a folder without a node: %v", err)
	}
}

func TestOtherSitesCanDoNothing(t *testing.T) {
	h := newHouse(t, newChain(t), "alice")
	b := h.in(t)
	b.get("/receive")
	form := url.Values{"csrf": {b.csrf}, "amount": {"any"}, "unit": {"sat"}, "label": {"forged"}, "description": {"x"}}
	without := url.Values{"amount": {"any"}, "unit": {"sat"}, "label": {"forged"}, "description": {"x"}}
	other := url.Values{"csrf": {strings.Repeat("A", len(b.csrf))}, "amount": {"any"}, "unit": {"sat"}, "label": {"forged"}, "description": {"x"}}
	for what, a := range map[string]answer{
		"no token":       b.do(http.MethodPost, "/receive", without),
		"a wrong token":  b.do(http.MethodPost, "/receive", other),
		"another origin": b.do(http.MethodPost, "/receive", form, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }),
		"no origin":      b.do(http.MethodPost, "/receive", form, func(r *http.Request) { r.Header.Set("Origin", "null") }),
		"another site":   b.do(http.MethodPost, "/receive", form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }),
		"another port":   b.do(http.MethodPost, "/receive", form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }),
	} {
		if a.status != http.StatusForbidden {
			t.Errorf("%s gave %d", what, a.status)
		}
	}
	named := servePages(t, Config{Node: h.node, Dir: ready.Dir(t, t.TempDir()), Hosts: []string{"node.example"}})
	for host, want := range map[string]int{
		"evil.example": 421, "evil.example:80": 421, "127.0.0.1.evil.example": 421, "": 421, "localhost": 200, "localhost:9750": 200,
		"[::1]:9750": 200, "192.0.2.7": 200, "node.example:443": 200, "NODE.EXAMPLE": 200,
	} {
		r := httptest.NewRequest(http.MethodGet, "/login", nil)
		r.Host = host
		w := httptest.NewRecorder()
		named.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q gave %d, not %d", host, w.Code, want)
		}
	}
	var all struct{ Invoices []json.RawMessage }
	if h.ask(t, &all, "listinvoices"); len(all.Invoices) != 0 {
		t.Errorf("an invoice was made: %s", all.Invoices)
	}
	if a := b.post("/theme", "theme", "dark", "back", "//evil.example"); a.header.Get("Location") != "/" {
		t.Errorf("a page sends to %q", a.header.Get("Location"))
	}
	has(t, "a dark page", b.get("/").body, `data-theme="dark"`)
}

func TestNoTextCanLookLikeThePage(t *testing.T) {
	race.Leave(t, onePage)
	h := newHouse(t, newChain(t), "alice")
	b := h.in(t)
	script := `<script>alert(1)</script>"><img src=x onerror=alert(1)>`
	bidi := "pay \u202etihs-t\u202c \u2066x\u2069\u200f\x07"
	long := strings.Repeat("w", 600)
	for i, evil := range []string{script, bidi, long} {
		label := fmt.Sprint(i, evil)
		a := b.post("/receive", "amount", "1", "unit", "sat", "label", label, "description", evil)
		if a.status != http.StatusSeeOther {
			t.Fatalf("%.40q: %d %s", evil, a.status, a.body)
		}
		for _, path := range []string{a.header.Get("Location"), "/invoices", "/invoices?text=" + url.QueryEscape(evil), "/"} {
			// Of a search, the table alone: its field has what was typed, as it was.
			body := b.get(path, func(r *http.Request) { r.Header.Set("HX-Request", "true") }).body
			if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") || strings.ContainsAny(body, "\u202e\u2066\u200f\x07") {
				t.Errorf("%s shows %.40q as it is", path, evil)
			}
		}
		a = b.post("/receive", "amount", "1", "unit", "sat", "label", label, "description", evil) // the label exists
		if a.status != 422 || strings.Contains(a.body, "<script>alert") {
			t.Errorf("a second one gave %d", a.status)
		}
	}
	for _, path := range []string{"/invoices/" + long, "/payments/zz", "/inside/" + strings.Repeat("0", 64), "/invoices/" + strings.Repeat("F", 64), "/static/x/style.css"} {
		if a := b.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s gave %d", path, a.status)
		}
	}
}

func TestOneOriginMayShowThePagesInAFrame(t *testing.T) {
	race.Leave(t, onePage)
	h := newHouse(t, newChain(t), "alice")
	s := servePages(t, Config{Node: h.node, Dir: ready.Dir(t, t.TempDir()), Framer: "http://127.0.0.1:7"})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/login", nil))
	if got := w.Header().Get("Content-Security-Policy"); !strings.HasSuffix(got, "frame-ancestors http://127.0.0.1:7") || w.Header().Get("X-Frame-Options") != "" {
		t.Errorf("the policy is %q", got)
	}
}

func TestTheFirstPageIsSmallAndWhole(t *testing.T) {
	race.Leave(t, onePage)
	h := newHouse(t, newChain(t), "alice")
	b := h.in(t)
	page := b.get("/")
	size := len(page.body)
	if strings.Contains(page.body, " style=") || strings.Contains(page.body, "<style") || regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(page.body) {
		t.Error("the page has inline style or script, which its policy forbids")
	}
	found := regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(found) != 5 {
		t.Errorf("the page loads %v", found)
	}
	for _, m := range found {
		a := h.browser(t).get(m[1])
		if a.status != http.StatusOK || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s gave %d", m[1], a.status)
		}
		size += len(a.body)
	}
	if size >= 100_000 {
		t.Errorf("the first page has %d bytes", size)
	}
	t.Logf("first page: %d bytes, %d of them HTML", size, len(page.body))
}
