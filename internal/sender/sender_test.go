package sender

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"go.uber.org/goleak"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/pay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type nodeKey struct{ *btcec.PrivateKey }

func (k nodeKey) PublicKey() *btcec.PublicKey { return k.PubKey() }

func (k nodeKey) ECDH(p *btcec.PublicKey) [32]byte {
	var point, shared btcec.JacobianPoint
	p.AsJacobian(&point)
	btcec.ScalarMultNonConst(&k.Key, &point, &shared)
	shared.ToAffine()
	return sha256.Sum256(btcec.NewPublicKey(&shared.X, &shared.Y).SerializeCompressed())
}

func key(n byte) nodeKey {
	k, _ := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{n}, 32))
	return nodeKey{k}
}

func (k nodeKey) id() wire.NodeID { return wire.PointOf(k.PubKey()) }

var us, middle, payee = key(1), key(2), key(3)

// world is the store, the links and the network of a test.
type world struct {
	mu       sync.Mutex
	payments map[wire.PaymentHash]*pay.PaymentRow
	attempts []pay.AttemptRow
	settled  map[uint64]channel.SettlementRow
	offers   []channel.Add
	refuse   error // of Offer
	hope     chan struct{}
	known    chan struct{} // closed when the height may be known
	stale    error         // why it is not
	lessons  []pay.Lesson
	broken   error
	searches int

	writes func(ctx context.Context, rows []durable.Row) // called before each write
	last   *pay.Find
	noWay  error            // of Routes
	unread map[string]error // of the methods that read
}

func newWorld() *world {
	return &world{payments: map[wire.PaymentHash]*pay.PaymentRow{}, settled: map[uint64]channel.SettlementRow{}}
}

func (w *world) Write(ctx context.Context, rows ...durable.Row) error {
	if w.writes != nil {
		w.writes(ctx, rows)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return w.broken
	}
	for _, r := range rows {
		switch r := r.(type) {
		case pay.PaymentRow:
			w.payments[r.PaymentHash] = &r
		case pay.PaymentResultRow:
			w.payments[r.PaymentHash].Result = r
		case pay.AttemptRow:
			w.attempts = append(w.attempts, r)
		case pay.AttemptResultRow:
			w.attempts[slices.IndexFunc(w.attempts, func(a pay.AttemptRow) bool { return a.ID == r.ID })].Result = r
		}
	}
	return ctx.Err()
}

func (w *world) ByHash(_ context.Context, h wire.PaymentHash) (pay.PaymentRow, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.payments[h]; r != nil {
		return *r, true, nil
	}
	return pay.PaymentRow{}, false, w.unread["ByHash"]
}

func (w *world) Attempts(_ context.Context, h wire.PaymentHash) (rows []pay.AttemptRow, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.attempts {
		if a.PaymentHash == h {
			rows = append(rows, a)
		}
	}
	return rows, w.unread["Attempts"]
}

func (w *world) LastAttempt(context.Context) (last uint64, err error) {
	for _, a := range w.attempts {
		last = max(last, a.ID)
	}
	return last, w.unread["LastAttempt"]
}

func (w *world) Unfinished(ctx context.Context) (list []Unfinished, err error) {
	for h, p := range w.payments {
		u := Unfinished{Payment: *p, Settled: w.settled, Alive: map[uint64]bool{}}
		u.Attempts, _ = w.Attempts(ctx, h)
		if p.Result.Status != pay.Pending && !slices.ContainsFunc(u.Attempts, func(a pay.AttemptRow) bool { return a.Result.Status == pay.Pending }) {
			continue
		}
		for _, o := range w.offers {
			u.Alive[o.Origin.Attempt] = true
		}
		list = append(list, u)
	}
	return list, w.unread["Unfinished"]
}

func (w *world) Offer(_ wire.ShortChannelID, add channel.Add) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return w.refuse
	}
	if !slices.ContainsFunc(w.attempts, func(a pay.AttemptRow) bool { return a.ID == add.Origin.Attempt }) {
		panic("offered before its row was on disk")
	}
	w.offers = append(w.offers, add)
	return nil
}

func (w *world) Height() (uint32, <-chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return 500, w.known, w.stale
}

