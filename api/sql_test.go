package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

type sqlResult struct {
	Rows    [][]any
	Warning string `json:"warning_db_failure"`
}

func query(t *testing.T, n *node.Node, text string, values ...any) string {
	t.Helper()
	res := ask[sqlResult](t, n, "sql", fmt.Sprintf(text, values...))
	if res.Warning != "" {
		t.Errorf("%s: %s", text, res.Warning)
	}
	rows, err := json.Marshal(res.Rows)
	if err != nil {
		t.Fatal(err)
	}
	return string(rows)
}

func TestTheListsAreAskedBySQL(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := line(t)
	for i := range 3 {
		inv := ask[invoiceResult](t, w.bob, "invoice", 1000*(i+1), fmt.Sprint("tea ", i), "it's tea")
		if i < 2 {
			ask[payResult](t, w.alice, "pay", inv.Bolt11)
		}
	}
	one := ask[invoicesResult](t, w.bob, "listinvoices", "tea 1").Invoices[0]
	for text, want := range map[string]string{
		"SELECT label, amount_msat, status FROM invoices ORDER BY created_index":                                                         `[["tea 0",1000,"paid"],["tea 1",2000,"paid"],["tea 2",3000,"unpaid"]]`,
		"SELECT label FROM invoices ORDER BY created_index DESC LIMIT 1 OFFSET 1":                                                        `[["tea 1"]]`,
		"SELECT label FROM invoices WHERE created_index >= 2 AND status = 'paid'":                                                        `[["tea 1"]]`,
		"SELECT label FROM invoices WHERE created_index > 1.5":                                                                           `[["tea 1"],["tea 2"]]`,
		"SELECT payment_hash, hex(payment_hash) FROM invoices WHERE label = 'tea 1'":                                                     fmt.Sprintf(`[["%s","%s"]]`, one.PaymentHash, strings.ToUpper(one.PaymentHash)),
		"SELECT label FROM invoices WHERE payment_hash = x'" + one.PaymentHash + "'":                                                     `[["tea 1"]]`,
		"SELECT label FROM invoices WHERE payment_hash = '" + one.PaymentHash + "'":                                                      `[]`,
		"SELECT label FROM invoices WHERE payment_hash = x'00'":                                                                          `[]`,
		"SELECT label FROM invoices WHERE bolt11 = 'nonsense' OR label = 7":                                                              `[]`,
		"SELECT count(*), sum(amount_received_msat) FROM invoices WHERE status = 'paid'":                                                 `[[2,3000]]`,
		"SELECT bolt12, pay_index FROM invoices WHERE label = 'tea 2'":                                                                   `[[null,null]]`,
		"WITH p AS (SELECT * FROM invoices WHERE status = 'paid') SELECT a.label FROM p a JOIN p b ON a.created_index < b.created_index": `[["tea 0"]]`,
		"SELECT alias FROM nodes ORDER BY alias":                                                                                         `[["alice"],["bob"],["carol"]]`,
		"SELECT count(*), count(DISTINCT short_channel_id) FROM channels":                                                                `[[4,2]]`,
		"SELECT count(*) FROM channels WHERE source = x'" + w.carol.ID().String() + "'":                                                  `[[2]]`,
		"SELECT state, to_us_msat, total_msat, owner FROM peerchannels":                                                                  `[["CHANNELD_NORMAL",3000,1000000000,null]]`,
		"SELECT p.row, p.arrindex, status FROM peerchannels_status p JOIN peerchannels c ON c.rowid = p.row":                             `[[1,0,"CHANNELD_NORMAL"]]`,
		"SELECT count(*) FROM peers WHERE id = x'" + w.carol.ID().String() + "' AND connected":                                           `[[1]]`,
		"SELECT count(*) FROM sendpays":                                                                                                  `[[0]]`,
		"SELECT 'ü', 1.5, x'00ff', null, -7":                                                                                             `[["ü",1.5,"00ff",null,-7]]`,
	} {
		if got := query(t, w.bob, "%s", text); got != want {
			t.Errorf("%s\n%s, want\n%s", text, got, want)
		}
	}
	if got := query(t, w.alice, "SELECT status, amount_msat FROM sendpays ORDER BY created_index"); got != `[["complete",1000],["complete",2000]]` {
		t.Error(got)
	}
	if got := query(t, w.carol, "SELECT in_msat - out_msat = fee_msat, status FROM forwards WHERE status = 'settled' LIMIT 1"); got != `[[1,"settled"]]` {
		t.Error(got)
	}
	// What the wrong way round asks for is refused, and nothing is written anywhere.
	path := filepath.Join(t.TempDir(), "x")
	for name, text := range map[string]string{
		"nothing":        "",
		"no SQL":         "SELECT FROM",
		"no table":       "SELECT * FROM nowhere",
		"no column":      "SELECT nothing FROM invoices",
		"our own tables": "SELECT * FROM signers",
		"two statements": "SELECT 1; SELECT 2",
		"a write":        "WITH x AS (SELECT 1) DELETE FROM invoices",
		"another file":   "ATTACH '" + path + "' AS x",
		"a copy":         "VACUUM INTO '" + path + "'",
		"a pragma":       "PRAGMA query_only = OFF",
		"a new table":    "CREATE TABLE x (y)",
		"a huge value":   "SELECT zeroblob(100000000)",
		"a variable":     "SELECT ?",
		"an extension":   "SELECT load_extension('" + path + "')",
		"too deep":       "SELECT 1" + strings.Repeat("+1", 2000),
		"too wide":       "SELECT " + strings.Repeat("1,", 300) + "1",
	} {
		t.Run(name, func(t *testing.T) { refused(t, w.alice, command.Failed, "sql", text) })
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a query made a file")
	}
	refused(t, w.alice, command.InvalidParams, "sql")
	refused(t, w.alice, command.InvalidParams, "sql", "SELECT 1", 2)
	if res := ask[sqlResult](t, w.alice, "sql", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n"); len(res.Rows) != command.LongestList || res.Warning == "" {
		t.Errorf("%d rows, %q", len(res.Rows), res.Warning)
	}
	if res := ask[sqlResult](t, w.alice, "sql", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT hex(zeroblob(1000000)) FROM n"); len(res.Rows) > 10 || res.Warning == "" {
		t.Errorf("%d rows, %q", len(res.Rows), res.Warning)
	}
}

