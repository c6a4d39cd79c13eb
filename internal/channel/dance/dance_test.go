//go:build !race

package dance

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// toyUpdate is an update in the oracle: the table taken literally, beside the
// numbers from which the machine derives the same stage.
type toyUpdate struct {
	id    int
	stage Stage
	n     Numbers
}

// toy is one side of a channel that only dances.
type toy struct {
	Steps
	updates [2]map[int]*toyUpdate // by who offered them
	next    int                   // id of our next update
	wire    []any                 // to the peer, first in first out
}

type (
	toyOffer  struct{ id int }
	toyCommit struct{ content []int }
	toyRevoke struct{}
)

func newToy() *toy {
	return &toy{updates: [2]map[int]*toyUpdate{{}, {}}}
}

func (y *toy) step(t *testing.T, s Step) {
	switch s {
	case SendCommit:
		y.Signed[Remote]++
		y.SignedAfter = y.Revoked[Local]
	case ReceiveCommit:
		y.Signed[Local]++
	}
	for by, us := range y.updates {
		for _, u := range us {
			if u.stage == Arrows[s][by] {
				u.stage++
				switch s {
				case SendCommit:
					u.n[Remote] = y.Signed[Remote]
				case ReceiveCommit:
					u.n[Local] = y.Signed[Local]
				}
			}
		}
	}
	switch s {
	case SendRevoke:
		y.Revoked[Local]++
	case ReceiveRevoke:
		y.Revoked[Remote]++
	}
	for by, us := range y.updates {
		for _, u := range us {
			if got := y.Stage(Side(by), u.n); got != u.stage {
				t.Fatalf("update %d of side %d: the numbers %v say stage %d, the table %d", u.id, by, u.n, got, u.stage)
			}
		}
	}
}

// content is what a side's latest commitment reflects: ids, those of the other
// side negative.
func (y *toy) content(side Side) []int {
	var ids []int
	for by, us := range y.updates {
		for _, u := range us {
			if in := At(side, y.Signed[side], u.n); in != (Side(by) != side && u.stage >= Committed || u.stage >= AckCommitted) {
				panic("the filter over numbers is not the filter over stages")
			} else if in {
				ids = append(ids, u.id*(1-2*by))
			}
		}
	}
	slices.Sort(ids)
	return ids
}

func (y *toy) sign(t *testing.T) {
	y.step(t, SendCommit)
	content := y.content(Remote)
	for i := range content {
		content[i] = -content[i] // as the peer sees it
	}
	slices.Sort(content)
	y.wire = append(y.wire, toyCommit{content})
}

func (y *toy) maySign() bool {
	if y.Awaiting() {
		return false
	}
	for by, us := range y.updates {
		for _, u := range us {
			if u.stage == Arrows[SendCommit][by] {
				return true
			}
		}
	}
	return false
}

// receive returns false when the commitment is not what this side computes.
func (y *toy) receive(t *testing.T, m any) bool {
	switch m := m.(type) {
	case toyOffer:
		y.updates[Remote][m.id] = &toyUpdate{id: m.id}
	case toyCommit:
		y.step(t, ReceiveCommit)
		if !slices.Equal(m.content, y.content(Local)) {
			return false
		}
		y.step(t, SendRevoke)
		y.wire = append(y.wire, toyRevoke{})
	case toyRevoke:
		if !y.Awaiting() {
			return false
		}
		y.step(t, ReceiveRevoke)
	}
	return true
}

func (y *toy) disconnect() {
	y.wire = nil
	for by, us := range y.updates {
		for id, u := range us {
			if u.stage == Proposed {
				delete(us, id)
				if Side(by) == Local {
					y.next = min(y.next, id)
				}
			}
		}
	}
}

// reestablish queues what the peer, who has got these numbers, is missing.
func (y *toy) reestablish(t *testing.T, theirSigned, theirRevoked uint64, flip bool) {
	commit := theirSigned == y.Signed[Remote]-1
	revoke := theirRevoked == y.Revoked[Local]-1
	again := func() {
		for id, u := range y.updates[Local] {
			if u.n[Remote] == y.Signed[Remote] {
				y.wire = append(y.wire, toyOffer{id})
			}
		}
		content := y.content(Remote)
		for i := range content {
			content[i] = -content[i]
		}
		slices.Sort(content)
		y.wire = append(y.wire, toyCommit{content})
	}
	first := y.RevocationFirst() != flip
	if revoke && first {
		y.wire = append(y.wire, toyRevoke{})
	}
	if commit {
		again()
	}
	if revoke && !first {
		y.wire = append(y.wire, toyRevoke{})
	}
}

// schedule runs one random schedule and tells whether the two sides agreed.
func schedule(t *testing.T, seed uint64, cuts, flip bool) bool {
	r := rand.New(rand.NewPCG(seed, 1))
	a, b := newToy(), newToy()
	sides := [2]*toy{a, b}
	for i := 0; ; i++ {
		x := r.IntN(2)
		y, z := sides[x], sides[1-x]
		acts := r.IntN(100)
		switch {
		case cuts && acts < 8 && i < 60:
			// Some of what is under way arrives, the rest is lost.
			for range r.IntN(3) {
				if len(z.wire) > 0 {
					m := z.wire[0]
					z.wire = z.wire[1:]
					if !y.receive(t, m) {
						return false
					}
				}
			}
			a.disconnect()
			b.disconnect()
			as, ar, bs, br := a.Signed[Local], a.Revoked[Remote], b.Signed[Local], b.Revoked[Remote]
			a.reestablish(t, bs, br, flip)
			b.reestablish(t, as, ar, flip)
		case acts < 30 && i < 60:
			y.next++
			y.updates[Local][y.next-1] = &toyUpdate{id: y.next - 1}
			y.wire = append(y.wire, toyOffer{y.next - 1})
		case acts < 50 && y.maySign():
			y.sign(t)
		case len(z.wire) > 0:
			m := z.wire[0]
			z.wire = z.wire[1:]
			if !y.receive(t, m) {
				return false
			}
		case i > 60 && len(y.wire) == 0 && !y.maySign() && !z.maySign():
			for x, y := range sides {
				for by, us := range y.updates {
					for id, u := range us {
						if u.stage != Irrevocable || sides[1-x].updates[1-by][id] == nil {
							t.Fatalf("seed %d: update %d of side %d ended at stage %d", seed, id, by, u.stage)
						}
					}
				}
			}
			return true
		}
		if i > 100_000 {
			t.Fatalf("seed %d: the schedule does not end", seed)
		}
	}
}

func TestBothSidesAlwaysComputeTheSameCommitment(t *testing.T) {
	for seed := range uint64(10_000) {
		if !schedule(t, seed, false, false) {
			t.Fatalf("seed %d: the sides disagree", seed)
		}
	}
}

func TestRetransmissionFollowsFromNumbers(t *testing.T) {
	for seed := range uint64(10_000) {
		if !schedule(t, seed, true, false) {
			t.Fatalf("seed %d: the sides disagree", seed)
		}
	}
}

func TestRetransmissionInTheOtherOrderFails(t *testing.T) {
	failed := 0
	for seed := range uint64(2_000) {
		if !schedule(t, seed, true, true) {
			failed++
		}
	}
	if failed < 200 {
		t.Fatalf("only %d of the schedules noticed the wrong order: the oracle is blind", failed)
	}
}
