package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/lightningnetwork/lnd/lnrpc"
)

// forceFees is more than a commitment with its anchors and the claims cost.
const forceFees = 40_000

// forceClose ends the channel by the commitment of the first, while the second is
// away, and checks that those named have their money in the end.
func (p *pair) forceClose(first, second Peer, recover ...Peer) {
	p.Helper()
	p.transfer(p.ours, p.theirs, 12_345_000)
	p.quiet(p.channel, p.ours, p.theirs)
	before, shares := p.balances(), p.shares()
	p.must(second.Kill())
	p.parted(first, second)
	_, err := first.Close(p.context(), p.channel, true)
	p.must(err)
	p.must(p.chain.AwaitTx(p.context(), 1))
	p.must(p.chain.Mine(p.context(), 1))
	p.must(second.Start(p.context()))
	p.synced()
	for _, x := range p.ends() {
		p.eventually(x.Name()+" to know that the channel is spent", func(ctx context.Context) error {
			c, err := seen(ctx, x, p.channel)
			if err == nil && (c.Ready || c.State == "CHANNELD_NORMAL") {
				err = fmt.Errorf("it is %+v", c)
			}
			return err
		})
	}
	for _, x := range recover {
		// Its delay passes, and what it broadcasts is mined.
		const most, step = 300, 10
		mined := 0
		for ; mined < most && !p.has(x, before[x.Name()]+shares[x.Name()]-forceFees); mined += step {
			p.mine(step)
		}
		has, err := x.OnChain(p.context())
		p.must(err)
		p.Logf("%s has %d of %d sat after %d blocks", x.Name(), has, before[x.Name()]+shares[x.Name()], mined)
		if mined >= most {
			p.Errorf("%s should have its money on-chain", x.Name())
		}
	}
}

// has says whether a node has so much on-chain.
func (p *pair) has(x Peer, sat uint64) bool {
	p.Helper()
	has, err := x.OnChain(p.context())
	p.must(err)
	return has >= sat
}

// forced is the other half of the two forms of opening a channel.
func forced(t *testing.T, body func(*pair)) {
	t.Helper()
	t.Parallel()
	for _, kind := range kinds() {
		for _, opener := range openers(kind) {
			if testing.Short() && opener == "leyden" {
				continue
			}
			t.Run(opener+" opens", func(t *testing.T) {
				t.Parallel()
				body(newPair(newNetwork(t), kind, opener))
			})
		}
	}
}

func TestBothHaveTheirMoneyAfterLeydenForceCloses(t *testing.T) {
	forced(t, func(p *pair) { p.forceClose(p.ours, p.theirs, p.theirs, p.ours) })
}

func TestBothHaveTheirMoneyAfterTheOtherForceCloses(t *testing.T) {
	notQuick(t)
	forced(t, func(p *pair) { p.forceClose(p.theirs, p.ours, p.theirs, p.ours) })
}

// Four HTLCs pend when the channel ends by the commitment of either: Leyden has
// offered two to lnd, of which lnd takes one afterwards; lnd has offered two through
// Leyden to a third node, which takes one and gives the other back.
func TestHTLCsOfBothDirectionsPendAtAForceClose(t *testing.T) {
	notQuick(t)
	t.Parallel()
	for _, closer := range openers("lnd") {
		for _, opener := range openers("lnd") {
			t.Run(opener+" opens, "+closer+" closes", func(t *testing.T) {
				t.Parallel()
				p := newPair(newNetwork(t), "lnd", opener)
				far := p.lnd("far")
				p.open(p.ours, far, Open{Sat: pairCapacity})
				p.mine(6)
				p.known(2, p.theirs, p.ours, far)
				p.closeWithHTLCs(far, map[string]Peer{"leyden": p.ours, "lnd": p.theirs}[closer])
			})
		}
	}
}

// pending is a payment that is held where it arrives.
type pending struct {
	preimage []byte
	invoice  Invoice
	payee    *LND
	ended    chan error
}

// holdAt has a payment held.
func (n *network) holdAt(from Peer, to *LND, msat uint64) *pending {
	n.Helper()
	i, preimage, err := to.Hold(n.context(), msat)
	n.must(err)
	h := &pending{preimage, i, to, make(chan error, 1)}
	ctx := n.Context()
	go func() {
		_, err := from.Pay(ctx, Pay{Bolt11: i.Bolt11, Seconds: 600})
		h.ended <- err
	}()
	n.eventually(to.Name()+" to hold a payment", func(ctx context.Context) error {
		x, err := to.State(ctx, i.Hash)
		if err == nil && x.State != lnrpc.Invoice_ACCEPTED {
			err = errors.New(x.State.String())
		}
		return err
	})
	return h
}

func (p *pair) closeWithHTLCs(far *LND, first Peer) {
	p.Helper()
	lnd := p.theirs.(*LND)
	const each = 100_000 // satoshi: far more than the fees
	p.fund(lnd, 500_000) // its HTLC transactions pay no fee of their own: without coins they wait
	before, shares := map[string]uint64{}, map[string]uint64{}
	for _, x := range []Peer{p.ours, lnd} {
		sat, err := x.OnChain(p.context())
		p.must(err)
		before[x.Name()], shares[x.Name()] = sat, p.look(x, p.channel).ToUs/1000
	}
	taken, left := p.holdAt(p.ours, lnd, each*1000), p.holdAt(p.ours, lnd, each*1000)
	through, back := p.holdAt(lnd, far, each*1000), p.holdAt(lnd, far, each*1000)
	p.eventually("the HTLCs to be in both commitments", func(ctx context.Context) error {
		for _, x := range []Peer{p.ours, lnd} {
			if c, err := seen(ctx, x, p.channel); err != nil || c.HTLCs != 4 {
				return errors.Join(err, fmt.Errorf("%s has %d", x.Name(), c.HTLCs))
			}
		}
		return nil
	})
	_, err := first.Close(p.context(), p.channel, true)
	p.must(err)
	p.must(p.chain.AwaitTx(p.context(), 1))
	p.mine(1)
	p.must(lnd.Settle(p.context(), taken.preimage))
	p.must(far.Settle(p.context(), through.preimage))
	p.must(far.Forget(p.context(), back.invoice))
	shares["leyden"] -= each // taken
	shares["lnd"] += each
	shares["leyden"] += each // through: it has paid as much to far
	shares["lnd"] -= each
	// Block by block at first, so that all claims are made long before the HTLCs expire.
	const most, singly, step = 600, 30, 5
	mined := 0
	for mined < most {
		if p.has(p.ours, before["leyden"]+shares["leyden"]-forceFees) && p.has(lnd, before["lnd"]+shares["lnd"]-forceFees) {
			break
		}
		blocks := step
		if mined < singly {
			blocks = 1
		}
		p.mine(blocks)
		mined += blocks
	}
	for _, x := range []Peer{p.ours, lnd} {
		has, err := x.OnChain(p.context())
		p.must(err)
		want := before[x.Name()] + shares[x.Name()]
		p.Logf("%s has %d of %d sat after %d blocks", x.Name(), has, want, mined)
		if has+forceFees < want || has > want+each/2 {
			p.Errorf("%s has %d sat on-chain, not %d", x.Name(), has, want)
		}
	}
	p.must(<-taken.ended)
	p.must(<-through.ended)
	if err := <-left.ended; err == nil {
		p.Error("Leyden calls a payment paid that has come back")
	}
	if err := <-back.ended; err == nil {
		p.Error("lnd calls a payment paid that has come back")
	}
}
