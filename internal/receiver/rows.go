package receiver

import (
	"context"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store"
)

// Rows is the invoices of a store.
type Rows struct{ Store *store.Store }

// ByHash implements [Invoices].
func (r Rows) ByHash(ctx context.Context, hash wire.PaymentHash) (invoice.Row, bool, error) {
	return r.Store.InvoiceByHash(ctx, hash)
}

// ByLabel implements [Invoices].
func (r Rows) ByLabel(ctx context.Context, label string) (invoice.Row, bool, error) {
	return r.Store.InvoiceByLabel(ctx, label)
}

// NextPaid implements [Invoices].
func (r Rows) NextPaid(ctx context.Context, after uint64) (invoice.Row, bool, error) {
	return r.Store.InvoicePaidAfter(ctx, after)
}

// Expiring implements [Invoices].
func (r Rows) Expiring(ctx context.Context, now uint64, limit int) ([]invoice.Row, error) {
	return r.Store.InvoicesToExpire(ctx, now, limit)
}

// NextExpiry implements [Invoices].
func (r Rows) NextExpiry(ctx context.Context) (uint64, bool, error) {
	return r.Store.NextInvoiceExpiry(ctx)
}

// Held implements [Invoices].
func (r Rows) Held(ctx context.Context) ([]Held, error) {
	rows, err := r.Store.HeldInvoices(ctx)
	out := make([]Held, 0, len(rows))
	for _, h := range rows {
		out = append(out, Held(h))
	}
	return out, err
}

// Before implements [Invoices].
func (r Rows) Before(ctx context.Context, status invoice.Status, until uint64, limit int) ([]invoice.Row, error) {
	return r.Store.InvoicesBefore(ctx, status, until, limit)
}

// Decision implements [Invoices].
func (r Rows) Decision(ctx context.Context, in channel.Ref) (relay.DecisionRow, bool, error) {
	return r.Store.Decision(ctx, in)
}
