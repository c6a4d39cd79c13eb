package receiver

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
)

// held makes a held invoice, whose preimage the receiver does not know.
func held(t *testing.T, r *Receiver, label string, n byte) (invoice.Row, wire.Preimage) {
	t.Helper()
	i := row(label, n)
	preimage := i.Preimage
	i.Hold, i.Preimage = true, wire.Preimage{}
	if _, err := r.Create(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	return i, preimage
}

func TestAHeldInvoiceWaitsForItsOwnerOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := run(t, d)
		i, preimage := held(t, r, "a", 1)
		if _, err := r.Settle(t.Context(), preimage); !errors.Is(err, ErrStatus) {
			t.Error("settled before it was paid:", err)
		}
		first, second := offer(r, i, 1, 400), offer(r, i, 2, 600)
		synctest.Wait()
		if got, _, _ := d.ByLabel(t.Context(), "a"); got.Status != invoice.Accepted || got.Received != 1000 || got.Deadline != 200-invoice.HoldMargin {
			t.Fatalf("%+v", got)
		}
		if err := stop(); err == nil {
			t.Fatal("it runs on")
		}

		r, stop = run(t, d)
		defer stop() //nolint:errcheck // the end of ctx
		offer(r, i, 1, 400)
		offer(r, i, 2, 600)
		other := offer(r, i, 3, 1000)
		synctest.Wait()
		if ok, bad := d.told(); ok != 0 || bad != 1 || d.failed[other] != onion.CodeIncorrectOrUnknownPaymentDetails {
			t.Fatal("what is held was answered, or what is not was not:", d.fulfilled, d.failed)
		}
		if _, err := r.Delete(t.Context(), "a", invoice.Unpaid); !errors.Is(err, ErrStatus) {
			t.Error("deleted while it is held:", err)
		}
		var waited invoice.Row
		var wg sync.WaitGroup
		wg.Go(func() { waited, _ = r.Wait(t.Context(), "a") })
		synctest.Wait()
		for range 2 {
			got, err := r.Settle(t.Context(), preimage)
			if err != nil || got.Status != invoice.Paid || got.Preimage != preimage || got.PayIndex != 1 {
				t.Error(got, err)
			}
		}
		wg.Wait()
		if waited.Status != invoice.Paid || d.fulfilled[first] != preimage || d.fulfilled[second] != preimage || len(d.parts) != 0 {
			t.Error(waited, d.fulfilled, d.parts)
		}
		if _, err := r.Cancel(t.Context(), i.PaymentHash); !errors.Is(err, ErrStatus) {
			t.Error("cancelled after it was settled:", err)
		}
	})
}

func TestAHeldInvoiceThatIsCancelledPaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := run(t, d)
		defer stop() //nolint:errcheck // the end of ctx
		i, preimage := held(t, r, "a", 1)
		first, second := offer(r, i, 1, 400), offer(r, i, 2, 600)
		early, late := held(t, r, "b", 2)
		part := offer(r, early, 3, 400)
		synctest.Wait()
		for _, hash := range []wire.PaymentHash{i.PaymentHash, i.PaymentHash, early.PaymentHash} {
			if got, err := r.Cancel(t.Context(), hash); err != nil || got.Status != invoice.Expired || got.CancelledAt == 0 {
				t.Error(got, err)
			}
		}
		for _, ref := range []uint64{first.ID, second.ID, part.ID} {
			in := first
			in.ID = ref
			if d.failed[in] != onion.CodeIncorrectOrUnknownPaymentDetails {
				t.Errorf("part %d: %v", ref, d.failed[in])
			}
		}
		again := offer(r, early, 4, 1000)
		synctest.Wait()
		if _, bad := d.failed[again]; !bad || len(d.fulfilled) != 0 || len(d.parts) != 0 {
			t.Error("a cancelled invoice was paid", d.fulfilled, d.parts)
		}
		for _, p := range []wire.Preimage{preimage, late} {
			if _, err := r.Settle(t.Context(), p); !errors.Is(err, ErrStatus) {
				t.Error(err)
			}
		}
		common := row("c", 3)
		if _, err := r.Create(t.Context(), common); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Cancel(t.Context(), common.PaymentHash); !errors.Is(err, ErrNotFound) {
			t.Error("an invoice that is not held was cancelled:", err)
		}
		if _, err := r.Settle(t.Context(), wire.Preimage{99}); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestAHeldInvoiceIsCancelledByItselfBeforeItsPartsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		var height atomic.Uint32
		height.Store(100)
		r, stop := runAt(t, d, height.Load)
		defer stop() //nolint:errcheck // the end of ctx
		i, preimage := held(t, r, "a", 1)
		ref := offer(r, i, 1, 1000)
		synctest.Wait()
		height.Store(200 - invoice.HoldMargin - 1)
		r.Block()
		synctest.Wait()
		if ok, bad := d.told(); ok+bad != 0 {
			t.Fatal("let go too early")
		}
		height.Store(200 - invoice.HoldMargin)
		if _, err := r.Settle(t.Context(), preimage); err == nil {
			t.Error("settled too late")
		}
		r.Block()
		synctest.Wait()
		if got, _, _ := d.ByLabel(t.Context(), "a"); got.Status != invoice.Expired || got.CancelledAt == 0 {
			t.Errorf("%+v", got)
		}
		if d.failed[ref] != onion.CodeIncorrectOrUnknownPaymentDetails || len(d.parts) != 0 {
			t.Error(d.failed, d.parts)
		}
	})
}

func TestOldInvoicesAreCleanedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := run(t, d)
		defer stop() //nolint:errcheck // the end of ctx
		now := row("", 0).CreatedAt
		for n := range 250 {
			i := row(fmt.Sprint(n), 0)
			i.PaymentHash = sha256.Sum256([]byte(i.Label))
			i.Status, i.ExpiresAt = invoice.Expired, now-uint64(n)
			if n == 249 {
				i.Status = invoice.Paid
			}
			d.invoices[i.Label] = &i
		}
		if n, err := r.Clean(t.Context(), invoice.Expired, now-200); err != nil || n != 49 {
			t.Error(n, err)
		}
		if n, err := r.Clean(t.Context(), invoice.Expired, now); err != nil || n != 200 {
			t.Error(n, err)
		}
		if len(d.invoices) != 1 || d.cleaned != 249 {
			t.Error(len(d.invoices), d.cleaned)
		}
	})
}

func TestADescriptionIsTakenOffOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := run(t, d)
		defer stop() //nolint:errcheck // the end of ctx
		i := row("a", 1)
		i.Description = "long"
		if _, err := r.Create(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Bare(t.Context(), "a", invoice.Paid); !errors.Is(err, ErrStatus) {
			t.Error(err)
		}
		if got, err := r.Bare(t.Context(), "a", invoice.Unpaid); err != nil || got.Description != "long" {
			t.Error(got, err)
		}
		if _, err := r.Bare(t.Context(), "a", invoice.Unpaid); !errors.Is(err, ErrBare) {
			t.Error(err)
		}
		if _, err := r.Bare(t.Context(), "b", invoice.Unpaid); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}
