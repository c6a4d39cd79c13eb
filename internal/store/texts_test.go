package store

import (
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
)

// The texts of a transaction's invoices are found after it, those of one that is changed or
// deleted in the same transaction too as they are then, and each once.
func TestTheTextsOfATransactionAreIndexedAtItsEnd(t *testing.T) {
	s := opened(t, t.TempDir())
	defer s.Close()
	row := func(id byte, label string) invoice.Row {
		return invoice.Row{Label: label, Description: "some tea for " + label, PaymentHash: wire.PaymentHash{id}, CreatedAt: 1, ExpiresAt: 2}
	}
	for _, group := range [][]durable.Row{
		{row(1, "first"), row(2, "gone"), invoice.DeletedRow{PaymentHash: wire.PaymentHash{2}}, row(3, "bare"), invoice.BareRow{PaymentHash: wire.PaymentHash{3}}},
		{invoice.ExpiredRow{PaymentHash: wire.PaymentHash{1}}},
		{row(4, "last")},
	} {
		if err := s.Write(t.Context(), group...); err != nil {
			t.Fatal(err)
		}
	}
	for words, want := range map[string][]int64{
		`"fir" AND "irs"`: {1}, `"gon"`: nil, `"bar"`: {3}, `"tea"`: {4, 1}, `"las"`: {4},
	} {
		if found, err := s.matching(t.Context(), words, 1<<40); err != nil || !slices.Equal(found, want) {
			t.Errorf("%s: %v, want %v, %v", words, found, want, err)
		}
	}
}
