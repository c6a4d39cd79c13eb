package node_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

// allTea is what is issued in a world with tea.
const allTea amount.Units = 10_000

// teaWorld is Alice and Carol with tea, and Bob, each with a ledger.
func teaWorld(t *testing.T) *world {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	mineOnly(t, c, 170)
	w := &world{t: t, chain: c}
	for _, m := range []struct {
		at    **mortal
		alias string
	}{{&w.alice, "alice"}, {&w.carol, "carol"}, {&w.bob, "bob"}} {
		*m.at = (&mortal{t: t, chain: c, alias: m.alias, tea: true}).born()
		for range 4 {
			fund(t, c, (*m.at).Node, 1_100_000)
		}
	}
	blocks(t, c, 1, w.nodes()...)
	issue(t, c, w.alice.Node, allTea, map[*node.Node]amount.Units{w.carol.Node: 2000}, w.nodes()...)
	return w
}

// newTeaWorld is one with a channel of tea between Alice and Carol, and one between Carol and Bob.
func newTeaWorld(t *testing.T) *world {
	t.Helper()
	w := teaWorld(t)
	w.brew(w.alice, w.carol, 1_000_000, 1000)
	w.brew(w.carol, w.bob, 1_000_000, 800)
	blocks(t, w.chain, 6, w.nodes()...)
	w.named(w.bob)
	w.named(w.alice)
	return w
}

