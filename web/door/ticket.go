package door

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/internal/atomicfile"
)

const (
	ticketLife = 10 * time.Minute
	ticketBody = 8 + 1 + 16 // the end of its life, the role, and what makes it unique
)

// Role is what a link lets its bearer do.
type Role string

// The roles. Look changes nothing; Receive makes invoices and addresses, too.
const (
	All     Role = "all"
	Look    Role = "look"
	Receive Role = "receive"
)

// Roles are the roles as tickets number them.
var Roles = []Role{All, Look, Receive}

// ErrRole says that there is no such role.
var ErrRole = errors.New("there is no such role: all, look or receive")

// place is what `leyden web` must know of a running node, in its data folder.
type place struct {
	URL    string `json:"url"`
	Secret []byte `json:"secret"`
}

// placeFile is the name of that file.
const placeFile = "web.json"

// ErrOff says that the pages are not being served.
var ErrOff = errors.New("no pages are served from this data folder: is the node running, with --web?")

// NewLink makes a link that logs its bearer in, once and in a role, to the node whose
// data folder is dir. Errors: [ErrOff], [ErrRole].
func NewLink(dir string, as Role) (string, error) {
	if !slices.Contains(Roles, as) {
		return "", ErrRole
	}
	b, err := os.ReadFile(filepath.Join(dir, placeFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", ErrOff
	}
	if err != nil {
		return "", err
	}
	var p place
	if err := json.Unmarshal(b, &p); err != nil {
		return "", err
	}
	return p.link(time.Now(), as), nil
}

// Announce writes down in the node's data folder where its pages are, for [NewLink].
func (d *Door) Announce(url string) error {
	d.place.URL = url
	b, err := json.Marshal(&d.place)
	if err != nil {
		return err
	}
	return atomicfile.Replace(filepath.Join(d.dir, placeFile), b)
}

// Retire takes back what [Door.Announce] wrote.
func (d *Door) Retire() error { return os.Remove(filepath.Join(d.dir, placeFile)) }

// URL is where the pages are, as it was announced.
func (d *Door) URL() string { return d.place.URL }

// Link is a link that logs its bearer in, once.
func (d *Door) Link(as Role) string { return d.place.link(d.now(), as) }

func (p *place) link(now time.Time, as Role) string {
	return p.URL + "/login?ticket=" + newTicket(p.Secret, now, as)
}

// newTicket makes a ticket: the end of its life, the role, random bytes and the secret's
// MAC of all.
func newTicket(secret []byte, now time.Time, as Role) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(now.Add(ticketLife).Unix())) //nolint:gosec // now
	b = append(b, byte(slices.Index(Roles, as)))                                //nolint:gosec // few
	b = append(b, randomBytes(ticketBody-9)...)
	return base64.RawURLEncoding.EncodeToString(append(b, sign(secret, b)...))
}

func sign(secret, b []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write(b)
	return m.Sum(nil)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// Ticket is a proof by a ticket, which uses it up.
func (d *Door) Ticket(ticket string) Proof {
	return func() (Session, bool) {
		d.mu.Lock()
		defer d.mu.Unlock()
		as, ok := d.use(ticket, d.now())
		return Session{Role: as, Link: true}, ok
	}
}

// use checks a ticket, and remembers that it was used.
func (d *Door) use(ticket string, now time.Time) (as Role, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(ticket)
	if err != nil || len(b) != ticketBody+sha256.Size || !hmac.Equal(sign(d.place.Secret, b[:ticketBody]), b[ticketBody:]) {
		return "", false
	}
	ends := time.Unix(int64(binary.BigEndian.Uint64(b)), 0) //nolint:gosec // we signed it
	if now.After(ends) || int(b[8]) >= len(Roles) {
		return "", false
	}
	for t, ends := range d.used {
		if now.After(ends) {
			delete(d.used, t)
		}
	}
	if _, again := d.used[ticket]; again || len(d.used) >= maxUsed {
		return "", false
	}
	d.used[ticket] = ends
	return Roles[b[8]], true
}
