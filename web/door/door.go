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

	freeTries = 5 // wrong tries in a row that cost no waiting
)

// TryAgainIn is after how long who had to wait may try once more.
const TryAgainIn = 5 * time.Second

// Errors of [Door.Enter].
var (
	ErrWrong = errors.New("door: what was given lets nobody in")
	ErrTries = errors.New("door: too many wrong tries")
)

// Door is who may come in: tickets that were used, sessions, and who tried in vain. It
// is safe for concurrent use.
type Door struct {
	dir    string
	place  place
	cookie string // the name of the sessions'
	now    func() time.Time

	mu       sync.Mutex
	used     map[string]time.Time // by ticket, until when it would be valid
	sessions map[[32]byte]*Session
	tries    map[netip.Addr]tries
	hashing  hashing
}

// Session is one browser that is logged in.
type Session struct {
	Role Role   // of the link by which it was opened; All for a password
	Rune string // what it may do; empty: everything
	Link bool   // it was opened by a link

	csrf string // the token of its forms
	ends time.Time
}

// Proof looks at what somebody gives, and says what session it opens.
type Proof func() (s Session, ok bool)

// tries are the wrong tries that came from an address.
type tries struct {
	left float64
	at   time.Time
}

// New makes a door of a node with a data folder, whose sessions have cookies of a name: one
// of each node's own, because cookies know no ports.
func New(dir, cookie string) *Door {
	return &Door{
		dir: dir, place: place{Secret: randomBytes(32)}, cookie: cookie, now: time.Now,
		used: map[string]time.Time{}, sessions: map[[32]byte]*Session{}, tries: map[netip.Addr]tries{},
	}
}

// Enter gives a session's cookie for a proof. Errors: [ErrWrong], [ErrTries].
func (d *Door) Enter(from netip.Addr, proof Proof) (cookie string, err error) {
	if !d.try(from) {
		return "", ErrTries
	}
	s, ok := proof() // without the lock: it takes its time
	if !ok {
		return "", ErrWrong
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forgive(from)
	return d.open(s), nil
}

// forgive gives back the try that was a good one, and no more: who may come in by one way
// must not guess at another.
func (d *Door) forgive(from netip.Addr) {
	if t, known := d.tries[from]; known {
		t.left = min(freeTries, t.left+1)
		d.tries[from] = t
	}
}

// try counts a try as a wrong one, which it is until it was a good one: so however many
// come at once, no more of them are free.
func (d *Door) try(from netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	t, known := d.tries[from]
	if !known {
		t = tries{freeTries, now}
	}
	t.left = min(freeTries, t.left+float64(now.Sub(t.at))/float64(TryAgainIn))
	t.at = now
	may := t.left >= 1
	if may {
		t.left--
	}
	d.remember(from, t)
	return may
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

// open makes a session. When there are too many the oldest one with a rune goes, or else
// the oldest one.
func (d *Door) open(s Session) string {
	if len(d.sessions) >= maxSessions {
		var first [32]byte
		for k, s := range d.sessions {
			o := d.sessions[first]
			if o == nil || (s.Rune != "") && (o.Rune == "") || (s.Rune != "") == (o.Rune != "") && s.ends.Before(o.ends) {
				first = k
			}
		}
		delete(d.sessions, first)
	}
	cookie := base64.RawURLEncoding.EncodeToString(randomBytes(32))
	s.csrf, s.ends = base64.RawURLEncoding.EncodeToString(randomBytes(32)), d.now().Add(sessionLife)
	d.sessions[sha256.Sum256([]byte(cookie))] = &s
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

// Alone ends every session but one.
func (d *Door) Alone(s *Session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, other := range d.sessions {
		if other != s {
			delete(d.sessions, key)
		}
	}
}

// CSRF is the token that the forms of a session have.
func (s *Session) CSRF() string { return s.csrf }

// Sent says whether a form with this token is one of the session's.
func (s *Session) Sent(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.csrf)) == 1
}
