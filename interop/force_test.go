package interop

import (
	"context"
	"fmt"
	"testing"
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
	p.must(chain.AwaitTx(p.context(), 1))
	p.must(chain.Mine(p.context(), 1))
	p.must(second.Start(p.context()))
	p.synced()
	for _, x := range p.peers {
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
	for _, kind := range kinds() {
		for _, opener := range openers(kind) {
			t.Run(opener+" opens", func(t *testing.T) { body(newPair(newNetwork(t), kind, opener)) })
		}
	}
}

func TestTheOtherHasItsMoneyAfterLeydenForceCloses(t *testing.T) {
	forced(t, func(p *pair) { p.forceClose(p.ours, p.theirs, p.theirs) })
}

func TestTheOtherHasItsMoneyAfterItForceCloses(t *testing.T) {
	forced(t, func(p *pair) { p.forceClose(p.theirs, p.ours, p.theirs) })
}
