package gossip

import (
	"slices"
	"time"
)

// defaultFlush is the time between two batches of news to a peer.
//
// BOLT 7: "SHOULD flush outgoing gossip messages once every 60 seconds, independently of the arrival times of the messages."
const defaultFlush = 60 * time.Second

// Bounds of news.
const (
	maxNews  = 1 << 15
	keepNews = 10 * time.Minute
)

// item is a message to pass on.
type item struct {
	key
	from []Peer // who knows it already
	at   time.Time
	void bool // a later one replaces it
}

// news is the list of messages to pass on, each once: a later update replaces the
// one that was not passed on yet. Each peer has its own place in it. It is bounded:
// a peer that falls behind misses some.
type news struct {
	first uint64 // the number of items[0]
	items []item
	at    map[key]uint64 // the number of the latest item of a key
}

func newNews() news { return news{at: map[key]uint64{}} }

// end is the number that the next item will have.
func (n *news) end() uint64 { return n.first + uint64(len(n.items)) }

func (n *news) add(k key, from Peer, now time.Time) {
	if at, ok := n.at[k]; ok {
		n.items[at-n.first].void = true
	}
	if len(n.items) >= maxNews {
		n.drop(len(n.items) / 2)
	}
	n.at[k] = n.end()
	n.items = append(n.items, item{key: k, from: []Peer{from}, at: now})
}

// heard notes that a peer knows a message too.
func (n *news) heard(k key, p Peer) {
	if at, ok := n.at[k]; ok && !slices.Contains(n.items[at-n.first].from, p) {
		n.items[at-n.first].from = append(n.items[at-n.first].from, p)
	}
}

// next is the first item from a number on that a peer does not know, and the
// number after it.
func (n *news) next(at, end uint64, p Peer) (k key, after uint64, ok bool) {
	for at = max(at, n.first); at < min(end, n.end()); at++ {
		if i := &n.items[at-n.first]; !i.void && !slices.Contains(i.from, p) {
			return i.key, at + 1, true
		}
	}
	return k, at, false
}

func (n *news) drop(count int) {
	for i := range n.items[:count] {
		if k := n.items[i].key; n.at[k] == n.first+uint64(i) {
			delete(n.at, k)
		}
	}
	n.items = slices.Clone(n.items[count:])
	n.first += uint64(count)
}

// expire drops what every peer had time to take.
func (n *news) expire(now time.Time, kept time.Duration) {
	count := 0
	for count < len(n.items) && now.Sub(n.items[count].at) > kept {
		count++
	}
	if count > 0 {
		n.drop(count)
	}
}
