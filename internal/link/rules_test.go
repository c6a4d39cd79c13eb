package link

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store"
)

// tape is a connection at whose other end the test sits.
type tape struct {
	mu    sync.Mutex
	sent  []wire.Message
	ended int
	gone  bool
}

func newTape() *tape { return &tape{} }

func (p *tape) ID() wire.NodeID { return wire.NodeID{} }

func (p *tape) Features() wire.Features { return nil }

func (p *tape) Disconnect(error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended++
}

func (p *tape) Send(msgs ...wire.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return io.ErrClosedPipe
	}
	p.sent = append(p.sent, msgs...)
	return nil
}

func (p *tape) names() (names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.sent {
		names = append(names, wire.Name(m))
	}
	return names
}

// reestablish is what a link would say on a new connection.
func reestablish(l *Link) *wire.ChannelReestablish {
	p := newTape()
	l.Up(p)
	synctest.Wait()
	l.Down(p)
	synctest.Wait()
	return p.sent[0].(*wire.ChannelReestablish)
}

// talking is a channel whose peer is the test.
func talking(t *testing.T) (*side, *Link, *tape) {
	t.Helper()
	alice, bob := newSide(t, "alice"), newSide(t, "bob")
	p := opened(alice, bob, 1)
	p.conn.cut()
	synctest.Wait()
	l, tape := p.links[0], newTape()
	theirs := reestablish(p.links[1])
	l.Up(tape)
	l.Message(tape, theirs)
	synctest.Wait()
	tape.sent = nil
	return alice, l, tape
}

// What a channel says is written as said. A message that cannot go out must not be
// followed by others: the next connection begins with channel_reestablish.
func TestAConnectionEndsWithTheFirstMessageThatCannotGoOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, tape := talking(t)
		l.Send(&wire.Warning{Data: []byte("one")})
		synctest.Wait()
		if len(tape.names()) != 1 || tape.ended != 0 {
			t.Fatalf("sent %v, disconnected %d times", tape.names(), tape.ended)
		}
		tape.mu.Lock()
		tape.gone = true
		tape.mu.Unlock()
		l.Send(&wire.Warning{Data: []byte("two")})
		synctest.Wait()
		if len(tape.names()) != 1 || tape.ended != 1 {
			t.Errorf("sent %v, disconnected %d times", tape.names(), tape.ended)
		}
	})
}

func TestAPeerThatBreaksARuleIsAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i, c := range []struct {
			name  string
			m     wire.Message
			want  string // the message that answers
			state string
		}{
			{"an id that is not the next", &wire.UpdateAddHTLC{ID: 7, AmountMsat: 1000}, "warning", "CHANNELD_NORMAL"},
			{"more than the peer has", &wire.UpdateAddHTLC{AmountMsat: 600_000_000}, "warning", "CHANNELD_NORMAL"},
			{"nothing", &wire.UpdateAddHTLC{}, "warning", "CHANNELD_NORMAL"},
			{"channel_reestablish again", &wire.ChannelReestablish{NextCommitmentNumber: 1}, "warning", "CHANNELD_NORMAL"},
			{"closing_signed before shutdown", &wire.ClosingSigned{}, "warning", "CHANNELD_NORMAL"},
			{"a wrong signature", &wire.CommitmentSigned{Signature: wire.Signature{1}}, "error", "AWAITING_UNILATERAL"},
			{"a revocation that is not owed", &wire.RevokeAndAck{}, "error", "AWAITING_UNILATERAL"},
			{"a preimage for no HTLC", &wire.UpdateFulfillHTLC{ID: 3}, "error", "AWAITING_UNILATERAL"},
			{"a failure for no HTLC", &wire.UpdateFailHTLC{ID: 3}, "error", "AWAITING_UNILATERAL"},
			{"a fee that is not theirs to set", &wire.UpdateFee{FeeratePerKw: 2000}, "error", "AWAITING_UNILATERAL"},
		} {
			if i%race.Step(5) != 0 { // a warning, and an error
				continue
			}
			alice, l, tape := talking(t)
			l.Message(tape, c.m)
			l.Message(tape, c.m) // on its way already
			l.Message(tape, &wire.UpdateAddHTLC{AmountMsat: 1_000_000})
			synctest.Wait()
			if got := tape.names(); fmt.Sprint(got) != "["+c.want+"]" || tape.ended != 1 {
				t.Errorf("%s: sent %v, disconnected %d times", c.name, got, tape.ended)
			}
			if state := l.View().State; state != c.state {
				t.Errorf("%s: the channel is %s", c.name, state)
			}
			failures := 0
			for _, e := range alice.raised {
				if _, ok := e.(channel.Failure); ok {
					failures++
				}
			}
			if want := map[string]int{"error": 1}[c.want]; failures != want {
				t.Errorf("%s: %d failures were raised", c.name, failures)
			}
			if len(alice.faults) != 0 {
				t.Errorf("%s: the node ended: %v", c.name, alice.faults)
			}
			// BOLT 2: a channel that has failed says so again on each connection.
			l.Down(tape)
			again := newTape()
			l.Up(again)
			synctest.Wait()
			want := "[channel_reestablish]"
			if c.want == "error" {
				want = "[channel_reestablish error]"
			}
			if got := again.names(); fmt.Sprint(got) != want {
				t.Errorf("%s: after a reconnect %v is sent", c.name, got)
			}
			l.Down(again)
			synctest.Wait()
		}
	})
}

