package bolt11

import (
	"errors"
	"math/bits"

	"github.com/btcsuite/btcd/address/v2/bech32"
)

// All data of an invoice is in groups of 5 bits, one in each byte here.
const groupBits = 5

var (
	errLeadingZero = errors.New("a number begins with zero")
	errTooLarge    = errors.New("a number is too large")
)

// groups writes bytes as groups, the last one padded with zeros.
func groups(b []byte) []byte {
	out, err := bech32.ConvertBits(b, 8, groupBits, true)
	if err != nil {
		panic(err) // 8 and 5 are sizes of groups, and padding cannot be wrong
	}
	return out
}

// ungroup reads bytes. The error is for padding that is not zero, or for a group
// more than the bytes need.
func ungroup(data []byte) ([]byte, error) {
	return bech32.ConvertBits(data, groupBits, 8, false)
}

// packed reads bytes and, where groups are left that fill no byte, one more.
func packed(data []byte) []byte {
	b := make([]byte, 0, len(data)*groupBits/8+1)
	var acc, n uint
	for _, g := range data {
		acc, n = acc<<groupBits|uint(g), n+groupBits
		if n >= 8 {
			n -= 8
			b = append(b, byte(acc>>n)) //nolint:gosec // the lowest 8 bits are meant
		}
	}
	if n > 0 {
		b = append(b, byte(acc<<(8-n))) //nolint:gosec // the lowest 8 bits are meant
	}
	return b
}

// number writes v without leading zeros: nothing for zero.
func number(v uint64) []byte {
	return fixed(v, (bits.Len64(v)+groupBits-1)/groupBits)
}

// fixed writes the lowest bits of v in n groups.
func fixed(v uint64, n int) []byte {
	out := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		out[i] = byte(v & 31)
		v >>= groupBits
	}
	return out
}

// parseNumber is the reverse of number. Largest has all its bits set.
//
// BOLT 11: "if a `c`, `x`, or `9` field is provided which has a non-minimal
// `data_length` (i.e. begins with 0 field elements): - SHOULD treat the invoice as
// invalid."
func parseNumber(data []byte, largest uint64) (uint64, error) {
	if len(data) > 0 && data[0] == 0 {
		return 0, errLeadingZero
	}
	var v uint64
	for _, g := range data {
		if v > largest>>groupBits {
			return 0, errTooLarge
		}
		v = v<<groupBits | uint64(g)
	}
	return v, nil
}

// bitGroups writes a bit field with no zero group before it.
func bitGroups(field []byte) []byte {
	var out []byte
	for n := range len(field) * 8 {
		if field[len(field)-1-n/8]>>(n%8)&1 == 0 {
			continue
		}
		for len(out) <= n/groupBits {
			out = append(out, 0)
		}
		out[n/groupBits] |= 1 << (n % groupBits)
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 { // lowest last
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// parseBitGroups is the reverse of bitGroups.
func parseBitGroups(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if data[0] == 0 {
		return nil, errLeadingZero
	}
	size := (len(data)*groupBits + 7) / 8
	out := make([]byte, size)
	for i, g := range data {
		lowest := (len(data) - 1 - i) * groupBits
		for k := range groupBits {
			if g>>k&1 != 0 {
				n := lowest + k
				out[size-1-n/8] |= 1 << (n % 8)
			}
		}
	}
	for out[0] == 0 {
		out = out[1:]
	}
	return out, nil
}
