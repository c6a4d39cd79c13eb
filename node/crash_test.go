package node_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/node"
)

// mortal is a node that can die at a write and be started again.
type mortal struct {
	*node.Node
	t     *testing.T
	chain *regtest.Chain
	dir   string
	alias string
	addr  string
	sees  chain.Source // nil: the chain itself
	tea   bool         // with a ledger of tokens
	once  *sync.Once
	died  chan struct{}
}

func newMortal(t *testing.T, c *regtest.Chain, alias string) *mortal {
	t.Helper()
	return (&mortal{t: t, chain: c, alias: alias}).born()
}

func (m *mortal) born() *mortal {
	m.t.Helper()
	t := m.t
	m.dir, m.addr = ready.Dir(t, t.TempDir()), home(t)
	m.start()
	m.addr = m.Addr().String()
	t.Cleanup(func() { m.Close() })
	return m
}

func (m *mortal) start() {
	m.t.Helper()
	once, died := new(sync.Once), make(chan struct{})
	m.once, m.died = once, died
	source := m.sees
	if source == nil {
		source = m.chain
	}
	n, err := node.Open(m.t.Context(), node.Config{
		Dir: m.dir, Network: m.chain.Params(), Source: source, Alias: m.alias, Listen: m.addr,
		Log: testLog(m.alias), SetTimeout: 2 * time.Second, Assets: tokens.Wish{On: m.tea},
		Fatal: func(error) {
			once.Do(func() { close(died) })
			runtime.Goexit() // the process is dead: nothing runs on
		},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.Node = n
}

// restart waits for the death that every failed write must be, ends what is left
// of the process and starts it again. A ledger tries again what it could not write: there
// the test is the end.
func (m *mortal) restart() {
	m.t.Helper()
	until(m.t, "the node has died of the write that failed", func() bool {
		select {
		case <-m.died:
			return true
		default:
			return m.tea
		}
	})
	m.Close()
	m.start()
	m.reads()
}

// reads waits until the node's ledger, if it has one, is there.
func (m *mortal) reads() {
	m.t.Helper()
	if m.tea {
		ledgers(m.t, m.chain, m.Node)
		until(m.t, "the ledger answers", func() bool { return !errors.Is(m.Tokens().MayCarry(m.t.Context(), tea), tokens.ErrBehind) })
	}
}

// world is Alice, Carol and Bob with some channels between each two.
type world struct {
	t                 *testing.T
	chain             *regtest.Chain
	alice, carol, bob *mortal
	paid              amount.MilliSatoshi // by Alice to Bob so far
	number            int
	ways              int // channels that Alice knows, when she knows all
}

func newWorld(t *testing.T, channels int) *world {
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Mine(110, nil); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, chain: c, alice: newMortal(t, c, "alice"), carol: newMortal(t, c, "carol"), bob: newMortal(t, c, "bob")}
	for _, m := range []*mortal{w.alice, w.carol} {
		for range channels {
			fund(t, c, m.Node, 1_100_000)
		}
	}
	mine(t, c, 1, w.nodes()...)
	for range channels {
		openChannel(t, w.alice.Node, w.carol.Node, 1_000_000, 0)
		openChannel(t, w.carol.Node, w.bob.Node, 1_000_000, 0)
		mine(t, c, 1, w.nodes()...)
	}
	mine(t, c, 6, w.nodes()...)
	w.ways = 2 * channels
	until(t, "alice can pay bob", func() bool { return known(w.alice.Node) == w.ways })
	return w
}

func (w *world) nodes() []*node.Node {
	return []*node.Node{w.alice.Node, w.carol.Node, w.bob.Node}
}

// settled waits until every link is connected and no HTLC is left, on disk too.
func (w *world) settled() {
	w.t.Helper()
	defer func() {
		if w.t.Failed() {
			w.describe()
		}
	}()
	until(w.t, "no HTLC is left", func() bool {
		for _, n := range w.nodes() {
			for _, l := range n.Links().All() {
				if v := l.View(); len(v.HTLCs) > 0 || !v.Connected {
					return false
				}
			}
		}
		return true
	})
	for _, n := range w.nodes() {
		for _, l := range n.Links().All() {
			l.Sync(w.t.Context())
		}
	}
}

// parted waits until two nodes that have a channel know that they are not connected.
func (w *world) parted(m, from *mortal) {
	w.t.Helper()
	until(w.t, from.alias+"'s end is noticed", func() bool {
		_, up := m.Peers().Get(from.ID())
		l := onlyLink(w.t, m.Node, from.ID())
		return !up && !l.View().Connected
	})
}

// describe logs what is in flight, once a test has failed.
func (w *world) describe() {
	for _, n := range w.nodes() {
		for _, l := range n.Links().All() {
			v := l.View()
			w.t.Logf("%s %s connected %v: %+v", n.Alias(), l.ID().String()[:6], v.Connected, v.HTLCs)
		}
	}
}

// reconnect calls the peers whose connection was lost, as they would do by
// themselves a little later.
func (w *world) reconnect() {
	w.t.Helper()
	for _, c := range [][2]*mortal{{w.alice, w.carol}, {w.carol, w.bob}} {
		until(w.t, "the peers are connected", func() bool {
			_, err := c[0].Connect(w.t.Context(), c[1].ID(), c[1].addr)
			return err == nil && allConnected(c[0].Links().All(), c[1])
		})
	}
}

// recover has the peers connected, and Alice know the way: a death may have taken
// gossip along that was not written yet. The victim may die of that.
func (w *world) recover(victim *mortal) {
	w.t.Helper()
	w.reconnect()
	until(w.t, "alice can pay bob again or the victim has died", func() bool {
		select {
		case <-victim.died:
			return true
		default:
			return known(w.alice.Node) == w.ways
		}
	})
}

func allConnected(links []*link.Link, to *mortal) bool {
	for _, l := range links {
		if l.Params().Peer == to.ID() && !l.View().Connected {
			return false
		}
	}
	return true
}

// pay has Alice pay an invoice of Bob's, again and again until it is paid. It
// returns early when the victim dies.
func (w *world) pay(bolt string, victim *mortal) (died bool) {
	w.t.Helper()
	r, err := request(w.t, bolt), error(nil)
	for range 20 {
		done := make(chan error, 1)
		alice := w.alice.Node
		go func() {
			err := fmt.Errorf("the payer died")
			defer func() { done <- err }()
			ctx, cancel := context.WithTimeout(w.t.Context(), longest)
			defer cancel()
			_, err = alice.Sender().Pay(ctx, r)
		}()
		select {
		case err = <-done:
		case <-victim.died:
			return true
		}
		if err == nil {
			return false
		}
		if errors.Is(err, store.ErrFault) {
			return true // the write that the fault struck is about to say so
		}
		w.recover(victim)
	}
	w.t.Fatalf("never paid: %v", err)
	return false
}

// request asks to pay an invoice.
func request(t *testing.T, bolt string) pay.Request {
	t.Helper()
	inv, err := obolt.Read(bolt)
	if err != nil {
		t.Fatal(err)
	}
	return pay.Request{Bolt11: bolt, Invoice: &inv.Invoice, Property: inv.Property, Asked: inv.Units}
}

// invoice makes an invoice of Bob's.
func (w *world) invoice(amt amount.MilliSatoshi) invoice.Row {
	w.t.Helper()
	w.number++
	row, err := w.bob.NewInvoice(w.t.Context(), invoice.Request{
		Label: fmt.Sprint(w.number), Amount: amount.OrAny{Msat: amt}, Expiry: 3600,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

// sweep lets one node die at its k-th write of a payment, for every k, before the
// write and after it; starts it again, has the payment finished, and judges. Under the
// race detector it is every few writes.
func (w *world) sweep(victim *mortal, after bool, bill func() invoice.Row, judge func(label string)) (deaths int) {
	w.t.Helper()
	for k := uint64(1); ; k += uint64(race.Step(14)) { //nolint:gosec // positive
		row := bill()
		victim.Store().SetFault(func(n uint64) (bool, bool) { return n == k && !after, n == k && after })
		died := w.pay(row.Bolt11, victim)
		if !died {
			// The payment is made; the last writes remove its HTLCs.
			until(w.t, "the HTLCs are gone or the victim has died", func() bool {
				select {
				case <-victim.died:
					return true
				default:
					return w.quiet()
				}
			})
		}
		if victim.Store().SetFault(nil) {
			died = true
			deaths++
			victim.restart()
			w.reconnect()
			w.pay(row.Bolt11, victim)
		}
		w.settled()
		judge(row.Label)
		if w.paid > 400_000_000 {
			w.payBack()
		}
		if !died {
			return deaths
		}
	}
}

func (w *world) quiet() bool {
	for _, n := range w.nodes() {
		for _, l := range n.Links().All() {
			if len(l.View().HTLCs) > 0 {
				return false
			}
		}
	}
	return true
}

// payBack gives Alice her money back, so that the sweep can go on.
func (w *world) payBack() {
	w.t.Helper()
	row, err := w.alice.NewInvoice(w.t.Context(), invoice.Request{
		Label: fmt.Sprint("back ", w.number), Amount: amount.OrAny{Msat: w.paid * 9 / 10}, Expiry: 3600,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil {
		w.t.Fatal(err)
	}
	var why error
	defer func() {
		if w.t.Failed() {
			w.t.Logf("bob knows %d of %d directions; %v", known(w.bob.Node), w.ways, why)
			w.describe()
		}
	}()
	until(w.t, "bob pays alice back", func() bool {
		var p pay.PaymentRow
		if p, why = w.bob.Sender().Pay(w.t.Context(), pay.Request{Bolt11: row.Bolt11, Invoice: inv}); why == nil {
			w.paid -= p.Result.AmountSent
		}
		return why == nil
	})
	w.settled()
}

// judge says whether a payment arrived exactly once, and whether both sides of
// each channel agree on who has what, from the rows.
func (w *world) judge(label string, amt amount.MilliSatoshi) {
	w.t.Helper()
	w.paid += amt
	inv, ok, err := w.bob.Store().InvoiceByLabel(w.t.Context(), label)
	if err != nil || !ok || inv.Status != invoice.Paid || inv.Received != amt {
		w.t.Fatalf("invoice %s is %s with %s: %v", label, inv.Status, inv.Received, err)
	}
	p, ok, err := w.alice.Store().PaymentByHash(w.t.Context(), inv.PaymentHash)
	if err != nil || !ok || p.Result.Status != pay.Complete || p.Result.Preimage != inv.Preimage {
		w.t.Fatalf("alice's payment %s is %s: %v", label, p.Result.Status, err)
	}
	var bobs amount.MilliSatoshi
	sides := map[string][]channel.View{}
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
			sides[ch.ID().String()] = append(sides[ch.ID().String()], v)
			if n == w.bob.Node {
				bobs += v.ToLocal
			}
		}
	}
	for id, s := range sides {
		if len(s) != 2 || s[0].ToLocal != s[1].ToRemote || s[0].ToRemote != s[1].ToLocal || s[0].ToLocal+s[0].ToRemote != 1_000_000_000 {
			w.t.Fatalf("the sides of channel %s do not agree: %+v", id, s)
		}
	}
	if bobs != w.paid {
		w.t.Fatalf("bob has %s, paid were %s", bobs, w.paid)
	}
}

func sweepAll(t *testing.T, channels int, amt amount.MilliSatoshi) {
	w := newWorld(t, channels)
	w.sweepAll(5, func() invoice.Row { return w.invoice(amt) }, func(label string) { w.judge(label, amt) })
}

// sweepAll is a sweep for each of the three, who have so many writes at the least.
func (w *world) sweepAll(least int, bill func() invoice.Row, judge func(label string)) {
	t := w.t
	t.Helper()
	for i, victim := range []*mortal{w.alice, w.carol, w.bob} {
		for _, after := range []bool{i == 1, i != 1}[:2/race.Step(2)] {
			deaths := w.sweep(victim, after, bill, judge)
			t.Logf("%s died %d times, after the write: %v", victim.alias, deaths, after)
			if deaths < least/race.Step(14) {
				t.Errorf("%s died %d times only: the sweep misses its writes", victim.alias, deaths)
			}
		}
	}
}

func TestAPaymentOfTwoHopsSurvivesADeathAtEachWrite(t *testing.T) {
	race.Like(t, TestAHeldInvoiceSurvivesADeathAtEachWrite)
	t.Parallel()
	sweepAll(t, 1, 5_000_000)
}

func TestAPaymentInTwoPartsSurvivesADeathAtEachWrite(t *testing.T) {
	race.Like(t, TestAHeldInvoiceSurvivesADeathAtEachWrite)
	t.Parallel()
	sweepAll(t, 2, 1_200_000_000)
}

// states are the states of a node's channels by id, from the rows.
func states(t *testing.T, n *node.Node) map[string]string {
	t.Helper()
	rows, err := n.Store().Channels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range rows {
		ch, err := channel.Load(r)
		if err != nil {
			t.Fatal(err)
		}
		out[ch.ID().String()] = ch.State()
	}
	return out
}

func TestOpeningAChannelSurvivesADeathAtEachWrite(t *testing.T) {
	race.Like(t, TestOpeningAChannelWithTokensSurvivesADeathAtEachWrite)
	t.Parallel()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mineOnly(t, c, 160)
	alice, carol := newMortal(t, c, "alice"), newMortal(t, c, "carol")
	w := &world{t: t, chain: c, alice: alice, carol: carol, bob: alice}
	for range 40 {
		fund(t, c, alice.Node, 500_000)
	}
	mine(t, c, 1, alice.Node, carol.Node)
	before := alice.Wallet().Balance()
	for i, victim := range []*mortal{alice, carol} {
		for _, after := range []bool{i == 1, i != 1}[:2/race.Step(2)] {
			if deaths := w.openSweep(victim, after, funding.Request{Amount: 100_000, FeePerKw: 1000, Commit: 1000, MinConf: 1}); deaths < 2/race.Step(4) {
				t.Errorf("%s died %d times only: the sweep misses its writes", victim.alias, deaths)
			}
		}
	}
	// What is not in channels is in the wallet, but for fees; nothing stays reserved.
	mine(t, c, 80, alice.Node, carol.Node)
	b := alice.Wallet().Balance()
	open := amount.Satoshi(len(states(t, alice.Node))) * 100_000
	if have := b.Confirmed + open; have > before.Confirmed || before.Confirmed-have > amount.Satoshi(len(states(t, alice.Node)))*2000 {
		t.Errorf("alice had %v and has %+v with %v in channels", before.Confirmed, b, open)
	}
}

func mineOnly(t *testing.T, c *regtest.Chain, blocks int) {
	t.Helper()
	if _, err := c.Mine(blocks, nil); err != nil {
		t.Fatal(err)
	}
}

// openSweep lets one node die at its k-th write of an opening, for every k, and
// judges: a channel that the opener has works on both sides once it is confirmed.
func (w *world) openSweep(victim *mortal, after bool, r funding.Request) (deaths int) {
	w.t.Helper()
	gone := 0
	for k := uint64(1); ; k += uint64(race.Step(8)) { //nolint:gosec // positive
		w.dial()
		w.alice.reads()
		w.carol.reads()
		known := len(states(w.t, w.alice.Node))
		victim.Store().SetFault(func(n uint64) (bool, bool) { return n == k && !after, n == k && after })
		ended := make(chan error, 1)
		alice, to := w.alice.Node, w.carol.ID()
		go func() {
			err := fmt.Errorf("the opener died")
			defer func() { ended <- err }()
			ctx, cancel := context.WithTimeout(w.t.Context(), longest)
			defer cancel()
			_, err = alice.OpenChannel(ctx, to, r)
		}()
		died, why := false, error(nil)
		select {
		case <-victim.died:
			died = true
		case why = <-ended:
		}
		switch {
		case victim.Store().SetFault(nil):
			died = true
			deaths++
			victim.restart()
			w.dial()
		case errors.Is(why, funding.ErrGone) && gone < 20: // both had called, and one connection took the other's place
			gone++
			k -= uint64(race.Step(8)) //nolint:gosec // positive
			continue
		case why != nil:
			w.t.Fatalf("opening failed without a death: %v", why)
		}
		blocks(w.t, w.chain, 1, w.alice.Node, w.carol.Node)
		blocks(w.t, w.chain, 6, w.alice.Node, w.carol.Node) // also when the first made it known again
		w.dial()
		until(w.t, "every channel of the opener works on both sides", func() bool {
			theirs := states(w.t, w.carol.Node)
			for id, state := range states(w.t, w.alice.Node) {
				if state != "CHANNELD_NORMAL" || theirs[id] != "CHANNELD_NORMAL" {
					return false
				}
			}
			return true
		})
		if !died {
			if now := len(states(w.t, w.alice.Node)); now != known+1 {
				w.t.Fatalf("alice had %d channels and has %d", known, now)
			}
			return deaths
		}
	}
}

// dial connects Alice to Carol.
func (w *world) dial() {
	w.t.Helper()
	until(w.t, "alice and carol are connected", func() bool {
		_, err := w.alice.Connect(w.t.Context(), w.carol.ID(), w.carol.addr)
		_, back := w.carol.Peers().Get(w.alice.ID())
		return err == nil && back
	})
}

func TestClosingAChannelSurvivesADeathAtEachWrite(t *testing.T) {
	race.Like(t, TestClosingAChannelWithTokensSurvivesADeathAtEachWrite)
	t.Parallel()
	for i, who := range []string{"closer", "peer"} {
		for _, after := range []bool{i == 1, i != 1}[:2/race.Step(2)] {
			for k := uint64(1); closeOnce(t, who, after, k); k += uint64(race.Step(10)) { //nolint:gosec // positive
			}
		}
	}
}

// closeOnce closes a new channel, lets one side die at its k-th write, and judges:
// the coins of both come back on-chain. It returns whether the side died.
func closeOnce(t *testing.T, who string, after bool, k uint64) (died bool) {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mineOnly(t, c, 110)
	alice, carol := newMortal(t, c, "alice"), newMortal(t, c, "carol")
	defer alice.Close()
	defer carol.Close()
	w := &world{t: t, chain: c, alice: alice, carol: carol, bob: alice}
	fund(t, c, alice.Node, 1_100_000)
	mine(t, c, 1, alice.Node, carol.Node)
	id := openChannel(t, alice.Node, carol.Node, 1_000_000, 300_000_000)
	mine(t, c, 6, alice.Node, carol.Node)
	victim := alice
	if who == "peer" {
		victim = carol
	}
	victim.Store().SetFault(func(n uint64) (bool, bool) { return n == k && !after, n == k && after })
	closer := alice.Node
	go func() {
		_ = closer.CloseChannel(context.WithoutCancel(t.Context()), id, nil, 1000) // the death may take it
	}()
	closed := func() bool {
		return alice.Wallet().Balance().Unconfirmed > 600_000 && carol.Wallet().Balance().Unconfirmed > 290_000 && c.Waiting() == 1
	}
	until(t, "the channel is closed or the victim has died", func() bool {
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
		w.dial()
		until(t, "the channel is closed after the restart", func() bool {
			if closed() {
				return true
			}
			w.dial()
			_ = alice.CloseChannel(t.Context(), id, nil, 1000) // as its owner would ask again
			return false
		})
	}
	mine(t, c, 1, alice.Node, carol.Node)
	if a, b := alice.Wallet().Balance().Confirmed, carol.Wallet().Balance().Confirmed; a < 690_000 || b > 300_000 || b < 299_000 {
		t.Fatalf("after a death of the %s at write %d (after: %v), alice has %v and carol %v", who, k, after, a, b)
	}
	return died
}
