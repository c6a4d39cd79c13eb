package node_test

import (
	"sync"
	"testing"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/node"
)

// onlyLink is the one link of a node with a peer.
func onlyLink(t *testing.T, n *node.Node, peer wire.NodeID) *link.Link {
	t.Helper()
	for _, l := range n.Links().All() {
		if l.Params().Peer == peer {
			return l
		}
	}
	t.Fatal("no link")
	return nil
}

// coins is what a wallet has in blocks.
func coins(n *node.Node) amount.Satoshi { return n.Wallet().Balance().Confirmed }

// bury mines until a channel is closed for good at every node given.
func (w *world) bury(id wire.ChannelID, nodes ...*mortal) {
	w.t.Helper()
	for range 300 {
		open := false
		var alive []*node.Node
		for _, m := range nodes {
			alive = append(alive, m.Node)
			_, there := m.Links().Get(id)
			open = open || there
		}
		if !open {
			return
		}
		blocks := 5
		for _, n := range alive {
			if plan, ok := n.Plan(id); ok && plan.Height != 0 && n.Height() > plan.Height+40 {
				blocks = 15 * race.Step(2) // delays pass, and nothing else
			}
		}
		mine(w.t, w.chain, blocks, alive...)
		w.swept(nodes...)
	}
	for _, m := range nodes {
		plan, _ := m.Plan(id)
		w.t.Logf("%s: %v claims %d outputs %+v", m.alias, plan.Kind, len(plan.Claims), plan.Outputs)
	}
	w.t.Fatal("the channel is never closed for good")
}

// swept waits until the claims that a node can make now are in the mempool.
func (w *world) swept(nodes ...*mortal) {
	w.t.Helper()
	for _, m := range nodes {
		until(w.t, "what can be claimed is claimed", func() bool { return m.Enforced() == m.Synced() })
	}
}

func forceClose(t *testing.T, m *mortal, l *link.Link) {
	t.Helper()
	if !l.Do(func(ch *channel.Channel) { ch.ForceClose("for a test") }) {
		t.Fatal("no link")
	}
	l.Sync(t.Context())
}

func TestAForcedCloseBringsBothTheirMoney(t *testing.T) {
	for _, who := range []string{"the opener", "the other"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.pay(w.invoice(200_000_000).Bolt11, w.bob)
			w.settled()
			l := onlyLink(t, w.carol.Node, w.bob.ID())
			v := l.View()
			before := [2]amount.Satoshi{coins(w.carol.Node), coins(w.bob.Node)}
			by := w.carol
			if who == "the other" {
				by = w.bob
			}
			theirs := onlyLink(t, by.Node, map[*mortal]wire.NodeID{w.carol: w.bob.ID(), w.bob: w.carol.ID()}[by])
			forceClose(t, by, theirs)
			until(t, "our commitment is in the mempool", func() bool { return w.chain.Waiting() > 0 })
			w.bury(l.ID(), w.alice, w.carol, w.bob)
			got := [2]amount.Satoshi{coins(w.carol.Node) - before[0], coins(w.bob.Node) - before[1]}
			most := amount.Satoshi(3000) // fees of three transactions, and both anchors
			if got[0]+most < v.ToLocal.Sat() || got[1]+most < v.ToRemote.Sat() || got[0] > v.ToLocal.Sat() || got[1] > v.ToRemote.Sat() {
				t.Errorf("they got %v of %v and %v of %v", got[0], v.ToLocal, got[1], v.ToRemote)
			}
		})
	}
}

// stuck has Alice pay Bob while the victim dies at its k-th write; the payment is
// then wherever it is. False: the payment had no k-th write of the victim.
func (w *world) stuck(amt amount.MilliSatoshi, victim *mortal, k uint64) (row invoice.Row, paid chan error, died bool) {
	w.t.Helper()
	return w.stuckAt(amt, victim, func(n uint64) (bool, bool) { return false, n == k })
}

// stuckAt has Alice pay Bob while the victim dies at the fault.
func (w *world) stuckAt(amt amount.MilliSatoshi, victim *mortal, at store.Fault) (row invoice.Row, paid chan error, died bool) {
	w.t.Helper()
	row = w.invoice(amt)
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil {
		w.t.Fatal(err)
	}
	victim.Store().SetFault(at)
	paid = make(chan error, 1)
	alice := w.alice.Node
	go func() {
		_, err := alice.Sender().Pay(w.t.Context(), pay.Request{Bolt11: row.Bolt11, Invoice: inv})
		paid <- err
	}()
	select {
	case <-victim.died:
		victim.Close()
		return row, paid, true
	case err := <-paid:
		w.t.Log("paid", err)
		return row, paid, false
	}
}

