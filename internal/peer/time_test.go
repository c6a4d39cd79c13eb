package peer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/race"
)

// pass lets time pass, and waits until nothing more happens.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestAnIdlePeerIsPingedAndASilentOneIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newSet(t, 1, nil)
		c := greet(t, pipe(t, s), 2, s)
		start := time.Now()
		p := d.next(t, "up").p
		if m, ok := c.hear().(*wire.Ping); !ok || m.NumPongBytes >= maxPong {
			t.Errorf("%+v", m)
		}
		if idle := time.Since(start); idle < pingAfter || idle >= deadAfter {
			t.Errorf("pinged after %v", idle)
		}
		for {
			if _, err := c.ReadMessage(); err != nil {
				break
			}
		}
		if down := d.next(t, "down"); down.p != p || !errors.Is(down.why, os.ErrDeadlineExceeded) {
			t.Errorf("%v", down.why)
		}
		if silence := time.Since(start); silence != deadAfter {
			t.Errorf("dropped after %v", silence)
		}
	})
}

func TestAPeerThatAnswersPingsStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newSet(t, 1, nil)
		c := greet(t, pipe(t, s), 2, s)
		start := time.Now()
		pings := 0
		for ; time.Since(start) < time.Hour; pings++ {
			m, ok := c.hear().(*wire.Ping)
			if !ok {
				t.Fatalf("%+v", m)
			}
			c.say(&wire.Pong{Ignored: make([]byte, m.NumPongBytes)})
		}
		if pings < 60 || pings > 120 {
			t.Errorf("%d pings in an hour", pings)
		}
		if p := d.next(t, "up").p; p.Reason() != nil {
			t.Error(p.Reason())
		}
		d.silent(t)
	})
}

func TestAPeerThatTalksIsNotPinged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newSet(t, 1, nil)
		c := greet(t, pipe(t, s), 2, s)
		p := d.next(t, "up").p
		for range 100 {
			pass(pingAfter - 1)
			c.say(text("I am here"))
			d.next(t, "message")
		}
		if err := p.Send(text("the first that is said")); err != nil {
			t.Fatal(err)
		}
		if m, ok := c.hear().(*wire.Warning); !ok {
			t.Errorf("%T", m)
		}
	})
}

// A whole message must come in time, not just another byte.
func TestAPeerThatDribblesIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newSet(t, 1, nil)
		c := greet(t, pipe(t, s), 2, s)
		p := d.next(t, "up").p
		go func() {
			for { // pings are not what this is about
				if _, err := c.ReadMessage(); err != nil {
					return
				}
			}
		}()
		b, err := c.AppendEncrypted(nil, make([]byte, 1000))
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range b {
			if _, err := c.socket.Write([]byte{one}); err != nil {
				break
			}
			pass(time.Second)
		}
		if p.Reason() == nil {
			t.Error("a minute for each message was not the limit")
		}
		d.next(t, "down")
	})
}

func TestAPeerThatDoesNotReadIsDroppedAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newSet(t, 1, nil)
		c := greet(t, pipe(t, s), 2, s)
		p := d.next(t, "up").p
		if err := p.Send(text("nobody listens")); err != nil {
			t.Fatal(err)
		}
		go func() { // it talks, though
			for c.WriteMessage(wire.Encode(&wire.Pong{})) == nil {
				pass(time.Second)
			}
		}()
		start := time.Now()
		if why := d.next(t, "down").why; !errors.Is(why, os.ErrDeadlineExceeded) || time.Since(start) != writeTimeout {
			t.Errorf("%v after %v", why, time.Since(start))
		}
	})
}

