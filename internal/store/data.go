package store

import (
	"context"

	"github.com/leyden-ln/leyden/internal/store/compact"
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

func (w *writing) dataRow(r any) (bool, error) {
	switch r := r.(type) {
	case DataRow:
		value := r.Value
		if value == nil {
			value = []byte{}
		}
		return true, w.q.PutData(w.ctx, db.PutDataParams{Key: compact.Path(r.Key), Generation: integer(r.Generation), Value: value})
	case DataDeletedRow:
		return true, found(w.q.DeleteData(w.ctx, compact.Path(r.Key)))
	}
	return false, nil
}

func readData(r db.Datastore) (DataRow, error) {
	path, err := compact.ReadPath(r.Key)
	value := r.Value
	if value == nil {
		value = []byte{}
	}
	return DataRow{Key: path, Generation: unsigned[uint64](r.Generation), Value: value}, err
}

// Data is what is stored under a path.
func (s *Store) Data(ctx context.Context, path []string) (DataRow, bool, error) {
	r, err := s.q.Data(ctx, compact.Path(path))
	return maybe(r, err, readData)
}

// dataFrom is the first value at a path or under it whose key is first or after it.
func (s *Store) dataFrom(ctx context.Context, path []string, first []byte) (DataRow, bool, error) {
	r, err := s.q.DataFrom(ctx, db.DataFromParams{First: first, Beyond: compact.Beyond(compact.Path(path))})
	return maybe(r, err, readData)
}

// DataChildren lists up to limit paths that are one name longer than a path: those with
// a value, and those under which there are some, which come without a value.
func (s *Store) DataChildren(ctx context.Context, path []string, limit int) (out []DataRow, err error) {
	at := compact.Path(path)
	for len(out) < limit {
		row, ok, err := s.dataFrom(ctx, path, at)
		if err != nil || !ok {
			return out, err
		}
		if len(row.Key) <= len(path) { // the path itself has a value
			at = append(compact.Path(row.Key), compact.PathEnd)
			continue
		}
		if len(row.Key) > len(path)+1 {
			row = DataRow{Key: row.Key[:len(path)+1]}
		}
		out = append(out, row)
		at = compact.Beyond(compact.Path(row.Key))
	}
	return out, nil
}
