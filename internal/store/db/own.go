package db

import "context"

// Own is a row of a room beside package store, which knows its statement.
type Own interface {
	Put(ctx context.Context, q *Queries) error
}
