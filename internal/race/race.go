// Package race tells tests whether the race detector watches them. What a test sees
// in all rounds of a sweep it sees without the detector; with it, which makes
// everything some ten times slower, every few rounds are enough to meet each pair of
// goroutines.
package race

import (
	"flag"
	"slices"
	"strings"
)

// Step is by how much a sweep goes on: so much under the detector, else 1.
func Step(under int) int {
	if Enabled {
		return under
	}
	return 1
}

// Main runs the tests of a room that checks properties: less often under the detector,
// unless -rapid.checks says how often.
func Main(m interface{ Run() int }) int {
	flag.Parse()
	if Enabled && !given("rapid.checks") {
		if err := flag.Set("rapid.checks", "5"); err != nil {
			panic(err)
		}
	}
	return m.Run()
}

// Pure runs the tests of a room that has no goroutine, as the architecture's test sees to
// it: there the detector has nothing to find, and other rooms' tests run its code under it.
func Pure(m interface{ Run() int }) int {
	flag.Parse()
	Aside(".*")
	return m.Run()
}

// Aside leaves tests out under the detector, unless -run or -skip says which ones to run:
// long stories whose goroutines other tests of the room meet too. It is for TestMain,
// after [flag.Parse].
func Aside(tests ...string) {
	if !Enabled || given("test.run", "test.skip") {
		return
	}
	if err := flag.Set("test.skip", "^("+strings.Join(tests, "|")+")$"); err != nil {
		panic(err)
	}
}

// given says whether one of some flags stands on the command line.
func given(names ...string) (found bool) {
	flag.Visit(func(f *flag.Flag) { found = found || slices.Contains(names, f.Name) })
	return found
}
