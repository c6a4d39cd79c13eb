package runes

import "slices"

// Range is numbers of runes, from First to Last.
type Range struct{ First, Last uint64 }

// Within says whether a number is in one of the ranges.
func Within(ranges []Range, id uint64) bool {
	return slices.ContainsFunc(ranges, func(r Range) bool { return r.First <= id && id <= r.Last })
}

// Without takes a range out of ranges. The result is in order, as they are.
func Without(ranges []Range, out Range) []Range {
	left := []Range{}
	for _, r := range ranges {
		if r.Last < out.First || r.First > out.Last {
			left = append(left, r)
			continue
		}
		if r.First < out.First {
			left = append(left, Range{r.First, out.First - 1})
		}
		if r.Last > out.Last {
			left = append(left, Range{out.Last + 1, r.Last})
		}
	}
	return left
}

// With adds a range to ranges that are in order, and joins those that touch.
func With(ranges []Range, in Range) []Range {
	all := append(Without(ranges, in), in)
	slices.SortFunc(all, func(a, b Range) int {
		if a.First < b.First {
			return -1
		}
		return 1
	})
	joined := all[:1]
	for _, r := range all[1:] {
		if last := &joined[len(joined)-1]; last.Last+1 == r.First {
			last.Last = r.Last
		} else {
			joined = append(joined, r)
		}
	}
	return joined
}
