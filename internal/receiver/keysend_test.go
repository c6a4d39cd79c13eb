package receiver

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
)

// give hands over an HTLC that brings its preimage, and gives the label under which
// it is to be stored.
func give(r *Receiver, id uint64, preimage wire.Preimage) (channel.Ref, string) {
	ref, hash := channel.Ref{Channel: wire.ChannelID{1}, ID: id}, wire.PaymentHash(sha256.Sum256(preimage[:]))
	r.Offer(channel.Incoming{Ref: ref, Amount: 700, PaymentHash: hash, CLTVExpiry: 200}, onion.Payload{
		AmtToForward: 700, OutgoingCLTV: 200, TotalMsat: 700, Custom: []tlv.Record{{Type: invoice.KeysendType, Value: preimage[:]}},
	})
	return ref, invoice.KeysendLabel(hash)
}

func TestAPaymentWithoutAnInvoiceIsStoredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := run(t, d)
		ref, label := give(r, 1, wire.Preimage{5})
		synctest.Wait()
		got, err := r.Wait(t.Context(), label)
		if err != nil || got.Status != invoice.Paid || got.Received != 700 || got.PayIndex != 1 || d.fulfilled[ref] != (wire.Preimage{5}) {
			t.Errorf("%+v, %v", got, err)
		}
		// The same HTLC again, as after a restart of its link, has the same answer.
		delete(d.fulfilled, ref)
		give(r, 1, wire.Preimage{5})
		synctest.Wait()
		if d.fulfilled[ref] != (wire.Preimage{5}) || d.pays != 1 {
			t.Errorf("offered again: %v, %d payments", d.fulfilled, d.pays)
		}
		// Another one of the same preimage is not a second payment.
		other, _ := give(r, 2, wire.Preimage{5})
		synctest.Wait()
		if d.failed[other] != onion.CodeIncorrectOrUnknownPaymentDetails || d.pays != 1 {
			t.Errorf("paid twice: %v, %d payments", d.failed, d.pays)
		}
		// Nor is it again when the invoice is deleted and the HTLC comes once more.
		if _, err := r.Delete(t.Context(), label, invoice.Paid); err != nil {
			t.Fatal(err)
		}
		give(r, 1, wire.Preimage{5})
		synctest.Wait()
		if d.pays != 1 || len(d.invoices) != 0 {
			t.Errorf("paid again: %d payments", d.pays)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestAPaymentWhoseLabelIsTakenIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := run(t, d)
		preimage := wire.Preimage{5}
		taken := row(invoice.KeysendLabel(sha256.Sum256(preimage[:])), 9)
		if _, err := r.Create(t.Context(), taken); err != nil {
			t.Fatal(err)
		}
		ref, _ := give(r, 1, preimage)
		synctest.Wait()
		if d.failed[ref] != onion.CodeIncorrectOrUnknownPaymentDetails {
			t.Errorf("failed: %v", d.failed)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// slow is a disk whose next write waits, and says when it has begun.
type slow struct {
	*disk
	begun, goOn chan struct{}
}

func (s *slow) Write(ctx context.Context, rows ...durable.Row) error {
	if len(rows) > 0 && s.begun != nil {
		begun := s.begun
		s.begun = nil
		close(begun)
		<-s.goOn
	}
	return s.disk.Write(ctx, rows...)
}

func TestAnInvoiceCannotTakeThePlaceOfAPaymentOnItsWayToTheDisk(t *testing.T) {
	d := newDisk()
	s := &slow{disk: d, begun: make(chan struct{}), goOn: make(chan struct{})}
	begun := s.begun
	r := New(Config{Writer: s, Invoices: d, Settler: d, Height: func() uint32 { return 100 }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	ref, label := give(r, 1, wire.Preimage{5})
	<-begun
	if r.creating.TryRLock() {
		t.Error("an invoice can be created meanwhile")
	}
	created := make(chan error, 1)
	go func() { _, err := r.Create(t.Context(), row("mine", 5)); created <- err }()
	close(s.goOn)
	if err := <-created; !errors.Is(err, invoice.ErrPreimageUsed) {
		t.Errorf("an invoice of the same preimage: %v", err)
	}
	if got, err := r.Wait(t.Context(), label); err != nil || got.Status != invoice.Paid {
		t.Errorf("the payment was lost: %+v, %v", got, err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if ok, _ := d.told(); ok != 1 {
		t.Errorf("%v is not fulfilled", ref)
	}
}