func (w *world) Routes(height uint32, f *pay.Find) ([]pay.Route, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.searches++
	w.last = f
	if w.noWay != nil {
		return nil, w.noWay
	}
	if len(f.Avoid) > 0 {
		return nil, &pay.Error{Code: pay.CodeRouteNotFound, Message: "no other way"}
	}
	last := pay.Hop{NodeID: f.Destination, SCID: 2, Amount: f.Amount, CLTVExpiry: height + f.FinalDelta}
	return []pay.Route{{{NodeID: middle.id(), SCID: 1, Amount: f.Amount + 1, CLTVExpiry: last.CLTVExpiry + 80}, last}}, nil
}

func (w *world) Hope() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hope
}

func (w *world) Learn(lessons []pay.Lesson) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lessons = append(w.lessons, lessons...)
}

func (w *world) offered(n int) channel.Add {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.offers[n]
}

func (w *world) idle(t *testing.T) *Sender {
	return New(Config{
		Writer: w, Payments: w, Links: w, Network: w, Rand: rand.Reader,
		Node:  pay.Node{ID: us.id(), Network: bolt11.Regtest},
		Fatal: func(err error) { t.Error(err) },
	})
}

func (w *world) sender(t *testing.T) *Sender {
	s := w.idle(t)
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Start()
	return s
}

var preimage = wire.Preimage{42}

func request(t *testing.T) pay.Request {
	t.Helper()
	amt, text := amount.MilliSatoshi(1000), "x"
	inv := bolt11.Invoice{
		Network: bolt11.Regtest, Amount: &amt, Timestamp: uint64(time.Now().Unix()), PaymentHash: sha256.Sum256(preimage[:]),
		PaymentSecret: [32]byte{5}, Description: &text, Expiry: 3600, MinFinalCLTVExpiryDelta: 18,
		Features: wire.NewFeatures(wire.VarOnion, wire.PaymentSecret, wire.BasicMPP+1),
	}
	s, err := inv.Encode(bolt11.Signer{ID: wire.PointOf(payee.PubKey()), Sign: func(hash [32]byte) (sig [65]byte, err error) {
		c := ecdsa.SignCompact(payee.PrivateKey, hash[:], true)
		copy(sig[:], c[1:])
		sig[64] = c[0] - 31
		return sig, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	back, err := bolt11.Decode(s)
	if err != nil {
		t.Fatal(err)
	}
	return pay.Request{Bolt11: s, Invoice: back}
}

type answer struct {
	row pay.PaymentRow
	err error
}

func pays(s *Sender, r pay.Request) <-chan answer {
	done := make(chan answer, 1)
	go func() {
		row, err := s.Pay(context.Background(), r)
		done <- answer{row, err}
	}()
	synctest.Wait()
	return done
}

func isCode(err error, code pay.Code) bool { return errors.Is(err, &pay.Error{Code: code}) }

func TestAPaymentArrivesWithWhatTheInvoiceAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		done := pays(s, request(t))
		add := w.offered(0)
		if add.Amount != 1001 || add.CLTVExpiry != 601 {
			t.Errorf("offered %v until %d", add.Amount, add.CLTVExpiry)
		}
		first, err := onion.Peel(middle, &add.Onion, add.PaymentHash)
		if err != nil || first.PayloadErr != nil || *first.Payload.ShortChannelID != 2 || first.Payload.AmtToForward != 1000 || first.Payload.OutgoingCLTV != 521 {
			t.Fatalf("%+v %v", first.Payload, err)
		}
		last, err := onion.Peel(payee, first.Next, add.PaymentHash)
		if err != nil || last.PayloadErr != nil || last.Next != nil || last.Payload.AmtToForward != 1000 || last.Payload.OutgoingCLTV != 521 ||
			*last.Payload.PaymentSecret != [32]byte{5} || last.Payload.TotalMsat != 1000 {
			t.Fatalf("%+v %v", last.Payload, err)
		}
		again := pays(s, request(t)) // joins
		five := amount.MilliSatoshi(5)
		r := request(t)
		r.Invoice.Amount = &five
		if a := <-pays(s, r); !isCode(a.err, pay.CodeInProgress) {
			t.Errorf("joined with another amount: %+v", a)
		}
		s.Resolved(channel.Resolved{Origin: add.Origin, Preimage: &preimage})
		for _, c := range []<-chan answer{done, again} {
			if a := <-c; a.err != nil || a.row.Result.Preimage != preimage || a.row.Result.AmountSent != 1001 {
				t.Errorf("%+v", a)
			}
		}
		time.Sleep(2 * time.Hour) // the invoice has expired
		r = request(t)
		if a := <-pays(s, r); a.err != nil || a.row.Result.Preimage != preimage || len(w.offers) != 1 {
			t.Errorf("the second time: %+v", a)
		}
		r.Amount = &five
		if a := <-pays(s, r); !isCode(a.err, pay.CodeInvalid) {
			t.Errorf("the request contradicts the invoice: %+v", a)
		}
		r.Invoice.Amount = &five
		if a := <-pays(s, r); !isCode(a.err, pay.CodeAlreadyPaid) {
			t.Errorf("%+v", a)
		}
		if len(s.attempts)+len(s.payments) != 0 {
			t.Error("something is remembered of what is over")
		}
	})
}

