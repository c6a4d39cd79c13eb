package store

import (
	"context"
	"errors"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store/db"
	"github.com/leyden-ln/leyden/internal/store/ready"
)

// own is a row that does what a test wants, within the writer's transaction.
type own func(ctx context.Context, q *db.Queries) error

func (own) Table() string                                  { return "own" }
func (o own) Put(ctx context.Context, q *db.Queries) error { return o(ctx, q) }

func TestACommitThatFailsRollsBackAndTheNextWriteGoesThrough(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	s := opened(t, ready.Dir(t, t.TempDir()))
	err := s.Write(t.Context(), Fact{Name: "before", Value: []byte{1}}, own(func(ctx context.Context, _ *db.Queries) error {
		for _, statement := range []string{
			"PRAGMA defer_foreign_keys = ON", // until the commit
			"INSERT INTO secrets (channel, bucket, number, secret) VALUES (77, 1, 1, x'00')",
		} {
			if _, err := s.conn.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}))
	if code(err) != sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY {
		t.Fatalf("a commit with a secret of no channel: %v", err)
	}
	if _, ok, err := s.Fact(t.Context(), "before"); err != nil || ok {
		t.Errorf("a part of it is there: %v, %v", ok, err)
	}
	if err := s.Write(t.Context(), Fact{Name: "after", Value: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Fact(t.Context(), "after"); err != nil || !ok {
		t.Errorf("the next write: %v, %v", ok, err)
	}
}

func TestAWriteThatFailsInTheMiddleLeavesNothingAndNoTransaction(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	s := opened(t, ready.Dir(t, t.TempDir()))
	no := errors.New("no")
	for range 3 {
		err := s.Write(t.Context(), Fact{Name: "before", Value: []byte{1}}, own(func(context.Context, *db.Queries) error { return no }))
		if !errors.Is(err, no) {
			t.Fatal(err)
		}
	}
	if _, ok, err := s.Fact(t.Context(), "before"); err != nil || ok {
		t.Errorf("a part of it is there: %v, %v", ok, err)
	}
	if err := s.Limit(t.Context(), -1); err != nil {
		t.Error(err)
	}
}

// A transaction begins with the lock, and who cannot have it asks again.
func TestABusyDatabaseIsWrittenOnceItIsFree(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	s := opened(t, ready.Dir(t, t.TempDir()))
	if _, err := s.conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	other, err := s.read.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), Fact{Name: "busy", Value: []byte{1}}); !transient(err) {
		t.Errorf("while another one writes: %v", err)
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), Fact{Name: "free", Value: []byte{1}}); err != nil {
		t.Error(err)
	}
}

func TestAStatementOfTheWriterIsPreparedOnce(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	s := opened(t, ready.Dir(t, t.TempDir()))
	const query = "SELECT value FROM facts WHERE name = ?"
	before, err := s.stmts.PrepareContext(t.Context(), query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), own(func(ctx context.Context, _ *db.Queries) error {
		within, err := s.stmts.PrepareContext(ctx, query) //nolint:sqlclosecheck // it is kept
		if within != before {
			t.Error("it is prepared again in a transaction")
		}
		return err
	})); err != nil {
		t.Fatal(err)
	}
}
