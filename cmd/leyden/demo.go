package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
	"github.com/leyden-ln/leyden/web"
	"github.com/leyden-ln/leyden/web/door"
)

// What the demonstration moves.
const (
	demoFunds   amount.Satoshi      = 2_000_000
	demoChannel amount.Satoshi      = 1_000_000
	demoAmount  amount.MilliSatoshi = 25_000_000
)

type demoOptions struct {
	dir   string
	once  bool
	close bool
	asset bool
}

func demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "a whole network in one process: Alice pays Bob through Carol",
		Long: "Starts a regtest chain and three nodes, opens channels, pays an invoice through them,\n" +
			"shows every step, and keeps running until Ctrl-C for you to try more from another shell.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return runDemo(ctx, o)
		},
	}
	c.Flags().BoolVar(&o.once, "once", false, "exit after the payment: 0 when every figure adds up")
	c.Flags().BoolVar(&o.close, "close", false, "close the channels too and show the coins back on-chain")
	c.Flags().BoolVar(&o.asset, "asset", false, "issue a token, open channels with it, and pay 12.5 of it instead of bitcoin")
	c.Flags().StringVar(&o.dir, "dir", "", "keep the data in this folder and go on from there the next time")
	return c
}

// demo is the network of the demonstration.
type demo struct {
	o     demoOptions
	dir   string
	chain *regtest.Chain
	rpc   net.Addr
	names []string
	nodes map[string]*node.Node
	stops []func()
	token amount.Property // that the channels carry; 0: bitcoin
	out   *printer
}

func runDemo(ctx context.Context, o demoOptions) (err error) {
	d := &demo{o: o, dir: o.dir, names: []string{"alice", "carol", "bob"}, nodes: map[string]*node.Node{}, out: newPrinter(os.Stdout)}
	if d.dir == "" {
		d.dir = demoDir()
		if c, dialErr := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(d.dir, "alice", socketName)); dialErr == nil {
			c.Close()
			return fmt.Errorf("a demo is running already in %s: stop it, or give this one a --dir", d.dir)
		}
		if err := os.RemoveAll(d.dir); err != nil {
			return err
		}
		defer os.RemoveAll(d.dir)
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.start(ctx); err != nil {
		return err
	}
	if err := d.show(ctx); err != nil {
		return err
	}
	if o.once {
		return nil
	}
	if err := d.pages(ctx); err != nil {
		return err
	}
	d.invite()
	select {
	case <-ctx.Done():
	case <-d.nodes["alice"].Stopping():
	case <-d.nodes["bob"].Stopping():
	case <-d.nodes["carol"].Stopping():
	}
	d.out.line("")
	d.out.line("stopping")
	return nil
}

// show pays, in bitcoin or in tokens, and closes the channels where that was asked for.
func (d *demo) show(ctx context.Context) error {
	if d.o.asset {
		return d.assets(ctx)
	}
	if err := d.connect(ctx); err != nil {
		return err
	}
	if err := d.pay(ctx); err != nil {
		return err
	}
	if d.o.close {
		return d.closeChannels(ctx)
	}
	return nil
}

// start begins the chain and the nodes.
func (d *demo) start(ctx context.Context) (err error) {
	if d.chain, err = regtest.Open(filepath.Join(d.dir, "chain")); err != nil {
		return err
	}
	if d.rpc, err = d.chain.Serve(ctx, "127.0.0.1:0", "demo", "demo"); err != nil {
		return err
	}
	tip, err := d.chain.Tip(ctx)
	if err != nil {
		return err
	}
	if tip.Height == 0 {
		if _, err := d.chain.Mine(110, nil); err != nil {
			return err
		}
	}
	d.out.title("The network")
	for _, name := range d.names {
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})).With("node", name)
		n, err := node.Open(ctx, node.Config{
			Dir: filepath.Join(d.dir, name), Network: d.chain.Params(), Source: d.chain, Alias: name,
			Color: demoColors[name], Listen: "127.0.0.1:0", Assets: tokens.Wish{On: true}, Log: log,
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.nodes[name] = n
		stop, err := serve(ctx, n, log)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.stops = append(d.stops, stop)
		d.out.row(name, n.ID().String(), n.Addr().String())
	}
	d.out.row("chain", "regtest, validated in full, bitcoind's RPC", d.chainURL())
	return nil
}

var demoColors = map[string][3]byte{"alice": {0xe8, 0x4a, 0x5f}, "bob": {0x2a, 0x9d, 0x8f}, "carol": {0xe9, 0xc4, 0x6a}}

func (d *demo) chainURL() string { return "http://demo:demo@" + d.rpc.String() }

