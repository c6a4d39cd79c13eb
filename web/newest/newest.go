// Package newest reads lists backwards: the commands that list rows give them from an
// index on, the oldest first, and pages show the newest first.
//
//	pays := newest.List[row]{Command: "listpays", Key: "pays", Index: func(r *row) uint64 { return r.Created }}
//	rows, next, err := pays.Older(ask, status, before, 50)
//
// It costs the same however long a list is: where it ends is found by halving.
package newest

import (
	"encoding/json"
	"strconv"
)

// List is a command that lists rows by an index of theirs.
type List[R any] struct {
	Command, Key string // and the name of the rows in the result
	Index        func(*R) uint64
}

// Ask gives the node a command that lists; shown says whether the page names it. An
// empty status is every one.
type Ask func(out any, shown bool, command, status string, start, limit uint64) error

// windowOfStatus is how many rows one page looks at for those of a status.
const windowOfStatus = 1000

// Older lists up to limit rows whose index is below before, or the newest when that is
// empty, and where to go on; 0 when there are no more.
func (l List[R]) Older(ask Ask, status, before string, limit int) (rows []R, next uint64, err error) {
	below, err := strconv.ParseUint(before, 10, 62)
	if err != nil {
		last, err := l.last(ask)
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
	var out map[string]json.RawMessage
	if err := ask(&out, true, l.Command, status, start, window); err != nil {
		return nil, 0, err
	}
	var all []R
	if err := json.Unmarshal(out[l.Key], &all); err != nil {
		return nil, 0, err
	}
	next = start
	for i := len(all) - 1; i >= 0; i-- {
		at := l.Index(&all[i])
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
func (l List[R]) last(ask Ask) (uint64, error) {
	from := func(start uint64) (bool, error) {
		var out map[string]json.RawMessage
		if err := ask(&out, false, l.Command, "", start, 1); err != nil {
			return false, err
		}
		var some []json.RawMessage
		err := json.Unmarshal(out[l.Key], &some)
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