func TestAPaymentWaitsForAChannelThatIsExpectedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.hope = make(chan struct{})
		w.refuse = channel.ErrOffline
		s := w.sender(t)
		defer s.Close()
		done := pays(s, request(t)) // its channel refuses, and there is no other
		if len(w.offers) != 0 || w.searches != 2 {
			t.Fatalf("%d offers, %d searches", len(w.offers), w.searches)
		}
		w.refuse = nil
		back := w.hope
		w.hope = nil
		close(back)
		synctest.Wait()
		s.Resolved(channel.Resolved{Origin: w.offered(0).Origin, Preimage: &preimage})
		if a := <-done; a.err != nil || a.row.Result.Preimage != preimage {
			t.Errorf("%+v", a)
		}
	})
}

func TestNoHTLCIsSentBeforeThePresentHeightIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.stale, w.known = errors.New("20 of 30 blocks"), make(chan struct{})
		w.hope = make(chan struct{}) // of a channel: it is not what is waited for
		s := w.sender(t)
		defer s.Close()
		done := pays(s, request(t))
		if len(w.offers)+w.searches != 0 {
			t.Fatalf("%d offers, %d searches", len(w.offers), w.searches)
		}
		known := w.known
		w.mu.Lock()
		w.stale, w.known = nil, nil
		w.mu.Unlock()
		close(known)
		synctest.Wait()
		s.Resolved(channel.Resolved{Origin: w.offered(0).Origin, Preimage: &preimage})
		if a := <-done; a.err != nil || a.row.Result.Preimage != preimage {
			t.Errorf("%+v", a)
		}
	})
}

func TestAPaymentSaysThatThePresentHeightIsNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.stale = errors.New("20 of 30 blocks") // and nobody knows when it will be
		s := w.sender(t)
		defer s.Close()
		if a := <-pays(s, request(t)); !isCode(a.err, pay.CodeRouteNotFound) || a.err.Error() != w.stale.Error() || w.searches != 0 {
			t.Errorf("%+v, %d searches", a, w.searches)
		}
		w.known = make(chan struct{}) // it may be soon, but is not within retry_for
		r := request(t)
		second := uint64(1)
		r.RetryFor = &second
		if a := <-pays(s, r); a.err == nil || a.err.Error() != w.stale.Error() || w.searches != 0 {
			t.Errorf("%+v, %d searches", a, w.searches)
		}
	})
}

func TestAFailureIsReadAndEndsThePaymentWithItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		done := pays(s, request(t))
		add := w.offered(0)
		first, _ := onion.Peel(middle, &add.Onion, add.PaymentHash)
		last, _ := onion.Peel(payee, first.Next, add.PaymentHash)
		reason := onion.NewFailure(last.SharedSecret, onion.IncorrectOrUnknownPaymentDetails(1000, 500))
		s.Resolved(channel.Resolved{Origin: add.Origin, Reason: onion.Obfuscate(first.SharedSecret, reason)})
		a := <-done
		var e *pay.Error
		if !errors.As(a.err, &e) || e.Code != pay.CodeDestinationPerm || e.Failure.ErringIndex != 2 || e.Failure.ErringNode != payee.id() {
			t.Fatalf("%+v", a.err)
		}
		if again := pays(s, request(t)); len(w.offers) != 2 { // failed: it may be tried anew
			t.Error("not tried anew")
		} else {
			s.Refused(2, channel.ErrOffline)
			if a := <-again; !isCode(a.err, pay.CodeRouteNotFound) || w.payments[add.PaymentHash].Group != 2 {
				t.Errorf("%+v", a)
			}
		}
	})
}

