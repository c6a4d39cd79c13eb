package store

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/store/ready"
)

// A payment keeps room for its end, so that pages of payments are full although each was
// written when nothing was known of its end.
func TestAPaymentThatEndsFindsRoomInItsPage(t *testing.T) {
	s := opened(t, ready.Dir(t, t.TempDir()))
	const count = 600
	var ends []durable.Row
	for i := range count {
		preimage := wire.Preimage{byte(i), byte(i >> 8)}
		hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
		p := pay.PaymentRow{PaymentHash: hash, Amount: 1_000_000_000, Description: strings.Repeat("x", 100+i%30), Group: 1, CreatedAt: 1_800_000_000, RetryUntil: 1_800_000_060}
		if err := s.Write(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, pay.PaymentResultRow{PaymentHash: hash, Status: pay.Complete, Preimage: preimage, AmountSent: 1_000_300_000, Parts: 1, CompletedAt: 1_800_000_001})
	}
	pages := s.pagesOf(t, "payments")
	if err := s.Write(t.Context(), ends...); err != nil {
		t.Fatal(err)
	}
	if after := s.pagesOf(t, "payments"); after != pages {
		t.Errorf("%d pages have become %d", pages, after)
	}
	for i := range count {
		preimage := wire.Preimage{byte(i), byte(i >> 8)}
		p, ok, err := s.PaymentByHash(t.Context(), sha256.Sum256(preimage[:]))
		if err != nil || !ok || p.Result.Preimage != preimage {
			t.Fatal(p, ok, err)
		}
	}
}

func (s *Store) pagesOf(t *testing.T, table string) (pages int) {
	t.Helper()
	if err := s.read.QueryRowContext(t.Context(), "SELECT count(*) FROM dbstat WHERE name = ?", table).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	return pages
}

// The room of a payment goes with its end, or when an attempt brings the preimage.
func TestAPaymentThatHasEndedKeepsNoRoom(t *testing.T) {
	s := opened(t, ready.Dir(t, t.TempDir()))
	preimage := wire.Preimage{7}
	pending, failed, known := wire.PaymentHash{1}, wire.PaymentHash{2}, wire.PaymentHash(sha256.Sum256(preimage[:]))
	for _, hash := range []wire.PaymentHash{pending, failed, known} {
		if err := s.Write(t.Context(), pay.PaymentRow{PaymentHash: hash, Group: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Write(t.Context(),
		pay.AttemptRow{ID: 1, PaymentHash: known, Group: 1}, pay.AttemptResultRow{ID: 1, Status: pay.Complete, Preimage: preimage},
		pay.PaymentResultRow{PaymentHash: failed, Status: pay.Failed, Message: "no route"},
	); err != nil {
		t.Fatal(err)
	}
	for hash, want := range map[wire.PaymentHash]int{pending: resultRoom, failed: 0, known: 0} {
		var size int
		if err := s.read.QueryRowContext(t.Context(), "SELECT coalesce(length(room), 0) FROM payments WHERE payment_hash = ?", hash[:]).Scan(&size); err != nil || size != want {
			t.Errorf("%s keeps %d bytes, want %d, %v", hash, size, want, err)
		}
	}
}

// An invoice that is paid finds room in its page, and one that has ended keeps none.
func TestAnInvoiceThatIsPaidFindsRoomInItsPage(t *testing.T) {
	s := opened(t, ready.Dir(t, t.TempDir()))
	const count = 600
	var ends []durable.Row
	for i := range count {
		hash := wire.PaymentHash(sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
		r := invoice.Row{Label: fmt.Sprint(i), PaymentHash: hash, Description: strings.Repeat("x", 100+i%30), CreatedAt: 1_800_000_000, ExpiresAt: 1_800_003_600}
		if err := s.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, invoice.PaidRow{PaymentHash: hash, Received: 1_000_000, PaidAt: 1_800_000_001})
	}
	expired := wire.PaymentHash{1}
	ends = append(ends, invoice.ExpiredRow{PaymentHash: expired})
	if err := s.Write(t.Context(), invoice.Row{Label: "old", PaymentHash: expired}); err != nil {
		t.Fatal(err)
	}
	pages := s.pagesOf(t, "invoices")
	if err := s.Write(t.Context(), ends...); err != nil {
		t.Fatal(err)
	}
	if after := s.pagesOf(t, "invoices"); after != pages {
		t.Errorf("%d pages have become %d", pages, after)
	}
	var kept int
	if err := s.read.QueryRowContext(t.Context(), "SELECT count(*) FROM invoices WHERE room IS NOT NULL").Scan(&kept); err != nil || kept != 0 {
		t.Errorf("%d keep their room, %v", kept, err)
	}
}
