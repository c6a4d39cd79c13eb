package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/internal/wallet"
)

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), ready.Dir(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func row(n int) invoice.Row {
	return invoice.Row{
		Label: fmt.Sprint("label ", n), PaymentHash: wire.PaymentHash{byte(n), byte(n >> 8), 1}, Preimage: wire.Preimage{2},
		Secret: [32]byte{3}, Amount: amount.OrAny{Msat: 7}, Description: "d", Bolt11: "ln", CreatedAt: 1, ExpiresAt: 1 << 40,
		MinFinalCLTVExpiryDelta: 18, Status: invoice.Unpaid,
	}
}

func write(t testing.TB, s *store.Store, rows ...durable.Row) {
	t.Helper()
	if err := s.Write(t.Context(), rows...); err != nil {
		t.Fatal(err)
	}
}

func TestAWriteIsThereAfterAReopenOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	write(t, s, row(1), store.Fact{Name: "a", Value: []byte{1}})
	err := s.Write(t.Context(), store.Fact{Name: "a", Value: []byte{2}}, row(1))
	if !errors.Is(err, store.ErrExists) {
		t.Fatalf("a second invoice with the label: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), row(2)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a write after the close: %v", err)
	}
	s = open(t, dir)
	want := row(1)
	want.CreatedIndex = 1
	if got, ok, err := s.InvoiceByLabel(t.Context(), want.Label); err != nil || !ok || got != want {
		t.Error(cmp.Diff(want, got), err)
	}
	if v, _, _ := s.Fact(t.Context(), "a"); len(v) != 1 || v[0] != 1 {
		t.Errorf("half of a refused write is there: %v", v)
	}
}

func TestAFactMayBeEmpty(t *testing.T) {
	s := open(t, t.TempDir())
	write(t, s, store.Fact{Name: "a", Value: []byte{1}})
	write(t, s, store.Fact{Name: "a"})
	if v, ok, err := s.Fact(t.Context(), "a"); err != nil || !ok || len(v) != 0 {
		t.Errorf("%x, %v, %v", v, ok, err)
	}
}

func TestOnlyOneProcessOwnsADatabase(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := store.Open(t.Context(), dir); !errors.Is(err, store.ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
}

func TestARefusalDoesNotHurtOthersInTheSameTransaction(t *testing.T) {
	s := open(t, t.TempDir())
	write(t, s, row(0))
	const callers = 64
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			n := i
			if i%4 == 0 {
				n = 0 // taken
			}
			errs[i] = s.Write(context.Background(), row(n), durable.Event{Kind: "invoice", Key: fmt.Sprint(i), State: "unpaid"})
		})
	}
	wg.Wait()
	written := 0
	for i, err := range errs {
		if i%4 == 0 != errors.Is(err, store.ErrExists) {
			t.Errorf("write %d: %v", i, err)
		}
		if err == nil {
			written++
		}
	}
	events, err := s.Events(t.Context(), 0, 1000)
	if err != nil || len(events) != written {
		t.Errorf("%d events for %d writes: %v", len(events), written, err)
	}
}

