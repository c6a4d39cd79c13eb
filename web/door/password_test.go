package door

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var here = netip.MustParseAddr("192.0.2.1")

// TestMain has passwords whose hashes cost little.
func TestMain(m *testing.M) {
	cost.Memory = 64
	os.Exit(m.Run())
}

const word = "correct horse battery"

func TestWhoKnowsThePasswordComesInAndNobodyElse(t *testing.T) {
	dir := t.TempDir()
	d := New(dir, "leyden_test")
	if has, err := d.HasPassword(); has || err != nil {
		t.Fatal(has, err)
	}
	if _, err := d.Enter(here, d.Password("")); err != ErrWrong {
		t.Errorf("without a password: %v", err)
	}
	if err := SetPassword(dir, word); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Enter(here, d.Password(word+" ")); err != ErrWrong {
		t.Errorf("another one: %v", err)
	}
	cookie, err := d.Enter(here, d.Password(word))
	if err != nil {
		t.Fatal(err)
	}
	if s := d.find(cookie); s.Role != All || s.Rune != "" || s.Link {
		t.Errorf("%+v", s)
	}
	b, err := os.ReadFile(filepath.Join(dir, passwordFile))
	if err != nil || strings.Contains(string(b), word) {
		t.Errorf("the file says %s, %v", b, err)
	}
	if info, err := os.Stat(filepath.Join(dir, passwordFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAPasswordIsNeitherShortNorHuge(t *testing.T) {
	for _, password := range []string{"", "ninechars", strings.Repeat("x", mostPassword+1)} {
		if err := SetPassword(t.TempDir(), password); err != ErrPassword {
			t.Errorf("%.20q: %v", password, err)
		}
	}
}

func TestAFileThatIsNotOursLetsNobodyIn(t *testing.T) {
	dir := t.TempDir()
	d := New(dir, "leyden_test")
	for _, text := range []string{"", "{}", `{"time":1,"memory":4294967295,"threads":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA==","hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`} {
		if err := os.WriteFile(filepath.Join(dir, passwordFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := d.HasPassword(); err == nil {
			t.Errorf("%q is taken", text)
		}
		if _, ok := d.Password(word)(); ok {
			t.Errorf("%q lets somebody in", text)
		}
	}
}

func TestWhoGuessesHasToWaitHoweverManyAtOnce(t *testing.T) {
	d := New(t.TempDir(), "leyden_test")
	now := time.Unix(1_800_000_000, 0)
	d.now = func() time.Time { return now }
	var wg sync.WaitGroup
	var mu sync.Mutex
	free := 0
	for range 10 * freeTries {
		wg.Go(func() {
			if _, err := d.Enter(here, d.Password("a guess of somebody")); err == ErrWrong {
				mu.Lock()
				defer mu.Unlock()
				free++
			}
		})
	}
	wg.Wait()
	if free != freeTries {
		t.Errorf("%d guesses were free", free)
	}
}

func TestWhoChangesThePasswordGivesTheOldOneOrCameByALink(t *testing.T) {
	dir := t.TempDir()
	d := New(dir, "leyden_test")
	enter := func(p Proof) *Session {
		cookie, err := d.Enter(here, p)
		if err != nil {
			t.Fatal(err)
		}
		return d.find(cookie)
	}
	first := enter(d.Ticket(newTicket(d.place.Secret, time.Now(), All)))
	if err := d.ChangePassword(first, here, "", word); err != nil {
		t.Fatal(err)
	}
	second := enter(d.Password(word))
	if err := d.ChangePassword(second, here, "wrong", "another password"); err != ErrWrong {
		t.Errorf("with a wrong one: %v", err)
	}
	if err := d.ChangePassword(second, here, word, "short"); err != ErrPassword {
		t.Errorf("a short one: %v", err)
	}
	if err := d.ChangePassword(second, here, word, "another password"); err != nil {
		t.Error(err)
	}
	if len(d.sessions) != 1 {
		t.Errorf("%d sessions go on", len(d.sessions))
	}
	if _, ok := d.Password(word)(); ok {
		t.Error("the old one is good")
	}
	if err := d.ChangePassword(first, here, "", "the third password"); err != nil {
		t.Errorf("by a link: %v", err)
	}
}

func TestALinkCarriesItsRole(t *testing.T) {
	d := New(t.TempDir(), "leyden_test")
	for _, as := range Roles {
		s, ok := d.Ticket(newTicket(d.place.Secret, time.Now(), as))()
		if !ok || s.Role != as || !s.Link {
			t.Errorf("%s gave %+v, %v", as, s, ok)
		}
	}
	if _, err := NewLink(t.TempDir(), "boss"); err != ErrRole {
		t.Error(err)
	}
}

func TestWhoMayComeInByOneWayDoesNotGuessAtAnother(t *testing.T) {
	d := New(t.TempDir(), "leyden_test")
	now := time.Unix(1_800_000_000, 0)
	d.now = func() time.Time { return now }
	rune := func() (Session, bool) { return Session{Rune: "a rune"}, true }
	guesses := 0
	for range 5 * freeTries {
		if _, err := d.Enter(here, d.Password("a guess of somebody")); err == ErrWrong {
			guesses++
		}
		_, _ = d.Enter(here, rune)
	}
	if guesses != freeTries {
		t.Errorf("%d guesses were free", guesses)
	}
}

func TestSessionsWithARuneCrowdNoOwnerOut(t *testing.T) {
	d := New(t.TempDir(), "leyden_test")
	cookie := d.open(Session{Role: All})
	for range 2 * maxSessions {
		d.open(Session{Rune: "a rune"})
	}
	if d.find(cookie) == nil || len(d.sessions) != maxSessions {
		t.Errorf("of %d sessions the owner's is %v", len(d.sessions), d.find(cookie))
	}
	for range maxSessions {
		d.open(Session{Role: All})
	}
	if d.find(cookie) != nil {
		t.Error("the oldest session is still there")
	}
}

func TestWhoWantsNoPasswordHasNone(t *testing.T) {
	dir := t.TempDir()
	d := New(dir, "leyden")
	if d.Without() {
		t.Error("nobody has said that there is none")
	}
	for range 2 {
		if err := DoWithout(dir); err != nil {
			t.Fatal(err)
		}
		if has, err := d.HasPassword(); has || err != nil || !d.Without() {
			t.Errorf("there is one: %v, %v", has, err)
		}
		for _, password := range []string{"", "a long password"} {
			if _, ok := d.Password(password)(); ok {
				t.Errorf("%q lets somebody in", password)
			}
		}
		if err := SetPassword(dir, "a long password"); err != nil {
			t.Fatal(err)
		}
		if has, err := HasPassword(dir); !has || err != nil || d.Without() {
			t.Errorf("there is none: %v, %v", has, err)
		}
		if _, ok := d.Password("a long password")(); !ok {
			t.Error("it lets nobody in")
		}
	}
}
