package door

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// How long a session lasts, and how much is remembered.
const (
	sessionLife = 7 * 24 * time.Hour
	maxSessions = 100
	maxUsed     = 10_000 // tickets
	maxTriers   = 1000   // addresses

	freeTries = 5 // wrong tickets in a row that cost no waiting
)

// TryAgainIn is after how long who had to wait may try once more.
const TryAgainIn = 5 * time.Second

// Errors of [Door.Enter].
var (
	ErrTicket = errors.New("door: the ticket is wrong, used or too old")
	ErrTries  = errors.New("door: too many wrong tickets")
)

// Door is who may come in: tickets that were used, sessions, and who tried in vain. It
// is safe for concurrent use.
type Door struct {
	place  place
	cookie string // the name of the sessions'
	now    func() time.Time

	mu       sync.Mutex
	used     map[string]time.Time // by ticket, until when it would be valid
	sessions map[[32]byte]*Session
	tries    map[netip.Addr]tries
}

// Session is one browser that is logged in.
type Session struct {
	csrf string // the token of its forms
	ends time.Time
}

// tries are the wrong tickets that came from an address.
type tries struct {
	left float64
	at   time.Time
}

// New makes a door whose sessions have cookies of a name: one of each node's own, because
// cookies know no ports.
func New(cookie string) *Door {
	return &Door{
		place: place{Secret: randomBytes(32)}, cookie: cookie, now: time.Now,
		used: map[string]time.Time{}, sessions: map[[32]byte]*Session{}, tries: map[netip.Addr]tries{},
	}
}

// Enter gives a session's cookie for a ticket. Errors: [ErrTicket], [ErrTries].
func (d *Door) Enter(ticket string, from netip.Addr) (cookie string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	t, known := d.tries[from]
	if !known {
		t = tries{freeTries, now}
	}
	t.left = min(freeTries, t.left+float64(now.Sub(t.at))/float64(TryAgainIn))
	t.at = now
	if t.left < 1 {
		d.tries[from] = t
		return "", ErrTries
	}
	if !d.valid(ticket, now) {
		t.left--
		d.remember(from, t)
		return "", ErrTicket
	}
	delete(d.tries, from)
	return d.open(now), nil
}

// remember keeps who tried in vain, and forgets the one who did longest ago when
// there are too many.
func (d *Door) remember(from netip.Addr, t tries) {
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

// open makes a session. The oldest one goes when there are too many.
func (d *Door) open(now time.Time) string {
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
	d.sessions[sha256.Sum256([]byte(cookie))] = &Session{
		csrf: base64.RawURLEncoding.EncodeToString(randomBytes(32)), ends: now.Add(sessionLife),
	}
	return cookie
}

// find gives the session of a cookie; nil when there is none.
func (d *Door) find(cookie string) *Session {
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

// Session gives the session of who asks; nil when there is none.
func (d *Door) Session(r *http.Request) *Session {
	c, err := r.Cookie(d.cookie)
	if err != nil {
		return nil
	}
	return d.find(c.Value)
}

// Welcome gives a browser the cookie of its session.
func (d *Door) Welcome(w http.ResponseWriter, r *http.Request, cookie string) {
	http.SetCookie(w, &http.Cookie{
		Name: d.cookie, Value: cookie, Path: "/", MaxAge: int(sessionLife.Seconds()), HttpOnly: true, Secure: r.TLS != nil,
		SameSite: http.SameSiteStrictMode,
	})
}

// Leave ends the session of who asks.
func (d *Door) Leave(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(d.cookie); err == nil {
		d.mu.Lock()
		delete(d.sessions, sha256.Sum256([]byte(c.Value)))
		d.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: d.cookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// CSRF is the token that the forms of a session have.
func (s *Session) CSRF() string { return s.csrf }

// Sent says whether a form with this token is one of the session's.
func (s *Session) Sent(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.csrf)) == 1
}
