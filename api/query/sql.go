package query

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"modernc.org/libc"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/node"
)

// What one query may cost.
const (
	longestQuery = 10 * time.Second
	mostBytes    = 16 << 20 // of the result
	mostQueries  = 4        // at once; the others wait
)

// limits are those of a connection: nothing else is opened, no value is huge, no
// statement is.
var limits = map[int]int{
	sqlite3.SQLITE_LIMIT_ATTACHED: 0, sqlite3.SQLITE_LIMIT_LENGTH: 4 << 20, sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1 << 20,
	sqlite3.SQLITE_LIMIT_COLUMN: 200, sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100, sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
	sqlite3.SQLITE_LIMIT_VDBE_OP: 100_000, sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000, sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0,
}

type connector struct{}

func (connector) Connect(context.Context) (sqldriver.Conn, error) {
	return driver.Open("file::memory:?_defensive=1&_pragma=temp_store(1)&_pragma=cache_size(-4096)")
}

func (connector) Driver() sqldriver.Driver { return driver }

// interrupt ends what a connection runs as soon as the context is done, until stop has
// been called. The driver itself does so only until the first row is there, and the next
// one may take for ever.
func interrupt(ctx context.Context, c *sql.Conn) (stop func(), err error) {
	var handle reflect.Value
	err = c.Raw(func(c any) error {
		if handle = reflect.ValueOf(c).Elem().FieldByName("db"); !handle.IsValid() || handle.Kind() != reflect.Uintptr {
			return fmt.Errorf("%T has no handle of a database", c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	db, over := uintptr(handle.Uint()), make(chan struct{})
	unused := context.AfterFunc(ctx, func() {
		defer close(over)
		thread := libc.NewTLS()
		defer thread.Close()
		sqlite3.Xsqlite3_interrupt(thread, db)
	})
	return func() {
		if !unused() {
			<-over
		}
	}, nil
}

// connect makes an empty database with the tables of a session, and closes it again
// with done.
func connect(ctx context.Context, s *session) (c *sql.Conn, done func(), err error) {
	db := sql.OpenDB(connector{})
	id := s.open()
	ends := []func(){func() { sessions.Delete(id) }, func() { db.Close() }}
	end := func() {
		for _, f := range slices.Backward(ends) {
			f()
		}
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	ends = append(ends, func() { conn.Close() })
	for name := range s.tables {
		if _, err := conn.ExecContext(ctx, fmt.Sprintf("CREATE VIRTUAL TABLE temp.%s USING %s(%s)", name, moduleName, id)); err != nil {
			return nil, nil, err
		}
	}
	if _, err := conn.ExecContext(ctx, "PRAGMA query_only = ON"); err != nil {
		return nil, nil, err
	}
	for id, most := range limits {
		if _, err := sqlite.Limit(conn, id, most); err != nil {
			return nil, nil, err
		}
	}
	stop, err := interrupt(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	ends = append(ends, stop)
	return conn, end, nil
}

type sqlRequest struct {
	Query string `json:"query" doc:"one SELECT of SQLite's"`
}

type sqlResponse struct {
	Rows    [][]any `json:"rows" doc:"each an array of its columns: numbers, strings, null; bytes are in hexadecimal"`
	Failure string  `json:"warning_db_failure,omitempty" doc:"why the rows are not all: an error on the way, the time, or the most rows or bytes of one answer"`
}

// views are the tables of a node's commands.
type views struct {
	tables  []*table
	running chan struct{} // full when as many queries run as may
}

func (v *views) ask(ctx context.Context, n *node.Node, r sqlRequest) (sqlResponse, error) {
	out := sqlResponse{Rows: [][]any{}}
	if err := one(r.Query); err != nil {
		return out, command.Refuse(command.Failed, "query: %v", err)
	}
	select {
	case v.running <- struct{}{}:
		defer func() { <-v.running }()
	case <-ctx.Done():
		return out, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, longestQuery)
	defer cancel()
	s := &session{ctx: ctx, node: n, tables: map[string]*table{}, whole: map[*source]reflect.Value{}}
	for _, t := range v.tables {
		if strings.Contains(strings.ToLower(r.Query), t.name) { // it may be named: others need not be made
			s.tables[t.name] = t
		}
	}
	c, done, err := connect(ctx, s)
	if err != nil {
		return out, err
	}
	defer done()
	rows, err := c.QueryContext(ctx, r.Query)
	if err != nil {
		return out, command.Refuse(command.Failed, "query: %v", late(ctx, err))
	}
	defer rows.Close()
	if out.Failure, err = out.gather(rows); err != nil {
		return out, err
	}
	if err := rows.Err(); err != nil {
		if err = late(ctx, err); len(out.Rows) == 0 {
			return out, command.Refuse(command.Failed, "query: %v", err)
		}
		out.Failure = err.Error()
	}
	return out, nil
}

// late names the end of the time by what it is.
func late(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("it took longer than %v", longestQuery)
	}
	return err
}

// gather reads rows until there are no more, or too many.
func (r *sqlResponse) gather(rows *sql.Rows) (full string, err error) {
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	size := 0
	for rows.Next() {
		if len(r.Rows) == command.LongestList {
			return fmt.Sprintf("there are more than %d rows: ask for the next ones by LIMIT and OFFSET, or by an index", command.LongestList), nil
		}
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		for i, v := range values {
			switch v := v.(type) {
			case []byte:
				size += 2 * len(v)
				values[i] = hex.EncodeToString(v)
			case string:
				size += len(v)
			}
			size += 8
		}
		if size > mostBytes {
			return fmt.Sprintf("there are more than %d bytes", mostBytes), nil
		}
		r.Rows = append(r.Rows, values)
	}
	return "", nil
}

type listSchemasRequest struct {
	Table *string `json:"table" doc:"only this one"`
}

type columnRow struct {
	Name string `json:"name" doc:"the column"`
	Type string `json:"type" doc:"INTEGER, REAL, TEXT or BLOB"`
}

type schemaRow struct {
	Table   string      `json:"tablename" doc:"the table"`
	Columns []columnRow `json:"columns" doc:"in order"`
	Indices [][]string  `json:"indices,omitempty" doc:"columns by which rows are found without reading all"`
}

type listSchemasResponse struct {
	Schemas []schemaRow `json:"schemas" doc:"the tables"`
}

func (v *views) list(_ context.Context, _ *node.Node, r listSchemasRequest) (listSchemasResponse, error) {
	out := listSchemasResponse{Schemas: []schemaRow{}}
	for _, t := range v.tables {
		if r.Table != nil && *r.Table != t.name {
			continue
		}
		row := schemaRow{Table: t.name}
		for _, c := range t.all() {
			row.Columns = append(row.Columns, columnRow{c.name, c.kind})
			if !t.sub() && (t.source.by[c.name] != "" || t.source.paged && c.name == "created_index") {
				row.Indices = append(row.Indices, []string{c.name})
			}
		}
		out.Schemas = append(out.Schemas, row)
	}
	if r.Table != nil && len(out.Schemas) == 0 {
		return out, command.Refuse(command.InvalidParams, "table: there is no %q", command.Clip([]byte(*r.Table)))
	}
	return out, nil
}

// Commands are sql and listsqlschemas over the list commands among those given.
func Commands(list []command.Command) []command.Command {
	v := &views{running: make(chan struct{}, mostQueries)}
	for _, s := range sources {
		of := *s
		for i := range list {
			if list[i].Name == s.command {
				of.find = &list[i]
			}
		}
		v.tables = append(v.tables, tablesOf(&of, of.find.Result.Field(0).Type.Elem())...)
	}
	return []command.Command{
		command.Define(command.Spec{
			Name: "sql", Group: "node", Short: "ask for rows of the lists by SQL",
			Long: "Runs one SELECT of SQLite's over the rows of the list commands, under the names of listsqlschemas. Rows are read " +
				"while the query runs, by an index where there is one: see `indices` there; the rest of a long list is read whole. " +
				"Nothing can be written. One query takes 10 seconds at the most, and gives 10000 rows at the most; " +
				"`warning_db_failure` says when that was reached. On the command line, give a query with `=` in it by position.",
			Errors:   []command.Code{command.Failed},
			Examples: []string{`sql "SELECT label, hex(payment_hash) FROM invoices WHERE status = 'paid' ORDER BY paid_at DESC LIMIT 10"`},
		}, v.ask),
		command.Define(command.Spec{
			Name: "listsqlschemas", Group: "node", Short: "list the tables of sql",
			Long:     "Lists the tables of `sql` with their columns. An array in the rows of a list is a table of its own, whose `row` is the rowid of the row that has it.",
			Examples: []string{"listsqlschemas", "listsqlschemas invoices"},
		}, v.list),
	}
}
