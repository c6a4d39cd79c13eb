package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
)

func TestWhoConnectsTwiceAtOnceGetsTheSameConnection(t *testing.T) {
	for range 20 {
		a, da := newSet(t, 1, nil)
		b, db := newSet(t, 2, nil)
		addr := listen(t, b)
		var got [8]*Peer
		var calling sync.WaitGroup
		for i := range got {
			calling.Go(func() {
				p, err := a.Connect(t.Context(), idOf(2), addr)
				if err != nil {
					t.Error(err)
				}
				if q, ok := a.Get(idOf(2)); !ok || q != p {
					t.Error("Connect has returned before the connection is there")
				}
				got[i] = p
			})
		}
		calling.Wait()
		for _, p := range got {
			if p != got[0] {
				t.Fatal("two connections to one node")
			}
		}
		if p, err := a.Connect(t.Context(), idOf(2), "nobody is asked"); err != nil || p != got[0] {
			t.Errorf("%v", err)
		}
		da.next(t, "up")
		db.next(t, "up")
		da.silent(t)
		db.silent(t)
		a.Close()
		b.Close()
	}
}

func TestConnectReturnsWhenTheHandlerHasHeard(t *testing.T) {
	a, da := newSet(t, 1, nil)
	b, _ := newSet(t, 2, nil)
	up := make(chan bool, 1)
	da.on = func(h heard) {
		if h.what == "up" {
			up <- true
		}
	}
	if _, err := a.Connect(t.Context(), idOf(2), listen(t, b)); err != nil || len(up) != 1 {
		t.Errorf("%v", err)
	}
}

func TestANodeDoesNotTalkToItself(t *testing.T) {
	s, d := newSet(t, 1, nil)
	addr := listen(t, s)
	for _, where := range []string{addr, "nobody is asked"} {
		if _, err := s.Connect(t.Context(), idOf(1), where); !errors.Is(err, ErrSelf) {
			t.Errorf("%v", err)
		}
	}
	c := shake(t, dial(t, addr), 1, s)
	c.hearEnd()
	s.Close()
	d.silent(t)
}

func TestAnotherNodeAtTheAddressIsNotConnectedTo(t *testing.T) {
	a, da := newSet(t, 1, nil)
	b, db := newSet(t, 2, nil)
	if p, err := a.Connect(t.Context(), idOf(3), listen(t, b)); err == nil || len(a.All()) != 0 {
		t.Errorf("%v", p)
	}
	a.Close()
	b.Close()
	da.silent(t)
	db.silent(t)
}

func TestConnectSaysWhatWentWrong(t *testing.T) {
	s, d := newSet(t, 1, func(c *Config) { c.Dial = newExchange().Dial })
	if _, err := s.Connect(t.Context(), idOf(2), "somewhere"); !errors.Is(err, errNobody) {
		t.Errorf("%v", err)
	}
	if _, err := s.Connect(t.Context(), wire.NodeID{5}, "somewhere"); err == nil {
		t.Error("an id that is no key was called")
	}
	s.Close()
	if _, err := s.Connect(t.Context(), idOf(2), "somewhere"); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := s.Listen(t.Context(), "127.0.0.1:0"); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	s.Keep(idOf(2), "somewhere")
	s.Close()
	d.silent(t)
}

// calling is a set that is in the middle of a handshake with a node that is mute.
func calling(t *testing.T, ctx context.Context) (s *Set, result chan error) {
	t.Helper()
	called := make(chan struct{})
	s, _ = newSet(t, 1, func(c *Config) {
		c.Dial = func(context.Context, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				_, _ = io.ReadFull(theirs, make([]byte, 50))
				close(called)
			}()
			return ours, nil
		}
	})
	result = make(chan error, 1)
	go func() {
		_, err := s.Connect(ctx, idOf(2), "mute")
		result <- err
	}()
	<-called
	return s, result
}

func TestConnectEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, result := calling(t, ctx)
	// Who waits for the call of another can give up alone.
	impatient, enough := context.WithCancel(t.Context())
	enough()
	if _, err := s.Connect(impatient, idOf(2), "mute"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestConnectEndsWithTheSet(t *testing.T) {
	s, result := calling(t, t.Context())
	s.Close()
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestTheSecondConnectionOfANodeReplacesTheFirst(t *testing.T) {
	s, d := newSet(t, 1, nil)
	addr := listen(t, s)
	first := greet(t, dial(t, addr), 2, s)
	old := d.next(t, "up").p
	first.say(text("from the first"))
	d.next(t, "message")
	second := greet(t, dial(t, addr), 2, s)
	if down := d.next(t, "down"); down.p != old || !errors.Is(down.why, ErrReplaced) {
		t.Errorf("%v", down.why)
	}
	p := d.next(t, "up").p
	first.hearEnd()
	second.say(text("from the second"))
	if m := d.next(t, "message"); m.p != p || p == old {
		t.Errorf("%+v", m)
	}
	if q, ok := s.Get(idOf(2)); !ok || q != p || len(s.All()) != 1 {
		t.Error("the connection is not the second")
	}
}

func TestCloseEndsEverythingAndTheHandlerHasHeardIt(t *testing.T) {
	const count = 10
	s, d := newSet(t, 1, nil)
	addr := listen(t, s)
	var others []*diary
	open := map[*Peer]bool{}
	for n := range uint16(count) {
		other, od := newSet(t, 2+n, nil)
		if n%2 == 0 {
			if _, err := other.Connect(t.Context(), idOf(1), addr); err != nil {
				t.Fatal(err)
			}
		} else {
			other.Keep(idOf(1), addr)
		}
		od.next(t, "up")
		others = append(others, od)
		open[d.next(t, "up").p] = true
	}
	idle := dial(t, addr) // and one that has not said anything
	s.Close()
	for range count {
		down := d.next(t, "down")
		if !open[down.p] || !errors.Is(down.why, ErrClosed) || down.p.Reason() == nil {
			t.Errorf("%+v", down)
		}
		delete(open, down.p)
	}
	d.silent(t)
	if len(open) != 0 || len(s.All()) != 0 {
		t.Errorf("%d connections are left", len(open)+len(s.All()))
	}
	for _, od := range others {
		od.next(t, "down")
	}
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("a connection is left that has not said who it is")
	}
	if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr); err == nil {
		c.Close()
		t.Error("somebody still answers")
	}
	s.Close()
}

