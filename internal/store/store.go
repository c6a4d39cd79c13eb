package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/atomicfile"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/store/db"
	"github.com/leyden-ln/leyden/internal/store/prepared"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrExists is the refusal of a row whose key is taken, such as an invoice's
// label. Nothing of the Write that held it was written.
var ErrExists = errors.New("a row with this key exists already")

// ErrFull is that the disk has no room for a write, of which nothing is left.
var ErrFull = errors.New("the disk is full: make room")

// ErrClosed is returned by a Write after Close.
var ErrClosed = errors.New("the store is closed")

// ErrLocked is returned by Open when another process owns the database.
var ErrLocked = atomicfile.ErrLocked

// Store is an open database. It is safe for concurrent use.
type Store struct {
	write *sql.DB // one connection
	read  *sql.DB
	q     *db.Queries          // over read
	reads *prepared.Statements // of read

	conn  *sql.Conn            // that of write, for good
	stmts *prepared.Statements // of conn
	turn  sync.Mutex           // held by a transaction of conn, and by Limit
	lock  *os.File
	now   func() time.Time
	keys  map[wire.ChannelID]int64 // of the writer: the key index of each channel

	parties map[wire.NodeID]uint64 // of the writer: the numbers of nodes
	nodes   sync.Map               // of readers: nodes by their numbers

	mu      sync.Mutex
	closed  bool
	waiting []*batch
	wake    chan struct{} // holds a token when something is waiting
	stopped chan struct{} // closed when the writer has ended

	onEvent func() // called after a commit that held an event

	fault  Fault
	writes uint64 // how many Writes the fault has seen
	broken error  // the fault struck: nothing is written any more
}

// Fault says what becomes of the n-th Write, from 1 up, for tests that let the
// process die there: before its rows are on disk, or after, with nobody told.
type Fault func(n uint64) (before, after bool)

// ErrFault is what a Write returns at a [Fault] and ever after.
var ErrFault = errors.New("the disk is gone, as the test asked")

// SetFault arms a fault; the count begins anew. It says whether the one before has
// struck.
func (s *Store) SetFault(f Fault) (struck bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.writes = f, 0
	return s.broken != nil
}

// batch is one Write.
type batch struct {
	rows []durable.Row
	done chan error
}

// Open opens the database in the folder dir, which it makes when missing, and
// brings its tables up to date. Errors: [ErrLocked], and what the disk says.
func Open(ctx context.Context, dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := atomicfile.Lock(filepath.Join(dir, "leyden.lock"))
	if err != nil {
		return nil, err
	}
	s := &Store{
		lock: lock, now: time.Now,
		wake: make(chan struct{}, 1), stopped: make(chan struct{}), parties: map[wire.NodeID]uint64{},
	}
	if err := s.open(ctx, filepath.Join(dir, "leyden.sqlite3")); err != nil {
		return nil, errors.Join(fmt.Errorf("database in %s: %w", dir, err), s.closeFiles())
	}
	go s.writer()
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) (err error) {
	// The file holds secrets of channels: nobody else may read it.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	if s.write, err = connect(path, immediate); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	tables, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	up, err := goose.NewProvider(goose.DialectSQLite3, s.write, tables)
	if err != nil {
		return err
	}
	if _, err := up.Up(ctx); err != nil {
		return err
	}
	if s.conn, err = s.write.Conn(ctx); err != nil {
		return err
	}
	s.stmts = prepared.New(s.conn)
	if s.read, err = connect(path, "deferred"); err != nil {
		return err
	}
	// They stay open: to prepare the statements of a new one takes longer than most reads.
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	s.reads = prepared.New(s.read)
	s.q = db.New(s.reads)
	known, err := db.New(s.stmts).ChannelKeys(ctx) // whose connection is there already
	if err != nil {
		return err
	}
	s.keys = make(map[wire.ChannelID]int64, len(known))
	for _, k := range known {
		s.keys[wire.ChannelID(k.ID)] = k.KeyIndex
	}
	return nil
}

// immediate is how the writer's transactions begin.
const immediate = "immediate"

// readers is how many may read at once.
const readers = 8

// view runs f over one state of the database.
func (s *Store) view(ctx context.Context, f func(q *db.Queries) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	in := s.reads.Within(tx)
	defer in.End(ctx)
	return f(db.New(in))
}

// connect opens path with the pragmas that durability and speed ask for.
func connect(path, txlock string) (*sql.DB, error) {
	pragmas := []string{
		"busy_timeout(5000)",
		"synchronous(FULL)",
		"foreign_keys(ON)",
		"temp_store(MEMORY)",
		"cache_size(-8192)", // KiB, a connection
	}
	if txlock == immediate {
		// These are facts of the file, and to state them is a write: a reader that did so
		// while others write would wait for its turn, and might never get it.
		pragmas = append(pragmas, "journal_mode(WAL)", "auto_vacuum(INCREMENTAL)")
	}
	v := url.Values{"_txlock": {txlock}, "_pragma": pragmas}
	return sql.Open("sqlite", "file:"+fileURL(path)+"?"+v.Encode())
}

