package keys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/race"
)

func passphrase(text string) Sealing {
	return Sealing{Passphrase: func(bool) (string, error) { return text, nil }}
}

// noise is randomness that goes on.
func noise() *bytes.Reader { return bytes.NewReader(bytes.Repeat([]byte{7, 1, 3}, 100)) }

func TestASeedWithAPassphraseIsNotOnDiskAsItIs(t *testing.T) {
	race.Leave(t, "one goroutine seals and opens")
	path := filepath.Join(t.TempDir(), "seed")
	asked := 0
	how := Sealing{Passphrase: func(fresh bool) (string, error) {
		asked++
		if !fresh {
			t.Error("it is new")
		}
		return "correct horse", nil
	}}
	s, created, err := LoadOrCreate(path, noise(), how)
	if err != nil || !created || asked != 1 {
		t.Fatal(created, asked, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range append(strings.Fields(s.Words())[:3], "correct") {
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%q is in the file", secret)
		}
	}
	if bytes.Contains(b, s.entropy[:]) || !isSealed(b) {
		t.Error("the seed is in the file")
	}
	if got, created, err := LoadOrCreate(path, noise(), passphrase("correct horse")); err != nil || created || got != s {
		t.Error(err)
	}
	for wrong, want := range map[string]error{"incorrect horse": ErrPassphrase, "": ErrNoPassphrase} {
		if _, created, err := LoadOrCreate(path, noise(), passphrase(wrong)); !errors.Is(err, want) || created || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := LoadSeed(path, Sealing{}); !errors.Is(err, ErrNoPassphrase) {
		t.Error(err)
	}
}

func TestTheUserWhoDoesNotAnswerGetsNoSeed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed")
	gone := errors.New("gone")
	var shown string
	for _, how := range []Sealing{
		{Show: func(words string) error { shown = words; return gone }},
		{Passphrase: func(bool) (string, error) { return "", gone }},
	} {
		if _, _, err := LoadOrCreate(path, noise(), how); !errors.Is(err, gone) {
			t.Error(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a seed that nobody wrote down is used: %v", err)
		}
	}
	if _, err := SeedFromWords(shown); err != nil {
		t.Errorf("%q was shown", shown)
	}
}

func TestAPassphraseIsChanged(t *testing.T) {
	race.Leave(t, "one goroutine seals and opens")
	path := filepath.Join(t.TempDir(), "seed")
	s, _, err := LoadOrCreate(path, noise(), Sealing{})
	if err != nil {
		t.Fatal(err)
	}
	for _, next := range []string{"one", "two", ""} {
		if err := ReplaceSeed(path, s, noise(), next); err != nil {
			t.Fatal(err)
		}
		if got, err := LoadSeed(path, passphrase(next)); err != nil || got != s {
			t.Errorf("%q: %v", next, err)
		}
	}
}

// A seed of today must be read in ten years.
const sealedOnce = "leyden-seed 1 argon2id passes=3 kib=65536 salt=07010307010307010307010307010307 " +
	"nonce=010307010307010307010307010307010307010307010307 sealed="

func TestTheFormOfASealedSeedIsStable(t *testing.T) {
	s, err := SeedFromWords(art)
	if err != nil {
		t.Fatal(err)
	}
	content, err := sealSeed(s, noise(), "correct horse")
	if err != nil || !strings.HasPrefix(content, sealedOnce) {
		t.Fatalf("%q, %v", content, err)
	}
	if got := strings.TrimPrefix(content, sealedOnce); got != "a228b32be7e85ea38073114c386f55669c2fb372b628c7663c22c3fb77ecb0698f6c3034fa2f8f5cbac7b5b50d07654c\n" {
		t.Errorf("%q", got)
	}
}

func TestADamagedSealedSeedIsRefused(t *testing.T) {
	race.Leave(t, "one goroutine seals and opens")
	s, err := SeedFromWords(art)
	if err != nil {
		t.Fatal(err)
	}
	good, err := sealSeed(s, noise(), "x")
	if err != nil {
		t.Fatal(err)
	}
	good = strings.TrimSuffix(good, "\n")
	for name, bad := range map[string]string{
		"nothing":           sealedPrefix,
		"a newer version":   strings.Replace(good, " 1 ", " 2 ", 1),
		"another function":  strings.Replace(good, "argon2id", "scrypt", 1),
		"no pass":           strings.Replace(good, "passes=3", "passes=0", 1),
		"too many passes":   strings.Replace(good, "passes=3", "passes=101", 1),
		"negative passes":   strings.Replace(good, "passes=3", "passes=-1", 1),
		"too much memory":   strings.Replace(good, "kib=65536", "kib=4294967295", 1),
		"too little memory": strings.Replace(good, "kib=65536", "kib=7", 1),
		"a short salt":      strings.Replace(good, "salt=07", "salt=", 1),
		"a short nonce":     strings.Replace(good, "nonce=01", "nonce=", 1),
		"cut off":           good[:len(good)-2],
		"half a byte":       good[:len(good)-1],
		"more of it":        good + "00",
		"more after it":     good + " x",
	} {
		if _, err := openSeed(bad, "x"); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string]string{
		"another salt":  strings.Replace(good, "salt=07", "salt=08", 1),
		"other passes":  strings.Replace(good, "passes=3", "passes=2", 1),
		"another nonce": strings.Replace(good, "nonce=01", "nonce=02", 1),
		"other bytes":   good[:len(good)-1] + string("10"[good[len(good)-1]&1]),
	} {
		if _, err := openSeed(bad, "x"); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzOpenSeed(f *testing.F) {
	f.Add(sealedOnce + strings.Repeat("00", 48) + "\n")
	f.Add(strings.Replace(sealedOnce, "passes=3 kib=65536", "passes=1 kib=8", 1) + strings.Repeat("00", 48))
	f.Fuzz(func(t *testing.T, content string) {
		if _, err := openSeed(sealedPrefix+content, ""); err == nil {
			t.Error("a seed without a passphrase")
		}
	})
}

func TestKeysWhoseHistoryIsLostSignNoCommitment(t *testing.T) {
	c := signer(t, 1)
	c.Remember(Spent(1))
	for _, number := range []uint64{0, 1, 7} {
		if err := sign(t, c, number, 1000); !errors.Is(err, ErrGoesBack) {
			t.Errorf("theirs %d: %v", number, err)
		}
		if _, err := c.SignOurs(commitment(t, c, true, number, 1000)); !errors.Is(err, ErrGoesBack) {
			t.Errorf("ours %d: %v", number, err)
		}
	}
	// What a confirmed commitment pays us is ours all the same.
	for _, role := range []enforce.Role{enforce.PaymentKey, enforce.OwnDelayedKey} {
		claim, tx := claim(role, 5)
		if _, err := c.SignClaim(claim, tx, 0); err != nil {
			t.Errorf("role %d: %v", role, err)
		}
	}
}

func TestTheKeyOfBackupsIsTheSeedsAndNoOther(t *testing.T) {
	a, err := ring(t, art).BackupKey()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := ring(t, art).BackupKey(); err != nil || a != b {
		t.Error("another key the second time")
	}
	other, err := NewSeed(seed(1))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := ring(t, other.Words()).BackupKey(); err != nil || a == b {
		t.Error("another seed has the same key")
	}
}
