package interop

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

// newLight begins a network whose nodes read the chain as light clients, from a btcd.
func newLight(t *testing.T) *network {
	t.Helper()
	// btcd must know where its coins go before it starts, and a light client needs a
	// btcd: so the purse has its address on another chain first, and takes its seed along.
	before := newNetwork(t)
	purse := before.leyden("before")
	address, err := purse.NewAddress(before.context())
	before.must(err)
	before.must(purse.Stop())
	btcd, err := StartBtcd(before.context(), binaries, address, filepath.Join(before.dir, "btcd"))
	before.must(err)
	t.Cleanup(func() { _ = btcd.Kill() })
	n := unattended(t, btcd)
	t.Cleanup(func() {
		n.T = t
		n.tell()
		n.end()
	})
	n.copyTo(filepath.Join(n.dir, "purse", "seed"), filepath.Join(filepath.Dir(purse.path), "seed"))
	n.must(btcd.Mine(n.context(), 1))
	btcd.Purse = n.leyden("purse")
	if again, err := btcd.Purse.NewAddress(n.context()); err != nil || again != address {
		t.Fatalf("the address is %s, and was %s: %v", again, address, err)
	}
	n.mine(120) // 20 blocks' coins are mature
	n.eventually("the purse to have coins", func(ctx context.Context) error {
		sat, err := btcd.Purse.OnChain(ctx)
		if err == nil && sat == 0 {
			err = errors.New("it has none")
		}
		return err
	})
	return n
}

// lightPairs runs a case with pairs whose nodes are light clients, both of them.
func lightPairs(t *testing.T, body func(p *pair)) {
	t.Helper()
	t.Parallel()
	for _, opener := range openers("lnd") {
		t.Run(opener+" opens", func(t *testing.T) {
			t.Parallel()
			n := newLight(t)
			body(newPair(n, "lnd", opener))
		})
	}
}

// lightFees is more than a closing transaction costs by lnd's feerate where it knows
// none: 50 satoshi for each virtual byte.
const lightFees = 20_000

// The same demo as on a bitcoind: open, invoice, pay both ways, be away, close.
func TestLightClientsOpenPayAndClose(t *testing.T) {
	notQuick(t)
	lightPairs(t, func(p *pair) {
		p.burst(p.ours, p.theirs, 20)
		p.burst(p.theirs, p.ours, 20)
		for _, x := range []Peer{p.ours, p.theirs} {
			p.must(x.Kill())
			p.must(p.chain.Mine(p.context(), 2))
			p.must(x.Start(p.context()))
			p.synced()
			p.ready(p.channel, p.ours, p.theirs)
			p.transfer(p.ours, p.theirs, 3_000_000)
			p.transfer(p.theirs, p.ours, 2_000_000)
		}
		p.quiet(p.channel, p.ours, p.theirs)
		first := map[string]Peer{"leyden": p.theirs, "lnd": p.ours}[p.opener]
		before, shares := p.balances(), p.shares()
		_, err := first.Close(p.context(), p.channel, false)
		p.must(err)
		p.must(p.chain.AwaitTx(p.context(), 1))
		p.mine(1)
		p.recovered(before, shares, lightFees)
		p.gone(120)
	})
}

// Either light client finds the other's commitment, and both their money.
func TestLightClientsHaveTheirMoneyAfterAForceClose(t *testing.T) {
	notQuick(t)
	lightPairs(t, func(p *pair) {
		if p.opener == "leyden" {
			p.forceClose(p.theirs, p.ours, p.theirs, p.ours)
		} else {
			p.forceClose(p.ours, p.theirs, p.theirs, p.ours)
		}
	})
}

// Two Leydens are as good as one with another.
func TestTwoLightLeydensOpenPayAndClose(t *testing.T) {
	notQuick(t)
	t.Parallel()
	n := newLight(t)
	a, b := n.leyden("a"), n.leyden("b")
	c := n.open(a, b, Open{Sat: pairCapacity, Push: pairPush})
	n.transfer(a, b, 100_000_000)
	n.transfer(b, a, 30_000_000)
	n.quiet(c, a, b)
	_, err := b.Close(n.context(), c, false)
	n.must(err)
	n.must(n.chain.AwaitTx(n.context(), 1))
	n.mine(1)
	n.eventually("the money to be on-chain", func(ctx context.Context) error {
		sat, err := b.OnChain(ctx)
		if err == nil && sat+closingFees < pairPush+70_000 {
			err = errors.New("it is not")
		}
		return err
	})
}
