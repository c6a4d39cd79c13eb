package bolt11

import (
	"bytes"
	"errors"
	"slices"

	"github.com/leyden-ln/leyden/amount"
)

// Known is what of an invoice stands beside its text where it is kept. Zero and empty
// values are not known.
type Known struct {
	PaymentHash   [32]byte
	PaymentSecret [32]byte
	Description   string
	Amount        *amount.MilliSatoshi // that is asked for, or paid; zero: any; nil: not known
}

// humanReadable is the human-readable part of a network's invoice for the amount; empty when
// there is none.
func (k *Known) humanReadable(n Network) string {
	if k.Amount == nil {
		return ""
	}
	asks := k.Amount
	if *asks == 0 {
		asks = nil
	}
	hrp, err := humanReadable(n, asks)
	if err != nil {
		return "" // none begins like this
	}
	return hrp
}

// The forms of a packed text, in its first byte. From [older] on there are those of package
// versions before, which are only read.
const (
	asItIs = 0    // the text follows
	older  = 1    // and up to 5
	lean   = 0x80 // a flag, with those below; groups of 5 bits follow
)

// The flags of a lean text. Its human-readable part is that of an invoice of a network for the
// amount that is known, or follows as it is, after a byte for its length.
const (
	odd         = 1 // the last byte's rest would hold one more group
	leftBits    = 1 // where the bits stand of what is left out, knownBits of them
	networkBits = 4 // where the network's number stands
	named       = 0x40
)

// A field of a lean text is its tag, a group for the length, and the value. Of a field that is
// left out there is the tag. Others have lengths below these:
const (
	usualLength = 30 // the length that BOLT 11 wants of a field with this tag
	longLength  = 31 // two groups follow
)

// usual is the length in groups that a tag's field has to have; -1: there is none.
func usual(tag byte) int {
	switch tag {
	case tagPaymentHash, tagPaymentSecret, tagDescriptionHash:
		return 52
	case tagPayee:
		return 53
	}
	return -1
}

var networks = []Network{Mainnet, Testnet, Signet, Regtest}

// Pack is a shorter form of an invoice's text, or of any other text: letters of 5 bits
// take 5, the checksum and what is known are left out. [Unpack] gives the very text
// again.
func Pack(text string, known Known) []byte {
	if text == "" {
		return []byte{}
	}
	if b, ok := pack(text, known); ok {
		return b
	}
	return append([]byte{asItIs}, text...)
}

func pack(text string, known Known) ([]byte, bool) {
	hrp, data, ok := split(text)
	if !ok || len(hrp) > 255 || len(data) < timestampGroups+signatureGroups {
		return nil, false
	}
	out := slices.Clone(data[:timestampGroups])
	end := len(data) - signatureGroups
	at := timestampGroups
	var left, met byte // which of the known are left out, and had a field
	for at+tagGroups <= end {
		tag, size := data[at], int(data[at+1])<<groupBits+int(data[at+2])
		at += tagGroups
		if size > end-at {
			return nil, false
		}
		out = append(out, tag)
		v, bit := known.of(tag)
		if bit&^met != 0 && bytes.Equal(v, data[at:at+size]) {
			left |= bit
		} else {
			out = append(appendLength(out, tag, size), data[at:at+size]...)
		}
		met |= bit
		at += size
	}
	if at != end {
		return nil, false
	}
	out = append(out, data[end:]...)
	flags := lean | left<<leftBits
	if len(out)*groupBits%8 > 0 && len(out)*groupBits%8 <= 8-groupBits {
		flags |= odd
	}
	var b []byte
	n, _ := cutNetwork(hrp)
	if i := slices.Index(networks, n); i >= 0 && known.humanReadable(n) == hrp {
		b = []byte{flags | byte(i)<<networkBits} //nolint:gosec // few
	} else {
		b = append([]byte{flags | named, byte(len(hrp))}, hrp...) //nolint:gosec // bounded
	}
	return append(b, packed(out)...), true
}

func appendLength(out []byte, tag byte, size int) []byte {
	switch {
	case size == usual(tag):
		return append(out, usualLength)
	case size < usualLength:
		return append(out, byte(size)) //nolint:gosec // bounded
	}
	return append(append(out, longLength), fixed(uint64(size), tagGroups-1)...) //nolint:gosec // not negative
}

// cutField reads the length and the value of a tag's field.
func cutField(b []byte, tag byte) (value, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, false
	}
	size, b := int(b[0]), b[1:]
	switch size {
	case usualLength:
		size = usual(tag)
	case longLength:
		if len(b) < 2 {
			return nil, nil, false
		}
		size, b = int(b[0])<<groupBits+int(b[1]), b[2:]
	}
	if size < 0 || size > len(b) {
		return nil, nil, false
	}
	return b[:size], b[size:], true
}

// knownBits is how many bits say what is left out.
const knownBits = 3

// of is what is known of a field, in groups, and the bit that says that it is left out;
// zero: nothing is known.
func (k *Known) of(tag byte) ([]byte, byte) {
	switch {
	case tag == tagPaymentHash && k.PaymentHash != [32]byte{}:
		return groups(k.PaymentHash[:]), 1
	case tag == tagPaymentSecret && k.PaymentSecret != [32]byte{}:
		return groups(k.PaymentSecret[:]), 2
	case tag == tagDescription && k.Description != "":
		return groups([]byte(k.Description)), 4
	}
	return nil, 0
}

// ErrPacked is that a packed text is damaged, or not that of what is known.
var ErrPacked = errors.New("the packed invoice is damaged")

// Unpack is the reverse of [Pack]. Error: [ErrPacked].
func Unpack(b []byte, known Known) (string, error) {
	if len(b) == 0 {
		return "", nil
	}
	flags := b[0]
	switch {
	case flags == asItIs:
		return string(b[1:]), nil
	case flags < lean:
		return unpackOlder(b, known)
	}
	var hrp string
	b = b[1:]
	if flags&named != 0 {
		if len(b) == 0 || len(b) < 1+int(b[0]) || flags>>networkBits&3 != 0 {
			return "", ErrPacked
		}
		hrp, b = string(b[1:1+b[0]]), b[1+b[0]:]
	} else if hrp = known.humanReadable(networks[flags>>networkBits&3]); hrp == "" {
		return "", ErrPacked
	}
	data := ungroupAll(b)
	if flags&odd != 0 && len(data) > 0 {
		data = data[:len(data)-1]
	}
	if len(data) < timestampGroups+signatureGroups {
		return "", ErrPacked
	}
	end := len(data) - signatureGroups
	out, fields := writer{data: slices.Clone(data[:timestampGroups])}, data[timestampGroups:end]
	left := flags >> leftBits & (1<<knownBits - 1)
	for len(fields) > 0 {
		tag := fields[0]
		fields = fields[1:]
		v, bit := known.of(tag)
		if bit &= left; bit != 0 {
			left &^= bit
		} else {
			var ok bool
			if v, fields, ok = cutField(fields, tag); !ok {
				return "", ErrPacked
			}
		}
		out.field(tag, v)
	}
	if left != 0 || out.err != nil {
		return "", ErrPacked
	}
	return encode(hrp, append(out.data, data[end:]...)), nil
}

// ungroupAll is the reverse of packed, with the groups of the padding.
func ungroupAll(b []byte) []byte {
	out := make([]byte, 0, len(b)*8/groupBits)
	var acc, n uint
	for _, x := range b {
		acc, n = acc<<8|uint(x), n+8
		for n >= groupBits {
			n -= groupBits
			out = append(out, byte(acc>>n)&31) //nolint:gosec // the lowest 5 bits are meant
		}
	}
	return out
}
