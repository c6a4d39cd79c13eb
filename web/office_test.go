package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/web/door"
)

func TestARuneIsMadeShownOnceAndRevoked(t *testing.T) {
	h := newHouse(t, newChain(t), "alice")
	b := h.in(t)
	has(t, "the form", b.get("/settings/runes").body, "There is no rune yet", `name="what"`, "leyden showrunes")
	made := b.post("/settings/runes", "what", "invoices", "rate", "1000000", "for", "2 days")
	found := regexp.MustCompile(`id="rune">([A-Za-z0-9_=-]+)</code>`).FindStringSubmatch(made.body)
	if made.status != http.StatusOK || found == nil {
		t.Fatalf("%d %s", made.status, made.body)
	}
	has(t, "the new rune", made.body, "not shown again", `class="qr"`, "leyden createrune --restrictions=")
	allowed := func(method, params string) bool {
		raw, err := json.Marshal([]any{found[1], nil, method, json.RawMessage(params)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = apiCall(t, h, "checkrune", raw)
		return err == nil
	}
	if !allowed("invoice", `["any","a","b"]`) || allowed("pay", `["lnbc"]`) || allowed("listpays", `[]`) {
		t.Error("the rune allows something else")
	}
	page := b.get("/settings/runes").body
	if strings.Contains(page, found[1]) {
		t.Error("the rune is shown again")
	}
	has(t, "the list", page, ">good<", "invoice")
	id := regexp.MustCompile(`name="id" value="(\d+)"`).FindStringSubmatch(page)[1]
	if r := b.post("/settings/runes/revoke", "id", id); r.status != http.StatusSeeOther || allowed("invoice", `["any","a","b"]`) {
		t.Errorf("revoked: %d", r.status)
	}
	has(t, "the list", b.get("/settings/runes").body, ">revoked<", "Take it back")
	if r := b.post("/settings/runes/revoke", "id", id, "back", "yes"); r.status != http.StatusSeeOther || !allowed("invoice", `["any","a","b"]`) {
		t.Errorf("taken back: %d", r.status)
	}
	for _, wrong := range [][]string{
		{"what", ""}, {"what", "some"}, {"what", "some", "commands", "pay nothing-like-it"}, {"what", "look", "peer", "me"}, {"what", "look", "rate", "0"},
		{"what", "look", "for", "soon"},
	} {
		if r := b.post("/settings/runes", wrong...); r.status != 422 || !strings.Contains(r.body, `role="alert"`) {
			t.Errorf("%v gave %d", wrong, r.status)
		}
	}
	for form, status := range map[string]int{"x": http.StatusNotFound, "100000000": 422} {
		if r := b.post("/settings/runes/revoke", "id", form); r.status != status {
			t.Errorf("to revoke %s gave %d", form, r.status)
		}
	}
	has(t, "one for all", b.post("/settings/runes", "what", "all").body, "Rune 1 is made", ">everything<")
	has(t, "one for some", b.post("/settings/runes", "what", "some", "commands", "pay, decode").body, "Rune 2 is made")
}

func TestAWebhookIsMadeAndWhatItIsToldIsShown(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	h := newHouse(t, newChain(t), "alice")
	b := h.in(t)
	told, answer := make(chan []byte, 10), make(chan int, 10)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- body
		w.WriteHeader(<-answer)
	}))
	t.Cleanup(shop.Close)
	has(t, "the form", b.get("/settings/webhooks").body, "Nothing is here", `name="events" value="invoice" checked`, "leyden listwebhooks")
	for _, wrong := range [][]string{{"url", shop.URL}, {"url", "ftp://shop", "events", "invoice"}, {"url", shop.URL, "events", "weather"}} {
		if r := b.post("/settings/webhooks", wrong...); r.status != 422 || !strings.Contains(r.body, `role="alert"`) {
			t.Errorf("%v gave %d", wrong, r.status)
		}
	}
	made := b.post("/settings/webhooks", "url", shop.URL+"/paid", "events", "invoice")
	has(t, "the new one", made.body, "not shown again", `id="secret">whsec_`, "leyden createwebhook "+shop.URL+"/paid invoice")
	page := b.get("/settings/webhooks").body
	if strings.Contains(page, "whsec_") {
		t.Error("the secret is shown again")
	}
	has(t, "the list", page, shop.URL+"/paid", ">invoices ")
	at := regexp.MustCompile(`/settings/webhooks/\d+`).FindString(page)
	h.ask(t, nil, "invoice", "1000sat", "tea", "tea")
	answer <- http.StatusNoContent
	if first := <-told; !strings.Contains(string(first), "tea") {
		t.Errorf("it was told %s", first)
	}
	until(t, "it is delivered", func() bool { return strings.Contains(b.get(at).body, ">delivered<") })
	log := b.get(at).body
	has(t, "the log", log, "204", "1 shown of 1 that are kept", "leyden listwebhookdeliveries", `name="event"`)
	event := regexp.MustCompile(`name="event" value="(\d+)"`).FindStringSubmatch(log)[1]
	if r := b.post(at+"/redeliver", "event", event); r.status != http.StatusSeeOther {
		t.Errorf("to deliver it again gave %d", r.status)
	}
	answer <- http.StatusOK
	<-told
	if r := b.post(at+"/redeliver", "event", "99999"); r.status != 422 {
		t.Errorf("to deliver nothing gave %d", r.status)
	}
	has(t, "the question", b.get(at+"?delete=yes").body, "never will be", at+"/delete")
	if r := b.post(at + "/delete"); r.status != http.StatusSeeOther {
		t.Errorf("deleting it gave %d", r.status)
	}
	if r := b.get(at); r.status != http.StatusNotFound {
		t.Errorf("it is still there: %d", r.status)
	}
}

