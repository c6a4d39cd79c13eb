package gossip

import (
	"slices"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/internal/gossip/spread"
)

// What the peers are given that have no channel with us, in bytes. A node id costs
// nothing: what a thousand of them may have is what one has who takes a thousand.
const (
	strangersCredit = 4 << 20  // at once, of all together
	strangersRate   = 1 << 20  // and then, a second
	strangersQueue  = 16 << 20 // that wait to be written, of all together
	leastQueue      = 8 << 10  // but so many of each
)

// strangers is what all strangers have together, beside what each has. It is filled
// at a tick, after which everybody has his turn: who asks between two ticks is
// answered from what is left.
type strangers struct {
	mu       sync.Mutex
	credit   int
	credited time.Time
	turn     uint64 // the number from which on peers have theirs first
}

func (s *strangers) fill(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := now.Sub(s.credited); d > 0 {
		s.credit = spread.Fill(s.credit, d, strangersRate, strangersCredit)
		s.credited = now
	}
}

func (s *strangers) spend(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credit -= bytes
}

// spent says whether there is nothing left.
func (s *strangers) spent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.credit <= 0
}

// stop notes with whom it ran out.
func (s *strangers) stop(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn = number + 1
}

// share is from how many bytes that wait for a stranger on it is sent no more.
func (b *Book) share() int {
	b.talk.Lock()
	defer b.talk.Unlock()
	return min(max(strangersQueue/max(len(b.peers), 1), leastQueue), maxQueue)
}

// round is all conversations in the order of their coming, from the one on whose turn
// it is.
func (b *Book) round() []*conversation {
	all := b.conversations()
	b.strangers.mu.Lock()
	turn := b.strangers.turn
	b.strangers.mu.Unlock()
	first := max(slices.IndexFunc(all, func(c *conversation) bool { return c.number >= turn }), 0)
	return slices.Concat(all[first:], all[:first])
}
