package exchange_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/exchange"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store/rates"
)

// disk keeps what is written.
type disk struct {
	rows []durable.Row
	err  error
}

func (d *disk) Write(_ context.Context, rows ...durable.Row) error {
	if d.err == nil {
		d.rows = append(d.rows, rows...)
	}
	return d.err
}

// desk is a book with a clock that the test sets.
type desk struct {
	*exchange.Book
	disk disk
	now  time.Time
}

func newDesk(rows ...rate.Row) *desk {
	d := &desk{now: time.Unix(1_700_000_000, 0)}
	d.Book = exchange.Load(rows, &d.disk, func() time.Time { return d.now })
	return d
}

func selling(msat amount.MilliSatoshi) rate.Row {
	return rate.Row{Rate: rate.Rate{Property: 3, Sell: rate.Price{Msat: msat, Units: 1}, Least: 1, Most: 50, Blocks: 144}, InFlight: 100}
}

func prices(e relay.Exchange) (out []amount.MilliSatoshi) {
	for _, r := range e.Rates {
		out = append(out, r.Sell.Msat)
	}
	return out
}

func TestARateThatIsChangedIsOnDiskAndTheOneBeforeHoldsForAWhile(t *testing.T) {
	d := newDesk(selling(10))
	row, err := d.Set(t.Context(), selling(12), 10*time.Minute)
	if err != nil || row.ChangedAt != 1_700_000_000 || len(d.disk.rows) != 1 || d.disk.rows[0].(rates.Row).Sell.Msat != 12 {
		t.Fatalf("%+v, %v, %+v", row, err, d.disk.rows)
	}
	if got := prices(d.At(3)); len(got) != 2 || got[0] != 12 || got[1] != 10 {
		t.Errorf("%v", got)
	}
	d.now = d.now.Add(10 * time.Minute)
	if got := prices(d.At(3)); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if _, err := d.Set(t.Context(), rate.Row{Rate: rate.Rate{Property: 3}}, 0); err != nil || len(d.At(3).Rates) != 0 || len(d.All()) != 0 {
		t.Errorf("taken away: %v, %v", d.At(3), err)
	}
	if _, known := d.Of(3); !known {
		t.Error("what was set is forgotten")
	}
}

func TestARateThatIsNotOnDiskDoesNotCount(t *testing.T) {
	d := newDesk()
	d.disk.err = errors.New("full")
	if _, err := d.Set(t.Context(), selling(12), 0); !errors.Is(err, d.disk.err) || len(d.At(3).Rates) != 0 || len(d.All()) != 0 {
		t.Errorf("%v, %v", d.At(3), err)
	}
}

func TestNoMoreIsExchangedAtOnceThanItsOwnerSaid(t *testing.T) {
	d := newDesk(selling(10))
	ref := func(id uint64) channel.Ref { return channel.Ref{ID: id} }
	over := func(units amount.Units) relay.Over { return relay.Over{Property: 3, Units: units} }
	if !d.Begin(ref(1), over(60)) || d.Begin(ref(2), over(41)) || !d.Begin(ref(3), over(40)) || d.UnderWay(3) != 100 {
		t.Errorf("%d", d.UnderWay(3))
	}
	if d.Begin(ref(4), over(amount.MaxUnits)) || d.Begin(ref(4), relay.Over{Property: 4, Units: 1}) {
		t.Error("more than there can be, and what is not exchanged at all")
	}
	d.End(ref(1))
	d.End(ref(1))
	d.End(ref(2)) // which has not begun
	if d.UnderWay(3) != 40 || !d.Begin(ref(2), over(41)) {
		t.Errorf("%d", d.UnderWay(3))
	}
	// What is under way after a restart counts, though the limit may be lower by now.
	d.Resume(ref(9), over(500))
	if d.UnderWay(3) != 581 || d.Begin(ref(10), over(1)) {
		t.Errorf("%d", d.UnderWay(3))
	}
	d.Resume(ref(11), over(amount.MaxUnits))
	if d.UnderWay(3) != amount.MaxUnits || d.Begin(ref(12), over(1)) {
		t.Errorf("%d", d.UnderWay(3))
	}
}
