//go:build !race

package table

import (
	"encoding/json"
	"testing"
)

func TestNoFieldOfATableIsAFormula(t *testing.T) {
	for raw, want := range map[string]string{
		`"=HYPERLINK(\"http://evil.example\")"`: `"'=HYPERLINK(""http://evil.example"")"`, `"+1"`: "'+1", `"-1"`: "'-1", `"@SUM(A1)"`: "'@SUM(A1)",
		`"\t=1"`: "'\t=1", `"\r=1"`: "\"'\r=1\"", `"＝1"`: "'＝1", `"a=1"`: "a=1", `""`: "", `" a"`: `" a"`, `"a,b"`: `"a,b"`, `"a\"b"`: `"a""b"`,
		`"a\r\nb"`: "\"a\r\nb\"", `12345`: "12345", `"شاي"`: "شاي", "": "",
	} {
		if got, err := cell("description", json.RawMessage(raw)); err != nil || got != want {
			t.Errorf("%s becomes %q, not %q (%v)", raw, got, want, err)
		}
	}
	for raw, want := range map[string]string{`1800000000`: "2027-01-15T08:00:00Z", `0`: "", "": ""} {
		if got, err := cell("paid_at", json.RawMessage(raw)); err != nil || got != want {
			t.Errorf("the time %s becomes %q, not %q (%v)", raw, got, want, err)
		}
	}
}
