package web

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/internal/race"
)

func TestChannelsAreOpenedPricedAndClosedFromThePages(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	alice, bob := couple(t)
	a := alice.in(t)
	channels := func() []channelRow {
		var out struct{ Channels []channelRow }
		alice.ask(t, &out, "listpeerchannels")
		return out.Channels
	}
	id := channels()[0].ID

	has(t, "the form of the terms", a.get("/channels/"+id+"/terms").body, `name="base"`, "<bdi>bob</bdi>")
	if r := a.post("/channels/"+id+"/terms", "base", "7", "ppm", "11", "min", "", "max", "5 000"); r.status != http.StatusSeeOther {
		t.Fatalf("terms: %d %s", r.status, r.body)
	}
	if c := channels()[0]; c.FeeBase != 7 || c.FeePPM != 11 {
		t.Errorf("the terms are %d and %d", c.FeeBase, c.FeePPM)
	}
	if r := a.post("/channels/"+id+"/terms", "base", "much"); r.status != 422 || channels()[0].FeeBase != 7 {
		t.Errorf("wrong terms: %d", r.status)
	}

	has(t, "the form of a new one", a.get("/open").body, "The funding transaction costs about", "leyden feerates perkb")
	for _, wrong := range [][]string{
		{"peer", bob.node.ID().String(), "amount", "", "unit", "sat"},
		{"peer", bob.node.ID().String(), "amount", "1000", "unit", "msat"},
		{"peer", bob.node.ID().String(), "amount", "90 000 000", "unit", "sat"},
		{"peer", "nobody", "amount", "200000", "unit", "sat"},
	} {
		if r := a.post("/open", wrong...); r.status != 422 || !strings.Contains(r.body, `role="alert"`) {
			t.Errorf("%v gave %d", wrong, r.status)
		}
	}
	opened := a.post("/open", "peer", bob.node.ID().String()+"@"+bob.node.Addr().String(), "amount", "200 000", "unit", "sat", "rate", "normal", "announce", "yes")
	if opened.status != http.StatusSeeOther || len(channels()) != 2 {
		t.Fatalf("%d, %d channels: %s", opened.status, len(channels()), opened.body)
	}
	has(t, "the channels", a.get("/channels").body, "waits for blocks", ">open<")
	mine(t, 6, alice, bob)
	until(t, "the new channel is open", func() bool { return !strings.Contains(a.get("/channels").body, "waits for blocks") })
	second := channels()[1].ID

	has(t, "the question", a.get("/channels/"+id+"/close").body, "Both sides sign", "leyden close "+id+" 0")
	if r := a.post("/channels/" + id + "/close"); r.status != http.StatusSeeOther || alice.chain.Waiting() != 1 {
		t.Fatalf("%d, %d transactions wait: %s", r.status, alice.chain.Waiting(), r.body)
	}
	has(t, "the channels", a.get("/channels").body, ">closing<")

	if err := bob.node.Close(); err != nil {
		t.Fatal(err)
	}
	has(t, "the second question", a.get("/channels/"+second+"/close?force=yes").body, "which we pay", "blocks (about", "Yes, close it by force", "leyden close "+second+" 1")
	if r := a.post("/channels/"+second+"/close", "force", "yes"); r.status != http.StatusSeeOther {
		t.Fatalf("%d %s", r.status, r.body)
	}
	until(t, "our commitment is broadcast", func() bool { return alice.chain.Waiting() >= 2 })
	mine(t, 1, alice)
	until(t, "the page says when the money is back", func() bool {
		return strings.Contains(a.get("/channels").body, "comes back on-chain: locked")
	})
	for _, path := range []string{"/channels/" + strings.Repeat("0", 64) + "/close", "/channels/zz/terms"} {
		if r := a.get(path); r.status != http.StatusNotFound {
			t.Errorf("%s gave %d", path, r.status)
		}
	}
}

func TestCoinsAreSentAfterASecondQuestion(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	alice, bob := couple(t)
	a, b := alice.in(t), bob.in(t)
	made := b.post("/onchain/address", "kind", "p2tr")
	has(t, "Bob's new address", made.body, `class="qr"`, "leyden newaddr p2tr")
	to := regexp.MustCompile(`id="address">(bcrt1p[0-9a-z]+)<`).FindStringSubmatch(made.body)
	if to == nil {
		t.Fatalf("no address: %s", made.body)
	}
	form := []string{"to", to[1], "sum", "12 345", "unit", "sat", "fee", "normal"}
	has(t, "the question", a.post("/onchain/send", form...).body, to[1], "12 345 sat", "does not come back", "leyden withdraw "+to[1]+" 12345sat normal")
	if n := alice.chain.Waiting(); n != 0 {
		t.Fatalf("%d transactions before the answer", n)
	}
	sent := a.post("/onchain/send", append(form, "sure", "yes")...)
	if sent.status != http.StatusSeeOther || alice.chain.Waiting() != 1 {
		t.Fatalf("%d, %d transactions wait: %s", sent.status, alice.chain.Waiting(), sent.body)
	}
	has(t, "the answer", a.get(sent.header.Get("Location")).body, "Sent:", "must confirm")
	mine(t, 1, alice, bob)
	has(t, "Bob's coins", b.get("/onchain").body, "12\u202f345\u00a0sat", ">confirmed<")
	for _, wrong := range [][]string{
		{"to", "", "sum", "1", "unit", "sat"}, {"to", to[1], "sum", "", "unit", "sat"}, {"to", to[1], "sum", "-1", "unit", "sat"},
		{"to", "<script>alert(1)</script>", "sum", "1000", "unit", "sat", "sure", "yes"}, {"to", to[1], "sum", "21", "unit", "btc", "sure", "yes"},
	} {
		if r := a.post("/onchain/send", wrong...); r.status != 422 || strings.Contains(r.body, "<script>alert") || alice.chain.Waiting() != 0 {
			t.Errorf("%v gave %d", wrong, r.status)
		}
	}
}

func TestWhoForwardsSeesWhatItEarned(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	row := inARow(t, "alice", "carol", "bob")
	var made struct {
		Text string `json:"bolt11"`
	}
	for _, label := range []string{"one", "two", "three"} {
		row[2].ask(t, &made, "invoice", "10000sat", label, label)
		row[0].ask(t, nil, "pay", made.Text)
	}
	c := row[1].in(t)
	until(t, "the last one is settled", func() bool {
		return strings.Contains(c.get("/forwards").body, "3 shown, 30\u202f000\u00a0sat moved, 3.300\u00a0sat earned")
	})
	has(t, "those that failed", c.get("/forwards?status=failed").body, "Nothing is here", "leyden listforwards failed")
	body := c.get("/forwards?before=3").body
	has(t, "a page of the older ones", body, "2 shown", "Newest")
}

func TestTheSettingsMakeBackups(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	h := newHouse(t, newChain(t), "alice")
	b := h.in(t)
	has(t, "the settings", b.get("/settings?level=debug").body, h.node.ID().String(), "leyden getlog debug", "leyden getinfo")
	file := filepath.Join(t.TempDir(), "copy.sqlite3")
	has(t, "the answer", b.post("/settings/backup", "file", file).body, "The copy is made")
	if s, err := os.Stat(file); err != nil || s.Size() == 0 {
		t.Errorf("no copy: %v", err)
	}
	if r := b.post("/settings/backup", "file", file); r.status != 422 {
		t.Errorf("a second copy over the first gave %d", r.status)
	}
	scb := b.post("/settings/channels.json")
	has(t, "the static backup", scb.body, `"scb"`)
	if got := scb.header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") {
		t.Errorf("it is shown as %q", got)
	}
}
