package terms

import "time"

// A channel is announced as disabled when its peer has been away for long, and
// enabled again when the peer has been back for a while: peers that come and go do
// not make gossip.
const (
	awayFor = 20 * time.Minute
	backFor = 5 * time.Minute
)

// Presence is since when a channel's peer is there, or is not.
type Presence struct {
	there bool
	since time.Time // zero: nobody has looked
}

// Sees notes whether the peer is there.
func (p *Presence) Sees(there bool, now time.Time) {
	if there != p.there || p.since.IsZero() {
		p.there, p.since = there, now
	}
}

// Disable says whether the channel_update is to say disable; was: whether it does.
func (p *Presence) Disable(was bool, now time.Time) bool {
	switch {
	case p.since.IsZero():
		return was
	case p.there:
		return was && now.Sub(p.since) < backFor
	}
	return was || now.Sub(p.since) >= awayFor
}
