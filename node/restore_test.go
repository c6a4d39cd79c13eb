package node_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/keeper"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// host is a node that keeps its address over restarts.
type host struct {
	*node.Node
	t    *testing.T
	cfg  node.Config
	open bool
}

func newHost(t *testing.T, c *regtest.Chain, alias string) *host {
	t.Helper()
	h := &host{t: t, cfg: node.Config{
		Dir: ready.Dir(t, filepath.Join(t.TempDir(), alias)), Network: c.Params(), Source: c, Alias: alias, Listen: home(t),
		Log: testLog(alias), Fatal: func(err error) { panic(err) },
	}}
	h.start()
	h.cfg.Listen = h.Addr().String()
	t.Cleanup(func() {
		if h.open {
			h.Close()
		}
	})
	return h
}

func (h *host) start() {
	h.t.Helper()
	if err := h.try(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) try() error {
	n, err := node.Open(h.t.Context(), h.cfg)
	if err == nil {
		h.Node, h.open = n, true
	}
	return err
}

func (h *host) stop() {
	h.t.Helper()
	h.open = false
	if err := h.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// lostHouse is Erin with channels of all kinds to Alice, Bob and Carol.
type lostHouse struct {
	t                       *testing.T
	chain                   *regtest.Chain
	erin, alice, bob, carol *host
	words                   string
	backup                  []byte           // Erin's file
	due                     amount.Satoshi   // what is hers in channels
	coins                   amount.Satoshi   // and on-chain
	ids                     []wire.ChannelID // of her channels
}

func newLostHouse(t *testing.T) *lostHouse {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	mineOnly(t, c, 130)
	w := &lostHouse{t: t, chain: c, alice: newHost(t, c, "alice"), bob: newHost(t, c, "bob"), carol: newHost(t, c, "carol"), erin: newHost(t, c, "erin")}
	w.erin.stop()
	w.erin.cfg.ZeroConf = []wire.NodeID{w.carol.ID()}
	w.erin.start()
	for _, h := range w.all() {
		for range 3 {
			fund(t, c, h.Node, 1_100_000)
		}
	}
	w.mine(1)
	none := uint32(0)
	w.channel(w.erin, w.alice, funding.Request{Amount: 1_000_000, Push: 300_000_000, Announce: true})
	w.channel(w.erin, w.bob, funding.Request{Amount: 500_000, Push: 1_000_000})
	w.channel(w.bob, w.erin, funding.Request{Amount: 400_000, Push: 150_000_000, Announce: true})
	w.channel(w.carol, w.erin, funding.Request{Amount: 300_000, Push: 100_000_000, Depth: &none})
	w.channel(w.erin, w.carol, funding.Request{Amount: 200_000, Announce: true}) // never used
	w.mine(6)
	until(t, "erin's channels work", func() bool {
		usable := 0
		for _, l := range w.erin.Links().All() {
			if _, ok := l.Capacity(); ok {
				usable++
			}
		}
		return usable == 5
	})
	w.pay(w.erin, w.alice, 50_000_000)
	w.pay(w.alice, w.erin, 20_000_000)
	w.pay(w.erin, w.alice, 1_234_000)
	until(t, "no HTLC is left", func() bool {
		for _, l := range w.erin.Links().All() {
			if len(l.View().HTLCs) > 0 {
				return false
			}
		}
		return true
	})
	for _, l := range w.erin.Links().All() {
		w.due += l.View().ToLocal.Sat()
		w.ids = append(w.ids, l.ID())
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

func (w *lostHouse) all() []*host { return []*host{w.erin, w.alice, w.bob, w.carol} }

func (w *lostHouse) mine(blocks int) {
	w.t.Helper()
	var up []*node.Node
	for _, h := range w.all() {
		if h.open {
			up = append(up, h.Node)
		}
	}
	mine(w.t, w.chain, blocks, up...)
	ledgers(w.t, w.chain, up...)
}

func (w *lostHouse) channel(from, to *host, r funding.Request) {
	w.t.Helper()
	if _, err := from.Connect(w.t.Context(), to.ID(), to.Addr().String()); err != nil {
		w.t.Fatal(err)
	}
	r.FeePerKw, r.Commit, r.MinConf = 1000, 1000, 1
	if _, err := from.OpenChannel(w.t.Context(), to.ID(), r); err != nil {
		w.t.Fatal(err)
	}
	w.mine(1)
}

func (w *lostHouse) pay(from, to *host, amt amount.MilliSatoshi) {
	w.t.Helper()
	row, err := to.NewInvoice(w.t.Context(), invoice.Request{Label: fmt.Sprint(amt), Amount: amount.OrAny{Msat: amt}, Expiry: 3600})
	if err != nil {
		w.t.Fatal(err)
	}
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil {
		w.t.Fatal(err)
	}
	until(w.t, "it is paid", func() bool {
		_, err := from.Sender().Pay(w.t.Context(), pay.Request{Bolt11: row.Bolt11, Invoice: inv})
		return err == nil
	})
}

// burn ends Erin's machine, and gives her another one with an empty disk.
func (w *lostHouse) burn() {
	w.t.Helper()
	w.erin.stop()
	w.erin.cfg.Dir = filepath.Join(w.t.TempDir(), "erin again")
}

// restore makes Erin's data folder anew.
func (w *lostHouse) restore(sealed []byte) keeper.Prospect {
	w.t.Helper()
	seed, err := keys.SeedFromWords(w.words)
	if err != nil {
		w.t.Fatal(err)
	}
	r := keeper.Restoration{Dir: w.erin.cfg.Dir, Network: w.chain.Params(), Seed: seed, Backup: sealed, Random: rand.Reader, Now: time.Now}
	p, err := r.Do(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// closedFor mines until the channels of Erin's with some peers are closed for good.
func (w *lostHouse) closedFor(peers ...*host) {
	w.t.Helper()
	until(w.t, "erin has looked at all blocks", func() bool { return !w.erin.Rescanning() })
	deadline := w.erin.Height() + 400
	for {
		open := 0
		for _, l := range w.erin.Links().All() {
			for _, h := range peers {
				if l.Params().Peer == h.ID() {
					open++
				}
			}
		}
		if open == 0 {
			return
		}
		if w.erin.Height() > deadline {
			for _, l := range w.erin.Links().All() {
				plan, _ := w.erin.Plan(l.ID())
				w.t.Logf("%v %v: %v at %d, claims %+v, outputs %+v", l.Params().Capacity, l.Status(), plan.Kind, plan.Height, plan.Claims, plan.Outputs)
			}
			w.t.Fatalf("%d channels are never closed", open)
		}
		until(w.t, "erin's peers are there, or their channels are spent", func() bool {
			for _, l := range w.erin.Links().All() {
				for _, h := range peers {
					plan, _ := w.erin.Plan(l.ID())
					theirs, there := h.Links().Get(l.ID())
					if l.Params().Peer == h.ID() && plan.Height == 0 && there && theirs.Status().Status == channel.Open {
						return false
					}
				}
			}
			return true
		})
		blocks := 1
		if w.chain.Waiting() == 0 {
			blocks = 20
		}
		w.mine(blocks)
		until(w.t, "erin has claimed what she can", func() bool { return w.erin.Enforced() == w.erin.Synced() })
	}
}

// judge says whether Erin has all that is hers but for fees.
func (w *lostHouse) judge(channels int) {
	w.t.Helper()
	got, want := coins(w.erin.Node), w.coins+w.due
	fees := amount.Satoshi(channels) * 3000 // of the commitments that she opened, with their anchors, and of what she claims
	if got > want || got+fees < want {
		w.t.Errorf("erin has %v of %v", got, want)
	}
}

// statuses are those of Erin's channels that are not closed for good.
func (w *lostHouse) statuses() (list []channel.Status) {
	for _, l := range w.erin.Links().All() {
		list = append(list, l.Status().Status)
	}
	return list
}

func TestWithSeedAndBackupAloneTheCoinsOfEveryChannelComeHome(t *testing.T) {
	race.Like(t, TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome)
	t.Parallel()
	w := newLostHouse(t)
	w.burn()
	w.bob.stop()
	w.mine(3)
	p := w.restore(w.backup)
	if len(p.Backup.Channels) != 5 || p.Node != w.erin.ID() {
		t.Fatalf("%+v", p)
	}
	w.erin.start()
	if list := w.statuses(); len(list) != 5 {
		t.Fatalf("%v", list)
	}
	w.closedFor(w.alice, w.carol)
	for _, s := range w.statuses() {
		if s != channel.Lost {
			t.Errorf("a channel of one who is away is %v", s)
		}
	}
	w.erin.stop() // and once more
	w.erin.start()
	w.bob.start()
	w.closedFor(w.bob)
	w.judge(5)
	// Life goes on, with keys that no channel had.
	fund(t, w.chain, w.erin.Node, 100_000)
	w.mine(1)
	w.channel(w.erin, w.alice, funding.Request{Amount: 50_000})
	if index := onlyLink(t, w.erin.Node, w.alice.ID()).Params().KeyIndex; index < 100_000 {
		t.Errorf("the keys of a new channel are number %d", index)
	}
}

func TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome(t *testing.T) {
	t.Parallel()
	w := newLostHouse(t)
	until(t, "alice stores what erin has now", func() bool {
		return w.stores(w.alice, 5)
	})
	w.burn()
	w.restore(nil)
	w.erin.start()
	if ids, err := w.erin.Keeper().RestoreFromPeer(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
	if _, err := w.erin.Connect(t.Context(), w.alice.ID(), w.alice.Addr().String()); err != nil {
		t.Fatal(err)
	}
	var ids []wire.ChannelID
	until(t, "alice has given back what she stores", func() bool {
		some, err := w.erin.Keeper().RestoreFromPeer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, some...)
		return len(ids) == 5
	})
	w.closedFor(w.alice, w.bob, w.carol)
	w.judge(5)
}

// stores says whether a node stores a backup of Erin's with so many channels.
func (w *lostHouse) stores(h *host, channels int) bool {
	blob, ok, err := h.Store().PeerStorage(w.t.Context(), w.erin.ID())
	if err != nil || !ok {
		return false
	}
	seed, err := keys.SeedFromWords(w.words)
	if err != nil {
		w.t.Fatal(err)
	}
	r := keeper.Restoration{Network: w.chain.Params(), Seed: seed, Backup: blob}
	p, err := r.Check()
	return err == nil && len(p.Backup.Channels) == channels && len(blob) == 65531
}

// The seed and the backup are put into an empty folder by hand, and the command brings
// the channels back.
func TestAnEmergencyRecoveryBringsTheChannelsOfTheFileBack(t *testing.T) {
	race.Like(t, TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome)
	t.Parallel()
	w := newLostHouse(t)
	w.burn()
	if err := os.MkdirAll(w.erin.cfg.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"seed": []byte(w.words), keeper.BackupFile: w.backup} {
		if err := os.WriteFile(filepath.Join(w.erin.cfg.Dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.erin.start()
	if got := w.statuses(); len(got) != 0 {
		t.Errorf("%v before the command", got)
	}
	// A start, and a new backup, forget nothing of it.
	w.erin.stop()
	w.erin.start()
	if _, err := w.erin.Keeper().File(t.Context()); err != nil {
		t.Fatal(err)
	}
	ids, err := w.erin.Keeper().RestoreFromFile(t.Context())
	if err != nil || len(ids) != 5 {
		t.Fatalf("%v, %v", ids, err)
	}
	if again, err := w.erin.Keeper().RestoreFromFile(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("%v, %v", again, err)
	}
	w.closedFor(w.alice, w.bob, w.carol)
	w.judge(5)
}

func TestAChannelIsRecoveredFromItsOwnBackup(t *testing.T) {
	race.Like(t, TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome)
	t.Parallel()
	w := newLostHouse(t)
	list, err := w.erin.Keeper().Static(t.Context())
	if err != nil || len(list) != 5 {
		t.Fatal(len(list), err)
	}
	if _, err := w.alice.Keeper().Restore(t.Context(), list...); err == nil {
		t.Error("alice reads it")
	}
	w.burn()
	w.restore(nil)
	w.erin.start()
	if ids, err := w.erin.Keeper().Restore(t.Context(), list[0], list[1]); err != nil || len(ids) != 2 {
		t.Fatalf("%v, %v", ids, err)
	}
	if ids, err := w.erin.Keeper().Restore(t.Context(), list...); err != nil || len(ids) != 3 {
		t.Fatalf("%v, %v", ids, err)
	}
	w.closedFor(w.alice, w.bob, w.carol)
	w.judge(5)
}

// copyOfErin copies her folder while she is stopped.
func (w *lostHouse) copyOfErin() string {
	w.t.Helper()
	w.erin.stop()
	to := filepath.Join(w.t.TempDir(), "copy")
	if err := os.MkdirAll(to, 0o700); err != nil {
		w.t.Fatal(err)
	}
	copyDir(w.t, to, w.erin.cfg.Dir)
	w.erin.start()
	until(w.t, "erin's channels work again", func() bool {
		for _, l := range w.erin.Links().All() {
			if !l.View().Connected {
				return false
			}
		}
		return true
	})
	return to
}

// putBack puts a database in the place of a folder's.
func putBack(t *testing.T, dir, from string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		to := filepath.Join(dir, "leyden.sqlite3"+suffix)
		if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		b, err := os.ReadFile(from + suffix)
		if errors.Is(err, os.ErrNotExist) && suffix != "" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnOldDatabaseIsRefusedAndItsChannelsCanBeGivenUp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a copy of a stopped node", "an online copy"}[race.Step(2)-1:] {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newLostHouse(t)
			var old string
			if name == "an online copy" {
				old = filepath.Join(t.TempDir(), "copy")
				if err := w.erin.Store().Copy(t.Context(), old); err != nil {
					t.Fatal(err)
				}
			} else {
				old = filepath.Join(w.copyOfErin(), "leyden.sqlite3")
			}
			before := w.due
			w.pay(w.erin, w.alice, 30_000_000)
			until(t, "no HTLC is left", func() bool { return len(onlyLink(t, w.erin.Node, w.alice.ID()).View().HTLCs) == 0 })
			w.due = before - 30_000
			w.erin.stop()
			putBack(t, w.erin.cfg.Dir, old)
			for range 2 { // a refusal changes nothing
				var why *keeper.OldError
				if err := w.erin.try(); !errors.As(err, &why) {
					t.Fatalf("%v", err)
				}
			}
			w.erin.cfg.ChannelsLost = true
			w.erin.start()
			for _, s := range w.statuses() {
				if s != channel.Lost {
					t.Errorf("a channel is %v", s)
				}
			}
			w.erin.cfg.ChannelsLost = false
			w.erin.stop()
			w.erin.start() // it is known by now
			w.closedFor(w.alice, w.bob, w.carol)
			w.judge(5)
		})
	}
}

// Nothing beside the database is newer, but what peers store is.
func TestAPeerThatStoresANewerBackupProvesThatTheDatabaseIsOld(t *testing.T) {
	race.Like(t, TestWithSeedAndPeersAloneTheCoinsOfEveryChannelComeHome)
	t.Parallel()
	w := newLostHouse(t)
	old := w.copyOfErin()
	w.pay(w.erin, w.alice, 30_000_000)
	w.due -= 30_000
	w.channel(w.erin, w.carol, funding.Request{Amount: 100_000}) // the old database does not know of it
	w.mine(6)
	until(t, "alice stores what erin has now", func() bool { return w.stores(w.alice, 6) })
	w.due, w.coins = w.due+100_000, coins(w.erin.Node)
	w.erin.stop()
	w.erin.cfg.Dir = old
	w.bob.stop()
	w.erin.start()
	until(t, "erin has given up every channel, and knows of the last one", func() bool {
		list := w.statuses()
		for _, s := range list {
			if s != channel.Lost {
				return false
			}
		}
		return len(list) == 6
	})
	w.bob.start()
	w.closedFor(w.alice, w.bob, w.carol)
	w.judge(7)
}

func TestASeedThatIsMissingIsNotMadeAnew(t *testing.T) {
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	mineOnly(t, c, 1)
	h := newHost(t, c, "alice")
	h.stop()
	path := filepath.Join(h.cfg.Dir, "seed")
	seed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := h.try(); err == nil {
		t.Error("the node starts")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a new seed lies there: %v", err)
	}
	if err := os.WriteFile(path, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	h.start()
}

func TestPaymentsGoOnWhileACopyIsMade(t *testing.T) {
	race.Leave(t, "the copy is made and written beside as in the store's TestACopyIsTheDatabaseOfOneMomentAndWritesGoOn")
	t.Parallel()
	w := newWorld(t, 1)
	ctx, stop := context.WithCancel(t.Context())
	made := make(chan int, 1)
	go func() {
		n := 0
		for ctx.Err() == nil {
			if err := w.carol.Store().Copy(t.Context(), filepath.Join(w.carol.dir, fmt.Sprint("copy", n))); err != nil {
				t.Error(err)
				break
			}
			n++
		}
		made <- n
	}()
	for range 20 {
		w.pay(w.invoice(1_000_000).Bolt11, w.bob)
	}
	w.settled()
	stop()
	n := <-made
	t.Logf("%d copies during the payments", n)
	for i := range n {
		dir := t.TempDir()
		if err := os.Rename(filepath.Join(w.carol.dir, fmt.Sprint("copy", i)), filepath.Join(dir, "leyden.sqlite3")); err != nil {
			t.Fatal(err)
		}
		if i%7 != 0 {
			continue
		}
		s, err := store.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.Channels(t.Context())
		if err != nil || len(rows) != 2 {
			t.Fatal(len(rows), err)
		}
		for _, r := range rows {
			if _, err := channel.Load(r); err != nil {
				t.Errorf("copy %d: %v", i, err)
			}
		}
		if id, _, _ := s.Fact(t.Context(), keeper.FactNode); !bytes.Equal(id, idBytes(w.carol.Node)) {
			t.Error("it is of another node")
		}
		s.Close()
	}
}

func idBytes(n *node.Node) []byte { id := n.ID(); return id[:] }
