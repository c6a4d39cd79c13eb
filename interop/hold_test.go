package interop

import (
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
