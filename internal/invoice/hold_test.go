//go:build !race

package invoice

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/relay"
)

var coatPreimage = wire.Preimage{42}

// heldRow is a held invoice that is not paid.
func heldRow(t *testing.T, preimage wire.Preimage) Row {
	t.Helper()
	r := request()
	hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
	r.Hold, r.Label = &hash, hash.String()
	row, err := New(r, issuer(), uint64(epoch.Unix()))
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func holdPart(r Row, id uint64, expiry uint32) Part {
	p := partOf(r, id, 500, 1000)
	p.CLTVExpiry = expiry
	return p
}

func count[T durable.Row](list rows) (n int) {
	for _, r := range list {
		if _, is := r.(T); is {
			n++
		}
	}
	return n
}

func TestAHeldInvoiceKnowsNoPreimage(t *testing.T) {
	row := heldRow(t, coatPreimage)
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil || !row.Hold || row.Preimage != (wire.Preimage{}) || inv.PaymentHash != sha256.Sum256(coatPreimage[:]) {
		t.Errorf("%+v %v", row, err)
	}
	if inv.MinFinalCLTVExpiryDelta != DefaultHoldCLTV {
		t.Errorf("cltv %d", inv.MinFinalCLTVExpiryDelta)
	}
	r := request()
	r.Hold, r.CLTV = &row.PaymentHash, MinHoldCLTV-1
	if _, err := New(r, issuer(), 1); !errors.Is(err, ErrHoldCLTV) {
		t.Error(err)
	}
	if r.CLTV++; r.CLTV != MinHoldCLTV {
		t.Error("not the least")
	}
	if _, err := New(r, issuer(), 1); err != nil {
		t.Error(err)
	}
}

func TestAHeldInvoiceIsAcceptedWholeAndSettledWhole(t *testing.T) {
	row := heldRow(t, coatPreimage)
	var till Till
	till.Accept(&row, holdPart(row, 1, height+300), epoch, height)
	till.Accept(nil, holdPart(row, 2, height+200), epoch, height)
	till.Accept(nil, holdPart(row, 3, height+300), epoch, height)
	out, written := take(t, &till)
	if len(out.Fulfil)+len(out.Paid) != 0 || len(out.Fail) != 1 || out.Fail[0].In.ID != 3 {
		t.Fatalf("%+v", out)
	}
	if count[AcceptedRow](written) != 1 || count[HeldRow](written) != 2 || count[relay.DecisionRow](written) != 0 || count[durable.Event](written) != 1 {
		t.Fatalf("%+v", written)
	}
	if a := written[0].(AcceptedRow); a.Received != 1000 || a.Deadline != height+200-HoldMargin {
		t.Errorf("%+v", a)
	}
	if _, waits := till.Next(); waits || !till.Held(row.PaymentHash) {
		t.Error("an accepted set has no timeout, and is held")
	}
	till.Accept(nil, holdPart(row, 1, height+300), epoch, height+250) // offered again
	if err := till.Settle(wire.Preimage{1}, epoch, height); !errors.Is(err, ErrNotAccepted) {
		t.Error(err)
	}
	if err := till.Settle(coatPreimage, epoch, height+200-HoldMargin); !errors.Is(err, ErrTooLate) {
		t.Error(err)
	}
	if err := till.Settle(coatPreimage, epoch, height+200-HoldMargin-1); err != nil {
		t.Error(err)
	}
	out, written = take(t, &till)
	if len(out.Fulfil) != 2 || out.Fulfil[0].Preimage != coatPreimage || len(out.Fail) != 0 || !slices.Equal(out.Paid, []wire.PaymentHash{row.PaymentHash}) {
		t.Errorf("%+v", out)
	}
	if count[SettledRow](written) != 1 || count[relay.DecisionRow](written) != 2 {
		t.Errorf("%+v", written)
	}
	if err := till.Settle(coatPreimage, epoch, height); !errors.Is(err, ErrNotAccepted) || till.Held(row.PaymentHash) {
		t.Error("settled twice:", err)
	}
}

func TestAllThatIsLateIsCancelledInOneOrder(t *testing.T) {
	var till Till
	var hashes []wire.PaymentHash
	for n := range byte(5) {
		row := heldRow(t, wire.Preimage{9, n})
		hashes = append(hashes, row.PaymentHash)
		row.Status, row.Deadline = Accepted, height+uint32(n%2)
		part := holdPart(row, uint64(n), height+uint32(n%2)+HoldMargin)
		till.Restore(row, []HeldRow{{row.PaymentHash, part.In, part.Amount, 0, part.CLTVExpiry}})
	}
	till.Block(epoch, height-1)
	if out, _ := take(t, &till); len(out.Fail) != 0 {
		t.Fatalf("%+v", out)
	}
	till.Block(epoch, height)
	out, written := take(t, &till)
	var cancelled []wire.PaymentHash
	for _, r := range written {
		if c, is := r.(CancelledRow); is {
			cancelled = append(cancelled, c.PaymentHash)
		}
	}
	want := []wire.PaymentHash{hashes[0], hashes[2], hashes[4]}
	slices.SortFunc(want, func(a, b wire.PaymentHash) int { return bytes.Compare(a[:], b[:]) })
	if !slices.Equal(cancelled, want) || len(out.Fail) != 3 || len(out.Cancelled) != 3 {
		t.Errorf("%v, want %v: %+v", cancelled, want, out)
	}
	for _, f := range out.Fail {
		if f.Failure.Code != onion.CodeIncorrectOrUnknownPaymentDetails {
			t.Errorf("%v", f.Failure.Code)
		}
	}
	if till.Held(hashes[0]) || !till.Held(hashes[1]) {
		t.Error("the wrong ones are held")
	}
}

func TestAHeldInvoiceIsCancelledBeforeItIsComplete(t *testing.T) {
	row := heldRow(t, coatPreimage)
	var till Till
	till.Accept(&row, holdPart(row, 1, height+300), epoch, height)
	till.Cancel(row, epoch, height)
	out, written := take(t, &till)
	if len(out.Fail) != 1 || count[CancelledRow](written) != 1 || till.Held(row.PaymentHash) {
		t.Errorf("%+v %+v", out, written)
	}
	if _, waits := till.Next(); waits {
		t.Error("a set that was dropped waits")
	}
}

func TestAnInvoiceMadeElsewhereMustFitItsPreimageAndItsTime(t *testing.T) {
	row := unpaid(t)
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil {
		t.Fatal(err)
	}
	now := uint64(epoch.Unix())
	got, err := Of(inv, row.Bolt11, row.Label, row.Preimage, bolt11.Regtest, now)
	if err != nil || got != row {
		t.Errorf("%+v, want %+v: %v", got, row, err)
	}
	for want, try := range map[error]func() error{
		ErrHash:    func() error { _, err := Of(inv, "", "a", wire.Preimage{7}, bolt11.Regtest, now); return err },
		ErrNetwork: func() error { _, err := Of(inv, "", "a", row.Preimage, bolt11.Mainnet, now); return err },
		ErrOver:    func() error { _, err := Of(inv, "", "a", row.Preimage, bolt11.Regtest, row.ExpiresAt); return err },
		ErrLabel:   func() error { _, err := Of(inv, "", "", row.Preimage, bolt11.Regtest, now); return err },
	} {
		if err := try(); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

func TestTheDeadlineIsThatOfThePartThatExpiresFirst(t *testing.T) {
	if got := deadline([]HeldRow{{CLTVExpiry: 300}, {CLTVExpiry: 200}, {CLTVExpiry: 250}}); got != 200-HoldMargin {
		t.Errorf("the deadline is %d", got)
	}
	if got := deadline([]HeldRow{{CLTVExpiry: HoldMargin - 1}}); got != 0 {
		t.Errorf("the deadline is %d", got)
	}
}
