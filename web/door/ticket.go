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
	"time"

	"github.com/leyden-ln/leyden/internal/atomicfile"
)

const (
	ticketLife = 10 * time.Minute
	ticketBody = 8 + 16 // the end of its life, and what makes it unique
)

// place is what `leyden web` must know of a running node, in its data folder.
type place struct {
	URL    string `json:"url"`
	Secret []byte `json:"secret"`
}

// placeFile is the name of that file.
const placeFile = "web.json"

// ErrOff says that the pages are not being served.
var ErrOff = errors.New("no pages are served from this data folder: is the node running, with --web?")

// NewLink makes a link that logs its bearer in, once, to the node whose data folder
// is dir. Error: [ErrOff].
func NewLink(dir string) (string, error) {
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
	return p.link(time.Now()), nil
}

// Announce writes down in a node's data folder where its pages are, for [NewLink].
func (d *Door) Announce(dir, url string) error {
	d.place.URL = url
	b, err := json.Marshal(&d.place)
	if err != nil {
		return err
	}
	return atomicfile.Replace(filepath.Join(dir, placeFile), b)
}

// Retire takes back what [Door.Announce] wrote.
func (d *Door) Retire(dir string) error { return os.Remove(filepath.Join(dir, placeFile)) }

// URL is where the pages are, as it was announced.
func (d *Door) URL() string { return d.place.URL }

// Link is a link that logs its bearer in, once.
func (d *Door) Link() string { return d.place.link(d.now()) }

func (p *place) link(now time.Time) string {
	return p.URL + "/login?ticket=" + newTicket(p.Secret, now)
}

// newTicket makes a ticket: the end of its life, random bytes and the secret's MAC
// of both.
func newTicket(secret []byte, now time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(now.Add(ticketLife).Unix())) //nolint:gosec // now
	b = append(b, randomBytes(ticketBody-8)...)
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

// valid checks a ticket and uses it up.
func (d *Door) valid(ticket string, now time.Time) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(ticket)
	if err != nil || len(b) != ticketBody+sha256.Size || !hmac.Equal(sign(d.place.Secret, b[:ticketBody]), b[ticketBody:]) {
		return false
	}
	ends := time.Unix(int64(binary.BigEndian.Uint64(b)), 0) //nolint:gosec // we signed it
	if now.After(ends) {
		return false
	}
	for t, ends := range d.used {
		if now.After(ends) {
			delete(d.used, t)
		}
	}
	if _, again := d.used[ticket]; again || len(d.used) >= maxUsed {
		return false
	}
	d.used[ticket] = ends
	return true
}