func fileURL(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// OnEvent sets what is called after each commit that held a [durable.Event]. Set
// it before the first Write.
func (s *Store) OnEvent(f func()) { s.onEvent = f }

// Close writes what is waiting and closes the database.
func (s *Store) Close() error {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if already {
		return nil
	}
	s.signal()
	<-s.stopped
	return s.closeFiles()
}

func (s *Store) closeFiles() error {
	var errs []error
	if s.conn != nil {
		errs = append(errs, s.stmts.Close(), s.conn.Close())
	}
	for _, d := range []*sql.DB{s.read, s.write} {
		if d != nil {
			errs = append(errs, d.Close())
		}
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// Write puts rows on disk, all or none. It returns when they are synced. Once
// the rows are handed over, the end of ctx no longer matters: nobody could say
// whether they were written.
func (s *Store) Write(ctx context.Context, rows ...durable.Row) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b := &batch{rows: ahead(rows), done: make(chan error, 1)}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	after := s.strikes()
	if s.broken != nil && !after {
		s.mu.Unlock()
		return s.broken
	}
	s.waiting = append(s.waiting, b)
	s.mu.Unlock()
	s.signal()
	err := <-b.done
	if after {
		return ErrFault
	}
	return err
}

// Limit bounds the database to so many bytes more than it has, as a disk does that is
// nearly full; a negative number: no bound.
func (s *Store) Limit(ctx context.Context, more int64) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	var size, pages int64
	if err := s.conn.QueryRowContext(ctx, "PRAGMA page_size").Scan(&size); err != nil {
		return err
	}
	if err := s.conn.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		return err
	}
	if pages += more / size; more < 0 {
		pages = 1 << 30
	}
	_, err := s.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
	return err
}

// strikes asks the fault about one more Write. It is called with mu held.
func (s *Store) strikes() (after bool) {
	if s.fault == nil || s.broken != nil {
		return false
	}
	s.writes++
	before, after := s.fault(s.writes)
	if before || after {
		s.broken = ErrFault
	}
	return after
}

func (s *Store) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// writer is the one goroutine that writes: it takes all that waits, and while
// the disk is busy with it, more gathers. The disk is the timer. Who is ready to run, and
// may be about to write, comes before it, so that fewer transactions have more in them.
func (s *Store) writer() {
	defer close(s.stopped)
	for range s.wake {
		runtime.Gosched()
		s.mu.Lock()
		group, closed := s.waiting, s.closed
		s.waiting = nil
		s.mu.Unlock()
		if len(group) > 0 {
			s.commit(group)
		}
		if closed {
			return
		}
	}
}

// commit writes a group in one transaction. When that fails for a reason that
// may lie in one of them, each is written alone.
func (s *Store) commit(group []*batch) {
	err := s.transaction(group)
	for _, b := range group {
		if err != nil && len(group) > 1 {
			b.done <- s.transaction([]*batch{b})
		} else {
			b.done <- err
		}
	}
}

// attempts at a transaction that meets a busy database, each after the busy
// timeout.
const attempts = 5

func (s *Store) transaction(group []*batch) (err error) {
	for range attempts {
		if err = s.once(group); !transient(err) {
			break
		}
	}
	return explain(err)
}

func (s *Store) once(group []*batch) (err error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	defer func() {
		if err != nil {
			clear(s.parties) // some may have their numbers in what was not written
		}
	}()
	ctx := context.Background()
	tx, err := s.conn.BeginTx(ctx, nil) // a failed commit rolls back, too
	if err != nil {
		return err
	}
	defer tx.Rollback()
	put := writing{ctx: ctx, q: db.New(s.stmts), now: s.now().Unix(), keys: s.keys, parties: s.parties, traffic: map[int64]*db.AddTrafficParams{}}
	for _, b := range group {
		for _, r := range b.rows {
			if err := put.row(r); err != nil {
				return fmt.Errorf("%s: %w", r.Table(), err)
			}
		}
	}
	if err := put.end(); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if put.event && s.onEvent != nil {
		s.onEvent()
	}
	return nil
}

func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// transient says whether the same write may go through later. The low byte of a
// code is its class.
func transient(err error) bool {
	c := code(err) & 0xff
	return c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED
}

func explain(err error) error {
	switch code(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fmt.Errorf("%w (%w)", ErrExists, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w (%w)", ErrFull, err)
	}
	return err
}
