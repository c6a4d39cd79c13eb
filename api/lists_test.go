package api_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

// Whoever follows next sees each row once, in order, and no more than was asked for.
func TestEveryListSaysWhereItGoesOn(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := line(t)
	for i := range 5 {
		inv := ask[invoiceResult](t, w.bob, "invoice", 1000, fmt.Sprint("tea ", i), "tea")
		ask[payResult](t, w.alice, "pay", inv.Bolt11)
		ask[invoiceResult](t, w.bob, "holdinvoice", fmt.Sprintf("%064x", i+1), 1000, fmt.Sprint("held ", i), "held")
	}
	w.idle(t)
	for _, l := range []struct {
		from   string
		method string
		rows   int
		params named
	}{
		{"bob", "listinvoices", 10, named{}},
		{"bob", "listinvoices", 5, named{"index": "updated", "start": 1}},
		{"bob", "listholdinvoices", 5, named{}},
		{"alice", "listpays", 5, named{}},
		{"alice", "listpays", 5, named{"status": "complete"}},
		{"alice", "listpays", 5, named{"index": "updated", "start": 1}},
		{"alice", "listsendpays", 5, named{}},
		{"alice", "listsendpays", 5, named{"index": "updated", "start": 1}},
		{"carol", "listforwards", 5, named{}},
		{"carol", "listforwards", 5, named{"index": "updated", "start": 1}},
		{"alice", "listtransactions", 2, named{}},
	} {
		n := map[string]*node.Node{"alice": w.alice, "bob": w.bob, "carol": w.carol}[l.from]
		list := func(params named) (rows []string, next uint64) {
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(ask[json.RawMessage](t, n, l.method, params), &fields); err != nil {
				t.Fatal(err)
			}
			for name, raw := range fields {
				if name == "next" {
					if err := json.Unmarshal(raw, &next); err != nil {
						t.Fatal(err)
					}
					continue
				}
				var list []json.RawMessage
				if err := json.Unmarshal(raw, &list); err != nil {
					t.Fatal(err)
				}
				for _, row := range list {
					rows = append(rows, string(row))
				}
			}
			return rows, next
		}
		whole, next := list(l.params)
		if len(whole) != l.rows || next != 0 {
			t.Errorf("%s %v: %d rows, next %d", l.method, l.params, len(whole), next)
		}
		var paged []string
		params := named{"limit": 2}
		for k, v := range l.params {
			params[k] = v
		}
		for {
			rows, next := list(params)
			if paged = append(paged, rows...); len(rows) > 2 {
				t.Errorf("%s: %d rows", l.method, len(rows))
			}
			if next == 0 {
				break
			}
			params["start"] = next
		}
		equal(t, l.method+" in pages", fmt.Sprint(paged), fmt.Sprint(whole))
		if rows, next := list(named{"limit": 0}); len(rows) != 0 || next != 0 {
			t.Errorf("%s of none: %d rows, next %d", l.method, len(rows), next)
		}
		list(named{"limit": uint32(1<<32 - 1)})
	}
}

func TestTheNetworkIsListedInPages(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := line(t)
	for method, first := range map[string]string{"listchannels": "channels", "listnodes": "nodes"} {
		list := func(params named) (rows []string, next json.RawMessage) {
			t.Helper()
			answer := ask[map[string]json.RawMessage](t, w.alice, method, params)
			var list []json.RawMessage
			if err := json.Unmarshal(answer[first], &list); err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				rows = append(rows, string(r))
			}
			return rows, answer["next"]
		}
		whole, next := list(named{})
		if want := map[string]int{"listchannels": 4, "listnodes": 3}[method]; len(whole) != want || next != nil {
			t.Errorf("%s: %d rows, next %s", method, len(whole), next)
		}
		var paged []string
		for params := (named{"limit": 1}); ; {
			rows, next := list(params)
			if paged = append(paged, rows...); len(rows) != 1 {
				t.Errorf("%s: %d rows", method, len(rows))
			}
			if next == nil {
				break
			}
			params["start"] = next
		}
		equal(t, method+" in pages", fmt.Sprint(paged), fmt.Sprint(whole))
		if rows, next := list(named{"limit": 0}); len(rows) != 0 || next != nil {
			t.Errorf("%s of none: %d rows, next %s", method, len(rows), next)
		}
	}
	for _, wrong := range []string{"1x2x3", "1x2x3/2", "1x2/0", "x"} {
		refused(t, w.alice, command.InvalidParams, "listchannels", named{"start": wrong})
	}
	refused(t, w.alice, command.InvalidParams, "listnodes", named{"start": "02"})
}

