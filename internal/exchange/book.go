package exchange

import (
	"context"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store/rates"
)

// Book has the rates of this node. It is safe for concurrent use.
type Book struct {
	store durable.Writer
	now   func() time.Time

	setting sync.Mutex // one change at a time: the disk is waited for

	mu     sync.Mutex
	rates  rate.Rates
	set    map[amount.Property]rate.Row
	flight map[channel.Ref]relay.Over // by the incoming HTLC
}

// Load makes a book of what is stored.
func Load(rows []rate.Row, store durable.Writer, now func() time.Time) *Book {
	b := &Book{store: store, now: now, set: map[amount.Property]rate.Row{}, flight: map[channel.Ref]relay.Over{}}
	for _, r := range rows {
		b.rates.Set(r.Rate, 0)
		b.set[r.Property] = r
	}
	return b
}

func (b *Book) unix() uint64 { return uint64(max(b.now().Unix(), 0)) } //nolint:gosec // not negative

// Set changes a rate, on disk first. The one before holds beside it for a while. The error
// is the disk's.
func (b *Book) Set(ctx context.Context, row rate.Row, honour time.Duration) (rate.Row, error) {
	b.setting.Lock()
	defer b.setting.Unlock()
	row.ChangedAt = b.unix()
	if _, err := durable.Hold(struct{}{}, rates.Row{Row: row}).Commit(ctx, b.store); err != nil {
		return row, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set[row.Property] = row
	b.rates.Set(row.Rate, row.ChangedAt+uint64(honour/time.Second)) //nolint:gosec // not negative
	return row, nil
}

// Of is what is set for a property, and whether anything is, or was.
func (b *Book) Of(property amount.Property) (rate.Row, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	row, ok := b.set[property]
	return row, ok
}

// All are the rates at which something is exchanged.
func (b *Book) All() (rows []rate.Row) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, row := range b.set {
		if !row.None() {
			rows = append(rows, row)
		}
	}
	return rows
}

// At is at what a property is exchanged now.
func (b *Book) At(property amount.Property) relay.Exchange {
	now := b.unix()
	b.mu.Lock()
	defer b.mu.Unlock()
	return relay.Exchange{Rates: b.rates.At(property, now)}
}

// Begin notes what an incoming HTLC exchanges. False: too much of it would be under way,
// and it must not go on.
func (b *Book) Begin(in channel.Ref, over relay.Over) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	sum, ok := b.underWay(over.Property).Add(over.Units)
	if !ok || sum > b.set[over.Property].InFlight {
		return false
	}
	b.flight[in] = over
	return true
}

// Resume notes what is under way already, whatever the limit.
func (b *Book) Resume(in channel.Ref, over relay.Over) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flight[in] = over
}

// End says that the HTLC which went on for an incoming one has ended, or that there is none.
func (b *Book) End(in channel.Ref) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.flight, in)
}

// UnderWay is how much of a property is being exchanged.
func (b *Book) UnderWay(property amount.Property) amount.Units {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.underWay(property)
}

// underWay is called with mu held. More than there can be counts as that.
func (b *Book) underWay(property amount.Property) (sum amount.Units) {
	for _, o := range b.flight {
		if o.Property != property {
			continue
		}
		var ok bool
		if sum, ok = sum.Add(o.Units); !ok {
			return amount.MaxUnits
		}
	}
	return sum
}
