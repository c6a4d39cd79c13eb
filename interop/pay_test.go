package interop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/lightningnetwork/lnd/lnrpc"
)

func TestOneSatoshiWhichIsDustIsPaid(t *testing.T) {
	bothWays(t, func(p *pair, payer, payee Peer) { p.transfer(payer, payee, 1_000) })
}

func TestTwoThousandSatoshiArePaid(t *testing.T) {
	bothWays(t, func(p *pair, payer, payee Peer) { p.transfer(payer, payee, 2_000_000) })
}

func TestAmountsWithMillisatoshiArePaid(t *testing.T) {
	bothWays(t, func(p *pair, payer, payee Peer) {
		p.transfer(payer, payee, 1_001) // below 1,000 lnd does not pay
		p.transfer(payer, payee, 1_234_567)
	})
}

func TestThePayerChoosesTheAmountOfAnInvoiceForAny(t *testing.T) {
	bothWays(t, func(p *pair, payer, payee Peer) {
		p.pay(payer, payee, p.invoice(payee, Ask{}), Pay{Msat: 3_000_000})
	})
}

// One hundred is more than fits into a burst, and some are dust.
func TestOneHundredPaymentsAtOnceArePaid(t *testing.T) {
	bothWays(t, func(p *pair, payer, payee Peer) { p.burst(payer, payee, 100) })
}

// burst pays many invoices at once.
func (n *network) burst(payer, payee Peer, count int) {
	n.Helper()
	var invoices []Invoice
	for i := range count {
		invoices = append(invoices, n.invoice(payee, Ask{Msat: uint64(1_000 + 20_000*i)}))
	}
	ctx := n.context()
	failed := make([]error, count)
	var wg sync.WaitGroup
	for i, inv := range invoices {
		wg.Go(func() {
			_, failed[i] = payer.Pay(ctx, Pay{Bolt11: inv.Bolt11, Seconds: 60})
		})
	}
	wg.Wait()
	for i, err := range failed {
		if err != nil {
			n.Errorf("%s pays %s, number %d: %v", payer.Name(), payee.Name(), i, err)
			continue
		}
		if got, err := payee.Paid(ctx, invoices[i].Hash); err != nil || got != uint64(1_000+20_000*i) {
			n.Errorf("%s has got %d msat of number %d, %v", payee.Name(), got, i, err)
		}
	}
}

func TestPaymentsInBothDirectionsAtOnceArePaid(t *testing.T) {
	eachPair(t, func(p *pair) {
		var wg sync.WaitGroup
		wg.Go(func() { p.burst(p.ours, p.theirs, 40) })
		wg.Go(func() { p.burst(p.theirs, p.ours, 40) })
		wg.Wait()
	})
}

// The largest single payment leaves the payer its reserve, and when it is the
// opener the fee of a commitment. lnd keeps some more for itself: how much is its
// own affair, but it must come close.
func TestTheLargestAmountThatFitsIsPaid(t *testing.T) {
	bothWays(t, func(p *pair, payer, payee Peer) {
		spendable, receivable := p.limits()
		largest := spendable
		if payer == p.theirs {
			largest = receivable
		}
		sent := p.largest(payer, payee, largest)
		p.Logf("%s could send %d of %d msat", payer.Name(), sent, largest)
		if payer == p.ours && sent != largest {
			p.Errorf("Leyden says that %d msat are spendable", largest)
		}
		if sent < largest/100*95 {
			p.Errorf("%d msat are much less", sent)
		}
		p.quiet(p.channel, p.ours, p.theirs)
		p.transfer(payee, payer, sent-sent/10) // the next case wants money on both sides
	})
}

// limits are what Leyden thinks that can be sent and received by one HTLC.
func (p *pair) limits() (spendable, receivable uint64) {
	p.Helper()
	var list struct {
		Channels []struct {
			Spendable  uint64 `json:"spendable_msat"`
			Receivable uint64 `json:"receivable_msat"`
		}
	}
	p.must(p.ours.Call(p.context(), &list, "listpeerchannels", map[string]any{"id": p.theirs.ID()}))
	if len(list.Channels) != 1 {
		p.Fatalf("Leyden has %d channels", len(list.Channels))
	}
	return list.Channels[0].Spendable, list.Channels[0].Receivable
}

// largest pays as much as can be paid, from so much downwards.
func (p *pair) largest(payer, payee Peer, most uint64) uint64 {
	p.Helper()
	for msat := most; msat > most/2; msat -= most / 500 {
		i := p.invoice(payee, Ask{Msat: msat})
		_, err := payer.Pay(p.context(), Pay{Bolt11: i.Bolt11})
		if err == nil {
			return msat
		}
		var r *Refused
		if !errors.As(err, &r) || r.Code != 0 { // it has gone over the wire
			p.Fatalf("%s pays %d msat: %v", payer.Name(), msat, err)
		}
	}
	return 0
}

func TestAnUnknownPaymentHashIsRefused(t *testing.T) {
	bothWays(t, func(p *pair, payer, payee Peer) {
		i := p.invoice(payee, Ask{Msat: 50_000})
		p.must(payee.Forget(p.context(), i))
		_, err := payer.Pay(p.context(), Pay{Bolt11: i.Bolt11})
		p.refused(err, incorrectDetails)
	})
}

func TestTooLittleIsRefused(t *testing.T) {
	bothWays(t, func(p *pair, payer, payee Peer) {
		i := p.invoice(payee, Ask{Msat: 50_000})
		_, err := payer.PayAnyway(p.context(), payee, i, Anyway{Msat: 49_999})
		p.refused(err, incorrectDetails)
	})
}

// expired waits until an invoice of one second is over. lnd says when it has
// noticed; BOLT 11's clock counts whole seconds.
func (n *network) expired(payee Peer, i Invoice) {
	n.Helper()
	made := time.Now()
	n.eventually("the invoice to expire", func(ctx context.Context) error {
		if time.Since(made) < 2*time.Second {
			return errors.New("it is too early")
		}
		if l, ok := payee.(*LND); ok {
			x, err := l.State(ctx, i.Hash)
			if err == nil && x.State != lnrpc.Invoice_CANCELED {
				err = errors.New(x.State.String())
			}
			return err
		}
		return nil
	})
}

func TestAPaymentOfAnExpiredInvoiceIsRefused(t *testing.T) {
	bothWays(t, func(p *pair, payer, payee Peer) {
		i := p.invoice(payee, Ask{Msat: 50_000, Expiry: 1})
		p.expired(payee, i)
		_, err := payer.Pay(p.context(), Pay{Bolt11: i.Bolt11})
		if err == nil {
			p.Fatalf("%s has paid it", payer.Name())
		}
		_, err = payer.PayAnyway(p.context(), payee, i, Anyway{Msat: 50_000})
		p.refused(err, incorrectDetails)
	})
}

func TestAWrongPaymentSecretIsRefused(t *testing.T) {
	bothWays(t, func(p *pair, payer, payee Peer) {
		i := p.invoice(payee, Ask{Msat: 50_000})
		i.Secret = fmt.Sprintf("%064x", 7)
		_, err := payer.PayAnyway(p.context(), payee, i, Anyway{Msat: 50_000})
		p.refused(err, incorrectDetails)
	})
}
