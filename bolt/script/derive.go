package script

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// Basepoints are the public keys that a side gives when a channel is opened.
type Basepoints struct {
	Funding        wire.Point // not derived from: it is the key of the funding output
	Revocation     wire.Point
	Payment        wire.Point
	DelayedPayment wire.Point
	HTLC           wire.Point
}

// ErrNoKey means that a derivation gave no key: one of the points is not on the
// curve, or the sum is the point at infinity.
var ErrNoKey = errors.New("key derivation gives no key")

func tweak(points ...wire.Point) btcec.ModNScalar {
	h := sha256.New()
	for i := range points {
		h.Write(points[i][:])
	}
	var s btcec.ModNScalar
	s.SetByteSlice(h.Sum(nil))
	return s
}

func jacobian(p wire.Point) (j btcec.JacobianPoint, err error) {
	k, err := p.Key()
	if err != nil {
		return j, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	k.AsJacobian(&j)
	return j, nil
}

func affine(j *btcec.JacobianPoint) (wire.Point, error) {
	if j.Z.IsZero() {
		return wire.Point{}, ErrNoKey
	}
	j.ToAffine()
	return wire.PointOf(btcec.NewPublicKey(&j.X, &j.Y)), nil
}

// DerivePubKey is the key for one commitment from a basepoint: basepoint +
// SHA256(per_commitment_point || basepoint) * G (BOLT 3, "Key Derivation").
func DerivePubKey(base, perCommitment wire.Point) (wire.Point, error) {
	b, err := jacobian(base)
	if err != nil {
		return wire.Point{}, err
	}
	t := tweak(perCommitment, base)
	var tG, sum btcec.JacobianPoint
	btcec.ScalarBaseMultNonConst(&t, &tG)
	btcec.AddNonConst(&b, &tG, &sum)
	return affine(&sum)
}

// DerivePrivKey is the private key of [DerivePubKey], of the private key of basepoint.
func DerivePrivKey(base *btcec.PrivateKey, basepoint, perCommitment wire.Point) *btcec.PrivateKey {
	t := tweak(perCommitment, basepoint)
	return &btcec.PrivateKey{Key: *t.Add(&base.Key)}
}

// DeriveRevocationPubKey is the key that punishes one commitment: a blend of the
// countersignatory's revocation basepoint and the broadcaster's per-commitment
// point, whose private key needs a secret of each (BOLT 3).
func DeriveRevocationPubKey(base, perCommitment wire.Point) (wire.Point, error) {
	b, err := jacobian(base)
	if err != nil {
		return wire.Point{}, err
	}
	p, err := jacobian(perCommitment)
	if err != nil {
		return wire.Point{}, err
	}
	tb, tp := tweak(base, perCommitment), tweak(perCommitment, base)
	var x, y, sum btcec.JacobianPoint
	btcec.ScalarMultNonConst(&tb, &b, &x)
	btcec.ScalarMultNonConst(&tp, &p, &y)
	btcec.AddNonConst(&x, &y, &sum)
	return affine(&sum)
}

// DeriveRevocationPrivKey is the private key of [DeriveRevocationPubKey], from
// the secret that the broadcaster released when it revoked.
func DeriveRevocationPrivKey(base *btcec.PrivateKey, perCommitmentSecret [32]byte) *btcec.PrivateKey {
	secret, point := btcec.PrivKeyFromBytes(perCommitmentSecret[:])
	b, p := wire.PointOf(base.PubKey()), wire.PointOf(point)
	tb, tp := tweak(b, p), tweak(p, b)
	tb.Mul(&base.Key)
	tp.Mul(&secret.Key)
	return &btcec.PrivateKey{Key: *tb.Add(&tp)}
}

// PointOfSecret is the per-commitment point of a per-commitment secret.
func PointOfSecret(secret [32]byte) wire.Point {
	_, pub := btcec.PrivKeyFromBytes(secret[:])
	return wire.PointOf(pub)
}
