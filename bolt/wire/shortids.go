package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrEncoding means that an array in a gossip query is not encoded in the one way
// that is left.
var ErrEncoding = errors.New("not an uncompressed array of short channel ids")

// uncompressed is the encoding type of all arrays (BOLT 7, "Query Messages").
const uncompressed = 0

// EncodeShortIDs is ids as encoded_short_ids. They must be in ascending order.
//
// BOLT 7: "`0`: uncompressed array of `short_channel_id` types, in ascending order."
func EncodeShortIDs(ids []ShortChannelID) []byte {
	b := make([]byte, 1, 1+8*len(ids))
	b[0] = uncompressed
	for _, id := range ids {
		b = binary.BigEndian.AppendUint64(b, uint64(id))
	}
	return b
}

// DecodeShortIDs reads encoded_short_ids, in whatever order they are. Error:
// [ErrEncoding].
//
// BOLT 7: "`1`: Previously used for zlib compression, this encoding MUST NOT be used."
func DecodeShortIDs(b []byte) ([]ShortChannelID, error) {
	if len(b) == 0 || b[0] != uncompressed || len(b)%8 != 1 {
		return nil, fmt.Errorf("%w: %d bytes", ErrEncoding, len(b))
	}
	ids := make([]ShortChannelID, 0, len(b)/8)
	for b = b[1:]; len(b) > 0; b = b[8:] {
		ids = append(ids, ShortChannelID(binary.BigEndian.Uint64(b)))
	}
	return ids, nil
}
