// Package bound keeps which of a client's keys belongs to which request, so that the same
// key never stands for two:
//
//	same, err := bound.Bind(ctx, store, bound.Row{Key: key, Request: sha256.Sum256(request), Made: now})
package bound

import (
	"bytes"
	"context"

	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// Row binds a client's key to SHA256 of its request, if it is not bound yet.
type Row struct {
	Key     string
	Request [32]byte
	Made    int64 // unix seconds
}

// boundFor is how long a key stays bound, in seconds.
const boundFor = 30 * 86400

// Table implements [durable.Row].
func (Row) Table() string { return "request_keys" }

// Put implements [db.Own].
func (r Row) Put(ctx context.Context, q *db.Queries) error {
	if err := q.DeleteRequestKeys(ctx, r.Made-boundFor); err != nil {
		return err
	}
	return q.InsertRequestKey(ctx, db.InsertRequestKeyParams{Key: r.Key, Request: r.Request[:], Made: r.Made})
}

// Store is the part of a store that binds keys.
type Store interface {
	Write(ctx context.Context, rows ...durable.Row) error
	Queries() *db.Queries
}

// Bind binds a key to a request; false: it is bound to another one. It is on disk when it
// returns.
func Bind(ctx context.Context, s Store, r Row) (bool, error) {
	if err := s.Write(ctx, r); err != nil {
		return false, err
	}
	of, err := s.Queries().RequestKey(ctx, r.Key)
	return bytes.Equal(of, r.Request[:]), err
}
