package spread

import "time"

// Whoever signs an announcement with keys of his own makes us look at the chain. What
// turns out false is counted in points.
const (
	MaxDoubt  = 1000      // points, of a peer
	NoOutput  = 1         // point: it may be a channel that was closed
	NoChannel = 10        // of an output that never was, or is another's
	Forgiven  = time.Hour // in which all points are forgotten
)

// Doubt is what a peer has told of channels that there are not, in points.
type Doubt struct {
	points int
	at     time.Time
}

func (d *Doubt) forgive(now time.Time) {
	if over := int(min(max(now.Sub(d.at), 0), Forgiven) * MaxDoubt / Forgiven); over > 0 {
		d.points, d.at = max(d.points-over, 0), now
	}
}

// Add counts points.
func (d *Doubt) Add(points int, now time.Time) {
	d.forgive(now)
	d.points += points
}

// Trust counts a channel that there is.
func (d *Doubt) Trust() { d.points = max(d.points-NoOutput, 0) }

// Over says whether it was too much.
func (d *Doubt) Over(now time.Time) bool {
	d.forgive(now)
	return d.points > MaxDoubt
}
