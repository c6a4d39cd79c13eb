package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

func TestInvoices(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := line(t)
	bob := w.bob
	first := ask[invoiceResult](t, bob, "invoice", 25_000, "tea", "one tea", 60, nil, secret(1))
	second := ask[invoiceResult](t, bob, "invoice", named{
		"msatoshi": "7sat", "label": "milk", "description": strings.Repeat("x", 640), "deschashonly": true, "cltv": 18,
	})
	if first.ExpiryTime != first.ExpiresAt || first.ExpiresAt == 0 || first.Warning != "" {
		t.Errorf("invoice gave %+v", first)
	}

	t.Run("each is found by what names it", func(t *testing.T) {
		for _, by := range []named{{"label": "tea"}, {"payment_hash": first.PaymentHash}, {"invstring": first.Bolt11}} {
			got := invoices(t, bob, by)
			if len(got) != 1 || got[0].Label != "tea" || got[0].Bolt11 != first.Bolt11 || got[0].Status != "unpaid" || got[0].Amount != 25_000 {
				t.Errorf("by %v: %+v", by, got)
			}
		}
		all := ask[invoicesResult](t, bob, "listinvoice").Invoices
		if len(all) != 2 || all[0].Label != "tea" || all[1].Label != "milk" {
			t.Errorf("all: %+v", all)
		}
		equal(t, "from the second on", len(invoices(t, bob, named{"index": "created", "start": 2, "limit": 9})), 1)
		equal(t, "at the most", len(invoices(t, bob, named{"index": "created", "limit": 1})), 1)
		equal(t, "of a label that is not there", len(invoices(t, bob, "coffee")), 0)
		refused(t, bob, command.InvalidParams, "listinvoices", named{"invstring": corrupted(first.Bolt11)})
		refused(t, bob, command.InvalidParams, "listinvoices", named{"payment_hash": "00"})
		refused(t, bob, command.InvalidParams, "listinvoices", named{"index": "loved"})
	})

	t.Run("it says what was asked for", func(t *testing.T) {
		type decoded struct {
			Type, Currency, Payee, Description string
			Valid                              bool
			Expiry                             uint64
			Amount                             amount.MilliSatoshi `json:"amount_msat"`
			Hash                               string              `json:"payment_hash"`
			DescriptionHash                    string              `json:"description_hash"`
			CLTV                               uint32              `json:"min_final_cltv_expiry"`
		}
		preimage := [32]byte{31: 1}
		hash, text := sha256.Sum256(preimage[:]), sha256.Sum256([]byte(strings.Repeat("x", 640)))
		equal(t, "the first", ask[decoded](t, w.alice, "decode", first.Bolt11), decoded{
			Type: "bolt11 invoice", Currency: "bcrt", Payee: bob.ID().String(), Description: "one tea", Valid: true, Expiry: 60,
			Amount: 25_000, Hash: hex.EncodeToString(hash[:]), CLTV: 40,
		})
		got := ask[decoded](t, w.alice, "decode", second.Bolt11)
		equal(t, "the hash of a long description", got.DescriptionHash, hex.EncodeToString(text[:]))
		equal(t, "cltv", got.CLTV, uint32(18))
		equal(t, "the default expiry", got.Expiry, uint64(3600))
	})

	t.Run("what cannot be one is refused and leaves nothing", func(t *testing.T) {
		refused(t, bob, command.InvoiceLabelExists, "invoice", 1, "tea", "another tea")
		refused(t, bob, command.InvoicePreimageExists, "invoice", named{"amount_msat": 1, "label": "b", "description": "", "preimage": secret(1)})
		for name, params := range map[string][]any{
			"amount 0":               {0, "a", "b"},
			"amount below 0":         {-1, "a", "b"},
			"amount above all money": {"21000001btc", "a", "b"},
			"amount above 64 bits":   {json.RawMessage("18446744073709551616"), "a", "b"},
			"a fraction":             {1.5, "a", "b"},
			"no amount":              {"", "a", "b"},
			"an amount in words":     {"all", "a", "b"},
			"no label":               {1, "", "b"},
			"a label of null":        {1, nil, "b"},
			"a long description":     {1, "a", strings.Repeat("x", 640)},
			"expiry 0":               {1, "a", "b", 0},
			"expiry below 0":         {1, "a", "b", -1},
			"expiry of 64 bits":      {1, "a", "b", uint64(1<<64 - 1)},
			"expiry above 64 bits":   {1, "a", "b", json.RawMessage("18446744073709551616")},
			"nothing":                {},
			"a cltv below 18":        {named{"amount_msat": 1, "label": "a", "description": "b", "cltv": 17}},
			"a cltv above 2016":      {named{"amount_msat": 1, "label": "a", "description": "b", "cltv": 2017}},
			"a short preimage":       {named{"amount_msat": 1, "label": "a", "description": "b", "preimage": "00ff"}},
			"an unknown parameter":   {named{"amount_msat": 1, "label": "a", "description": "b", "colour": "red"}},
		} {
			t.Run(name, func(t *testing.T) { refused(t, bob, command.InvalidParams, "invoice", params...) })
		}
	})

	t.Run("waiting ends by payment or by its time", func(t *testing.T) {
		refused(t, bob, command.InvoiceWaitTimedOut, "waitinvoice", "tea", 0)
		refused(t, bob, command.Failed, "waitinvoice", "coffee")
		ask[payResult](t, w.alice, "pay", first.Bolt11)
		paid := ask[invoiceResult](t, bob, "waitinvoice", "tea", 0)
		equal(t, "the proof", paid.PaymentPreimage, secret(1))
		w.idle(t)
	})

	t.Run("only one of the status named is deleted", func(t *testing.T) {
		refused(t, bob, command.InvoiceStatusUnexpected, "delinvoice", "tea", "unpaid")
		refused(t, bob, command.InvoiceStatusUnexpected, "delinvoice", "milk", "paid")
		refused(t, bob, command.InvoiceNotFound, "delinvoice", "coffee", "paid")
		equal(t, "what was deleted", ask[invoiceResult](t, bob, "delinvoice", "milk", "unpaid").Bolt11, second.Bolt11)
		equal(t, "what is left", len(invoices(t, bob)), 1)
		refused(t, bob, command.Failed, "waitinvoice", "milk")
		if _, err := try(t, w.alice, "pay", second.Bolt11); err == nil {
			t.Error("an invoice that was deleted was paid")
		}
	})
}

func TestAnInvoiceThatNobodyCanPaySaysSo(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	if ask[invoiceResult](t, w.bob, "invoice", "any", "a", "").Warning == "" {
		t.Error("a node without channels makes an invoice without a warning")
	}
}
