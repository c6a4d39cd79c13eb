package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/internal/keys"
)

const someWords = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon " +
	"abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art"

// typing is a terminal at which somebody types lines.
func typing(shown *strings.Builder, lines ...string) *terminal {
	in := bufio.NewReader(strings.NewReader(strings.Join(lines, "\n") + "\n"))
	return &terminal{in: in, out: shown, there: true, hidden: func() (string, error) {
		line, err := in.ReadString('\n')
		return strings.TrimSuffix(line, "\n"), err
	}}
}

func TestTheWordsOfANewNodeAreShownAndAskedBack(t *testing.T) {
	for name, x := range map[string]struct {
		typed []string
		err   error
	}{
		"right at once":      {[]string{someWords}, nil},
		"in another form":    {[]string{"  " + strings.ToUpper(someWords) + " "}, nil},
		"right the 3rd time": {[]string{"", "abandon art", someWords}, nil},
		"never right":        {[]string{"a", "b", "c", someWords}, errTyping},
		"gone":               {nil, errTyping},
	} {
		var shown strings.Builder
		s := secret{term: typing(&shown, x.typed...)}
		if err := s.show(someWords); !errors.Is(err, x.err) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Count(shown.String(), "abandon") != 23 || !strings.Contains(shown.String(), "24 art") {
			t.Errorf("%s: shown was %s", name, shown.String())
		}
	}
	if err := (&secret{term: &terminal{out: io.Discard}}).show(someWords); err != nil {
		t.Errorf("without a terminal: %v", err)
	}
}

func TestAPassphraseComesFromAFileTheEnvironmentOrTheTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(path, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	if got, err := (&secret{term: typing(&shown, "typed")}).passphrase(false); err != nil || got != "typed" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := (&secret{term: typing(&shown, "one", "other", "same", "same")}).passphrase(true); err != nil || got != "same" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := (&secret{term: typing(&shown, "1", "2", "3", "4", "5", "6", "7", "7")}).passphrase(true); !errors.Is(err, errTyping) {
		t.Error(err)
	}
	if got, err := (&secret{term: &terminal{}}).passphrase(true); err != nil || got != "" {
		t.Errorf("without a terminal: %q, %v", got, err)
	}
	t.Setenv(passphraseVariable, "from the environment")
	if got, err := (&secret{term: typing(&shown, "typed")}).passphrase(false); err != nil || got != "from the environment" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := (&secret{file: path, term: typing(&shown, "typed")}).passphrase(true); err != nil || got != "from a file" {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&secret{file: path}).passphrase(true); err == nil {
		t.Error("an empty file is no passphrase")
	}
}

// run runs the program.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	c := root()
	c.SetOut(&out)
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestANodeIsRestoredIntoAnEmptyFolderOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	words := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(words, []byte(someWords), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "restore", "--dir", dir, "--words-file", words, "--check")
	if err != nil || !strings.Contains(out, "02ec9fbbf851543e26104aae824788147c15bfb23e5b51a64493a3550355c5ec08") {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a check makes a folder: %v", err)
	}
	if _, err := run(t, "restore", "--dir", dir, "--words-file", words); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "words", "--dir", dir); err != nil || out != someWords+"\n" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := run(t, "restore", "--dir", dir, "--words-file", words); err == nil {
		t.Error("a second time")
	}
	pass := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(pass, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "passphrase", "--dir", dir, "--new-passphrase-file", pass); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "words", "--dir", dir); !errors.Is(err, keys.ErrNoPassphrase) {
		t.Errorf("%v", err)
	}
	if out, err := run(t, "words", "--dir", dir, "--passphrase-file", pass); err != nil || out != someWords+"\n" {
		t.Errorf("%q, %v", out, err)
	}
}