func (d *demo) stop() (err error) {
	for _, stop := range d.stops {
		stop()
	}
	for _, n := range d.nodes {
		err = errors.Join(err, n.Close())
	}
	if d.chain != nil {
		err = errors.Join(err, d.chain.Close())
	}
	return err
}

// mine adds blocks and waits until every node has processed them.
func (d *demo) mine(ctx context.Context, blocks int) error {
	if _, err := d.chain.Mine(blocks, nil); err != nil {
		return err
	}
	tip, err := d.chain.Tip(ctx)
	if err != nil {
		return err
	}
	return await(ctx, "the nodes to read the chain", func() bool {
		for _, n := range d.nodes {
			if n.Synced() != tip.Height {
				return false
			}
		}
		return true
	})
}

// patience is how long the demonstration waits for what the nodes do by themselves.
const patience = 30 * time.Second

// await looks again and again until something is so.
func await(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited too long for %s", what)
		}
	}
	return nil
}

// connect funds the wallets and opens the channels, where that has not been done.
func (d *demo) connect(ctx context.Context) error {
	alice, bob, carol := d.nodes["alice"], d.nodes["bob"], d.nodes["carol"]
	for _, c := range [][2]*node.Node{{alice, carol}, {carol, bob}} {
		if _, err := c[0].Connect(ctx, c[1].ID(), c[1].Addr().String()); err != nil {
			return err
		}
	}
	d.out.title("Channels")
	if len(carol.Links().All()) == 0 {
		for _, n := range []*node.Node{alice, carol} {
			if err := d.fund(ctx, n); err != nil {
				return err
			}
		}
		if err := d.mine(ctx, 1); err != nil {
			return err
		}
		for _, c := range [][2]*node.Node{{alice, carol}, {carol, bob}} {
			opened, err := c[0].OpenChannel(ctx, c[1].ID(), funding.Request{
				Amount: demoChannel, FeePerKw: regtest.FeePerKw, Commit: regtest.FeePerKw, Announce: true, MinConf: 1,
			})
			if err != nil {
				return err
			}
			d.out.row(c[0].Alias()+" – "+c[1].Alias(), fmt.Sprintf("%s sat, option_anchors", group(uint64(demoChannel))), "funded by "+opened.Tx.TxHash().String())
		}
		if err := d.mine(ctx, 6); err != nil {
			return err
		}
	}
	err := await(ctx, "the channels to be announced", func() bool { return ready(alice) && ready(bob) && ready(carol) })
	if err != nil {
		return err
	}
	alice.Graph(func(g *graph.Graph) {
		for i := range g.Channels() {
			if c := &g.Channels()[i]; c.Public() {
				d.out.row(c.SCID.String(), "announced, both directions have terms", "known to alice from gossip")
			}
		}
	})
	return nil
}

func (d *demo) fund(ctx context.Context, n *node.Node) error {
	pending, err := n.Wallet().NewAddress(wallet.P2TR)
	if err != nil {
		return err
	}
	addr, err := pending.Commit(ctx, n.Store())
	if err != nil {
		return err
	}
	txid, err := d.chain.Send(addr.Script, demoFunds)
	if err != nil {
		return err
	}
	d.out.row(n.Alias(), fmt.Sprintf("%s sat on-chain", group(uint64(demoFunds))), "by "+txid.String())
	return nil
}

// ready says whether a node knows both channels, announced, with the terms of both
// directions, and its own are connected.
func ready(n *node.Node) bool {
	known := 0
	n.Graph(func(g *graph.Graph) {
		for i := range g.Channels() {
			if c := &g.Channels()[i]; c.Public() && c.Policies[0].Known() && c.Policies[1].Known() {
				known++
			}
		}
	})
	for _, l := range n.Links().All() {
		if !l.View().Connected {
			return false
		}
	}
	return known == 2
}

// balance is what a node has, from its rows.
type balance struct {
	chain    amount.Satoshi
	channels amount.MilliSatoshi
}

func (b balance) total() amount.MilliSatoshi { return b.chain.Msat() + b.channels }

func (d *demo) balances(ctx context.Context) (map[string]balance, error) {
	out := map[string]balance{}
	for name, n := range d.nodes {
		rows, err := n.Store().Channels(ctx)
		if err != nil {
			return nil, err
		}
		w := n.Wallet().Balance()
		b := balance{chain: w.Confirmed + w.Unconfirmed}
		for _, r := range rows {
			if r.Status.Status >= channel.Spent {
				continue
			}
			ch, err := channel.Load(r)
			if err != nil {
				return nil, err
			}
			b.channels += ch.View().ToLocal
		}
		out[name] = b
	}
	return out, nil
}

