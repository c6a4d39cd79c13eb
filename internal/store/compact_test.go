package store

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store/ready"
)

// The files are rows of three nodes, payer, payee and who forwards, as they were written
// before migration 17, and what was read of them then.
func TestRowsInFullAreReadTheSameOnceTheyAreCompact(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	for _, who := range []string{"alice", "bob", "carol"} {
		t.Run(who, func(t *testing.T) {
			dir := t.TempDir()
			before(t, dir, filepath.Join("testdata", "before_compact_"+who+".sql"))
			s, err := Open(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			want, err := os.ReadFile(filepath.Join("testdata", "before_compact_"+who+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(want)), "\n")
			got := readAll(t, s)
			if len(got) != len(lines) {
				t.Fatalf("%d rows, not %d", len(got), len(lines))
			}
			for i, line := range lines {
				var had, has map[string]any
				if err := json.Unmarshal([]byte(line), &had); err != nil {
					t.Fatal(err)
				}
				b, err := json.Marshal(got[i])
				if err == nil {
					err = json.Unmarshal(b, &has)
				}
				if err != nil {
					t.Fatal(err)
				}
				for field := range had { // there may be more now
					if !covers(has[field], had[field]) {
						t.Errorf("row %d: %s is %v, not %v", i, field, has[field], had[field])
					}
				}
			}
		})
	}
}

// covers says whether a value has all that another one has, and perhaps more fields.
func covers(has, had any) bool {
	if list, ok := had.([]any); ok {
		now, ok := has.([]any)
		ok = ok && len(now) == len(list)
		for i := 0; ok && i < len(list); i++ {
			ok = covers(now[i], list[i])
		}
		return ok
	}
	old, ok := had.(map[string]any)
	if !ok {
		return reflect.DeepEqual(has, had)
	}
	now, ok := has.(map[string]any)
	for field := range old {
		ok = ok && covers(now[field], old[field])
	}
	return ok
}

// before makes a database of version 15 with rows.
func before(t *testing.T, dir, rows string) {
	t.Helper()
	d, err := connect(filepath.Join(dir, "leyden.sqlite3"), immediate)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tables, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	up, err := goose.NewProvider(goose.DialectSQLite3, d, tables)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.UpTo(t.Context(), 15); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(rows) //nolint:gosec // a file of the source tree
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ExecContext(t.Context(), string(b)); err != nil {
		t.Fatal(err)
	}
}

// readAll reads payments, attempts, invoices and the log.
func readAll(t *testing.T, s *Store) (all []any) {
	t.Helper()
	all = appendAll(t, all, s.Payments)
	all = appendAll(t, all, s.Attempts)
	all = appendAll(t, all, s.Invoices)
	return appendAll(t, all, s.Events)
}

func appendAll[R any](t *testing.T, all []any, read func(ctx context.Context, start uint64, limit int) ([]R, error)) []any {
	t.Helper()
	rows, err := read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		all = append(all, r)
	}
	return all
}

func TestTheTrafficOfOldChannelsIsCounted(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	dir := t.TempDir()
	before(t, dir, filepath.Join("testdata", "before_compact_carol.sql"))
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in, out, err := s.Traffic(t.Context())
	if err != nil || len(in) != 2 {
		t.Fatal(in, err)
	}
	var came, went Traffic
	for id := range in {
		came = Traffic{came.Offered + in[id].Offered, came.Fulfilled + in[id].Fulfilled, came.OfferedAmount + in[id].OfferedAmount, came.FulfilledAmount + in[id].FulfilledAmount}
		went = Traffic{went.Offered + out[id].Offered, went.Fulfilled + out[id].Fulfilled, went.OfferedAmount + out[id].OfferedAmount, went.FulfilledAmount + out[id].FulfilledAmount}
	}
	// Seven payments came and went, with fees of a satoshi each; two of them failed.
	if came.Offered != 7 || came.Fulfilled != 5 || went.Offered != 7 || went.Fulfilled != 5 ||
		came.OfferedAmount != went.OfferedAmount+7000 || came.FulfilledAmount != went.FulfilledAmount+5000 || went.FulfilledAmount != 10_000 {
		t.Errorf("%+v %+v", came, went)
	}
}

// TestANumberOfANodeThatWasNotWrittenIsDrawnAgain refuses the write that meets a node
// first.
func TestANumberOfANodeThatWasNotWrittenIsDrawnAgain(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	s := opened(t, ready.Dir(t, t.TempDir()))
	to := wire.NodeID{2, 7}
	first := pay.PaymentRow{PaymentHash: wire.PaymentHash{1}, Destination: to, Group: 1}
	if err := s.Write(t.Context(), first, pay.AttemptResultRow{ID: 99, Status: pay.Failed}); err == nil {
		t.Fatal("the end of no attempt was written")
	}
	second := pay.PaymentRow{PaymentHash: wire.PaymentHash{2}, Destination: wire.NodeID{2, 8}, Group: 1}
	for _, r := range []durable.Row{second, first} {
		if err := s.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []pay.PaymentRow{first, second} {
		got, ok, err := s.PaymentByHash(t.Context(), want.PaymentHash)
		if err != nil || !ok || got.Destination != want.Destination {
			t.Errorf("%v %v %v", got.Destination, ok, err)
		}
	}
}

// TestNoQueryOfPaymentsReadsAllOfThem asks SQLite how it would run each.
func TestNoQueryOfPaymentsReadsAllOfThem(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	s := opened(t, ready.Dir(t, t.TempDir()))
	text, err := os.ReadFile("db/payments.sql.go")
	if err != nil {
		t.Fatal(err)
	}
	queries := regexp.MustCompile("(?s)= `-- name: (\\w+) :(?:many|one)\n(SELECT.*?)`").FindAllStringSubmatch(string(text), -1)
	if len(queries) < 8 {
		t.Fatalf("%d queries", len(queries))
	}
	for _, q := range queries {
		args := make([]any, strings.Count(q[2], "?"))
		for i := range args {
			args[i] = 1
		}
		for _, step := range steps(t, s, q[2], args) {
			// The newest ones are at an end of the table. Those that are counted by their age
			// are asked for by their owner.
			if whole := regexp.MustCompile(`^SCAN (payments|attempts|p|a)( |$)`).MatchString(step); whole &&
				!strings.Contains(step, "USING COVERING INDEX") && q[1] != "LatestPayments" && q[1] != "CountPaymentsAfter" {
				t.Errorf("%s: %s", q[1], step)
			}
		}
	}
}

func steps(t *testing.T, s *Store, query string, args []any) (all []string) {
	t.Helper()
	rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		all = append(all, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
