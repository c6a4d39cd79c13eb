package door

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asks is what somebody asks of pages behind a door.
func asks(method, target string, change ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for _, c := range change {
		c(r)
	}
	return r
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func guarded(b Bounds) http.Handler {
	b.Refusal = func(*http.Request) string { return "not one of ours" }
	b.Foreign = b.Refusal
	b.Most, b.Within = 10, time.Minute
	return Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		}
	}), b)
}

func status(h http.Handler, r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestOnlyNamesOfOursAreAnswered(t *testing.T) {
	h := guarded(Bounds{Hosts: []string{"node.example"}})
	for host, want := range map[string]int{
		"evil.example": 421, "evil.example:80": 421, "127.0.0.1.evil.example": 421, "": 421, "[node.example": 200, "localhost": 200,
		"localhost:9750": 200, "[::1]:9750": 200, "192.0.2.7": 200, "node.example:443": 200, "NODE.EXAMPLE": 200, "a.node.example": 421,
	} {
		if got := status(h, asks("GET", "/", func(r *http.Request) { r.Host = host })); got != want {
			t.Errorf("host %q gave %d, not %d", host, got, want)
		}
	}
}

func TestAnotherSitesFormsAreRefused(t *testing.T) {
	h := guarded(Bounds{})
	for what, change := range map[string]func(*http.Request){
		"another origin": header("Origin", "https://evil.example"), "no origin": header("Origin", "null"),
		"another site": header("Sec-Fetch-Site", "cross-site"), "another port": header("Sec-Fetch-Site", "same-site"),
	} {
		if got := status(h, asks("POST", "http://127.0.0.1/", change)); got != http.StatusForbidden {
			t.Errorf("%s gave %d", what, got)
		}
	}
	if got := status(h, asks("POST", "http://127.0.0.1/", header("Origin", "http://127.0.0.1"))); got != http.StatusOK {
		t.Errorf("a form of ours gave %d", got)
	}
}

func TestALongFormIsNotRead(t *testing.T) {
	r := httptest.NewRequest("POST", "http://127.0.0.1/", strings.NewReader("12345678901"))
	if got := status(guarded(Bounds{}), r); got != http.StatusRequestEntityTooLarge {
		t.Errorf("it gave %d", got)
	}
}

func TestACookieIsOfNoUseToAScriptOrAnotherSite(t *testing.T) {
	d := New(t.TempDir(), "leyden_test")
	cookie, err := d.Enter(netip.Addr{}, d.Ticket(newTicket(d.place.Secret, time.Now(), All)))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	d.Welcome(w, asks("GET", "/"), cookie)
	c := w.Result().Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Name != "leyden_test" {
		t.Errorf("%+v", c)
	}
	with := asks("GET", "/", func(r *http.Request) { r.AddCookie(c) })
	s := d.Session(with)
	if s == nil || !s.Sent(s.CSRF()) || s.Sent("") || s.Sent(s.CSRF()+"A") {
		t.Fatal("a form of the session's is refused, or another is not")
	}
	if d.Session(asks("GET", "/")) != nil || d.Session(asks("GET", "/", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "leyden_test", Value: "x"}) })) != nil {
		t.Error("somebody else is let in")
	}
	d.Leave(httptest.NewRecorder(), with)
	if d.Session(with) != nil {
		t.Error("a session goes on when it was left")
	}
}

func TestALinkIsMadeOfTheFileInTheDataFolder(t *testing.T) {
	dir := t.TempDir()
	d := New(dir, "leyden_test")
	if _, err := NewLink(dir, Look); err != ErrOff {
		t.Errorf("without pages: %v", err)
	}
	if err := d.Announce("http://127.0.0.1:7"); err != nil {
		t.Fatal(err)
	}
	link, err := NewLink(dir, Look)
	ticket, ok := strings.CutPrefix(link, d.URL()+"/login?ticket=")
	if err != nil || !ok {
		t.Fatal(link, err)
	}
	if info, err := os.Stat(filepath.Join(dir, placeFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := d.Enter(netip.Addr{}, d.Ticket(ticket)); err != nil {
		t.Error(err)
	}
	if _, err := d.Enter(netip.Addr{}, d.Ticket(ticket)); err != ErrWrong {
		t.Errorf("a second time: %v", err)
	}
	if err := d.Retire(); err != nil {
		t.Error(err)
	}
	if _, err := NewLink(dir, Look); err != ErrOff {
		t.Errorf("after the end: %v", err)
	}
}

func TestTriesAreCountedForAHostOrACustomersNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:7": "192.0.2.1", "[::ffff:192.0.2.1]:7": "192.0.2.1", "[2001:db8:1:2:3::4]:7": "2001:db8:1:2::", "[2001:db8:1:2::5]:7": "2001:db8:1:2::",
	} {
		if got := From(&http.Request{RemoteAddr: remote}); got != netip.MustParseAddr(want) {
			t.Errorf("%s counts for %s", remote, got)
		}
	}
}

func TestAFormSendsBackToPagesOfOursOnly(t *testing.T) {
	for path, want := range map[string]string{"/pay?x=1": "/pay?x=1", "//evil.example": "/", "https://evil.example": "/", "": "/", "/\\evil.example": "/", "/a\n": "/"} {
		if got := Back(path); got != want {
			t.Errorf("%q leads to %q", path, got)
		}
	}
}

func TestWhoTriesWrongLinksHasToWait(t *testing.T) {
	d := New(t.TempDir(), "leyden_test")
	now := time.Unix(1_800_000_000, 0)
	d.now = func() time.Time { return now }
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range freeTries {
		if _, err := d.Enter(here, d.Ticket("wrong")); err != ErrWrong {
			t.Fatal(err)
		}
	}
	good := newTicket(d.place.Secret, now, All)
	if _, err := d.Enter(here, d.Ticket(good)); err != ErrTries {
		t.Fatalf("after %d wrong ones: %v", freeTries, err)
	}
	if _, err := d.Enter(there, d.Ticket("wrong")); err != ErrWrong {
		t.Fatalf("another address: %v", err)
	}
	now = now.Add(TryAgainIn)
	if _, err := d.Enter(here, d.Ticket(good)); err != nil {
		t.Fatalf("later: %v", err)
	}
	late := newTicket(d.place.Secret, now, All)
	now = now.Add(ticketLife + time.Second)
	if _, err := d.Enter(there, d.Ticket(late)); err != ErrWrong {
		t.Fatalf("an old ticket: %v", err)
	}
	cookie, err := d.Enter(there, d.Ticket(newTicket(d.place.Secret, now, All)))
	if err != nil || d.find(cookie) == nil {
		t.Fatalf("no session: %v", err)
	}
	if now = now.Add(sessionLife + time.Second); d.find(cookie) != nil {
		t.Error("a session never ends")
	}
	for i := range 3 * maxTriers {
		_, _ = d.Enter(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), d.Ticket("wrong"))
	}
	for range 3 * maxSessions {
		if _, err := d.Enter(here, d.Ticket(newTicket(d.place.Secret, now, All))); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.tries) > maxTriers+1 || len(d.sessions) > maxSessions {
		t.Errorf("%d triers and %d sessions are remembered", len(d.tries), len(d.sessions))
	}
}
