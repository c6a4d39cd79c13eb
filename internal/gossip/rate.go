package gossip

// Limits of what one origin may say about one thing: so many messages at once, and
// one more each time the interval has passed, in seconds.
const (
	burst    = 10
	interval = 600
)

// redundant is for how many seconds an update that says the same as the one before
// it says nothing.
const redundant = 24 * 3600

// bucket is how many messages about a thing are still taken.
type bucket struct {
	left  uint8
	since uint32 // unix seconds; left is what it was then
}

func (t bucket) at(now uint32) bucket {
	if now < t.since {
		return t
	}
	n := (now - t.since) / interval
	if n >= burst-uint32(t.left) {
		return bucket{burst, now}
	}
	return bucket{t.left + uint8(n), t.since + n*interval} //nolint:gosec // below burst
}

// rates are the buckets that are not full. An origin must sign what it spends, so
// there are no more of them than channels and nodes.
type rates map[key]bucket

func (r rates) allow(k key, now uint32) bool {
	t, ok := r[k]
	return !ok || t.at(now).left > 0
}

func (r rates) spend(k key, now uint32) {
	t := bucket{burst, now}
	if old, ok := r[k]; ok {
		t = old.at(now)
	}
	if t.left > 0 {
		t.left--
	}
	r[k] = t
}

// sweep forgets the buckets that are full again.
func (r rates) sweep(now uint32) {
	for k, t := range r {
		if t.at(now).left == burst {
			delete(r, k)
		}
	}
}

// Bounds of [refused].
const (
	maxRefused = 1 << 15
	refusedFor = 24 * 3600 // seconds
)

// refused are channels that were found wanting (no funding output, spent, stale), or
// claims to one, so that they are not looked up again and again. The oldest make room
// for new ones.
type refused[K comparable] struct {
	at    map[K]uint32 // unix seconds
	order []K
}

func newRefused[K comparable]() refused[K] { return refused[K]{at: map[K]uint32{}} }

func (r *refused[K]) add(k K, now uint32) {
	if _, ok := r.at[k]; !ok {
		if len(r.order) >= maxRefused {
			delete(r.at, r.order[0])
			r.order = r.order[1:]
		}
		r.order = append(r.order, k)
	}
	r.at[k] = now
}

func (r *refused[K]) has(k K, now uint32) bool {
	at, ok := r.at[k]
	return ok && now < at+refusedFor
}