func TestASetThatIsClosedTakesNobodyIn(t *testing.T) {
	s, d := newSet(t, 1, nil)
	s.Close()
	c, _ := net.Pipe()
	p := &Peer{id: idOf(2), conn: c, closed: make(chan struct{})}
	if err := s.enter(p); !errors.Is(err, ErrClosed) || !errors.Is(p.Reason(), ErrClosed) {
		t.Errorf("%v, %v", err, p.Reason())
	}
	d.silent(t)
}

// It may be replaced in the moment in which its turn comes.
func TestOfAConnectionThatEndsBeforeItsTurnTheHandlerDoesNotHear(t *testing.T) {
	s, d := newSet(t, 1, nil)
	c, _ := net.Pipe()
	p := &Peer{
		id: idOf(2), conn: c, closed: make(chan struct{}), replaced: make(chan struct{}),
		up: make(chan struct{}), gone: make(chan struct{}),
	}
	if err := s.place(p); err != nil {
		t.Fatal(err)
	}
	p.close(ErrReplaced, false)
	s.serve(p)
	d.silent(t)
	if <-p.gone; len(s.peers) != 0 {
		t.Error("it keeps its place")
	}
}

// dribble is a socket that writes one byte after the other.
type dribble struct{ net.Conn }

func (d dribble) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

func TestBytesThatComeOneByOneAreAsGoodAsTogether(t *testing.T) {
	s, d := newSet(t, 1, nil)
	c := greet(t, dribble{dial(t, listen(t, s))}, 2, s)
	c.say(text("slowly"))
	d.next(t, "up")
	if m := d.next(t, "message").m; string(m.(*wire.Warning).Data) != "slowly" {
		t.Errorf("%+v", m)
	}
}

func TestACrowdThatSaysNothingKeepsNobodyOut(t *testing.T) {
	a, _ := newSet(t, 1, nil)
	b, db := newSet(t, 2, nil)
	addr := listen(t, b)
	crowd := make([]net.Conn, 3*maxHandshakes)
	for i := range crowd {
		crowd[i] = dial(t, addr)
	}
	if _, err := a.Connect(t.Context(), idOf(2), addr); err != nil {
		t.Fatal(err)
	}
	db.next(t, "up")
	// The oldest were shown out.
	for _, c := range crowd[:2*maxHandshakes] {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("heard something")
		}
	}
}

// fill lets in as many strangers as there may be.
func fill(t *testing.T, s *Set) {
	t.Helper()
	for n := range uint16(maxInbound) {
		p := &Peer{id: idOf(10_000 + n), closed: make(chan struct{})}
		s.mu.Lock()
		if err := s.place(p); err != nil {
			t.Errorf("stranger %d: %v", n, err)
		}
		s.mu.Unlock()
	}
}

func TestWhenTheHouseIsFullOnlyThoseWhoAreWelcomeGetIn(t *testing.T) {
	s, d := newSet(t, 1, func(c *Config) { c.Welcome = func(id wire.NodeID) bool { return id == idOf(3) } })
	b, _ := newSet(t, 5, nil)
	addr := listen(t, s)
	fill(t, s)
	stranger := greet(t, dial(t, addr), 2, s)
	stranger.hearEnd()
	d.silent(t)
	// With whom we have a channel.
	greet(t, dial(t, addr), 3, s)
	if p := d.next(t, "up").p; p.ID() != idOf(3) {
		t.Errorf("%s", p.ID())
	}
	// Whom we want to be connected to, though our call does not get through.
	s.Keep(idOf(4), "127.0.0.1:1")
	greet(t, dial(t, addr), 4, s)
	if p := d.next(t, "up").p; p.ID() != idOf(4) {
		t.Errorf("%s", p.ID())
	}
	// Whom we call ourselves.
	if _, err := s.Connect(t.Context(), idOf(5), listen(t, b)); err != nil {
		t.Error(err)
	}
	if p := d.next(t, "up").p; p.ID() != idOf(5) {
		t.Errorf("%s", p.ID())
	}
	// None of these took a stranger's place: when one leaves, one gets in.
	s.mu.Lock()
	delete(s.peers, idOf(10_000))
	s.mu.Unlock()
	greet(t, dial(t, addr), 2, s)
	if p := d.next(t, "up").p; p.ID() != idOf(2) {
		t.Errorf("%s", p.ID())
	}
	// Who is in may call again, and remains a stranger.
	greet(t, dial(t, addr), 2, s)
	d.next(t, "down")
	d.next(t, "up")
	greet(t, dial(t, addr), 7, s).hearEnd()
	// Whom we wanted to be connected to once is one too.
	s.Keep(idOf(8), "127.0.0.1:1")
	s.Unkeep(idOf(8))
	greet(t, dial(t, addr), 8, s).hearEnd()
	d.silent(t)
}
