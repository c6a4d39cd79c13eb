package node_test

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

// closed is a world in which Bob has some money and a channel of his and Carol's is
// about to be closed by force.
type closed struct {
	*world
	link   *link.Link // Carol's
	id     wire.ChannelID
	due    [2]amount.Satoshi // what is Carol's in the channel, and Bob's
	before [2]amount.Satoshi // what they have on-chain
}

func aboutToClose(t *testing.T, coin amount.Satoshi) *closed {
	t.Helper()
	w := newWorld(t, 1)
	w.pay(w.invoice(200_000_000).Bolt11, w.bob)
	w.settled()
	if coin > 0 {
		fund(t, w.chain, w.carol.Node, coin)
		mine(t, w.chain, 1, w.nodes()...)
	}
	l := onlyLink(t, w.carol.Node, w.bob.ID())
	v := l.View()
	return &closed{w, l, l.ID(), [2]amount.Satoshi{v.ToLocal.Sat(), v.ToRemote.Sat()}, [2]amount.Satoshi{coins(w.carol.Node), coins(w.bob.Node)}}
}

// stride is how many blocks to mine at once, so many after the close: one where
// something happens.
func (c *closed) stride(passed uint32) int {
	delay := uint32(c.link.Params().RemoteLimits.ToSelfDelay)
	if passed < 6 || passed+6 > delay && passed < delay+6 {
		return 1
	}
	if passed < delay {
		return int(min(40, delay-5-passed))
	}
	return 40
}

// judge says whether both have their money, but for so much in fees.
func (c *closed) judge(fees amount.Satoshi) {
	c.t.Helper()
	for i, m := range []*mortal{c.carol, c.bob} {
		got := int64(coins(m.Node)) - int64(c.before[i])
		if got+int64(fees) < int64(c.due[i]) || got > int64(c.due[i]) {
			c.t.Errorf("%s got %d of %v", m.alias, got, c.due[i])
		}
		if b := m.Wallet().Balance(); b.Spent != 0 || b.Reserved != 0 {
			c.t.Errorf("%s has coins that are stuck: %+v", m.alias, b)
		}
	}
}

// caughtUp waits until nodes know the tip and have claimed what they can.
func (w *world) caughtUp(nodes ...*mortal) {
	w.t.Helper()
	tip, _ := w.chain.Tip(w.t.Context())
	until(w.t, "every node knows the tip", func() bool {
		for _, m := range nodes {
			if m.Synced() != tip.Height {
				return false
			}
		}
		return true
	})
	w.swept(nodes...)
}

func (m *mortal) stop() {
	m.t.Helper()
	if err := m.Close(); err != nil {
		m.t.Fatal(err)
	}
}

func TestAForcedCloseSurvivesReorganizationsAtEachStage(t *testing.T) {
	race.Like(t, TestAForcedCloseSurvivesDeathsAtItsWrites)
	t.Parallel()
	c := aboutToClose(t, 50_000)
	all := []*mortal{c.alice, c.carol, c.bob}
	forceClose(t, c.carol, c.link)
	until(t, "our commitment is in the mempool", func() bool { return c.chain.Waiting() > 0 })
	shake := func() {
		for depth := 1; depth <= 6; depth++ {
			mine(t, c.chain, depth, c.nodes()...)
			c.swept(all...)
			if err := c.chain.Reorg(depth); err != nil {
				t.Fatal(err)
			}
			c.caughtUp(all...)
		}
	}
	shake() // the commitment, and Bob's claim
	height := c.carol.Height()
	for { // until Carol's delay has nearly passed
		passed := c.carol.Height() - height
		n := c.stride(passed)
		if n == 1 && passed > 6 {
			break
		}
		mine(t, c.chain, n, c.nodes()...)
		c.swept(all...)
	}
	shake()
	c.bury(c.id, all...)
	c.judge(4000)
}

