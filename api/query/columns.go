package query

import (
	"encoding"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"

	"modernc.org/sqlite/vtab"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// column is one column of a table: a field of a list's rows, or of what is in them.
type column struct {
	name string
	kind string  // INTEGER, REAL, TEXT or BLOB
	path [][]int // fields to go through, each an index of reflect.Value.FieldByIndex; empty: the row itself
	omit bool    // zero is NULL
}

// table is what one query can name.
type table struct {
	name    string
	source  *source
	columns []column // after those that every subtable has
	array   [][]int  // of a subtable: where its rows are in those of the source
}

// sub says whether it is the rows of an array in the rows of another table.
func (t *table) sub() bool { return t.array != nil }

// subColumns stand before the columns of each subtable.
var subColumns = []column{{name: "row", kind: "INTEGER"}, {name: "arrindex", kind: "INTEGER"}}

// all are the columns in order.
func (t *table) all() []column {
	if t.sub() {
		return append(slices.Clone(subColumns), t.columns...)
	}
	return t.columns
}

// tablesOf are the tables of a list command: its rows, and the arrays in them.
func tablesOf(s *source, row reflect.Type) []*table {
	main := &table{name: s.table, source: s}
	all := append([]*table{main}, main.fields(row, "", nil, false)...)
	known := map[string]bool{}
	for _, c := range main.columns {
		known[c.name] = true
	}
	for _, c := range s.empty {
		name, kind, _ := strings.Cut(c, " ")
		if !known[name] {
			main.columns = append(main.columns, column{name: name, kind: kind})
		}
	}
	return all
}

var textType = reflect.TypeFor[encoding.TextMarshaler]()

// fields adds the columns of a type, and gives the tables of the arrays in it.
func (t *table) fields(of reflect.Type, prefix string, path [][]int, omit bool) (subs []*table) {
	for i := range of.NumField() {
		f := of.Field(i)
		ft := f.Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		at := append(slices.Clone(path), f.Index)
		if f.Anonymous {
			subs = append(subs, t.fields(ft, prefix, at, omit)...)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		mayLack := omit || strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		switch {
		case ft.Kind() == reflect.Slice:
			subs = append(subs, subtable(t, prefix+name, name, ft.Elem(), at))
		case ft.Kind() == reflect.Struct && !ft.Implements(textType):
			subs = append(subs, t.fields(ft, prefix+name+"_", at, mayLack)...)
		default:
			t.columns = append(t.columns, column{name: prefix + name, kind: kindOf(name, ft), path: at, omit: mayLack})
		}
	}
	return subs
}

// subtable is the table of an array. Arrays in arrays are left out, as they are in
// Core Lightning.
func subtable(of *table, name, short string, elem reflect.Type, at [][]int) *table {
	sub := &table{name: of.name + "_" + name, source: of.source, array: at}
	if elem.Kind() == reflect.Struct && !elem.Implements(textType) {
		sub.fields(elem, "", nil, false)
	} else {
		sub.columns = []column{{name: short, kind: kindOf(short, elem)}}
	}
	return sub
}

// blobs are the fields whose text is bytes in hexadecimal: columns of bytes.
var blobs = []string{
	"payment_preimage", "features", "color", "hash", "rawtx", "txid", "funding_txid", "scriptPubKey", "last_commitment_txid", "scriptpubkey",
}

// kindOf is the type of a column, by Core Lightning's rules.
func kindOf(name string, t reflect.Type) string {
	switch t {
	case reflect.TypeFor[wire.PaymentHash](), reflect.TypeFor[wire.Preimage](), reflect.TypeFor[wire.NodeID](), reflect.TypeFor[wire.ChannelID]():
		return "BLOB"
	}
	if t.Implements(textType) {
		return "TEXT"
	}
	switch t.Kind() {
	case reflect.String:
		if slices.Contains(blobs, name) {
			return "BLOB"
		}
		return "TEXT"
	case reflect.Float32, reflect.Float64:
		return "REAL"
	default:
		return "INTEGER"
	}
}

// follow goes to a field; false: a pointer on the way is nil.
func follow(v reflect.Value, path [][]int) (reflect.Value, bool) {
	for _, step := range path {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.FieldByIndex(step)
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return v, false
		}
		v = v.Elem()
	}
	return v, true
}

// of is the column's value in a row.
func (c *column) of(row reflect.Value) (vtab.Value, error) {
	if len(c.path) == 0 && row.Kind() == reflect.Struct && !row.Type().Implements(textType) {
		return nil, nil // a column of Core Lightning's that this node has nothing for
	}
	v, ok := follow(row, c.path)
	if !ok || c.omit && v.IsZero() {
		return nil, nil
	}
	text, isText := "", false
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		if err != nil {
			return nil, err
		}
		text, isText = string(b), true
	} else if v.Kind() == reflect.String {
		text, isText = v.String(), true
	}
	switch {
	case isText && c.kind == "BLOB":
		return hex.DecodeString(text)
	case isText:
		return text, nil
	case v.CanUint():
		return int64(v.Uint()), nil //nolint:gosec // no list has numbers beyond
	case v.CanInt():
		return v.Int(), nil
	case v.CanFloat():
		return v.Float(), nil
	case v.Kind() == reflect.Bool && v.Bool():
		return int64(1), nil
	}
	return int64(0), nil
}