// Who asks for pongs and does not read them is not read from: its pings wait in
// its own memory, not in ours.
func TestAFloodOfPingsIsBounded(t *testing.T) {
	for _, size := range []uint16{0, 10, 1000, 65531} {
		synctest.Test(t, func(t *testing.T) {
			s, d := newSet(t, 1, nil)
			c := greet(t, pipe(t, s), 2, s)
			p := d.next(t, "up").p
			taken, flooding := 0, make(chan struct{})
			go func() {
				defer close(flooding)
				for c.WriteMessage(wire.Encode(&wire.Ping{NumPongBytes: size})) == nil {
					taken++
				}
			}()
			synctest.Wait()
			p.box.mu.Lock()
			waiting := len(p.box.waiting.bytes)
			p.box.mu.Unlock()
			if waiting > 2*pongLimit {
				t.Errorf("%d bytes wait after %d pings for %d bytes", waiting, taken, size)
			}
			// Once it reads, it is answered.
			for range 100 {
				if m, ok := c.hear().(*wire.Pong); !ok || len(m.Ignored) != int(size) {
					t.Fatalf("%+v", m)
				}
			}
			s.Close()
			<-flooding
		})
	}
}

func TestTheLastWordsHaveALittleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newSet(t, 1, nil)
		c := greet(t, pipe(t, s), 2, s)
		p := d.next(t, "up").p
		if err := p.Send(text("nobody listens")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		why := errors.New("why")
		p.Disconnect(why)
		if down := d.next(t, "down"); down.why != why || time.Since(start) != lingerTimeout {
			t.Errorf("%v after %v", down.why, time.Since(start))
		}
		c.hearEnd()
	})
}

func TestTheDoorKeepsSoManyAndShowsTheOldestOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newSet(t, 1, nil)
		var crowd []net.Conn
		ended := make([]chan struct{}, maxHandshakes+1)
		over := func(i int) bool {
			select {
			case <-ended[i]:
				return true
			default:
				return false
			}
		}
		for i := range ended {
			if slices.ContainsFunc([]int{0, 1}, func(k int) bool { return k < i && over(k) }) {
				t.Fatalf("somebody was shown out when %d were there", i)
			}
			c := pipe(t, s)
			crowd = append(crowd, c)
			ended[i] = make(chan struct{})
			go func() {
				_, _ = c.Read(make([]byte, 1))
				close(ended[i])
			}()
			synctest.Wait()
		}
		for i := range ended {
			if over(i) != (i == 0) {
				t.Errorf("%d: %v", i, over(i))
			}
		}
		// The newest has time to say who it is; then nobody else has to leave.
		crowd[1].Close()
		synctest.Wait()
		greet(t, pipe(t, s), 2, s)
		d.next(t, "up")
		pass(handshakeTimeout - 1)
		if over(2) {
			t.Error("the time is not over")
		}
		pass(1)
		for i := range ended {
			if !over(i) {
				t.Errorf("%d is still there", i)
			}
		}
		if len(s.door.waiting) != 0 {
			t.Errorf("%d wait", len(s.door.waiting))
		}
		d.silent(t)
	})
}

func TestWhoSaysNoInitIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newSet(t, 1, nil)
		start := time.Now()
		c := shake(t, pipe(t, s), 2, s)
		c.hear()
		c.hearEnd()
		if wait := time.Since(start); wait != handshakeTimeout {
			t.Errorf("%v", wait)
		}
		d.silent(t)
	})
}

// A node that connects again and again while the handler is busy is heard of once
// more, with its newest connection.
func TestOfManyNewConnectionsTheHandlerHearsOfTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newSet(t, 1, nil)
		let := make(chan struct{})
		d.on = func(h heard) {
			if h.what == "message" {
				<-let
			}
		}
		first := greet(t, pipe(t, s), 2, s)
		old := d.next(t, "up").p
		first.say(text("this takes long"))
		var last *stranger
		var waits *Peer
		for range 5 {
			last = greet(t, pipe(t, s), 2, s)
			synctest.Wait()
			if waits != nil {
				<-waits.gone // at most one waits
			}
			waits = s.peers[idOf(2)]
			if _, ok := s.Get(idOf(2)); ok || len(s.All()) != 0 {
				t.Error("a connection is shown of which the handler has not heard")
			}
		}
		d.silent(t)
		close(let)
		d.next(t, "message")
		if down := d.next(t, "down"); down.p != old || !errors.Is(down.why, ErrReplaced) {
			t.Errorf("%+v", down)
		}
		p := d.next(t, "up").p
		last.say(text("the last"))
		if m := d.next(t, "message"); m.p != p {
			t.Errorf("%+v", m)
		}
		s.Close()
		if down := d.next(t, "down"); down.p != p {
			t.Errorf("%+v", down)
		}
		d.silent(t)
	})
}

