//go:build !race

package invoice

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
)

const tea amount.Property = 31

// inTokens is an invoice for 1000 units of tea.
func inTokens(t interface{ Fatal(...any) }, units amount.Units) Row {
	r := request()
	r.Property, r.Units, r.Amount = tea, units, amount.OrAny{Any: true}
	row, err := New(r, issuer(), uint64(epoch.Unix()))
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// tokenPart is a part that brings units of tea, with 5000 msat to carry them.
func tokenPart(r Row, id uint64, units, total amount.Units) Part {
	p := partOf(r, id, 5000, 5000)
	p.Property, p.Units, p.UnitsToForward, p.TotalUnits = tea, units, units, total
	return p
}

func TestAnInvoiceInAnAssetHasOmniBOLTsForm(t *testing.T) {
	row := inTokens(t, 1_250_000_000)
	inv, err := obolt.Decode(row.Bolt11)
	if err != nil {
		t.Fatal(err)
	}
	if inv.Property != tea || inv.Units != 1_250_000_000 || inv.Amount != nil || inv.PaymentHash != row.PaymentHash || inv.PaymentSecret != row.Secret {
		t.Errorf("%+v", inv)
	}
	if row.Property != tea || row.Units != 1_250_000_000 || !row.Amount.Any {
		t.Errorf("%+v", row)
	}
	for name, change := range map[string]func(*Request){
		"bitcoin too":    func(r *Request) { r.Amount = amount.OrAny{Msat: 1} },
		"too many units": func(r *Request) { r.Units = amount.MaxUnits + 1 },
		"units of none":  func(r *Request) { r.Property = 0 },
	} {
		r := request()
		r.Property, r.Units, r.Amount = tea, 1, amount.OrAny{Any: true}
		change(&r)
		if _, err := New(r, issuer(), 1); !errors.Is(err, ErrTokens) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTokensPayAnInvoiceInThemAndNothingElseDoes(t *testing.T) {
	for name, c := range map[string]struct {
		units amount.Units // asked for
		spoil func(p *Part)
		paid  bool
	}{
		"as asked":               {1000, func(*Part) {}, true},
		"any":                    {0, func(*Part) {}, true},
		"twice as many":          {500, func(*Part) {}, true},
		"more than twice":        {499, func(*Part) {}, false},
		"too few":                {1001, func(*Part) {}, false},
		"another property":       {1000, func(p *Part) { p.Property++ }, false},
		"bitcoin":                {1000, func(p *Part) { p.Property, p.Units, p.UnitsToForward, p.TotalUnits = 0, 0, 0, 0 }, false},
		"bitcoin for any amount": {0, func(p *Part) { p.Property, p.Units, p.UnitsToForward, p.TotalUnits = 0, 0, 0, 0 }, false},
		"no tokens":              {0, func(p *Part) { p.Units, p.UnitsToForward, p.TotalUnits = 0, 0, 0 }, false},
		"beyond all":             {0, func(p *Part) { p.Units, p.UnitsToForward, p.TotalUnits = 1<<63, 1<<63, 1<<63 }, false},
		"without the secret":     {1000, func(p *Part) { p.Secret = nil }, false},
		"with its preimage":      {1000, func(p *Part) { p.Secret, p.Keysend = nil, &wire.Preimage{1} }, false},
		"whatever the carrier":   {1000, func(p *Part) { p.Total, p.AmtToForward = 1, 1 }, true},
		"whose time is short":    {1000, func(p *Part) { p.CLTVExpiry = height + DefaultMinFinalCLTVExpiryDelta - 1 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var till Till
			row := inTokens(t, c.units)
			p := tokenPart(row, 1, 1000, 1000)
			c.spoil(&p)
			till.Accept(&row, p, epoch, height)
			out, written := take(t, &till)
			if len(out.Paid) != b2i(c.paid) || len(out.Fulfil) != b2i(c.paid) || len(out.Fail) != b2i(!c.paid) {
				t.Fatalf("%+v", out)
			}
			if c.paid {
				if written[0] != durable.Row(PaidRow{row.PaymentHash, 5000, 1000, uint64(epoch.Unix())}) {
					t.Errorf("%+v", written[0])
				}
			} else if out.Fail[0].Failure.Code != onion.CodeIncorrectOrUnknownPaymentDetails {
				t.Errorf("%+v", out.Fail[0].Failure)
			}
		})
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestNoTokensPayAnInvoiceInBitcoin(t *testing.T) {
	for _, any := range []bool{false, true} {
		var till Till
		r := request()
		r.Amount = amount.OrAny{Msat: 1000, Any: any}
		if any {
			r.Amount.Msat = 0
		}
		row, err := New(r, issuer(), uint64(epoch.Unix()))
		if err != nil {
			t.Fatal(err)
		}
		p := tokenPart(row, 1, 1000, 1000)
		p.Amount, p.AmtToForward, p.Total = 1000, 1000, 1000
		till.Accept(&row, p, epoch, height)
		if out, _ := take(t, &till); len(out.Fail) != 1 || len(out.Paid) != 0 {
			t.Errorf("any %v: %+v", any, out)
		}
	}
}

func TestTokensWithoutAnInvoiceAreRefused(t *testing.T) {
	var till Till
	preimage := wire.Preimage{1}
	p := tokenPart(unpaid(t), 1, 1000, 1000)
	p.Secret, p.Keysend = nil, &preimage
	till.Accept(nil, p, epoch, height)
	if out, _ := take(t, &till); len(out.Fail) != 1 || len(out.Paid) != 0 {
		t.Errorf("%+v", out)
	}
}

func TestAHeldInvoiceInTokensKeepsWhatItsPartsBring(t *testing.T) {
	var till Till
	row := inTokens(t, 1000)
	row.Hold, row.Preimage = true, wire.Preimage{}
	for id, units := range []amount.Units{400, 600} {
		p := tokenPart(row, uint64(id), units, 1000)
		p.CLTVExpiry = height + 200
		till.Accept(&row, p, epoch, height)
	}
	out, written := take(t, &till)
	if len(out.Fail)+len(out.Fulfil) != 0 {
		t.Fatalf("%+v", out)
	}
	if a, ok := written[0].(AcceptedRow); !ok || a.Got != 1000 || a.Received != 10_000 {
		t.Errorf("%+v", written[0])
	}
	var units amount.Units
	for _, r := range written {
		if h, ok := r.(HeldRow); ok {
			units += h.Units
		}
	}
	if units != 1000 {
		t.Errorf("the parts bring %d", units)
	}
}

// Whatever parts come, with whatever totals, of tokens or of bitcoin: an invoice in
// tokens is paid by parts that bring exactly what was said, of the property that was
// asked for, and every other one goes back.
func TestTokensArePaidByAllPartsOrNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var till Till
		row := inTokens(t, 1000)
		parts := map[channel.Ref]Part{}
		fate := map[channel.Ref]bool{}
		paid := 0
		for id := range uint64(rapid.IntRange(1, 8).Draw(t, "parts")) {
			p := tokenPart(row, id, amount.Units(rapid.Uint64Range(1, 1500).Draw(t, "units")), amount.Units(rapid.SampledFrom([]uint64{1000, 1000, 1000, 1500, 999}).Draw(t, "total")))
			if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
				p.Property = amount.Property(rapid.SampledFrom([]uint32{0, 32}).Draw(t, "property"))
			}
			parts[p.In] = p
			stored := row
			if paid > 0 {
				stored.Status = Paid
			}
			till.Accept(&stored, p, epoch, height)
			out, _ := take(t, &till)
			paid += len(out.Paid)
			var got amount.Units
			for _, f := range out.Fulfil {
				if _, again := fate[f.In]; again {
					t.Fatalf("%v has two fates", f.In)
				}
				fate[f.In] = true
				got += parts[f.In].Units
				if parts[f.In].Property != tea {
					t.Fatalf("%+v pays", parts[f.In])
				}
			}
			if len(out.Fulfil) > 0 && got < 1000 {
				t.Fatalf("paid by %d units", got)
			}
			for _, f := range out.Fail {
				if _, again := fate[f.In]; again {
					t.Fatalf("%v has two fates", f.In)
				}
				fate[f.In] = false
			}
		}
		if paid > 1 {
			t.Fatalf("paid %d times", paid)
		}
		till.Tick(epoch.Add(SetTimeout))
		out, _ := take(t, &till)
		if len(fate)+len(out.Fail) != len(parts) {
			t.Fatalf("%d parts, %d fates", len(parts), len(fate)+len(out.Fail))
		}
	})
}
