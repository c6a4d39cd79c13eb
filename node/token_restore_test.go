package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

// teaHouse is Erin with channels of tea, one that she opened to Alice and one that Bob
// opened to her, and one of bitcoin with Carol.
type teaHouse struct {
	*lostHouse
	tea amount.Units // what is hers in channels
}

func newTeaHouse(t *testing.T) *teaHouse {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	mineOnly(t, c, 130)
	w := &teaHouse{lostHouse: &lostHouse{t: t, chain: c, alice: newHost(t, c, "alice"), bob: newHost(t, c, "bob"), carol: newHost(t, c, "carol"), erin: newHost(t, c, "erin")}}
	var nodes []*node.Node
	for _, h := range w.all() {
		h.stop()
		h.cfg.Assets.On = true
		h.start()
		nodes = append(nodes, h.Node)
		for range 3 {
			fund(t, c, h.Node, 600_000)
		}
	}
	w.mine(1)
	issue(t, c, w.erin.Node, 1000, map[*node.Node]amount.Units{w.bob.Node: 300}, nodes...)
	w.channel(w.erin, w.alice, funding.Request{Amount: 200_000, Push: 20_000_000, Asset: &open.Asset{Property: tea, Tokens: 500, Push: 100}})
	w.channel(w.bob, w.erin, funding.Request{Amount: 150_000, Push: 20_000_000, Asset: &open.Asset{Property: tea, Tokens: 250, Push: 50}})
	w.channel(w.erin, w.carol, funding.Request{Amount: 300_000, Push: 100_000_000})
	w.mine(6)
	until(t, "erin's channels work, and alice can name hers", func() bool {
		for _, l := range w.erin.Links().All() {
			if l.View().State != "CHANNELD_NORMAL" {
				return false
			}
		}
		return len(w.alice.IncomingTokens(tea, nil).Hints) == 1
	})
	w.send(70)
	for _, l := range w.erin.Links().All() {
		v := l.View()
		w.due, w.tea = w.due+v.ToLocal.Sat(), w.tea+v.TokensToLocal
		w.ids = append(w.ids, l.ID())
	}
	if w.tea != 380 {
		t.Fatalf("erin has %d in channels", w.tea)
	}
	w.coins = coins(w.erin.Node)
	b, err := os.ReadFile(filepath.Join(w.erin.cfg.Dir, "seed"))
	if err != nil {
		t.Fatal(err)
	}
	w.words = string(b)
	if w.backup, err = w.erin.Keeper().File(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// send has Erin pay Alice in tea.
func (w *teaHouse) send(units amount.Units) {
	w.t.Helper()
	row, err := w.alice.NewInvoice(w.t.Context(), invoice.Request{Label: fmt.Sprint(units), Property: tea, Units: units, Amount: amount.OrAny{Any: true}, Expiry: 3600})
	if err != nil {
		w.t.Fatal(err)
	}
	bill, err := obolt.Read(row.Bolt11)
	if err != nil {
		w.t.Fatal(err)
	}
	until(w.t, "it is paid", func() bool {
		_, err := w.erin.Sender().Pay(w.t.Context(), pay.Request{Bolt11: row.Bolt11, Invoice: &bill.Invoice, Property: bill.Property, Asked: bill.Units})
		return err == nil
	})
	until(w.t, "no HTLC is left", func() bool { return len(onlyLink(w.t, w.erin.Node, w.alice.ID()).View().HTLCs) == 0 })
}

// judge says whether each has its tea, to the unit, and Erin her coins but for fees.
func (w *teaHouse) judge() {
	w.t.Helper()
	for deadline := w.erin.Height() + 400; len(w.alice.Links().All())+len(w.bob.Links().All()) > 0; w.mine(20) {
		if w.erin.Height() > deadline {
			w.t.Fatal("the others' channels are never closed")
		}
	}
	w.lostHouse.judge(5)
	if got, want := has(w.t, w.erin.Node), 200+w.tea; got != want {
		w.t.Errorf("erin has %d units of %d", got, want)
	}
	var all amount.Units
	for _, h := range w.all() {
		all += has(w.t, h.Node)
	}
	if all != 1000 {
		w.t.Errorf("all have %d units of 1000", all)
	}
}

func TestWithSeedAndBackupAloneTheTokensOfEveryChannelComeHome(t *testing.T) {
	race.Like(t, TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome)
	t.Parallel()
	w := newTeaHouse(t)
	w.burn()
	w.mine(3)
	p := w.restore(w.backup)
	in := map[amount.Property]amount.Units{}
	for i := range p.Backup.Channels {
		in[p.Backup.Channels[i].Property] += p.Backup.Channels[i].Tokens
	}
	if len(p.Backup.Channels) != 3 || in[tea] != 750 || len(in) != 2 {
		t.Fatalf("%+v", p)
	}
	w.erin.start()
	if list := w.statuses(); len(list) != 3 {
		t.Fatalf("%v", list)
	}
	w.closedFor(w.alice, w.bob, w.carol)
	w.judge()
}

func TestAnOldDatabaseWithTokensNeverBroadcastsAndGetsThem(t *testing.T) {
	race.Like(t, TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome)
	t.Parallel()
	w := newTeaHouse(t)
	old := w.copyOfErin()
	w.send(30)
	w.tea -= 30
	v := onlyLink(t, w.erin.Node, w.alice.ID()).View()
	w.due = v.ToLocal.Sat() + onlyLink(t, w.erin.Node, w.bob.ID()).View().ToLocal.Sat() + onlyLink(t, w.erin.Node, w.carol.ID()).View().ToLocal.Sat()
	w.erin.stop()
	w.erin.cfg.Dir = old
	w.erin.start()
	at := onlyLink(t, w.erin.Node, w.alice.ID())
	until(t, "erin knows that she has lost state", func() bool { return at.Status().Status >= channel.Lost })
	for _, l := range w.erin.Links().All() {
		l.Do(func(ch *channel.Channel) { ch.ForceClose("for a test") }) // those that lost nothing
	}
	w.closedFor(w.alice, w.bob, w.carol)
	w.judge()
}
