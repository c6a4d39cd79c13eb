package sim

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

// seeds is how many runs to make: LEYDEN_SIM_SEEDS, or few.
func seeds(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("LEYDEN_SIM_SEEDS")
	if s == "" {
		return few // see race_test.go
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("LEYDEN_SIM_SEEDS: %v", err)
	}
	return n
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
	var sum Stats
	for seed := range seeds(t) {
		sum.Add(run(t, Config{Seed: seed}))
	}
	t.Logf("%+v", sum)
}

// testdata/seeds.txt holds seeds that found something: one a line, and behind it
// what it was.
func TestWhatWasFoundStaysFixed(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/seeds.txt")
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
			run(t, Config{Seed: seed})
		})
	}
}

func TestASeedGivesTheSameRunAgain(t *testing.T) {
	t.Parallel()
	for seed := range uint64(min(3, few)) {
		a, b := Run(Config{Seed: seed}), Run(Config{Seed: seed})
		if a.Digest != b.Digest || a.Stats != b.Stats {
			t.Errorf("seed %d: %x %+v, and then %x %+v", seed, a.Digest, a.Stats, b.Digest, b.Stats)
		}
	}
}

// Without trouble every payment that there is a way for arrives, and no channel is
// closed.
func TestWithoutTroubleNothingFails(t *testing.T) {
	t.Parallel()
	var sum Stats
	for seed := range uint64(min(4, few)) {
		sum.Add(run(t, Config{Seed: seed, Only: map[string]bool{}}))
	}
	if sum.Forced+sum.Mutual+sum.Claims+sum.Deaths+sum.Cuts > 0 || sum.Paid*4 < sum.Payments*3 {
		t.Errorf("%+v", sum)
	}
}

// A failing run is made smaller, and fails in the same way.
func TestAFailureIsShownWithTheFewActionsThatItTakes(t *testing.T) {
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

// Bytes drive the schedule: each is a choice.
func FuzzSchedule(f *testing.F) {
	f.Add([]byte("a schedule"))
	f.Add([]byte{1, 3, 3, 7, 200, 100, 50, 25, 12, 6, 3, 1, 0, 255, 254, 253, 127, 63, 31, 15, 7, 3, 1})
	f.Fuzz(func(t *testing.T, tape []byte) {
		if len(tape) > 2000 {
			return
		}
		run(t, Config{Tape: tape})
	})
}