func TestWhatIsDeletedIsAskedForTwice(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	row := inARow(t, "alice", "carol", "bob")
	alice, carol, bob := row[0], row[1], row[2]
	var made struct {
		Text string `json:"bolt11"`
		Hash string `json:"payment_hash"`
	}
	bob.ask(t, &made, "invoice", "10000sat", "tea & <b>cake</b>", "tea")
	alice.ask(t, nil, "pay", made.Text)
	a, b, c := alice.in(t), bob.in(t), carol.in(t)
	until(t, "the forward has ended", func() bool { return strings.Contains(c.get("/forwards").body, "1 shown, 10\u202f000\u00a0sat moved") })
	for who, x := range map[*browser]struct{ page, gone string }{
		b: {"/invoices/" + made.Hash, "/invoices"}, a: {"/payments/" + made.Hash, "/payments"}, c: {"/forwards", "/forwards"},
	} {
		link := regexp.MustCompile(`href="(/delete[^"]+)"`).FindStringSubmatch(who.get(x.page).body)
		if link == nil {
			t.Fatalf("%s has no link to delete it", x.page)
		}
		asked := who.get(strings.ReplaceAll(link[1], "&amp;", "&"))
		has(t, "the question", asked.body, "does not come back", "leyden del")
		var form []string
		for _, m := range regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)">`).FindAllStringSubmatch(asked.body[strings.Index(asked.body, `action="/delete"`):], -1) {
			if m[1] == "csrf" || m[1] == "back" {
				continue
			}
			form = append(form, m[1], strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">").Replace(m[2]))
		}
		if strings.Contains(who.get(x.gone).body, "Nothing is here") {
			t.Errorf("%s: the question deleted it", x.page)
		}
		if r := who.post("/delete", form...); r.status != http.StatusSeeOther || r.header.Get("Location") != x.gone {
			t.Errorf("%v gave %d %s", form, r.status, r.body)
		}
		if !strings.Contains(who.get(x.gone).body, "Nothing is here") {
			t.Errorf("%s: it is still there", x.page)
		}
		if r := who.post("/delete", form...); r.status != 422 {
			t.Errorf("a second time gave %d", r.status)
		}
	}
	if r := a.get("/delete?what=node"); r.status != http.StatusNotFound {
		t.Errorf("to delete the node gave %d", r.status)
	}
}

