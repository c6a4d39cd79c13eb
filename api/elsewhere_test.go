package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/internal/race"
)

func TestInvoicesThatWereMadeElsewhere(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := line(t)
	bob := w.bob
	// What another program makes is signed by whoever it likes.
	draft := func(b byte, change func(inv *bolt11.Invoice)) string {
		return foreign(t, func(inv *bolt11.Invoice) {
			if err := inv.PaymentHash.UnmarshalText([]byte(hashOf(b))); err != nil {
				t.Fatal(err)
			}
			change(inv)
		})
	}
	same := func(*bolt11.Invoice) {}
	first := draft(1, same)

	signed := ask[invoiceResult](t, bob, "signinvoice", first).Bolt11
	if inv, err := bolt11.Decode(signed); err != nil || inv.Payee != bob.ID() || inv.PaymentHash.String() != hashOf(1) {
		t.Errorf("signed: %+v %v", inv, err)
	}
	equal(t, "signing again changes nothing", ask[invoiceResult](t, bob, "signinvoice", signed).Bolt11, signed)
	equal(t, "nothing is stored", len(invoices(t, bob)), 0)
	ask[struct{}](t, bob, "preapproveinvoice", signed)

	made := ask[invoiceResult](t, bob, "createinvoice", first, "mug", secret(1))
	equal(t, "what is stored is what was signed", made.Bolt11, signed)
	equal(t, "the status", made.Status, "unpaid")
	paid := ask[payResult](t, w.alice, "pay", made.Bolt11)
	equal(t, "the proof", paid.Preimage, secret(1))
	w.idle(t)

	refused(t, bob, command.Failed, "createinvoice", draft(2, func(inv *bolt11.Invoice) { inv.Timestamp = 1_000_000_000 }), "b", secret(2))
	refused(t, bob, command.InvoiceLabelExists, "createinvoice", draft(2, same), "mug", secret(2))
	refused(t, bob, command.InvoicePreimageExists, "createinvoice", draft(1, same), "b", secret(1))
	for name, c := range map[string]struct {
		method string
		params []any
	}{
		"nothing to sign":         {"signinvoice", nil},
		"signing no invoice":      {"signinvoice", []any{"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"}},
		"signing a broken one":    {"signinvoice", []any{corrupted(first)}},
		"signing 10 MB":           {"signinvoice", []any{strings.Repeat("lnbcrt1", 10<<20/7)}},
		"another preimage":        {"createinvoice", []any{draft(3, same), "b", secret(4)}},
		"no label":                {"createinvoice", []any{draft(3, same), "", secret(3)}},
		"no preimage":             {"createinvoice", []any{draft(3, same), "b"}},
		"another network":         {"createinvoice", []any{draft(3, func(inv *bolt11.Invoice) { inv.Network = bolt11.Mainnet }), "b", secret(3)}},
		"too few blocks":          {"createinvoice", []any{draft(3, func(inv *bolt11.Invoice) { inv.MinFinalCLTVExpiryDelta = 9 }), "b", secret(3)}},
		"approving no invoice":    {"preapproveinvoice", []any{"x"}},
		"approving another net":   {"preapproveinvoice", []any{foreign(t, func(inv *bolt11.Invoice) { inv.Network = bolt11.Mainnet })}},
		"decoding another text":   {"decodepay", []any{foreign(t, hashed("tea")), "coffee"}},
		"decoding nothing at all": {"decodepay", nil},
	} {
		t.Run(name, func(t *testing.T) { refused(t, bob, command.InvalidParams, c.method, c.params...) })
	}
	equal(t, "the text of a hash", ask[struct{ Description string }](t, bob, "decodepay", foreign(t, hashed("tea")), "tea").Description, "tea")
}

