package node_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

// TestOpeningSeveralChannelsSurvivesADeathAtEachWrite lets the opener, or one of its
// peers, die at each write of an opening of two channels by one transaction. Whenever it
// was: both channels of the opener are there and work, or neither is and its coins are
// free again.
func TestOpeningSeveralChannelsSurvivesADeathAtEachWrite(t *testing.T) {
	race.Like(t, TestOpeningAChannelWithTokensSurvivesADeathAtEachWrite)
	t.Parallel()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mineOnly(t, c, 160)
	m := &many{t: t, chain: c, alice: newMortal(t, c, "alice"), peers: []*mortal{newMortal(t, c, "carol"), newMortal(t, c, "bob")}}
	for range 30 {
		fund(t, c, m.alice.Node, 500_000)
	}
	mine(t, c, 1, m.nodes()...)
	before := m.alice.Wallet().Balance()
	for _, victim := range []*mortal{m.alice, m.peers[1]} {
		for _, after := range []bool{false, true}[race.Step(2)-1:] {
			if deaths := m.sweep(victim, after); deaths < 2/race.Step(4) {
				t.Errorf("%s died %d times only: the sweep misses its writes", victim.alias, deaths)
			}
		}
	}
	// Reservations of what never was have run out: all is in channels or free.
	mine(t, c, 80, m.nodes()...)
	b, n := m.alice.Wallet().Balance(), amount.Satoshi(len(states(t, m.alice.Node)))
	if have := b.Confirmed + n*manySat; n == 0 || have > before.Confirmed || before.Confirmed-have > n*2000 {
		t.Errorf("alice had %v and has %+v beside %d channels", before.Confirmed, b, n)
	}
	if err := m.open(m.alice.Node, m.ids()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// manySat is in each channel.
const manySat = 60_000

// many is an opener and those with whom it opens channels at once.
type many struct {
	t     *testing.T
	chain *regtest.Chain
	alice *mortal
	peers []*mortal
}

func (m *many) nodes() []*node.Node {
	out := []*node.Node{m.alice.Node}
	for _, p := range m.peers {
		out = append(out, p.Node)
	}
	return out
}

func (m *many) dial() {
	m.t.Helper()
	for _, p := range m.peers {
		until(m.t, "alice and "+p.alias+" are connected", func() bool {
			_, err := m.alice.Connect(m.t.Context(), p.ID(), p.addr)
			_, back := p.Peers().Get(m.alice.ID())
			return err == nil && back
		})
	}
}

func (m *many) ids() (out []wire.NodeID) {
	for _, p := range m.peers {
		out = append(out, p.ID())
	}
	return out
}

// open opens a channel with each. It may go on while one of the nodes is started again.
func (m *many) open(alice *node.Node, ids []wire.NodeID) error {
	ctx, cancel := context.WithTimeout(m.t.Context(), longest)
	defer cancel()
	var wishes []funding.Wish
	for _, id := range ids {
		to, up := alice.Peers().Get(id)
		if !up {
			return funding.ErrGone
		}
		wishes = append(wishes, funding.Wish{Peer: to, Request: funding.Request{Amount: manySat, FeePerKw: 1000, Commit: 1000, MinConf: 1}})
	}
	_, _, err := alice.OpenChannels(ctx, wishes, len(wishes))
	return err
}

func (m *many) sweep(victim *mortal, after bool) (deaths int) {
	m.t.Helper()
	gone := 0
	for k := uint64(1); ; k += uint64(race.Step(8)) { //nolint:gosec // positive
		m.dial()
		known := len(states(m.t, m.alice.Node))
		victim.Store().SetFault(func(n uint64) (bool, bool) { return n == k && !after, n == k && after })
		ended := make(chan error, 1)
		alice, ids := m.alice.Node, m.ids()
		go func() {
			err := fmt.Errorf("the opener died")
			defer func() { ended <- err }()
			err = m.open(alice, ids)
		}()
		died, why := false, error(nil)
		select {
		case <-victim.died:
			died = true
		case why = <-ended:
		}
		switch {
		case victim.Store().SetFault(nil):
			died = true
			deaths++
			victim.restart()
			m.dial()
		case errors.Is(why, funding.ErrGone) && gone < 20: // both had called, and one connection took the other's place
			gone++
			k -= uint64(race.Step(8)) //nolint:gosec // positive
			continue
		case why != nil:
			m.t.Fatalf("opening failed without a death: %v", why)
		}
		mine(m.t, m.chain, 1, m.nodes()...)
		mine(m.t, m.chain, 5, m.nodes()...)
		m.dial()
		until(m.t, "every channel of the opener works on both sides", func() bool {
			theirs := map[string]string{}
			for _, p := range m.peers {
				for id, state := range states(m.t, p.Node) {
					theirs[id] = state
				}
			}
			for id, state := range states(m.t, m.alice.Node) {
				if state != "CHANNELD_NORMAL" || theirs[id] != "CHANNELD_NORMAL" {
					return false
				}
			}
			return true
		})
		now := len(states(m.t, m.alice.Node))
		if now != known && now != known+len(m.peers) || !died && now == known {
			m.t.Fatalf("a death of %s at write %d (after: %v): alice had %d channels and has %d", victim.alias, k, after, known, now)
		}
		if !died {
			return deaths
		}
	}
}
