package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/internal/atomicfile"
)

// How long things of a login last, and how many there may be.
const (
	ticketLife  = 10 * time.Minute
	sessionLife = 7 * 24 * time.Hour
	maxSessions = 100
	maxUsed     = 10_000 // tickets that must be remembered

	freeTries  = 5               // wrong links in a row that cost no waiting
	tryAgainIn = 5 * time.Second // after which one more is free
	maxTriers  = 1000            // addresses that are remembered
)

// file is what `leyden web` must know of a running node, in its data folder.
type file struct {
	URL    string `json:"url"`
	Secret []byte `json:"secret"`
}

// fileName is the name of that file.
const fileName = "web.json"

// ErrOff says that the pages are not being served.
var ErrOff = errors.New("no pages are served from this data folder: is the node running, with --web?")

// NewLink makes a link that logs its bearer in, once, to the node whose data folder
// is dir.
func NewLink(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, fileName))
	if errors.Is(err, os.ErrNotExist) {
		return "", ErrOff
	}
	if err != nil {
		return "", err
	}
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return "", err
	}
	return f.link(time.Now()), nil
}

func (f *file) write(dir string) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return atomicfile.Replace(filepath.Join(dir, fileName), b)
}

func (f *file) link(now time.Time) string { return f.URL + "/login?ticket=" + newTicket(f.Secret, now) }

const ticketBody = 8 + 16 // the end of its life, and what makes it unique

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

// door is who may come in: tickets that were used, sessions, and who tried in vain.
type door struct {
	secret []byte
	now    func() time.Time

	mu       sync.Mutex
	used     map[string]time.Time // by ticket, until when it would be valid
	sessions map[[32]byte]*session
	tries    map[netip.Addr]tries
}

// session is one browser that is logged in.
type session struct {
	csrf string // the token of its forms
	ends time.Time
}

// tries are the wrong tickets that came from an address.
type tries struct {
	left float64
	at   time.Time
}

func newDoor(secret []byte) *door {
	return &door{
		secret: secret, now: time.Now, used: map[string]time.Time{}, sessions: map[[32]byte]*session{}, tries: map[netip.Addr]tries{},
	}
}

var (
	errTicket = errors.New("web: the ticket is wrong, used or too old")
	errTries  = errors.New("web: too many wrong tickets")
)

// enter gives a session's cookie for a ticket.
func (d *door) enter(ticket string, from netip.Addr) (cookie string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	t, known := d.tries[from]
	if !known {
		t = tries{freeTries, now}
	}
	t.left = min(freeTries, t.left+float64(now.Sub(t.at))/float64(tryAgainIn))
	t.at = now
	if t.left < 1 {
		d.tries[from] = t
		return "", errTries
	}
	if !d.valid(ticket, now) {
		t.left--
		d.remember(from, t)
		return "", errTicket
	}
	delete(d.tries, from)
	return d.open(now), nil
}

// remember keeps who tried in vain, and forgets the one who did longest ago when
// there are too many.
func (d *door) remember(from netip.Addr, t tries) {
	d.tries[from] = t
	if len(d.tries) <= maxTriers {
		return
	}
	oldest, at := from, t.at
	for a, t := range d.tries {
		if t.at.Before(at) {
			oldest, at = a, t.at
		}
	}
	delete(d.tries, oldest)
}

// valid checks a ticket and uses it up.
func (d *door) valid(ticket string, now time.Time) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(ticket)
	if err != nil || len(b) != ticketBody+sha256.Size || !hmac.Equal(sign(d.secret, b[:ticketBody]), b[ticketBody:]) {
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

// open makes a session. The oldest one goes when there are too many.
func (d *door) open(now time.Time) string {
	if len(d.sessions) >= maxSessions {
		var oldest [32]byte
		for k, s := range d.sessions {
			if o := d.sessions[oldest]; o == nil || s.ends.Before(o.ends) {
				oldest = k
			}
		}
		delete(d.sessions, oldest)
	}
	cookie := base64.RawURLEncoding.EncodeToString(randomBytes(32))
	d.sessions[sha256.Sum256([]byte(cookie))] = &session{
		csrf: base64.RawURLEncoding.EncodeToString(randomBytes(32)), ends: now.Add(sessionLife),
	}
	return cookie
}

// find gives the session of a cookie; nil when there is none.
func (d *door) find(cookie string) *session {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := sha256.Sum256([]byte(cookie)) // looked up by its hash, so that time tells nothing
	s := d.sessions[key]
	if s != nil && d.now().After(s.ends) {
		delete(d.sessions, key)
		return nil
	}
	return s
}

func (d *door) leave(cookie string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sessions, sha256.Sum256([]byte(cookie)))
}

func (s *session) sent(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.csrf)) == 1
}
