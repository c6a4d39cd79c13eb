package compact

import (
	"database/sql"
	"encoding/binary"
	"fmt"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

// Basepoints is the form of a channel's points.
func Basepoints(b script.Basepoints) []byte {
	out := make([]byte, 0, 5*33)
	for _, p := range []wire.Point{b.Funding, b.Revocation, b.Payment, b.DelayedPayment, b.HTLC} {
		out = append(out, p[:]...)
	}
	return out
}

// ReadBasepoints is the reverse of [Basepoints].
func ReadBasepoints(b []byte) (out script.Basepoints, err error) {
	if len(b) != 5*33 {
		return out, fmt.Errorf("%w: %d bytes of basepoints", ErrDamaged, len(b))
	}
	for i, p := range []*wire.Point{&out.Funding, &out.Revocation, &out.Payment, &out.DelayedPayment, &out.HTLC} {
		copy(p[:], b[i*33:])
	}
	return out, nil
}

// Signatures is the form of some signatures.
func Signatures(sigs []wire.Signature) []byte {
	out := make([]byte, 0, 64*len(sigs))
	for i := range sigs {
		out = append(out, sigs[i][:]...)
	}
	return out
}

// ReadSignatures is the reverse of [Signatures].
func ReadSignatures(b []byte) (out []wire.Signature, err error) {
	if len(b)%64 != 0 {
		return nil, fmt.Errorf("%w: %d bytes of signatures", ErrDamaged, len(b))
	}
	for ; len(b) > 0; b = b[64:] {
		out = append(out, wire.Signature(b[:64]))
	}
	return out, nil
}

// Malformed is the form of what update_fail_malformed_htlc says; nil: nothing.
func Malformed(m *channel.Malformed) []byte {
	if m == nil {
		return nil
	}
	return binary.BigEndian.AppendUint16(append([]byte(nil), m.SHA256OfOnion[:]...), m.Code)
}

// ReadMalformed is the reverse of [Malformed].
func ReadMalformed(b []byte) (*channel.Malformed, error) {
	switch len(b) {
	case 34:
		return &channel.Malformed{SHA256OfOnion: [32]byte(b[:32]), Code: binary.BigEndian.Uint16(b[32:])}, nil
	case 0:
		if b == nil {
			return nil, nil //nolint:nilnil // there is none
		}
	}
	return nil, fmt.Errorf("%w: %d bytes of an onion that nobody could read", ErrDamaged, len(b))
}

// Nullable is the form of a number that may not be there.
func Nullable[T ~uint32 | ~uint64](v *T) sql.NullInt64 {
	if v == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: int64(uint64(*v)), Valid: true} //nolint:gosec // the bits are kept
}

// Number is the reverse of [Nullable].
func Number[T ~uint32 | ~uint64](v sql.NullInt64) *T {
	if !v.Valid {
		return nil
	}
	n := T(uint64(v.Int64)) //nolint:gosec // the bits are kept
	return &n
}
