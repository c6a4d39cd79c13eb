// Package rates keeps the rates at which this node exchanges bitcoin and tokens. Its row
// knows its own statement: package store writes it as any other.
//
//	err := store.Write(ctx, rates.Row{Row: row})
//	rows, err := rates.Read(ctx, store.Queries())
package rates

import (
	"context"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// Row is a rate, keyed by its property.
type Row struct{ rate.Row }

// Table implements durable.Row.
func (Row) Table() string { return "asset_rates" }

// Put implements [db.Own].
func (r Row) Put(ctx context.Context, q *db.Queries) error {
	return q.PutAssetRate(ctx, db.PutAssetRateParams{
		Property: int64(r.Property), SellMsat: stored(r.Sell.Msat), SellUnits: stored(r.Sell.Units), BuyMsat: stored(r.Buy.Msat),
		BuyUnits: stored(r.Buy.Units), Least: stored(r.Least), Most: stored(r.Most), Blocks: int64(r.Blocks),
		MostInFlight: stored(r.InFlight), ChangedAt: stored(r.ChangedAt),
	})
}

func stored[T ~uint64](v T) int64 { return int64(uint64(v)) } //nolint:gosec // the bits are kept

func read[T ~uint16 | ~uint32 | ~uint64](v int64) T { return T(uint64(v)) } //nolint:gosec // the reverse

// Read gives the rates that were set, by property.
func Read(ctx context.Context, q *db.Queries) ([]rate.Row, error) {
	rows, err := q.AssetRates(ctx)
	out := make([]rate.Row, 0, len(rows))
	for _, r := range rows {
		out = append(out, rate.Row{
			Rate: rate.Rate{
				Property: read[amount.Property](r.Property),
				Sell:     rate.Price{Msat: read[amount.MilliSatoshi](r.SellMsat), Units: read[amount.Units](r.SellUnits)},
				Buy:      rate.Price{Msat: read[amount.MilliSatoshi](r.BuyMsat), Units: read[amount.Units](r.BuyUnits)},
				Least:    read[amount.Units](r.Least), Most: read[amount.Units](r.Most), Blocks: read[uint16](r.Blocks),
			},
			InFlight: read[amount.Units](r.MostInFlight), ChangedAt: read[uint64](r.ChangedAt),
		})
	}
	return out, err
}
