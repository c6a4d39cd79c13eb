package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/sim/atlas"
	"github.com/leyden-ln/leyden/internal/sim/clock"
	"github.com/leyden-ln/leyden/internal/sim/lent"
	"github.com/leyden-ln/leyden/internal/sim/miner"
	"github.com/leyden-ln/leyden/internal/sim/mint"
	"github.com/leyden-ln/leyden/internal/sim/plot"
	"github.com/leyden-ln/leyden/internal/sim/report"
	"github.com/leyden-ln/leyden/internal/sim/scribe"
)

// Config says which run to make.
type Config struct {
	Seed uint64
	Drop map[int]bool // actions of the schedule to leave out
	// Only the kinds of trouble named happen; nil: all.
	Only map[string]bool
	// Assets has some channels carry tokens: other runs, and not those of before with more
	// in them.
	Assets bool
	// Script, when it is not nil, is the schedule of three nodes: each byte an event.
	Script []byte

	fault func(*world) // asked after each event, for tests
}

// draws is the randomness of a part of the run.
func (c *Config) draws(part uint64) *rand.Rand {
	return rand.New(rand.NewPCG(c.Seed, part)) //nolint:gosec // a simulation
}

// The parts of a run that have randomness of their own.
const (
	delays uint64 = iota + 1
	networks
	schedules
	manners
	crumbs
	riches
)

// What a run has tried, and what was wrong.
type (
	Stats   = report.Stats
	Failure = report.Failure
)

// Result is how a run ended.
type Result struct {
	Stats   Stats
	Digest  uint64   // of everything that happened, in order
	Failure *Failure // nil: all held
}

// world is one run.
type world struct {
	cfg   Config
	ctx   context.Context
	rng   *rand.Rand // of delays and of what is not in the schedule
	time  clock.Clock
	stats Stats
	calm  bool // the schedule is over

	nodes    []*node
	edges    []*edge
	conns    []*conn
	chain    *miner.Chain
	atlas    *atlas.Atlas
	schedule []plot.Action
	invoices map[wire.PaymentHash]*node // who made them
	wishes   []*wish
	lent     lent.Keys
	proofs   lent.Proofs
	owners   map[string]*node          // of scripts
	funded   map[btcwire.OutPoint]bool // funding outputs
	bank     *miner.Bank
	mint     *mint.Mint     // nil: there are no tokens
	oracle   *scribe.Scribe // the ledger at the newest block, for cheats and the judge
}

// wish is a payment that the schedule asked for.
type wish struct {
	payer, payee *node
	row          invoice.Row
	begun        bool // its row is on the payer's disk
	shared       bool // two nodes pay the same invoice
}

// keptNotes is how many events a failure shows.
var keptNotes = 100

// after makes something happen later.
func (w *world) after(d time.Duration, do func()) { w.time.After(d, do) }

// until lets things happen up to a time.
func (w *world) until(t time.Duration) {
	for w.time.Due(t) {
		w.time.Next()
		if w.time.Step > maxSteps {
			w.fail("the run does not end")
		}
		if w.cfg.fault != nil {
			w.cfg.fault(w)
		}
	}
	w.time.Now = max(w.time.Now, t)
}

const maxSteps = 3_000_000

// logf notes an event.
func (w *world) logf(format string, args ...any) { w.time.Note(format, args...) }

// fail ends the run.
func (w *world) fail(format string, args ...any) {
	f := &Failure{Seed: w.cfg.Seed, Dropped: len(w.cfg.Drop), Step: w.time.Step, At: w.time.Now, What: fmt.Sprintf(format, args...), Kind: format, Last: w.time.Notes()}
	for i := range w.schedule {
		if a := &w.schedule[i]; !w.cfg.Drop[i] {
			f.Actions = append(f.Actions, fmt.Sprintf("%3d %9.3fs %s", i, a.At.Seconds(), a.What))
		}
	}
	panic(f)
}

// jitter is a delay, short most of the time.
func (w *world) jitter(most time.Duration) time.Duration {
	if w.rng.IntN(8) > 0 {
		most /= 10
	}
	return time.Duration(w.rng.Int64N(int64(most) + 1))
}

func (w *world) chance(n int) bool { return w.rng.IntN(n) == 0 }

// began is the clock's time at the start of each run, in unix seconds.
const began = 1_800_000_000

func (w *world) unix() uint64     { return began + uint64(w.time.Now/time.Second) } //nolint:gosec // not negative
func (w *world) clock() time.Time { return time.Unix(began, 0).Add(w.time.Now) }

// Run makes one run.
func Run(cfg Config) (r Result) {
	w := &world{
		cfg: cfg, ctx: context.Background(), rng: cfg.draws(delays), time: clock.New(keptNotes),
		invoices: map[wire.PaymentHash]*node{}, lent: lent.Keys{}, proofs: lent.Proofs{},
		owners: map[string]*node{}, funded: map[btcwire.OutPoint]bool{},
	}
	defer w.lent.GiveBack()
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(*Failure)
			if !ok {
				f = w.crashed(p)
			}
			r = Result{Stats: w.stats, Digest: w.time.Digest, Failure: f}
		}
	}()
	w.build()
	w.plan()
	w.play()
	w.settle()
	w.judge()
	w.prove()
	w.settle()
	w.judge()
	w.count()
	w.stats.Steps = w.time.Step
	return Result{Stats: w.stats, Digest: w.time.Digest}
}
