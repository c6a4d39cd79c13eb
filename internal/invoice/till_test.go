//go:build !race

package invoice

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/relay"
)

const height = 800_000

var epoch = time.Unix(1_700_000_000, 0)

func issuer() Issuer {
	key, public := btcec.PrivKeyFromBytes(bytes.Repeat([]byte{1}, 32))
	return Issuer{Network: bolt11.Regtest, Signer: bolt11.Signer{ID: wire.PointOf(public), Sign: func(hash [32]byte) (sig [65]byte, err error) {
		c := ecdsa.SignCompact(key, hash[:], true)
		copy(sig[:], c[1:])
		sig[64] = c[0] - 31
		return sig, nil
	}}}
}

func request() Request {
	return Request{
		Label: "one", Amount: amount.OrAny{Msat: 1000}, Description: "a cup", Expiry: 3600,
		Preimage: wire.Preimage{1}, Secret: [32]byte{2},
	}
}

func unpaid(t interface{ Fatal(...any) }) Row {
	row, err := New(request(), issuer(), uint64(epoch.Unix()))
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func partOf(r Row, id uint64, amt, total amount.MilliSatoshi) Part {
	return Part{
		In: channel.Ref{Channel: wire.ChannelID{byte(id % 3)}, ID: id}, PaymentHash: r.PaymentHash,
		Amount: amt, AmtToForward: amt, Total: total, CLTVExpiry: height + 100, Secret: &r.Secret,
	}
}

type rows []durable.Row

func (r *rows) Write(_ context.Context, more ...durable.Row) error {
	*r = append(*r, more...)
	return nil
}

func take(t interface{ Fatal(...any) }, till *Till) (Outcome, rows) {
	var w rows
	out, err := till.Take().Commit(context.Background(), &w)
	if err != nil {
		t.Fatal(err)
	}
	return out, w
}

func TestANewInvoiceSaysWhatWasAsked(t *testing.T) {
	row := unpaid(t)
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil {
		t.Fatal(err)
	}
	if *inv.Amount != 1000 || *inv.Description != "a cup" || inv.PaymentHash != row.PaymentHash || inv.PaymentSecret != row.Secret ||
		inv.ExpiresAt() != row.ExpiresAt || inv.MinFinalCLTVExpiryDelta != DefaultMinFinalCLTVExpiryDelta || inv.Payee != issuer().ID {
		t.Errorf("%+v", inv)
	}
	if !inv.Features.Bit(14) || !inv.Features.Bit(8) || !inv.Features.Bit(17) {
		t.Errorf("features %x", inv.Features)
	}
}

func TestALongDescriptionGoesAsItsHash(t *testing.T) {
	r := request()
	r.Description, r.DescriptionHashOnly, r.Amount = strings.Repeat("x", 5000), true, amount.OrAny{Any: true}
	row, err := New(r, issuer(), 1)
	if err != nil {
		t.Fatal(err)
	}
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil || inv.Amount != nil || inv.CheckDescription(r.Description) != nil || row.Description != r.Description {
		t.Error(inv, err)
	}
}

func TestWrongWishesAreRefused(t *testing.T) {
	for want, change := range map[error]func(*Request){
		ErrLabel:              func(r *Request) { r.Label = "" },
		ErrAmount:             func(r *Request) { r.Amount.Msat = 0 },
		ErrDescription:        func(r *Request) { r.Description = "\xff" },
		ErrTokens:             func(r *Request) { r.Property = 31 }, // and bitcoin
		ErrDescriptionTooLong: func(r *Request) { r.Description = strings.Repeat("x", 640) },
		ErrExpiry:             func(r *Request) { r.Expiry = 1 << 63 },
		ErrCLTV:               func(r *Request) { r.CLTV = 17 },
	} {
		r := request()
		change(&r)
		if _, err := New(r, issuer(), uint64(epoch.Unix())); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	r := request()
	r.Expiry = 0
	if _, err := New(r, issuer(), 1); !errors.Is(err, ErrExpiry) {
		t.Error(err)
	}
	r = request()
	r.Amount.Msat = amount.Max + 1
	if _, err := New(r, issuer(), 1); !errors.Is(err, ErrAmount) {
		t.Error(err)
	}
}

func TestOnePartPaysAndAllIsOneTransaction(t *testing.T) {
	var till Till
	row := unpaid(t)
	p := partOf(row, 1, 1500, 1500)
	till.Accept(&row, p, epoch, height)
	out, written := take(t, &till)
	if len(out.Fulfil) != 1 || out.Fulfil[0] != (Fulfilment{p.In, row.Preimage}) || len(out.Fail) != 0 {
		t.Fatalf("%+v", out)
	}
	if len(written) != 3 || written[0] != durable.Row(PaidRow{row.PaymentHash, 1500, 0, uint64(epoch.Unix())}) {
		t.Fatalf("%+v", written)
	}
	if d := written[2].(relay.DecisionRow); d.In != p.In || d.Kind != relay.Fulfil || d.Preimage != row.Preimage {
		t.Fatalf("%+v", d)
	}
}

func TestWhateverIsWrongTheFailureIsTheSame(t *testing.T) {
	for name, change := range map[string]func(row *Row, p *Part){
		"unknown hash":      func(row *Row, _ *Part) { *row = Row{} },
		"no secret":         func(_ *Row, p *Part) { p.Secret = nil },
		"wrong secret":      func(_ *Row, p *Part) { p.Secret = &[32]byte{9} },
		"paid":              func(row *Row, _ *Part) { row.Status = Paid },
		"expired":           func(row *Row, _ *Part) { row.Status = Expired },
		"after expiry":      func(row *Row, _ *Part) { row.ExpiresAt = uint64(epoch.Unix()) },
		"too few blocks":    func(row *Row, p *Part) { p.CLTVExpiry = height + row.MinFinalCLTVExpiryDelta - 1 },
		"too little":        func(_ *Row, p *Part) { p.Total = 999 },
		"more than twice":   func(_ *Row, p *Part) { p.Total = 2001 },
		"a total of zero":   func(row *Row, p *Part) { row.Amount.Any = true; p.Total = 0 },
		"an absurd total":   func(row *Row, p *Part) { row.Amount.Any = true; p.Total = amount.Max + 1 },
		"an absurd forward": func(_ *Row, p *Part) { p.AmtToForward = amount.Max + 1 },
	} {
		var till Till
		row := unpaid(t)
		p := partOf(row, 1, 1000, 1000)
		change(&row, &p)
		invoice := &row
		if row.Label == "" {
			invoice = nil
		}
		till.Accept(invoice, p, epoch, height)
		out, written := take(t, &till)
		want := []Refusal{{p.In, onion.IncorrectOrUnknownPaymentDetails(p.Amount, height)}}
		if len(out.Fulfil) != 0 || len(written) != 0 || len(out.Fail) != 1 || !bytes.Equal(out.Fail[0].Failure.Encode(), want[0].Failure.Encode()) {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

func TestExactlyTwiceTheAmountAndTheLastBlockAreAccepted(t *testing.T) {
	var till Till
	row := unpaid(t)
	p := partOf(row, 1, 2000, 2000)
	p.CLTVExpiry = height + row.MinFinalCLTVExpiryDelta
	till.Accept(&row, p, time.Unix(int64(row.ExpiresAt)-1, 0), height)
	if out, _ := take(t, &till); len(out.Fulfil) != 1 {
		t.Errorf("%+v", out)
	}
}

func TestPartsWaitSixtySecondsForTheRest(t *testing.T) {
	var till Till
	row := unpaid(t)
	till.Accept(&row, partOf(row, 1, 400, 1000), epoch, height)
	till.Accept(nil, partOf(row, 2, 500, 1000), epoch.Add(59*time.Second), height)
	if at, ok := till.Next(); !ok || !at.Equal(epoch.Add(SetTimeout)) {
		t.Fatal(at, ok)
	}
	till.Tick(epoch.Add(SetTimeout - 1))
	if out, _ := take(t, &till); len(out.Fail)+len(out.Fulfil) != 0 {
		t.Fatalf("%+v", out)
	}
	till.Tick(epoch.Add(SetTimeout))
	out, written := take(t, &till)
	if len(out.Fail) != 2 || out.Fail[0].Failure.Code != onion.CodeMPPTimeout || len(written) != 0 {
		t.Fatalf("%+v", out)
	}
	if _, ok := till.Next(); ok || till.Held(row.PaymentHash) {
		t.Error("the set is still there")
	}
}

func TestOneMillisatoshiLessIsNotComplete(t *testing.T) {
	var till Till
	row := unpaid(t)
	till.Accept(&row, partOf(row, 1, 999, 1000), epoch, height)
	if out, written := take(t, &till); len(out.Fulfil) != 0 || len(written) != 0 || !till.Held(row.PaymentHash) {
		t.Errorf("%+v", out)
	}
}

func TestAnotherTotalFailsTheWholeSet(t *testing.T) {
	var till Till
	row := unpaid(t)
	till.Accept(&row, partOf(row, 1, 400, 1000), epoch, height)
	till.Accept(&row, partOf(row, 2, 400, 1001), epoch, height)
	if out, _ := take(t, &till); len(out.Fail) != 2 || till.Held(row.PaymentHash) {
		t.Errorf("%+v", out)
	}
}

func TestAPartThatIsBeingFailedIsNotTakenAgain(t *testing.T) {
	var till Till
	row := unpaid(t)
	till.Accept(&row, partOf(row, 1, 400, 1000), epoch, height)
	till.Accept(&row, partOf(row, 2, 400, 1001), epoch, height) // fails both
	till.Accept(&row, partOf(row, 1, 400, 1000), epoch, height)
	if out, _ := take(t, &till); len(out.Fail) != 2 || till.Held(row.PaymentHash) {
		t.Errorf("%+v", out)
	}
}

func TestAPartThatFailsStandsInNobodysWay(t *testing.T) {
	var till Till
	row := unpaid(t)
	till.Accept(nil, partOf(Row{PaymentHash: wire.PaymentHash{9}}, 1, 400, 1000), epoch, height)
	till.Accept(&row, partOf(row, 2, 1000, 1000), epoch, height)
	if out, _ := take(t, &till); len(out.Fail) != 1 || len(out.Fulfil) != 1 {
		t.Errorf("%+v", out)
	}
}

func TestAPartOfferedAgainCountsOnce(t *testing.T) {
	var till Till
	row := unpaid(t)
	for range 3 {
		till.Accept(&row, partOf(row, 1, 500, 1000), epoch, height)
	}
	if out, _ := take(t, &till); len(out.Fail)+len(out.Fulfil) != 0 {
		t.Errorf("%+v", out)
	}
}

func TestAPartOfferedAgainTooLateFailsItsSet(t *testing.T) {
	row, till := unpaid(t), &Till{}
	late, other := partOf(row, 1, 300, 1000), partOf(row, 2, 300, 1000)
	late.CLTVExpiry = height + 60
	till.Accept(&row, late, epoch, height)
	till.Accept(&row, other, epoch, height)
	till.Accept(&row, late, epoch, height+20)
	if out, _ := take(t, till); len(out.Fail) != 0 {
		t.Fatalf("%+v in time", out)
	}
	till.Accept(&row, late, epoch, height+21)
	if out, written := take(t, till); len(out.Fail) != 2 || len(out.Fulfil) != 0 || len(written) != 0 || till.Held(row.PaymentHash) {
		t.Errorf("%+v, %v", out, written)
	}
	// What pays in full is not undone.
	for id := uint64(3); id < 5; id++ {
		till.Accept(&row, partOf(row, id, 500, 1000), epoch, height)
	}
	till.Accept(&row, partOf(row, 3, 500, 1000), epoch, height+90)
	if out, _ := take(t, till); len(out.Fulfil) != 2 || len(out.Fail) != 0 {
		t.Errorf("%+v", out)
	}
}

func TestAnExpiredInvoiceIsNotCompletedByAClockSetBack(t *testing.T) {
	var till Till
	row := unpaid(t)
	till.Accept(&row, partOf(row, 1, 500, 1000), epoch, height)
	till.Expire(row.PaymentHash)
	till.Accept(&row, partOf(row, 2, 500, 1000), epoch, height)
	if out, _ := take(t, &till); len(out.Fail) != 1 || len(out.Fulfil) != 0 {
		t.Errorf("%+v", out)
	}
}

// Whatever arrives in whatever order, an invoice is paid at most once, by parts
// that are all decided in that transaction, and for no less than it asks.
func TestAnInvoiceIsPaidOnceByAllPartsOrNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var till Till
		row := unpaid(t)
		stored, now := row, epoch
		settled := map[channel.Ref]string{}
		given := map[channel.Ref]bool{}
		amounts := map[channel.Ref]amount.MilliSatoshi{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			for range rapid.IntRange(0, 3).Draw(t, "batch") {
				id := rapid.Uint64Range(1, 40).Draw(t, "id")
				p := partOf(row, id, amount.MilliSatoshi(rapid.Uint64Range(1, 1200).Draw(t, "amount")),
					amount.MilliSatoshi(rapid.SampledFrom([]uint64{999, 1000, 1000, 1000, 1500}).Draw(t, "total")))
				if settled[p.In] != "" || given[p.In] && amounts[p.In] != p.Amount {
					continue
				}
				if rapid.IntRange(0, 5).Draw(t, "secret") == 0 {
					p.Secret = nil
				}
				given[p.In], amounts[p.In] = true, p.Amount
				till.Accept(&stored, p, now, height)
			}
			if rapid.IntRange(0, 5).Draw(t, "time") == 0 {
				now = now.Add(time.Duration(rapid.IntRange(0, 70).Draw(t, "seconds")) * time.Second)
				till.Tick(now)
			}
			out, written := take(t, &till)
			for _, f := range out.Fail {
				if settled[f.In] == "fulfilled" {
					t.Fatal("a fulfilled part is failed")
				}
				settled[f.In] = "failed"
			}
			var sum amount.MilliSatoshi
			for _, f := range out.Fulfil {
				if settled[f.In] != "" {
					t.Fatal("a settled part is fulfilled")
				}
				settled[f.In] = "fulfilled"
				sum += amounts[f.In]
				if !slices.ContainsFunc(written, func(r durable.Row) bool {
					d, ok := r.(relay.DecisionRow)
					return ok && d.In == f.In && d.Kind == relay.Fulfil
				}) {
					t.Fatal("a part is fulfilled that no row decided")
				}
			}
			for _, r := range written {
				if paid, ok := r.(PaidRow); ok {
					if stored.Status != Unpaid || paid.Received != sum || sum < 1000 {
						t.Fatalf("paid %v of %v, it was %s", paid.Received, sum, stored.Status)
					}
					stored.Status = Paid
				}
			}
		}
	})
}

func TestALimitItselfIsWithinIt(t *testing.T) {
	now := uint64(epoch.Unix())
	for name, change := range map[string]func(*Request){
		"label":       func(r *Request) { r.Label = strings.Repeat("x", MaxLabel) },
		"amount":      func(r *Request) { r.Amount.Msat = amount.Max },
		"description": func(r *Request) { r.Description = strings.Repeat("x", MaxDescription) },
		"expiry":      func(r *Request) { r.Expiry = math.MaxInt64 - now },
		"least cltv":  func(r *Request) { r.CLTV = MinFinalCLTVExpiryDelta },
		"most cltv":   func(r *Request) { r.CLTV = MaxFinalCLTVExpiryDelta },
	} {
		r := request()
		change(&r)
		if _, err := New(r, issuer(), now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, change := range map[error]func(*Request) uint64{
		ErrLabel:  func(r *Request) uint64 { r.Label = strings.Repeat("x", MaxLabel+1); return now },
		ErrExpiry: func(*Request) uint64 { return math.MaxInt64 + 1 },
		ErrCLTV:   func(r *Request) uint64 { r.CLTV = MaxFinalCLTVExpiryDelta + 1; return now },
	} {
		r := request()
		at := change(&r)
		if _, err := New(r, issuer(), at); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestATotalThatIsNotGivenIsTheAmountItself(t *testing.T) {
	in := channel.Incoming{Ref: channel.Ref{ID: 1}, Amount: 12, CLTVExpiry: 5, PaymentHash: wire.PaymentHash{7}}
	payload := onion.Payload{AmtToForward: 10}
	if p := PartOf(in, payload); p.Total != 10 || p.AmtToForward != 10 || p.Amount != 12 || p.In != in.Ref || p.CLTVExpiry != 5 || p.PaymentHash != in.PaymentHash {
		t.Errorf("%+v", p)
	}
	payload.PaymentSecret, payload.TotalMsat = &[32]byte{1}, 30
	if p := PartOf(in, payload); p.Total != 30 || *p.Secret != [32]byte{1} {
		t.Errorf("%+v", p)
	}
}

func TestAllMoneyThatThereIsCanBePaid(t *testing.T) {
	var till Till
	row := unpaid(t)
	row.Amount = amount.OrAny{Any: true}
	till.Accept(&row, partOf(row, 1, amount.Max, amount.Max), epoch, height)
	out, _ := take(t, &till)
	if len(out.Fulfil) != 1 || !slices.Equal(out.Paid, []wire.PaymentHash{row.PaymentHash}) || till.Held(row.PaymentHash) {
		t.Errorf("%+v", out)
	}
}

func TestSetsOfSeveralInvoicesWaitEachForItself(t *testing.T) {
	till := Till{Timeout: time.Second}
	first, second := unpaid(t), unpaid(t)
	second.PaymentHash[0] ^= 1
	till.Accept(&first, partOf(first, 1, 500, 1000), epoch, height)
	till.Accept(&second, partOf(second, 2, 500, 1000), epoch, height)
	till.Expire(wire.PaymentHash{9}) // nobody's
	if at, ok := till.Next(); !ok || !at.Equal(epoch.Add(time.Second)) {
		t.Fatal(at, ok)
	}
	till.Accept(&first, partOf(first, 3, 500, 1000), epoch, height)
	out, _ := take(t, &till)
	if len(out.Fulfil) != 2 || till.Held(first.PaymentHash) || !till.Held(second.PaymentHash) {
		t.Errorf("%+v", out)
	}
	till.Tick(epoch.Add(time.Second))
	if out, _ := take(t, &till); len(out.Fail) != 1 {
		t.Errorf("%+v", out)
	}
}
