package query

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
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

// Plans of [rows.BestIndex]: all rows when no bit is set; or those from an index on, up to
// one, or with exactly one, and the newest first; or those that the command finds by a
// column, whose number is added to planBy.
const (
	planFrom int64 = 1 << iota
	planTo
	planExact
	planDown
	planBy
)

// BestIndex implements [vtab.Table].
func (r *rows) BestIndex(info *vtab.IndexInfo) error {
	info.IdxNum, info.EstimatedCost, info.EstimatedRows = 0, 1e6, 1e6
	if r.t.sub() {
		return nil
	}
	by, from, to := -1, -1, -1
	exact := false
	for i := range info.Constraints {
		c := &info.Constraints[i]
		c.ArgIndex = -1
		if !c.Usable || c.Column < 0 || c.Column >= len(r.t.columns) {
			continue
		}
		switch name := r.t.columns[c.Column].name; {
		case c.Op == vtab.OpEQ && r.t.source.by[name] != "":
			by = i
		case !r.t.source.paged || name != createdIndex:
		case c.Op == vtab.OpEQ:
			from, exact = i, true
		case (c.Op == vtab.OpGE || c.Op == vtab.OpGT) && !exact:
			from = i
		case c.Op == vtab.OpLE || c.Op == vtab.OpLT:
			to = i
		}
	}
	take := func(constraint int, bit int64) {
		info.IdxNum |= bit
		info.Constraints[constraint].ArgIndex = bits.OnesCount64(uint64(info.IdxNum)) - 1 //nolint:gosec // not negative
		info.EstimatedCost, info.EstimatedRows = info.EstimatedCost/1000, info.EstimatedRows/1000
	}
	switch {
	case by >= 0:
		info.IdxNum, info.EstimatedCost, info.EstimatedRows = planBy+int64(info.Constraints[by].Column), 1, 1
		info.Constraints[by].ArgIndex = 0
	case exact:
		take(from, planExact)
	default:
		if from >= 0 {
			take(from, planFrom)
		}
		if to >= 0 {
			take(to, planTo)
		}
	}
	if o := info.OrderBy; r.t.source.paged && len(o) == 1 && o[0].Column >= 0 && r.t.columns[o[0].Column].name == createdIndex {
		switch {
		case !o[0].Desc:
			info.OrderByConsumed = true
		case by < 0 && r.t.source.newest != nil:
			info.OrderByConsumed, info.IdxNum = true, info.IdxNum|planDown
		}
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
	below uint64        // rows from this index on are left out
	down  bool          // from the newest row on
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
	*c = cursor{s: c.s, t: c.t, p: plan{limit: firstRows}, below: math.MaxInt64}
	of := int64(idx)
	if of >= planBy {
		col := &c.t.columns[of-planBy]
		text, possible := argument(col, vals[0])
		if !possible {
			c.done = true
			return nil
		}
		c.p = plan{param: c.t.source.by[col.name], value: text}
	} else if c.bound(of, vals); c.done {
		return nil
	}
	if c.down = of < planBy && of&planDown != 0; c.down {
		newest, err := c.t.source.newest(c.s.ctx, c.s.node)
		if err != nil {
			return err
		}
		c.below = min(c.below, newest+1)
	}
	if err := c.read(); err != nil {
		return err
	}
	return c.settle()
}

// bound takes the range of indexes that a plan asks for. Of what is no integer SQLite
// itself compares the rows.
func (c *cursor) bound(of int64, vals []vtab.Value) {
	for _, bit := range []int64{planFrom, planTo, planExact} {
		if of&bit == 0 {
			continue
		}
		v, whole := vals[0].(int64)
		_, fraction := vals[0].(float64)
		vals = vals[1:]
		if !whole {
			c.done = c.done || !fraction && bit != planTo
			continue
		}
		if bit != planTo {
			c.p.start = uint64(max(v, 0)) //nolint:gosec // not negative
		}
		if bit != planFrom {
			c.below = uint64(min(max(v, 0), math.MaxInt64-1)) + 1 //nolint:gosec // not negative
		}
		if bit == planExact {
			c.p.limit = 1
		}
	}
}

// read reads a page.
func (c *cursor) read() (err error) {
	if err := c.s.ctx.Err(); err != nil {
		return err
	}
	if c.down {
		return c.readDown()
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
	if err == nil && c.t.source.paged && c.p.param == "" {
		c.cut()
	}
	return err
}

// cut leaves out the rows of a page that are beyond the range, and has the next page be
// larger.
func (c *cursor) cut() {
	n := c.page.Len()
	for n > 0 && createdOf(c.page.Index(n-1)) >= c.below {
		n--
	}
	c.more = c.more && n == c.page.Len() && c.p.limit > 1
	c.page = c.page.Slice(0, n)
	c.p.limit = min(4*c.p.limit, pageRows)
}

// readDown reads the page that ends below the one before. A list is read upwards: of a
// range of indexes that is as long as a page the command gives all rows. Where there are
// none the ranges get longer, and are only asked whether they have any, until they do.
func (c *cursor) readDown() error {
	width := uint64(c.p.limit)
	for {
		if c.below <= max(c.p.start, 1) {
			c.more, c.page = false, reflect.Value{}
			return nil
		}
		p := plan{start: c.below - min(width, c.below-max(c.p.start, 1)), limit: c.p.limit}
		long := width > uint64(pageRows)
		if long {
			p.limit = 1
		}
		page, _, err := c.t.source.rows(c.s.ctx, c.s.node, p)
		if err != nil {
			return err
		}
		found := page.Len() > 0 && createdOf(page.Index(0)) < c.below
		switch {
		case found && long:
			width = max(width/2, uint64(pageRows))
			c.p.limit = pageRows
		case found:
			c.page = page
			c.cut()
			c.at, c.below, c.more = 0, p.start, true
			return nil
		default:
			c.below, width = p.start, 2*width
			c.p.limit = int(min(max(width, firstRows), uint64(pageRows))) //nolint:gosec // small
		}
		if err := c.s.ctx.Err(); err != nil {
			return err
		}
	}
}

// createdOf is the created_index of a source's row.
func createdOf(row reflect.Value) uint64 { return row.FieldByName("CreatedIndex").Uint() }

// now is the row of the page at which the cursor is.
func (c *cursor) now() reflect.Value {
	if c.down {
		return c.page.Index(c.page.Len() - 1 - c.at)
	}
	return c.page.Index(c.at)
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
			if !c.down {
				c.p.start = createdOf(c.page.Index(c.page.Len()-1)) + 1
			}
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
		return c.t.columns[i].of(c.now())
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
		return int64(createdOf(c.now())) //nolint:gosec // no list is as long
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
