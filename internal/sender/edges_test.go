package sender

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/pay"
)

// part is half of a payment by sendpay, straight to the payee.
func part(t *testing.T, n uint64) pay.Manual {
	t.Helper()
	return pay.Manual{
		PaymentHash: request(t).Invoice.PaymentHash, Total: 1000, Part: n, Group: 1, Secret: &[32]byte{1},
		Route: pay.Route{{NodeID: payee.id(), SCID: 2, Amount: 500, CLTVExpiry: 520}},
	}
}

func TestWhatTheSearchSaysEndsThePayment(t *testing.T) {
	for name, c := range map[string]struct {
		says error
		want pay.Code
	}{
		"too dear":  {&pay.Error{Code: pay.CodeRouteTooCostly, Message: "m"}, pay.CodeRouteTooCostly},
		"a fault":   {errors.New("m"), pay.CodeRouteNotFound},
		"not found": {&pay.Error{Code: pay.CodeRouteNotFound, Message: "m"}, pay.CodeRouteNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.noWay = c.says
				if c.want != pay.CodeRouteNotFound {
					w.hope = make(chan struct{}) // a channel that comes back makes it no cheaper
				}
				s := w.sender(t)
				defer s.Close()
				began := time.Now()
				if a := <-pays(s, request(t)); !isCode(a.err, c.want) || a.err.Error() != "m" || time.Since(began) > 0 {
					t.Errorf("%v after %s", a.err, time.Since(began))
				}
			})
		})
	}
}

func TestHopeEndsWithTheTimeToRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.noWay, w.hope = errors.New("the peer is away"), make(chan struct{})
		s := w.sender(t)
		defer s.Close()
		began := time.Now()
		if a := <-pays(s, request(t)); !isCode(a.err, pay.CodeRouteNotFound) || time.Since(began) != time.Minute {
			t.Errorf("%v after %s", a.err, time.Since(began))
		}
	})
}

func TestAFaultEndsTheProcessAndOffersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, fault := newWorld(), errors.New("no randomness")
		s := w.sender(t)
		defer s.Close()
		fatal := make(chan error, 1)
		s.Rand, s.Fatal = iotest.ErrReader(fault), func(err error) { fatal <- err }
		done := pays(s, request(t))
		if err := <-fatal; !errors.Is(err, fault) {
			t.Error(err)
		}
		if a := <-done; !errors.Is(a.err, fault) || len(w.offers) != 0 {
			t.Error(a.err)
		}
		if _, err := s.SendPay(t.Context(), part(t, 1)); !errors.Is(err, fault) {
			t.Error(err)
		}
	})
}

func TestNothingIsPaidUnlessTheRowsCanBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, fault := newWorld(), errors.New("cannot read")
		s := w.sender(t)
		defer s.Close()
		w.unread = map[string]error{"ByHash": fault}
		if a := <-pays(s, request(t)); !errors.Is(a.err, fault) {
			t.Error(a.err)
		}
		if _, err := s.SendPay(t.Context(), part(t, 1)); !errors.Is(err, fault) {
			t.Error(err)
		}
		w.unread = map[string]error{"Attempts": fault}
		if _, err := s.WaitSendPay(t.Context(), part(t, 1).PaymentHash, 1, 0); !errors.Is(err, fault) {
			t.Error(err)
		}
		if len(w.offers) != 0 {
			t.Error("offered")
		}
		for _, method := range []string{"LastAttempt", "Unfinished"} {
			w.unread = map[string]error{method: fault}
			if err := w.idle(t).Load(t.Context()); !errors.Is(err, fault) {
				t.Error(method, err)
			}
		}
	})
}

func TestAnInvoiceThatCannotBeReadBackIsToldAtTheStart(t *testing.T) {
	w, hash := newWorld(), wire.PaymentHash{1}
	w.payments[hash] = &pay.PaymentRow{PaymentHash: hash, Bolt11: "lnbc", Result: pay.PaymentResultRow{Status: pay.Pending}}
	if err := w.idle(t).Load(t.Context()); err == nil || !strings.Contains(err.Error(), hash.String()) {
		t.Error(err)
	}
}

func TestTheNumbersOfAttemptsGoOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		if row, err := s.SendPay(t.Context(), part(t, 1)); err != nil || row.ID != 1 {
			t.Fatal(row, err)
		}
		s.Close()
		s = w.sender(t)
		defer s.Close()
		if row, err := s.SendPay(t.Context(), part(t, 2)); err != nil || row.ID != 2 {
			t.Error(row, err)
		}
	})
}

func TestAStoppedSenderSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		if _, err := s.SendPay(t.Context(), part(t, 1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		waits := make(chan error, 1)
		go func() {
			_, err := s.WaitSendPay(t.Context(), part(t, 1).PaymentHash, 1, 0)
			waits <- err
		}()
		synctest.Wait()
		s.Close()
		if err := <-waits; !errors.Is(err, ErrStopped) {
			t.Error("it waited:", err)
		}
		s.Resolved(channel.Resolved{Origin: w.offered(0).Origin, Preimage: &preimage}) // does not wait
		s.Refused(99, channel.ErrOffline)
		s.Start()
		if a := <-pays(s, request(t)); !errors.Is(a.err, ErrStopped) {
			t.Error("pay:", a.err)
		}
		if _, err := s.SendPay(t.Context(), part(t, 2)); !errors.Is(err, ErrStopped) {
			t.Error("sendpay:", err)
		}
		if _, err := s.WaitSendPay(t.Context(), part(t, 1).PaymentHash, 1, 0); !errors.Is(err, ErrStopped) {
			t.Error("waitsendpay:", err)
		}
		if len(w.offers) != 1 {
			t.Error("something was offered")
		}
		// One that had found its driver just before the end.
		d := newDriver(s, wire.PaymentHash{}, false, pay.Ask{Amount: 1})
		s.begin(d, nil)
		if <-d.ended; !errors.Is(d.err, ErrStopped) {
			t.Error(d.err)
		}
	})
}

