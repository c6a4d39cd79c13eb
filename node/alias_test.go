package node_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// hidden is a network in which Alice reaches Carol by a public channel, and Carol
// Bob by one that is not announced.
type hidden struct {
	t                 *testing.T
	chain             *regtest.Chain
	alice, carol, bob *node.Node
}

// persona is a node with changes of its configuration.
func persona(t *testing.T, c *regtest.Chain, alias string, change func(*node.Config)) *node.Node {
	t.Helper()
	cfg := node.Config{
		Dir: ready.Dir(t, t.TempDir()), Network: c.Params(), Source: c, Alias: alias, Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
		Fatal: func(err error) { panic(err) },
	}
	change(&cfg)
	n, err := node.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// before is the network without the second channel: Bob trusts Carol.
func before(t *testing.T, source func(chain.Source) chain.Source) *hidden {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	mineOnly(t, c, 110)
	w := &hidden{t: t, chain: c, alice: persona(t, c, "alice", func(*node.Config) {})}
	w.carol = persona(t, c, "carol", func(cfg *node.Config) { cfg.Source = source(c) })
	w.bob = persona(t, c, "bob", func(cfg *node.Config) { cfg.ZeroConf = []wire.NodeID{w.carol.ID()} })
	fund(t, c, w.alice, 2_000_000)
	fund(t, c, w.carol, 2_000_000)
	w.mine(1)
	openChannel(t, w.alice, w.carol, 1_000_000, 100_000_000)
	w.mine(6)
	until(t, "alice knows her channel", func() bool { return known(w.alice) == 1 })
	return w
}

func same(s chain.Source) chain.Source { return s }

func (w *hidden) mine(blocks int) {
	w.t.Helper()
	mine(w.t, w.chain, blocks, w.alice, w.carol, w.bob)
}

// open opens a channel from Carol to Bob.
func (w *hidden) open(announce bool, depth *uint32) funding.Opened {
	w.t.Helper()
	if _, err := w.carol.Connect(w.t.Context(), w.bob.ID(), w.bob.Addr().String()); err != nil {
		w.t.Fatal(err)
	}
	opened, err := w.carol.OpenChannel(w.t.Context(), w.bob.ID(), funding.Request{
		Amount: 500_000, FeePerKw: 1000, Commit: 1000, MinConf: 1, Announce: announce, Depth: depth,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return opened
}

// sides are the two sides of their channel.
func (w *hidden) sides() (bobs, carols *link.Link) {
	w.t.Helper()
	return onlyLink(w.t, w.bob, w.carol.ID()), onlyLink(w.t, w.carol, w.bob.ID())
}

// ready waits until both sides of the private channel know each other's terms.
func (w *hidden) ready() (bobs, carols *link.Link) {
	w.t.Helper()
	bobs, carols = w.sides()
	until(w.t, "both know each other's terms", func() bool {
		return w.bob.Book().Update(bobs.Params().LocalAlias, w.carol.ID()) != nil &&
			w.carol.Book().Update(carols.Params().LocalAlias, w.bob.ID()) != nil
	})
	until(w.t, "bob knows alice's channel", func() bool { return known(w.bob) == 1 })
	return bobs, carols
}

// bill is an invoice of a node's.
func (w *hidden) bill(of *node.Node, label string, amt amount.MilliSatoshi) pay.Request {
	w.t.Helper()
	row, err := of.NewInvoice(w.t.Context(), invoice.Request{Label: label, Amount: amount.OrAny{Msat: amt}, Expiry: 3600})
	if err != nil {
		w.t.Fatal(err)
	}
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil {
		w.t.Fatal(err)
	}
	return pay.Request{Bolt11: row.Bolt11, Invoice: inv}
}

// paid pays a bill, which must succeed.
func (w *hidden) paid(from *node.Node, r pay.Request) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), longest)
	defer cancel()
	if _, err := from.Sender().Pay(ctx, r); err != nil {
		w.t.Fatalf("a payment of %s: %v", *r.Invoice.Amount, err)
	}
}

