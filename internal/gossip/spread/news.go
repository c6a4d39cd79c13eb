package spread

import (
	"slices"
	"time"
)

// maxFrom is of how many peers it is remembered that they know a message. What the others
// know they are told again.
const maxFrom = 64

// maxNews is how many messages are kept to be passed on.
const maxNews = 1 << 15

// item is a message to pass on.
type item[K, P comparable] struct {
	key  K
	from []P // who knows it already
	at   time.Time
	void bool // a later one replaces it
}

// News is the list of messages to pass on, each once: a later update replaces the
// one that was not passed on yet. Each peer has its own place in it. It is bounded:
// a peer that falls behind misses some.
type News[K, P comparable] struct {
	first uint64 // the number of items[0]
	items []item[K, P]
	at    map[K]uint64 // the number of the latest item of a key
}

// NewNews has nothing.
func NewNews[K, P comparable]() News[K, P] { return News[K, P]{at: map[K]uint64{}} }

// End is the number that the next item will have.
func (n *News[K, P]) End() uint64 { return n.first + uint64(len(n.items)) }

// Add notes a message that a peer told us.
func (n *News[K, P]) Add(k K, from P, now time.Time) {
	if at, ok := n.at[k]; ok {
		n.items[at-n.first].void = true
	}
	if len(n.items) >= maxNews {
		n.drop(len(n.items) / 2)
	}
	n.at[k] = n.End()
	n.items = append(n.items, item[K, P]{key: k, from: []P{from}, at: now})
}

// Heard notes that a peer knows a message too.
func (n *News[K, P]) Heard(k K, p P) {
	at, ok := n.at[k]
	if !ok {
		return
	}
	if i := &n.items[at-n.first]; len(i.from) < maxFrom && !slices.Contains(i.from, p) {
		i.from = append(i.from, p)
	}
}

// Next is the first item from a number on that a peer does not know, and the
// number after it.
func (n *News[K, P]) Next(at, end uint64, p P) (k K, after uint64, ok bool) {
	for at = max(at, n.first); at < min(end, n.End()); at++ {
		if i := &n.items[at-n.first]; !i.void && !slices.Contains(i.from, p) {
			return i.key, at + 1, true
		}
	}
	return k, at, false
}

func (n *News[K, P]) drop(count int) {
	for i := range n.items[:count] {
		if k := n.items[i].key; n.at[k] == n.first+uint64(i) {
			delete(n.at, k)
		}
	}
	n.items = slices.Clone(n.items[count:])
	n.first += uint64(count)
}

// Expire drops what every peer had time to take.
func (n *News[K, P]) Expire(now time.Time, kept time.Duration) {
	count := 0
	for count < len(n.items) && now.Sub(n.items[count].at) > kept {
		count++
	}
	if count > 0 {
		n.drop(count)
	}
}