func TestAnInvoiceSaysWhichChannelsLeadToUs(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	w.fund(t, w.alice, 3_000_000)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	ask[struct{}](t, w.alice, "fundchannel", named{"id": w.bob.ID(), "amount": 1_000_000, "announce": false})
	w.mine(t, 6)
	private := ""
	until(t, "alice has told bob her terms", func() bool {
		made := ask[invoiceResult](t, w.bob, "invoice", "any", fmt.Sprint(time.Now().UnixNano()), "")
		inv, err := bolt11.Decode(made.Bolt11)
		if err != nil {
			t.Fatal(err)
		}
		if len(inv.Hints) == 1 {
			private = inv.Hints[0][0].SCID.String()
		}
		return private != ""
	})
	alias := channels(t, w.bob)[0].Alias.Local
	n := 0
	hints := func(amt string, expose any) (int, map[string]string) {
		t.Helper()
		n++
		out := ask[map[string]any](t, w.bob, "invoice", named{"amount_msat": amt, "label": fmt.Sprint(n), "description": "", "exposeprivatechannels": expose})
		inv, err := bolt11.Decode(out["bolt11"].(string))
		if err != nil {
			t.Fatal(err)
		}
		warned := map[string]string{}
		for name, text := range out {
			if strings.HasPrefix(name, "warning_") {
				warned[name] = text.(string)
			}
		}
		return len(inv.Hints), warned
	}
	check := func(amt string, expose any, want int, warning string) {
		t.Helper()
		got, warned := hints(amt, expose)
		if got != want || len(warned) > 1 || warning != "" && warned[warning] == "" || warning == "" && len(warned) != 0 {
			t.Errorf("%s, exposing %v: %d hints, want %d, %v", amt, expose, got, want, warned)
		}
	}
	for _, only := range []any{private, []string{private}, alias, true, "true", nil} {
		check("1sat", only, 1, "warning_deadends")
	}
	check("1sat", false, 0, "warning_private_unused")
	check("1sat", []string{}, 0, "warning_private_unused")
	check("2000000sat", nil, 1, "warning_capacity")
	refused(t, w.bob, command.InvoiceHintsGaveNone, "invoice", named{"amount_msat": 1, "label": "a", "description": "b", "exposeprivatechannels": "1x2x3"})
	for _, bad := range []any{"maybe", 7, []any{true}, map[string]any{}, []any{"1x2"}, "1x2x3x4"} {
		refused(t, w.bob, command.InvalidParams, "invoice", named{"amount_msat": 1, "label": "a", "description": "b", "exposeprivatechannels": bad})
	}

	// Carol's channel makes Alice a node that others reach too, and Bob's own to Carol
	// is announced: his private one is named only when he says so.
	ask[struct{}](t, w.alice, "connect", at(w.carol))
	ask[struct{}](t, w.alice, "fundchannel", w.carol.ID(), 1_000_000)
	w.mine(t, 6)
	until(t, "bob knows the public channel", func() bool { return len(ask[graphResult](t, w.bob, "listchannels").Channels) >= 3 })
	check("1sat", nil, 1, "")
	w.fund(t, w.carol, 2_000_000)
	ask[struct{}](t, w.carol, "connect", at(w.bob))
	ask[struct{}](t, w.carol, "fundchannel", w.bob.ID(), 1_000_000)
	w.mine(t, 6)
	until(t, "bob has an announced channel", func() bool {
		got, _ := hints("1sat", nil)
		return got == 0
	})
	check("1sat", true, 1, "")
	check("1500000sat", true, 1, "warning_mpp")
	check("1500000sat", nil, 0, "warning_private_unused")
	ask[struct{}](t, w.bob, "disconnect", w.alice.ID(), true)
	if _, warned := hints("1500000sat", true); warned["warning_offline"] == "" && warned["warning_mpp"] == "" {
		t.Errorf("away: %v", warned)
	}
}

