package api_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/node"
)

// Whoever follows next sees each row once, in order, and no more than was asked for.
func TestEveryListSaysWhereItGoesOn(t *testing.T) {
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
		{"alice", "listsendpays", 5, named{}},
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
