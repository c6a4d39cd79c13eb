package route

import (
	"github.com/leyden-ln/leyden/internal/pay"
)

// forget is after how many seconds a failure no longer counts.
const forget = 3600

// Memory is what the payments of this node learnt of the network: which channels
// did not carry how much, for an hour. It is not safe for concurrent use. The
// zero value has learnt nothing.
type Memory struct {
	failed map[way]failure
}

type failure struct {
	below msat
	until uint64
}

// Learn takes a lesson at the time now, in unix seconds.
func (m *Memory) Learn(l pay.Lesson, now uint64) {
	w := way{l.SCID, direction(l.From, l.To)}
	switch l.Kind {
	case pay.Carried:
		if f, ok := m.failed[w]; ok && f.below <= l.Amount {
			delete(m.failed, w)
		}
	case pay.ChannelFailed:
		if m.failed == nil {
			m.failed = map[way]failure{}
		}
		m.failed[w] = failure{below: l.Amount, until: now + forget}
	case pay.NodeFailed:
		// The payment itself avoids the node; the next one may find it well.
	}
}

// Any says whether anything counts at all.
func (m *Memory) Any() bool { return len(m.failed) > 0 }

// Limits lists what counts at the time now, and drops the rest.
func (m *Memory) Limits(now uint64) []pay.Limit {
	out := make([]pay.Limit, 0, len(m.failed))
	for w, f := range m.failed {
		if f.until <= now {
			delete(m.failed, w)
			continue
		}
		out = append(out, pay.Limit{SCID: w.scid, Direction: w.direction, Below: f.below})
	}
	return out
}
