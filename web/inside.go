package web

import (
	"cmp"
	"context"
	"strconv"

	"github.com/leyden-ln/leyden/web/sequence"
	"github.com/leyden-ln/leyden/web/words"
)

// pageInside is the life of a payment.
type pageInside struct {
	PaymentHash string
	Role        string // payer, payee or forwarder
	Back        string // the page of the payment or of the invoice
	sequence.Picture
	Mode stepMode

	next uint64 // where the traces go on
}

func (v *visit) readTraces(hash string) (all []sequence.Trace, next uint64, err error) {
	for start := uint64(0); ; {
		var page struct {
			Traces []sequence.Trace
			Next   uint64
		}
		args := []arg{{"payment_hash", hash}}
		if start > 0 {
			args = append(args, arg{"start", strconv.FormatUint(start, 10)})
		}
		if err := v.run(v.ctx(), &page, "traces", append(args, arg{"limit", "1000"})...); err != nil {
			return nil, 0, err
		}
		all = append(all, page.Traces...)
		if len(page.Traces) < 1000 || len(all) > 10*sequence.Most {
			return all, page.Next, nil
		}
		start = page.Next
	}
}

func (v *visit) readInside(hash string) (*pageInside, error) {
	page := &pageInside{PaymentHash: hash, Role: "forwarder"}
	row, paid, err := v.findPayment(hash)
	if err != nil {
		return nil, err
	}
	destination := ""
	if paid || v.s.errands.Find(hash) != nil {
		page.Role, page.Back, destination = "payer", "/payments/"+hash, row.Destination
	} else {
		var found struct{ Invoices []invoiceRow }
		if err := v.run(v.ctx(), &found, "listinvoices", arg{"payment_hash", hash}); err != nil {
			return nil, err
		}
		if len(found.Invoices) == 1 {
			page.Role, page.Back = "payee", "/invoices/"+hash
		}
	}
	if page.Mode, err = v.readSteps(hash); err != nil {
		return nil, err
	}
	traces, next, err := v.readTraces(hash)
	if err != nil {
		return nil, err
	}
	if page.next = next; len(traces)+len(page.Mode.Held) == 0 && page.Back == "" {
		return nil, errNotFound
	}
	name := func(id string) string { return cmp.Or(v.alias(v.ctx(), id), words.Short(id)) }
	var held []sequence.Trace
	for i := range page.Mode.Held {
		h := &page.Mode.Held[i]
		if held = append(held, h.Trace); h.PeerID != "" {
			h.Name = name(h.PeerID)
		}
	}
	page.Picture = sequence.Draw(v.words, traces, held, v.s.self.ID, destination, name)
	return page, nil
}

func (v *visit) inside() error {
	hash, err := v.hash()
	if err != nil {
		return err
	}
	page, err := v.readInside(hash)
	if err != nil {
		return err
	}
	return v.show("inside", page)
}

// insideLive is the picture as it grows, and what is held.
func (v *visit) insideLive() error {
	hash, err := v.hash()
	if err != nil {
		return err
	}
	var page *pageInside
	return v.stream(func() (b []byte, last bool, err error) {
		if page, err = v.readInside(hash); err == nil {
			b, err = v.fragment("inside", "inside-now", page)
		}
		return b, false, err
	}, func(ctx context.Context) error {
		return either(ctx, page.Mode.wait(v), func(ctx context.Context) error {
			return v.call(ctx, nil, "traces", arg{"payment_hash", hash}, arg{"start", strconv.FormatUint(page.next, 10)}, arg{"timeout", "60"})
		})
	})
}
