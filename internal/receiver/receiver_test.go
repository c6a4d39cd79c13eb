package receiver

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// disk is the store, and the links, of a test.
type disk struct {
	mu        sync.Mutex
	invoices  map[string]*invoice.Row
	decisions map[channel.Ref]relay.DecisionRow
	parts     map[wire.PaymentHash][]invoice.HeldRow
	cleaned   int
	pays      uint64
	broken    error
	unread    map[string]error // what a method says that cannot read
	batches   []int            // how many invoices each transaction expired

	fulfilled map[channel.Ref]wire.Preimage
	failed    map[channel.Ref]onion.Code
}

func newDisk() *disk {
	return &disk{
		invoices: map[string]*invoice.Row{}, decisions: map[channel.Ref]relay.DecisionRow{}, parts: map[wire.PaymentHash][]invoice.HeldRow{},
		fulfilled: map[channel.Ref]wire.Preimage{}, failed: map[channel.Ref]onion.Code{},
	}
}

func (d *disk) byHash(h wire.PaymentHash) *invoice.Row {
	for _, r := range d.invoices {
		if r.PaymentHash == h {
			return r
		}
	}
	return nil
}

var errTaken = errors.New("taken")

func (d *disk) Write(_ context.Context, rows ...durable.Row) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	var expired int
	defer func() {
		if expired > 0 {
			d.batches = append(d.batches, expired)
		}
	}()
	for _, r := range rows {
		switch r := r.(type) {
		case invoice.Row:
			if d.invoices[r.Label] != nil || d.byHash(r.PaymentHash) != nil {
				return errTaken
			}
			d.invoices[r.Label] = &r
		case invoice.PaidRow:
			row := d.byHash(r.PaymentHash)
			if row == nil || row.Status != invoice.Unpaid {
				return errors.New("not unpaid")
			}
			d.pays++
			row.Status, row.Received, row.PaidAt, row.PayIndex = invoice.Paid, r.Received, r.PaidAt, d.pays
		case invoice.ExpiredRow:
			d.byHash(r.PaymentHash).Status = invoice.Expired
			expired++
		case invoice.DeletedRow:
			delete(d.invoices, d.byHash(r.PaymentHash).Label)
		case invoice.BareRow:
			d.byHash(r.PaymentHash).Description = ""
		case invoice.CleanedRow:
			d.cleaned += r.Count
		case invoice.AcceptedRow:
			row := d.byHash(r.PaymentHash)
			if row.Status != invoice.Unpaid {
				return errors.New("not unpaid")
			}
			row.Status, row.Received, row.AcceptedAt, row.Deadline = invoice.Accepted, r.Received, r.AcceptedAt, r.Deadline
		case invoice.HeldRow:
			d.parts[r.PaymentHash] = append(d.parts[r.PaymentHash], r)
		case invoice.SettledRow:
			row := d.byHash(r.PaymentHash)
			if row.Status != invoice.Accepted {
				return errors.New("not accepted")
			}
			d.pays++
			row.Status, row.Preimage, row.PaidAt, row.PayIndex = invoice.Paid, r.Preimage, r.PaidAt, d.pays
			delete(d.parts, r.PaymentHash)
		case invoice.CancelledRow:
			row := d.byHash(r.PaymentHash)
			row.Status, row.CancelledAt = invoice.Expired, r.CancelledAt
			delete(d.parts, r.PaymentHash)
		case relay.DecisionRow:
			if _, before := d.decisions[r.In]; !before {
				d.decisions[r.In] = r
			}
		}
	}
	return nil
}

func (d *disk) find(method string, fits func(*invoice.Row) bool) (best invoice.Row, found bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.unread[method]; err != nil {
		return best, false, err
	}
	for _, r := range d.invoices {
		if fits(r) && (!found || r.PayIndex < best.PayIndex) {
			best, found = *r, true
		}
	}
	return best, found, nil
}

func (d *disk) ByHash(_ context.Context, h wire.PaymentHash) (invoice.Row, bool, error) {
	return d.find("ByHash", func(r *invoice.Row) bool { return r.PaymentHash == h })
}

func (d *disk) ByLabel(_ context.Context, label string) (invoice.Row, bool, error) {
	return d.find("ByLabel", func(r *invoice.Row) bool { return r.Label == label })
}

func (d *disk) NextPaid(_ context.Context, after uint64) (invoice.Row, bool, error) {
	return d.find("NextPaid", func(r *invoice.Row) bool { return r.PayIndex > after })
}