func TestEveryColumnOfTheSchemasCanBeAskedFor(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	type schemas struct {
		Schemas []struct {
			Table   string `json:"tablename"`
			Columns []struct{ Name, Type string }
		}
	}
	all := ask[schemas](t, w.alice, "listsqlschemas")
	names := map[string]bool{}
	for _, s := range all.Schemas {
		names[s.Table] = true
		seen := map[string]bool{}
		var counts []string
		for _, c := range s.Columns {
			if seen[c.Name] {
				t.Errorf("%s has two columns %s", s.Table, c.Name)
			}
			seen[c.Name] = true
			counts = append(counts, fmt.Sprintf(`count(%s.%q)`, s.Table, c.Name)) // what has the table before it is no text
		}
		if got := query(t, w.alice, "SELECT %s FROM %s", strings.Join(counts, ", "), s.Table); !strings.HasPrefix(got, "[[") {
			t.Errorf("%s: %s", s.Table, got)
		}
	}
	for _, name := range []string{
		"channels", "closedchannels", "forwards", "invoices", "nodes", "nodes_addresses", "peers", "peers_netaddr", "peerchannels",
		"peerchannels_htlcs", "peerchannels_status", "peerchannels_channel_type_bits", "sendpays", "transactions",
		"transactions_inputs", "transactions_outputs",
	} {
		if !names[name] {
			t.Errorf("there is no table %s", name)
		}
	}
	if one := ask[schemas](t, w.alice, "listsqlschemas", "invoices"); len(one.Schemas) != 1 || one.Schemas[0].Table != "invoices" {
		t.Errorf("%+v", one)
	}
	refused(t, w.alice, command.InvalidParams, "listsqlschemas", "signers")
}

// Who leaves before the query has begun is answered too.
func TestAQueryOfAClientThatHasLeftIsRefused(t *testing.T) {
	n := newNetwork(t).alice
	params, _ := json.Marshal([]string{"SELECT * FROM invoices"})
	for wait := time.Duration(0); wait < 4*time.Millisecond; wait += 100 * time.Microsecond {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		if _, err := api.Call(ctx, n, "sql", params); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		cancel()
	}
}

// The driver ends a query by its context until the first row only.
func TestAQueryThatNeverEndsIsEndedWithItsClient(t *testing.T) {
	n := newNetwork(t).alice
	const endless = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n`
	for _, text := range []string{
		"SELECT count(*) FROM (" + endless + ")",
		"SELECT 1 UNION ALL SELECT count(*) FROM (" + endless + ")",
		"SELECT i FROM (" + endless + ") WHERE i < 3",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		params, _ := json.Marshal([]string{text})
		res, err := api.Call(ctx, n, "sql", params)
		if ctx.Err() == nil {
			t.Errorf("%s ended: %+v %v", text, res, err)
		}
		cancel()
	}
}
