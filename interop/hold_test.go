package interop

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/lightningnetwork/lnd/lnrpc"
)

// eachLND is eachPair for what only lnd offers.
func eachLND(t *testing.T, body func(p *pair, lnd *LND)) {
	t.Helper()
	eachPair(t, func(p *pair) {
		if lnd, ok := p.theirs.(*LND); ok {
			body(p, lnd)
		}
	})
}

// Blocks come while a payment is held, and the connection goes and comes back.
func TestAHeldPaymentIsSettled(t *testing.T) {
	notQuick(t)
	eachLND(t, func(p *pair, lnd *LND) {
		preimage, i, paid := p.hold(7_000_000)
		p.mine(3)
		p.must(lnd.Kill())
		p.must(lnd.Start(p.context()))
		p.ready(p.channel, p.ours, p.theirs)
		p.mine(1)
		p.must(lnd.Settle(p.context(), preimage))
		p.must(<-paid)
		p.state(i, lnrpc.Invoice_SETTLED)
	})
}

func TestAHeldPaymentIsCancelled(t *testing.T) {
	notQuick(t)
	eachLND(t, func(p *pair, lnd *LND) {
		_, i, paid := p.hold(7_000_000)
		p.mine(3)
		p.must(p.ours.Kill())
		if err := <-paid; err == nil {
			p.Fatal("nobody has taken the payment")
		}
		p.must(p.ours.Start(p.context()))
		p.ready(p.channel, p.ours, p.theirs)
		p.must(lnd.Forget(p.context(), i))
		_, err := p.ours.Pay(p.context(), Pay{Bolt11: i.Bolt11})
		p.refused(err, incorrectDetails)
	})
}

func TestAnHTLCThatIsHeldPastItsExpiryIsFailedBack(t *testing.T) {
	notQuick(t)
	eachLND(t, func(p *pair, lnd *LND) {
		_, i, paid := p.hold(5_000_000)
		x, err := lnd.State(p.context(), i.Hash)
		p.must(err)
		height, err := p.chain.Height(p.context())
		p.must(err)
		// lnd gives a held payment back some blocks before it would have to close.
		for h := height; h < uint32(x.Htlcs[0].ExpiryHeight)-2; h++ {
			p.mine(1)
			x, err := lnd.State(p.context(), i.Hash)
			p.must(err)
			if x.State == lnrpc.Invoice_CANCELED {
				break
			}
		}
		p.state(i, lnrpc.Invoice_CANCELED)
		if err := <-paid; err == nil {
			p.Fatal("nobody has taken the payment")
		}
	})
}

// Leyden holds what lnd pays, over blocks and restarts of both.
func TestLeydenHoldsPaymentsOfLnd(t *testing.T) {
	notQuick(t)
	eachLND(t, func(p *pair, lnd *LND) {
		taken, left := p.heldByLeyden(7_000_000), p.heldByLeyden(9_000_000)
		p.mine(2)
		for _, x := range p.ends() {
			p.must(x.Kill())
			p.must(x.Start(p.context()))
			p.ready(p.channel, p.ours, p.theirs)
		}
		p.must(p.ours.Call(p.context(), nil, "settleholdinvoice", map[string]any{"preimage": hex.EncodeToString(taken.preimage)}))
		p.must(p.ours.Call(p.context(), nil, "cancelholdinvoice", map[string]any{"payment_hash": left.invoice.Hash}))
		p.eventually("lnd to know that it has paid", func(ctx context.Context) error {
			r, err := lnd.Outcome(ctx, taken.invoice.Hash)
			if err == nil && r.Preimage != hex.EncodeToString(taken.preimage) {
				err = errors.New("the preimage is " + r.Preimage)
			}
			return err
		})
		p.eventually("lnd to know that its payment was refused", func(ctx context.Context) error {
			_, err := lnd.Outcome(ctx, left.invoice.Hash)
			var r *Refused
			switch {
			case !errors.As(err, &r):
				return fmt.Errorf("not refused: %w", err)
			case r.Code != incorrectDetails:
				return err
			}
			return nil
		})
	})
}

// heldByLeyden has a payment of lnd's held by Leyden.
func (p *pair) heldByLeyden(msat uint64) *pending {
	p.Helper()
	preimage := make([]byte, 32)
	_, _ = rand.Read(preimage) // never fails
	hash := sha256.Sum256(preimage)
	h := &pending{preimage: preimage, invoice: Invoice{Hash: hex.EncodeToString(hash[:])}}
	var out struct{ Bolt11 string }
	p.must(p.ours.Call(p.context(), &out, "holdinvoice", map[string]any{
		"payment_hash": h.invoice.Hash, "amount_msat": msat, "label": h.invoice.Hash, "description": "held",
	}))
	ctx := p.Context()
	go func() {
		_, _ = p.theirs.Pay(ctx, Pay{Bolt11: out.Bolt11, Seconds: 600}) // lnd is killed meanwhile
	}()
	p.eventually("Leyden to hold it", func(ctx context.Context) error {
		var list struct {
			Invoices []struct{ State string } `json:"holdinvoices"`
		}
		err := p.ours.Call(ctx, &list, "listholdinvoices", map[string]any{"payment_hash": h.invoice.Hash})
		if err == nil && (len(list.Invoices) != 1 || list.Invoices[0].State != "accepted") {
			err = fmt.Errorf("%v", list.Invoices)
		}
		return err
	})
	return h
}
