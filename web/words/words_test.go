package words

import "testing"

func TestTimesAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]uint64{
		"1 hour": 3600, "90 minutes": 5400, "2d": 172_800, "3600": 3600, " 1 Week ": 604_800, "10 min": 600, "45s": 45,
	} {
		if got, ok := ReadTime(text); !ok || got != want {
			t.Errorf("%q is %d seconds, not %d", text, got, want)
		}
	}
	for _, text := range []string{"", "hour", "-1 hour", "1 fortnight", "1.5 hours", "99999999999 s"} {
		if got, ok := ReadTime(text); ok {
			t.Errorf("%q was taken for %d seconds", text, got)
		}
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
}

func TestNumbersAreShownForPeople(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1\u202f000", 12_345_678: "12\u202f345\u202f678"} {
		if got := Group(n); got != want {
			t.Errorf("%d is shown as %q", n, got)
		}
	}
	if Percent(1, 3) != "33.33%" || Percent(1, 0) != "0%" || Chance(975_000) != "97.5%" || Chance(1_000_000) != "100%" {
		t.Error("a part is shown wrong")
	}
	if Short("0123456789012345678901") != "01234567…678901" || Short("short") != "short" {
		t.Error("an id is shown wrong")
	}
	if Clock(1_800_000_000) != "2027-01-15 08:00:00 UTC" || Stamp(1_800_000_000) != "2027-01-15T08:00:00Z" {
		t.Error("a time is shown wrong")
	}
}
