package backup

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// NonceSize is the size of a nonce, in bytes: random ones never meet.
const NonceSize = chacha20poly1305.NonceSizeX

// PeerStorageSize is the size of what peers store for each other.
//
// BOLT 1: "SHOULD pad the `blob` to ensure its length is always exactly 65531 bytes."
const PeerStorageSize = 65531

const (
	magic      = "LEYDENB"
	version    = 1
	headerSize = len(magic) + 1 + NonceSize
	lengthSize = 4
	// Overhead is by how much a sealed backup is longer than its body at the least.
	Overhead = headerSize + lengthSize + chacha20poly1305.Overhead
)

// ErrTooLong means that a backup does not fit in the size that was asked for: see
// [Backup.Fit].
var ErrTooLong = errors.New("the backup is too long")

// Seal encrypts a backup. A size above zero is that of the outcome. Error: [ErrTooLong].
func Seal(key [32]byte, nonce [NonceSize]byte, b *Backup, size int) ([]byte, error) {
	body := b.Encode()
	if size == 0 {
		size = Overhead + len(body)
	}
	if len(body)+Overhead > size {
		return nil, fmt.Errorf("%w: %d bytes, %d are the most", ErrTooLong, len(body)+Overhead, size)
	}
	plain := make([]byte, size-Overhead+lengthSize)
	binary.BigEndian.PutUint32(plain, uint32(len(body))) //nolint:gosec // see above
	copy(plain[lengthSize:], body)
	out := make([]byte, 0, size)
	out = append(append(append(out, magic...), version), nonce[:]...)
	return aead(key).Seal(out, nonce[:], plain, out[:headerSize]), nil
}

// Open decrypts a backup. Errors: [ErrNoBackup], [ErrVersion], [ErrKey],
// [ErrMalformed].
func Open(key [32]byte, sealed []byte) (Backup, error) {
	switch {
	case len(sealed) < Overhead || string(sealed[:len(magic)]) != magic:
		return Backup{}, ErrNoBackup
	case sealed[len(magic)] != version:
		return Backup{}, fmt.Errorf("%w (version %d)", ErrVersion, sealed[len(magic)])
	}
	header := sealed[:headerSize]
	plain, err := aead(key).Open(nil, header[headerSize-NonceSize:], sealed[headerSize:], header)
	if err != nil {
		return Backup{}, ErrKey
	}
	length := uint64(binary.BigEndian.Uint32(plain))
	if length > uint64(len(plain)-lengthSize) {
		return Backup{}, fmt.Errorf("%w: a body of %d bytes", ErrMalformed, length)
	}
	return Decode(plain[lengthSize : lengthSize+length])
}

func aead(key [32]byte) cipher.AEAD {
	a, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic(err) // the key has its size
	}
	return a
}
