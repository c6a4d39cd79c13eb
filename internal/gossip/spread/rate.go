package spread

// Limits of what one origin may say about one thing: so many messages at once, and
// one more each time the interval has passed, in seconds.
const (
	Burst    = 10
	Interval = 600
)

// bucket is how many messages about a thing are still taken.
type bucket struct {
	left  uint8
	since uint32 // unix seconds; left is what it was then
}

func (t bucket) at(now uint32) bucket {
	if now < t.since {
		return t
	}
	n := (now - t.since) / Interval
	if n >= Burst-uint32(t.left) {
		return bucket{Burst, now}
	}
	return bucket{t.left + uint8(n), t.since + n*Interval} //nolint:gosec // below the burst
}

// Rates are the buckets that are not full. An origin must sign what it spends, so
// there are no more of them than channels and nodes.
type Rates[K comparable] map[K]bucket

// Allow says whether a message about a thing is still taken.
func (r Rates[K]) Allow(k K, now uint32) bool {
	t, ok := r[k]
	return !ok || t.at(now).left > 0
}

// Spend counts one.
func (r Rates[K]) Spend(k K, now uint32) {
	t := bucket{Burst, now}
	if old, ok := r[k]; ok {
		t = old.at(now)
	}
	if t.left > 0 {
		t.left--
	}
	r[k] = t
}

// Sweep forgets the buckets that are full again.
func (r Rates[K]) Sweep(now uint32) {
	for k, t := range r {
		if t.at(now).left == Burst {
			delete(r, k)
		}
	}
}

// RefusedFor is for how long what was refused is not looked at again, in seconds.
const RefusedFor = 24 * 3600

// maxRefused is how many are remembered.
const maxRefused = 1 << 15

// Refused are channels that were found wanting (no funding output, spent, stale), or
// claims to one, so that they are not looked up again and again. The oldest make room
// for new ones.
type Refused[K comparable] struct {
	at    map[K]uint32 // unix seconds
	order []K
}

// NewRefused has nothing.
func NewRefused[K comparable]() Refused[K] { return Refused[K]{at: map[K]uint32{}} }

// Add notes one.
func (r *Refused[K]) Add(k K, now uint32) {
	if _, ok := r.at[k]; !ok {
		if len(r.order) >= maxRefused {
			delete(r.at, r.order[0])
			r.order = r.order[1:]
		}
		r.order = append(r.order, k)
	}
	r.at[k] = now
}

// Has says whether one was noted a short while ago.
func (r *Refused[K]) Has(k K, now uint32) bool {
	at, ok := r.at[k]
	return ok && now < at+RefusedFor
}
