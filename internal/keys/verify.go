package keys

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel"
)

// Verifier checks signatures on all processors.
type Verifier struct{}

// few is how many signatures are not worth sharing out.
const few = 4

// Verify implements [channel.Verifier].
func (Verifier) Verify(checks []channel.Check) bool {
	if len(checks) <= few {
		return verify(checks)
	}
	var wrong atomic.Bool
	var wg sync.WaitGroup
	size := (len(checks) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	for len(checks) > 0 {
		part := checks[:min(size, len(checks))]
		checks = checks[len(part):]
		wg.Go(func() {
			if !verify(part) {
				wrong.Store(true)
			}
		})
	}
	wg.Wait()
	return !wrong.Load()
}

func verify(checks []channel.Check) bool {
	for _, c := range checks {
		if !script.Verify(c.Key, c.Hash, c.Sig) {
			return false
		}
	}
	return true
}
