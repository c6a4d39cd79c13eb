package store

import (
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/leyden-ln/leyden/internal/store/ready"
)

// A reader that waited for the writer could wait for ever: the writer never rests.
func TestReadersAreOpenedWhileTheWriterWrites(t *testing.T) {
	s, err := Open(t.Context(), ready.Dir(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tx, err := s.conn.BeginTx(t.Context(), nil) // immediate: it has the lock
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO counters (name, value) VALUES ('test', 1)"); err != nil {
		t.Fatal(err)
	}
	for range readers {
		c, err := s.read.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var mode string
		if err := c.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
			t.Fatal(mode, err)
		}
	}
}

func TestReadersKeepTheirConnections(t *testing.T) {
	s, err := Open(t.Context(), ready.Dir(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 3 {
		var all sync.WaitGroup
		for range readers {
			c, err := s.read.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() { c.Close() })
		}
		all.Wait()
		if closed := s.read.Stats().MaxIdleClosed; closed != 0 {
			t.Fatalf("%d connections were closed", closed)
		}
	}
}

// A statement whose LIMIT is a parameter as such is prepared anew whenever that is bound:
// SQLite plans for its value.
func TestNoStatementIsPreparedAgainForItsLimit(t *testing.T) {
	files, err := filepath.Glob("queries/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range append(files, "search.go") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range regexp.MustCompile(`\bLIMIT (\?|sqlc)[^;]*`).FindAllString(string(text), -1) {
			t.Errorf("%s: %s: not CAST(… AS INTEGER)", name, limit)
		}
	}
}
