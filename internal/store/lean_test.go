package store

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/store/compact"
)

// What an old database's index of texts found, that of a converted one finds, and forgets
// what is deleted.
func TestTextsOfAnOldDatabaseAreFoundAndForgotten(t *testing.T) {
	dir := t.TempDir()
	before(t, dir, filepath.Join("testdata", "before_compact_bob.sql"))
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Invoices(t.Context(), 0, 1000)
	if err != nil || len(all) < 3 {
		t.Fatal(len(all), err)
	}
	finds := func(text string) (found []int64) {
		t.Helper()
		if found, err = s.matching(t.Context(), strings.Join(compact.Triples(text), " AND "), 1<<40); err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, row := range all {
		for _, text := range []string{row.Label, row.Description} {
			if len(text) < 3 {
				continue
			}
			here := finds(text)
			if len(here) == 0 {
				t.Errorf("%q is not found", text)
			}
		}
		if err := s.Write(t.Context(), invoice.DeletedRow{PaymentHash: row.PaymentHash}); err != nil {
			t.Fatal(err)
		}
		for _, id := range finds(row.Label) {
			if unsigned[uint64](id) == row.CreatedIndex {
				t.Errorf("%q is found although it is gone", row.Label)
			}
		}
	}
}

// The index of statuses gives places in the order of creation although it names none.
func TestInvoicesOfAStatusComeInTheOrderOfTheirIndex(t *testing.T) {
	s := opened(t, t.TempDir())
	all := steps(t, s, "SELECT created_index FROM invoices WHERE status = ? AND created_index < ? ORDER BY created_index DESC LIMIT 5", []any{"paid", 9})
	if text := strings.Join(all, "; "); !strings.Contains(text, "COVERING INDEX invoices_status (status=? AND rowid<?)") || strings.Contains(text, "B-TREE") {
		t.Error(text)
	}
}
