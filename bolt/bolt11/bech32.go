package bolt11

import "strings"

// What follows is bech32 (BIP 173) in the direction that a node goes a hundred times for
// each page of its invoices: groups of 5 bits that are known to be right become a text, and
// back. What others wrote is read by the library, which says what is wrong with it.

// charset has the letter of each group.
const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

const (
	separator      = '1'
	checksumGroups = 6
)

// valueOf is the reverse of charset; above 31: no letter of it.
var valueOf = func() (out [256]byte) {
	for i := range out {
		out[i] = 255
	}
	for v, letter := range []byte(charset) {
		out[letter] = byte(v) //nolint:gosec // below 32
	}
	return out
}()

// steps is what the five bits that leave the checksum's 30 put into it.
var steps = func() (out [32]uint32) {
	for v := range out {
		for bit, generator := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if v>>bit&1 == 1 {
				out[v] ^= generator
			}
		}
	}
	return out
}()

// sum is BIP 173's polymod, in steps: a checksum with one group more.
func sum(c uint32, group byte) uint32 { return c&0x1ffffff<<5 ^ uint32(group) ^ steps[c>>25] }

// sumOf is the checksum of a human-readable part and of groups.
func sumOf(hrp string, data []byte) uint32 {
	c := uint32(1)
	for i := range len(hrp) {
		c = sum(c, hrp[i]>>groupBits)
	}
	c = sum(c, 0)
	for i := range len(hrp) {
		c = sum(c, hrp[i]&31)
	}
	for _, v := range data {
		c = sum(c, v)
	}
	return c
}

// encode is the text of a human-readable part, in small letters, and of groups.
func encode(hrp string, data []byte) string {
	c := sumOf(hrp, data)
	for range checksumGroups {
		c = sum(c, 0)
	}
	c ^= 1
	out := make([]byte, 0, len(hrp)+1+len(data)+checksumGroups)
	out = append(append(out, hrp...), separator)
	for _, v := range data {
		out = append(out, charset[v&31])
	}
	for i := range checksumGroups {
		out = append(out, charset[c>>(groupBits*(checksumGroups-1-i))&31])
	}
	return string(out)
}

// split is the reverse of encode; false for a text that encode would not make.
func split(text string) (hrp string, data []byte, ok bool) {
	at := strings.LastIndexByte(text, separator)
	if at < 1 || len(text) < at+1+checksumGroups {
		return "", nil, false
	}
	hrp, text = text[:at], text[at+1:]
	for i := range len(hrp) {
		if x := hrp[i]; x < '!' || x > '~' || 'A' <= x && x <= 'Z' {
			return "", nil, false
		}
	}
	data = make([]byte, len(text))
	for i := range data {
		if data[i] = valueOf[text[i]]; data[i] > 31 {
			return "", nil, false
		}
	}
	if sumOf(hrp, data) != 1 {
		return "", nil, false
	}
	return hrp, data[:len(data)-checksumGroups], true
}
