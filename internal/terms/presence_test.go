package terms

import (
	"testing"
	"time"
)

func TestAChannelIsDisabledOnlyWhenItsPeerIsAwayForLong(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	var p Presence
	disabled := false
	for _, s := range []struct {
		after time.Duration
		there bool
		want  bool
	}{
		{0, true, false},
		{time.Hour, true, false},
		{time.Hour + time.Minute, false, false},
		{time.Hour + awayFor, false, false},                 // away for less than that
		{time.Hour + awayFor + 30*time.Second, true, false}, // a short visit begins the count anew
		{time.Hour + awayFor + time.Minute, false, false},
		{time.Hour + 2*awayFor, false, false},
		{time.Hour + 2*awayFor + time.Minute, false, true},
		{5 * time.Hour, true, true}, // back, but for how long
		{5*time.Hour + backFor - time.Second, true, true},
		{5*time.Hour + backFor, true, false},
		{5*time.Hour + 2*backFor, false, false},
	} {
		now := start.Add(s.after)
		p.Sees(s.there, now)
		if disabled = p.Disable(disabled, now); disabled != s.want {
			t.Errorf("after %s: disabled is %t, want %t", s.after, disabled, s.want)
		}
	}
}
