package api

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheCommandPagesAreCurrent(t *testing.T) {
	for name, page := range Pages() {
		b, err := os.ReadFile(filepath.Join("..", "docs", "commands", name))
		if err != nil || string(b) != page {
			t.Errorf("docs/commands/%s is not what the table says: run make docs", name)
		}
	}
}
