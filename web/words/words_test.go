package words

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var blanks = regexp.MustCompile(`%[^ %]`)

func TestEachLanguageHasEachTextWithItsBlanks(t *testing.T) {
	first := Languages()[0]
	if len(Languages()) < 2 {
		t.Fatal("there is one language")
	}
	for _, w := range Languages() {
		if !slices.Equal(w.Keys(), first.Keys()) {
			t.Errorf("the keys of %s are others than those of %s: %v", w.Lang, first.Lang, differ(w.Keys(), first.Keys()))
		}
		for _, key := range w.Keys() {
			if want, got := blanks.FindAllString(first.texts[key], -1), blanks.FindAllString(w.texts[key], -1); !slices.Equal(got, want) {
				t.Errorf("%s, %s: the blanks are %v, not %v", w.Lang, key, got, want)
			}
			if strings.TrimSpace(w.texts[key]) != w.texts[key] || w.texts[key] == "" {
				t.Errorf("%s, %s: the text is %q", w.Lang, key, w.texts[key])
			}
			if many, of := strings.CutSuffix(key, ".one"); of && key != "webhooks.one" && !slices.Equal(blanks.FindAllString(w.texts[key], -1), blanks.FindAllString(w.texts[many], -1)) {
				t.Errorf("%s, %s: it has other blanks than %s", w.Lang, key, many)
			}
		}
	}
}

// What is the same in English and in German: names, codes, and words that German took over.
var same = regexp.MustCompile(`^(lang\.dir|unit\.sat|inside\.(htlc|commitments)|nav\.onchain|home\.onchain|onchain\.transaction|delete\.field\.in_htlc_id|settings\.version|token\.(bitcoin|tokens|token)|webhooks\.(title|one|url)|rate\.normal)$`)

func TestNoTextWasLeftInTheFirstLanguage(t *testing.T) {
	en, de := For("en", ""), For("de", "")
	for _, key := range en.Keys() {
		if en.texts[key] == de.texts[key] && !same.MatchString(key) {
			t.Errorf("%s is %q in both", key, de.texts[key])
		}
	}
}

// differ is what is in one of two lists only.
func differ(a, b []string) (out []string) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, "+"+x)
		}
	}
	for _, x := range b {
		if !slices.Contains(a, x) {
			out = append(out, "-"+x)
		}
	}
	return out
}

func TestTheLanguageIsTheOneThatWasChosenOrIsLikedBest(t *testing.T) {
	for _, c := range []struct{ choice, accepted, want string }{
		{"", "", "en"}, {"", "de", "de"}, {"", "de-AT,de;q=0.9,en;q=0.8", "de"}, {"", "fr, en;q=0.5, de;q=0.7", "de"},
		{"", "DE", "de"}, {"", "fr", "en"}, {"en", "de", "en"}, {"de", "en", "de"}, {"xx", "de", "de"}, {"", "de;q=0,en;q=0.1", "en"},
		{"", "de;q=x, en;q=0.1", "en"}, {"", "de;q=9, en", "en"}, {"", "de;q=NaN, en", "en"}, {"../de", "", "en"}, {"", ",,;;q=,", "en"},
	} {
		if got := For(c.choice, c.accepted).Lang; got != c.want {
			t.Errorf("chosen %q, accepted %q: %s, not %s", c.choice, c.accepted, got, c.want)
		}
	}
}

func FuzzFor(f *testing.F) {
	f.Add("de", "de-AT,de;q=0.9,en;q=0.8")
	f.Fuzz(func(t *testing.T, choice, accepted string) {
		if For(choice, accepted) == nil {
			t.Error("no language")
		}
	})
}

func TestTimesAreReadAsPeopleWriteThem(t *testing.T) {
	en, de := For("en", ""), For("de", "")
	for text, want := range map[string]uint64{
		"1 hour": 3600, "90 minutes": 5400, "2d": 172_800, "3600": 3600, " 1 Week ": 604_800, "10 min": 600, "45s": 45,
	} {
		for _, w := range Languages() {
			if got, ok := w.ReadTime(text); !ok || got != want {
				t.Errorf("%s: %q is %d seconds, not %d", w.Lang, text, got, want)
			}
		}
	}
	for text, want := range map[string]uint64{"1 Stunde": 3600, "90 Minuten": 5400, "2 Tage": 172_800, "1 Tag": 86_400, "1 Woche": 604_800, "3 std": 0} {
		if got, ok := de.ReadTime(text); ok != (want != 0) || got != want {
			t.Errorf("%q is %d seconds, not %d", text, got, want)
		}
	}
	for _, text := range []string{"", "hour", "-1 hour", "1 fortnight", "1.5 hours", "99999999999 s", "1 Stunde"} {
		if got, ok := en.ReadTime(text); ok {
			t.Errorf("%q was taken for %d seconds", text, got)
		}
	}
	for _, w := range Languages() { // what is shown can be typed
		for _, d := range []time.Duration{time.Second, 5 * time.Minute, time.Hour, 24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour} {
			if got, ok := w.ReadTime(w.Lasting(d)); !ok || time.Duration(got)*time.Second != d {
				t.Errorf("%s: %q is read as %d", w.Lang, w.Lasting(d), got)
			}
		}
		for _, key := range []string{"expiry.1", "expiry.2", "expiry.3", "expiry.4"} {
			if _, ok := w.ReadTime(w.Text(key)); !ok {
				t.Errorf("%s: what is offered, %q, cannot be read", w.Lang, w.Text(key))
			}
		}
	}
}

