//go:build !race

package compact

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAPathIsStoredAndReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOf(rapid.RuneFrom([]rune{0, 1, 2, 'a', 'é'}))
		path := rapid.SliceOfN(name, 1, 4).Draw(t, "path")
		other := rapid.SliceOfN(name, 1, 4).Draw(t, "other")
		got, err := ReadPath(Path(path))
		if err != nil || !slices.Equal(got, path) {
			t.Fatalf("%q became %q: %v", path, got, err)
		}
		under := len(other) >= len(path) && slices.Equal(other[:len(path)], path)
		key, of := Path(other), Path(path)
		if within := string(key) >= string(of) && string(key) < string(Beyond(of)); within != under {
			t.Fatalf("%q under %q: %v", other, path, within)
		}
	})
}

func FuzzReadPath(f *testing.F) {
	f.Add([]byte{'a', 1, 1, 0, 'b', 0})
	f.Fuzz(func(t *testing.T, key []byte) {
		if path, err := ReadPath(key); err == nil && len(path) > len(key) {
			t.Errorf("%x has %d names", key, len(path))
		}
	})
}
