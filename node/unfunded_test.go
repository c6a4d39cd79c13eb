package node_test

import (
	"context"
	"log/slog"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

// promise is a channel that Alice has opened with Carol, and whose funding transaction
// she has shown to nobody.
type promise struct {
	t            *testing.T
	chain        *regtest.Chain
	alice, carol *node.Node
	dir          string // Carol's
	id           wire.ChannelID
	funding      *btcwire.MsgTx
	coins        wallet.Balance // Carol's at the start
}

func (o *promise) open(dir string, source chain.Source) *node.Node {
	o.t.Helper()
	n, err := node.Open(o.t.Context(), node.Config{
		Dir: dir, Network: o.chain.Params(), Source: source, Listen: "127.0.0.1:0",
		Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return n
}

// newPromise opens the channel on a day on which no commitment pays enough by itself.
func newPromise(t *testing.T) *promise {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	mineOnly(t, c, 110)
	o := &promise{t: t, chain: c, dir: ready.Dir(t, t.TempDir())}
	o.alice, o.carol = o.open(ready.Dir(t, t.TempDir()), mute{c}), o.open(o.dir, c)
	t.Cleanup(func() { o.alice.Close() })
	t.Cleanup(func() { o.carol.Close() })
	fund(t, c, o.alice, 1_100_000)
	fund(t, c, o.carol, 60_000)
	fund(t, c, o.carol, 50_000)
	mine(t, c, 1, o.alice, o.carol)
	o.coins = o.carol.Wallet().Balance()
	o.id = openChannel(t, o.alice, o.carol, 1_000_000, 400_000_000)
	o.funding = o.alice.Wallet().Unconfirmed()[0]
	c.SetFeeRate(8000)
	return o
}

func (o *promise) link() channel.Status {
	l, ok := o.carol.Links().Get(o.id)
	if !ok {
		o.t.Fatal("Carol has no link")
	}
	return l.Status().Status
}

// mine mines, and waits until what Carol can claim is claimed.
func (o *promise) mine(blocks int) {
	o.t.Helper()
	mine(o.t, o.chain, blocks, o.carol)
	until(o.t, "what can be claimed is claimed", func() bool { return o.carol.Enforced() == o.carol.Synced() })
}

// untouched says that Carol has spent nothing.
func (o *promise) untouched(when string) {
	o.t.Helper()
	if b := o.carol.Wallet().Balance(); b != o.coins || len(o.carol.Wallet().Unconfirmed()) != 0 || o.chain.Waiting() != 0 || o.carol.Reserve() != 0 {
		o.t.Errorf("%s: Carol has %+v and keeps %v, %d transactions wait", when, b, o.carol.Reserve(), o.chain.Waiting())
	}
}

// fails has Alice give the channel up.
func (o *promise) fails() {
	o.t.Helper()
	if err := o.alice.ForceClose(o.t.Context(), o.id); err != nil {
		o.t.Fatal(err)
	}
	until(o.t, "Carol hears the error", func() bool { return o.link() == channel.Failed })
}

// fund shows Alice's funding transaction.
func (o *promise) fund() {
	o.t.Helper()
	if err := o.chain.Broadcast(o.t.Context(), o.funding); err != nil {
		o.t.Fatal(err)
	}
}

func TestAChannelThatWasNeverFundedCostsItsFundeeNoCoins(t *testing.T) {
	t.Parallel()
	o := newPromise(t)
	o.fails()
	for range 3 {
		o.mine(1)
		o.untouched("after a block")
	}
	o.carol.Close()
	o.carol = o.open(o.dir, o.chain)
	o.mine(1)
	o.untouched("after a restart")

	// The funding transaction comes all the same. Alice, who would close it herself, is
	// away.
	o.alice.Close()
	o.fund()
	o.mine(1)
	until(t, "Carol's commitment and its child are in the mempool", func() bool { return o.chain.Waiting() == 2 })
	// A block that is gone takes it back, the next one brings it again.
	if err := o.chain.Reorg(1); err != nil {
		t.Fatal(err)
	}
	closed := func() bool { p, _ := o.carol.Plan(o.id); return p.Kind == enforce.Ours }
	for range 10 {
		if o.mine(1); closed() {
			break
		}
	}
	if p, _ := o.carol.Plan(o.id); !closed() || len(p.Claims) == 0 || p.Claims[0].Kind != enforce.Delayed || p.Claims[0].Value < 390_000 {
		t.Errorf("the plan is %+v", p)
	}
}

// What a closing transaction pays is no coin before what it spends is there.
func TestAChannelThatWasNeverFundedIsNoMoneyWhenItIsClosed(t *testing.T) {
	race.Like(t, TestAChannelThatWasNeverFundedCostsItsFundeeNoCoins)
	t.Parallel()
	o := newPromise(t)
	if err := o.alice.CloseChannel(t.Context(), o.id, nil, 1000); err != nil {
		t.Fatal(err)
	}
	agreed := func(n *node.Node) bool {
		tx, _, err := n.ClosingTx(context.WithoutCancel(t.Context()), o.id)
		return err == nil && tx != nil
	}
	until(t, "they agree", func() bool { return agreed(o.carol) })
	o.mine(1)
	o.untouched("after a block")
	o.fund()
	o.mine(1) // with it Carol broadcasts what closes the channel
	until(t, "what closes the channel is in the mempool", func() bool { return o.chain.Waiting() > 0 })
	o.mine(1)
	until(t, "the channel is closed", func() bool { p, _ := o.carol.Plan(o.id); return p.Kind == enforce.Mutual })
	if b := o.carol.Wallet().Balance(); b.Confirmed < o.coins.Confirmed+390_000 {
		t.Errorf("Carol has %+v", b)
	}
}
