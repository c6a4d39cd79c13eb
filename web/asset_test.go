package web

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/node"
)

// What the pages say of 1 token of the teashop, whose number is 3.
const tea = " \u2068Tea\u2069\u00a0#3"

// teashop is Alice, who has issued 1000 Tea and has 500 of it in a channel to Bob, and
// Cups that cannot be divided on-chain. 5 Tea of the channel are each side's reserve.
func teashop(t *testing.T) (alice, bob *house) {
	t.Helper()
	c := newChain(t)
	ledger := func(c *node.Config) { c.Assets = tokens.Wish{On: true} }
	alice, bob = newHouse(t, c, "alice", ledger), newHouse(t, c, "bob", ledger)
	alice.fund(t, 2_000_000)
	mineLedgers(t, 1, alice, bob)
	for _, issue := range [][]string{{"fixed", "Tea", "1000"}, {"fixed", "Cups", "12", "false"}} {
		alice.ask(t, nil, "assetissue", issue...)
		mineLedgers(t, 1, alice, bob)
	}
	alice.ask(t, nil, "connect", bob.node.ID().String()+"@"+bob.node.Addr().String())
	raw, err := json.Marshal(map[string]any{"id": bob.node.ID(), "amount": 200_000, "asset": 3, "asset_amount": "500", "minconf": 0, "announce": true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := apiCall(t, alice, "fundchannel", raw); err != nil {
		t.Fatal(err)
	}
	mineLedgers(t, 7, alice, bob)
	until(t, "the channel carries tokens, and Bob can name it", func() bool {
		var found struct{ Channels []channelRow }
		alice.ask(t, &found, "listpeerchannels")
		return found.Channels[0].Asset.Spendable > 0 && len(bob.node.IncomingTokens(3, nil).Hints) == 1
	})
	return alice, bob
}

// mineLedgers is mine for nodes with a ledger, which it waits for too.
func mineLedgers(t *testing.T, blocks int, houses ...*house) {
	t.Helper()
	mine(t, blocks, houses...)
	tip, err := houses[0].chain.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range houses {
		until(t, "the ledger has read the chain", func() bool {
			rows, _, err := h.node.Store().Ledger(t.Context())
			return err == nil && rows.Seen == tip
		})
	}
}

// ours is how many units of Tea a node has in its channels.
func (h *house) ours(t *testing.T) (units uint64) {
	t.Helper()
	var found struct{ Channels []channelRow }
	h.ask(t, &found, "listpeerchannels")
	for _, c := range found.Channels {
		if c.Asset != nil && len(c.HTLCs) == 0 {
			units += uint64(c.Asset.ToUs)
		}
	}
	return units
}

func TestTokensAreInvoicedAndPaidFromPageToPage(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	alice, bob := teashop(t)
	a, b := alice.in(t), bob.in(t)

	form := b.get("/receive").body
	has(t, "Bob's form", form, `<optgroup label="Tokens"><option value="3" selected>`, "You can receive 495"+tea+" now.")
	if strings.Contains(form, "Cups") {
		t.Error("Bob is offered a token of which he has nothing")
	}
	made := b.post("/receive", "amount", "12.5", "unit", "3", "label", "order-7", "description", "a pound of tea", "expiry", "1 hour")
	path := made.header.Get("Location")
	if made.status != http.StatusSeeOther {
		t.Fatalf("%d %s", made.status, made.body)
	}
	page := b.get(path).body
	has(t, "Bob's invoice", page, `<p class="sum">12.5`+tea, "1\u202f250\u202f000\u202f000 of the smallest units", "Your channels can receive 495"+tea, "property 3 of the Omni Layer", `href="lightning:obort3:12500m1`, "leyden waitinvoice order-7")
	text := regexp.MustCompile(`obort3:[0-9a-z]+`).FindString(page)
	live := make(chan string)
	go func() { live <- b.listen(path+"/live", "event: done") }()

	until(t, "the channel is announced", func() bool {
		var known struct{ Channels []json.RawMessage }
		alice.ask(t, &known, "listassetchannels")
		return len(known.Channels) == 2
	})
	has(t, "the network", a.get("/network").body, "Announced channels with tokens", `class="num">500`+tea, "1 shown of 1. Payments in tokens", "leyden listassetchannels")
	has(t, "Bob's channels", a.get("/network?to="+bob.node.ID().String()).body, `class="num">500`+tea)

	read := a.post("/pay", "invoice", "LIGHTNING:"+strings.ToUpper(text))
	has(t, "what Alice reads", read.body, "a pound of tea", bob.node.ID().String(), "over our channels to the payee, without a fee", "At least", "go along with each part", "Pay 12.5"+tea)
	sent := a.post("/pay/send", "invoice", text, "label", "from the page")
	receipt := sent.header.Get("Location")
	a.listen(receipt+"/live", "event: done")
	has(t, "the receipt", a.get(receipt).body, "✓ Paid", `<p class="sum">12.5`+tea, "fee 0"+tea, "sat go along", "1\u202f250\u202f000\u202f000 of the smallest units", "leyden checkreceipt obort3")
	has(t, "Bob's page, by itself", <-live, "✓ Paid", "12.5"+tea)
	has(t, "the receipt as a file", a.get(receipt+"/receipt.json").body, `"amount":"12.5"`, `"asset":"Tea"`, `"amount_units":1250000000`)
	hash := strings.TrimPrefix(receipt, "/payments/")
	until(t, "the HTLC is gone", func() bool { return alice.ours(t)+bob.ours(t) == 50_000_000_000 })
	if got := bob.ours(t); got != 1_250_000_000 {
		t.Errorf("Bob has %d units", got)
	}
	for who, in := range map[string]*browser{"payer": a, "payee": b} {
		until(t, "the last step was seen by the "+who, func() bool { return strings.Contains(in.get("/inside/"+hash).body, ">close HTLC signed</text>") })
		has(t, "the picture of the "+who, in.get("/inside/"+hash).body, "<dd>12.5"+tea, "sat go along", "before 500"+tea+", after 487.5"+tea, "before 0"+tea+", after 12.5"+tea, ">→ 487.5</text>", "The amounts are in \u2068Tea\u2069\u00a0#3.", "<small>before 200\u202f000\u00a0sat, after 19")
	}

	has(t, "Alice's home", a.get("/").body, "−12.5"+tea, `<td data-name="Can be spent" class="num">482.5`+tea,
		`<td data-name="On-chain" class="num">500`+tea, `<td data-name="On-chain" class="num">12`+strings.ReplaceAll(strings.ReplaceAll(tea, "Tea", "Cups"), "3", "4"), "leyden assetbalance")
	has(t, "Bob's home", b.get("/").body, "+12.5"+tea, `<td data-name="Can be received" class="num">482.5`+tea)
	has(t, "Bob's invoices", b.get("/invoices").body, "1 shown, 12.5"+tea+" received")
	has(t, "Bob's invoices as a file", b.get("/invoices.csv").body, "property_id,asset,amount,amount_received", ",3,Tea,12.5,12.5")
	has(t, "Alice's payments", a.get("/payments").body, "1 shown, 12.5"+tea+" sent, 0"+tea+" fees")
	has(t, "Alice's channels", a.get("/channels").body, "ours 487.5"+tea, "<small>487.5"+tea, `width="97.50%"`)
	has(t, "Alice's coins", a.get("/onchain").body, "500"+tea, `value="p2sh-segwit"`, "Send tokens")

	bob.page(t, b, "/receive", "de", "Du kannst jetzt 482,5"+tea+" empfangen.")
	made = b.post("/receive", "amount", "", "unit", "3", "label", "beliebig", "description", "Trinkgeld")
	open := b.get(made.header.Get("Location")).body
	has(t, "Bob's invoice for any amount", open, "beliebiger Betrag", "\u2068Tea\u2069\u00a0#3")
	text = regexp.MustCompile(`obort3:[0-9a-z]+`).FindString(open)
	has(t, "Alice reads that the amount is open", a.post("/pay", "invoice", text).body, `name="amount"`, "Amount, \u2068Tea\u2069\u00a0#3", "Our channels on this way can send 482.5")
	if wrong := a.post("/pay/send", "invoice", text, "amount", "0.000000001"); wrong.status != 422 {
		t.Errorf("less than a unit gave %d", wrong.status)
	}
	paid := a.post("/pay/send", "invoice", text, "amount", "0.5").header.Get("Location")
	a.listen(paid+"/live", "event: done")
	has(t, "what Alice chose", a.get(paid).body, "✓ Paid", `<p class="sum">0.5`+tea)

	much := b.post("/receive", "amount", "1 000", "unit", "3", "label", "viel", "description", "alles")
	open = b.get(much.header.Get("Location")).body
	has(t, "Bob is warned", open, "ein Zahlender findet vielleicht keinen Weg", `role="alert"`)
	has(t, "Alice is warned", a.post("/pay", "invoice", regexp.MustCompile(`obort3:[0-9a-z]+`).FindString(open)).body, "Our channels can send 482"+tea+" now: this payment may fail.")
}

// page is a page in another language.
func (h *house) page(t *testing.T, b *browser, path, lang string, want ...string) {
	t.Helper()
	b.cookies[languageCookie] = lang
	has(t, path+" in "+lang, b.get(path).body, want...)
}

func TestTokensAreReceivedSentAndPutIntoChannelsByForms(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	alice, bob := teashop(t)
	a, b := alice.in(t), bob.in(t)
	got := b.post("/onchain/address", "kind", "p2sh-segwit")
	to := regexp.MustCompile(`id="address">(2[0-9A-Za-z]+)<`).FindStringSubmatch(got.body)
	if to == nil {
		t.Fatalf("no address for tokens: %s", got.body)
	}
	for _, wrong := range [][]string{{"to", "", "sum", "1", "token", "3"}, {"to", to[1], "sum", "x", "token", "3"}, {"to", to[1], "sum", "0.5", "token", "4"}, {"to", to[1], "sum", "1", "token", "77"}, {"to", "nowhere", "sum", "1", "token", "3", "sure", "yes"}} {
		if r := a.post("/onchain/tokens", wrong...); r.status != 422 {
			t.Errorf("%q gave %d", wrong, r.status)
		}
	}
	asked := a.post("/onchain/tokens", "to", to[1], "sum", "2.25", "token", "3")
	has(t, "the question", asked.body, `name="sure" value="yes"`, "leyden assetsend 3 2.25 "+to[1])
	sent := a.post("/onchain/tokens", "to", to[1], "sum", "2.25", "token", "3", "sure", "yes")
	if sent.status != http.StatusSeeOther {
		t.Fatalf("%d %s", sent.status, sent.body)
	}
	has(t, "what is on its way", a.get(sent.header.Get("Location")).body, `<td data-name="On its way" class="num">2.25`+tea)
	mineLedgers(t, 1, alice, bob)
	has(t, "Bob's coins", b.get("/onchain").body, "2.25"+tea, to[1])

	has(t, "the form for a channel", a.get("/open").body, `name="sum"`, "On-chain there are 497.75"+tea)
	peer := bob.node.ID().String()
	if r := a.post("/open", "peer", peer, "amount", "200000", "unit", "sat", "token", "3", "sum", ""); r.status != 422 {
		t.Errorf("no tokens gave %d", r.status)
	}
	if r := a.post("/open", "peer", peer, "amount", "200000", "unit", "sat", "token", "3", "sum", "100.5", "announce", "yes"); r.status != http.StatusSeeOther {
		t.Fatalf("%d %s", r.status, r.body)
	}
	has(t, "the channels", a.get("/channels").body, "100.5"+tea)
	var found struct{ Channels []channelRow }
	alice.ask(t, &found, "listpeerchannels")
	i := slices.IndexFunc(found.Channels, func(c channelRow) bool { return c.Normal() })
	has(t, "the question whether to close", a.get("/channels/"+found.Channels[i].ID+"/close").body, "500"+tea)
}

func TestWithoutALedgerThePagesSayNothingOfTokens(t *testing.T) {
	race.Leave(t, onePage)
	alice, _ := couple(t)
	a := alice.in(t)
	for _, path := range []string{"/", "/receive", "/onchain", "/open", "/channels", "/pay"} {
		if body := a.get(path).body; strings.Contains(body, "Token") || strings.Contains(body, "assetbalance") || strings.Contains(body, `name="token"`) {
			t.Errorf("%s speaks of tokens", path)
		}
	}
}

// A name is its issuer's: it can neither turn the text around it nor pass for another one.
func TestTheNameOfATokenCanNotLookLikeThePage(t *testing.T) {
	race.Leave(t, onePage)
	c := newChain(t)
	alice := newHouse(t, c, "alice", func(c *node.Config) { c.Assets = tokens.Wish{On: true} })
	alice.fund(t, 1_000_000)
	mineLedgers(t, 1, alice)
	for _, name := range []string{"\u202eaeT\u202c", "<b>Tea</b>", strings.Repeat("w", 40)} {
		alice.ask(t, nil, "assetissue", "fixed", name, "7", "false")
		mineLedgers(t, 1, alice)
	}
	a := alice.in(t)
	for _, path := range []string{"/", "/receive", "/onchain", "/open"} {
		body := a.get(path).body
		if strings.ContainsAny(body, "\u202e\u202c") || strings.Contains(body, "<b>Tea") || strings.Contains(body, strings.Repeat("w", 25)) {
			t.Errorf("%s shows a name as it is", path)
		}
		has(t, path, body, "&lt;b&gt;Tea&lt;/b&gt;\u2069\u00a0#4", strings.Repeat("w", 23)+"…\u2069\u00a0#5")
	}
}
