package link

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/race"
)

// A connection is cut after each of its messages in turn, while payments go both
// ways; after a reconnect everything is as if it had never been cut.
func TestAPaymentSurvivesADisconnectAtEachMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		for _, which := range []*pair{c.ac, c.cb} {
			ends := [2]*side{c.alice, c.carol}
			if which == c.cb {
				ends = [2]*side{c.carol, c.bob}
			}
			for cut, number := 0, byte(0); ; cut += race.Step(10) {
				which.conn.cut()
				synctest.Wait()
				which.conn = connect(ends[0], ends[1], cut)
				number = byte(len(c.alice.resolved)+len(c.alice.refused)) + 1
				before := c.cb.links[1].View().ToLocal
				c.offer(t, number, true)
				c.offer(t, number+1, false)
				synctest.Wait()
				whole := !over(which.conn)
				which.conn.cut()
				synctest.Wait()
				which.conn = connect(ends[0], ends[1], -1)
				var fulfilled, failed int
				for _, n := range []byte{number, number + 1} {
					end, times := c.alice.end(uint64(n))
					if times != 1 {
						t.Fatalf("cut after %d messages: attempt %d ended %d times", cut, n, times)
					}
					if end != nil && end.Preimage != nil {
						fulfilled++
					} else {
						failed++
					}
				}
				gained := c.cb.links[1].View().ToLocal - before
				if fulfilled > 1 || gained != []amount.MilliSatoshi{0, 5_000_000}[fulfilled] {
					t.Fatalf("cut after %d messages: %d fulfilled, %d failed, bob gained %s", cut, fulfilled, failed, gained)
				}
				c.ac.agree(t, c.alice, c.carol)
				c.cb.agree(t, c.carol, c.bob)
				if whole {
					if cut < 12 || // how many there are depends on what gathers in one signature
						fulfilled != 1 {
						t.Errorf("the sweep ended after %d messages, %d fulfilled", cut, fulfilled)
					}
					break
				}
			}
		}
		t.Logf("%d payments, %d refused", len(c.alice.resolved), len(c.alice.refused))
	})
}

func over(c *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// end says how an attempt ended, and how often that was told.
func (s *side) end(attempt uint64) (end *channel.Resolved, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.resolved {
		if s.resolved[i].Origin.Attempt == attempt {
			end = &s.resolved[i]
			times++
		}
	}
	if s.refused[attempt] != nil {
		times++
	}
	return end, times
}

func TestAChannelWhoseConnectionEndsBeforeChannelReadyBecomesReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := born(alice, bob, 1)
		synctest.Wait()
		p.conn.cut() // after funding_signed
		synctest.Wait()
		p.links[0].Do(func(ch *channel.Channel) { ch.FundingDepth(p.scid, 6) }) // alice sees the block first, alone
		p.conn = connect(alice, bob, -1)
		p.conn.cut()
		synctest.Wait()
		p.confirm()
		p.conn = connect(alice, bob, -1)
		for _, l := range p.links {
			if v := l.View(); v.State != "CHANNELD_NORMAL" || !v.Connected {
				t.Errorf("%s, connected %v", v.State, v.Connected)
			}
		}
		for _, s := range []*side{alice, bob} {
			if s.reestablished != 2 {
				t.Errorf("%s: %d times reestablished", s.name, s.reestablished)
			}
			ready := 0
			for _, e := range s.raised {
				if r, ok := e.(channel.Ready); ok && r.SCID == p.scid {
					ready++
				}
			}
			if ready != 1 {
				t.Errorf("%s: ready %d times", s.name, ready)
			}
		}
	})
}

func TestNothingIsSentBeforeReestablish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		p.conn.cut()
		synctest.Wait()
		l := p.links[0]
		update := &wire.ChannelUpdate{ShortChannelID: p.scid}
		tape := &tape{}
		l.Send(update)
		l.Up(tape)
		l.Send(update)
		synctest.Wait()
		if got := tape.names(); fmt.Sprint(got) != "[channel_reestablish]" {
			t.Errorf("sent %v", got)
		}
		l.Message(tape, reestablish(p.links[1]))
		l.Send(update)
		synctest.Wait()
		if got := tape.names(); fmt.Sprint(got) != "[channel_reestablish channel_ready channel_update]" &&
			fmt.Sprint(got) != "[channel_reestablish channel_update channel_ready]" {
			t.Errorf("sent %v", got)
		}
		// What a connection that is gone still says is not heard.
		other := newTape()
		l.Up(other)
		l.Message(tape, &wire.Error{ChannelID: l.ID()})
		l.Down(tape)
		synctest.Wait()
		if v := l.View(); v.State != "CHANNELD_NORMAL" || l.Status().Failure != "" {
			t.Errorf("%s: %s", v.State, l.Status().Failure)
		}
		l.Message(other, reestablish(p.links[1]))
		synctest.Wait()
		if !l.View().Connected {
			t.Error("the end of the old connection took the new one away")
		}
		l.Down(other)
		synctest.Wait()
	})
}
