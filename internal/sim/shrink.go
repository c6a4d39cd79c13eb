package sim

import (
	"maps"

	"github.com/leyden-ln/leyden/internal/sim/report"
)

// Shrink leaves out actions of a run that fails, as many as it can, and gives the
// failure of what is left. It makes at most so many runs.
func Shrink(cfg Config, runs int) *Failure {
	drop := map[int]bool{}
	maps.Copy(drop, cfg.Drop)
	cfg.Drop = drop
	return report.Shrink(drop, runs, func() (int, *Failure) {
		r := Run(cfg)
		return r.Stats.Actions, r.Failure
	})
}
