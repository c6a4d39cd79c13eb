package interop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/lightningnetwork/lnd/lnrpc"
)

// order is one payment under load.
type order struct {
	payer, payee Peer
	invoice      Invoice
	msat         uint64
	paid         bool // what the payer says in the end
}

// outcomes asks the payers until they know how every payment has ended. No HTLC is
// left in any channel.
//
// An lnd that was killed between its update_add_htlc and the signature for it never
// finds out that nothing came of it: its payment stays "in flight" for ever, though
// it was not made. This is lnd's own affair, but the payee must not have been paid.
func (n *network) outcomes(orders []*order) {
	n.Helper()
	began, forgotten := time.Now(), 0
	for _, o := range orders {
		n.eventually("the outcome of "+o.invoice.Hash, func(ctx context.Context) error {
			receipt, err := o.payer.Outcome(ctx, o.invoice.Hash)
			if r := (*Refused)(nil); err == nil || errors.As(err, &r) {
				o.paid = err == nil && receipt.Preimage != ""
				return nil
			}
			_, lnd := o.payer.(*LND)
			if lnd && errors.Is(err, errPending) && time.Since(began) > patience {
				got, paid := o.payee.Paid(ctx, o.invoice.Hash)
				if paid == nil && got == 0 {
					forgotten++
					return nil
				}
			}
			return err
		})
	}
	n.Logf("lnd has forgotten to end %d payments", forgotten)
}

// patience is longer than lnd goes on trying to pay.
const patience = 40 * time.Second

// giftsOf are what lnd has given away: HTLCs that it has refused after a restart
// though the payer has had the preimage from it. Each must be of a payment that both
// sides call paid.
func (p *pair) giftsOf(orders []*order) (msat int64) {
	p.Helper()
	lnd, ok := p.theirs.(*LND)
	if !ok {
		return 0
	}
	log, count := lnd.Log(), 0
	for _, o := range orders {
		if !o.paid || o.payee != p.theirs {
			continue
		}
		i, err := lnd.State(p.context(), o.invoice.Hash)
		p.must(err)
		for _, h := range i.Htlcs {
			pattern := fmt.Sprintf(`Sending UpdateFail(Malformed)?HTLC\(chan_id=[0-9a-f]+, id=%d, `, h.HtlcIndex)
			if h.State == lnrpc.InvoiceHTLCState_SETTLED && regexp.MustCompile(pattern).MatchString(log) {
				count++
				msat += int64(o.msat)
			}
		}
	}
	p.Logf("lnd has refused %d HTLCs of %d msat after it had shown the preimages", count, msat)
	return msat
}

// kills is how many times each pair of the case of the power cuts loses a node: fifty
// times both together.
func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("LEYDEN_INTEROP_KILLS")
	if text == "" {
		return 25
	}
	count, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// interrupted is a case of payments that go both ways all the time. Again and again
// something happens in the middle of them, to one of the two that is drawn. In the end
// each payment is paid or not, both sides say the same of it, and every millisatoshi
// is where it should be.
func interrupted(t *testing.T, rounds func(*testing.T) int, happens func(p *pair, to, other Peer) (inFlight int)) {
	notQuick(t)
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("LEYDEN_INTEROP_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("LEYDEN_INTEROP_SEED=%d", seed)
	eachPair(t, func(p *pair) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		before := p.look(p.ours, p.channel).ToUs
		inFlight := 0
		var orders []*order
		for range rounds(p.T) {
			load := p.load(rnd)
			orders = append(orders, load...)
			var paying sync.WaitGroup
			done := make(chan bool, len(load))
			ctx, cancel := context.WithTimeout(p.Context(), longest)
			for _, o := range load {
				paying.Go(func() {
					_, err := o.payer.Pay(ctx, Pay{Bolt11: o.invoice.Bolt11})
					done <- err == nil
				})
			}
			// At any moment of the load: after so many payments, at once.
			for range rnd.IntN(len(load) / 2) {
				<-done
			}
			to, other := Peer(p.ours), p.theirs
			if rnd.IntN(2) > 0 {
				to, other = other, to
			}
			inFlight += happens(p, to, other)
			paying.Wait()
			cancel()
			p.ready(p.channel, p.ours, p.theirs)
		}
		before += p.moves()
		p.quiet(p.channel, p.ours, p.theirs)
		p.outcomes(orders)
		p.quiet(p.channel, p.ours, p.theirs) // what was resumed has its end too
		p.agree(orders, before)
		p.Logf("%d HTLCs were in flight in the middle", inFlight)
		if inFlight == 0 {
			p.Error("this has tested little")
		}
	})
}

