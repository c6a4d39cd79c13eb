package interop

import "testing"

// absent are the lines of the table for which a node has nothing to drive yet.
var absent = []struct{ name, why string }{
	{"attribution data", "lnd 0.21 has none"},
}

// TestWhatIsAbsent lists them, so that no line of the table is silently missing.
func TestWhatIsAbsent(t *testing.T) {
	for _, a := range absent {
		t.Run(a.name, func(t *testing.T) { t.Skip(a.why) })
	}
}
