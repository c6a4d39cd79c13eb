package bolt11

import "slices"

// Texts were packed with the length of each field, of what is left out too: first with the
// human-readable part after a byte for its length, then without it, in a form for each of
// networks. Flags follow, of what is left out and of the lowest three bits of the number of
// groups.
const (
	olderNamed = older
	olderPlain = older + 1
)

func unpackOlder(b []byte, known Known) (string, error) {
	var hrp string
	switch form := int(b[0]) - olderPlain; {
	case b[0] == olderNamed && len(b) > 1 && len(b) > 2+int(b[1]):
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
