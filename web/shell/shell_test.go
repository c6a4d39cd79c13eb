//go:build !race

package shell

import "testing"

func TestAShellReadsAWordAsItWas(t *testing.T) {
	for word, want := range map[string]string{
		"it's $HOME": `'it'\''s $HOME'`, "t-shirt": "t-shirt", "": "''", "a b": "'a b'", "`id`": "'`id`'", "1000msat": "1000msat", "*": "'*'", "ü": "'ü'",
	} {
		if got := Quote(word); got != want {
			t.Errorf("%q is written %s, not %s", word, got, want)
		}
	}
}