func TestAnErrorOfThePeerFailsTheChannelWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, l, tape := talking(t)
		l.Message(tape, &wire.Warning{ChannelID: l.ID(), Data: []byte("careful")})
		synctest.Wait()
		if l.View().State != "CHANNELD_NORMAL" {
			t.Error("a warning failed the channel")
		}
		l.Message(tape, &wire.Error{ChannelID: l.ID(), Data: []byte("enough")})
		l.Message(tape, &wire.Error{ChannelID: l.ID(), Data: []byte("enough")})
		synctest.Wait()
		if got := tape.names(); len(got) != 0 || l.View().State != "AWAITING_UNILATERAL" {
			t.Errorf("sent %v, %s", got, l.View().State)
		}
		if f, ok := alice.raised[len(alice.raised)-1].(channel.Failure); !ok || !f.ByPeer {
			t.Errorf("raised %+v", alice.raised)
		}
		l.Down(tape)
		synctest.Wait()
	})
}

func TestAFailedWriteEndsTheNodeWithoutAWordToThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		before := len(p.conn.sent())
		alice.store.SetFault(func(n uint64) (bool, bool) { return n == 1, false })
		_, add := payment(1, 5_000_000, []*side{bob}, []*pair{p})
		if err := alice.links.Offer(p.scid, add); err != nil {
			t.Fatal(err)
		}
		p.links[0].Send(&wire.ChannelUpdate{ShortChannelID: p.scid})
		synctest.Wait()
		if len(alice.faults) != 1 || !errors.Is(alice.faults[0], store.ErrFault) {
			t.Errorf("faults %v", alice.faults)
		}
		if log := p.conn.sent(); len(log) != before || over(p.conn) {
			t.Errorf("sent %v, cut %v", log[before:], over(p.conn))
		}
		if len(alice.resolved)+len(alice.refused) != 0 {
			t.Error("the payment was told of what is not on disk")
		}
		select {
		case <-p.links[0].Done():
		default:
			t.Error("the link goes on")
		}
		if err := alice.links.Offer(p.scid, add); err == nil {
			t.Error("a stopped link takes HTLCs")
		}
		// Nothing is lost: the rows are those before, and so is the peer's channel.
		rows, err := alice.store.Channels(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ch, err := channel.Load(rows[0])
		if err != nil || ch.State() != "CHANNELD_NORMAL" || p.links[1].View().State != "CHANNELD_NORMAL" {
			t.Errorf("alice's rows say %s, bob %s: %v", ch.State(), p.links[1].View().State, err)
		}
	})
}

// stubborn refuses to sign a commitment.
type stubborn struct{ channel.Signer }

var errStubborn = errors.New("the signer refuses")

func (stubborn) SignCommitment(*script.Commitment) (channel.Signatures, error) {
	return channel.Signatures{}, errStubborn
}

func TestASignerThatRefusesEndsTheNodeWithoutAWordToThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		before := len(p.conn.sent())
		p.links[0].Do(func(*channel.Channel) { p.links[0].signer = stubborn{p.links[0].signer} })
		_, add := payment(1, 5_000_000, []*side{bob}, []*pair{p})
		if err := alice.links.Offer(p.scid, add); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(alice.faults) != 1 || !errors.Is(alice.faults[0], errStubborn) || len(p.conn.sent()) != before || over(p.conn) {
			t.Errorf("faults %v, sent %v", alice.faults, p.conn.sent()[before:])
		}
	})
}

func TestTheNodesEndIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		reached, release := alice.hold()
		p.links[0].Do(func(ch *channel.Channel) { _ = ch.Shutdown(nil, 0) })
		<-reached
		alice.links.cancel()
		release()
		alice.links.Close()
		<-p.links[0].Done()
		if len(alice.faults) != 0 {
			t.Errorf("faults %v", alice.faults)
		}
	})
}