// Both nodes call each other, the one a little before or after the other.
func TestOfCrossingConnectionsExactlyOneStays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 / race.Step(5) {
		gap := time.Duration(r.IntN(3)) * time.Millisecond
		first, second := uint16(1), uint16(2)
		if r.IntN(2) == 0 {
			first, second = second, first
		}
		synctest.Test(t, func(t *testing.T) { cross(t, first, second, gap) })
	}
}

// cross lets two nodes call each other, and looks at what remains.
func cross(t *testing.T, first, second uint16, gap time.Duration) {
	x := newPhone()
	a, da := newSet(t, first, func(c *Config) { c.Dial = x.Dial })
	b, db := newSet(t, second, func(c *Config) { c.Dial = x.Dial })
	x.put("a", a)
	x.put("b", b)
	called := make(chan error, 2)
	call := func(from *Set, to wire.NodeID, addr string) {
		p, err := from.Connect(t.Context(), to, addr)
		if err == nil && p.ID() != to {
			err = fmt.Errorf("connected to %s", p.ID())
		}
		called <- err
	}
	go call(a, b.self, "b")
	if gap > 0 {
		pass(gap)
	}
	go call(b, a.self, "a")
	synctest.Wait()
	if err := errors.Join(<-called, <-called); err != nil {
		t.Fatal(err)
	}
	pass(crossing)
	p, ok := a.Get(b.self)
	q, ok2 := b.Get(a.self)
	if !ok || !ok2 || p.Outbound() == q.Outbound() {
		t.Fatalf("gap %v: the nodes do not agree on a connection", gap)
	}
	if len(x.times()) == 2 && p.Outbound() != (first < second) {
		t.Error("of two calls that of the higher id stayed")
	}
	if err := errors.Join(p.Send(text("to b")), q.Send(text("to a"))); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	for d, want := range map[*diary]heard{da: {p: p, m: text("to a")}, db: {p: q, m: text("to b")}} {
		up := (*Peer)(nil)
		for len(d.heard) > 1 {
			switch h := <-d.heard; h.what {
			case "up":
				if up != nil {
					t.Error("the handler heard of two connections at once")
				}
				up = h.p
			case "down":
				if up != h.p {
					t.Error("the handler heard of the end of another connection")
				}
				up = nil
			}
		}
		if m := d.next(t, "message"); up != want.p || m.p != up || string(m.m.(*wire.Warning).Data) != string(want.m.(*wire.Warning).Data) {
			t.Errorf("%+v", m)
		}
	}
}

// tired is a listener that has no file descriptors for a while.
type tired struct {
	net.Listener
	fails int
	conns chan net.Conn
	over  chan struct{}
}

func (l *tired) Accept() (net.Conn, error) {
	if l.fails > 0 {
		l.fails--
		return nil, errors.New("too many open files")
	}
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.over:
		return nil, net.ErrClosed
	}
}

func (l *tired) Close() error {
	close(l.over)
	return nil
}

func TestAListenerThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newSet(t, 1, nil)
		l := &tired{fails: 3, conns: make(chan net.Conn, 1), over: make(chan struct{})}
		ours, theirs := net.Pipe()
		l.conns <- theirs
		start := time.Now()
		s.start(func() { s.accept(l) })
		greet(t, ours, 2, s)
		d.next(t, "up")
		if waited := time.Since(start); waited != 3*acceptAgain {
			t.Errorf("%v", waited)
		}
		ours.Close()
		d.next(t, "down")
	})
}
