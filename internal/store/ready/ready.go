// Package ready gives tests databases that have their tables already: to make those
// takes the race detector longer than most tests take.
package ready

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite"
)

// name is the name of the database in its folder.
const name = "leyden.sqlite3"

// tables are what the migrations make, as the test of this room has written it: to make
// it at once takes a tenth of the time.
//
//go:embed tables.sql
var tables string

var template = sync.OnceValues(func() (b []byte, err error) {
	dir, err := os.MkdirTemp("", "leyden-tables-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, name)
	d, err := sql.Open("sqlite", path+"?_pragma=auto_vacuum(INCREMENTAL)&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	_, err = d.ExecContext(context.Background(), "BEGIN;\n"+tables+"COMMIT;")
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Dir puts an empty database into the folder dir, which it makes when missing; one that
// is there stays. It returns dir.
func Dir(t interface {
	Helper()
	Fatal(args ...any)
}, dir string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return dir
	}
	b, err := template()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
