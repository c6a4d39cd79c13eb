package store

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/leyden-ln/leyden/internal/store/db"
)

// DataRow is a value that a program stores under a path.
type DataRow struct {
	Key        []string
	Generation uint64 // how often it was changed
	Value      []byte
}

// Table implements durable.Row.
func (DataRow) Table() string { return "datastore" }

// DataDeletedRow takes a value away. The store refuses it when there is none.
type DataDeletedRow struct{ Key []string }

// Table implements durable.Row.
func (DataDeletedRow) Table() string { return "datastore" }

// Bytes of a stored path: each name ends with dataEnd, and those two bytes are escaped
// in names, so that whatever lies under a path begins with it.
const (
	dataEnd    = 0
	dataEscape = 1
)

func dataKey(path []string) []byte {
	b := []byte{} // never nil: that is NULL in SQL
	for _, name := range path {
		for i := range len(name) {
			if name[i] <= dataEscape {
				b = append(b, dataEscape, name[i]+1)
			} else {
				b = append(b, name[i])
			}
		}
		b = append(b, dataEnd)
	}
	return b
}

func dataPath(key []byte) (path []string, err error) {
	for len(key) > 0 {
		end := bytes.IndexByte(key, dataEnd)
		if end < 0 {
			return nil, errDataKey
		}
		var name []byte
		for i := 0; i < end; i++ {
			if key[i] == dataEscape {
				if i++; i == end || key[i] == 0 {
					return nil, errDataKey
				}
				name = append(name, key[i]-1)
				continue
			}
			name = append(name, key[i])
		}
		path = append(path, string(name))
		key = key[end+1:]
	}
	return path, nil
}

var errDataKey = errors.New("the key of a value is damaged")

// beyond is the first key after all that begin with one.
func beyond(key []byte) []byte {
	if len(key) == 0 {
		return bytes.Repeat([]byte{0xff}, 8) // names are UTF-8: none has such bytes
	}
	b := slices.Clone(key)
	b[len(b)-1]++
	return b
}

func (w *writing) dataRow(r any) (bool, error) {
	switch r := r.(type) {
	case DataRow:
		value := r.Value
		if value == nil {
			value = []byte{}
		}
		return true, w.q.PutData(w.ctx, db.PutDataParams{Key: dataKey(r.Key), Generation: integer(r.Generation), Value: value})
	case DataDeletedRow:
		return true, found(w.q.DeleteData(w.ctx, dataKey(r.Key)))
	}
	return false, nil
}

func readData(r db.Datastore) (DataRow, error) {
	path, err := dataPath(r.Key)
	value := r.Value
	if value == nil {
		value = []byte{}
	}
	return DataRow{Key: path, Generation: unsigned[uint64](r.Generation), Value: value}, err
}

// Data is what is stored under a path.
func (s *Store) Data(ctx context.Context, path []string) (DataRow, bool, error) {
	r, err := s.q.Data(ctx, dataKey(path))
	return maybe(r, err, readData)
}

// dataFrom is the first value at a path or under it whose key is first or after it.
func (s *Store) dataFrom(ctx context.Context, path []string, first []byte) (DataRow, bool, error) {
	r, err := s.q.DataFrom(ctx, db.DataFromParams{First: first, Beyond: beyond(dataKey(path))})
	return maybe(r, err, readData)
}

// DataChildren lists up to limit paths that are one name longer than a path: those with
// a value, and those under which there are some, which come without a value.
func (s *Store) DataChildren(ctx context.Context, path []string, limit int) (out []DataRow, err error) {
	at := dataKey(path)
	for len(out) < limit {
		row, ok, err := s.dataFrom(ctx, path, at)
		if err != nil || !ok {
			return out, err
		}
		if len(row.Key) <= len(path) { // the path itself has a value
			at = append(dataKey(row.Key), dataEnd)
			continue
		}
		if len(row.Key) > len(path)+1 {
			row = DataRow{Key: row.Key[:len(path)+1]}
		}
		out = append(out, row)
		at = beyond(dataKey(row.Key))
	}
	return out, nil
}
