package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/spf13/cobra"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/internal/chain/bitcoind"
	"github.com/leyden-ln/leyden/node"
)

// serve answers commands for a node on the socket in its data folder, until stop.
func serve(ctx context.Context, n *node.Node, log *slog.Logger) (stop func(), err error) {
	path, err := socketPath(n.Dir())
	if err != nil {
		return nil, err
	}
	l, err := api.Listen(ctx, path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := (&api.Server{Node: n, Log: log}).Serve(ctx, l); err != nil {
			log.Error("the socket failed", "why", err)
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}, nil
}

type startOptions struct {
	network, bitcoind, cookie, listen, alias, color, level string
}

func startCommand(dir *string) *cobra.Command {
	var o startOptions
	c := &cobra.Command{
		Use:   "start",
		Short: "run a node",
		Long:  "Runs a node until it is told to stop: by Ctrl-C, SIGTERM or the command stop.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return runNode(ctx, *dir, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.network, "network", "regtest", "the chain: only regtest for now")
	f.StringVar(&o.bitcoind, "bitcoind", "", "the bitcoind to read the chain from: http://user:password@host:port")
	f.StringVar(&o.cookie, "bitcoind-cookie", "", "bitcoind's .cookie file, instead of user and password")
	f.StringVar(&o.listen, "listen", "127.0.0.1:9735", "where peers connect; empty: nowhere")
	f.StringVar(&o.alias, "alias", "", "the node's name in the network, at most 32 bytes")
	f.StringVar(&o.color, "color", "2a6f97", "the node's colour in the network: six hexadecimal digits")
	f.StringVar(&o.level, "log-level", "info", "debug, info, warn or error")
	return c
}

func runNode(ctx context.Context, dir string, o startOptions) (err error) {
	if o.network != "regtest" {
		return fmt.Errorf("network %q: only regtest works in this version", o.network)
	}
	if o.bitcoind == "" {
		return errors.New("say where the chain is: --bitcoind http://user:password@host:port")
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.level)); err != nil {
		return fmt.Errorf("log level %q: debug, info, warn or error", o.level)
	}
	color, err := hex.DecodeString(o.color)
	if err != nil || len(color) != 3 {
		return fmt.Errorf("colour %q: six hexadecimal digits", o.color)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	source, err := bitcoind.New(bitcoind.Config{URL: o.bitcoind, Cookie: o.cookie, Log: log})
	if err != nil {
		return err
	}
	defer source.Close()
	network, err := source.Ready(ctx)
	if err != nil {
		return err
	}
	if network != o.network {
		return fmt.Errorf("the bitcoind is on %s, not on %s", network, o.network)
	}
	n, err := node.Open(ctx, node.Config{
		Dir: dir, Network: &chaincfg.RegressionNetParams, Source: source, Alias: o.alias, Color: [3]byte(color),
		Listen: o.listen, Log: log,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	stop, err := serve(ctx, n, log)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Printf("ready: node %s, peers at %s@%v, commands at %s\n", n.ID(), n.ID(), n.Addr(), dir)
	select {
	case <-ctx.Done():
	case <-n.Stopping():
	}
	return nil
}