func TestAForcedCloseSurvivesARestartAtEachStage(t *testing.T) {
	race.Like(t, TestAForcedCloseSurvivesDeathsAtItsWrites)
	t.Parallel()
	c := aboutToClose(t, 50_000)
	all := []*mortal{c.alice, c.carol, c.bob}
	forceClose(t, c.carol, c.link)
	height := c.carol.Height()
	stage := 0
	for there := true; there; _, there = c.carol.Links().Get(c.id) {
		for _, m := range []*mortal{c.carol, c.bob} {
			m.stop()
			m.start()
		}
		stage++
		c.caughtUp(all...)
		until(t, "our commitment is in the mempool, or was", func() bool { return c.chain.Waiting() > 0 || c.carol.Height() > height })
		passed := c.carol.Height() - height
		if passed > 600 {
			t.Fatal("the channel is never closed for good")
		}
		mine(t, c.chain, c.stride(passed), c.nodes()...)
		c.swept(all...)
	}
	c.bury(c.id, all...)
	c.judge(4000)
}

func TestAChildPaysForACommitmentOnADayOfHighFees(t *testing.T) {
	race.Like(t, TestACheatLosesAll)
	t.Parallel()
	c := aboutToClose(t, 100_000)
	c.bob.stop() // else he broadcasts his own
	c.chain.SetFeeRate(8000)
	forceClose(t, c.carol, c.link)
	until(t, "a commitment and its child are in the mempool", func() bool { return c.chain.Waiting() == 2 })
	var child *btcwire.MsgTx
	for _, tx := range c.carol.Wallet().Unconfirmed() {
		child = tx
	}
	if child == nil {
		t.Fatal("no child")
	}
	parent, err := c.chain.Transaction(child.TxIn[0].PreviousOutPoint.Hash)
	if err != nil {
		t.Fatal(err)
	}
	weight, fee := int64(0), int64(1_000_000+330)
	for _, tx := range []*btcwire.MsgTx{parent, child} {
		weight += int64(3*tx.SerializeSizeStripped() + tx.SerializeSize())
	}
	for _, o := range parent.TxOut {
		fee -= o.Value
	}
	for _, in := range child.TxIn[1:] {
		v, _ := c.carol.Wallet().Value(in.PreviousOutPoint)
		fee += int64(v)
	}
	for _, o := range child.TxOut {
		fee -= o.Value
	}
	if rate := fee * 1000 / weight; rate < 8000 || rate > 9000 {
		t.Errorf("together they pay %d", rate)
	}
	c.chain.SetFeeRate(1000)
	mine(t, c.chain, 1, c.alice.Node, c.carol.Node)
	c.bob.start()
	c.caughtUp(c.alice, c.carol, c.bob)
	if plan, _ := c.carol.Plan(c.id); plan.TxID != parent.TxHash() {
		t.Errorf("%v was confirmed", plan.Kind)
	}
	c.bury(c.id, c.alice, c.carol, c.bob)
	c.judge(25_000)
}

// When the peer's commitment confirms instead, the child's coins are free again.
func TestTheCoinsOfAChildThatIsInVainAreFree(t *testing.T) {
	race.Like(t, TestACheatLosesAll)
	t.Parallel()
	c := aboutToClose(t, 100_000)
	theirs := onlyLink(t, c.bob.Node, c.carol.ID())
	tx := make(chan *btcwire.MsgTx, 1)
	theirs.Do(func(ch *channel.Channel) {
		_, commitment, _, err := ch.OurCommitment(theirs.Signer())
		if err != nil {
			t.Error(err)
		}
		tx <- commitment
	})
	if err := c.chain.Broadcast(t.Context(), <-tx); err != nil {
		t.Fatal(err)
	}
	c.chain.SetFeeRate(8000)
	forceClose(t, c.carol, c.link)
	until(t, "a child is made", func() bool { return c.carol.Wallet().Balance().Spent > 0 })
	mine(t, c.chain, 1, c.nodes()...)
	c.chain.SetFeeRate(1000)
	c.bury(c.id, c.alice, c.carol, c.bob)
	c.judge(8000) // Carol was quick to claim
}

