package store

import (
	"context"
	"database/sql"
	"sync"
)

// statements are those of a database that were used, prepared: to prepare all that
// there are takes longer than to open it. They are closed with it.
type statements struct {
	db    *sql.DB
	mu    sync.RWMutex
	known map[string]*sql.Stmt
}

func newStatements(d *sql.DB) *statements {
	return &statements{db: d, known: map[string]*sql.Stmt{}}
}

func (s *statements) get(query string) (*sql.Stmt, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	stmt, ok := s.known[query]
	return stmt, ok
}

// PrepareContext implements [db.DBTX]. The statement is not the caller's to close.
func (s *statements) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := s.get(query); ok { //nolint:sqlclosecheck // it is kept
		return stmt, nil
	}
	stmt, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, ok := s.known[query]; ok {
		stmt.Close() //nolint:sqlclosecheck // another one is kept
		return first, nil
	}
	s.known[query] = stmt
	return stmt, nil
}

// ExecContext implements [db.DBTX].
func (s *statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.PrepareContext(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// QueryContext implements [db.DBTX].
func (s *statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.PrepareContext(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// QueryRowContext implements [db.DBTX].
func (s *statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := s.PrepareContext(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return s.db.QueryRowContext(ctx, query, args...) // which says the error itself
	}
	return stmt.QueryRowContext(ctx, args...)
}

// within is the statements in one transaction. It has a connection and so must not wait
// for another: what it meets first is prepared for the transaction alone, and for the
// next ones at its end.
type within struct {
	*statements
	tx    *sql.Tx
	fresh map[string]*sql.Stmt
}

func (s *statements) within(tx *sql.Tx) *within { return &within{statements: s, tx: tx} }

// end rolls back what was not committed.
func (w *within) end(ctx context.Context) {
	w.tx.Rollback()
	for query := range w.fresh {
		if _, err := w.statements.PrepareContext(ctx, query); err != nil { //nolint:sqlclosecheck // it is kept
			return // the next use says it
		}
	}
}

// PrepareContext implements [db.DBTX].
func (w *within) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := w.get(query); ok {
		return w.tx.StmtContext(ctx, stmt), nil
	}
	if stmt, ok := w.fresh[query]; ok {
		return stmt, nil
	}
	stmt, err := w.tx.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if w.fresh == nil {
		w.fresh = map[string]*sql.Stmt{}
	}
	w.fresh[query] = stmt
	return stmt, nil
}

// ExecContext implements [db.DBTX].
func (w *within) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := w.PrepareContext(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// QueryContext implements [db.DBTX].
func (w *within) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := w.PrepareContext(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// QueryRowContext implements [db.DBTX].
func (w *within) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := w.PrepareContext(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return w.tx.QueryRowContext(ctx, query, args...) // which says the error itself
	}
	return stmt.QueryRowContext(ctx, args...)
}
