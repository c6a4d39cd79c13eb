package sim

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/keys"
)

// Config says which run to make.
type Config struct {
	Seed uint64
	Drop map[int]bool // actions of the schedule to leave out
	// Only the kinds of trouble named happen; nil: all.
	Only map[string]bool
	// Tape, when it is not nil, makes the choices of the schedule, a byte each.
	Tape []byte

	fault func(*world) // asked after each event, for tests
}

// tape is a source of randomness that is not random until it ends.
type tape struct {
	left []byte
	rest rand.Source
}

// Uint64 implements [rand.Source].
func (t *tape) Uint64() uint64 {
	if len(t.left) == 0 {
		return t.rest.Uint64()
	}
	b := uint64(t.left[0])
	t.left = t.left[1:]
	return b * 0x0101010101010101
}

// draws is the randomness of a part of the run.
func (c *Config) draws(part uint64) *rand.Rand {
	if c.Tape != nil && part == schedules {
		return rand.New(&tape{c.Tape, rand.NewPCG(0, part)}) //nolint:gosec // a simulation
	}
	return rand.New(rand.NewPCG(c.Seed, part)) //nolint:gosec // a simulation
}

// The parts of a run that have randomness of their own.
const (
	delays uint64 = iota + 1
	networks
	schedules
)

// Stats count what a run has tried.
type Stats struct {
	Steps, Nodes, Channels, Actions                                   int
	Payments, Paid, Parts, Forwards                                   int
	Cuts, Deaths, Blocks, Reorgs                                      int
	Mutual, Forced, Claims, Cheats, Punished, AtRisk, Holds, Restored int
}

// Add adds up.
func (s *Stats) Add(o Stats) {
	for _, f := range []struct{ to, from *int }{
		{&s.Steps, &o.Steps}, {&s.Nodes, &o.Nodes}, {&s.Channels, &o.Channels}, {&s.Actions, &o.Actions},
		{&s.Payments, &o.Payments}, {&s.Paid, &o.Paid}, {&s.Parts, &o.Parts}, {&s.Forwards, &o.Forwards},
		{&s.Cuts, &o.Cuts}, {&s.Deaths, &o.Deaths}, {&s.Blocks, &o.Blocks}, {&s.Reorgs, &o.Reorgs},
		{&s.Mutual, &o.Mutual}, {&s.Forced, &o.Forced}, {&s.Claims, &o.Claims}, {&s.Cheats, &o.Cheats},
		{&s.Punished, &o.Punished}, {&s.AtRisk, &o.AtRisk}, {&s.Holds, &o.Holds}, {&s.Restored, &o.Restored},
	} {
		*f.to += *f.from
	}
}

// Failure is an invariant that did not hold.
type Failure struct {
	Seed    uint64
	Dropped int // how many actions were left out
	Step    int
	At      time.Duration
	What    string
	Kind    string   // What without what differs from run to run: which rule it was
	Last    []string // the last events, oldest first
	Actions []string // of the schedule, those that were taken
}

// Error says what was broken.
func (f *Failure) Error() string { return fmt.Sprintf("seed %d, step %d: %s", f.Seed, f.Step, f.What) }

// String has the schedule and the last events too.
func (f *Failure) String() string {
	return fmt.Sprintf("%s\nschedule (%d actions left out):\n  %s\nlast events:\n  %s\n%s\n", f.Error(), f.Dropped,
		strings.Join(f.Actions, "\n  "), strings.Join(f.Last, "\n  "), f.Error())
}

// Result is how a run ended.
type Result struct {
	Stats   Stats
	Digest  uint64   // of everything that happened, in order
	Failure *Failure // nil: all held
}

// world is one run.
type world struct {
	cfg    Config
	ctx    context.Context
	rng    *rand.Rand // of delays and of what is not in the schedule
	now    time.Duration
	queue  events
	seq    uint64
	step   int
	digest uint64
	last   []note // ring
	stats  Stats
	calm   bool // the schedule is over

	nodes    []*node
	edges    []*edge
	conns    []*conn
	chain    *chain
	graph    *graph.Graph
	schedule []action
	invoices map[wire.PaymentHash]*node // who made them
	wishes   []*wish
	lent     map[keyPlace]*keys.Channel
}

// wish is a payment that the schedule asked for.
type wish struct {
	payer, payee *node
	row          invoice.Row
	begun        bool // its row is on the payer's disk
	shared       bool // two nodes pay the same invoice
}

// note is an event for the report, not yet made into text.
type note struct {
	step   int
	at     time.Duration
	format string
	args   []any
}

const kept = 100 // notes

// event is something that happens at a time.
type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1].do = nil
	*e = old[:len(old)-1]
	return last
}

// after makes something happen later.
func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.queue, event{w.now + d, w.seq, do})
}

// next lets the next event happen; false: none is left.
func (w *world) next() bool {
	if len(w.queue) == 0 {
		return false
	}
	e := heap.Pop(&w.queue).(event)
	w.now = e.at
	w.step++
	if w.step > maxSteps {
		w.fail("the run does not end")
	}
	w.digest = (w.digest ^ uint64(e.at) ^ e.seq<<32) * 0x100000001b3 //nolint:gosec // a digest
	e.do()
	if w.cfg.fault != nil {
		w.cfg.fault(w)
	}
	return true
}

const maxSteps = 3_000_000

// until lets things happen up to a time.
func (w *world) until(t time.Duration) {
	for len(w.queue) > 0 && w.queue[0].at <= t {
		w.next()
	}
	w.now = max(w.now, t)
}

// logf notes an event.
func (w *world) logf(format string, args ...any) {
	n := note{w.step, w.now, format, args}
	if len(w.last) < kept {
		w.last = append(w.last, n)
		return
	}
	copy(w.last, w.last[1:])
	w.last[kept-1] = n
}

// fail ends the run.
func (w *world) fail(format string, args ...any) {
	f := &Failure{Seed: w.cfg.Seed, Dropped: len(w.cfg.Drop), Step: w.step, At: w.now, What: fmt.Sprintf(format, args...), Kind: format}
	for _, n := range w.last {
		f.Last = append(f.Last, fmt.Sprintf("%6d %9.3fs ", n.step, n.at.Seconds())+fmt.Sprintf(n.format, n.args...))
	}
	for i := range w.schedule {
		if a := &w.schedule[i]; !w.cfg.Drop[i] {
			f.Actions = append(f.Actions, fmt.Sprintf("%3d %9.3fs %s", i, a.at.Seconds(), a.what))
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

func (w *world) unix() uint64     { return began + uint64(w.now/time.Second) } //nolint:gosec // not negative
func (w *world) clock() time.Time { return time.Unix(began, 0).Add(w.now) }

// Run makes one run.
func Run(cfg Config) (r Result) {
	w := &world{
		cfg: cfg, ctx: context.Background(), rng: cfg.draws(delays), digest: 0xcbf29ce484222325,
		invoices: map[wire.PaymentHash]*node{}, lent: map[keyPlace]*keys.Channel{},
	}
	defer func() { allKeys.giveBack(w.lent) }()
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(*Failure)
			if !ok {
				f = w.crashed(p)
			}
			r = Result{Stats: w.stats, Digest: w.digest, Failure: f}
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
	w.stats.Steps = w.step
	return Result{Stats: w.stats, Digest: w.digest}
}
