package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/leyden-ln/leyden/web"
	"github.com/leyden-ln/leyden/web/door"
)

// defaultWeb is where the pages are when nothing else is said.
const defaultWeb = "127.0.0.1:9750"

// servePages serves a node's pages until stop. When the port is taken and any will do,
// another one is found.
func servePages(ctx context.Context, c web.Config, addr string, anyPort bool) (s *web.Server, stop func(), err error) {
	l, err := web.Listen(ctx, addr)
	if err != nil && anyPort && errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(addr)
		l, err = web.Listen(ctx, net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("--web: %w", err)
	}
	if s, err = web.New(ctx, c); err != nil {
		l.Close()
		return nil, nil, err
	}
	if err := s.Announce(l); err != nil {
		s.Close()
		l.Close()
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx, l); err != nil {
			c.Log.Error("the pages failed", "why", err)
		}
	})
	return s, func() {
		cancel()
		wg.Wait()
	}, nil
}

// program is how command lines for the node of a data folder begin.
func program(dir string) string {
	if dir == defaultDir() {
		return "leyden"
	}
	return "leyden --dir " + dir
}

func webCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "web",
		Short: "log in to the node's pages",
		Long:  "Prints a link to the pages of the running node. Whoever opens it is logged in; it works once, for ten minutes.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			link, err := door.NewLink(*dir)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(os.Stdout, link)
			return err
		},
	}
}