func TestAPaymentThatChangesMovesToTheEndOfTheChanges(t *testing.T) {
	race.Like(t, TestPaying)
	w := line(t)
	first := ask[invoiceResult](t, w.bob, "invoice", 1000, "first", "first")
	second := ask[invoiceResult](t, w.bob, "invoice", 1000, "second", "second")
	if _, err := try(t, w.alice, "pay", named{"bolt11": first.Bolt11, "maxfee": 0}); err == nil {
		t.Fatal("paid for no fee")
	}
	ask[payResult](t, w.alice, "pay", second.Bolt11)
	order := func(params named) (hashes []string) {
		for _, p := range ask[struct {
			Pays []struct {
				Hash string `json:"payment_hash"`
			}
		}](t, w.alice, "listpays", params).Pays {
			hashes = append(hashes, p.Hash)
		}
		return hashes
	}
	equal(t, "changes", fmt.Sprint(order(named{"index": "updated"})), fmt.Sprint([]string{first.PaymentHash, second.PaymentHash}))
	ask[payResult](t, w.alice, "pay", first.Bolt11)
	equal(t, "after one more change", fmt.Sprint(order(named{"index": "updated"})), fmt.Sprint([]string{second.PaymentHash, first.PaymentHash}))
	equal(t, "creations", fmt.Sprint(order(named{})), fmt.Sprint([]string{first.PaymentHash, second.PaymentHash}))
	refused(t, w.alice, command.InvalidParams, "listpays", named{"index": "changed"})
	refused(t, w.alice, command.InvalidParams, "listpays", named{"index": "updated", "payment_hash": first.PaymentHash})
}

func TestAChannelCountsWhatItHasCarried(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := line(t)
	for i := range 3 {
		ask[payResult](t, w.alice, "pay", ask[invoiceResult](t, w.bob, "invoice", 5000, fmt.Sprint("tea ", i), "tea").Bolt11)
	}
	route := ask[struct{ Route []map[string]any }](t, w.alice, "getroute", w.bob.ID(), 7000, 1, 50).Route
	ask[struct{}](t, w.alice, "sendpay", named{"route": route, "payment_hash": hashOf(9), "payment_secret": hashOf(9)})
	if _, err := try(t, w.alice, "waitsendpay", hashOf(9)); err == nil {
		t.Fatal("an unknown hash was paid")
	}
	w.idle(t)
	type carried struct {
		InOffered    uint64 `json:"in_payments_offered"`
		InOfferedM   uint64 `json:"in_offered_msat"`
		InFulfilled  uint64 `json:"in_payments_fulfilled"`
		InFulfilledM uint64 `json:"in_fulfilled_msat"`
		OutOffered   uint64 `json:"out_payments_offered"`
		OutOfferedM  uint64 `json:"out_offered_msat"`
		OutFulfilled uint64 `json:"out_payments_fulfilled"`
		OutSettledM  uint64 `json:"out_fulfilled_msat"`
	}
	with := func(n, peer *node.Node) carried {
		t.Helper()
		list := ask[struct{ Channels []carried }](t, n, "listpeerchannels", peer.ID()).Channels
		if len(list) != 1 {
			t.Fatalf("%d channels", len(list))
		}
		return list[0]
	}
	// Carol takes a satoshi for each.
	equal(t, "Alice's", with(w.alice, w.carol), carried{OutOffered: 4, OutOfferedM: 3*6000 + 8000, OutFulfilled: 3, OutSettledM: 3 * 6000})
	equal(t, "Carol's first", with(w.carol, w.alice), carried{InOffered: 4, InOfferedM: 3*6000 + 8000, InFulfilled: 3, InFulfilledM: 3 * 6000})
	equal(t, "Carol's second", with(w.carol, w.bob), carried{OutOffered: 4, OutOfferedM: 3*5000 + 7000, OutFulfilled: 3, OutSettledM: 3 * 5000})
	equal(t, "Bob's", with(w.bob, w.carol), carried{InOffered: 4, InOfferedM: 3*5000 + 7000, InFulfilled: 3, InFulfilledM: 3 * 5000})
}
