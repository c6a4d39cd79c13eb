// Package heard keeps the gossip of channels with tokens as it came. Its rows know
// their own statements: package store writes them as any other.
//
//	err := store.Write(ctx, heard.Row{Kind: m.Type(), About: about, Raw: wire.Encode(m)})
//	rows, err := heard.Read(ctx, store.Queries())
package heard

import (
	"context"

	"github.com/leyden-ln/leyden/internal/store/db"
)

// Row is a message, of which the latest with its number about one thing is kept. Without
// Raw it is forgotten.
type Row struct {
	Kind  uint16
	About []byte // such as the short_channel_id, and the direction
	Raw   []byte // with the number
}

// Table implements durable.Row.
func (Row) Table() string { return "asset_gossip" }

// Put implements [db.Own].
func (r Row) Put(ctx context.Context, q *db.Queries) error {
	if r.Raw == nil {
		return q.DeleteAssetGossip(ctx, db.DeleteAssetGossipParams{Kind: int64(r.Kind), About: r.About})
	}
	return q.PutAssetGossip(ctx, db.PutAssetGossipParams{Kind: int64(r.Kind), About: r.About, Raw: r.Raw})
}

// Read gives what is kept, by number.
func Read(ctx context.Context, q *db.Queries) ([]Row, error) {
	rows, err := q.AssetGossip(ctx)
	out := make([]Row, 0, len(rows))
	for _, r := range rows {
		out = append(out, Row{uint16(r.Kind), r.About, r.Raw}) //nolint:gosec // written from one
	}
	return out, err
}