func TestAHeldInvoiceIsTakenOrSentBack(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	alice, bob := couple(t)
	b := bob.in(t)
	for _, taken := range []bool{true, false} {
		preimage := make([]byte, 32)
		if taken {
			preimage[0] = 1
		}
		sum := sha256.Sum256(preimage)
		hash := hex.EncodeToString(sum[:])
		made := b.post("/receive", "amount", "5000", "unit", "sat", "label", "order "+hash[:4], "description", "order", "hash", hash)
		at := made.header.Get("Location")
		if at != "/invoices/"+hash {
			t.Fatalf("%d %s %s", made.status, at, made.body)
		}
		var inv struct{ Invoices []struct{ Bolt11 string } }
		bob.ask(t, &inv, "listinvoices")
		paid := make(chan error, 1)
		go func() {
			raw, err := json.Marshal([]string{inv.Invoices[len(inv.Invoices)-1].Bolt11})
			if err == nil {
				_, err = apiCall(t, alice, "pay", raw)
			}
			paid <- err
		}()
		until(t, "the payment is held", func() bool { return strings.Contains(b.get(at).body, "waits for your answer") })
		has(t, "the page", b.get(at).body, "sent back by itself in", at+"/settle", at+"/cancel")
		if strings.Contains(b.get(at).body, `class="qr"`) {
			t.Error("what is paid already can be scanned")
		}
		has(t, "home", b.get("/").body, "A payment waits for your answer: order "+hash[:4]+" (blocks left: ")
		if r := b.post(at+"/settle", "preimage", strings.Repeat("ff", 32)); r.status != 422 {
			t.Errorf("a wrong preimage gave %d", r.status)
		}
		path, form := at+"/cancel", []string(nil)
		if taken {
			path, form = at+"/settle", []string{"preimage", hex.EncodeToString(preimage)}
		}
		if r := b.post(path, form...); r.status != http.StatusSeeOther {
			t.Errorf("%s gave %d %s", path, r.status, r.body)
		}
		if err := <-paid; (err == nil) != taken {
			t.Errorf("taken %v: the payer was told %v", taken, err)
		}
	}
	if r := b.post("/receive", "amount", "1", "unit", "sat", "label", "x", "description", "x", "hash", "zz"); r.status != 422 {
		t.Errorf("a wrong hash gave %d", r.status)
	}
}

func TestATransactionThatWaitsIsSpedUp(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	alice, bob := couple(t)
	a := alice.in(t)
	var made struct{ Bech32 string }
	bob.ask(t, &made, "newaddr")
	alice.ask(t, nil, "withdraw", made.Bech32, "100000", "slow")
	page := a.get("/onchain").body
	has(t, "the wallet", page, "speed up", "a new channel", "a payment from here", "from others", "leyden listtransactions", "must confirm")
	link := regexp.MustCompile(`href="(/onchain/bump\?coin=[0-9a-f]{64}(?::|%3a)\d+)"`).FindStringSubmatch(page)
	if link == nil {
		t.Fatal("no coin can be used for it")
	}
	asked := a.get(link[1])
	has(t, "the question", asked.body, "virtual bytes", "out of the coin")
	coin := regexp.MustCompile(`name="coin" value="([^"]+)"`).FindStringSubmatch(asked.body)[1]
	if n := alice.chain.Waiting(); n != 1 {
		t.Fatalf("%d transactions wait", n)
	}
	sent := a.post("/onchain/bump", "coin", coin)
	if sent.status != http.StatusSeeOther || alice.chain.Waiting() != 2 {
		t.Fatalf("%d, %d transactions wait: %s", sent.status, alice.chain.Waiting(), sent.body)
	}
	has(t, "the answer", a.get(sent.header.Get("Location")).body, "Sent:")
	mine(t, 1, alice, bob)
	if r := a.get(link[1]); r.status != http.StatusNotFound {
		t.Errorf("a coin that is spent can be used: %d", r.status)
	}
}

func TestAnOldBackupNeedsAttention(t *testing.T) {
	race.Leave(t, onePage)
	alice, bob := couple(t)
	a := alice.in(t)
	if strings.Contains(a.get("/").body, "The backup of your channels") {
		t.Error("who makes no backups here is told of one")
	}
	has(t, "the settings", a.get("/settings").body, "not downloaded here yet")
	a.post("/settings/channels.json")
	page := a.get("/settings").body
	has(t, "the settings", page, "It was downloaded here just now")
	if strings.Contains(page, "Channels that it lacks") || strings.Contains(a.get("/").body, "The backup of your channels") {
		t.Error("a new backup is old")
	}
	alice.ask(t, nil, "fundchannel", bob.node.ID().String(), "200000")
	has(t, "home", a.get("/").body, "The backup of your channels is old: it lacks 1 of them")
	has(t, "the settings", a.get("/settings").body, "Channels that it lacks: 1")
	a.post("/settings/channels.json")
	if strings.Contains(a.get("/").body, "The backup of your channels") {
		t.Error("the newer backup is old")
	}
}

