package door

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/leyden-ln/leyden/internal/atomicfile"
)

// passwordFile is the name of the file in the data folder that has the password's hash.
const passwordFile = "web-password.json"

// Bounds of a password.
const (
	LeastPassword = 10 // characters
	mostPassword  = 1000
)

// ErrPassword says that a password is too short or too long.
var ErrPassword = fmt.Errorf("a password has at least %d characters, and at most %d bytes", LeastPassword, mostPassword)

// hash is a password's hash by Argon2id, with its parameters; or that there is none, as
// the owner wants it.
type hash struct {
	Without bool   `json:"without,omitempty"`
	Time    uint32 `json:"time"`
	Memory  uint32 `json:"memory"` // KiB
	Threads uint8  `json:"threads"`
	Salt    []byte `json:"salt"`
	Hash    []byte `json:"hash"`
}

// cost is what Argon2id costs for a new password: OWASP's recommendation for small
// machines, as a node may be one.
var cost = hash{Time: 2, Memory: 19 << 10, Threads: 1}

// Parameters beyond these are not of ours: who wrote them could stop the node.
const (
	mostTime   = 64
	mostMemory = 1 << 20
)

// hashing lets one password be hashed at a time, and few wait for it.
type hashing struct {
	turn sync.Mutex

	mu    sync.Mutex
	queue int
}

const mostHashing = 16

// do runs f when it is its turn; false: too many wait.
func (h *hashing) do(f func()) bool {
	h.mu.Lock()
	full := h.queue >= mostHashing
	if !full {
		h.queue++
	}
	h.mu.Unlock()
	if full {
		return false
	}
	h.turn.Lock()
	f()
	h.turn.Unlock()
	h.mu.Lock()
	h.queue--
	h.mu.Unlock()
	return true
}

// SetPassword stores a password's hash in a node's data folder, which counts from then on,
// also for a node that runs. Errors: [ErrPassword], the disk's.
func SetPassword(dir, password string) error {
	if utf8.RuneCountInString(password) < LeastPassword || len(password) > mostPassword {
		return ErrPassword
	}
	h := cost
	h.Salt = randomBytes(16)
	h.Hash = h.of(password)
	b, err := json.Marshal(&h)
	if err != nil {
		return err
	}
	return atomicfile.Replace(filepath.Join(dir, passwordFile), b)
}

// DoWithout stores in a node's data folder that its owner wants no password, in place of
// one that there is.
func DoWithout(dir string) error {
	b, err := json.Marshal(map[string]bool{"without": true})
	if err != nil {
		return err
	}
	return atomicfile.Replace(filepath.Join(dir, passwordFile), b)
}

func (h *hash) of(password string) []byte {
	return argon2.IDKey([]byte(password), h.Salt, h.Time, h.Memory, h.Threads, 32)
}

// readHash is the hash in a data folder; nil: no password is set.
func readHash(dir string) (*hash, error) {
	b, err := os.ReadFile(filepath.Join(dir, passwordFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var h hash
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	if err == nil && h.Without {
		return &h, nil
	}
	if err == nil && (h.Time < 1 || h.Time > mostTime || h.Memory > mostMemory || h.Threads < 1 || len(h.Hash) != 32 || len(h.Salt) < 16) {
		err = errors.New("it is damaged")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", passwordFile, err)
	}
	return &h, nil
}

// HasPassword says whether a password is set.
func (d *Door) HasPassword() (bool, error) { return HasPassword(d.dir) }

// HasPassword says whether a data folder has a password.
func HasPassword(dir string) (bool, error) {
	h, err := readHash(dir)
	return h != nil && !h.Without, err
}

// Without says whether the owner wants no password.
func (d *Door) Without() bool {
	h, err := readHash(d.dir)
	return err == nil && h != nil && h.Without
}

// Password is a proof by the password.
func (d *Door) Password(password string) Proof {
	return func() (Session, bool) {
		h, err := readHash(d.dir)
		if err != nil || h == nil || h.Without || len(password) > mostPassword {
			return Session{}, false
		}
		same := false
		done := d.hashing.do(func() { same = subtle.ConstantTimeCompare(h.of(password), h.Hash) == 1 })
		return Session{Role: All}, done && same
	}
}

// ChangePassword sets another password, and ends all sessions but that of who does it. Who
// came by a link need not give the old one: the data folder is theirs. Errors: [ErrWrong],
// [ErrTries], [ErrPassword], the disk's.
func (d *Door) ChangePassword(s *Session, from netip.Addr, old, password string) error {
	has, err := d.HasPassword()
	if err != nil {
		return err
	}
	if has && !s.Link {
		if !d.try(from) {
			return ErrTries
		}
		if _, ok := d.Password(old)(); !ok {
			return ErrWrong
		}
		d.mu.Lock()
		d.forgive(from)
		d.mu.Unlock()
	}
	if !d.hashing.do(func() { err = SetPassword(d.dir, password) }) {
		return ErrTries
	}
	if err == nil {
		d.Alone(s)
	}
	return err
}
