package web

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/web/words"
)

// speaking sets the language of somebody's pages.
func (b *browser) speaking(lang string) *browser {
	b.cookies[languageCookie] = lang
	return b
}

// fails pays an invoice from a page, and gives the page of the payment once it has failed.
func (b *browser) fails(text11 string) (path string) {
	b.t.Helper()
	sent := b.post("/pay/send", "invoice", text11)
	if path = sent.header.Get("Location"); sent.status != http.StatusSeeOther {
		b.t.Fatalf("%d %s", sent.status, sent.body)
	}
	b.listen(path+"/live", "event: done")
	return path
}

func TestWhyAPaymentFailedIsSaidInEachLanguage(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	row := inARow(t, "alice", "carol", "bob")
	alice, carol, bob := row[0], row[1], row[2]
	a := alice.in(t)
	text11, _ := letters(t, bob, "tea")
	bob.ask(t, nil, "delinvoice", "tea", "unpaid")
	path := a.fails(text11)
	has(t, "the payment", a.get(path).body, "The payee refused the payment for good. <bdi lang=\"en\">the destination refuses",
		"<small><bdi>bob</bdi>: The payee does not know the payment, or its amount or expiry is another. <bdi lang=\"en\">incorrect_or_unknown_payment_details from node 2 of 2</bdi>")
	a.speaking("de")
	has(t, "the payment in German", a.get(path).body, "Der Empfänger hat die Zahlung endgültig abgelehnt. <bdi lang=\"en\">the destination",
		"<small><bdi>bob</bdi>: Der Empfänger kennt die Zahlung nicht, oder ihr Betrag oder ihr Ablauf ist ein anderer. <bdi lang=\"en\">incorrect")

	var drink, house struct{ Bolt11 string }
	bob.ask(t, &drink, "invoice", "900000sat", "drink", "all that Carol has on that side")
	carol.ask(t, nil, "pay", drink.Bolt11)
	bob.ask(t, &house, "invoice", "500000sat", "house", "more than she has left")
	path = a.fails(house.Bolt11)
	has(t, "what the node between could not carry", a.get(path).body, "<bdi>carol</bdi>: Der nächste Kanal kann ihn gerade nicht tragen; meist hat er auf dieser Seite zu wenig. <bdi lang=\"en\">temporary_channel_failure from node 1 of 2",
		"Kein Weg mit genügend Kapazität ist bekannt. <bdi lang=\"en\">no way")
}

// Every failure that BOLT 4 has a name for, and those that it has none for.
func TestTheCatalogueHasATextForEachFailure(t *testing.T) {
	known := words.Languages()[0].Keys()
	rows := map[string]attemptRow{"ours": {Failure: "WIRE_TEMPORARY_CHANNEL_FAILURE"}, "unreadable": {At: -1}, "unknown": {At: 1}}
	for code := range onion.Code(math.MaxUint16) {
		if name := code.WireName(); name != "" {
			rows[code.String()] = attemptRow{At: 1, Failure: name}
		}
	}
	if len(rows) < 20 {
		t.Fatalf("%d failures", len(rows))
	}
	for want, row := range rows {
		if got := row.Why(); got != want || !slices.Contains(known, "failure."+got) {
			t.Errorf("the failure %q is said as %q", want, got)
		}
	}
}

func TestWhatARuneAllowsIsSaidInEachLanguage(t *testing.T) {
	race.Leave(t, onePage)
	h := newHouse(t, newChain(t), "alice")
	peer := strings.Repeat("02", 33)
	for _, r := range []string{
		`[["method^list","method^get","method=summary"],["method/listdatastore"],["pages#look"]]`,
		`[["rate=60","id=` + peer + `"],["time<1900000000"],["time>1800000000"],["per=3min"],["per=500msec"],["pnum<2","pname_x!"]]`,
		`[["pnamelabel$shop","parr1~\u202etea"],["pinvinvstring_amount>5","pinvinvstring_node=x","pinvodd_thing{m","color}red"],["per=1hour"]]`,
	} {
		raw, err := json.Marshal(map[string]string{"restrictions": r})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := apiCall(t, h, "createrune", raw); err != nil {
			t.Fatal(err)
		}
	}
	value := func(s string) string { return "\u2068" + s + "\u2069" }
	b := h.in(t)
	page := b.get("/settings/runes").body
	for _, want := range []string{
		"the command begins with " + value("list") + " or begins with " + value("get") + " or is " + value("summary"), "the command is not " + value("listdatastore"),
		"note, " + value("pages") + ": " + value("look"), "at most " + value("60") + " times a minute or the node that asks is " + value(peer), "until 2030-03-17 17:46:40 UTC",
		"from 2027-01-15 08:00:00 UTC on", "between two calls a rest of 3 minutes", "between two calls a rest of " + value("500msec"), "between two calls a rest of 1 hour",
		"the number of parameters is less than " + value("2") + " or the parameter " + value("_x") + " is not given",
		"the parameter " + value("label") + " ends with " + value("shop") + " or the parameter at place " + value("1") + " (the first is 0) contains " + value("⟨U&#43;202E⟩tea"),
		"the amount in msat of the invoice in " + value("invstring") + " is greater than " + value("5") + " or the payee of the invoice in " + value("invstring") + " is " + value("x") + " or " +
			value("pinvodd_thing") + " comes before " + value("m") + " in the alphabet or " + value("color") + " comes after " + value("red") + " in the alphabet",
	} {
		has(t, "the runes", page, "<li>"+want+"</li>")
	}
	page = b.speaking("de").get("/settings/runes").body
	for _, want := range []string{
		"der Befehl beginnt mit " + value("list") + " oder beginnt mit " + value("get") + " oder ist " + value("summary"), "bis 17.03.2030, 17:46:40 UTC", "zwischen zwei Aufrufen Pause: 3 Minuten",
		fmt.Sprintf("höchstens %s Mal in der Minute oder der Knoten, der fragt, ist %s", value("60"), value(peer)),
	} {
		has(t, "the runes in German", page, "<li>"+want+"</li>")
	}
	if strings.Contains(page, "starts with") {
		t.Error("the German page has English in it")
	}
}