// brew opens a channel of tea, of which the other side has a quarter, and of the coins too
// little less than a third.
func (w *world) brew(from, to *mortal, sat amount.Satoshi, units amount.Units) wire.ChannelID {
	w.t.Helper()
	until(w.t, "the two are connected", func() bool {
		_, err := from.Connect(w.t.Context(), to.ID(), to.addr)
		_, back := to.Peers().Get(from.ID())
		return err == nil && back
	})
	opened, err := from.OpenChannel(w.t.Context(), to.ID(), funding.Request{
		Amount: sat, Push: sat.Msat() * 3 / 10, FeePerKw: 1000, Commit: 253, MinConf: 1, Asset: &open.Asset{Property: tea, Tokens: units, Push: units / 4},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return opened.Channel
}

// named waits until one can name the channel over which tea reaches it.
func (w *world) named(m *mortal) {
	w.t.Helper()
	until(w.t, m.alias+"'s channel has a name", func() bool { return len(m.IncomingTokens(tea, nil).Hints) > 0 })
}

// bill is an invoice of somebody's in tea; held until the preimage of a hash is given, if
// there is one.
func (w *world) bill(of *mortal, units amount.Units, hash *wire.PaymentHash) invoice.Row {
	w.t.Helper()
	w.named(of)
	w.number++
	row, err := of.NewInvoice(w.t.Context(), invoice.Request{
		Label: fmt.Sprint(w.number), Amount: amount.OrAny{Any: true}, Property: tea, Units: units, Expiry: 3600, Hold: hash,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

// judgeTea says whether a payment arrived exactly once, and both sides of each channel
// agree on who has how much tea, from the rows. Bobs is what Bob should have.
func (w *world) judgeTea(label string, units, bobs amount.Units) {
	w.t.Helper()
	inv, ok, err := w.bob.Store().InvoiceByLabel(w.t.Context(), label)
	if err != nil || !ok || inv.Status != invoice.Paid || inv.Got != units {
		w.t.Fatalf("invoice %s is %s with %d units: %v", label, inv.Status, inv.Got, err)
	}
	p, ok, err := w.alice.Store().PaymentByHash(w.t.Context(), inv.PaymentHash)
	if err != nil || !ok || p.Result.Status != pay.Complete || p.Result.Preimage != inv.Preimage || p.Result.UnitsSent != units {
		w.t.Fatalf("alice's payment %s is %s with %d units: %v", label, p.Result.Status, p.Result.UnitsSent, err)
	}
	sides := map[wire.ChannelID][]channel.View{}
	for _, n := range w.nodes() {
		rows, err := n.Store().Channels(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range rows {
			ch, err := channel.Load(r)
			if err != nil {
				w.t.Fatal(err)
			}
			v := ch.View()
			if sides[ch.ID()] = append(sides[ch.ID()], v); n == w.bob.Node && v.TokensToLocal != bobs {
				w.t.Fatalf("bob has %d units of %d", v.TokensToLocal, bobs)
			}
		}
	}
	for id, s := range sides {
		if len(s) != 2 || s[0].TokensToLocal != s[1].TokensToRemote || s[0].TokensToRemote != s[1].TokensToLocal || s[0].ToLocal != s[1].ToRemote {
			w.t.Fatalf("the sides of channel %s do not agree: %+v", id, s)
		}
	}
}

// drained closes what is open by agreement, waits for what is closed by force, and says
// what each has by the ledger.
func (w *world) drained() map[string]amount.Units {
	w.t.Helper()
	w.reconnectTea()
	for _, n := range w.nodes() {
		for _, l := range n.Links().All() {
			if l.Params().LocalIsOpener && l.Status().Status == channel.Open {
				_ = n.CloseChannel(w.t.Context(), l.ID(), nil, 1000) // who has begun already says so
			}
		}
	}
	until(w.t, "the channels are closed, or will be", func() bool {
		for _, n := range w.nodes() {
			for _, l := range n.Links().All() {
				if s := l.Status(); s.Status == channel.Open && s.Closing == nil {
					return false
				}
			}
		}
		return true
	})
	for deadline := w.carol.Height() + 500; ; {
		left := 0
		for _, n := range w.nodes() {
			left += len(n.Links().All())
		}
		if left == 0 {
			break
		}
		if w.carol.Height() > deadline {
			w.t.Fatal("the channels are never closed for good")
		}
		until(w.t, "closing transactions are in the mempool, or were", func() bool {
			for _, n := range w.nodes() {
				for _, l := range n.Links().All() {
					if plan, _ := n.Plan(l.ID()); plan.Height == 0 && w.chain.Waiting() == 0 {
						return false
					}
				}
			}
			return true
		})
		blocks(w.t, w.chain, 10, w.nodes()...)
		w.swept(w.alice, w.carol, w.bob)
	}
	out, all := map[string]amount.Units{}, amount.Units(0)
	for _, m := range []*mortal{w.alice, w.carol, w.bob} {
		out[m.alias] = has(w.t, m.Node)
		all += out[m.alias]
	}
	if all != allTea {
		w.t.Errorf("the ledger has %v, %d units of %d", out, all, allTea)
	}
	return out
}

// reconnectTea has the peers with open channels connected.
func (w *world) reconnectTea() {
	w.t.Helper()
	for _, c := range [][2]*mortal{{w.alice, w.carol}, {w.carol, w.bob}} {
		until(w.t, "the peers are connected", func() bool {
			for _, l := range c[0].Links().All() {
				if l.Params().Peer == c[1].ID() && l.Status().Status == channel.Open && !l.View().Connected {
					_, _ = c[0].Connect(w.t.Context(), c[1].ID(), c[1].addr)
					return false
				}
			}
			return true
		})
	}
}

// want compares what each has by the ledger.
func (w *world) want(got map[string]amount.Units, alice, carol, bob amount.Units) {
	w.t.Helper()
	if got["alice"] != alice || got["carol"] != carol || got["bob"] != bob {
		w.t.Errorf("the ledger has %v, not %d, %d and %d", got, alice, carol, bob)
	}
}

func TestAPaymentInTokensOfTwoHopsSurvivesADeathAtEachWrite(t *testing.T) {
	race.Leave(t, "the deaths are those of TestAHeldInvoiceSurvivesADeathAtEachWrite, the tokens those of the api's TestTokensArePaidOverChannelsToTheUnit")
	t.Parallel()
	w := newTeaWorld(t)
	bobs := amount.Units(200)
	w.sweepAll(2, func() invoice.Row { return w.bill(w.bob, 2, nil) }, func(label string) {
		bobs += 2
		w.judgeTea(label, 2, bobs)
	})
	w.want(w.drained(), allTea-2000-250-(bobs-200), 2000+250-200, bobs)
}

func TestOpeningAChannelWithTokensSurvivesADeathAtEachWrite(t *testing.T) {
	t.Parallel()
	w := teaWorld(t)
	w.bob.stop()
	w.bob = w.alice
	for range 30 {
		fund(t, w.chain, w.alice.Node, 300_000)
	}
	blocks(t, w.chain, 1, w.alice.Node, w.carol.Node)
	for _, victim := range []*mortal{w.alice, w.carol} {
		for _, after := range []bool{false, true}[race.Step(2)-1:] {
			deaths := w.openSweep(victim, after, funding.Request{Amount: 60_000, FeePerKw: 1000, Commit: 253, MinConf: 1, Asset: &open.Asset{Property: tea, Tokens: 10}})
			t.Logf("%s died %d times, after the write: %v", victim.alias, deaths, after)
			if deaths == 0 {
				t.Errorf("%s died %d times only: the sweep misses its writes", victim.alias, deaths)
			}
		}
	}
	// What is not in channels is where it was, and each channel has what it should.
	open := states(t, w.alice.Node)
	for id := range open {
		for _, m := range []*mortal{w.alice, w.carol} {
			for _, l := range m.Links().All() {
				if backed, err := m.Tokens().Backed(t.Context(), l.Params(), m.Height()); l.ID().String() == id && (err != nil || !backed) {
					t.Errorf("channel %s has no tokens: %v", id, err)
				}
			}
		}
	}
	if got, want := has(t, w.alice.Node), allTea-2000-10*amount.Units(len(open)); got != want {
		t.Errorf("alice has %d units and not %d, with %d channels", got, want, len(open))
	}
}

func TestClosingAChannelWithTokensSurvivesADeathAtEachWrite(t *testing.T) {
	t.Parallel()
	w := teaWorld(t)
	w.bob.stop()
	w.bob = w.alice
	alices, carols := allTea-2000, amount.Units(2000)
	for i, who := range []string{"closer", "peer"} {
		for _, after := range []bool{i == 0, i != 0}[:2/race.Step(2)] {
			deaths := 0
			for k := uint64(1); w.closeTea(who, after, k); k += uint64(race.Step(10)) { //nolint:gosec // positive
				deaths++
				alices, carols = alices-25, carols+25
			}
			alices, carols = alices-25, carols+25
			t.Logf("the %s died %d times, after the write: %v", who, deaths, after)
			if deaths == 0 {
				t.Errorf("the %s died %d times only: the sweep misses its writes", who, deaths)
			}
			if a, c := has(t, w.alice.Node), has(t, w.carol.Node); a != alices || c != carols {
				t.Fatalf("after the deaths of the %s (after: %v) alice has %d units of %d, carol %d of %d", who, after, a, alices, c, carols)
			}
		}
	}
}

// closeTea opens a channel with tea and closes it, and lets one side die at its k-th write.
func (w *world) closeTea(who string, after bool, k uint64) (died bool) {
	w.t.Helper()
	w.alice.reads()
	w.carol.reads()
	id := w.brew(w.alice, w.carol, 60_000, 100)
	both := []*node.Node{w.alice.Node, w.carol.Node}
	blocks(w.t, w.chain, 6, both...)
	for _, n := range both {
		l, _ := n.Links().Get(id)
		until(w.t, "the channel works", func() bool { return l.View().State == "CHANNELD_NORMAL" })
		l.Sync(w.t.Context())
	}
	victim := w.alice
	if who == "peer" {
		victim = w.carol
	}
	victim.Store().SetFault(func(n uint64) (bool, bool) { return n == k && !after, n == k && after })
	closer := w.alice.Node
	go func() {
		_ = closer.CloseChannel(context.WithoutCancel(w.t.Context()), id, nil, 1000) // the death may take it
	}()
	closed := func() bool {
		for _, m := range []*mortal{w.alice, w.carol} {
			if l, there := m.Links().Get(id); there && l.Status().Closing == nil {
				return false
			}
		}
		return w.chain.Waiting() == 1
	}
	until(w.t, "the channel is closed or the victim has died", func() bool {
		select {
		case <-victim.died:
			died = true
		default:
		}
		return died || closed()
	})
	if victim.Store().SetFault(nil) {
		died = true
		victim.restart()
		until(w.t, "the channel is closed after the restart", func() bool {
			if closed() {
				return true
			}
			w.dial()
			_ = w.alice.CloseChannel(w.t.Context(), id, nil, 1000) // as its owner would ask again
			return false
		})
	}
	blocks(w.t, w.chain, 1, w.alice.Node, w.carol.Node)
	return died
}
