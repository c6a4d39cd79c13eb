// Command leyden is a Lightning node: the daemon, its command line, and a
// demonstration of a whole network.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
)

func main() {
	if err := root().ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "leyden:", message(err))
		os.Exit(1)
	}
}

func message(err error) string {
	if e, ok := errors.AsType[*command.Error](err); ok {
		return fmt.Sprintf("%s (code %d)", e.Message, e.Code)
	}
	return err.Error()
}

func root() *cobra.Command {
	var at place
	var demoNode string
	c := &cobra.Command{
		Use:           "leyden",
		Short:         "a Lightning node",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.PersistentFlags().StringVar(&at.dir, "dir", defaultDir(), "the data folder of the node")
	c.PersistentFlags().StringVar(&demoNode, "node", "", "a node of the running demo: alice, bob or carol")
	c.PersistentFlags().StringVar(&at.file, "rpc-file", "", "the socket of the node, when it is not in its data folder")
	c.PersistentPreRun = func(*cobra.Command, []string) {
		if demoNode != "" {
			at.dir = filepath.Join(demoDir(), demoNode)
		}
	}
	c.AddCommand(
		demoCommand(), startCommand(&at.dir), restoreCommand(&at.dir), wordsCommand(&at.dir), passphraseCommand(&at.dir), webCommand(&at.dir),
		pagesCommand("docs", "write a page a command", api.Pages), pagesCommand("man", "write a manual page a command", api.ManPages),
	)
	for _, command := range api.Table() {
		c.AddCommand(rpcCommand(command, &at))
	}
	c.AddCommand(assetCommand(&at))
	c.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true}) // help is one of the node's commands
	return c
}

// pagesCommand writes pages, by file name, to a folder.
func pagesCommand(name, short string, pages func() map[string]string) *cobra.Command {
	return &cobra.Command{
		Use:    name + " DIR",
		Short:  short,
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o700); err != nil {
				return err
			}
			for name, page := range pages() {
				if err := os.WriteFile(filepath.Join(args[0], name), []byte(page), 0o600); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
