package node_test

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/race"
)

// TestMain has twice as many tests at once as there are processors: they wait for
// disks and connections half of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	if race.Enabled {
		remember()
	}
	os.Exit(m.Run())
}

// remember has the keys of each commitment derived once. Both its sides ask for them,
// and at each block again who closes; under the race detector that is a sixth of the time.
func remember() {
	var known sync.Map
	script.Recall = func(d script.Derivation, derive func() (script.Keys, error)) (script.Keys, error) {
		if k, ok := known.Load(d); ok {
			return k.(script.Keys), nil
		}
		k, err := derive()
		if err == nil {
			known.Store(d, k)
		}
		return k, err
	}
}
