package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// longest is how long a test waits for what nodes do by themselves.
const longest = 60 * time.Second

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(longest)
	for begin := time.Now(); !ok(); begin = time.Now() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(min(max(3*time.Since(begin), 2*time.Millisecond), 100*time.Millisecond))
	}
}

func newChain(t *testing.T) *regtest.Chain {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Mine(110, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func newNode(t *testing.T, c *regtest.Chain) *node.Node {
	t.Helper()
	n, err := node.Open(context.Background(), node.Config{
		Dir: ready.Dir(t, t.TempDir()), Network: c.Params(), Source: c, Listen: "127.0.0.1:0",
		Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// client is somebody with a rune, or without.
type client struct {
	t    *testing.T
	url  string
	http *http.Client
	rune string
}

// log is what a server has logged.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve serves a node to a client whose rune may do everything.
func serve(t *testing.T, n *node.Node) (*client, *log) {
	t.Helper()
	return serveBy(t, n, &Server{})
}

// serveBy serves a node by a server that is given its node here.
func serveBy(t *testing.T, n *node.Node, s *Server) (*client, *log) {
	t.Helper()
	l, err := Listen(t.Context(), n.Dir(), "127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	var logged log
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	s.Node, s.Log = n, slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	go func() { done <- s.Serve(ctx, l) }()
	pem, err := os.ReadFile(filepath.Join(n.Dir(), CertFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate")
	}
	c := &client{t: t, url: "https://" + l.Addr().String(), http: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}}
	t.Cleanup(func() {
		c.http.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	c.rune = c.make(n, `{}`)
	return c, &logged
}

// make makes a rune.
func (c *client) make(n *node.Node, params string) string {
	c.t.Helper()
	res, err := api.Call(c.t.Context(), n, "createrune", json.RawMessage(params))
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := json.Marshal(res)
	if err != nil {
		c.t.Fatal(err)
	}
	var made struct{ Rune string }
	if err := json.Unmarshal(b, &made); err != nil {
		c.t.Fatal(err)
	}
	return made.Rune
}

func (c *client) request(method, path, body string, headers ...string) (int, string, http.Header) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), longest)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.rune != "" {
		r.Header.Set("rune", c.rune)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

func (c *client) post(name, body string, headers ...string) (int, string) {
	c.t.Helper()
	status, text, _ := c.request("POST", "/v1/"+name, body, headers...)
	return status, text
}

// must gives a command that must succeed.
func (c *client) must(name, body string) map[string]any {
	c.t.Helper()
	status, text := c.post(name, body)
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); status != http.StatusCreated || err != nil || strings.Count(text, "\n") != 1 {
		c.t.Fatalf("%s %s: %d %s, %v", name, body, status, text, err)
	}
	return out
}

func refusalOf(t *testing.T, text string) (code int, message string) {
	t.Helper()
	var e struct {
		Code    int
		Message string
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil || e.Message == "" {
		t.Errorf("%q is no refusal: %v", text, err)
	}
	return e.Code, e.Message
}

func TestACommandIsAnsweredAsByCLNRest(t *testing.T) {
	n := newNode(t, newChain(t))
	c, logged := serve(t, n)
	reads := c.make(n, `{"restrictions": "readonly"}`)
	revoked := c.make(n, `{}`)
	c.must("blacklistrune", `{"start": 2}`)
	slow := c.make(n, `{"restrictions": [["rate=1"]]}`)
	slip := strings.Repeat("5e", 31) + "5"
	for _, x := range []struct {
		name, method, path, body string
		headers                  []string
		status, code             int
	}{
		{"JSON by name", "POST", "/v1/invoice", `{"amount_msat": 1000, "label": "a", "description": "b", "expiry": null, "fallbacks": null}`, nil, 201, 0},
		{"JSON by position", "POST", "/v1/invoice", `["any", "b", "c"]`, nil, 201, 0},
		{"a form", "POST", "/v1/invoice", `amount_msat=1000&label=c&description=one+tea%21`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 201, 0},
		{"JSON that curl calls a form", "POST", "/v1/listinvoices", `{"label": "c"}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 201, 0},
		{"no parameters", "POST", "/v1/getinfo", "", nil, 201, 0},
		{"another name", "POST", "/v1/invokerune", `{"restrictions": "readonly"}`, nil, 201, 0},
		{"a refusal", "POST", "/v1/invoice", `{"amount_msat": 1000, "label": "a", "description": "b"}`, nil, 500, 900},
		{"a wrong parameter", "POST", "/v1/invoice", `{"amount": 1000}`, nil, 500, -32602},
		{"no such command", "POST", "/v1/dream", `{}`, nil, 404, -32601},
		{"no such path", "POST", "/v1/a/b", `{}`, nil, 404, -32601},
		{"broken JSON", "POST", "/v1/getinfo", `{"a"`, nil, 400, -32700},
		{"not JSON", "POST", "/v1/getinfo", `a=b`, []string{"Content-Type", "application/json"}, 400, -32700},
		{"a value twice", "POST", "/v1/getinfo", `a=b&a=c`, nil, 400, -32700},
		{"neither", "POST", "/v1/getinfo", `%%`, nil, 400, -32700},
		{"too long", "POST", "/v1/getinfo", `{"a": "` + strings.Repeat("x", maxBody) + `"}`, nil, 413, -32700},
		{"deep", "POST", "/v1/getinfo", strings.Repeat("[", 100_000), nil, 400, -32700},
		{"not UTF-8", "POST", "/v1/invoice", "[1, \"\xff\", \"d\"]", nil, 500, -32602},
		{"a preimage with a slip of the pen", "POST", "/v1/settleholdinvoice", `{"preimage": "` + slip + `"}`, nil, 500, -32602},
		{"a long name", "POST", "/v1/getinfo", `{"` + strings.Repeat("x", maxBody/2) + `": 1}`, nil, 500, -32602},
		{"a long command", "POST", "/v1/" + strings.Repeat("x", maxHeader/2), `{}`, nil, 404, -32601},
		{"deep and whole", "POST", "/v1/getinfo", strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), nil, 500, -32602},
		{"reading", "POST", "/v1/listinvoices", `{}`, []string{"rune", reads}, 201, 0},
		{"not reading", "POST", "/v1/invoice", `["any", "d", "d"]`, []string{"rune", reads}, 401, 1502},
		{"of a command that is not there", "POST", "/v1/listdreams", `{}`, []string{"rune", reads}, 404, -32601},
		{"revoked", "POST", "/v1/getinfo", `{}`, []string{"rune", revoked}, 401, 1503},
		{"another's", "POST", "/v1/getinfo", `{}`, []string{"rune", "OSqc7ixY6F-gjcigBfxtzKUI54uzgFSA6YfBQoWGDV89MA=="}, 401, 1501},
		{"garbage", "POST", "/v1/getinfo", `{}`, []string{"rune", "%"}, 401, 1501},
		{"no rune", "POST", "/v1/getinfo", `{}`, []string{"rune", ""}, 403, 1501},
		{"once", "POST", "/v1/getinfo", `{}`, []string{"rune", slow}, 201, 0},
		{"and soon again", "POST", "/v1/getinfo", `{}`, []string{"rune", slow}, 401, 1502},
		{"a key for what is no payment", "POST", "/v1/invoice", `["any", "e", "e"]`, []string{"Idempotency-Key", "k"}, 400, -32602},
	} {
		status, text, header := c.request(x.method, x.path, x.body, x.headers...)
		if status != x.status || strings.Count(text, "\n") != 1 || header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %.200s", x.name, status, text)
		}
		if x.code != 0 {
			if code, message := refusalOf(t, text); code != x.code || len(message) > 500 {
				t.Errorf("%s: code %d (%s), want %d", x.name, code, message, x.code)
			}
		}
	}
	if status, _, _ := c.request("GET", "/v1/getinfo", ""); status != http.StatusNotFound {
		t.Errorf("a command by GET: %d", status)
	}
	var labels []string
	for _, inv := range c.must("listinvoices", `{}`)["invoices"].([]any) {
		labels = append(labels, inv.(map[string]any)["label"].(string))
	}
	if !slices.Equal(labels, []string{"a", "b", "c"}) {
		t.Errorf("invoices %q", labels)
	}
	for _, secret := range []string{c.rune, reads, revoked, slow, slip} {
		if text := logged.text(); strings.Contains(text, secret) || strings.Contains(text, secret[:20]) {
			t.Errorf("a rune or preimage is in the log: %s", text)
		}
	}
	if !strings.Contains(logged.text(), "code=900") {
		t.Errorf("a refusal is not in the log: %s", logged.text())
	}
}

func TestTheDescriptionAndThePageAreOfTheTable(t *testing.T) {
	n := newNode(t, newChain(t))
	c, _ := serve(t, n)
	c.rune = ""
	status, text, _ := c.request("GET", "/v1/openapi.json", "")
	var d struct {
		OpenAPI string
		Paths   map[string]struct {
			Post struct {
				RequestBody struct {
					Content map[string]struct {
						Schema struct {
							Properties map[string]map[string]any
							Required   []string
						}
					}
				}
				Responses map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &d); status != 200 || err != nil || d.OpenAPI != "3.1.0" || len(d.Paths) != len(api.Table()) {
		t.Fatalf("%d, %v, %d paths", status, err, len(d.Paths))
	}
	invoice := d.Paths["/v1/invoice"].Post
	s := invoice.RequestBody.Content["application/json"].Schema
	if !slices.Equal(s.Required, []string{"amount_msat", "label", "description"}) || s.Properties["expiry"]["type"] != "integer" || !strings.Contains(string(invoice.Responses["201"]), "bolt11") {
		t.Errorf("invoice: %+v", s)
	}
	status, text, header := c.request("GET", "/", "")
	if status != 200 || !strings.Contains(header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %v", status, header)
	}
	for _, x := range api.Table() {
		if !strings.Contains(text, `<h2 id="`+x.Name+`">`) {
			t.Errorf("%s is not on the page", x.Name)
		}
	}
}

func TestTheCertificateIsMadeOnceAndForLocalhost(t *testing.T) {
	dir := t.TempDir()
	first, err := certificate(dir, "node.example")
	if err != nil {
		t.Fatal(err)
	}
	again, err := certificate(dir, "127.0.0.1")
	if err != nil || !bytes.Equal(first.Certificate[0], again.Certificate[0]) {
		t.Errorf("another certificate: %v", err)
	}
	leaf, err := x509.ParseCertificate(first.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "node.example"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, keyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info.Mode(), err)
	}
	// A crash between the two files.
	if err := os.Remove(filepath.Join(dir, keyFile)); err != nil {
		t.Fatal(err)
	}
	if again, err = certificate(dir, "localhost"); err != nil || bytes.Equal(first.Certificate[0], again.Certificate[0]) {
		t.Errorf("the old certificate without its key: %v", err)
	}
	// What the owner has put there is not replaced.
	if err := os.Remove(filepath.Join(dir, CertFile)); err != nil {
		t.Fatal(err)
	}
	if _, err = certificate(dir, "localhost"); err == nil {
		t.Error("a key that stands alone was replaced")
	}
}

func TestTooManyConnectionsAreClosedAndTheOthersServed(t *testing.T) {
	var lc net.ListenConfig
	tcp, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := atMost(tcp, 2)
	defer l.Close()
	served := make(chan net.Conn, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(served)
				return
			}
			served <- c
		}
	}()
	dial := func() net.Conn {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := dial(), dial()
	defer a.Close()
	defer b.Close()
	one, _ := <-served, <-served
	c := dial()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a third is served")
	}
	one.Close()
	one.Close() // twice gives one place back
	d := dial()
	defer d.Close()
	if x := <-served; x == nil {
		t.Error("the place is not free again")
	}
	e := dial()
	if _, err := e.Read(make([]byte, 1)); err == nil {
		t.Error("a place too many is free")
	}
}

// pair is two nodes with a channel from the first to the second, each with a client.
func pair(t *testing.T) (alice, bob *client) {
	t.Helper()
	c := newChain(t)
	a, b := newNode(t, c), newNode(t, c)
	alice, _ = serve(t, a)
	bob, _ = serve(t, b)
	addr, err := address.DecodeAddress(alice.must("newaddr", "")["bech32"].(string), c.Params())
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(script, 2_000_000); err != nil {
		t.Fatal(err)
	}
	mine := func(blocks int) {
		if _, err := c.Mine(blocks, nil); err != nil {
			t.Fatal(err)
		}
		tip, err := c.Tip(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		until(t, "both have seen the blocks", func() bool { return a.Synced() == tip.Height && b.Synced() == tip.Height })
	}
	mine(1)
	alice.must("connect", fmt.Sprintf(`["%s@%s"]`, b.ID(), b.Addr()))
	alice.must("fundchannel", fmt.Sprintf(`{"id": "%s", "amount": 1000000}`, b.ID()))
	mine(6)
	until(t, "the channel carries payments", func() bool { return alice.must("getinfo", "")["num_active_channels"] == 1.0 })
	return alice, bob
}

func TestTheCallsOfClients(t *testing.T) {
	alice, bob := pair(t)
	field := func(m map[string]any, path ...any) any {
		t.Helper()
		var v any = m
		for _, p := range path {
			switch p := p.(type) {
			case string:
				m, ok := v.(map[string]any)
				if !ok || m[p] == nil {
					t.Fatalf("no %v in %v", path, v)
				}
				v = m[p]
			case int:
				l, ok := v.([]any)
				if p < 0 {
					p += len(l)
				}
				if !ok || p >= len(l) || p < 0 {
					t.Fatalf("no %v in %v", path, v)
				}
				v = l[p]
			}
		}
		return v
	}
	// LNbits, CLNRestWallet: a wallet that makes an invoice and is told of its payment.
	field(alice.must("listfunds", `{}`), "channels", 0, "our_amount_msat")
	made := bob.must("invoice", `{"amount_msat": 5000000, "description": "one tea", "label": "lnbits a1", "expiry": 3600, "preimage": null, "deschashonly": null, "exposeprivatechannels": true}`)
	hash, bolt11 := field(made, "payment_hash").(string), field(made, "bolt11").(string)
	waited := make(chan map[string]any)
	go func() { waited <- bob.must("waitanyinvoice", `{"lastpay_index": 0, "timeout": null}`) }()
	paid := alice.must("pay", fmt.Sprintf(`{"bolt11": "%s", "maxfee": 5000, "description": null}`, bolt11))
	if field(paid, "payment_hash") != hash || field(paid, "status") != "complete" || field(paid, "amount_sent_msat") != 5000000.0 {
		t.Errorf("paid %v", paid)
	}
	preimage := field(paid, "payment_preimage")
	if w := <-waited; field(w, "payment_hash") != hash || field(w, "pay_index") != 1.0 {
		t.Errorf("waited %v", w)
	}
	listed := bob.must("listinvoices", fmt.Sprintf(`{"payment_hash": "%s"}`, hash))
	if field(listed, "invoices", -1, "status") != "paid" || field(listed, "invoices", 0, "amount_received_msat") != 5000000.0 {
		t.Errorf("listed %v", listed)
	}
	pays := alice.must("listpays", fmt.Sprintf(`{"payment_hash": "%s"}`, hash))
	if len(field(pays, "pays").([]any)) != 1 || field(pays, "pays", -1, "status") != "complete" || field(pays, "pays", 0, "preimage") != preimage {
		t.Errorf("pays %v", pays)
	}
	status, text := bob.post("waitanyinvoice", `{"lastpay_index": 1, "timeout": 0}`)
	if code, _ := refusalOf(t, text); status != 500 || code != 904 {
		t.Errorf("a wait that timed out: %d %s", status, text)
	}
	// Zeus: xpay and its receipt again; a payment by key.
	made = bob.must("invoice", `{"label": "zeus.1", "amount_msat": 7000, "description": "", "expiry": 86400, "exposeprivatechannels": true}`)
	request := fmt.Sprintf(`{"invstring": "%s", "maxfee": 10000, "retry_for": 60}`, field(made, "bolt11"))
	status, first := alice.post("xpay", request, "Idempotency-Key", "order 7")
	if status != 201 {
		t.Fatalf("%d %s", status, first)
	}
	if status, again := alice.post("xpay", request, "Idempotency-Key", "order 7"); status != 201 || again != first {
		t.Errorf("again: %d %s, first %s", status, again, first)
	}
	other := bob.must("invoice", `["8000", "zeus.2", ""]`)
	status, text = alice.post("xpay", fmt.Sprintf(`{"invstring": "%s"}`, field(other, "bolt11")), "Idempotency-Key", "order 7")
	if code, _ := refusalOf(t, text); status != 422 || code != -32602 {
		t.Errorf("another payment with the same key: %d %s", status, text)
	}
	if status, _ := alice.post("xpay", request, "Idempotency-Key", strings.Repeat("k", 256)); status != 400 {
		t.Errorf("a long key: %d", status)
	}
	if got := field(bob.must("listinvoices", `["zeus.2"]`), "invoices", 0, "status"); got != "unpaid" {
		t.Errorf("the other is %v", got)
	}
	// RTL and Zeus: what their pages ask for. The first field of a list is the list.
	id := field(bob.must("getinfo", ""), "id")
	for _, call := range [][2]string{
		{"getinfo", `{}`}, {"listfunds", `{}`}, {"listpeers", `{}`}, {"listpeerchannels", `{}`}, {"listnodes", fmt.Sprintf(`{"id": "%s"}`, id)},
		{"listchannels", `{}`}, {"listinvoices", `{"index": "created", "start": 0, "limit": 100}`}, {"listpays", `{}`}, {"listsendpays", `{}`},
		{"listforwards", `{"status": "settled"}`}, {"listconfigs", `{}`}, {"feerates", `{"style": "perkb"}`}, {"newaddr", `{"addresstype": "bech32"}`},
		{"signmessage", `{"message": "zeus"}`}, {"listclosedchannels", `{}`}, {"autoclean-once", `["expiredinvoices", 1]`},
		{"decode", fmt.Sprintf(`{"string": "%s"}`, bolt11)}, {"checkmessage", fmt.Sprintf(`{"message": "m", "zbase": "d9tibmnic9t5y41hg7hkakdcra94akas9ku3rmmj4ag9mritc8ok4p5qzefs78c9pqfhpuftqqzhydbdwfg7u6w6wdxcqpqn4sj4e73e", "pubkey": "%s"}`, id)},
		{"getroute", fmt.Sprintf(`{"id": "%s", "amount_msat": 1000, "riskfactor": 0}`, id)}, {"setchannel", `{"id": "all", "feebase": 1, "feeppm": 10}`},
		{"keysend", fmt.Sprintf(`{"destination": "%s", "amount_msat": 2000}`, id)}, {"xkeysend", fmt.Sprintf(`{"destination": "%s", "amount_msat": 2000, "maxfee": null}`, id)},
		{"sql", `{"query": "SELECT payment_hash, status FROM sendpays ORDER BY created_index DESC LIMIT 3"}`}, {"listsqlschemas", `{}`},
		{"getroutes", fmt.Sprintf(`{"source": "%s", "destination": "%s", "amount_msat": 1000, "layers": ["auto.localchans", "auto.sourcefree"], "maxfee_msat": 1000, "final_cltv": 40}`,
			field(alice.must("getinfo", ""), "id"), id)},
		{"listforwards", `{}`}, {"showrunes", `{}`}, {"withdraw", fmt.Sprintf(`{"destination": "%s", "satoshi": "10000", "feerate": "1000perkb"}`, field(bob.must("newaddr", ""), "bech32"))},
		{"disconnect", fmt.Sprintf(`{"id": "%s", "force": true}`, id)}, {"connect", fmt.Sprintf(`{"id": "%s"}`, id)},
	} {
		if status, text := alice.post(call[0], call[1]); status != 201 {
			t.Errorf("%s %s: %d %s", call[0], call[1], status, text)
		}
	}
	// A route by hand, and its end.
	until(t, "the channel is used again", func() bool {
		status, _ := alice.post("getroute", fmt.Sprintf(`{"id": "%s", "amount_msat": 6000, "riskfactor": 0, "cltv": 43}`, id))
		return status == 201
	})
	made = bob.must("invoice", `{"label": "zeus.3", "amount_msat": 6000, "description": "a rebalance"}`)
	route, err := json.Marshal(field(alice.must("getroute", fmt.Sprintf(`{"id": "%s", "amount_msat": 6000, "riskfactor": 0, "cltv": 43}`, id)), "route"))
	if err != nil {
		t.Fatal(err)
	}
	alice.must("sendpay", fmt.Sprintf(`{"route": %s, "payment_hash": "%s", "payment_secret": "%s"}`, route, field(made, "payment_hash"), field(made, "payment_secret")))
	if sent := alice.must("waitsendpay", fmt.Sprintf(`{"payment_hash": "%s", "timeout": 60}`, field(made, "payment_hash"))); field(sent, "status") != "complete" {
		t.Errorf("sent %v", sent)
	}
	// What their pages ask for and this node has not.
	for _, name := range []string{"offer", "listoffers", "disableoffer", "fetchinvoice", "funderupdate", "bkpr-listbalances", "askrene-create-layer"} {
		status, text := alice.post(name, `{}`)
		if code, _ := refusalOf(t, text); status != 404 || code != -32601 {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	alice.must("close", fmt.Sprintf(`{"id": "%s"}`, id))
}

func FuzzBody(f *testing.F) {
	f.Add("application/json", []byte(`{"a": null, "b": [1]}`))
	f.Add("", []byte(`a=b&c=d%20`))
	f.Fuzz(func(t *testing.T, kind string, b []byte) {
		params, err := parse(kind, bytes.TrimSpace(b))
		if err == nil && !json.Valid(params) {
			t.Errorf("%q became %q", b, params)
		}
	})
}