func (d *disk) Expiring(_ context.Context, now uint64, limit int) (due []invoice.Row, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.invoices {
		if r.Status == invoice.Unpaid && r.ExpiresAt <= now && len(due) < limit {
			due = append(due, *r)
		}
	}
	return due, d.unread["Expiring"]
}

func (d *disk) NextExpiry(context.Context) (next uint64, found bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.invoices {
		if r.Status == invoice.Unpaid && (!found || r.ExpiresAt < next) {
			next, found = r.ExpiresAt, true
		}
	}
	return next, found, d.unread["NextExpiry"]
}

func (d *disk) Held(context.Context) (out []Held, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for hash, parts := range d.parts {
		out = append(out, Held{*d.byHash(hash), parts})
	}
	return out, d.unread["Held"]
}

func (d *disk) Before(_ context.Context, status invoice.Status, until uint64, limit int) (out []invoice.Row, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.invoices {
		if r.Status == status && r.ExpiresAt <= until && len(out) < limit {
			out = append(out, *r)
		}
	}
	return out, d.unread["Before"]
}

func (d *disk) Decision(_ context.Context, in channel.Ref) (relay.DecisionRow, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	row, ok := d.decisions[in]
	return row, ok, d.unread["Decision"]
}

func (d *disk) Fulfil(in channel.Ref, p wire.Preimage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.decisions[in].Preimage != p {
		panic("told before it was on disk")
	}
	d.fulfilled[in] = p
}

func (d *disk) Fail(in channel.Ref, f onion.Failure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed[in] = f.Code
}

func (d *disk) told() (fulfilled, failed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.fulfilled), len(d.failed)
}

// run starts a receiver over d, and returns it with what stops it.
func run(t *testing.T, d *disk) (*Receiver, func() error) {
	return runAt(t, d, func() uint32 { return 100 })
}

func runAt(t *testing.T, d *disk, height func() uint32) (*Receiver, func() error) {
	r := New(Config{Writer: d, Invoices: d, Settler: d, Height: height})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	synctest.Wait()
	return r, func() error {
		cancel()
		return <-done
	}
}

func row(label string, n byte) invoice.Row {
	preimage := wire.Preimage{n}
	now := unix(time.Now())
	return invoice.Row{
		Label: label, Preimage: preimage, PaymentHash: sha256.Sum256(preimage[:]), Secret: [32]byte{n},
		Amount: amount.OrAny{Msat: 1000}, CreatedAt: now, ExpiresAt: now + 3600, MinFinalCLTVExpiryDelta: 18, Status: invoice.Unpaid,
	}
}

func offer(r *Receiver, i invoice.Row, id uint64, amt amount.MilliSatoshi) channel.Ref {
	ref := channel.Ref{Channel: wire.ChannelID{1}, ID: id}
	r.Offer(channel.Incoming{Ref: ref, Amount: amt, PaymentHash: i.PaymentHash, CLTVExpiry: 200},
		onion.Payload{AmtToForward: amt, OutgoingCLTV: 200, PaymentSecret: &i.Secret, TotalMsat: 1000})
	return ref
}

func TestAnInvoiceIsPaidAndItsWaitersHearOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := run(t, d)
		i := row("a", 1)
		if _, err := r.Create(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		var one, any invoice.Row
		var wg sync.WaitGroup
		wg.Go(func() { one, _ = r.Wait(t.Context(), "a") })
		wg.Go(func() { any, _ = r.WaitAny(t.Context(), 99_999_999_999) })
		synctest.Wait()
		first := offer(r, i, 1, 400)
		synctest.Wait()
		if ok, bad := d.told(); ok+bad != 0 {
			t.Error("settled before all parts came")
		}
		second := offer(r, i, 2, 600)
		wg.Wait()
		synctest.Wait()
		if d.fulfilled[first] != i.Preimage || d.fulfilled[second] != i.Preimage {
			t.Error("not fulfilled")
		}
		for _, got := range []invoice.Row{one, any} {
			if got.Status != invoice.Paid || got.Received != 1000 || got.PayIndex != 1 {
				t.Errorf("%+v", got)
			}
		}
		if got, err := r.WaitAny(t.Context(), 0); err != nil || got.Label != "a" {
			t.Error(got, err)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if _, err := r.Wait(t.Context(), "a"); err != nil {
			t.Error("a paid invoice needs no wait:", err)
		}
	})
}

func TestPartsThatWaitTooLongAreFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := run(t, d)
		defer stop() //nolint:errcheck // the end of ctx
		i := row("a", 1)
		if _, err := r.Create(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		ref := offer(r, i, 1, 400)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if _, bad := d.told(); bad != 0 {
			t.Fatal("failed too early")
		}
		if _, err := r.Delete(t.Context(), "a", invoice.Unpaid); !errors.Is(err, ErrHeld) {
			t.Error("deleted under a set of parts:", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if d.failed[ref] != onion.CodeMPPTimeout {
			t.Errorf("%v", d.failed)
		}
		if _, err := r.Delete(t.Context(), "a", invoice.Unpaid); err != nil {
			t.Error(err)
		}
		if _, err := r.Delete(t.Context(), "a", invoice.Unpaid); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestInvoicesExpireByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		old := row("before the start", 9)
		old.ExpiresAt = unix(time.Now()) - 1
		d.invoices[old.Label] = &old
		r, stop := run(t, d)
		defer stop() //nolint:errcheck // the end of ctx
		synctest.Wait()
		if got, err := r.Wait(t.Context(), old.Label); err != nil || got.Status != invoice.Expired {
			t.Fatal(got, err)
		}
		late, soon := row("late", 1), row("soon", 2)
		soon.ExpiresAt = late.CreatedAt + 10
		for _, i := range []invoice.Row{late, soon} {
			if _, err := r.Create(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if got, err := r.Wait(t.Context(), "soon"); err != nil || got.Status != invoice.Expired || time.Since(began) != 10*time.Second {
			t.Error(got.Status, err, time.Since(began))
		}
		ref := offer(r, soon, 1, 1000)
		synctest.Wait()
		if d.failed[ref] != onion.CodeIncorrectOrUnknownPaymentDetails {
			t.Error(d.failed)
		}
		if got, err := r.Wait(t.Context(), "late"); err != nil || got.Status != invoice.Expired || time.Since(began) != time.Hour {
			t.Error(got.Status, err, time.Since(began))
		}
	})
}

func TestADecidedPartGetsTheSameAnswerAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		i := row("a", 1)
		i.Status = invoice.Paid
		d.invoices["a"] = &i
		ref := channel.Ref{Channel: wire.ChannelID{1}, ID: 7}
		d.decisions[ref] = relay.DecisionRow{In: ref, Kind: relay.Fulfil, Preimage: i.Preimage}
		r, stop := run(t, d)
		defer stop() //nolint:errcheck // the end of ctx
		offer(r, i, 7, 1000)
		other := offer(r, i, 8, 1000)
		synctest.Wait()
		if d.fulfilled[ref] != i.Preimage || d.failed[other] != onion.CodeIncorrectOrUnknownPaymentDetails || len(d.failed) != 1 {
			t.Error(d.fulfilled, d.failed)
		}
	})
}

func TestTakenLabelsAndPreimagesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := New(Config{Writer: d, Invoices: d})
		if _, err := r.Create(t.Context(), row("a", 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Create(t.Context(), row("a", 2)); !errors.Is(err, invoice.ErrLabelExists) {
			t.Error(err)
		}
		if _, err := r.Create(t.Context(), row("b", 1)); !errors.Is(err, invoice.ErrPreimageUsed) {
			t.Error(err)
		}
	})
}

func TestAWriteErrorEndsTheLoopAndTellsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, _ := run(t, d)
		i := row("a", 1)
		if _, err := r.Create(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		d.mu.Lock()
		d.broken = errors.New("disk full")
		d.mu.Unlock()
		began := time.Now()
		offer(r, i, 1, 1000)
		<-r.stopped
		if ok, bad := d.told(); ok+bad != 0 || time.Since(began) > 0 {
			t.Error("a channel was told")
		}
		if _, err := r.Delete(t.Context(), "a", invoice.Unpaid); !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
		if _, err := r.Wait(t.Context(), "a"); !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
	})
}

func TestAWaiterThatLeavesLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := run(t, d)
		defer stop() //nolint:errcheck // the end of ctx
		if _, err := r.Create(t.Context(), row("a", 1)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Wait(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if _, err := r.WaitAny(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if _, err := r.Wait(ctx, "none"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.labels)+len(r.anyPaid) != 0 {
			t.Error("still listed")
		}
	})
}

func TestADeletionThatIsNotWrittenEndsTheReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r, stop := run(t, d)
		if _, err := r.Create(t.Context(), row("a", 1)); err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		d.broken = errors.New("disk full")
		d.mu.Unlock()
		if _, err := r.Delete(t.Context(), "a", invoice.Unpaid); !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
		if err := stop(); !errors.Is(err, d.broken) {
			t.Errorf("Run ended with %v", err)
		}
	})
}
