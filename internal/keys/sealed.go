package keys

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// Errors of a seed's file that is encrypted.
var (
	ErrPassphrase   = errors.New("the seed is encrypted, and this is not its passphrase")
	ErrNoPassphrase = errors.New("the seed is encrypted: give its passphrase")
	ErrSealed       = errors.New("the encrypted seed is damaged")
)

// What a new file is encrypted with: what costs whoever guesses a passphrase a good
// part of a second and 64 MiB for each guess (RFC 9106, second recommended option).
const (
	argonPasses  = 3
	argonKiB     = 64 << 10
	argonThreads = 1
	saltSize     = 16
)

// What is taken from a file: enough for years to come, and no more than a machine has.
const (
	maxPasses = 100
	maxKiB    = 1 << 20
)

const sealedPrefix = "leyden-seed "

// isSealed tells an encrypted file from one with words.
func isSealed(content []byte) bool { return bytes.HasPrefix(content, []byte(sealedPrefix)) }

// sealSeed gives the content of a file.
func sealSeed(s Seed, random io.Reader, passphrase string) (string, error) {
	var salt [saltSize]byte
	var nonce [chacha20poly1305.NonceSizeX]byte
	for _, b := range [][]byte{salt[:], nonce[:]} {
		if _, err := io.ReadFull(random, b); err != nil {
			return "", err
		}
	}
	head := fmt.Sprintf("%s1 argon2id passes=%d kib=%d salt=%x nonce=%x", sealedPrefix, argonPasses, argonKiB, salt, nonce)
	a, err := chacha20poly1305.NewX(argonKey(passphrase, salt[:], argonPasses, argonKiB))
	if err != nil {
		return "", err
	}
	sealed := a.Seal(nil, nonce[:], s.entropy[:], []byte(head))
	return fmt.Sprintf("%s sealed=%x\n", head, sealed), nil
}

func argonKey(passphrase string, salt []byte, passes, kib uint32) []byte {
	return argon2.IDKey([]byte(passphrase), salt, passes, kib, argonThreads, chacha20poly1305.KeySize)
}

// openSeed reads what [sealSeed] gave. Errors: [ErrNoPassphrase], [ErrPassphrase],
// [ErrSealed].
func openSeed(content, passphrase string) (Seed, error) {
	line := strings.TrimSuffix(content, "\n")
	head, _, _ := strings.Cut(line, " sealed=")
	var number, passes, kib uint32
	var salt, nonce, sealed []byte
	n, err := fmt.Sscanf(line, sealedPrefix+"%d argon2id passes=%d kib=%d salt=%x nonce=%x sealed=%x", &number, &passes, &kib, &salt, &nonce, &sealed)
	switch {
	case n >= 1 && number != 1:
		return Seed{}, fmt.Errorf("%w, or of a newer version of Leyden: %d", ErrSealed, number)
	case err != nil:
		return Seed{}, fmt.Errorf("%w: %w", ErrSealed, err)
	case passes < 1 || passes > maxPasses || kib < 8 || kib > maxKiB:
		return Seed{}, fmt.Errorf("%w: %d passes over %d KiB", ErrSealed, passes, kib)
	case len(salt) != saltSize || len(nonce) != chacha20poly1305.NonceSizeX || len(sealed) != len(Seed{}.entropy)+chacha20poly1305.Overhead:
		return Seed{}, fmt.Errorf("%w: it is cut off", ErrSealed)
	case hex.EncodeToString(sealed) != strings.TrimPrefix(line, head+" sealed="):
		return Seed{}, fmt.Errorf("%w: something follows it", ErrSealed)
	case passphrase == "":
		return Seed{}, ErrNoPassphrase
	}
	a, err := chacha20poly1305.NewX(argonKey(passphrase, salt, passes, kib))
	if err != nil {
		return Seed{}, err
	}
	plain, err := a.Open(nil, nonce, sealed, []byte(head))
	if err != nil {
		return Seed{}, ErrPassphrase
	}
	return Seed{[32]byte(plain)}, nil
}
