package script

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"
)

// LastNumber is the highest number that a commitment can have.
const LastNumber = 1<<48 - 1

// ErrSecret means that a per-commitment secret does not belong to the same seed
// as the earlier ones.
var ErrSecret = errors.New("per-commitment secret does not fit the earlier ones")

// PerCommitmentSecret is the secret of a side's commitment of this number, from
// the side's seed (BOLT 3, "Per-commitment Secret Requirements").
func PerCommitmentSecret(seed [32]byte, number uint64) [32]byte {
	return derive(seed, 48, LastNumber-number)
}

// derive flips and hashes for each set bit of index below from, highest first.
func derive(value [32]byte, from int, index uint64) [32]byte {
	for b := from - 1; b >= 0; b-- {
		if index>>b&1 == 1 {
			value[b/8] ^= 1 << (b % 8)
			value = sha256.Sum256(value[:])
		}
	}
	return value
}

// Bucket is one of the at most 49 secrets from which all that came before can be
// derived (BOLT 3, "Efficient Per-commitment Secret Storage").
type Bucket struct {
	Bucket int // trailing zero bits of the secret's index: 0 to 48
	Number uint64
	Secret [32]byte
}

// Secrets keeps the per-commitment secrets that a peer released, in 49 buckets
// however many they are. The zero value is empty.
type Secrets struct {
	next    uint64
	buckets [49]Bucket
	used    [49]bool
}

// LoadSecrets rebuilds the store from its buckets, in any order.
func LoadSecrets(buckets []Bucket) (*Secrets, error) {
	var s Secrets
	for _, b := range buckets {
		if b.Number > LastNumber || b.Bucket != bucketOf(b.Number) {
			return nil, fmt.Errorf("bucket %d cannot hold the secret of commitment %d", b.Bucket, b.Number)
		}
		s.buckets[b.Bucket], s.used[b.Bucket] = b, true
		s.next = max(s.next, b.Number+1)
	}
	return &s, nil
}

func bucketOf(number uint64) int {
	return min(bits.TrailingZeros64(LastNumber-number), 48)
}

// Next is the number of the secret that comes next: how many are known.
func (s *Secrets) Next() uint64 { return s.next }

// Insert adds the secret of the next number and returns the bucket that now
// holds it. Error: [ErrSecret], and nothing is changed.
func (s *Secrets) Insert(number uint64, secret [32]byte) (Bucket, error) {
	if number != s.next || number > LastNumber {
		return Bucket{}, fmt.Errorf("%w: it is of commitment %d, not %d", ErrSecret, number, s.next)
	}
	b := Bucket{Bucket: bucketOf(number), Number: number, Secret: secret}
	for i := range b.Bucket {
		if old := s.buckets[i]; s.used[i] && derive(secret, b.Bucket, LastNumber-old.Number) != old.Secret {
			return Bucket{}, ErrSecret
		}
	}
	s.buckets[b.Bucket], s.used[b.Bucket] = b, true
	s.next++
	return b, nil
}

// Get derives the secret of a number that was inserted.
func (s *Secrets) Get(number uint64) ([32]byte, bool) {
	if number >= s.next {
		return [32]byte{}, false
	}
	index := LastNumber - number
	for i, b := range s.buckets {
		if s.used[i] && index>>i == (LastNumber-b.Number)>>i {
			return derive(b.Secret, i, index), true
		}
	}
	return [32]byte{}, false
}

// Buckets lists what is kept, for storing.
func (s *Secrets) Buckets() []Bucket {
	var out []Bucket
	for i, b := range s.buckets {
		if s.used[i] {
			out = append(out, b)
		}
	}
	return out
}
