package noise

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrMAC means that bytes were not written with the key that we share.
var ErrMAC = errors.New("noise: authentication failed")

// macSize is the length of a Poly1305 tag.
const macSize = chacha20poly1305.Overhead

// rotateAfter is how often a key is used.
//
// BOLT 8: "is to be rotated after a party encrypts or decrypts 1000 times with it"
const rotateAfter = 1000

// cipherState is one direction's key with its chaining key and how often the key
// has been used. Neither is ever set back.
type cipherState struct {
	aead  cipher.AEAD
	key   [32]byte
	chain [32]byte
	used  uint64
	nonce [chacha20poly1305.NonceSize]byte // room for the next nonce
}

func newCipherState(chain, key [32]byte) *cipherState {
	c := &cipherState{chain: chain}
	c.setKey(key)
	return c
}

func (c *cipherState) setKey(key [32]byte) {
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	c.aead, c.key, c.used = aead, key, 0
}

// seal appends the encryption of plain to dst.
func (c *cipherState) seal(dst, plain, ad []byte) []byte {
	dst = c.aead.Seal(dst, c.next(), plain, ad)
	c.rotate()
	return dst
}

// open appends the decryption of sealed to dst.
func (c *cipherState) open(dst, sealed, ad []byte) ([]byte, error) {
	dst, err := c.aead.Open(dst, c.next(), sealed, ad)
	if err != nil {
		return nil, ErrMAC
	}
	c.rotate()
	return dst, nil
}

// next is the next nonce.
//
// BOLT 8: "32 zero bits, followed by a *little-endian* 64-bit value."
func (c *cipherState) next() []byte {
	binary.LittleEndian.PutUint64(c.nonce[4:], c.used)
	c.used++
	return c.nonce[:]
}

// rotate replaces the key when it has been used enough (BOLT 8, "Lightning
// Message Key Rotation").
func (c *cipherState) rotate() {
	if c.used == rotateAfter {
		var key [32]byte
		c.chain, key = expand(c.chain, c.key[:])
		c.setKey(key)
	}
}

// expand is HKDF with an empty info, 64 bytes long, in two halves.
func expand(salt [32]byte, secret []byte) (a, b [32]byte) {
	out, err := hkdf.Key(sha256.New, secret, salt[:], "", 64)
	if err != nil {
		panic(err) // 64 bytes is within HKDF's limit
	}
	return [32]byte(out[:32]), [32]byte(out[32:])
}
