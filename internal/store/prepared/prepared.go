// Package prepared runs queries by statements that are prepared once, when they are first
// used, outside of transactions and within them:
//
//	s := prepared.New(db)
//	w := s.Within(tx)
//	defer w.End(ctx)
//	queries.New(w)
package prepared

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// runner runs queries. It is what generated queries run on.
type runner struct {
	prepare func(ctx context.Context, query string) (*sql.Stmt, error)
	// plain runs a query that could not be prepared: it says the error itself.
	plain interface {
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
}

// PrepareContext is for generated queries. The statement is not the caller's to close.
func (r runner) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return r.prepare(ctx, query)
}

// ExecContext is for generated queries.
func (r runner) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := r.prepare(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// QueryContext is for generated queries.
func (r runner) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := r.prepare(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// QueryRowContext is for generated queries.
func (r runner) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := r.prepare(ctx, query) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return r.plain.QueryRowContext(ctx, query, args...)
	}
	return stmt.QueryRowContext(ctx, args...)
}

// On is what statements are prepared on: a [sql.DB], or the one [sql.Conn] of it that
// somebody holds. There what the connection's transaction does is done by the same
// statements, and there is no need for [Statements.Within].
type On interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Statements are those of a database that were used, prepared: to prepare all that
// there are takes longer than to open it.
type Statements struct {
	runner
	on    On
	mu    sync.RWMutex
	known map[string]*sql.Stmt
	met   map[string]bool // in a transaction that has ended
}

// New makes the statements of a database.
func New(on On) *Statements {
	s := &Statements{on: on, known: map[string]*sql.Stmt{}, met: map[string]bool{}}
	s.runner = runner{s.keep, on}
	return s
}

// Close closes the statements. Those of a whole database are closed with it, too.
func (s *Statements) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.known {
		errs = append(errs, stmt.Close())
	}
	clear(s.known)
	return errors.Join(errs...)
}

func (s *Statements) get(query string) (*sql.Stmt, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	stmt, ok := s.known[query]
	return stmt, ok
}

// keep prepares a statement unless that is done.
func (s *Statements) keep(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := s.get(query); ok { //nolint:sqlclosecheck // it is kept
		return stmt, nil
	}
	stmt, err := s.on.PrepareContext(ctx, query)
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

// again says whether a query was met in a transaction before.
func (s *Statements) again(query string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.met[query]
	s.met[query] = true
	return before
}

// Within is the statements in one transaction. It has a connection and so must not wait
// for another: what it meets first is prepared for the transaction alone, and when that
// happens again, as it does not with what is read at the start, for the next ones at its end.
type Within struct {
	runner
	all   *Statements
	tx    *sql.Tx
	fresh map[string]*sql.Stmt
}

// Within gives the statements of a transaction.
func (s *Statements) Within(tx *sql.Tx) *Within {
	w := &Within{all: s, tx: tx}
	w.runner = runner{w.take, tx}
	return w
}

// take is a statement of the transaction.
func (w *Within) take(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := w.all.get(query); ok {
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

// End rolls back what was not committed.
func (w *Within) End(ctx context.Context) {
	w.tx.Rollback()
	for query := range w.fresh {
		if !w.all.again(query) {
			continue
		}
		if _, err := w.all.keep(ctx, query); err != nil { //nolint:sqlclosecheck // it is kept
			return // the next use says it
		}
	}
}
