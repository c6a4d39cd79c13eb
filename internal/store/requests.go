package store

import (
	"bytes"
	"context"

	"github.com/leyden-ln/leyden/internal/store/db"
)

// RequestKeyRow binds a client's key to SHA256 of its request, if it is not bound yet.
type RequestKeyRow struct {
	Key     string
	Request [32]byte
}

// Table implements [durable.Row].
func (RequestKeyRow) Table() string { return "request_keys" }

// requestKeysFor is how long a key stays bound, in seconds.
const requestKeysFor = 30 * 86400

func (w *writing) requestRow(r any) (bool, error) {
	k, ok := r.(RequestKeyRow)
	if !ok {
		return false, nil
	}
	if err := w.q.DeleteRequestKeys(w.ctx, w.now-requestKeysFor); err != nil {
		return true, err
	}
	return true, w.q.InsertRequestKey(w.ctx, db.InsertRequestKeyParams{Key: k.Key, Request: k.Request[:], Made: w.now})
}

// BindKey binds a key to a request; false: it is bound to another one. It is on disk
// when it returns.
func (s *Store) BindKey(ctx context.Context, key string, request [32]byte) (bool, error) {
	if err := s.Write(ctx, RequestKeyRow{key, request}); err != nil {
		return false, err
	}
	bound, err := s.q.RequestKey(ctx, key)
	return bytes.Equal(bound, request[:]), err
}
