package route

import (
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
)

// forget is after how many seconds a failure no longer counts.
const forget = 3600

// Memory is what the payments of this node learnt of the network, for an hour:
// which channels did not carry how much, and which nodes are no longer there. It is
// not safe for concurrent use. The zero value has learnt nothing.
type Memory struct {
	failed map[way]failure
	gone   map[wire.NodeID]uint64 // until when
}

type failure struct {
	below msat // zero: it carries nothing
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
		f := failure{below: l.Amount, until: now + forget}
		if l.Permanent {
			f.below = 0
		}
		if old, ok := m.failed[w]; ok && old.until > now {
			f.below = min(f.below, old.below)
		}
		if m.failed == nil {
			m.failed = map[way]failure{}
		}
		m.failed[w] = f
	case pay.NodeFailed:
		if !l.Permanent {
			return // the payment itself avoids the node; the next one may find it well
		}
		if m.gone == nil {
			m.gone = map[wire.NodeID]uint64{}
		}
		m.gone[l.From] = now + forget
	}
}

// Any says whether anything counts at all.
func (m *Memory) Any() bool { return len(m.failed)+len(m.gone) > 0 }

// Limits lists what counts at the time now, and drops the rest.
func (m *Memory) Limits(now uint64) []pay.Limit {
	out := make([]pay.Limit, 0, len(m.failed)+len(m.gone))
	for w, f := range m.failed {
		if f.until <= now {
			delete(m.failed, w)
			continue
		}
		out = append(out, pay.Limit{SCID: w.scid, Direction: w.direction, Below: f.below})
	}
	for id, until := range m.gone {
		if until <= now {
			delete(m.gone, id)
			continue
		}
		out = append(out, pay.Limit{Node: id})
	}
	return out
}
