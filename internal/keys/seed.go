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

// LoadOrCreate reads the seed of a file that only its owner may read, or writes a
// new one, synced to disk before it is returned.
func LoadOrCreate(path string, random io.Reader) (s Seed, created bool, err error) {
	b, err := os.ReadFile(path)
	if err == nil {
		s, err = SeedFromWords(string(b))
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
		return s, false, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Seed{}, false, err
	}
	if s, err = NewSeed(random); err != nil {
		return Seed{}, false, err
	}
	return s, true, writeOnce(path, s.Words()+"\n")
}

// writeOnce makes a file whole or not at all, and durable.
func writeOnce(path, content string) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".seed-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.WriteString(content); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	// Link fails where a rename would replace somebody else's seed.
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
