package api_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

func TestInvoicesOfOmniBOLTsFormAreReadAndNotPaid(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	var examples struct {
		Valid []struct {
			Name        string `json:"name"`
			Property    uint32 `json:"property"`
			Units       uint64 `json:"units"`
			Payee       string `json:"payee"`
			PaymentHash string `json:"payment_hash"`
			Description string `json:"description"`
			Invoice     string `json:"invoice"`
		} `json:"valid"`
		Unsigned []string `json:"unsigned"`
	}
	b, err := os.ReadFile("../bolt/obolt/testdata/obolt.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &examples); err != nil {
		t.Fatal(err)
	}
	type asset struct {
		Type        string  `json:"type"`
		Property    *uint32 `json:"property_id"`
		Units       uint64  `json:"amount_units"`
		Payee       string  `json:"payee"`
		PaymentHash string  `json:"payment_hash"`
		Description string  `json:"description"`
	}
	w := line(t)
	for _, e := range examples.Valid {
		got := ask[asset](t, w.alice, "decode", e.Invoice)
		if got.Property == nil || *got.Property != e.Property {
			t.Fatalf("%s: property %v, want %d", e.Name, got.Property, e.Property)
		}
		got.Property = nil
		equal(t, e.Name, got, asset{
			Type: "omnibolt invoice", Units: e.Units, Payee: e.Payee, PaymentHash: e.PaymentHash, Description: e.Description,
		})
		equal(t, "under its older name", ask[asset](t, w.alice, "decodepay", e.Invoice).Units, e.Units)
		for _, method := range []string{"pay", "xpay"} {
			want := command.InvalidParams // of another network, or so old that it has no payment secret
			if strings.HasPrefix(e.Invoice, "obort") {
				want = command.PayInvoiceExpired
			}
			refused(t, w.alice, want, method, e.Invoice)
		}
		if !strings.HasPrefix(e.Invoice, "obort") {
			refused(t, w.alice, command.InvalidParams, "preapproveinvoice", e.Invoice)
		}
		refused(t, w.alice, command.InvalidParams, "decode", corrupted(e.Invoice))
	}
	for _, s := range examples.Unsigned {
		if e := refused(t, w.alice, command.InvalidParams, "decode", s); !strings.Contains(e.Message, "nobody signs") {
			t.Error(e.Message)
		}
	}
	refused(t, w.alice, command.InvalidParams, "decode", "obo")
	refused(t, w.alice, command.InvalidParams, "decode", "ob")
}
