// Package report is what a run of the simulation tells.
package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/leyden-ln/leyden/internal/channel"
)

// Stats count what a run has tried.
type Stats struct {
	Steps, Nodes, Channels, Actions                                   int
	Payments, Paid, Parts, Forwards                                   int
	Cuts, Deaths, Blocks, Reorgs                                      int
	Mutual, Forced, Claims, Cheats, Punished, AtRisk, Holds, Restored int
	Opens, Opened, Spikes, Evicted, Stuck, Full, Lies, Thefts         int
	// Of these, with tokens; and what strangers sent to channels' addresses.
	TokenChannels, TokenPayments, TokensPaid, TokensForwarded, TokensForced, TokensPunished, TokenClaims, TokenMoves, Gifts int
}

// Add adds up.
func (s *Stats) Add(o Stats) {
	for _, f := range []struct{ to, from *int }{
		{&s.Steps, &o.Steps}, {&s.Nodes, &o.Nodes}, {&s.Channels, &o.Channels}, {&s.Actions, &o.Actions},
		{&s.Payments, &o.Payments}, {&s.Paid, &o.Paid}, {&s.Parts, &o.Parts}, {&s.Forwards, &o.Forwards},
		{&s.Cuts, &o.Cuts}, {&s.Deaths, &o.Deaths}, {&s.Blocks, &o.Blocks}, {&s.Reorgs, &o.Reorgs},
		{&s.Mutual, &o.Mutual}, {&s.Forced, &o.Forced}, {&s.Claims, &o.Claims}, {&s.Cheats, &o.Cheats},
		{&s.Opens, &o.Opens}, {&s.Opened, &o.Opened}, {&s.Spikes, &o.Spikes}, {&s.Evicted, &o.Evicted},
		{&s.Stuck, &o.Stuck}, {&s.Full, &o.Full}, {&s.Lies, &o.Lies}, {&s.Thefts, &o.Thefts},
		{&s.Punished, &o.Punished}, {&s.AtRisk, &o.AtRisk}, {&s.Holds, &o.Holds}, {&s.Restored, &o.Restored},
		{&s.TokenChannels, &o.TokenChannels}, {&s.TokenPayments, &o.TokenPayments}, {&s.TokensPaid, &o.TokensPaid}, {&s.TokensForwarded, &o.TokensForwarded},
		{&s.TokensForced, &o.TokensForced}, {&s.TokensPunished, &o.TokensPunished}, {&s.TokenClaims, &o.TokenClaims}, {&s.TokenMoves, &o.TokenMoves}, {&s.Gifts, &o.Gifts},
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

// Rows is a channel's rows without what fills the screen.
func Rows(r channel.Rows) string {
	s := fmt.Sprintf("%+v %+v %d secrets", r.State, r.Status, len(r.Secrets))
	for _, h := range r.HTLCs {
		s += fmt.Sprintf("\n  %v %d %s %+v", h.Incoming, h.ID, h.Amount, h.HTLCState)
	}
	return s
}
