// Package tlv reads and writes the type-length-value streams of BOLT 1, their
// variable-length integers (BigSize) and truncated integers.
//
// Everything that is not in its one canonical form is refused: a BigSize longer
// than needed, a truncated integer with a leading zero, records that are not in
// strictly increasing order of type, a length that goes beyond the stream. So
// there is one encoding for each value, and decoding then encoding gives the
// same bytes:
//
//	s, err := tlv.Decode(b)
//	if err != nil {
//		return err // b is not a canonical stream
//	}
//	bytes.Equal(s.Append(nil), b) // always
//
// Values of records are slices of the decoded bytes, not copies.
package tlv

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors of decoding.
var (
	ErrShort        = errors.New("tlv: the bytes end too early")
	ErrNotCanonical = errors.New("tlv: not the shortest encoding")
	ErrOrder        = errors.New("tlv: record types are not strictly increasing")
)

// AppendBigSize appends v in 1, 3, 5 or 9 bytes (BOLT 1, Appendix A).
func AppendBigSize(b []byte, v uint64) []byte {
	switch {
	case v < 0xfd:
		return append(b, byte(v))
	case v <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, 0xfd), uint16(v))
	case v <= 0xffffffff:
		return binary.BigEndian.AppendUint32(append(b, 0xfe), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(b, 0xff), v)
	}
}

// BigSize reads a variable-length integer and returns what follows it. Errors:
// [ErrShort], [ErrNotCanonical].
func BigSize(b []byte) (v uint64, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, ErrShort
	}
	size, least := 0, uint64(0)
	switch b[0] {
	case 0xfd:
		size, least = 2, 0xfd
	case 0xfe:
		size, least = 4, 0x1_0000
	case 0xff:
		size, least = 8, 0x1_0000_0000
	default:
		return uint64(b[0]), b[1:], nil
	}
	if len(b) < 1+size {
		return 0, nil, ErrShort
	}
	for _, x := range b[1 : 1+size] {
		v = v<<8 | uint64(x)
	}
	if v < least {
		return 0, nil, ErrNotCanonical
	}
	return v, b[1+size:], nil
}

// AppendTU64 appends v without its leading zero bytes (tu64; tu32 and tu16 are
// the same for smaller values).
func AppendTU64(b []byte, v uint64) []byte {
	for shift := 56; shift >= 0; shift -= 8 {
		if v>>shift != 0 { // from the first byte that counts
			b = append(b, byte(v>>shift))
		}
	}
	return b
}

// TU64 reads a truncated integer that fills b, of at most 8 bytes.
func TU64(b []byte) (uint64, error) { return truncated(b, 8) }

// TU32 reads a truncated integer that fills b, of at most 4 bytes.
func TU32(b []byte) (uint32, error) {
	v, err := truncated(b, 4)
	return uint32(v), err //nolint:gosec // four bytes
}

// TU16 reads a truncated integer that fills b, of at most 2 bytes.
func TU16(b []byte) (uint16, error) {
	v, err := truncated(b, 2)
	return uint16(v), err //nolint:gosec // two bytes
}

func truncated(b []byte, most int) (v uint64, err error) {
	if len(b) > most {
		return 0, fmt.Errorf("tlv: a truncated integer of %d bytes, at most %d", len(b), most)
	}
	if len(b) > 0 && b[0] == 0 {
		return 0, ErrNotCanonical
	}
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v, nil
}

// Record is one type, length and value.
type Record struct {
	Type  uint64
	Value []byte
}

// Stream is records in strictly increasing order of type.
type Stream []Record

// Decode reads a whole stream. Errors: [ErrShort], [ErrNotCanonical], [ErrOrder].
func Decode(b []byte) (Stream, error) {
	var s Stream
	for len(b) > 0 {
		var r Record
		var length uint64
		var err error
		if r.Type, b, err = BigSize(b); err != nil {
			return nil, fmt.Errorf("type: %w", err)
		}
		if len(s) > 0 && r.Type <= s[len(s)-1].Type {
			return nil, fmt.Errorf("%w: %d after %d", ErrOrder, r.Type, s[len(s)-1].Type)
		}
		if length, b, err = BigSize(b); err != nil {
			return nil, fmt.Errorf("length of type %d: %w", r.Type, err)
		}
		if length > uint64(len(b)) {
			return nil, fmt.Errorf("value of type %d: %w", r.Type, ErrShort)
		}
		r.Value, b = b[:length:length], b[length:]
		s = append(s, r)
	}
	return s, nil
}

// Append appends the stream's encoding.
func (s Stream) Append(b []byte) []byte {
	for _, r := range s {
		b = AppendBigSize(AppendBigSize(b, r.Type), uint64(len(r.Value)))
		b = append(b, r.Value...)
	}
	return b
}

// Get returns the value of a type, and whether it is there.
func (s Stream) Get(t uint64) ([]byte, bool) {
	for _, r := range s {
		if r.Type == t {
			return r.Value, true
		}
	}
	return nil, false
}
