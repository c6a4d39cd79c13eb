package sender

import (
	"crypto/sha256"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/pay"
)

func gift() pay.Keysend {
	return pay.Keysend{Destination: payee.id(), Amount: 1000, Preimage: preimage}
}

func gives(t *testing.T, s *Sender) <-chan answer {
	done := make(chan answer, 1)
	go func() {
		row, err := s.Keysend(t.Context(), gift())
		done <- answer{row, err}
	}()
	synctest.Wait()
	return done
}

func TestAKeysendGoesOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		done := gives(t, s)
		if add := w.offered(0); add.PaymentHash != sha256.Sum256(preimage[:]) {
			t.Errorf("the hash is %s", add.PaymentHash)
		}
		s.Close()
		if a := <-done; !errors.Is(a.err, ErrStopped) {
			t.Fatal(a.err)
		}
		w.offers = nil // it was never signed
		s = w.sender(t)
		defer s.Close()
		synctest.Wait()
		if len(w.offers) != 1 {
			t.Fatalf("%d offers", len(w.offers))
		}
		s.Resolved(channel.Resolved{Origin: w.offered(0).Origin, Preimage: &preimage})
		synctest.Wait()
		row, found, err := w.ByHash(t.Context(), sha256.Sum256(preimage[:]))
		if err != nil || !found || row.Result.Status != pay.Complete || row.Result.Preimage != preimage {
			t.Errorf("%+v, %v", row, err)
		}
	})
}

func TestAPreimagePaysOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sender(t)
		defer s.Close()
		done := gives(t, s)
		if a := <-gives(t, s); !isCode(a.err, pay.CodeAlreadyPaid) {
			t.Errorf("while it is on its way: %v", a.err)
		}
		s.Resolved(channel.Resolved{Origin: w.offered(0).Origin, Preimage: &preimage})
		if a := <-done; a.err != nil || a.row.Result.Preimage != preimage {
			t.Errorf("%+v", a)
		}
		synctest.Wait()
		if a := <-gives(t, s); !isCode(a.err, pay.CodeAlreadyPaid) {
			t.Errorf("afterwards: %v", a.err)
		}
		if len(w.offers) != 1 {
			t.Errorf("%d offers", len(w.offers))
		}
	})
}

func TestTheLastHopIsGivenTheRecords(t *testing.T) {
	send := pay.Send{
		Attempt: 1, PaymentHash: wire.PaymentHash{1}, Session: [32]byte{1}, Total: 1000,
		Hops:    []pay.Hop{{NodeID: middle.id(), SCID: 1, Amount: 1001, CLTVExpiry: 600}, {NodeID: payee.id(), SCID: 2, Amount: 1000, CLTVExpiry: 550}},
		Records: []tlv.Record{{Type: 65537, Value: []byte{7}}},
	}
	add, err := HTLC(send)
	if err != nil {
		t.Fatal(err)
	}
	first, err := onion.Peel(middle, &add.Onion, add.PaymentHash)
	if err != nil || first.PayloadErr != nil || first.Payload.Custom != nil {
		t.Fatalf("%+v, %v", first, err)
	}
	last, err := onion.Peel(payee, first.Next, add.PaymentHash)
	if err != nil || last.PayloadErr != nil || last.Payload.PaymentSecret != nil ||
		len(last.Payload.Custom) != 1 || last.Payload.Custom[0].Type != 65537 || last.Payload.Custom[0].Value[0] != 7 {
		t.Errorf("%+v, %v", last, err)
	}
}
