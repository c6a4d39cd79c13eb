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

// The forms of a packed text, in its first byte.
const (
	asItIs = 0 // the text follows
	short  = 1 // a byte for the length of the human-readable part, that part, flags, and groups of 5 bits
	plain  = 2 // and 3, 4, 5, one for each of networks: as short, with the part of its invoice for the amount that is known
)

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
	var left, met byte // which of the known are left out, and had a field of their size
	for at+tagGroups <= end {
		size := tagGroups + int(data[at+1])<<groupBits + int(data[at+2])
		if size > end-at {
			return nil, false
		}
		field := data[at+tagGroups : at+size]
		out = append(out, data[at:at+tagGroups]...)
		v, bit := known.of(data[at])
		if met&bit != 0 || len(v) != len(field) {
			bit = 0
		}
		met |= bit
		if bit != 0 && bytes.Equal(v, field) {
			left |= bit
		} else {
			out = append(out, field...)
		}
		at += size
	}
	if at != end {
		return nil, false
	}
	out = append(out, data[end:]...)
	var b []byte
	n, _ := cutNetwork(hrp)
	if i := slices.Index(networks, n); i >= 0 && known.humanReadable(n) == hrp {
		b = []byte{byte(plain + i)} //nolint:gosec // few
	} else {
		b = append([]byte{short, byte(len(hrp))}, hrp...) //nolint:gosec // bounded
	}
	b = append(b, left|byte(len(out)%8)<<knownBits) //nolint:gosec // three bits
	return append(b, packed(out)...), true
}

// knownBits is how many bits say what is left out. The lowest three of the number of
// groups stand behind them.
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
	if b[0] == asItIs {
		return string(b[1:]), nil
	}
	var hrp string
	switch form := int(b[0]) - plain; {
	case b[0] == short && len(b) > 1 && len(b) > 2+int(b[1]):
		hrp, b = string(b[2:2+b[1]]), b[2+b[1]:]
	case form >= 0 && form < len(networks) && len(b) > 1:
		if hrp, b = known.humanReadable(networks[form]), b[1:]; hrp == "" {
			return "", ErrPacked
		}
	default:
		return "", ErrPacked
	}
	left, data := b[0]&(1<<knownBits-1), ungroupAll(b[1:])
	for len(data)%8 != int(b[0]>>knownBits) {
		if len(data) == 0 {
			return "", ErrPacked
		}
		data = data[:len(data)-1] // of the last byte's rest
	}
	if len(data) < timestampGroups+signatureGroups {
		return "", ErrPacked
	}
	out := slices.Clone(data[:timestampGroups])
	end := len(data) - signatureGroups
	for at := timestampGroups; at < end; {
		if end-at < tagGroups {
			return "", ErrPacked
		}
		size := int(data[at+1])<<groupBits + int(data[at+2])
		v, bit := known.of(data[at])
		out = append(out, data[at:at+tagGroups]...)
		at += tagGroups
		switch {
		case bit&left != 0 && len(v) == size:
			out, left = append(out, v...), left&^bit
		case size > end-at:
			return "", ErrPacked
		default:
			out = append(out, data[at:at+size]...)
			at += size
		}
	}
	if left != 0 {
		return "", ErrPacked
	}
	return encode(hrp, append(out, data[end:]...)), nil
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
