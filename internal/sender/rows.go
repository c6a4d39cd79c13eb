package sender

import (
	"context"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/store"
)

// Rows is the payments of a store.
type Rows struct{ Store *store.Store }

// ByHash implements [Payments].
func (r Rows) ByHash(ctx context.Context, hash wire.PaymentHash) (pay.PaymentRow, bool, error) {
	return r.Store.PaymentByHash(ctx, hash)
}

// Attempts implements [Payments].
func (r Rows) Attempts(ctx context.Context, hash wire.PaymentHash) ([]pay.AttemptRow, error) {
	return r.Store.AttemptsOf(ctx, hash)
}

// LastAttempt implements [Payments].
func (r Rows) LastAttempt(ctx context.Context) (uint64, error) { return r.Store.LastAttempt(ctx) }

// Unfinished implements [Payments].
func (r Rows) Unfinished(ctx context.Context) ([]Unfinished, error) {
	rows, err := r.Store.PaymentsUnfinished(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	u, err := r.Store.Unfinished(ctx)
	if err != nil {
		return nil, err
	}
	settled := map[uint64]channel.SettlementRow{}
	for _, s := range u.Settlements {
		if s.Origin.Attempt != 0 {
			settled[s.Origin.Attempt] = s
		}
	}
	var out []Unfinished
	for _, row := range rows {
		attempts, err := r.Store.AttemptsOf(ctx, row.PaymentHash)
		if err != nil {
			return nil, err
		}
		one := Unfinished{Payment: row, Settled: settled, Alive: u.Attempts}
		for _, a := range attempts {
			if a.Group == row.Group {
				one.Attempts = append(one.Attempts, a)
			}
		}
		out = append(out, one)
	}
	return out, nil
}
