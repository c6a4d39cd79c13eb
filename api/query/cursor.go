package query

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"
	"modernc.org/sqlite/vtab"

	"github.com/leyden-ln/leyden/node"
)

// driver opens the databases of queries; others know nothing of its tables.
var driver = &sqlite.Driver{}

const moduleName = "leyden"

func init() {
	if err := driver.RegisterModule(moduleName, module{}); err != nil {
		panic("query: " + err.Error())
	}
}

// session is one query: for whom, and until when.
type session struct {
	ctx    context.Context
	node   *node.Node
	tables map[string]*table
	whole  map[*source]reflect.Value // lists that are not paged, read once a query
}

// sessions are the queries under way by number: the modules of a driver are the same
// for all its connections.
var (
	sessions    sync.Map
	lastSession atomic.Uint64
)

func (s *session) open() (id string) {
	id = strconv.FormatUint(lastSession.Add(1), 10)
	sessions.Store(id, s)
	return id
}

// module makes the tables of a session.
type module struct{}

// Create implements [vtab.Module].
func (module) Create(ctx vtab.Context, args []string) (vtab.Table, error) {
	if len(args) != 4 {
		return nil, errors.New("a table of the node cannot be made")
	}
	s, ok := sessions.Load(args[3])
	if !ok {
		return nil, errors.New("the query has ended")
	}
	of := s.(*session)
	t, ok := of.tables[args[2]]
	if !ok {
		return nil, fmt.Errorf("there is no table %q", args[2])
	}
	var b strings.Builder
	for i, c := range t.all() {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, `"%s" %s`, c.name, c.kind)
	}
	return &rows{of, t}, ctx.Declare("CREATE TABLE x(" + b.String() + ")")
}

// Connect implements [vtab.Module].
func (m module) Connect(ctx vtab.Context, args []string) (vtab.Table, error) {
	return m.Create(ctx, args)
}

// rows is a table of a session.
type rows struct {
	s *session
	t *table
}

// Plans of [rows.BestIndex]: all rows, those from an index on, and those that the
// command finds by a column, whose number is added.
const (
	planAll = iota
	planFrom
	planBy
)

// BestIndex implements [vtab.Table].
func (r *rows) BestIndex(info *vtab.IndexInfo) error {
	info.IdxNum, info.EstimatedCost, info.EstimatedRows = planAll, 1e6, 1e6
	if r.t.sub() {
		return nil
	}
	columns := r.t.columns
	best := -1
	for i := range info.Constraints {
		c := &info.Constraints[i]
		if !c.Usable || c.Column < 0 || c.Column >= len(columns) {
			continue
		}
		name := columns[c.Column].name
		switch {
		case c.Op == vtab.OpEQ && r.t.source.by[name] != "":
			best, info.IdxNum, info.EstimatedCost, info.EstimatedRows = i, int64(planBy+c.Column), 1, 1
		case r.t.source.paged && name == "created_index" && best < 0 && (c.Op == vtab.OpEQ || c.Op == vtab.OpGE || c.Op == vtab.OpGT):
			best, info.IdxNum, info.EstimatedCost, info.EstimatedRows = i, planFrom, 1000, 1000
		}
	}
	for i := range info.Constraints {
		info.Constraints[i].ArgIndex = -1
	}
	if best >= 0 {
		info.Constraints[best].ArgIndex = 0
	}
	if o := info.OrderBy; r.t.source.paged && len(o) == 1 && !o[0].Desc && o[0].Column >= 0 && columns[o[0].Column].name == "created_index" {
		info.OrderByConsumed = true
	}
	return nil
}

// Open implements [vtab.Table].
func (r *rows) Open() (vtab.Cursor, error) { return &cursor{s: r.s, t: r.t}, nil }

// Disconnect implements [vtab.Table].
func (*rows) Disconnect() error { return nil }

// Destroy implements [vtab.Table].
func (*rows) Destroy() error { return nil }

// cursor goes over the rows of a table.
type cursor struct {
	s     *session
	t     *table
	p     plan
	page  reflect.Value // rows of the source
	more  bool          // whether there is another page
	at    int           // in page
	count int64         // of the source's rows before page
	elem  int           // of a subtable: in the array of the row
	items reflect.Value // of a subtable: that array
	done  bool
}

// Filter implements [vtab.Cursor].
func (c *cursor) Filter(idx int, _ string, vals []vtab.Value) error {
	*c = cursor{s: c.s, t: c.t}
	switch {
	case len(vals) == 0:
	case idx == planFrom:
		switch v := vals[0].(type) {
		case int64:
			c.p.start = uint64(max(v, 0)) //nolint:gosec // not negative
		case float64: // SQLite compares the rows itself
		default:
			c.done = true
			return nil
		}
	case idx >= planBy:
		col := &c.t.columns[idx-planBy]
		text, possible := argument(col, vals[0])
		if !possible {
			c.done = true
			return nil
		}
		c.p = plan{param: c.t.source.by[col.name], value: text}
	}
	if err := c.read(); err != nil {
		return err
	}
	return c.settle()
}

// read reads a page.
func (c *cursor) read() (err error) {
	if err := c.s.ctx.Err(); err != nil {
		return err
	}
	keep := !c.t.source.paged && c.p.param == ""
	if known, ok := c.s.whole[c.t.source]; ok && keep {
		c.page, c.at = known, 0
		return nil
	}
	c.page, c.more, err = c.t.source.rows(c.s.ctx, c.s.node, c.p)
	c.at = 0
	if err == nil && keep {
		c.s.whole[c.t.source] = c.page
	}
	return err
}

// settle goes to the next row that is there, from at and elem on.
func (c *cursor) settle() error {
	for {
		if !c.page.IsValid() {
			c.done = true
			return nil
		}
		if c.at >= c.page.Len() {
			if !c.more {
				c.done = true
				return nil
			}
			last := c.page.Index(c.page.Len() - 1)
			c.p.start = last.FieldByName("CreatedIndex").Uint() + 1
			c.count += int64(c.page.Len())
			if err := c.read(); err != nil {
				return err
			}
			continue
		}
		if !c.t.sub() {
			return nil
		}
		if items, ok := follow(c.page.Index(c.at), c.t.array); ok && c.elem < items.Len() {
			c.items = items
			return nil
		}
		c.at, c.elem = c.at+1, 0
	}
}

// Next implements [vtab.Cursor].
func (c *cursor) Next() error {
	if c.t.sub() {
		c.elem++
	} else {
		c.at++
	}
	return c.settle()
}

// Eof implements [vtab.Cursor].
func (c *cursor) Eof() bool { return c.done }

// Column implements [vtab.Cursor].
func (c *cursor) Column(i int) (vtab.Value, error) {
	if !c.t.sub() {
		return c.t.columns[i].of(c.page.Index(c.at))
	}
	switch i {
	case 0:
		return c.row(), nil
	case 1:
		return int64(c.elem), nil
	}
	return c.t.columns[i-len(subColumns)].of(c.items.Index(c.elem))
}

// row is the rowid of the source's row: its created_index, or its place.
func (c *cursor) row() int64 {
	if c.t.source.paged {
		return int64(c.page.Index(c.at).FieldByName("CreatedIndex").Uint()) //nolint:gosec // no list is as long
	}
	return c.count + int64(c.at) + 1
}

// Rowid implements [vtab.Cursor].
func (c *cursor) Rowid() (int64, error) {
	if c.t.sub() {
		return c.row()<<20 + int64(c.elem), nil
	}
	return c.row(), nil
}

// Close implements [vtab.Cursor].
func (*cursor) Close() error { return nil }
