package wire

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"
)

// ChannelID names a channel between its two peers: the funding txid XOR the
// funding output index (BOLT 2, "Definition of `channel_id`").
type ChannelID [32]byte

// String prints the id in hexadecimal.
func (c ChannelID) String() string { return hex.EncodeToString(c[:]) }

// MarshalText prints the id in hexadecimal.
func (c ChannelID) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// PaymentHash is the SHA256 of a [Preimage].
type PaymentHash [32]byte

// String prints the hash in hexadecimal.
func (h PaymentHash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText prints the hash in hexadecimal.
func (h PaymentHash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (h *PaymentHash) UnmarshalText(b []byte) error { return unhex(h[:], b) }

// Preimage is the secret that an invoice's payment reveals: the proof of payment.
type Preimage [32]byte

// String prints the preimage in hexadecimal.
func (p Preimage) String() string { return hex.EncodeToString(p[:]) }

// MarshalText prints the preimage in hexadecimal.
func (p Preimage) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (p *Preimage) UnmarshalText(b []byte) error { return unhex(p[:], b) }

// Point is a compressed point of secp256k1. The bytes are not checked to lie on
// the curve until [Point.Key] is called; decoding a message checks them.
type Point [33]byte

// NodeID is a node's public key.
type NodeID = Point

// PointOf is the compressed form of k.
func PointOf(k *btcec.PublicKey) Point { return Point(k.SerializeCompressed()) }

// Key parses the point. It fails when the bytes are not on the curve.
func (p Point) Key() (*btcec.PublicKey, error) { return btcec.ParsePubKey(p[:]) }

// String prints the point in hexadecimal.
func (p Point) String() string { return hex.EncodeToString(p[:]) }

// MarshalText prints the point in hexadecimal.
func (p Point) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads 66 hexadecimal digits of a point on the curve.
func (p *Point) UnmarshalText(b []byte) error {
	if err := unhex(p[:], b); err != nil {
		return err
	}
	_, err := p.Key()
	return err
}

// Signature is an ECDSA signature: r and s, 32 bytes each, big-endian.
type Signature [64]byte

// ShortChannelID is a funding output's place in the chain: block height (3
// bytes), transaction index (3 bytes), output index (2 bytes); see BOLT 7,
// "Definition of `short_channel_id`".
type ShortChannelID uint64

// NewShortChannelID packs the three parts. Height and index must be below 2^24.
func NewShortChannelID(height, index uint32, output uint16) ShortChannelID {
	return ShortChannelID(uint64(height)<<40 | uint64(index)<<16 | uint64(output))
}

// Height is the funding transaction's block height.
func (s ShortChannelID) Height() uint32 { return uint32(s >> 40) }

// Index is the funding transaction's place in its block.
func (s ShortChannelID) Index() uint32 { return uint32(s>>16) & 0xffffff }

// Output is the funding output's index.
func (s ShortChannelID) Output() uint16 { return uint16(s) } //nolint:gosec // the low 16 bits are meant

// String prints the human form, such as "539268x845x1".
func (s ShortChannelID) String() string {
	return fmt.Sprintf("%dx%dx%d", s.Height(), s.Index(), s.Output())
}

// MarshalText prints the human form.
func (s ShortChannelID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the human form.
func (s *ShortChannelID) UnmarshalText(b []byte) error {
	parts := strings.Split(string(b), "x")
	if len(parts) != 3 {
		return fmt.Errorf("short_channel_id %q: want BLOCKxTXxOUTPUT", b)
	}
	var v [3]uint64
	for i, bits := range []int{24, 24, 16} {
		n, err := strconv.ParseUint(parts[i], 10, bits)
		if err != nil {
			return fmt.Errorf("short_channel_id %q: want BLOCKxTXxOUTPUT", b)
		}
		v[i] = n
	}
	*s = ShortChannelID(v[0]<<40 | v[1]<<16 | v[2])
	return nil
}

var errHex = errors.New("want hexadecimal digits")

func unhex(dst, src []byte) error {
	if len(src) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("%w: %d of them, not %d", errHex, hex.EncodedLen(len(dst)), len(src))
	}
	if _, err := hex.Decode(dst, src); err != nil {
		return fmt.Errorf("%w: %w", errHex, err)
	}
	return nil
}
