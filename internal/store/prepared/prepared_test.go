package prepared_test

import (
	"context"
	"database/sql"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/leyden-ln/leyden/internal/store/prepared"
)

// counting is a database that counts what is prepared to be kept.
type counting struct {
	*sql.DB
	kept int
}

func (c *counting) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	c.kept++
	return c.DB.PrepareContext(ctx, query)
}

// What one transaction reads, as the start does, is not kept for others; what a second one
// reads is, and the third finds it.
func TestWhatIsMetInASecondTransactionIsKept(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection has a memory of its own; a transaction that waits for a second one waits for ever
	on := &counting{DB: db}
	s := prepared.New(on)
	defer s.Close()
	for i, want := range []int{0, 1, 1} {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		w := s.Within(tx)
		for range 2 {
			var got int
			if err := w.QueryRowContext(t.Context(), "SELECT ? + 1", i).Scan(&got); err != nil || got != i+1 {
				t.Fatal(got, err)
			}
		}
		w.End(t.Context())
		if on.kept != want {
			t.Errorf("after %d transactions %d statements are kept, want %d", i+1, on.kept, want)
		}
	}
}
