package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/spf13/cobra"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/commando"
	"github.com/leyden-ln/leyden/api/jsonrpc"
	"github.com/leyden-ln/leyden/api/rest"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/bitcoind"
	"github.com/leyden-ln/leyden/internal/chain/neutrino"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/omnicore"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/node"
	"github.com/leyden-ln/leyden/web"
)

// serve answers commands for a node on the socket in its data folder, until stop.
func serve(ctx context.Context, n *node.Node, log *slog.Logger) (stop func(), err error) {
	path, err := socketPath(n.Dir())
	if err != nil {
		return nil, err
	}
	l, err := jsonrpc.Listen(ctx, path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	remote := commando.New(ctx, n, log)
	n.SetCustom(remote)
	wg.Go(func() {
		if err := (&jsonrpc.Server{Node: n, Log: log}).Serve(ctx, l); err != nil {
			log.Error("the socket failed", "why", err)
		}
	})
	return func() {
		cancel()
		wg.Wait()
		remote.Wait()
	}, nil
}

// serveREST answers commands over HTTPS, until stop.
func serveREST(ctx context.Context, n *node.Node, o startOptions, log *slog.Logger) (stop func(), err error) {
	l, err := rest.Listen(ctx, n.Dir(), o.restHost, o.restPort)
	if err != nil {
		return nil, fmt.Errorf("--rest-port: %w", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := (&rest.Server{Node: n, Log: log}).Serve(ctx, l); err != nil {
			log.Error("REST failed", "why", err)
		}
	})
	log.Info("commands over REST", "at", "https://"+l.Addr().String(), "certificate", filepath.Join(n.Dir(), rest.CertFile))
	return func() {
		cancel()
		wg.Wait()
	}, nil
}

type startOptions struct {
	network, listen, alias, color, level string

	web      string   // where the pages are; empty: nowhere
	webGiven bool     // whether the owner chose it
	webHosts []string // names by which a browser may ask for them

	restHost string
	restPort uint16 // zero: nowhere

	zeroConf []string // peers
	announce []string // addresses

	passphrase   string // file
	skipWords    bool
	channelsLost bool

	assets      bool
	assetsFrom  uint32
	freezable   []uint // properties
	unannounced bool   // channels with tokens that others open
	assetsGiven bool   // whether the owner chose the block
	omnicore    string

	bitcoind, cookie, user, password string
	neutrino                         bool

	invoiceExpiry                       uint64   // seconds
	cleanCycle, cleanExpired, cleanPaid uint32   // seconds
	cleanSettled, cleanRefused          uint32   // seconds
	cleanComplete, cleanFailed          uint32   // seconds
	peers                               []string // of the light client
	feerate                             uint32
}

// clean is what is deleted when it is old.
func (o *startOptions) clean() node.Clean {
	seconds := func(n uint32) time.Duration { return time.Duration(n) * time.Second }
	c := node.Clean{
		Every: seconds(o.cleanCycle), Expired: seconds(o.cleanExpired), Paid: seconds(o.cleanPaid),
		Settled: seconds(o.cleanSettled), Refused: seconds(o.cleanRefused), Complete: seconds(o.cleanComplete), Failed: seconds(o.cleanFailed),
	}
	if c.Expired == 0 {
		c.Expired = -1
	}
	return c
}

// networks are the chains by name, each with what bitcoind calls it, and the
// folder of its cookie.
var networks = map[string]struct {
	params         *chaincfg.Params
	chain, cookies string
}{
	"mainnet":  {&chaincfg.MainNetParams, "main", ""},
	"testnet4": {&chaincfg.TestNet4Params, "testnet4", "testnet4"},
	"signet":   {&chaincfg.SigNetParams, "signet", "signet"},
	"regtest":  {&chaincfg.RegressionNetParams, "regtest", "regtest"},
}

func startCommand(dir *string) *cobra.Command {
	var o startOptions
	c := &cobra.Command{
		Use:   "start",
		Short: "run a node",
		Long: "Runs a node until it is told to stop: by Ctrl-C, SIGTERM or the command stop.\n\n" +
			"The first start shows the 24 words of the node's seed and asks for them back. Keep them on paper, and a copy of\n" +
			"channels.backup from the data folder elsewhere: docs/backup.md.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			o.webGiven = cmd.Flags().Changed("web")
			o.assetsGiven = cmd.Flags().Changed("assets-from")
			return runNode(ctx, *dir, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.network, "network", "regtest", "the chain: mainnet, testnet4, signet or regtest")
	f.StringVar(&o.bitcoind, "bitcoind", "", "the bitcoind to read the chain from: http://[user:password@]host:port")
	f.StringVar(&o.user, "bitcoind-user", "", "bitcoind's user, where the address has none")
	f.StringVar(&o.password, "bitcoind-password", "", "and its password")
	f.StringVar(&o.cookie, "bitcoind-cookie", "", "bitcoind's .cookie file, where there is no user (default: that of bitcoind's own folder)")
	f.BoolVar(&o.neutrino, "neutrino", false, "read the chain as a light client; the default without --bitcoind, except on regtest")
	f.StringSliceVar(&o.peers, "connect-peer", nil, "the only bitcoin nodes that the light client connects to: host[:port]")
	f.Uint32Var(&o.feerate, "default-feerate", chain.DefaultFeePerKw, "the feerate while none is known, in satoshi for 1000 units of weight")
	f.StringVar(&o.listen, "listen", "127.0.0.1:9735", "where peers connect; empty: nowhere")
	f.StringVar(&o.web, "web", defaultWeb, "where the pages for a browser are; empty: nowhere. Another port when this one is taken and not chosen by you")
	f.StringSliceVar(&o.webHosts, "web-host", nil, "a name by which browsers ask for the pages, beside localhost and addresses: that of a proxy with TLS")
	f.Uint16Var(&o.restPort, "rest-port", 0, "the port of the commands over HTTPS, for whoever has a rune: docs/rest.md; 0: nowhere")
	f.StringVar(&o.restHost, "rest-host", "127.0.0.1", "the address where that port is")
	f.StringSliceVar(&o.announce, "announce-addr", nil, "where others find the node, as its announcement says: host:port")
	f.StringVar(&o.alias, "alias", "", "the node's name in the network, at most 32 bytes")
	f.StringVar(&o.color, "color", "2a6f97", "the node's colour in the network: six hexadecimal digits")
	f.BoolVar(&o.assets, "assets", false, "keep the ledger of the Omni Layer's tokens, from all blocks of a bitcoind: docs/assets.md")
	f.Uint32Var(&o.assetsFrom, "assets-from", 0, "the first block that a new ledger reads (default: where the Omni Layer begins, 249498 on mainnet)")
	f.UintSliceVar(&o.freezable, "assets-freezable", nil, "the number of a token that channels may carry though its issuer can freeze it: whoever issued it can then lock all that is in such a channel, for as long as it likes, and nobody can close the channel meanwhile")
	f.BoolVar(&o.unannounced, "assets-private", false, "do not announce channels with tokens that others open, whatever they wish")
	f.StringVar(&o.omnicore, "omnicore", "", "an Omni Core server to ask for tokens, instead of a ledger: http://user:password@host:port. Nothing is sent by it")
	f.StringVar(&o.passphrase, "passphrase-file", "", "a file with the passphrase of the seed (default: $"+passphraseVariable+", or typed)")
	f.BoolVar(&o.skipWords, "skip-words", false, "do not show the 24 words of a new node and ask for them back; they are not shown either where there is no terminal")
	f.BoolVar(&o.channelsLost, "channels-lost", false, "give up every channel, once, because the database is old: nothing of theirs is broadcast, their peers are asked to close them")
	f.StringSliceVar(&o.zeroConf, "zeroconf-peer", nil, "a node id whose channels are used before their funding transactions confirm: until then it can take back all that is in them")
	f.Uint64Var(&o.invoiceExpiry, "invoice-expiry", invoice.DefaultExpiry, "for how long an invoice can be paid that does not say it itself, in seconds")
	f.Uint32Var(&o.cleanCycle, "autoclean-cycle", 3600, "how often old invoices are deleted, in seconds")
	f.Uint32Var(&o.cleanExpired, "autoclean-expiredinvoices-age", uint32(node.DefaultCleanExpired.Seconds()), "how long an invoice that nobody paid is kept after its expiry, in seconds; 0: for ever")
	f.Uint32Var(&o.cleanPaid, "autoclean-paidinvoices-age", 0, "how long an invoice is kept after its payment, in seconds; 0: for ever")
	f.Uint32Var(&o.cleanSettled, "autoclean-succeededforwards-age", 0, "how long a forward is listed after it was settled, in seconds; 0: for ever")
	f.Uint32Var(&o.cleanRefused, "autoclean-failedforwards-age", 0, "how long a forward is listed after it failed or was refused, in seconds; 0: for ever")
	f.Uint32Var(&o.cleanComplete, "autoclean-succeededpays-age", 0, "how long a payment and its receipt are kept, in seconds; 0: for ever. Afterwards the same invoice would be paid again")
	f.Uint32Var(&o.cleanFailed, "autoclean-failedpays-age", 0, "how long a payment is kept after it failed, in seconds; 0: for ever")
	f.StringVar(&o.level, "log-level", "info", "debug, info, warn or error")
	return c
}

// openSource opens what the chain is read from, and waits until it is there.
func openSource(ctx context.Context, dir string, o startOptions, log *slog.Logger) (s chain.Source, stop func(), err error) {
	network, known := networks[o.network]
	if !known {
		return nil, nil, fmt.Errorf("network %q: mainnet, testnet4, signet or regtest", o.network)
	}
	switch {
	case o.bitcoind != "" && (o.neutrino || len(o.peers) > 0):
		return nil, nil, errors.New("--bitcoind and the light client: choose one")
	case o.bitcoind != "":
		return openBitcoind(ctx, o, network.chain, network.cookies, log)
	case o.network == "regtest" && !o.neutrino:
		return nil, nil, errors.New("say where the chain is: --bitcoind http://user:password@host:port, or --neutrino --connect-peer host:port")
	}
	light, err := neutrino.Open(neutrino.Config{
		Dir: filepath.Join(dir, "neutrino"), Network: network.params, Peers: o.peers, FeePerKw: o.feerate, Log: log,
	})
	if err != nil {
		return nil, nil, err
	}
	stop = func() {
		if err := light.Close(); err != nil {
			log.Warn("the light client did not end well", "why", err)
		}
	}
	if err := light.Ready(ctx); err != nil {
		stop()
		return nil, nil, err
	}
	return light, stop, nil
}

func openBitcoind(ctx context.Context, o startOptions, name, cookies string, log *slog.Logger) (chain.Source, func(), error) {
	if home, err := os.UserHomeDir(); o.cookie == "" && o.user == "" && err == nil {
		o.cookie = filepath.Join(home, ".bitcoin", cookies, ".cookie")
	}
	s, err := bitcoind.New(bitcoind.Config{
		URL: o.bitcoind, User: o.user, Password: o.password, Cookie: o.cookie, FeePerKw: o.feerate, Log: log,
	})
	if err != nil {
		return nil, nil, err
	}
	found, err := s.Ready(ctx)
	if err == nil && found != name {
		err = fmt.Errorf("the bitcoind is on %s, not on %s", found, name)
	}
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, s.Close, nil
}

func runNode(ctx context.Context, dir string, o startOptions) (err error) {
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(o.level)); err != nil {
		return fmt.Errorf("log level %q: debug, info, warn or error", o.level)
	}
	color, err := hex.DecodeString(o.color)
	if err != nil || len(color) != 3 {
		return fmt.Errorf("colour %q: six hexadecimal digits", o.color)
	}
	trusted := make([]wire.NodeID, len(o.zeroConf))
	for i, id := range o.zeroConf {
		if err := trusted[i].UnmarshalText([]byte(id)); err != nil {
			return fmt.Errorf("--zeroconf-peer %q: %w", id, err)
		}
	}
	announce := make([]wire.Address, len(o.announce))
	for i, text := range o.announce {
		if announce[i], err = node.ParseAddress(text); err != nil {
			return fmt.Errorf("--announce-addr %q: %w", text, err)
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	if o.network == "mainnet" {
		log.Warn("this is young software: put no money in it that you cannot lose")
	}
	source, closeSource, err := openSource(ctx, dir, o, log)
	if err != nil {
		return err
	}
	defer closeSource()
	assets := tokens.Wish{On: o.assets, Private: o.unannounced}
	for _, id := range o.freezable {
		if id == 0 || id > math.MaxUint32 {
			return fmt.Errorf("--assets-freezable %d: there is no such token", id)
		}
		assets.Freezable = append(assets.Freezable, amount.Property(id))
	}
	if o.assetsGiven {
		assets.From = &o.assetsFrom
	}
	if o.omnicore != "" {
		if o.assets {
			return errors.New("--assets and --omnicore: choose one")
		}
		rpc, err := bitcoind.New(bitcoind.Config{URL: o.omnicore, Log: log})
		if err != nil {
			return fmt.Errorf("--omnicore: %w", err)
		}
		defer rpc.Close()
		assets.Server = omnicore.New(rpc)
	}
	s := secret{file: o.passphrase, term: theTerminal()}
	show := s.show
	if o.skipWords {
		show = nil
	}
	n, err := node.Open(ctx, node.Config{
		Passphrase: s.passphrase, ShowWords: show, ChannelsLost: o.channelsLost,
		Dir: dir, Network: networks[o.network].params, Source: source, Alias: o.alias, Color: [3]byte(color),
		Listen: o.listen, Announce: announce, ZeroConf: trusted, InvoiceExpiry: o.invoiceExpiry, Clean: o.clean(),
		Assets: assets, Log: log, LogLevel: level,
	})
	if err != nil {
		return explainStart(err)
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	stop, err := serve(ctx, n, log)
	if err != nil {
		return err
	}
	defer stop()
	if o.restPort != 0 {
		stopREST, err := serveREST(ctx, n, o, log)
		if err != nil {
			return err
		}
		defer stopREST()
	}
	var pages *web.Server
	if o.web != "" {
		var stopPages func()
		if pages, stopPages, err = servePages(ctx, web.Config{Node: n, Dir: dir, Program: program(dir), Hosts: o.webHosts, Log: log}, o.web, !o.webGiven); err != nil {
			return err
		}
		defer stopPages()
	}
	fmt.Printf("ready: node %s, peers at %s@%v, commands at %s\n", n.ID(), n.ID(), n.Addr(), dir)
	if pages != nil {
		fmt.Printf("pages: %s (once, for ten minutes; leyden web makes another)\n", pages.Link())
	}
	select {
	case <-ctx.Done():
	case <-n.Stopping():
	}
	return nil
}
