package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
)

// pay has Bob make an invoice and Alice pay it, and checks every figure.
func (d *demo) pay(ctx context.Context) error {
	bob := d.nodes["bob"]
	before, err := d.balances(ctx)
	if err != nil {
		return err
	}
	d.out.title("Bob's invoice")
	row, err := bob.NewInvoice(ctx, invoice.Request{
		Label: "demo-" + strconv.FormatInt(time.Now().UnixNano(), 36), Amount: amount.OrAny{Msat: demoAmount},
		Description: "one espresso", Expiry: 3600,
	})
	if err != nil {
		return err
	}
	d.out.line("  %s", row.Bolt11)

	d.out.title("Alice reads it")
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil {
		return err
	}
	d.out.row("who", inv.Payee.String(), "recovered from the signature")
	d.out.row("how much", group(uint64(*inv.Amount))+" msat", "")
	d.out.row("for what", *inv.Description, "")
	d.out.row("until when", time.Unix(int64(inv.ExpiresAt()), 0).Format(time.RFC3339), "") //nolint:gosec // a time of ours
	d.out.row("hash", inv.PaymentHash.String(), "")

	paid, took, err := d.watch(ctx, pay.Request{Bolt11: row.Bolt11, Invoice: inv, Description: *inv.Description})
	if err != nil {
		return err
	}
	after, err := d.balances(ctx)
	if err != nil {
		return err
	}
	if err := d.receipt(row.Bolt11, paid, took); err != nil {
		return err
	}
	return d.figures(before, after, paid)
}

// watch has Alice pay and prints the payment's life; it says how long she waited.
func (d *demo) watch(ctx context.Context, r pay.Request) (paid pay.PaymentRow, took time.Duration, err error) {
	d.out.title("The payment")
	marks := map[string]uint64{}
	for name, n := range d.nodes {
		_, marks[name], _ = n.Traces().After(0)
	}
	began := time.Now()
	if paid, err = d.nodes["alice"].Sender().Pay(ctx, r); err != nil {
		return paid, 0, err
	}
	took = time.Since(began)
	if err := d.quiet(ctx); err != nil {
		return paid, took, err
	}
	d.life(r.Invoice.PaymentHash, marks, began)
	return paid, took, nil
}

// life prints what each node sent, in the order of time.
func (d *demo) life(hash wire.PaymentHash, marks map[string]uint64, began time.Time) {
	type step struct {
		events.Trace
		from, to string
	}
	names := map[wire.NodeID]string{}
	for name, n := range d.nodes {
		names[n.ID()] = name
	}
	var steps []step
	for name, n := range d.nodes {
		traces, _, _ := n.Traces().After(marks[name])
		for _, t := range traces {
			if t.Step == events.FindPath || t.PaymentHash == hash && t.Direction == events.Sent {
				steps = append(steps, step{t, name, names[t.Peer]})
			}
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.Time.UnixNano(), b.Time.UnixNano()) })
	for _, s := range steps {
		at := fmt.Sprintf("%6.1f ms", float64(s.Time.Sub(began).Microseconds())/1000)
		if s.Step == events.FindPath {
			d.out.line("  %s  %-14s  %-17s  %s", at, s.from, s.Step, s.Note)
			continue
		}
		what := group(uint64(s.Amount)) + " msat"
		if s.Property != 0 {
			what = group(uint64(s.Units)) + " units in " + what
		}
		d.out.line("  %s  %-14s  %-17s  %-20s  %s  %s", at, s.from+" → "+s.to, s.Step, s.Message, s.ShortID, what)
	}
}

// receipt checks the proof of payment as a third party would: from the invoice and
// the preimage alone.
func (d *demo) receipt(invoiceText string, paid pay.PaymentRow, took time.Duration) error {
	inv, err := bolt11.Decode(invoiceText) // fails when the signature does not
	if err != nil {
		return err
	}
	if sha256.Sum256(paid.Result.Preimage[:]) != inv.PaymentHash {
		return errors.New("sha256(preimage) is not the payment hash")
	}
	if inv.Payee != d.nodes["bob"].ID() {
		return errors.New("the invoice is not signed by bob")
	}
	d.out.title("The receipt")
	d.out.row("preimage", paid.Result.Preimage.String(), "sha256 is the payment hash: checked")
	d.out.row("signed by", inv.Payee.String(), "bob: checked")
	d.out.row("amount", group(uint64(paid.Amount))+" msat", "")
	d.out.row("fee", group(uint64(paid.Result.AmountSent-paid.Amount))+" msat", "")
	d.out.row("took", fmt.Sprintf("%.1f ms", float64(took.Microseconds())/1000), "")
	return nil
}

// figures prints every balance and checks the sums to the millisatoshi.
func (d *demo) figures(before, after map[string]balance, paid pay.PaymentRow) error {
	d.out.title("Balances, msat")
	fee := int64(paid.Result.AmountSent - paid.Amount) //nolint:gosec // far below the limit
	amt := int64(paid.Amount)                          //nolint:gosec // as above
	want := map[string]int64{"alice": -amt - fee, "bob": amt, "carol": fee}
	var sum int64
	for _, name := range d.names {
		change := int64(after[name].total()) - int64(before[name].total()) //nolint:gosec // below MaxMoney
		sum += change
		d.out.line("  %-8s  %16s  →  %16s   %+d", name, group(uint64(before[name].total())), group(uint64(after[name].total())), change)
		if change != want[name] {
			return fmt.Errorf("%s's balance changed by %d msat, not by %d", name, change, want[name])
		}
	}
	if sum != 0 {
		return fmt.Errorf("the balances' changes sum to %d msat, not to zero", sum)
	}
	d.out.line("  every figure adds up")
	return nil
}

// printer writes the demonstration's text.
type printer struct{ w io.Writer }

func newPrinter(w io.Writer) *printer { return &printer{w} }

func (p *printer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.w, format+"\n", args...) // a terminal that has gone is not our fault
}

func (p *printer) title(text string) { p.line("\n%s", text) }

func (p *printer) row(name, value, note string) {
	p.line("  %s", strings.TrimRight(fmt.Sprintf("%-14s  %-66s  %s", name, value, note), " "))
}

// group writes a number with its thousands apart.
func group(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
