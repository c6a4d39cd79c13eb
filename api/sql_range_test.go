package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/race"
)

// Rows are read by ranges of their index, upwards and from the newest on, also where most
// of them are gone.
func TestRangesOfALongListAreAskedBySQL(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	n := newNetwork(t).alice
	var made, gone []durable.Row
	var there []int
	for i := 1; i <= 4000; i++ {
		hash := wire.PaymentHash{1, byte(i), byte(i >> 8)}
		made = append(made, invoice.Row{
			Label: fmt.Sprint("tea ", i), PaymentHash: hash, Preimage: wire.Preimage{byte(i), byte(i >> 8)}, Bolt11: "ln", CreatedAt: 1, ExpiresAt: 1 << 40,
		})
		if i > 700 && i < 3500 && i != 2000 || i%3 == 0 || i > 3990 {
			gone = append(gone, invoice.DeletedRow{PaymentHash: hash})
			continue
		}
		there = append(there, i)
	}
	for _, rows := range [][]durable.Row{made, gone} {
		if err := n.Store().Write(t.Context(), rows...); err != nil {
			t.Fatal(err)
		}
	}
	holds := map[string]func(a, b int) bool{
		">=": func(a, b int) bool { return a >= b }, ">": func(a, b int) bool { return a > b }, "=": func(a, b int) bool { return a == b },
		"<=": func(a, b int) bool { return a <= b }, "<": func(a, b int) bool { return a < b },
	}
	operators := []string{"<", "<=", "=", ">", ">="}
	rapid.Check(t, func(r *rapid.T) {
		want := there
		var where []string
		for range rapid.IntRange(0, 3).Draw(r, "conditions") {
			op, bound := rapid.SampledFrom(operators).Draw(r, "operator"), rapid.IntRange(-2, 4002).Draw(r, "bound")
			where = append(where, fmt.Sprintf("created_index %s %d", op, bound))
			want = slices.DeleteFunc(slices.Clone(want), func(i int) bool { return !holds[op](i, bound) })
		}
		text := "SELECT created_index FROM invoices"
		if where != nil {
			text += " WHERE " + strings.Join(where, " AND ")
		}
		text += " ORDER BY created_index"
		if rapid.Bool().Draw(r, "from the newest on") {
			text += " DESC"
			want = slices.Clone(want)
			slices.Reverse(want)
		}
		limit, offset := rapid.IntRange(0, 700).Draw(r, "limit"), rapid.IntRange(0, 300).Draw(r, "offset")
		want = want[min(offset, len(want)):]
		want = want[:min(limit, len(want))]
		rows := make([][]int, 0, len(want))
		for _, i := range want {
			rows = append(rows, []int{i})
		}
		b, err := json.Marshal(rows)
		if err != nil {
			r.Fatal(err)
		}
		if got := query(t, n, "%s LIMIT %d OFFSET %d", text, limit, offset); got != string(b) {
			r.Fatalf("%s LIMIT %d OFFSET %d\n%s, want\n%s", text, limit, offset, got, b)
		}
	})
	// No order is made of what comes in it.
	for _, list := range []string{"invoices", "forwards", "sendpays"} {
		for _, order := range []string{"", " DESC"} {
			plan := query(t, n, "EXPLAIN QUERY PLAN SELECT created_index FROM %s WHERE created_index < 3000 AND status = 'paid' ORDER BY created_index%s LIMIT 100", list, order)
			if strings.Contains(plan, "B-TREE") {
				t.Errorf("%s%s: %s", list, order, plan)
			}
		}
	}
	for text, want := range map[string]string{
		"SELECT label FROM invoices WHERE created_index <= 2.5 ORDER BY created_index DESC":                                          `[["tea 2"],["tea 1"]]`,
		"SELECT label FROM invoices WHERE created_index < 'x' ORDER BY created_index DESC LIMIT 1":                                   `[["tea 3989"]]`,
		"SELECT label FROM invoices WHERE created_index < NULL":                                                                      `[]`,
		"SELECT label FROM invoices WHERE label = 'tea 4' ORDER BY created_index DESC":                                               `[["tea 4"]]`,
		"SELECT a.label, b.label FROM invoices a JOIN invoices b ON b.created_index = a.created_index + 1 WHERE a.created_index = 1": `[["tea 1","tea 2"]]`,
		"SELECT label FROM invoices WHERE created_index IN (3988, 2, 3) ORDER BY created_index DESC":                                 `[["tea 3988"],["tea 2"]]`,
	} {
		if got := query(t, n, "%s", text); got != want {
			t.Errorf("%s\n%s, want\n%s", text, got, want)
		}
	}
}
