//go:build !race

package rates_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/rates"
)

func TestRatesAreReadAsTheyWereWritten(t *testing.T) {
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	row := func(property amount.Property, msat amount.MilliSatoshi) rate.Row {
		return rate.Row{
			Rate: rate.Rate{
				Property: property, Sell: rate.Price{Msat: msat, Units: 1 << 40}, Buy: rate.Price{Msat: 5, Units: amount.MaxUnits},
				Least: 2, Most: amount.MaxUnits, Blocks: 65535,
			},
			InFlight: 77, ChangedAt: 1 << 33,
		}
	}
	taken := rate.Row{Rate: rate.Rate{Property: 1<<32 - 1, Least: 1, Most: 1, Blocks: 1}}
	for _, r := range []rate.Row{row(31, 1), taken, row(3, 9), row(31, amount.Max)} {
		if err := s.Write(t.Context(), rates.Row{Row: r}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := rates.Read(t.Context(), s.Queries())
	if diff := cmp.Diff([]rate.Row{row(3, 9), row(31, amount.Max), taken}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
