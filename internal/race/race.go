// Package race tells tests whether the race detector watches them. What a test sees
// in all rounds of a sweep it sees without the detector; with it, which makes
// everything some ten times slower, every few rounds are enough to meet each pair of
// goroutines.
//
// The tests of a room without goroutines are not built with it: //go:build !race.
package race

import (
	"flag"
	"reflect"
	"runtime"
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

// test is a [*testing.T].
type test interface {
	Helper()
	Skip(args ...any)
}

// Leave leaves a test out under the detector, for the reason given, unless -run or -skip
// says which ones to run.
func Leave(t test, why string) {
	t.Helper()
	if Enabled && !chosen() {
		t.Skip("left out under the race detector: " + why)
	}
}

// Like is Leave for a long story whose goroutines those of another test are, which is run.
func Like[T test](t T, other func(T)) {
	t.Helper()
	name := runtime.FuncForPC(reflect.ValueOf(other).Pointer()).Name()
	Leave(t, "its goroutines are those of "+name[strings.LastIndex(name, ".")+1:])
}

func chosen() bool { return given("test.run", "test.skip") }

// given says whether one of some flags stands on the command line.
func given(names ...string) (found bool) {
	flag.Visit(func(f *flag.Flag) { found = found || slices.Contains(names, f.Name) })
	return found
}
