package wire

import (
	"errors"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
)

// ErrSignature means that a signature's r or s is not a scalar of the curve.
var ErrSignature = errors.New("not a signature: r or s is zero or too large")

// SignatureOf is the compact form of s, with the low one of the two values of s.
func SignatureOf(s *ecdsa.Signature) Signature {
	r, sv := s.R(), s.S()
	if sv.IsOverHalfOrder() {
		sv.Negate()
	}
	var out Signature
	r.PutBytesUnchecked(out[:32])
	sv.PutBytesUnchecked(out[32:])
	return out
}

// ECDSA parses the signature. Error: [ErrSignature].
func (s Signature) ECDSA() (*ecdsa.Signature, error) {
	var r, sv btcec.ModNScalar
	if r.SetByteSlice(s[:32]) || sv.SetByteSlice(s[32:]) || r.IsZero() || sv.IsZero() {
		return nil, ErrSignature
	}
	return ecdsa.NewSignature(&r, &sv), nil
}