// ask sends an HTLC from Alice through Carol, over a channel that she names, and
// gives how it ended.
func (w *hidden) ask(over wire.ShortChannelID, hash wire.PaymentHash, sent, arrives amount.MilliSatoshi) pay.AttemptResultRow {
	w.t.Helper()
	h := w.alice.Height()
	first := onlyLink(w.t, w.alice, w.carol.ID()).Status().SCID
	_, err := w.alice.Sender().SendPay(w.t.Context(), pay.Manual{
		PaymentHash: hash, Total: arrives, Group: 1, Route: pay.Route{
			{NodeID: w.carol.ID(), SCID: first, Amount: sent, CLTVExpiry: h + 200},
			{NodeID: w.bob.ID(), SCID: over, Amount: arrives, CLTVExpiry: h + 60},
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), longest)
	defer cancel()
	row, err := w.alice.Sender().WaitSendPay(ctx, hash, 0, 0)
	if err == nil || row.Result.Failure == nil {
		w.t.Fatalf("the HTLC over %s ended with %+v, %v", over, row.Result, err)
	}
	return row.Result
}

// enclosed is the channel that the channel_update in a failure names; zero: none.
func enclosed(t *testing.T, r pay.AttemptResultRow) wire.ShortChannelID {
	t.Helper()
	f, err := onion.DecodeFailure(r.Failure.Message)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := f.Channel()
	if u == nil {
		return 0
	}
	return u.ShortChannelID
}

// knows says whether a node's graph has a channel of a name.
func knows(n *node.Node, id wire.ShortChannelID) (known bool) {
	n.Graph(func(g *graph.Graph) { _, known = g.ByID(id) })
	return known
}

func TestAPrivateChannelIsKnownByItsAliasOnly(t *testing.T) {
	race.Like(t, TestAlicePaysBobThroughCarol)
	t.Parallel()
	w := before(t, same)
	w.open(false, nil)
	w.mine(3)
	bobs, carols := w.ready()
	scid, alias := carols.Status().SCID, carols.Params().LocalAlias
	if scid == 0 || alias == 0 || bobs.Status().RemoteAlias != alias || carols.Status().RemoteAlias != bobs.Params().LocalAlias {
		t.Fatalf("carol: %s, alias %s; bob has %+v", scid, alias, bobs.Status())
	}

	// Invoices name the alias that the peer gave.
	// BOLT 2: "MUST NOT use the real `short_channel_id` in BOLT 11 `r` fields."
	bill := w.bill(w.bob, "tea", 10_000_000)
	if h := bill.Invoice.Hints; len(h) != 1 || len(h[0]) != 1 || h[0][0].NodeID != w.carol.ID() || h[0][0].SCID != alias {
		t.Fatalf("bob's invoice has the hints %+v, carol's alias is %s", h, alias)
	}
	w.paid(w.alice, bill)
	// Its own two nodes use it too.
	w.paid(w.carol, w.bill(w.bob, "from carol", 5_000_000))
	w.paid(w.bob, w.bill(w.carol, "from bob", 3_000_000))
	w.paid(w.bob, w.bill(w.alice, "from bob to alice", 2_000_000))

	// BOLT 2: "MUST NOT allow incoming HTLCs to this channel using the real `short_channel_id`"
	if r := w.ask(scid, wire.PaymentHash{1}, 2_000_000, 1_000_000); r.Failure.FailCode != uint16(onion.CodeUnknownNextPeer) {
		t.Errorf("an HTLC over the short_channel_id: %+v", r.Failure)
	}
	// BOLT 4: "MUST set `short_channel_id` to the `short_channel_id` used by the incoming onion."
	for code, r := range map[onion.Code]pay.AttemptResultRow{
		onion.CodeFeeInsufficient:         w.ask(alias, wire.PaymentHash{2}, 1_000_000, 1_000_000),
		onion.CodeTemporaryChannelFailure: w.ask(alias, wire.PaymentHash{3}, 601_000_000, 600_000_000),
	} {
		if r.Failure.FailCode != uint16(code) || enclosed(t, r) != alias {
			t.Errorf("%v: %s, about %s", code, r.Failure.Text, enclosed(t, r))
		}
	}

	// Each tells the other its terms, by the name that the other gave, and to nobody else.
	for who, u := range map[string]*wire.ChannelUpdate{
		"carol": w.bob.Book().Update(bobs.Params().LocalAlias, w.carol.ID()),
		"bob":   w.carol.Book().Update(alias, w.bob.ID()),
	} {
		if u.MessageFlags != 3 { // must_be_one, dont_forward
			t.Errorf("%s's channel_update has message_flags %d", who, u.MessageFlags)
		}
	}
	for _, id := range []wire.ShortChannelID{scid, alias, bobs.Params().LocalAlias} {
		if knows(w.alice, id) {
			t.Errorf("alice knows of %s", id)
		}
	}
	if w.bob.Book().Update(scid, w.bob.ID()) != nil || w.carol.Book().Update(scid, w.carol.ID()) != nil {
		t.Error("a channel_update was made that names the short_channel_id")
	}
}

func TestAPrivateChannelIsNamedByItsAliasAfterAStart(t *testing.T) {
	race.Like(t, TestAlicePaysBobThroughCarol)
	t.Parallel()
	w := before(t, same)
	w.open(false, nil)
	w.mine(3)
	bobs, carols := w.ready()
	alias, own := carols.Params().LocalAlias, bobs.Params().LocalAlias
	dir := w.bob.Dir()
	w.bob.Close()
	w.bob = persona(t, w.chain, "bob", func(cfg *node.Config) { cfg.Dir = dir })
	until(t, "bob remembers carol's terms", func() bool { return w.bob.Book().Update(own, w.carol.ID()) != nil })
	if h := w.bill(w.bob, "while carol is away", 1000).Invoice.Hints; len(h) != 1 || h[0][0].SCID != alias {
		t.Errorf("the hints are %+v", h)
	}
	if _, err := w.carol.Connect(t.Context(), w.bob.ID(), w.bob.Addr().String()); err != nil {
		t.Fatal(err)
	}
	until(t, "carol can use it", func() bool { _, usable := carols.Capacity(); return usable })
	w.paid(w.alice, w.bill(w.bob, "tea", 10_000_000))
}

func TestAChannelThatIsClosedKeepsNoName(t *testing.T) {
	race.Like(t, TestClosingAChannelWithTokensSurvivesADeathAtEachWrite)
	t.Parallel()
	w := before(t, same)
	w.open(false, nil)
	w.mine(3)
	bobs, carols := w.ready()
	if err := w.carol.CloseChannel(t.Context(), carols.ID(), nil, 1000); err != nil {
		t.Fatal(err)
	}
	until(t, "the closing transaction is in the mempool", func() bool { return w.chain.Waiting() == 1 })
	w.mine(1)
	for n, id := range map[*node.Node]wire.ShortChannelID{w.bob: bobs.Params().LocalAlias, w.carol: carols.Params().LocalAlias} {
		until(t, "its alias is no longer in the graph", func() bool { return !knows(n, id) })
	}
	if h := w.bill(w.bob, "late", 1000).Invoice.Hints; len(h) != 0 {
		t.Errorf("the hints are %+v", h)
	}
}

func TestAnUnconfirmedChannelOfATrustedPeerPaysAtOnce(t *testing.T) {
	race.Like(t, TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome)
	t.Parallel()
	for name, announce := range map[string]bool{"public": true, "private": false} {
		t.Run(name, func(t *testing.T) {
			w := before(t, same)
			w.open(announce, new(uint32))
			bobs, carols := w.ready()
			if s := carols.Status(); s.SCID != 0 || bobs.Status().SCID != 0 {
				t.Fatalf("it is in a block: %+v", s)
			}
			alias := carols.Params().LocalAlias
			bill := w.bill(w.bob, "at once", 10_000_000)
			if h := bill.Invoice.Hints; len(h) != 1 || h[0][0].SCID != alias {
				t.Fatalf("the hints are %+v", h)
			}
			w.paid(w.alice, bill)
			w.paid(w.carol, w.bill(w.bob, "from carol", 10_000_000))
			w.paid(w.bob, w.bill(w.alice, "from bob", 1_000_000))
			late := w.bill(w.bob, "of before the block", 2_000_000)

			w.mine(1)
			until(t, "both know its place", func() bool { return carols.Status().SCID != 0 && bobs.Status().SCID != 0 })
			w.paid(w.alice, late)
			w.mine(5)
			if announce {
				until(t, "it is announced", func() bool { return known(w.alice) == 2 })
				for _, n := range []*node.Node{w.alice, w.bob, w.carol} {
					until(t, "only by its short_channel_id", func() bool {
						return knows(n, carols.Status().SCID) && !knows(n, alias) && !knows(n, bobs.Params().LocalAlias)
					})
				}
			}
			end := w.bill(w.bob, "in the end", 3_000_000)
			if hints := len(end.Invoice.Hints); announce != (hints == 0) {
				t.Errorf("%d hints", hints)
			}
			w.paid(w.alice, end)
		})
	}
}

func TestAFundingThatNeverComesKeepsTheChannelAsItWas(t *testing.T) {
	race.Like(t, TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome)
	t.Parallel()
	w := before(t, func(s chain.Source) chain.Source { return mute{s} })
	w.open(false, new(uint32))
	bobs, carols := w.ready()
	w.paid(w.alice, w.bill(w.bob, "on trust", 10_000_000))
	w.mine(20)
	if s := bobs.Status(); s.SCID != 0 || s.Status != channel.Open {
		t.Errorf("bob's channel: %+v", s)
	}
	w.paid(w.alice, w.bill(w.bob, "on trust again", 10_000_000))
	until(t, "no HTLC is left", func() bool { return len(bobs.View().HTLCs)+len(carols.View().HTLCs) == 0 })
	if v := bobs.View(); v.ToLocal != 20_000_000 {
		t.Errorf("bob has %s", v.ToLocal)
	}
}

func TestAPeerThatIsNotTrustedOpensNoUnconfirmedChannel(t *testing.T) {
	race.Like(t, TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome)
	t.Parallel()
	w := before(t, same)
	if _, err := w.carol.Connect(t.Context(), w.alice.ID(), w.alice.Addr().String()); err != nil {
		t.Fatal(err)
	}
	_, err := w.carol.OpenChannel(t.Context(), w.alice.ID(), funding.Request{
		Amount: 1_000_000, FeePerKw: 1000, Commit: 1000, MinConf: 1, Depth: new(uint32),
	})
	if !errors.Is(err, funding.ErrRefused) {
		t.Errorf("got %v", err)
	}
	if b := w.carol.Wallet().Balance(); b.Reserved != 0 || len(w.carol.Links().All()) != 1 {
		t.Errorf("carol's coins: %+v", b)
	}
}
