package ready

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
)

var update = flag.Bool("update", false, "write tables.sql anew")

// dump is a database as statements: its tables, and the rows that the migrations put there.
func dump(t *testing.T, dir string) string {
	t.Helper()
	d, err := sql.Open("sqlite", filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	column := func(query string) (all []string) {
		t.Helper()
		rows, err := d.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(query, err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return all
	}
	// The tables behind an index of text are made with it.
	const ours = " FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')"
	out := column("SELECT sql || ';'" + ours + " ORDER BY rowid")
	for _, table := range column("SELECT name" + ours + " AND type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY rowid") {
		fields := column(fmt.Sprintf("SELECT name FROM pragma_table_info('%s') WHERE name <> 'tstamp'", table))
		values := "quote(" + strings.Join(fields, ") || ', ' || quote(") + ")"
		out = append(out, column(fmt.Sprintf("SELECT 'INSERT INTO %s (%s) VALUES (' || %s || ');' FROM %[1]s", table, strings.Join(fields, ", "), values))...)
	}
	for _, pragma := range []string{"auto_vacuum", "journal_mode", "user_version", "encoding"} {
		out = append(out, "-- "+pragma+" "+column("PRAGMA " + pragma)[0])
	}
	return strings.Join(out, "\n") + "\n"
}

func TestTheTablesAreThoseOfTheMigrations(t *testing.T) {
	race.Leave(t, "one goroutine makes the tables")
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := dump(t, dir)
	if *update {
		if err := os.WriteFile("tables.sql", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		tables = want
	}
	if tables != want {
		t.Fatal("tables.sql is old: make generate")
	}
	if got := dump(t, Dir(t, t.TempDir())); got != want {
		t.Errorf("a database that is ready has\n%s\nand not\n%s", got, want)
	}
}
