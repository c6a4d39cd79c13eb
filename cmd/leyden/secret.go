package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/leyden-ln/leyden/internal/keeper"
	"github.com/leyden-ln/leyden/internal/keys"
)

// passphraseVariable is the environment variable that may hold the passphrase.
const passphraseVariable = "LEYDEN_PASSPHRASE"

// terminal is where the user types, if there is one.
type terminal struct {
	in     *bufio.Reader
	out    io.Writer
	there  bool
	hidden func() (string, error) // a line that is not shown
}

func theTerminal() *terminal {
	fd := int(os.Stdin.Fd()) //nolint:gosec // a file descriptor
	return &terminal{
		in: bufio.NewReader(os.Stdin), out: os.Stderr, there: term.IsTerminal(fd),
		hidden: func() (string, error) {
			b, err := term.ReadPassword(fd)
			return string(b), err
		},
	}
}

// errTyping is what becomes of who cannot type the same twice.
var errTyping = errors.New("three times is enough: nothing was stored")

// tries is how often a user may try.
const tries = 3

// secret is how the seed's passphrase and words are asked for.
type secret struct {
	file string // with the passphrase; empty: none
	term *terminal
}

// passphrase gives the passphrase: from a file, the environment, or the terminal.
func (s *secret) passphrase(fresh bool) (string, error) {
	if s.file != "" {
		b, err := os.ReadFile(s.file)
		if text := strings.TrimRight(string(b), "\r\n"); err != nil || text != "" {
			return text, err
		}
		return "", fmt.Errorf("%s: the passphrase is empty", s.file)
	}
	if text, set := os.LookupEnv(passphraseVariable); set {
		return text, nil
	}
	if !s.term.there {
		return "", nil
	}
	if !fresh {
		_, _ = fmt.Fprint(s.term.out, "The seed's passphrase: ")
		text, err := s.term.hidden()
		_, _ = fmt.Fprintln(s.term.out)
		return text, err
	}
	return s.choose()
}

// choose asks for a new passphrase, twice.
func (s *secret) choose() (string, error) {
	_, _ = fmt.Fprintln(s.term.out, "A passphrase encrypts the seed on this disk; the node asks for it at each start. Empty: none.")
	return s.term.twice("New passphrase: ")
}

// twice asks for something that is not shown, until the same was typed twice.
func (t *terminal) twice(prompt string) (string, error) {
	for range tries {
		var typed [2]string
		for i, prompt := range []string{prompt, "Once more: "} {
			_, _ = fmt.Fprint(t.out, prompt)
			var err error
			typed[i], err = t.hidden()
			_, _ = fmt.Fprintln(t.out)
			if err != nil {
				return "", err
			}
		}
		if typed[0] == typed[1] {
			return typed[0], nil
		}
		_, _ = fmt.Fprintln(t.out, "These are not the same.")
	}
	return "", errTyping
}

// show shows the words of a new seed once, and asks for them back.
func (s *secret) show(words string) error {
	if !s.term.there {
		return nil
	}
	_, _ = fmt.Fprintln(s.term.out, "These 24 words are the node's seed. Write them down, in order: with them and channels.backup")
	_, _ = fmt.Fprint(s.term.out, "your money comes back when this disk is gone. Whoever reads them can take it.\n\n")
	list := strings.Fields(words)
	for i := range 6 {
		for j := i; j < len(list); j += 6 {
			_, _ = fmt.Fprintf(s.term.out, "  %2d %-10s", j+1, list[j])
		}
		_, _ = fmt.Fprintln(s.term.out)
	}
	for range tries {
		_, _ = fmt.Fprint(s.term.out, "\nType them, as you have them on paper:\n> ")
		typed, err := s.term.in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if strings.Join(strings.Fields(strings.ToLower(typed)), " ") == words {
			_, _ = fmt.Fprintln(s.term.out, "They are right.")
			return nil
		}
		if err != nil {
			return errTyping
		}
		_, _ = fmt.Fprintln(s.term.out, "These are not the words.")
	}
	return errTyping
}

// words reads 24 words from a file, or from who types or sends them.
func (s *secret) words(file string) (keys.Seed, error) {
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return keys.Seed{}, err
		}
		return keys.SeedFromWords(string(b))
	}
	if s.term.there {
		_, _ = fmt.Fprint(s.term.out, "The 24 words, in order:\n> ")
	}
	typed, err := s.term.in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return keys.Seed{}, err
	}
	return keys.SeedFromWords(typed)
}

func wordsCommand(dir *string) *cobra.Command {
	s := secret{term: theTerminal()}
	c := &cobra.Command{
		Use: "words", Short: "show the 24 words of a node's seed", Args: cobra.NoArgs,
		Long: "Shows the 24 words of the seed in the data folder. Whoever reads them can take the node's money.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			seed, err := keys.LoadSeed(filepath.Join(*dir, keeper.SeedFile), keys.Sealing{Passphrase: s.passphrase})
			if err == nil {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), seed.Words())
			}
			return err
		},
	}
	c.Flags().StringVar(&s.file, "passphrase-file", "", "a file with the seed's passphrase")
	return c
}

func passphraseCommand(dir *string) *cobra.Command {
	s := secret{term: theTerminal()}
	var next string
	c := &cobra.Command{
		Use: "passphrase", Short: "set, change or remove the passphrase of a node's seed", Args: cobra.NoArgs,
		Long: "Encrypts the seed in the data folder under another passphrase, or, when that is empty, stores it as it is.",
		RunE: func(*cobra.Command, []string) error {
			path := filepath.Join(*dir, keeper.SeedFile)
			seed, err := keys.LoadSeed(path, keys.Sealing{Passphrase: s.passphrase})
			if err != nil {
				return err
			}
			var text string
			switch {
			case next != "":
				text, err = (&secret{file: next, term: s.term}).passphrase(true)
			case s.term.there:
				text, err = s.choose()
			default:
				err = errors.New("say where the new passphrase is: --new-passphrase-file")
			}
			if err != nil {
				return err
			}
			return keys.ReplaceSeed(path, seed, rand.Reader, text)
		},
	}
	c.Flags().StringVar(&s.file, "passphrase-file", "", "a file with the passphrase that the seed has")
	c.Flags().StringVar(&next, "new-passphrase-file", "", "a file with the one that it is to have")
	return c
}
