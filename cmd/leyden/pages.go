package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
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
	var as, file string
	var set, without bool
	c := &cobra.Command{
		Use:   "web",
		Short: "log in to the node's pages",
		Long: "Prints a link to the pages of the running node. Whoever opens it is logged in; it works once, for ten minutes. " +
			"With --role look or receive, the session may only look, or make invoices and addresses too: it has a rune that showrunes " +
			"shows and blacklistrune revokes.\n\nWith --set-password it prints no link, and sets the password of the pages, of a node " +
			"that runs or of one that will. Until then, or until --without-password, the link asks for one: without, only this machine may " +
			"reach the pages.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if without {
				if err := os.MkdirAll(*dir, 0o700); err != nil { // before the first start
					return err
				}
				return door.DoWithout(*dir)
			}
			if set || file != "" {
				return setWebPassword(*dir, file)
			}
			link, err := door.NewLink(*dir, door.Role(as))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(os.Stdout, link)
			return err
		},
	}
	c.Flags().StringVar(&as, "role", string(door.All), "what the session may do: all, receive or look")
	c.Flags().BoolVar(&set, "set-password", false, "set the password of the pages")
	c.Flags().BoolVar(&without, "without-password", false, "the pages have no password, and do not ask for one")
	c.MarkFlagsMutuallyExclusive("set-password", "without-password")
	c.Flags().StringVar(&file, "password-file", "", "set it to what is in this file")
	return c
}

// setWebPassword sets the password of the pages: to what a file has, or is typed twice.
func setWebPassword(dir, file string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil { // before the first start
		return err
	}
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return door.SetPassword(dir, strings.TrimRight(string(b), "\r\n"))
	}
	term := theTerminal()
	if !term.there {
		return errors.New("say where the password is: --password-file")
	}
	password, err := term.twice("New password: ")
	if err != nil {
		return err
	}
	return door.SetPassword(dir, password)
}
