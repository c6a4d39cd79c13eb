package node_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

// longest is how long a test waits for what nodes do by themselves.
const longest = 3 * time.Minute

// until waits for a condition that the nodes reach by themselves.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(longest)
	for pause := 2 * time.Millisecond; !ok(); pause = min(pause*5/4, 20*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(pause)
	}
}

var homes atomic.Uint32

// home is where a node listens that is to be found at the same port again after a
// restart: at a host of its own, where meanwhile nobody else is given the port.
func home(t *testing.T) string {
	t.Helper()
	n := homes.Add(1)
	host := fmt.Sprintf("127.%d.%d.%d:0", 1+os.Getpid()%250, n>>8%256, n%256)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", host)
	if err != nil {
		return "127.0.0.1:0" // a system that has no other one
	}
	l.Close()
	return host
}

func start(t *testing.T, c *regtest.Chain, dir, alias string) *node.Node {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("LEYDEN_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", alias)
	}
	n, err := node.Open(t.Context(), node.Config{
		Dir: ready.Dir(t, dir), Network: c.Params(), Source: c, Alias: alias, Listen: "127.0.0.1:0", Log: log,
		Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func mine(t *testing.T, c *regtest.Chain, blocks int, nodes ...*node.Node) {
	t.Helper()
	if _, err := c.Mine(blocks, nil); err != nil {
		t.Fatal(err)
	}
	tip, _ := c.Tip(t.Context())
	until(t, "every node has seen the block", func() bool {
		for _, n := range nodes {
			if n.Synced() != tip.Height {
				return false
			}
		}
		return true
	})
}

func fund(t *testing.T, c *regtest.Chain, n *node.Node, sat amount.Satoshi) {
	t.Helper()
	pending, err := n.Wallet().NewAddress(wallet.P2TR)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := pending.Commit(t.Context(), n.Store())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(addr.Script, sat); err != nil {
		t.Fatal(err)
	}
}

// known is how many public channels a node knows with the terms of both directions.
func known(n *node.Node) (count int) {
	n.Graph(func(g *graph.Graph) {
		for i := range g.Channels() {
			if c := &g.Channels()[i]; c.Public() && c.Policies[0].Known() && c.Policies[1].Known() {
				count++
			}
		}
	})
	return count
}

func openChannel(t *testing.T, from, to *node.Node, sat amount.Satoshi, push amount.MilliSatoshi) wire.ChannelID {
	t.Helper()
	if _, err := from.Connect(t.Context(), to.ID(), to.Addr().String()); err != nil {
		t.Fatal(err)
	}
	opened, err := from.OpenChannel(t.Context(), to.ID(), funding.Request{
		Amount: sat, Push: push, FeePerKw: 1000, Commit: 1000, Announce: true, MinConf: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return opened.Channel
}

func TestAlicePaysBobThroughCarol(t *testing.T) {
	t.Parallel()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Mine(110, nil); err != nil {
		t.Fatal(err)
	}
	alice, bob, carol := start(t, c, t.TempDir(), "alice"), start(t, c, t.TempDir(), "bob"), start(t, c, t.TempDir(), "carol")
	all := []*node.Node{alice, bob, carol}
	for _, n := range all {
		defer n.Close()
	}
	fund(t, c, alice, 2_000_000)
	fund(t, c, carol, 2_000_000)
	mine(t, c, 1, all...)
	ac := openChannel(t, alice, carol, 1_000_000, 0)
	cb := openChannel(t, carol, bob, 1_000_000, 0)
	mine(t, c, 6, all...)
	until(t, "alice knows both channels and both directions", func() bool {
		return known(alice) == 2
	})
	row, err := bob.NewInvoice(t.Context(), invoice.Request{
		Label: "coffee", Amount: amount.OrAny{Msat: 25_000_000}, Description: "one coffee", Expiry: 3600,
	})
	if err != nil {
		t.Fatal(err)
	}
	inv, err := bolt11.Decode(row.Bolt11)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	paid, err := alice.Sender().Pay(ctx, pay.Request{Bolt11: row.Bolt11, Invoice: inv})
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(paid.Result.Preimage[:]) != inv.PaymentHash {
		t.Fatal("the receipt's preimage is not of the payment hash")
	}
	got, _, err := bob.Store().InvoiceByLabel(t.Context(), "coffee")
	if err != nil || got.Status != invoice.Paid || got.Received != 25_000_000 {
		t.Fatalf("bob's invoice is %s with %s: %v", got.Status, got.Received, err)
	}
	fee := paid.Result.AmountSent - 25_000_000
	if fee != 1250 {
		t.Errorf("carol earned %s", fee)
	}
	for _, id := range []wire.ChannelID{ac, cb} {
		for _, n := range []*node.Node{alice, carol} {
			if _, ok := n.Links().Get(id); !ok {
				continue
			}
			until(t, "no HTLC is left", func() bool { l, _ := n.Links().Get(id); return len(l.View().HTLCs) == 0 })
			if err := n.CloseChannel(t.Context(), id, nil, 1000); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	until(t, "the closing transactions of who wished to close are in the mempool", func() bool {
		// Bob would close too, for less, and out of his own pocket.
		txs := bob.Wallet().Unconfirmed()
		if len(txs) != 1 || len(alice.Wallet().Unconfirmed()) != 1 || c.Waiting() != 2 {
			return false
		}
		_, err := c.Transaction(txs[0].TxHash())
		return err == nil && txs[0].TxOut[0].Value == 25_000
	})
	mine(t, c, 1, all...)
	if b := bob.Wallet().Balance(); b.Confirmed != 25_000 {
		t.Errorf("bob has %v on-chain", b)
	}
}
