//go:build !race

package channels

import "testing"

func TestUptimeIsATenthOfAPercentAndNoMore(t *testing.T) {
	for _, c := range []struct{ up, counted, want uint64 }{{0, 0, 0}, {0, 9, 0}, {9, 9, 1_000_000}, {10, 9, 1_000_000}, {9998, 10_000, 999_000}, {1, 3, 333_000}} {
		if got := (&Uptime{Up: c.up, Counted: c.counted}).Part(); got != c.want {
			t.Errorf("%d of %d: %d, not %d", c.up, c.counted, got, c.want)
		}
	}
}
