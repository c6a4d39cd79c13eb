//go:build !race

package spread

import (
	"testing"
	"time"
)

func TestWhatIsRefusedAndWhatIsNewIsBounded(t *testing.T) {
	r, n := NewRefused[uint32](), NewNews[int, int]()
	for i := range uint32(maxRefused + 5) {
		r.Add(i, 1)
	}
	if len(r.at) != maxRefused || len(r.order) != maxRefused || r.Has(0, 2) || !r.Has(maxRefused, 2) || r.Has(maxRefused, 1+RefusedFor) {
		t.Errorf("%d are refused", len(r.at))
	}
	for i := range maxNews * 2 {
		n.Add(i, 0, time.Unix(1, 0))
	}
	for p := range 3 * maxFrom {
		n.Heard(maxNews*2-1, p)
	}
	if last := n.items[len(n.items)-1]; len(last.from) != maxFrom {
		t.Errorf("%d are known to know a message", len(last.from))
	}
	if len(n.items) > maxNews || len(n.at) > maxNews {
		t.Errorf("%d news", len(n.items))
	}
}

func TestACreditGrowsWithTimeUpToItsMost(t *testing.T) {
	for _, c := range []struct {
		left int
		d    time.Duration
		want int
	}{{0, time.Second, 10}, {5, 500 * time.Millisecond, 10}, {-20, time.Second, -10}, {95, time.Second, 100}, {0, 1000 * time.Hour, 100}, {7, -time.Second, 7}} {
		if got := Fill(c.left, c.d, 10, 100); got != c.want {
			t.Errorf("%d after %v is %d, want %d", c.left, c.d, got, c.want)
		}
	}
}
