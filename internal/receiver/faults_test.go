package receiver

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
)

// create makes a receiver with the invoice.
func create(t *testing.T, d *disk, i invoice.Row) (*Receiver, func() error) {
	t.Helper()
	r, stop := run(t, d)
	if _, err := r.Create(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return r, stop
}

func (d *disk) fault(method string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unread = map[string]error{method: err}
}

func TestAReadErrorEndsTheLoopAndTellsNobody(t *testing.T) {
	for method, begin := range map[string]func(r *Receiver, i invoice.Row){
		"ByHash":     func(r *Receiver, i invoice.Row) { offer(r, i, 1, 1000) },
		"Decision":   func(r *Receiver, _ invoice.Row) { offer(r, row("unknown", 2), 1, 1000) },
		"Expiring":   func(*Receiver, invoice.Row) { time.Sleep(2 * time.Hour) },
		"NextExpiry": func(*Receiver, invoice.Row) { time.Sleep(2 * time.Hour) },
	} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, i, fault := newDisk(), row("a", 1), errors.New("cannot read")
				r, stop := create(t, d, i)
				d.fault(method, fault)
				begin(r, i)
				synctest.Wait()
				if err := stop(); !errors.Is(err, fault) {
					t.Errorf("it ended with %v", err)
				}
				if ok, bad := d.told(); ok+bad != 0 {
					t.Error("a channel was told")
				}
			})
		})
	}
}

func TestAnExpiryThatCannotBeWrittenEndsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		_, stop := create(t, d, row("a", 1))
		d.mu.Lock()
		d.broken = errors.New("disk full")
		d.mu.Unlock()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if err := stop(); !errors.Is(err, d.broken) {
			t.Error(err)
		}
	})
}

func TestAWaiterThatCannotBeToldEndsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, i, fault := newDisk(), row("a", 1), errors.New("cannot read")
		r, stop := create(t, d, i)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = r.Wait(t.Context(), "a") })
		offer(r, i, 1, 400)
		synctest.Wait()
		d.fault("ByHash", fault)
		ref := offer(r, i, 2, 600) // of a set that is held: its invoice is known
		synctest.Wait()
		if err := stop(); !errors.Is(err, fault) {
			t.Error(err)
		}
		wg.Wait()
		if d.fulfilled[ref] != i.Preimage {
			t.Error("a reader's fault has kept the channel from its decision")
		}
	})
}

func TestAFaultOfTheDiskIsNotTakenForSomethingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := create(t, d, row("a", 1))
		defer stop() //nolint:errcheck // the end of ctx
		d.mu.Lock()
		d.broken = errors.New("disk full")
		d.mu.Unlock()
		if _, err := r.Create(t.Context(), row("b", 2)); !errors.Is(err, d.broken) {
			t.Error("created:", err)
		}
		fault := errors.New("cannot read")
		d.fault("ByLabel", fault)
		if _, err := r.Delete(t.Context(), "a", invoice.Unpaid); !errors.Is(err, fault) {
			t.Error("deleted:", err)
		}
	})
}

func TestOnlyTheStatusThatIsNamedIsDeletedAndItsWaitersHearOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := create(t, d, row("a", 1))
		defer stop() //nolint:errcheck // the end of ctx
		if _, err := r.Delete(t.Context(), "a", invoice.Paid); !errors.Is(err, ErrStatus) {
			t.Error(err)
		}
		errs := make(chan error, 1)
		go func() {
			_, err := r.Wait(t.Context(), "a")
			errs <- err
		}()
		synctest.Wait()
		if was, err := r.Delete(t.Context(), "a", invoice.Unpaid); err != nil || was.Label != "a" {
			t.Error(was, err)
		}
		if err := <-errs; !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestOneWaiterThatLeavesDoesNotTakeTheOthersAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, i := newDisk(), row("a", 1)
		r, stop := create(t, d, i)
		defer stop() //nolint:errcheck // the end of ctx
		var wg sync.WaitGroup
		wg.Go(func() {
			if got, err := r.Wait(t.Context(), "a"); err != nil || got.Status != invoice.Paid {
				t.Error(got.Status, err)
			}
		})
		synctest.Wait()
		changed := make(chan struct{})
		r.mu.Lock()
		r.labels["a"] = append(r.labels["a"], changed)
		r.mu.Unlock()
		r.forget("a", changed)
		offer(r, i, 1, 1000)
		wg.Wait()
	})
}

func TestAWaiterIsToldOnceHoweverManyArePaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := New(Config{Writer: d, Invoices: d})
		var hashes []wire.PaymentHash
		for n := range byte(3) {
			i := row(fmt.Sprint(n), n+1)
			d.invoices[i.Label] = &i
			hashes = append(hashes, i.PaymentHash)
		}
		paid, changed := make(chan invoice.Row, 1), make(chan struct{}, 1)
		r.anyPaid, r.labels["0"] = []chan invoice.Row{paid}, []chan struct{}{changed}
		for range 2 {
			if err := r.tellPaid(t.Context(), hashes); err != nil {
				t.Fatal(err)
			}
		}
		if got := <-paid; got.Label != "0" {
			t.Errorf("%+v", got)
		}
		<-changed
	})
}

func TestAnHTLCThatNobodyAskedForIsFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := run(t, d)
		defer stop() //nolint:errcheck // the end of ctx
		ref := offer(r, row("unknown", 1), 1, 1000)
		synctest.Wait()
		if d.failed[ref] != onion.CodeIncorrectOrUnknownPaymentDetails {
			t.Error(d.failed)
		}
	})
}

func TestAnInvoiceThatExpiresTakesNoMorePartsOfItsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, i := newDisk(), row("a", 1)
		i.ExpiresAt = i.CreatedAt + 30
		r, stop := create(t, d, i)
		defer stop() //nolint:errcheck // the end of ctx
		offer(r, i, 1, 400)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		last := offer(r, i, 2, 600)
		synctest.Wait()
		if d.failed[last] != onion.CodeIncorrectOrUnknownPaymentDetails || len(d.fulfilled) > 0 {
			t.Error(d.failed, d.fulfilled)
		}
	})
}

func TestManyInvoicesThatExpireTogetherTakeMoreThanOneTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for n := range 2*expireAtOnce + 1 {
			i := row(fmt.Sprint(n), 1)
			i.PaymentHash = wire.PaymentHash{byte(n), byte(n >> 8)}
			i.ExpiresAt = i.CreatedAt
			d.invoices[i.Label] = &i
		}
		began := time.Now()
		_, stop := run(t, d)
		defer stop() //nolint:errcheck // the end of ctx
		synctest.Wait()
		if len(d.batches) != 3 || d.batches[0] != expireAtOnce || d.batches[2] != 1 || time.Since(began) > 0 {
			t.Errorf("batches of %v", d.batches)
		}
	})
}