func TestAnInvoiceIsPaidOnce(t *testing.T) {
	s := open(t, t.TempDir())
	write(t, s, row(1))
	paid := invoice.PaidRow{PaymentHash: row(1).PaymentHash, Received: 9, PaidAt: 5}
	write(t, s, paid)
	for _, again := range []durable.Row{paid, invoice.ExpiredRow{PaymentHash: paid.PaymentHash}} {
		if err := s.Write(t.Context(), again); !errors.Is(err, store.ErrGone) {
			t.Errorf("%T on a paid invoice: %v", again, err)
		}
	}
	got, ok, err := s.InvoicePaidAfter(t.Context(), 0)
	if err != nil || !ok || got.Status != invoice.Paid || got.PayIndex != 1 || got.Received != 9 || got.UpdatedIndex != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnInvoiceInAnAssetComesBackAsItWas(t *testing.T) {
	s := open(t, t.TempDir())
	r := row(1)
	r.Property, r.Units, r.Amount = 2147483651, amount.MaxUnits, amount.OrAny{Any: true}
	write(t, s, r, invoice.PaidRow{PaymentHash: r.PaymentHash, Received: 9, Got: amount.MaxUnits, PaidAt: 5})
	got, ok, err := s.InvoiceByHash(t.Context(), r.PaymentHash)
	if err != nil || !ok || got.Property != r.Property || got.Units != r.Units || got.Got != amount.MaxUnits || got.Received != 9 || !got.Amount.Any {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPaymentsAndAttemptsComeBackAsTheyWere(t *testing.T) {
	s := open(t, t.TempDir())
	p := pay.PaymentRow{
		PaymentHash: wire.PaymentHash{1}, Destination: wire.NodeID{2}, Amount: 1000, Bolt11: "ln", Label: "l", Group: 1,
		CreatedAt: 3, MaxFee: 4, MaxDelay: 5, RetryUntil: 6, Exclude: []byte{7},
	}
	a := pay.AttemptRow{
		ID: 1, PaymentHash: p.PaymentHash, Group: 1, Part: 2, Amount: 1000, Sent: 1001,
		Hops: []pay.Hop{{NodeID: wire.NodeID{2}, SCID: 9, Amount: 1000, CLTVExpiry: 100}}, Session: [32]byte{8}, CreatedAt: 3,
	}
	write(t, s, p, a)
	failure := &pay.Failure{ErringIndex: 1, ErringChannel: 9, FailCode: 0x1007, Text: "temporary_channel_failure"}
	write(t, s,
		pay.AttemptResultRow{ID: 1, Status: pay.Failed, Failure: failure, CompletedAt: 10},
		pay.PaymentResultRow{PaymentHash: p.PaymentHash, Status: pay.Complete, Preimage: wire.Preimage{11}, AmountSent: 1001, Parts: 1, CompletedAt: 12})
	got, ok, err := s.PaymentByHash(t.Context(), p.PaymentHash)
	if err != nil || !ok {
		t.Fatal(err)
	}
	p.CreatedIndex, p.UpdatedIndex = 1, 1
	p.Result = pay.PaymentResultRow{PaymentHash: p.PaymentHash, Status: pay.Complete, Preimage: wire.Preimage{11}, AmountSent: 1001, Parts: 1, CompletedAt: 12}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Error(diff)
	}
	if err := s.Write(t.Context(), p); !errors.Is(err, store.ErrGone) {
		t.Errorf("a complete payment was begun again: %v", err)
	}
	attempts, err := s.AttemptsOf(t.Context(), p.PaymentHash)
	if err != nil || len(attempts) != 1 {
		t.Fatal(attempts, err)
	}
	a.Session, a.UpdatedIndex = [32]byte{}, 1 // of no use once there is a result
	a.Result = pay.AttemptResultRow{ID: 1, Status: pay.Failed, Failure: failure, CompletedAt: 10}
	if diff := cmp.Diff(a, attempts[0]); diff != "" {
		t.Error(diff)
	}
}

func TestTheWalletAndTheSignersComeBackAsTheyWere(t *testing.T) {
	s := open(t, t.TempDir())
	want := wallet.Rows{
		Tip:       wallet.TipRow{Height: 7, Highest: 8},
		Addresses: []wallet.AddressRow{{Kind: wallet.P2TR, Branch: 1, Index: 2, Script: []byte{3}, Address: "bcrt1"}},
		Coins:     []wallet.CoinRow{{Value: 5, Script: []byte{3}, Height: 6, SpentBy: [32]byte{9}, ReservedFor: "x", ReservedUntil: 10}},
		Txs:       []wallet.TxRow{{Txid: [32]byte{4}, Number: 1, Raw: []byte{5}, Label: "l", Height: 6, Abandoned: true}},
		Number:    1,
	}
	signer := keys.SignerRow{KeyIndex: 3, Signed: 4, SignedHash: [32]byte{5}, Revoked: 2}
	for range 2 { // the second time they are replaced
		write(t, s, want.Tip, want.Addresses[0], want.Coins[0], want.Txs[0], signer)
	}
	got, err := s.Wallet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// What no reorganization reaches is not read again; the list has it.
	later := wallet.TipRow{Height: 106, Highest: 106}
	write(t, s, later, wallet.CoinRow{OutPoint: btcwire.OutPoint{Index: 1}, Script: []byte{3}, Height: 5, SpentHeight: 6})
	if got, err = s.Wallet(t.Context()); err != nil || len(got.Txs) != 0 || len(got.Coins) != 1 || got.Number != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if list, err := s.Transactions(t.Context(), 0, 10); err != nil || len(list) != 1 || list[0].Label != "l" {
		t.Errorf("%+v %v", list, err)
	}
	if r, ok, err := s.Signer(t.Context(), 3); err != nil || !ok || r != signer {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAFaultStopsEveryLaterWrite(t *testing.T) {
	for _, after := range []bool{false, true} {
		dir := t.TempDir()
		s := open(t, dir)
		s.SetFault(func(n uint64) (bool, bool) { return n == 2 && !after, n == 2 && after })
		write(t, s, store.Fact{Name: "1", Value: []byte{}})
		for i := 2; i < 4; i++ {
			if err := s.Write(t.Context(), store.Fact{Name: fmt.Sprint(i), Value: []byte{}}); !errors.Is(err, store.ErrFault) {
				t.Errorf("write %d: %v", i, err)
			}
		}
		s.Close()
		s = open(t, dir)
		for name, want := range map[string]bool{"1": true, "2": after, "3": false} {
			if _, ok, err := s.Fact(t.Context(), name); err != nil || ok != want {
				t.Errorf("after %v, write %s is there: %v, %v", after, name, ok, err)
			}
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprint(callers, " callers"), func(b *testing.B) {
			s := open(b, b.TempDir())
			work := make(chan int)
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for i := range work {
						if err := s.Write(context.Background(), store.Fact{Name: fmt.Sprint(i), Value: []byte{1}}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for i := range b.N {
				work <- i
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