func TestChannelsShowTheirAgeLimitsAndWhatTheyEarned(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	row := inARow(t, "alice", "carol", "bob")
	var made struct {
		Text string `json:"bolt11"`
	}
	row[2].ask(t, &made, "invoice", "10000sat", "one", "one")
	row[0].ask(t, nil, "pay", made.Text)
	c := row[1].in(t)
	until(t, "the fee is there", func() bool { return strings.Contains(c.get("/channels").body, "1.100\u00a0sat") })
	until(t, "our terms of both channels are known", func() bool { return strings.Count(c.get("/channels").body, "<dt>Limits</dt>") == 2 })
	page := c.get("/channels").body
	has(t, "the channels", page, "of the newest 1 that succeeded", "about 1 hour", "<dt>Limits</dt>")
	until(t, "the peers' time is counted", func() bool {
		return regexp.MustCompile(`<dd>\d+(\.\d)?% of the time \(counted for \d+ (seconds?|minutes?)\)</dd>`).MatchString(c.get("/channels").body)
	})
	id := regexp.MustCompile(`href="(/channels/[0-9a-f]{64}/terms)"`).FindStringSubmatch(page)[1]
	if form := c.get(id).body; !regexp.MustCompile(`name="max"[^>]* value="\d+"`).MatchString(form) {
		t.Errorf("the limits are not filled in: %s", form)
	}
}

func TestAddressesAndTransactionsHaveNamesOfOnesOwn(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	alice, _ := couple(t)
	a := alice.in(t)
	var funds struct {
		Outputs []struct{ Address, Txid string }
	}
	alice.ask(t, &funds, "listfunds")
	address, txid := funds.Outputs[0].Address, funds.Outputs[0].Txid
	has(t, "the wallet", a.get("/onchain").body, `href="/onchain/label?of=`+address, `href="/onchain/label?of=`+txid)
	has(t, "the form", a.get("/onchain/label?of="+address).body, text("name.of.address"), `value=""`)
	for of, name := range map[string]string{address: "savings <b>", txid: "from the shop"} {
		if r := a.post("/onchain/label", "of", of, "name", name); r.status != http.StatusSeeOther || r.header.Get("Location") != "/onchain" {
			t.Fatalf("%s gave %d %s", name, r.status, r.body)
		}
	}
	has(t, "the wallet", a.get("/onchain").body, "<bdi>savings &lt;b&gt;</bdi>", "<bdi>from the shop</bdi>", "leyden listdatastore")
	has(t, "the form of one that has a name", a.get("/onchain/label?of="+txid).body, text("name.of.transaction"), `value="from the shop"`)
	var kept struct {
		Datastore []struct{ String string }
	}
	if alice.ask(t, &kept, "listdatastore", `["labels","`+address+`"]`); len(kept.Datastore) != 1 || kept.Datastore[0].String != "savings <b>" {
		t.Errorf("the command shows %+v", kept)
	}
	for range 2 { // what has no name stays without
		if r := a.post("/onchain/label", "of", address, "name", " "); r.status != http.StatusSeeOther {
			t.Errorf("no name gave %d", r.status)
		}
	}
	if page := a.get("/onchain").body; strings.Contains(page, "savings") || !strings.Contains(page, "from the shop") {
		t.Error("the name is still there, or another one has gone")
	}
	if r := a.post("/onchain/label", "of", address, "name", strings.Repeat("é", 101)); r.status != 422 {
		t.Errorf("a long name gave %d", r.status)
	}
	for _, of := range []string{"", "short", "with space " + address, strings.Repeat("a", 101), `"]` + address} {
		if r := a.get("/onchain/label?of=" + url.QueryEscape(of)); r.status != http.StatusNotFound {
			t.Errorf("%q gave %d", of, r.status)
		}
	}
	looking := alice.as(t, door.Look)
	if page := looking.get("/onchain").body; strings.Contains(page, "/onchain/label") || strings.Contains(page, "from the shop") {
		t.Error("who only looks may read or give names")
	}
}
