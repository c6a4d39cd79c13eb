package api_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/race"
)

func TestAKeysendThatCannotBeIsRefused(t *testing.T) {
	race.Like(t, TestPaying)
	w := reachable(t)
	bob, self := w.bob.ID(), w.alice.ID()
	long := map[string]string{"65537": strings.Repeat("00", 1000)}
	for name, params := range map[string]named{
		"no amount":             {"destination": bob},
		"nothing":               {"destination": bob, "amount_msat": 0},
		"to ourselves":          {"destination": self, "amount_msat": 1000},
		"a percentage":          {"destination": bob, "amount_msat": 1000, "maxfeepercent": "101"},
		"a record of BOLT 4":    {"destination": bob, "amount_msat": 1000, "extratlvs": map[string]string{"16": "00"}},
		"a record without hex":  {"destination": bob, "amount_msat": 1000, "extratlvs": map[string]string{"65537": "x"}},
		"a record without type": {"destination": bob, "amount_msat": 1000, "extratlvs": map[string]string{"x": "00"}},
		"records without end":   {"destination": bob, "amount_msat": 1000, "extratlvs": long},
		"the preimage":          {"destination": bob, "amount_msat": 1000, "extratlvs": map[string]string{"5482373484": "00"}},
		"a list of records":     {"destination": bob, "amount_msat": 1000, "extratlvs": []int{1}},
		"a hint without a node": {"destination": bob, "amount_msat": 1000, "routehints": [][]named{{{"scid": "1x1x1"}}}},
		"an empty hint":         {"destination": bob, "amount_msat": 1000, "routehints": [][]named{{}}},
	} {
		if e := refused(t, w.alice, command.InvalidParams, "keysend", params); e.Message == "" {
			t.Errorf("%s: no reason", name)
		}
	}
	// To a node that no way leads to.
	if _, err := try(t, w.alice, "keysend", bob, 1000); err == nil {
		t.Error("paid a node without channels")
	} else if e, ok := err.(*command.Error); !ok || e.Code != command.PayRouteNotFound {
		t.Errorf("got %v", err)
	}
}

func TestAKeysendIsAPaidInvoiceOfThePayee(t *testing.T) {
	race.Like(t, TestPaying)
	w := line(t)
	sent := ask[payResult](t, w.alice, "keysend", named{
		"destination": w.bob.ID(), "amount_msat": 10_000, "label": "a gift", "extratlvs": map[string]string{"7629171": "68656c6c6f"},
	})
	equal(t, "status", sent.Status, "complete")
	equal(t, "destination", sent.Destination, w.bob.ID().String())
	got := ask[invoiceResult](t, w.bob, "waitinvoice", "keysend-"+sent.PaymentHash)
	equal(t, "the payee's status", got.Status, "paid")
	equal(t, "received", got.Received, amount.MilliSatoshi(10_000))
	equal(t, "the preimage", got.PaymentPreimage, sent.Preimage)
	equal(t, "the next payment", ask[invoiceResult](t, w.bob, "waitanyinvoice").Label, got.Label)
	pays := ask[paysResult](t, w.alice, "listpays").Pays
	if len(pays) != 1 || pays[0].Status != "complete" || pays[0].Label != "a gift" || pays[0].Bolt11 != "" || pays[0].Preimage != sent.Preimage {
		t.Errorf("listpays gives %+v", pays)
	}
	w.idle(t)
	equal(t, "deleted", ask[invoiceResult](t, w.bob, "delinvoice", got.Label, "paid").Status, "paid")

	// The node says that it takes such payments, as bLIP 2 has it, and only there.
	until(t, "bob's announcement says that it takes keysend", func() bool {
		nodes := ask[struct{ Nodes []struct{ Features string } }](t, w.alice, "listnodes", w.bob.ID()).Nodes
		return len(nodes) == 1 && features(t, nodes[0].Features).Bit(55)
	})
	if f := ask[struct{ Features string }](t, w.alice, "connect", at(w.bob)).Features; features(t, f).Bit(55) {
		t.Errorf("bob's init has the features %s", f)
	}
}

func features(t *testing.T, text string) wire.Features {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAKeysendFindsItsWayByAHint(t *testing.T) {
	race.Like(t, TestPaying)
	w := reachable(t)
	ask[struct{}](t, w.carol, "fundchannel", named{"id": w.bob.ID(), "amount": 500_000, "announce": false})
	w.mine(t, 3)
	isHinted(t, w)
	sent := ask[payResult](t, w.alice, "keysend", named{"destination": w.bob.ID(), "amount_msat": 10_000, "routehints": [][]named{{
		{"id": w.carol.ID(), "scid": channels(t, w.bob)[0].Alias.Remote, "feebase": 1000, "feeprop": 10, "expirydelta": 80},
	}}})
	equal(t, "received", ask[invoiceResult](t, w.bob, "waitinvoice", "keysend-"+sent.PaymentHash).Received, amount.MilliSatoshi(10_000))
}
