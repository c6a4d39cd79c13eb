package store_test

import (
	"crypto/sha256"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
)

// What the index finds is what looking at each invoice finds, page after page.
func TestASearchFindsWhatLookingAtEachInvoiceFinds(t *testing.T) {
	race.Leave(t, "one goroutine writes and reads")
	s := open(t, t.TempDir())
	letters := []rune("abAB%_\"'*- éÉß本√")
	text := rapid.Custom(func(r *rapid.T) string {
		return string(rapid.SliceOfN(rapid.SampledFrom(letters), 0, 9).Draw(r, "text"))
	})
	var stored []invoice.Row // in the order of creation
	count := 0
	rapid.Check(t, func(r *rapid.T) {
		for range rapid.IntRange(0, 8).Draw(r, "new ones") {
			count++
			preimage := wire.Preimage{byte(count), byte(count >> 8)}
			row := invoice.Row{
				Label: fmt.Sprint(text.Draw(r, "label"), count), PaymentHash: sha256.Sum256(preimage[:]), Preimage: preimage,
				Description: text.Draw(r, "description"), Bolt11: "ln", CreatedAt: uint64(count), ExpiresAt: 1000,
				Amount: amount.OrAny{Msat: amount.MilliSatoshi(count % 7)},
			}
			write(t, s, row)
			row, _, _ = s.InvoiceByLabel(t.Context(), row.Label)
			stored = append(stored, row)
		}
		if len(stored) > 0 {
			at := rapid.IntRange(0, len(stored)-1).Draw(r, "which")
			hash := stored[at].PaymentHash
			switch rapid.IntRange(0, 3).Draw(r, "change") {
			case 0:
				write(t, s, invoice.DeletedRow{PaymentHash: hash})
				stored = append(stored[:at:at], stored[at+1:]...)
			case 1:
				write(t, s, invoice.BareRow{PaymentHash: hash})
				stored[at].Description = ""
			case 2:
				if stored[at].Status == invoice.Unpaid {
					write(t, s, invoice.ExpiredRow{PaymentHash: hash})
					stored[at].Status = invoice.Expired
				}
			}
		}
		f := store.InvoiceSearch{
			Text: text.Draw(r, "sought"), Status: rapid.SampledFrom([]invoice.Status{"", invoice.Unpaid, invoice.Expired}).Draw(r, "status"),
			Least: amount.MilliSatoshi(rapid.IntRange(0, 3).Draw(r, "least")), Most: math.MaxInt64, Until: math.MaxInt64,
		}
		var want, got []string
		for i := len(stored) - 1; i >= 0; i-- {
			v := stored[i]
			if (within(v.Label, f.Text) || within(v.Description, f.Text)) && (f.Status == "" || v.Status == f.Status) && v.Amount.Msat >= f.Least {
				want = append(want, v.Label)
			}
		}
		for before := uint64(count + 1); before > 1; {
			rows, next, err := s.SearchInvoices(t.Context(), f, before, 3)
			if err != nil {
				r.Fatal(err)
			}
			for _, row := range rows {
				got = append(got, row.Label)
			}
			if next >= before {
				r.Fatalf("%d rows, and on from %d to %d", len(rows), before, next)
			}
			before = next
		}
		if fmt.Sprint(want) != fmt.Sprint(got) {
			r.Fatalf("%q gives %q, want %q", f.Text, got, want)
		}
	})
}

// within says whether a text holds another in either case of ASCII letters.
func within(text, sought string) bool {
	lower := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
			return r
		}, s)
	}
	return strings.Contains(lower(text), lower(sought))
}