// moves makes a payment each way, and returns by how much that changes Leyden's
// balance. An lnd that was killed between its revoke_and_ack and the signature that it
// owes gives it with the next update, and not before.
func (p *pair) moves() (change uint64) {
	p.Helper()
	p.transfer(p.theirs, p.ours, 2_000_000)
	p.transfer(p.ours, p.theirs, 1_000_000)
	return 1_000_000
}

// load are payments to be made at once, half of them in each direction.
func (p *pair) load(rnd *rand.Rand) (load []*order) {
	p.Helper()
	for i := range 30 {
		o := &order{payer: p.ours, payee: p.theirs, msat: 1_000 + 1_000*uint64(rnd.IntN(300))}
		if i%2 > 0 {
			o.payer, o.payee = p.theirs, p.ours
		}
		o.invoice = p.invoice(o.payee, Ask{Msat: o.msat})
		load = append(load, o)
	}
	return load
}

// agree checks that both sides say the same of each payment, and that Leyden's
// balance has changed by those that were made.
func (p *pair) agree(orders []*order, before uint64) {
	p.Helper()
	var moved int64
	paid := 0
	for _, o := range orders {
		got, err := o.payee.Paid(p.context(), o.invoice.Hash)
		p.must(err)
		if o.paid && got == 0 {
			p.Errorf("%s says that it has paid %s, but %s has nothing", o.payer.Name(), o.invoice.Hash, o.payee.Name())
		}
		if !o.paid && got > 0 {
			if _, lnd := o.payee.(*LND); !lnd {
				p.Errorf("%s says that it has not paid %s, but %s has %d msat", o.payer.Name(), o.invoice.Hash, o.payee.Name(), got)
			}
			p.Logf("lnd calls %s settled, and has refused the HTLC", o.invoice.Hash)
		}
		if !o.paid {
			continue
		}
		paid++
		if o.payer == p.ours {
			moved -= int64(o.msat)
		} else {
			moved += int64(o.msat)
		}
	}
	moved += p.giftsOf(orders)
	if change := int64(p.look(p.ours, p.channel).ToUs) - int64(before); change != moved {
		p.Errorf("Leyden's balance changed by %d msat, not by %d", change, moved)
	}
	p.Logf("%d of %d payments were made", paid, len(orders))
}

// One of the two is killed, and comes back.
func TestNothingIsLostWhenEitherIsKilled(t *testing.T) {
	interrupted(t, kills, func(p *pair, to, other Peer) int {
		p.must(to.Kill())
		count := p.htlcs(other)
		p.must(to.Start(p.context()))
		return count
	})
}

// One of the two ends the connection, and both live on.
func TestNothingIsLostWhenTheConnectionIs(t *testing.T) {
	interrupted(t, cuts, func(p *pair, to, other Peer) int {
		p.must(to.Disconnect(p.context(), other))
		count := p.htlcs(to)
		p.eventually(to.Name()+" to connect again", func(ctx context.Context) error {
			return to.Connect(ctx, other) // where both call at once, one of the two calls fails
		})
		return count
	})
}

// htlcs are how many a node has in the channel.
func (p *pair) htlcs(of Peer) int {
	p.Helper()
	return p.look(of, p.channel).HTLCs
}

// cuts is how many times each pair loses its connection.
func cuts(*testing.T) int { return 10 }
