//go:build !race

package invoice

import (
	"crypto/sha256"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/tlv"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/relay"
)

// gift is an HTLC that brings its own preimage.
func gift(id uint64, amt amount.MilliSatoshi) (channel.Incoming, onion.Payload) {
	preimage := wire.Preimage{42}
	return channel.Incoming{
			Ref: channel.Ref{ID: id}, Amount: amt, PaymentHash: sha256.Sum256(preimage[:]), CLTVExpiry: height + 18,
		}, onion.Payload{
			AmtToForward: amt, OutgoingCLTV: height + 18, TotalMsat: amt,
			Custom: []tlv.Record{{Type: 65537}, {Type: KeysendType, Value: preimage[:]}},
		}
}

func TestAPaymentThatBringsItsPreimageIsAPaidInvoice(t *testing.T) {
	var till Till
	in, payload := gift(1, 5000)
	till.Accept(nil, PartOf(in, payload), epoch, height)
	out, w := take(t, &till)
	if len(out.Fulfil) != 1 || out.Fulfil[0] != (Fulfilment{in.Ref, wire.Preimage{42}}) || len(out.Fail) != 0 || len(out.Paid) != 1 {
		t.Fatalf("%+v", out)
	}
	// One transaction: the invoice, its payment and the decision.
	if len(w) != 5 {
		t.Fatalf("%d rows: %+v", len(w), w)
	}
	row, ok := w[0].(Row)
	if !ok || row.Label != "keysend-"+in.PaymentHash.String() || row.PaymentHash != in.PaymentHash || row.Preimage != (wire.Preimage{42}) ||
		!row.Amount.Any || row.Bolt11 != "" || row.Status != Unpaid || row.Description != "keysend" {
		t.Errorf("%+v", w[0])
	}
	if paid, ok := w[2].(PaidRow); !ok || paid.PaymentHash != in.PaymentHash || paid.Received != 5000 || paid.PaidAt != uint64(epoch.Unix()) {
		t.Errorf("%+v", w[2])
	}
	if d, ok := w[4].(relay.DecisionRow); !ok || d.In != in.Ref || d.Kind != relay.Fulfil || d.Preimage != (wire.Preimage{42}) {
		t.Errorf("%+v", w[4])
	}
	for i, state := range map[int]string{1: "unpaid", 3: "paid"} {
		if e, ok := w[i].(durable.Event); !ok || e.State != state || e.Key != row.Label {
			t.Errorf("%+v", w[i])
		}
	}
	if till.Held(in.PaymentHash) {
		t.Error("it is still held")
	}
}

func TestTwoPaymentsOfOnePreimageAreOne(t *testing.T) {
	var till Till
	for id := range uint64(2) {
		in, payload := gift(id, 5000)
		till.Accept(nil, PartOf(in, payload), epoch, height)
	}
	out, _ := take(t, &till)
	if len(out.Fulfil) != 1 || len(out.Fail) != 1 || len(out.Paid) != 1 {
		t.Errorf("at once: %+v", out)
	}
	in, payload := gift(3, 5000)
	row, _ := PartOf(in, payload).spontaneous(epoch)
	row.Status = Paid
	till.Accept(&row, PartOf(in, payload), epoch, height)
	if out, w := take(t, &till); len(out.Fail) != 1 || len(w) != 0 {
		t.Errorf("later: %+v", out)
	}
}

func TestAPaymentThatBringsNoGoodPreimageIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(in *channel.Incoming, p *onion.Payload){
		"none":                 func(_ *channel.Incoming, p *onion.Payload) { p.Custom = nil },
		"of another hash":      func(in *channel.Incoming, _ *onion.Payload) { in.PaymentHash[0]++ },
		"too short":            func(_ *channel.Incoming, p *onion.Payload) { p.Custom[1].Value = make([]byte, 31) },
		"in another record":    func(_ *channel.Incoming, p *onion.Payload) { p.Custom[1].Type++ },
		"with a secret":        func(_ *channel.Incoming, p *onion.Payload) { p.PaymentSecret = new([32]byte) },
		"with too few blocks":  func(in *channel.Incoming, _ *onion.Payload) { in.CLTVExpiry-- },
		"and brings no amount": func(_ *channel.Incoming, p *onion.Payload) { p.AmtToForward, p.TotalMsat = 0, 0 },
	} {
		in, payload := gift(1, 5000)
		spoil(&in, &payload)
		var till Till
		till.Accept(nil, PartOf(in, payload), epoch, height)
		out, w := take(t, &till)
		if len(out.Fail) != 1 || len(out.Fulfil) != 0 || len(w) != 0 || out.Fail[0].Failure.Code != onion.CodeIncorrectOrUnknownPaymentDetails {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

func TestAnInvoiceIsNotPaidByItsPreimageWithoutItsSecret(t *testing.T) {
	row := unpaid(t)
	p := partOf(row, 1, 1000, 1000)
	p.Secret, p.Keysend = nil, &row.Preimage
	var till Till
	till.Accept(&row, p, epoch, height)
	if out, w := take(t, &till); len(out.Fail) != 1 || len(w) != 0 {
		t.Errorf("%+v", out)
	}
}