// pending is a fault at the first write after the link's node has an HTLC for good.
func pending(l *link.Link) store.Fault {
	return func(uint64) (bool, bool) {
		v := l.View()
		return len(v.HTLCs) > 0 && v.HTLCs[0].Added == dance.Irrevocable, false
	}
}

// everything is what a node has, on-chain and in channels.
func everything(m *mortal) (sum amount.MilliSatoshi) {
	sum = coins(m.Node).Msat()
	for _, l := range m.Links().All() {
		if l.Status().Status == channel.Open {
			sum += l.View().ToLocal
		}
	}
	return sum
}

// The coins that one channel paid out fund the next, while the first is not yet closed for
// good: what becomes of them concerns both.
func TestACoinOfAClosedChannelFundsAnotherOne(t *testing.T) {
	race.Like(t, TestACheatLosesAll)
	t.Parallel()
	w := newWorld(t, 1)
	first := onlyLink(t, w.carol.Node, w.bob.ID()).ID()
	if err := w.carol.CloseChannel(t.Context(), first, nil, 1000); err != nil {
		t.Fatal(err)
	}
	until(t, "the closing transaction is in the mempool", func() bool { return w.chain.Waiting() > 0 })
	mine(t, w.chain, 2, w.nodes()...)
	before := coins(w.carol.Node)
	second := openChannel(t, w.carol.Node, w.bob.Node, 900_000, 200_000_000)
	mine(t, w.chain, 6, w.nodes()...)
	if _, there := w.carol.Links().Get(first); !there {
		t.Fatal("the first is forgotten already")
	}
	l, _ := w.carol.Links().Get(second)
	until(t, "the second can be used", func() bool { return l.View().State == "CHANNELD_NORMAL" })
	w.bob.stop()
	w.bob.start()
	forceClose(t, w.carol, l)
	until(t, "her commitment is in the mempool", func() bool { return w.chain.Waiting() > 0 })
	w.bury(second, w.carol, w.bob)
	if got := coins(w.carol.Node); got+205_000 < before || got+200_000 > before {
		t.Errorf("carol had %v, gave 200000 sat, and has %v", before, got)
	}
	if got := coins(w.bob.Node); got+5_000 < 200_000 || got > 200_000 {
		t.Errorf("bob was given 200000 sat and has %v", got)
	}
}

func TestAPayeeThatIsGoneForEverCostsNobodyAnything(t *testing.T) {
	race.Like(t, TestACheatLosesAll)
	t.Parallel()
	for k := uint64(1); ; k++ {
		w := newWorld(t, 1)
		before := [2]amount.MilliSatoshi{everything(w.alice), everything(w.carol)}
		l := onlyLink(t, w.carol.Node, w.bob.ID())
		row, paid, died := w.stuck(100_000_000, w.bob, k)
		if !died {
			if k < 4 {
				t.Fatalf("bob has %d writes only", k)
			}
			return
		}
		_, there := w.carol.Links().Get(l.ID())
		if !there {
			t.Fatal("no channel")
		}
		w.parted(w.carol, w.bob)
		if len(l.View().HTLCs) == 0 { // the payment had ended
			t.Logf("%d: nothing was pending", k)
			continue
		}
		w.bury(l.ID(), w.alice, w.carol)
		err := <-paid
		status, _, _ := w.alice.Store().PaymentByHash(t.Context(), row.PaymentHash)
		t.Logf("%d: %v %s", k, err, status.Result.Status)
		after := [2]amount.MilliSatoshi{everything(w.alice), everything(w.carol)}
		if err == nil {
			before[0] -= status.Result.AmountSent
			before[1] += status.Result.AmountSent - 100_000_000
		}
		if after[0] != before[0] || after[1]+10_000_000 < before[1] || after[1] > before[1] {
			t.Errorf("%d: alice had %v and has %v, carol had %v and has %v", k, before[0], after[0], before[1], after[1])
		}
	}
}