// quiet waits until no HTLC is left anywhere.
func (d *demo) quiet(ctx context.Context) error {
	return await(ctx, "the HTLCs to be removed", func() bool {
		for _, n := range d.nodes {
			for _, l := range n.Links().All() {
				if len(l.View().HTLCs) > 0 {
					return false
				}
			}
		}
		return true
	})
}

// closeChannels closes both channels by agreement and shows the coins.
func (d *demo) closeChannels(ctx context.Context) error {
	d.out.title("Closing")
	alice, bob, carol := d.nodes["alice"], d.nodes["bob"], d.nodes["carol"]
	before, err := d.balances(ctx)
	if err != nil {
		return err
	}
	var ids []wire.ChannelID
	for _, l := range carol.Links().All() {
		ids = append(ids, l.ID())
	}
	for _, id := range ids {
		if err := carol.CloseChannel(ctx, id, nil, regtest.FeePerKw); err != nil {
			return err
		}
	}
	err = await(ctx, "the closing transactions", func() bool {
		return len(carol.Wallet().Unconfirmed()) == len(ids) &&
			len(alice.Wallet().Unconfirmed())+len(bob.Wallet().Unconfirmed()) == len(ids) && d.chain.Waiting() == len(ids)
	})
	if err != nil {
		return err
	}
	if err := d.mine(ctx, 1); err != nil {
		return err
	}
	after, err := d.balances(ctx)
	if err != nil {
		return err
	}
	for _, name := range d.names {
		if after[name].channels != 0 {
			return fmt.Errorf("%s still has %s in channels", name, after[name].channels)
		}
		lost := before[name].total() - after[name].total()
		d.out.row(name, fmt.Sprintf("%s sat on-chain, confirmed", group(uint64(after[name].chain))),
			fmt.Sprintf("%s msat went to fees, anchors and rounding", group(uint64(lost))))
	}
	return nil
}

// pages serves those of each node, and prints links that log in.
func (d *demo) pages(ctx context.Context) error {
	d.out.title("Pages for a browser: a link to one node works once, for ten minutes")
	l, err := web.Listen(ctx, "127.0.0.1:0") // of the window with both
	if err != nil {
		return err
	}
	pages := map[string]*web.Server{}
	for _, name := range d.names {
		n := d.nodes[name]
		how := "leyden --node " + name
		if d.o.dir != "" {
			how = program(n.Dir())
		}
		if has, err := door.HasPassword(n.Dir()); err == nil && !has { // it is for this machine alone
			if err := door.DoWithout(n.Dir()); err != nil {
				l.Close()
				return err
			}
		}
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})).With("node", name)
		c := web.Config{Node: n, Dir: n.Dir(), Program: how, Log: log, Framer: "http://" + l.Addr().String()}
		s, stop, err := servePages(ctx, c, "127.0.0.1:0", false)
		if err != nil {
			l.Close()
			return err
		}
		pages[name] = s
		d.stops = append(d.stops, stop)
		d.out.row(name, s.Link(), "again: "+how+" web")
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	d.out.row("both", d.both(l, pages, log), "alice and bob side by side; a button mines a block, a switch takes payments step by step")
	return nil
}

// bill is the command that makes an invoice for what the channels carry.
func (d *demo) bill() string {
	if d.token != 0 {
		return fmt.Sprintf(`invoice 2.5 tea "one tea" --asset %d`, d.token)
	}
	return `invoice 10000sat tea "one tea"`
}

// prefix is how such an invoice begins.
func (d *demo) prefix() string {
	if d.token != 0 {
		return fmt.Sprintf("obort%d:", d.token)
	}
	return "lnbcrt"
}

// invite says what to type next.
func (d *demo) invite() {
	d.out.title("Your turn, from another shell")
	where := ""
	if d.o.dir != "" {
		where = "--dir " + filepath.Join(d.o.dir, "bob") + " "
		d.out.line("  leyden %s%s", where, d.bill())
		d.out.line("  leyden --dir %s pay %s…", filepath.Join(d.o.dir, "alice"), d.prefix())
	} else {
		d.out.line("  go run ./cmd/leyden --node bob %s", d.bill())
		d.out.line("  go run ./cmd/leyden --node alice decode %s…", d.prefix())
		d.out.line("  go run ./cmd/leyden --node alice pay %s…", d.prefix())
		d.out.line("  go run ./cmd/leyden --node bob listinvoices tea")
	}
	d.out.line("  go run ./cmd/leyden start --dir /tmp/dave --listen 127.0.0.1:9736 --bitcoind %s", d.chainURL())
	d.out.line("")
	d.out.line("Ctrl-C ends it.")
}
