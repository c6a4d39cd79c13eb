package keys

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// hard is the first index of the children that a public key alone does not give.
const hard = 1 << 31

// errNoKey is what BIP 32 has for one index in 2^127: it has no key.
var errNoKey = errors.New("key derivation: this index has no key")

// extended is a private key of BIP 32, of which others are children. It is safe for
// concurrent use.
type extended struct {
	key   btcec.ModNScalar
	chain [32]byte
	point func() wire.Point // public key: it costs the most, and is computed once
}

// newExtended is the child of a key, by BIP 32's HMAC of data; of no key, the root.
func newExtended(chain, data []byte, parent *btcec.ModNScalar) (*extended, error) {
	mac := hmac.New(sha512.New, chain)
	mac.Write(data)
	sum := mac.Sum(nil)
	e := &extended{chain: [32]byte(sum[32:])}
	if e.key.SetByteSlice(sum[:32]) || e.key.Add(parent).IsZero() {
		return nil, errNoKey
	}
	e.point = sync.OnceValue(func() wire.Point { return wire.PointOf(e.private().PubKey()) })
	return e, nil
}

// root is the key of a seed that all others are below.
func root(seed []byte) (*extended, error) {
	return newExtended([]byte("Bitcoin seed"), seed, new(btcec.ModNScalar))
}

// below is the key at the end of a path.
func (e *extended) below(path ...uint32) (_ *extended, err error) {
	for _, i := range path {
		var data []byte
		if i >= hard {
			key := e.key.Bytes()
			data = append([]byte{0}, key[:]...)
		} else {
			point := e.point()
			data = point[:]
		}
		if e, err = newExtended(e.chain[:], binary.BigEndian.AppendUint32(data, i), &e.key); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// private is the key alone.
func (e *extended) private() *btcec.PrivateKey {
	key := e.key
	return btcec.PrivKeyFromScalar(&key)
}
