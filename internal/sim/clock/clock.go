// Package clock is the time of the simulation: what is to happen happens in order, one
// thing after the other, and what happened is noted.
package clock

import (
	"container/heap"
	"fmt"
	"time"
)

// Clock is the time of a run.
type Clock struct {
	Now    time.Duration
	Step   int    // how many events there were
	Digest uint64 // of all events, in order

	queue events
	seq   uint64
	kept  int
	notes []note // the newest
}

// New makes a clock that keeps so many notes.
func New(kept int) Clock { return Clock{Digest: 0xcbf29ce484222325, kept: kept} }

// note is an event for the report, not yet made into text.
type note struct {
	step   int
	at     time.Duration
	format string
	args   []any
}

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

// After makes something happen later.
func (c *Clock) After(d time.Duration, do func()) {
	c.seq++
	heap.Push(&c.queue, event{c.Now + d, c.seq, do})
}

// Due tells whether something happens up to a time.
func (c *Clock) Due(t time.Duration) bool { return len(c.queue) > 0 && c.queue[0].at <= t }

// Next lets the next event happen.
func (c *Clock) Next() {
	e := heap.Pop(&c.queue).(event)
	c.Now = e.at
	c.Step++
	c.Digest = (c.Digest ^ uint64(e.at) ^ e.seq<<32) * 0x100000001b3 //nolint:gosec // a digest
	e.do()
}

// Note notes what happens.
func (c *Clock) Note(format string, args ...any) {
	n := note{c.Step, c.Now, format, args}
	if len(c.notes) < c.kept {
		c.notes = append(c.notes, n)
		return
	}
	copy(c.notes, c.notes[1:])
	c.notes[c.kept-1] = n
}

// Notes are the newest, the oldest of them first.
func (c *Clock) Notes() (list []string) {
	for _, n := range c.notes {
		list = append(list, fmt.Sprintf("%6d %9.3fs ", n.step, n.at.Seconds())+fmt.Sprintf(n.format, n.args...))
	}
	return list
}
