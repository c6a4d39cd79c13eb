package report

// Shrink leaves out actions of a run that fails, as many as it can, by their numbers, and
// gives the failure of what is left; nil: it does not fail. Run tells how many actions
// there are, too; it is called at most so many times, and once before.
func Shrink(drop map[int]bool, runs int, run func() (actions int, f *Failure)) *Failure {
	total, best := run()
	if best == nil {
		return nil
	}
	for size := total / 2; size > 0; size /= 2 {
		for from := 0; from < total; from += size {
			var dropped []int
			for i := from; i < min(from+size, total); i++ {
				if !drop[i] {
					drop[i] = true
					dropped = append(dropped, i)
				}
			}
			if len(dropped) == 0 {
				continue
			}
			if runs--; runs < 0 {
				return best
			}
			if _, f := run(); f != nil && f.Kind == best.Kind {
				best = f
				continue
			}
			for _, i := range dropped {
				delete(drop, i)
			}
		}
	}
	return best
}
