package node_test

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/recall"
)

// TestMain has twice as many tests at once as there are processors: they wait for
// disks and connections half of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	if race.Enabled { // who closes asks for them at each block: a sixth of the time
		recall.Keys()
	}
	os.Exit(m.Run())
}
