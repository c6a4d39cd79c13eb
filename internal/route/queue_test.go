//go:build !race

package route

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestTheCheapestLeavesTheQueueFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var want []item
		for _, cost := range rapid.SliceOf(rapid.Uint64Range(0, 20)).Draw(t, "costs") {
			x := item{cost, rapid.Int32Range(0, 5).Draw(t, "node")}
			q.push(x)
			want = append(want, x)
		}
		slices.SortFunc(want, func(a, b item) int { return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.node, b.node)) })
		for _, x := range want {
			if got := q.pop(); got != x {
				t.Fatalf("%+v, not %+v", got, x)
			}
		}
	})
}