func TestASenderThatNeverStartedAnswersWhenItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		done := pays(s, request(t))
		s.Close()
		<-done
		s = w.idle(t)
		if err := s.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		done = pays(s, request(t)) // joins what was loaded
		s.Close()
		if a := <-done; !errors.Is(a.err, ErrStopped) {
			t.Error(a.err)
		}
		s.Start()
		synctest.Wait()
		if len(w.offers) != 1 {
			t.Error("it runs though it is closed")
		}
	})
}

func TestAWriteThatTheEndInterruptsIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		release := make(chan struct{})
		w.writes = func(ctx context.Context, _ []durable.Row) {
			<-ctx.Done()
			<-release
		}
		done, closed := pays(s, request(t)), make(chan struct{})
		go func() {
			s.Close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("closed before the loops had ended")
		default:
		}
		close(release)
		<-closed
		if a := <-done; !errors.Is(a.err, ErrStopped) {
			t.Error(a.err)
		}
	})
}

func TestAnInputThatComesWhileTheEndIsWrittenDoesNotKeepItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.noWay = errors.New("none")
		s := w.sender(t)
		defer s.Close()
		r := request(t)
		w.writes = func(_ context.Context, rows []durable.Row) {
			for _, row := range rows {
				if _, end := row.(pay.PaymentResultRow); end && !s.Cancel(r.Invoice.PaymentHash) {
					t.Error("the loop takes nothing while it writes")
				}
			}
		}
		if a := <-pays(s, r); !isCode(a.err, pay.CodeRouteNotFound) {
			t.Error(a.err)
		}
	})
}

func TestALoopThatHasEndedTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		done := pays(s, request(t))
		d := s.payments[w.offered(0).PaymentHash]
		s.Resolved(channel.Resolved{Origin: w.offered(0).Origin, Preimage: &preimage})
		<-done
		synctest.Wait()
		if d.put(func(*pay.Payment) {}) {
			t.Error("taken")
		}
	})
}

func TestAPartIsOnDiskWhenSendPayReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		if _, err := s.SendPay(t.Context(), part(t, 1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		release, returned := make(chan struct{}), make(chan error, 1)
		w.writes = func(context.Context, []durable.Row) { <-release }
		go func() {
			row, err := s.SendPay(t.Context(), part(t, 2))
			if row.ID != 2 {
				t.Errorf("%+v", row)
			}
			returned <- err
		}()
		synctest.Wait()
		select {
		case <-returned:
			t.Fatal("it returned before the write")
		default:
		}
		close(release)
		if err := <-returned; err != nil {
			t.Error(err)
		}
	})
}

func TestARouteThatNoOnionCanFollowIsNotOffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		m := part(t, 1)
		m.Route[0].NodeID = wire.NodeID{2} // with an x above the field's prime
		for n := range m.Route[0].NodeID[1:] {
			m.Route[0].NodeID[n+1] = 0xff
		}
		if _, err := s.SendPay(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if _, err := s.WaitSendPay(t.Context(), m.PaymentHash, 1, 0); !isCode(err, pay.CodeTryOtherRoute) || len(w.offers) != 0 {
			t.Error(err, len(w.offers))
		}
		m.Route = nil
		if _, err := s.SendPay(t.Context(), m); !isCode(err, pay.CodeInvalid) {
			t.Error(err)
		}
	})
}

func TestMetadataAndTheChannelsUpdateTravelAllTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		m := part(t, 1)
		m.Metadata = []byte("opaque")
		if _, err := s.SendPay(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		add := w.offered(0)
		last, err := onion.Peel(payee, &add.Onion, add.PaymentHash)
		if err != nil || string(last.Payload.PaymentMetadata) != "opaque" {
			t.Errorf("%+v %v", last.Payload, err)
		}
		s.Refused(1, channel.ErrOffline)
		synctest.Wait()

		pays(s, request(t))
		add = w.offered(1)
		first, _ := onion.Peel(middle, &add.Onion, add.PaymentHash)
		update := &wire.ChannelUpdate{ShortChannelID: 2, FeeBaseMsat: 7, HTLCMaximumMsat: 1 << 40}
		s.Resolved(channel.Resolved{
			Origin: add.Origin, Reason: onion.NewFailure(first.SharedSecret, onion.FeeInsufficient(1001, update)),
		})
		synctest.Wait()
		if u := w.last.Updates; len(u) != 1 || u[0].Update.FeeBaseMsat != 7 {
			t.Errorf("%+v", u)
		}
	})
}

func TestAnAttemptWithoutALoopIsNotWaitedForInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		w.attempts = []pay.AttemptRow{{ID: 1, Part: 1, Result: pay.AttemptResultRow{Status: pay.Pending}}}
		if _, err := s.WaitSendPay(t.Context(), wire.PaymentHash{}, 1, 0); !isCode(err, pay.CodeUnspecified) {
			t.Error(err)
		}
	})
}

func TestAWaitThatIsGivenUpIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		m := part(t, 1)
		if _, err := s.SendPay(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.WaitSendPay(ctx, m.PaymentHash, 1, 0); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
