package web

import (
	"encoding/json"
	"strconv"
)

// list is a command that lists rows by an index of theirs, from one on and the oldest
// first. A page shows the newest first.
type list[R any] struct {
	command, key string // and the name of the rows in the result
	index        func(*R) uint64
}

var (
	paysList     = list[paymentRow]{"listpays", "pays", func(r *paymentRow) uint64 { return r.Created }}
	forwardsList = list[forwardRow]{"listforwards", "forwards", func(r *forwardRow) uint64 { return r.Created }}
)

// windowOfStatus is how many rows one page looks at for those of a status.
const windowOfStatus = 1000

// older lists up to limit rows whose index is below before, or the newest when that is
// empty, and where to go on; 0 when there are no more.
func older[R any](v *visit, l list[R], status, before string, limit int) (rows []R, next uint64, err error) {
	below, err := strconv.ParseUint(before, 10, 62)
	if err != nil {
		last, err := l.last(v)
		if err != nil {
			return nil, 0, err
		}
		below = last + 1
	}
	window := uint64(limit) //nolint:gosec // a constant of ours
	if status != "" {
		window = windowOfStatus
	}
	start := max(below-min(below, window), 1)
	args := append(given(arg{"status", status}), arg{"start", strconv.FormatUint(start, 10)}, arg{"limit", strconv.FormatUint(window, 10)})
	var out map[string]json.RawMessage
	if err := v.run(v.ctx(), &out, l.command, args...); err != nil {
		return nil, 0, err
	}
	var all []R
	if err := json.Unmarshal(out[l.key], &all); err != nil {
		return nil, 0, err
	}
	next = start
	for i := len(all) - 1; i >= 0; i-- {
		at := l.index(&all[i])
		if at >= below {
			continue
		}
		if rows = append(rows, all[i]); len(rows) == limit {
			next = at
			break
		}
	}
	if next <= 1 {
		next = 0
	}
	return rows, next, nil
}

// last is the index of the newest row; 0 when there is none. It is found by halving.
func (l list[R]) last(v *visit) (uint64, error) {
	from := func(start uint64) (bool, error) {
		var out map[string]json.RawMessage
		if err := v.s.call(v.ctx(), &out, l.command, arg{"start", strconv.FormatUint(start, 10)}, arg{"limit", "1"}); err != nil {
			return false, err
		}
		var some []json.RawMessage
		err := json.Unmarshal(out[l.key], &some)
		return len(some) > 0, err
	}
	high := uint64(1)
	for {
		some, err := from(high)
		if err != nil {
			return 0, err
		}
		if !some {
			break
		}
		high *= 2
	}
	low := high / 2 // there is one at low or above, or low is 0
	for low+1 < high {
		middle := low + (high-low)/2
		some, err := from(middle)
		if err != nil {
			return 0, err
		}
		if some {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}
