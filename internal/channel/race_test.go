//go:build race

package channel

import (
	"flag"
	"os"
	"testing"
)

// TestMain has properties checked less often under the race detector, which makes
// them twenty times slower and has nothing to find in a room without goroutines.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "5"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