func TestOldInvoicesAreSearchedAndCleaned(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	bob := w.bob
	for i := range 30 {
		expiry := 3600
		if i%3 == 0 {
			expiry = 1
		}
		ask[invoiceResult](t, bob, "invoice", 1000*(i+1), fmt.Sprintf("order-%02d", i), fmt.Sprintf("Tea for %d", i%5), expiry)
	}
	ask[invoiceResult](t, bob, "invoice", "any", "50% off_er", "a_b")
	type page struct {
		Invoices []invoiceResult
		Next     uint64
	}
	labels := func(p page) (out []string) {
		for _, i := range p.Invoices {
			out = append(out, i.Label)
		}
		return out
	}
	found := func(params named) []string { return labels(ask[page](t, bob, "searchinvoices", params)) }

	t.Run("searching", func(t *testing.T) {
		equal(t, "by label", found(named{"text": "ORDER-07"}), []string{"order-07"})
		equal(t, "by description", len(found(named{"text": "tea for 3"})), 6)
		equal(t, "no pattern", found(named{"text": "%"}), []string{"50% off_er"})
		equal(t, "no wildcard", found(named{"text": "a_b"}), []string{"50% off_er"})
		equal(t, "by amount", found(named{"min_msat": 5000, "max_msat": "6sat"}), []string{"order-05", "order-04"})
		equal(t, "nothing", found(named{"text": "coffee"}), []string(nil))
		equal(t, "of the future", found(named{"since": time.Now().Unix() + 1000}), []string(nil))
		equal(t, "of the past", found(named{"until": 1000}), []string(nil))
		equal(t, "before the first", found(named{"before": 1}), []string(nil))
		equal(t, "before all", len(found(named{"before": uint64(1<<64 - 1)})), 31)
		var all []string
		for before := any(nil); ; {
			p := ask[page](t, bob, "searchinvoices", named{"text": "order", "limit": 7, "before": before})
			all = append(all, labels(p)...)
			if p.Next == 0 {
				break
			}
			before = p.Next
		}
		if len(all) != 30 || all[0] != "order-29" || all[29] != "order-00" {
			t.Errorf("in pages: %v", all)
		}
	})

	until(t, "the short ones have expired", func() bool { return len(found(named{"status": "expired"})) == 10 })
	type cleaned struct {
		Autoclean map[string]struct {
			Enabled            bool
			Age                uint64
			Cleaned, Uncleaned uint64
		}
	}
	t.Run("cleaning", func(t *testing.T) {
		s := ask[cleaned](t, bob, "autoclean-status").Autoclean
		if e, p := s["expiredinvoices"], s["paidinvoices"]; !e.Enabled || e.Age != 30*86400 || e.Cleaned != 0 || p.Enabled || len(s) != 6 {
			t.Errorf("at first: %+v", s)
		}
		once := ask[cleaned](t, bob, "autoclean-once", "expiredinvoices", 1000).Autoclean["expiredinvoices"]
		equal(t, "too new", once.Uncleaned, uint64(10))
		equal(t, "deleted", once.Cleaned, uint64(0))
		ask[struct{}](t, bob, "delexpiredinvoice", 1000)
		equal(t, "none is so old", len(found(named{"status": "expired"})), 10)
		until(t, "they are old enough", func() bool {
			return ask[cleaned](t, bob, "autoclean-once", "expiredinvoices", 1).Autoclean["expiredinvoices"].Uncleaned == 0
		})
		equal(t, "in all", ask[cleaned](t, bob, "autoclean-status", "expiredinvoices").Autoclean["expiredinvoices"].Cleaned, uint64(10))
		equal(t, "what is left", len(invoices(t, bob)), 21)
		ask[invoiceResult](t, bob, "invoice", 1, "soon", "", 1)
		until(t, "it has expired", func() bool { return len(found(named{"status": "expired"})) == 1 })
		ask[struct{}](t, bob, "delexpiredinvoice")
		equal(t, "after that", len(found(named{"status": "expired"})), 0)
	})

	t.Run("a description is taken off", func(t *testing.T) {
		equal(t, "what is left", ask[invoiceResult](t, bob, "delinvoice", "order-01", "unpaid", true).Description, "")
		refused(t, bob, command.InvoiceNoDescription, "delinvoice", named{"label": "order-01", "status": "unpaid", "desconly": true})
		refused(t, bob, command.InvoiceStatusUnexpected, "delinvoice", "order-02", "paid", true)
		refused(t, bob, command.InvoiceNotFound, "delinvoice", "coffee", "paid", true)
	})

	for name, c := range map[string]struct {
		method string
		params []any
	}{
		"a status of love":   {"searchinvoices", []any{nil, "loved"}},
		"none at the most":   {"searchinvoices", []any{named{"limit": 0}}},
		"all at the most":    {"searchinvoices", []any{named{"limit": 1001}}},
		"an amount of words": {"searchinvoices", []any{named{"min_msat": "much"}}},
		"a subsystem":        {"autoclean-status", []any{"dreams"}},
		"cleaning nothing":   {"autoclean-once", nil},
		"cleaning all":       {"autoclean-once", []any{"expiredinvoices", 0}},
		"cleaning no age":    {"autoclean-once", []any{"paidinvoices"}},
		"cleaning dreams":    {"autoclean-once", []any{"dreams", 1}},
		"a negative time":    {"delexpiredinvoice", []any{-1}},
		"desconly perhaps":   {"delinvoice", []any{"order-02", "unpaid", "perhaps"}},
		"an offer of words":  {"listinvoices", []any{nil, nil, nil, "mine"}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, bob, command.InvalidParams, c.method, c.params...) })
	}
	equal(t, "of an offer", len(invoices(t, bob, nil, nil, nil, hashOf(1))), 0)
	equal(t, "beyond all numbers", len(invoices(t, bob, named{"start": uint64(1<<64 - 1), "index": "created"})), 0)
	refused(t, bob, command.InvoiceWaitTimedOut, "waitanyinvoice", uint64(1<<64-1), 0)
}

// hashed turns an invoice's description into its hash.
func hashed(text string) func(inv *bolt11.Invoice) {
	return func(inv *bolt11.Invoice) {
		sum := sum256(text)
		inv.Description, inv.DescriptionHash = nil, &sum
	}
}