func TestEveryKindOfFailureIsUnderstood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			resolve func(first onion.Peeled) channel.Resolved
			index   int
			code    onion.Code
		}{
			"by the first node": {func(first onion.Peeled) channel.Resolved {
				return channel.Resolved{Reason: onion.NewFailure(first.SharedSecret, onion.TemporaryChannelFailure(nil))}
			}, 1, onion.CodeTemporaryChannelFailure},
			"by a node that is broken": {func(first onion.Peeled) channel.Resolved {
				return channel.Resolved{Reason: onion.NewFailure(first.SharedSecret, onion.Failure{})}
			}, 1, onion.CodeTemporaryNodeFailure},
			"unreadable": {func(onion.Peeled) channel.Resolved { return channel.Resolved{Reason: make([]byte, 292)} }, -1, 0},
			"malformed": {func(onion.Peeled) channel.Resolved {
				return channel.Resolved{Malformed: &channel.Malformed{Code: uint16(onion.CodeInvalidOnionHMAC)}}
			}, 1, onion.CodeInvalidOnionHMAC},
			"on-chain": {func(onion.Peeled) channel.Resolved { return channel.Resolved{} }, 0, onion.CodeTemporaryChannelFailure},
		} {
			w := newWorld()
			s := w.sender(t)
			done := pays(s, request(t))
			add := w.offered(0)
			first, _ := onion.Peel(middle, &add.Onion, add.PaymentHash)
			r := c.resolve(first)
			r.Origin = add.Origin
			s.Resolved(r)
			s.Resolved(r) // once more: ignored
			if a := <-done; !isCode(a.err, pay.CodeRouteNotFound) {
				t.Errorf("%s: %v", name, a.err)
			}
			f := w.attempts[0].Result.Failure
			if f.ErringIndex != c.index || f.FailCode != uint16(c.code) {
				t.Errorf("%s: %+v", name, f)
			}
			if c.index < 0 && !bytes.Equal(f.Message, r.Reason) {
				t.Errorf("%s: the reason is told as %x", name, f.Message)
			}
			if learnt := len(w.lessons) > 0; learnt != (c.index != 0) {
				t.Errorf("%s: lessons %+v", name, w.lessons)
			}
			s.Close()
		}
	})
}

func TestARestartGoesOnWithWhatItFinds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		want   int // offers in all
		paid   bool
	}{
		"an HTLC that is alive is waited for":   {func(*world) {}, 1, true},
		"an HTLC that was never signed is anew": {func(w *world) { w.offers = nil }, 1, true},
		"an HTLC that ended on-chain is anew": {func(w *world) {
			w.settled[1] = channel.SettlementRow{Origin: channel.Origin{Attempt: 1}}
		}, 2, true},
		"a result that nobody read is read": {func(w *world) {
			w.settled[1] = channel.SettlementRow{Origin: channel.Origin{Attempt: 1}, Preimage: &preimage}
		}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				s := w.sender(t)
				done := pays(s, request(t))
				s.Close()
				if a := <-done; !errors.Is(a.err, ErrStopped) {
					t.Fatal(a.err)
				}
				c.change(w)
				s = w.sender(t)
				defer s.Close()
				synctest.Wait()
				if len(w.offers) != c.want {
					t.Fatalf("%d offers", len(w.offers))
				}
				done = pays(s, request(t))
				if c.paid {
					s.Resolved(channel.Resolved{Origin: w.offered(c.want - 1).Origin, Preimage: &preimage})
				}
				if a := <-done; a.err != nil || a.row.Result.Preimage != preimage {
					t.Errorf("%+v", a)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				if len(s.attempts) > 0 {
					t.Errorf("ended attempts are waited for: %v", s.attempts)
				}
			})
		})
	}
}

func TestTheReceiptIsThereAfterARestartWhilePartsAreStillOnTheirWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
		for part := range uint64(2) {
			if _, err := s.SendPay(t.Context(), pay.Manual{
				PaymentHash: hash, Total: 1000, Part: part + 1, Group: 1, Secret: &[32]byte{1},
				Route: pay.Route{{NodeID: payee.id(), SCID: 2, Amount: 500, CLTVExpiry: 520}},
			}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		s.Resolved(channel.Resolved{Origin: w.offered(0).Origin, Preimage: &preimage})
		synctest.Wait()
		s.Close()
		s = w.sender(t)
		defer s.Close()
		row, err := s.SendPay(t.Context(), pay.Manual{
			PaymentHash: hash, Total: 1000, Part: 2, Group: 1, Secret: &[32]byte{1},
			Route: pay.Route{{NodeID: payee.id(), SCID: 2, Amount: 500, CLTVExpiry: 520}},
		})
		if err != nil || row.Result.Preimage != preimage || len(w.offers) != 2 {
			t.Error(row, err)
		}
		s.Resolved(channel.Resolved{Origin: w.offered(1).Origin, Preimage: &preimage})
		if row, err := s.WaitSendPay(t.Context(), hash, 2, 1); err != nil || row.Result.Status != pay.Complete {
			t.Error(row, err)
		}
	})
}

func TestAPaymentEndsWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		done := pays(s, request(t))
		time.Sleep(61 * time.Second)
		synctest.Wait()
		select {
		case a := <-done:
			t.Fatal("it ended while an HTLC was in flight", a)
		default:
		}
		s.Refused(1, channel.ErrOffline)
		if a := <-done; !isCode(a.err, pay.CodeStoppedRetrying) {
			t.Error(a.err)
		}
	})
}

func TestSendPayAndItsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
		m := pay.Manual{
			PaymentHash: hash, Total: 1000, Part: 1, Group: 1, Secret: &[32]byte{1},
			Route: pay.Route{{NodeID: payee.id(), SCID: 2, Amount: 500, CLTVExpiry: 520}},
		}
		if _, err := s.WaitSendPay(t.Context(), hash, 1, 0); !isCode(err, pay.CodeNoSuchPayment) {
			t.Error(err)
		}
		if row, err := s.SendPay(t.Context(), m); err != nil || row.ID != 1 || row.Result.Status != pay.Pending {
			t.Fatal(row, err)
		}
		if _, err := s.SendPay(t.Context(), m); !isCode(err, pay.CodeInProgress) {
			t.Error(err)
		}
		m.Part = 2
		if _, err := s.SendPay(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a := <-pays(s, request(t)); !isCode(a.err, pay.CodeInProgress) {
			t.Error("paid beside a sendpay:", a.err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.WaitSendPay(ctx, hash, 1, 1); !isCode(err, pay.CodeInProgress) {
			t.Error(err)
		}
		var wg sync.WaitGroup
		for part := range uint64(2) {
			wg.Go(func() {
				if row, err := s.WaitSendPay(t.Context(), hash, part+1, 0); err != nil || row.Result.Preimage != preimage {
					t.Error(row, err)
				}
			})
		}
		synctest.Wait()
		for i := range 2 {
			s.Resolved(channel.Resolved{Origin: w.offered(i).Origin, Preimage: &preimage})
		}
		wg.Wait()
		synctest.Wait()
		if row, err := s.SendPay(t.Context(), m); err != nil || row.Result.Status != pay.Complete || len(w.offers) != 2 {
			t.Error("a complete payment is made again:", row, err)
		}
		m.Total = 2000
		if _, err := s.SendPay(t.Context(), m); !isCode(err, pay.CodeAlreadyPaid) {
			t.Error(err)
		}
	})
}

func TestAFailedSendPayTellsWhereItFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
		m := pay.Manual{
			PaymentHash: hash, Total: 500, Group: 1,
			Route: pay.Route{{NodeID: payee.id(), SCID: 2, Amount: 500, CLTVExpiry: 520}},
		}
		w.refuse = errors.New("no such channel")
		if _, err := s.SendPay(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		row, err := s.WaitSendPay(t.Context(), hash, 0, 0)
		if !isCode(err, pay.CodeTryOtherRoute) || row.Result.Failure.ErringIndex != 0 {
			t.Error(row, err)
		}
		synctest.Wait()
		w.refuse = nil
		if row, err := s.SendPay(t.Context(), m); err != nil || row.ID == 1 {
			t.Error("not made anew:", row, err)
		}
	})
}

func TestAWriteErrorEndsTheProcessAndOffersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		fatal := make(chan error, 1)
		s.Fatal = func(err error) { fatal <- err }
		w.broken = errors.New("disk full")
		done := pays(s, request(t))
		if err := <-fatal; !errors.Is(err, w.broken) {
			t.Error(err)
		}
		if a := <-done; a.err == nil || len(w.offers) != 0 {
			t.Error(a.err)
		}
	})
}

func TestACancelledPaymentIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		done := pays(s, request(t))
		hash := w.offered(0).PaymentHash
		if !s.Cancel(hash) {
			t.Error("nothing to cancel")
		}
		synctest.Wait()
		s.Refused(1, channel.ErrOffline)
		if a := <-done; !isCode(a.err, pay.CodeStoppedRetrying) || w.searches != 1 || s.Cancel(hash) {
			t.Error(a.err, w.searches)
		}
	})
}
