package sim

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/internal/race"
)

// many is how many runs there are without -short. The race detector makes them twenty
// times slower, and has nothing to find in one thread.
var many = map[bool]int{false: 2000, true: 2}[race.Enabled]

// rich is how many of them have tokens: one in so many.
const rich = 12

// seeds is how many runs to make: LEYDEN_SIM_SEEDS, or many, or few.
func seeds(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("LEYDEN_SIM_SEEDS")
	if s == "" {
		return uint64(min(many, few()))
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("LEYDEN_SIM_SEEDS: %v", err)
	}
	return n
}

func few() int {
	if testing.Short() {
		return 20
	}
	return many
}

func run(t *testing.T, cfg Config) Stats {
	t.Helper()
	r := Run(cfg)
	if r.Failure != nil {
		t.Fatal(r.Failure.String())
	}
	return r.Stats
}

func TestWhateverHappensNothingIsLost(t *testing.T) {
	t.Parallel()
	live(t, seeds(t), false)
}

// The same where channels carry tokens.
func TestWhateverHappensNoTokenIsLost(t *testing.T) {
	t.Parallel()
	live(t, (seeds(t)+rich-1)/rich, true)
}

func live(t *testing.T, seeds uint64, assets bool) {
	end, limited := t.Deadline()
	var next, done atomic.Uint64
	var mu sync.Mutex
	var sum Stats
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := next.Add(1) - 1; seed < seeds && !t.Failed(); seed = next.Add(1) - 1 {
				if limited && time.Until(end) < time.Minute {
					return // a busy machine: what was tried has held
				}
				r := Run(Config{Seed: seed, Assets: assets})
				if r.Failure != nil {
					t.Error(r.Failure.String())
				}
				done.Add(1)
				mu.Lock()
				sum.Add(r.Stats)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d seeds: %+v", done.Load(), sum)
}

// testdata/seeds.txt holds seeds that found something: one a line, and behind it
// what it was; testdata/tokens.txt those of runs with tokens.
func TestWhatWasFoundStaysFixed(t *testing.T) {
	race.Like(t, TestWhateverHappensNothingIsLost)
	t.Parallel()
	again(t, "testdata/seeds.txt", false)
	again(t, "testdata/tokens.txt", true)
}

func again(t *testing.T, name string, assets bool) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		number, what, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(number, "#") || number == "" {
			continue
		}
		seed, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatalf("seed %q: %v", number, err)
		}
		t.Run(number, func(t *testing.T) {
			t.Log(what)
			run(t, Config{Seed: seed, Assets: assets})
		})
	}
}

func TestASeedGivesTheSameRunAgain(t *testing.T) {
	race.Like(t, TestWhateverHappensNothingIsLost)
	t.Parallel()
	for seed := range uint64(min(3, many)) {
		cfg := Config{Seed: seed, Assets: seed == 1}
		a, b := Run(cfg), Run(cfg)
		if a.Digest != b.Digest || a.Stats != b.Stats {
			t.Errorf("seed %d: %x %+v, and then %x %+v", seed, a.Digest, a.Stats, b.Digest, b.Stats)
		}
	}
}

// Without trouble every payment that there is a way for arrives, and no channel is
// closed.
func TestWithoutTroubleNothingFails(t *testing.T) {
	race.Like(t, TestWhateverHappensNothingIsLost)
	t.Parallel()
	var sum Stats
	for seed := range uint64(min(4, many)) {
		sum.Add(run(t, Config{Seed: seed, Assets: seed%2 == 1, Only: map[string]bool{}}))
	}
	if sum.Forced+sum.Mutual+sum.Claims+sum.Deaths+sum.Cuts > 0 || sum.Paid*4 < sum.Payments*3 {
		t.Errorf("%+v", sum)
	}
}

// One unit that is missing is noticed.
func TestAMissingTokenIsNoticed(t *testing.T) {
	t.Parallel()
	taken := false
	r := Run(Config{Seed: 1, Assets: true, Only: map[string]bool{}, fault: func(w *world) {
		if !taken {
			taken = true
			w.edges[len(w.edges)-1].ends[0].units++ // that it is said to have had
		}
	}})
	if r.Failure == nil || !strings.Contains(r.Failure.What, "units, ") {
		t.Errorf("%+v", r.Failure)
	} else {
		t.Log(r.Failure.What)
	}
}

// A failing run is made smaller, and fails in the same way.
func TestAFailureIsShownWithTheFewActionsThatItTakes(t *testing.T) {
	race.Like(t, TestWhateverHappensNothingIsLost)
	cfg := Config{Seed: 3, fault: func(w *world) {
		if w.stats.Paid > 0 && w.stats.Deaths > 0 {
			w.fail("a payment and a death")
		}
	}}
	all := Run(cfg)
	if all.Failure == nil || len(all.Failure.Last) == 0 {
		t.Fatal("it does not fail")
	}
	small := Shrink(cfg, 200)
	if small == nil || small.What != "a payment and a death" || len(small.Actions) > 4 || len(small.Actions) >= len(all.Failure.Actions) {
		t.Errorf("%s", small.String())
	}
}

// Bytes drive three nodes: each is an event.
func FuzzScript(f *testing.F) {
	race.Leave(f, "one goroutine, as in TestWhateverHappensNothingIsLost")
	f.Add([]byte("a script of what happens to three nodes"))
	every := make([]byte, 0, 64)
	for op := range byte(32) {
		every = append(every, 3<<5|op, 1<<5|(31-op))
	}
	f.Add(every)
	f.Add([]byte{3, 32 + 17, 96 + 11, 4, 40, 128 + 14, 5, 64 + 27, 6, 160 + 17, 17, 17, 19, 18, 18, 250})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 || len(script) > 300 {
			return
		}
		run(t, Config{Script: script})
	})
}