func FuzzReadTime(f *testing.F) {
	f.Add("90 minutes")
	f.Fuzz(func(t *testing.T, s string) {
		if seconds, ok := For("de", "").ReadTime(s); ok && seconds > 1<<32*7*24*3600 {
			t.Errorf("%q is %d seconds", s, seconds)
		}
	})
}

func TestTimesAreShownInWords(t *testing.T) {
	const at = 1_800_000_000
	now := time.Unix(at, 0)
	for unix, want := range map[uint64][2]string{
		at: {"just now", "gerade eben"}, at - 7200: {"2 hours ago", "vor 2 Stunden"}, at - 3*86_400: {"3 days ago", "vor 3 Tagen"},
		at - 90: {"1 minute ago", "vor 1 Minute"}, at + 86_400: {"in 1 day", "in 1 Tag"}, at + 86_400*6: {"in 6 days", "in 6 Tagen"},
		at + 8*86_400: {"in 1 week", "in 1 Woche"}, at + 3: {"in 3 seconds", "in 3 Sekunden"},
	} {
		for i, w := range Languages() {
			if got := w.Ago(now, unix); got != want[i] {
				t.Errorf("%q, not %q", got, want[i])
			}
		}
	}
	en, de := For("en", ""), For("de", "")
	if en.Lasting(0) != "0 seconds" || de.Lasting(49*time.Hour) != "2 Tage" || en.Clock(at) != "2027-01-15 08:00:00 UTC" || de.Clock(at) != "15.01.2027, 08:00:00 UTC" || Stamp(at) != "2027-01-15T08:00:00Z" {
		t.Error("a time is shown wrong")
	}
	if de.Milliseconds(1234*time.Microsecond) != "1,2 ms" || en.Milliseconds(0) != "0.0 ms" {
		t.Error("a short time is shown wrong")
	}
}

func TestOthersTextsCannotTurnAround(t *testing.T) {
	for text, want := range map[string]string{
		"\u202eevil \u0645\u200c\u0648 👩\u200d🚀": "⟨U+202E⟩evil \u0645\u200c\u0648 👩\u200d🚀", "a\x07b": "a⟨U+0007⟩b", "a\nb\tc": "a\nb\tc", "\u2028": "⟨U+2028⟩",
	} {
		if got := Plain(text); got != want {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
	if Short("0123456789012345678901") != "01234567…678901" || Short("short") != "short" {
		t.Error("an id is shown wrong")
	}
}

func TestNumbersAreShownForPeople(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1\u202f000", 12_345_678: "12\u202f345\u202f678"} {
		if got := Group(n); got != want {
			t.Errorf("%d is shown as %q", n, got)
		}
	}
	en, de := For("en", ""), For("de", "")
	if Percent[uint64](1, 3) != "33.33%" || Percent[uint64](1, 0) != "0%" || en.Chance(975_000) != "97.5%" || en.Chance(1_000_000) != "100%" || de.Chance(975_000) != "97,5\u00a0%" {
		t.Error("a part is shown wrong")
	}
	if en.Satoshi(12_345_678_901) != "12\u202f345\u202f678.901\u00a0sat" || de.Satoshi(12_345_678_901) != "12\u202f345\u202f678,901\u00a0sat" || de.Satoshi(1000) != "1\u00a0sat" {
		t.Error("an amount is shown wrong")
	}
	if got := en.Text("inside.left", 1) + en.Text("inside.left", 2) + de.Text("inside.left", uint64(1)); got != "1 more step is not drawn.2 more steps are not drawn.1 weiterer Schritt ist nicht gezeichnet." {
		t.Error(got)
	}
}

func TestAmountsAreReadAsEachLanguageWritesThem(t *testing.T) {
	for _, c := range []struct{ lang, number, unit, want string }{
		{"en", "25 000", "sat", "25000sat"}, {"en", "25,000", "sat", "25000sat"}, {"en", "1,234,567.5", "sat", "1234567.5sat"}, {"en", "2,5", "sat", "2,5sat"},
		{"en", "0.5", "btc", "0.5btc"}, {"en", "0,5", "btc", "0,5btc"}, {"en", "", "sat", "any"}, {"en", "Any", "btc", "any"}, {"en", "25_000", "msat", "25000msat"},
		{"de", "25.000", "sat", "25000sat"}, {"de", "25 000,5", "sat", "25000.5sat"}, {"de", "0,001", "btc", "0.001btc"}, {"de", "0.001", "btc", "0.001btc"},
		{"de", "1.000,25", "btc", "1000.25btc"}, {"de", "1,2,3", "sat", "1.2,3sat"}, {"de", "1.2.3", "sat", "1.2.3sat"}, {"de", "25\u202f000", "sat", "25000sat"},
		{"en", "12.5", "", "12.5"}, {"en", ",000", "sat", ",000sat"}, {"en", "1000,000", "sat", "1000,000sat"}, {"en", "x", "sat", "xsat"},
	} {
		if got := For(c.lang, "").Amount(c.number, c.unit); got != c.want {
			t.Errorf("%s: %q %s is %q, not %q", c.lang, c.number, c.unit, got, c.want)
		}
	}
}

func TestAStatusWithoutAWordIsShownAsItIs(t *testing.T) {
	if w := For("de", ""); w.Status("paid") != "bezahlt" || w.Status("DUALOPEND") != "DUALOPEND" {
		t.Error(w.Status("paid"), w.Status("DUALOPEND"))
	}
}
