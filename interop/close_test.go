package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/lightningnetwork/lnd/lnrpc"
)

// fresh runs a case with a new pair of each kind, whose channel either has opened
// and in which either begins: for cases that end the channel.
func fresh(t *testing.T, begins string, body func(p *pair, first, second Peer)) {
	t.Helper()
	t.Parallel()
	for _, kind := range kinds() {
		for _, opener := range openers(kind) {
			for _, first := range openers(kind) {
				if testing.Short() && first == opener {
					continue
				}
				t.Run(fmt.Sprintf("%s opens, %s %s", opener, first, begins), func(t *testing.T) {
					t.Parallel()
					p := newPair(newNetwork(t), kind, opener)
					if first == "leyden" {
						body(p, p.ours, p.theirs)
					} else {
						body(p, p.theirs, p.ours)
					}
				})
			}
		}
	}
}

// ends are its two nodes.
func (p *pair) ends() []Peer { return []Peer{p.ours, p.theirs} }

// balances are what both nodes have on-chain.
func (p *pair) balances() map[string]uint64 {
	p.Helper()
	out := map[string]uint64{}
	for _, x := range p.ends() {
		sat, err := x.OnChain(p.context())
		p.must(err)
		out[x.Name()] = sat
	}
	return out
}

// shares are what both nodes have in the channel.
func (p *pair) shares() map[string]uint64 {
	p.Helper()
	out := map[string]uint64{}
	for _, x := range p.ends() {
		out[x.Name()] = p.look(x, p.channel).ToUs / 1000
	}
	return out
}

// gone mines until neither side lists the channel.
func (p *pair) gone(most int) {
	p.Helper()
	const step = 10
	for mined := 0; mined < most; mined += step {
		open := 0
		for _, x := range p.ends() {
			if _, err := seen(p.context(), x, p.channel); err == nil {
				open++
			}
		}
		if open == 0 {
			return
		}
		p.mine(step)
	}
	for _, x := range p.ends() {
		if c, err := seen(p.context(), x, p.channel); err == nil {
			p.Errorf("%s still lists the channel after %d blocks: %+v", x.Name(), most, c)
		}
	}
}

// recovered checks that what each side had in the channel is in its wallet, but for
// the fees.
func (p *pair) recovered(before, shares map[string]uint64, fees uint64) {
	p.Helper()
	for _, x := range p.ends() {
		want := before[x.Name()] + shares[x.Name()]
		p.eventually(x.Name()+" to have its money on-chain", func(ctx context.Context) error {
			has, err := x.OnChain(ctx)
			if err == nil && (has > want+1 || has+fees < want) {
				err = fmt.Errorf("it has %d sat, not %d", has, want)
			}
			return err
		})
	}
}

// closingFees is more than a closing transaction costs.
const closingFees = 5_000

func TestAChannelIsClosedByAgreement(t *testing.T) {
	fresh(t, "closes", func(p *pair, first, _ Peer) {
		p.transfer(p.ours, p.theirs, 12_345_000)
		p.transfer(p.theirs, p.ours, 2_345_000)
		p.quiet(p.channel, p.ours, p.theirs)
		before, shares := p.balances(), p.shares()
		_, err := first.Close(p.context(), p.channel, false)
		p.must(err)
		p.must(p.chain.AwaitTx(p.context(), 1))
		p.mine(1)
		p.recovered(before, shares, closingFees)
		p.gone(120)
	})
}

// hold makes lnd hold a payment of Leyden's.
func (p *pair) hold(msat uint64) (preimage []byte, i Invoice, paid chan error) {
	p.Helper()
	lnd := p.theirs.(*LND)
	i, preimage, err := lnd.Hold(p.context(), msat)
	p.must(err)
	paid = make(chan error, 1)
	ctx := p.Context()
	go func() {
		_, err := p.ours.Pay(ctx, Pay{Bolt11: i.Bolt11, Seconds: 600})
		paid <- err
	}()
	p.state(i, lnrpc.Invoice_ACCEPTED)
	return preimage, i, paid
}

// state waits until an invoice of lnd's has a state.
func (p *pair) state(i Invoice, want lnrpc.Invoice_InvoiceState) {
	p.Helper()
	p.eventually("lnd's invoice to be "+want.String(), func(ctx context.Context) error {
		x, err := p.theirs.(*LND).State(ctx, i.Hash)
		if err == nil && x.State != want {
			err = errors.New(x.State.String())
		}
		return err
	})
}

func TestAChannelWithHTLCsIsClosedByAgreementWhenTheyAreGone(t *testing.T) {
	notQuick(t)
	fresh(t, "closes", func(p *pair, first, _ Peer) {
		if _, ok := p.theirs.(*LND); ok { // only lnd holds invoices
			p.closeWhenGone(first)
		}
	})
}

// closeWhenGone closes while two payments of Leyden's are held, of which one is taken
// then.
func (p *pair) closeWhenGone(first Peer) {
	p.Helper()
	lnd := p.theirs.(*LND)
	before, shares := p.balances(), p.shares()
	preimage, _, paid := p.hold(2_000_000)
	_, refused, failed := p.hold(3_000_000)
	closed := make(chan error, 1)
	ctx := p.context()
	go func() {
		_, err := first.Close(ctx, p.channel, false)
		closed <- err
	}()
	p.eventually("the channel to be closing", func(ctx context.Context) error {
		c, err := seen(ctx, p.ours, p.channel)
		if err == nil && c.State != "CHANNELD_SHUTTING_DOWN" {
			err = errors.New(c.State)
		}
		return err
	})
	p.must(lnd.Settle(p.context(), preimage))
	p.must(<-paid)
	p.must(lnd.Forget(p.context(), refused))
	p.refused(<-failed, incorrectDetails)
	p.must(<-closed)
	p.must(p.chain.AwaitTx(p.context(), 1))
	p.mine(1)
	shares["leyden"] -= 2_000
	shares["lnd"] += 2_000
	p.recovered(before, shares, closingFees)
}
