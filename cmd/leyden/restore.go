package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/leyden-ln/leyden/internal/keeper"
	"github.com/leyden-ln/leyden/internal/keys"
)

func restoreCommand(dir *string) *cobra.Command {
	s := secret{term: theTerminal()}
	var network, file, words string
	var from int64
	var check bool
	c := &cobra.Command{
		Use:   "restore",
		Short: "bring a node back from its 24 words and its backup, into an empty folder",
		Long: "Makes a data folder from the 24 words and channels.backup. Started there, the node looks through the chain for its\n" +
			"coins, and asks the peer of each channel to close it. Without a backup, peers may have one: connect to them, then\n" +
			"leyden restorefrompeer. With --check it only says what would come back.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			known, ok := networks[network]
			if !ok {
				return fmt.Errorf("network %q: mainnet, testnet4, signet or regtest", network)
			}
			r := keeper.Restoration{Dir: *dir, Network: known.params, Sealing: keys.Sealing{Passphrase: s.passphrase}, Random: rand.Reader, Now: time.Now}
			var err error
			if file != "" {
				if r.Backup, err = os.ReadFile(file); err != nil {
					return err
				}
			}
			if from >= 0 {
				height := uint32(min(from, 1<<31)) //nolint:gosec // bounded
				r.From = &height
			}
			if r.Seed, err = s.words(words); err != nil {
				return err
			}
			var p keeper.Prospect
			if check {
				p, err = r.Check()
			} else {
				p, err = r.Do(cmd.Context())
			}
			if err != nil {
				return err
			}
			tellProspect(cmd.OutOrStdout(), p, r.Backup != nil)
			if !check {
				_, _ = fmt.Fprintf(cmd.OutOrStdout(), "\nIt is in %s. Now: leyden start --dir %s --network %s\n", *dir, *dir, network)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&network, "network", "regtest", "the chain: mainnet, testnet4, signet or regtest")
	f.StringVar(&file, "backup", "", "the file channels.backup")
	f.StringVar(&words, "words-file", "", "a file with the 24 words (default: they are typed)")
	f.Int64Var(&from, "from", -1, "look for coins from this block on (default: as the backup says, or the first)")
	f.BoolVar(&check, "check", false, "only say what would come back; nothing is written")
	f.StringVar(&s.file, "passphrase-file", "", "a file with the passphrase under which the seed is stored")
	return c
}

// tellProspect says what a seed and a backup bring back.
func tellProspect(out io.Writer, p keeper.Prospect, backup bool) {
	_, _ = fmt.Fprintf(out, "node %s\ncoins are looked for from block %d on\n", p.Node, p.From)
	if !backup {
		_, _ = fmt.Fprintln(out, "no backup: channels come back only from peers that store one")
		return
	}
	b, tokens := &p.Backup, false
	_, _ = fmt.Fprintf(out, "backup number %d of %s, %d channels\n", b.Counter, time.Unix(int64(b.Time), 0).UTC().Format(time.RFC3339), len(b.Channels)) //nolint:gosec // checked
	for i := range b.Channels {
		c := &b.Channels[i]
		where := "at no known address: it must call, or be connected to by hand"
		if len(c.Addresses) > 0 {
			where = "at " + c.Addresses[0]
		}
		size := c.Capacity.String()
		if c.Property != 0 {
			tokens = true
			size += fmt.Sprintf(" and %d units of property %d", c.Tokens, c.Property)
		}
		_, _ = fmt.Fprintf(out, "  %s of %s with %s %s\n", c.Funding, size, c.Peer, where)
	}
	_, _ = fmt.Fprintln(out, "of each channel comes back what is ours in it when the peer closes it; not its HTLCs")
	if tokens {
		_, _ = fmt.Fprintln(out, "there are tokens in channels: start the node with --assets, and leave some coins on-chain, which pay for bringing them home")
	}
}

// explainStart adds to an error of the start what the command line can say to it.
func explainStart(err error) error {
	if errors.Is(err, keys.ErrNoPassphrase) {
		return fmt.Errorf("%w by --passphrase-file, %s or at a terminal", err, passphraseVariable)
	}
	return err
}
