package keys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tyler-smith/go-bip39"

	"github.com/leyden-ln/leyden/internal/atomicfile"
)

// ErrWords means that a list of words is not a BIP 39 mnemonic of 24 words.
var ErrWords = errors.New("not 24 words of BIP 39 with their checksum")

// Seed is 256 bits of entropy, shown as 24 words.
type Seed struct{ entropy [32]byte }

// NewSeed draws a seed from a source of randomness.
func NewSeed(random io.Reader) (Seed, error) {
	var s Seed
	_, err := io.ReadFull(random, s.entropy[:])
	return s, err
}

// SeedFromWords reads 24 words. Error: [ErrWords].
func SeedFromWords(words string) (Seed, error) {
	words = strings.Join(strings.Fields(strings.ToLower(words)), " ")
	entropy, err := bip39.EntropyFromMnemonic(words)
	if err != nil || len(entropy) != 32 {
		return Seed{}, ErrWords
	}
	return Seed{[32]byte(entropy)}, nil
}

// Words are the seed as 24 words.
func (s Seed) Words() string {
	words, err := bip39.NewMnemonic(s.entropy[:])
	if err != nil {
		panic(err) // 256 bits always make words
	}
	return words
}

// master is the 64 bytes from which BIP 32 begins.
func (s Seed) master() []byte { return bip39.NewSeed(s.Words(), "") }

// Sealing is what a seed file needs beside its path.
type Sealing struct {
	// Passphrase gives the passphrase of a file that has one, or, for a new file, the
	// one that it is to have; empty: none. It is asked once at most. Nil: none.
	Passphrase func(new bool) (string, error)
	// Show is shown the words of a new seed before they are stored: an error of its
	// is the end of it, and nothing is stored. Nil: nobody sees them.
	Show func(words string) error
}

func (s *Sealing) passphrase(fresh bool) (string, error) {
	if s.Passphrase == nil {
		return "", nil
	}
	return s.Passphrase(fresh)
}

// LoadOrCreate reads the seed of a file that only its owner may read, or writes a
// new one, synced to disk before it is returned. Errors: [ErrWords],
// [ErrPassphrase], and what the disk says.
func LoadOrCreate(path string, random io.Reader, how Sealing) (s Seed, created bool, err error) {
	s, err = LoadSeed(path, how)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, false, err
	}
	if s, err = NewSeed(random); err != nil {
		return Seed{}, false, err
	}
	if how.Show != nil {
		if err := how.Show(s.Words()); err != nil {
			return Seed{}, false, err
		}
	}
	return s, true, CreateSeed(path, s, random, how)
}

// LoadSeed reads the seed of a file. Errors: [ErrWords], [ErrPassphrase], and what
// the disk says.
func LoadSeed(path string, how Sealing) (Seed, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Seed{}, err
	}
	var s Seed
	if isSealed(b) {
		passphrase, asking := how.passphrase(false)
		if asking != nil {
			return Seed{}, asking
		}
		s, err = openSeed(string(b), passphrase)
	} else {
		s, err = SeedFromWords(string(b))
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return s, err
}

// CreateSeed writes a seed to a file that is not there yet.
func CreateSeed(path string, s Seed, random io.Reader, how Sealing) error {
	passphrase, err := how.passphrase(true)
	if err != nil {
		return err
	}
	content, err := seedFile(s, random, passphrase)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Create(path, []byte(content))
}

// ReplaceSeed writes a seed over the file that has it, under another passphrase, or
// none.
func ReplaceSeed(path string, s Seed, random io.Reader, passphrase string) error {
	content, err := seedFile(s, random, passphrase)
	if err != nil {
		return err
	}
	return atomicfile.Replace(path, []byte(content))
}

func seedFile(s Seed, random io.Reader, passphrase string) (string, error) {
	if passphrase == "" {
		return s.Words() + "\n", nil
	}
	return sealSeed(s, random, passphrase)
}
