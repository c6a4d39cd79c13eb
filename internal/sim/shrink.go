package sim

import "maps"

// Shrink leaves out actions of a run that fails, as many as it can, and gives the
// failure of what is left. It makes at most so many runs.
func Shrink(cfg Config, runs int) *Failure {
	r := Run(cfg)
	if r.Failure == nil {
		return nil
	}
	best := r.Failure
	cfg.Drop = maps.Clone(cfg.Drop)
	if cfg.Drop == nil {
		cfg.Drop = map[int]bool{}
	}
	total := r.Stats.Actions
	for size := total / 2; size > 0; size /= 2 {
		for from := 0; from < total; from += size {
			var dropped []int
			for i := from; i < min(from+size, total); i++ {
				if !cfg.Drop[i] {
					cfg.Drop[i] = true
					dropped = append(dropped, i)
				}
			}
			if len(dropped) == 0 {
				continue
			}
			if runs--; runs < 0 {
				return best
			}
			if f := Run(cfg).Failure; f != nil && f.Kind == best.Kind {
				best = f
				continue
			}
			for _, i := range dropped {
				delete(cfg.Drop, i)
			}
		}
	}
	return best
}