// copyDir copies a stopped node's folder.
func copyDir(t *testing.T, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func TestANodeWithAnOldDatabaseNeverBroadcastsAndGetsItsMoney(t *testing.T) {
	race.Like(t, TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome)
	t.Parallel()
	c := aboutToClose(t, 0)
	old := filepath.Join(t.TempDir(), "old")
	c.carol.stop()
	copyDir(t, old, c.carol.dir)
	c.carol.start()
	c.reconnect()
	c.pay(c.invoice(100_000_000).Bolt11, c.bob)
	c.settled()
	v := onlyLink(t, c.carol.Node, c.bob.ID()).View()
	c.due = [2]amount.Satoshi{v.ToLocal.Sat(), v.ToRemote.Sat()}
	upstream := onlyLink(t, c.carol.Node, c.alice.ID())
	c.due[0] += upstream.View().ToLocal.Sat()
	c.carol.stop()
	c.carol.dir = old
	c.carol.start()
	links := c.carol.Links().All()
	for _, m := range []*mortal{c.alice, c.bob} {
		until(t, "the peer has been told", func() bool {
			_, _ = m.Connect(t.Context(), c.carol.ID(), c.carol.addr)
			return onlyLink(t, m.Node, c.carol.ID()).Status().Status != channel.Open
		})
	}
	for _, l := range links {
		until(t, "carol knows that she has lost state", func() bool { return l.Status().Status >= channel.Lost })
	}
	c.bury(c.id, c.alice, c.carol, c.bob)
	c.bury(upstream.ID(), c.alice, c.carol, c.bob)
	c.judge(6000)
}

// Bob's old copy is from the moment at which he had shown a preimage. When it is put back
// the HTLC, which ended long ago, seems to run out.
func TestACopyWithAnHTLCThatSeemsToRunOutBroadcastsNothing(t *testing.T) {
	t.Run("alone", func(t *testing.T) { copyThatRunsOut(t, false) })
	t.Run("with its source of blocks", func(t *testing.T) { copyThatRunsOut(t, true) })
}

// copyThatRunsOut is the test with a source of blocks that was put back too, as in the copy
// of a whole machine, or not.
func copyThatRunsOut(t *testing.T, together bool) {
	t.Parallel()
	w := newWorld(t, 1)
	l := onlyLink(t, w.bob.Node, w.carol.ID())
	_, paid, died := w.stuckAt(100_000_000, w.bob, func(uint64) (bool, bool) {
		v := l.View()
		return false, len(v.HTLCs) > 0 && v.HTLCs[0].Removing
	})
	if !died {
		t.Fatal("bob never showed the preimage")
	}
	old := filepath.Join(t.TempDir(), "old")
	copyDir(t, old, w.bob.dir)
	w.bob.start()
	l = onlyLink(t, w.bob.Node, w.carol.ID())
	v := l.View()
	if len(v.HTLCs) != 1 {
		t.Fatalf("%+v", v)
	}
	until(t, "carol and bob are connected", func() bool {
		_, err := w.carol.Connect(t.Context(), w.bob.ID(), w.bob.addr)
		return err == nil && allConnected(w.carol.Links().All(), w.bob)
	})
	if err := <-paid; err != nil {
		t.Fatal(err)
	}
	w.settled() // at carol's too: only then what bob signed before is revoked
	w.bob.stop()
	source := newLate(t, w.chain)
	mine(t, w.chain, int(v.HTLCs[0].CLTVExpiry-w.carol.Height()), w.alice.Node, w.carol.Node)
	w.carol.stop() // nobody tells bob
	w.bob.dir = old
	if together {
		w.bob.sees = source
	}
	w.bob.start()
	source.release()
	w.caughtUp(w.bob)
	l = onlyLink(t, w.bob.Node, w.carol.ID())
	if s := l.Status(); s.Status != channel.Open {
		t.Fatalf("%+v", s)
	}
	w.carol.start()
	until(t, "bob knows that he has lost state", func() bool {
		_, _ = w.carol.Connect(t.Context(), w.bob.ID(), w.bob.addr)
		return l.Status().Status == channel.Lost
	})
	until(t, "carol closes", func() bool { return w.chain.Waiting() > 0 })
	mine(t, w.chain, 1, w.alice.Node, w.carol.Node)
	w.swept(w.carol)
	if plan, _ := w.carol.Plan(l.ID()); plan.Kind != enforce.Ours {
		t.Errorf("carol sees %v", plan.Kind)
	}
}

// dying lets Carol die at one write after the other, before it and after it, while
// blocks come, until her channel is closed for good. How many writes a block takes
// depends on what is written together.
func (w *world) dying(id wire.ChannelID, stride func() int, others ...*mortal) {
	w.t.Helper()
	deaths, armed := 0, 0
	k := uint64(1)
	for i := 0; ; i++ {
		if _, there := w.carol.Links().Get(id); !there {
			break
		}
		if i > 400 {
			plan, _ := w.carol.Plan(id)
			w.t.Fatalf("at %d the channel is not closed for good: %v since %d, %d claims, %+v", w.carol.Height(), plan.Kind, plan.Height, len(plan.Claims), plan.Outputs)
		}
		after, arm := i%2 == 0, i%race.Step(3) == 0
		var struck atomic.Bool // a ledger's write does not end the node
		if arm {
			armed++
			w.carol.Store().SetFault(func(n uint64) (bool, bool) {
				struck.Store(n == k || struck.Load())
				return n == k && !after, n == k && after
			})
		}
		var alive []*node.Node
		for _, m := range others {
			alive = append(alive, m.Node)
		}
		mine(w.t, w.chain, max(stride(), race.Step(3)), alive...)
		tip, _ := w.chain.Tip(w.t.Context())
		until(w.t, "carol has seen the block or has died", func() bool {
			select {
			case <-w.carol.died:
				return true
			default:
				if w.carol.tea {
					rows, _, err := w.carol.Store().Ledger(w.t.Context())
					return struck.Load() || err == nil && rows.Seen == tip && w.carol.Synced() == tip.Height && w.carol.Enforced() == tip.Height
				}
				return w.carol.Synced() == tip.Height && w.carol.Enforced() == tip.Height
			}
		})
		if w.carol.Store().SetFault(nil) {
			deaths++
			k++
			w.carol.restart()
			until(w.t, "alice and carol are connected", func() bool { // blocks come faster than they would by themselves
				_, err := w.alice.Connect(w.t.Context(), w.carol.ID(), w.carol.addr)
				return err == nil && allConnected(w.alice.Links().All(), w.carol)
			})
		} else if arm { // so few writes this time: each block has one
			k = 1
		}
		w.caughtUp(append(others, w.carol)...)
		ledgers(w.t, w.chain, append(alive, w.carol.Node)...)
	}
	w.t.Logf("%d deaths in %d blocks", deaths, armed)
	if deaths < armed/2 {
		w.t.Errorf("%d deaths in %d blocks only", deaths, armed)
	}
}

func TestAForcedCloseSurvivesDeathsAtItsWrites(t *testing.T) {
	t.Parallel()
	c := aboutToClose(t, 50_000)
	forceClose(t, c.carol, c.link)
	until(t, "our commitment is in the mempool", func() bool { return c.chain.Waiting() > 0 })
	height := c.carol.Height()
	c.dying(c.id, func() int { return c.stride(c.carol.Height() - height) }, c.alice, c.bob)
	c.bury(c.id, c.alice, c.bob)
	c.judge(4000)
}

// Bob is gone for ever with an HTLC that Carol forwards.
func TestAnHTLCThatTimesOutSurvivesDeathsAtItsWrites(t *testing.T) {
	race.Like(t, TestAForcedCloseSurvivesDeathsAtItsWrites)
	t.Parallel()
	w := newWorld(t, 1)
	fund(t, w.chain, w.carol.Node, 50_000)
	mine(t, w.chain, 1, w.nodes()...)
	before := [2]amount.MilliSatoshi{everything(w.alice), everything(w.carol)}
	l := onlyLink(t, w.carol.Node, w.bob.ID())
	_, paid, died := w.stuckAt(100_000_000, w.bob, pending(l))
	if !died {
		t.Fatal("no HTLC was ever pending")
	}
	w.parted(w.carol, w.bob)
	delay, closed := uint32(l.Params().RemoteLimits.ToSelfDelay), uint32(0)
	w.dying(l.ID(), func() int {
		plan, _ := w.carol.Plan(l.ID())
		if closed == 0 && plan.Height != 0 {
			closed = w.carol.Height()
		}
		switch passed := w.carol.Height() - closed; {
		case closed == 0 || passed < 10 || passed+4 > delay && passed < delay+20:
			return 1
		case passed < delay:
			return int(min(30, delay-3-passed))
		}
		return 30
	}, w.alice)
	until(t, "alice and carol are connected", func() bool {
		_, err := w.alice.Connect(t.Context(), w.carol.ID(), w.carol.addr)
		return err == nil && allConnected(w.alice.Links().All(), w.carol)
	})
	if err := <-paid; err == nil {
		t.Error("paid, though nobody was there")
	}
	until(t, "alice has her HTLC back", func() bool { return everything(w.alice) == before[0] })
	if after := everything(w.carol); after+10_000_000 < before[1] || after > before[1] {
		t.Errorf("carol had %v and has %v", before[1], after)
	}
}

// Bob has to show a preimage on-chain and has no coin to pay for it.
func TestAnHTLCWithoutCoinsForItsFeeWaitsForThem(t *testing.T) {
	race.Like(t, TestACheatLosesAll)
	t.Parallel()
	w := newWorld(t, 1)
	l := onlyLink(t, w.bob.Node, w.carol.ID())
	row, paid, died := w.stuckAt(100_000_000, w.carol, func(uint64) (bool, bool) {
		v := l.View()
		return len(v.HTLCs) > 0 && v.HTLCs[0].Removing, false
	})
	if !died {
		t.Fatal("carol never heard of the preimage")
	}
	w.parted(w.bob, w.carol)
	for range 60 {
		if l.Status().Status != channel.Open {
			break
		}
		mine(t, w.chain, 1, w.alice.Node, w.bob.Node)
	}
	if l.Status().Status == channel.Open {
		t.Fatal("bob does not claim on-chain")
	}
	until(t, "his commitment is in the mempool, or in a block", func() bool {
		plan, _ := w.bob.Plan(l.ID())
		return w.chain.Waiting() > 0 || plan.Height != 0
	})
	mine(t, w.chain, 3, w.alice.Node, w.bob.Node)
	w.swept(w.bob)
	if n := w.chain.Waiting(); n != 0 {
		t.Errorf("%d transactions wait, before there is a coin", n)
	}
	if plan, _ := w.bob.Plan(l.ID()); len(plan.Claims) == 0 {
		t.Error("nothing is to be claimed")
	}
	fund(t, w.chain, w.bob.Node, 20_000)
	mine(t, w.chain, 1, w.alice.Node, w.bob.Node)
	w.swept(w.bob)
	if n := w.chain.Waiting(); n != 1 {
		t.Errorf("%d transactions wait, once there is a coin", n)
	}
	w.carol.start()
	until(t, "alice and carol are connected", func() bool {
		_, err := w.alice.Connect(t.Context(), w.carol.ID(), w.carol.addr)
		return err == nil && allConnected(w.alice.Links().All(), w.carol)
	})
	w.bury(l.ID(), w.alice, w.carol, w.bob)
	if err := <-paid; err != nil {
		t.Errorf("carol did not pass the preimage on that the chain showed her: %v", err)
	}
	if got, _, _ := w.bob.Store().InvoiceByLabel(t.Context(), row.Label); got.Status != invoice.Paid {
		t.Errorf("the invoice is %s", got.Status)
	}
}