func TestAForwarderThatComesBackInTimeLosesNothing(t *testing.T) {
	race.Like(t, TestACheatLosesAll)
	t.Parallel()
	for k := uint64(1); ; k++ {
		w := newWorld(t, 1)
		fund(t, w.chain, w.bob.Node, 50_000) // for the fee of what he claims
		mine(t, w.chain, 1, w.nodes()...)
		before := [3]amount.MilliSatoshi{everything(w.alice), everything(w.carol), everything(w.bob)}
		l := onlyLink(t, w.bob.Node, w.carol.ID())
		row, paid, died := w.stuck(100_000_000, w.carol, k)
		if !died {
			if k < 6 { // some are one, when the disk is slow
				t.Fatalf("carol has %d writes only", k)
			}
			return
		}
		for _, m := range []*mortal{w.alice, w.bob} {
			w.parted(m, w.carol)
		}
		// Bob goes to the chain when a preimage of his would come too late otherwise.
		for range 60 {
			if l.Status().Status != channel.Open {
				break
			}
			mine(t, w.chain, 1, w.alice.Node, w.bob.Node)
		}
		mine(t, w.chain, 3, w.alice.Node, w.bob.Node)
		w.swept(w.alice, w.bob)
		closed := l.Status().Status != channel.Open
		w.carol.start()
		until(t, "alice and carol are connected", func() bool {
			_, err := w.alice.Connect(t.Context(), w.carol.ID(), w.carol.addr)
			return err == nil && allConnected(w.alice.Links().All(), w.carol)
		})
		if closed {
			w.bury(l.ID(), w.alice, w.carol, w.bob)
		} else {
			until(t, "bob and carol are connected", func() bool {
				_, err := w.carol.Connect(t.Context(), w.bob.ID(), w.bob.addr)
				return err == nil && allConnected(w.carol.Links().All(), w.bob)
			})
		}
		err := <-paid
		w.settled()
		p, _, _ := w.alice.Store().PaymentByHash(t.Context(), row.PaymentHash)
		got, _, _ := w.bob.Store().InvoiceByLabel(t.Context(), row.Label)
		t.Logf("%d: on-chain %v, %v, the invoice is %s", k, closed, err, got.Status)
		if (err == nil) != (got.Status == invoice.Paid) {
			t.Errorf("%d: alice's payment is %s, bob's invoice %s", k, p.Result.Status, got.Status)
		}
		after := [3]amount.MilliSatoshi{everything(w.alice), everything(w.carol), everything(w.bob)}
		if err == nil {
			before[0] -= p.Result.AmountSent
			before[1] += p.Result.AmountSent - 100_000_000
			before[2] += 100_000_000
		}
		for i := range after {
			if after[i]+10_000_000 < before[i] || after[i] > before[i] {
				t.Errorf("%d: node %d should have %v and has %v", k, i, before[i], after[i])
			}
		}
	}
}

func TestACheatLosesAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	l := onlyLink(t, w.bob.Node, w.carol.ID())
	type old struct {
		tx    *btcwire.MsgTx
		htlcs int
	}
	best := old{}
	// One HTLC stays until he has seen it.
	held, preimage := w.hold(10_000_000)
	paying := w.paying(held.Bolt11)
	until(t, "an HTLC is held", func() bool { return w.held(held.PaymentHash).Status == invoice.Accepted })
	seen, stop, stopped := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() { // Bob keeps what he signed
		defer close(stopped)
		look := time.NewTicker(time.Duration(race.Step(20)) * time.Millisecond)
		defer look.Stop()
		for {
			signed := make(chan old, 1)
			l.Do(func(ch *channel.Channel) {
				c, tx, _, err := ch.OurCommitment(l.Signer())
				if err != nil {
					tx = nil
				}
				signed <- old{tx, len(c.HTLCs)}
			})
			if o := <-signed; o.tx != nil && (best.tx == nil || o.htlcs > best.htlcs) {
				if best = o; o.htlcs == 1 {
					close(seen)
				}
			}
			select {
			case <-stop:
				return
			case <-look.C:
			}
		}
	}()
	<-seen
	if _, err := w.bob.SettleHeld(t.Context(), preimage); err != nil {
		t.Fatal(err)
	}
	if err := <-paying; err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 / race.Step(4) {
		row := w.invoice(10_000_000)
		all.Go(func() { w.pay(row.Bolt11, w.bob) })
	}
	all.Wait()
	close(stop)
	<-stopped
	w.settled()
	before := coins(w.carol.Node)
	if err := w.chain.Broadcast(t.Context(), best.tx); err != nil {
		t.Fatal(err)
	}
	w.bury(l.ID(), w.alice, w.carol)
	got := coins(w.carol.Node) - before
	t.Logf("%d HTLCs, carol has %v", best.htlcs, got)
	if got < 980_000 {
		t.Errorf("carol got %v of 1000000sat", got)
	}
}
