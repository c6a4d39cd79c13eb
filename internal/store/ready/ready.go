// Package ready gives tests databases that have their tables already: to make those
// takes the race detector longer than most tests take.
package ready

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"github.com/leyden-ln/leyden/internal/store"
)

// name is the name of the database in its folder.
const name = "leyden.sqlite3"

var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "leyden-tables-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s, err := store.Open(context.Background(), dir)
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, name))
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
