package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
)

func TestWarningsAndErrorsAreHandedUp(t *testing.T) {
	s, d := newSet(t, 1, nil)
	c := greet(t, dial(t, listen(t, s)), 2, s)
	c.say(&wire.Warning{ChannelID: wire.ChannelID{1}, Data: []byte("a")}, &wire.Error{ChannelID: wire.ChannelID{2}, Data: []byte("b")})
	p := d.next(t, "up").p
	first, second := d.next(t, "message"), d.next(t, "message")
	if m, ok := first.m.(*wire.Warning); !ok || m.ChannelID != (wire.ChannelID{1}) || string(m.Data) != "a" || first.p != p {
		t.Errorf("%+v", first)
	}
	if m, ok := second.m.(*wire.Error); !ok || m.ChannelID != (wire.ChannelID{2}) || string(m.Data) != "b" || second.p != p {
		t.Errorf("%+v", second)
	}
	if p.Reason() != nil {
		t.Error("an error ends channels, not the connection")
	}
}

func TestAPingIsAnsweredWithAsManyBytesAsItAsksFor(t *testing.T) {
	s, d := newSet(t, 1, nil)
	c := greet(t, dial(t, listen(t, s)), 2, s)
	for _, n := range []uint16{0, 1, 1000, 65530, 65531} {
		c.say(&wire.Ping{NumPongBytes: n, Ignored: []byte{1, 2, 3}})
		if m, ok := c.hear().(*wire.Pong); !ok || !bytes.Equal(m.Ignored, make([]byte, n)) {
			t.Errorf("%T of %d bytes for %d", m, len(m.Ignored), n)
		}
	}
	d.next(t, "up")
	d.silent(t)
}

func TestAPingThatAsksForTooMuchIsIgnored(t *testing.T) {
	s, d := newSet(t, 1, nil)
	c := greet(t, dial(t, listen(t, s)), 2, s)
	for _, n := range []uint16{65532, 65533, 65535} {
		c.say(&wire.Ping{NumPongBytes: n}, &wire.Ping{NumPongBytes: 7})
		if m, ok := c.hear().(*wire.Pong); !ok || len(m.Ignored) != 7 {
			t.Errorf("%d was answered with a %T of %d bytes", n, m, len(m.Ignored))
		}
	}
	if p := d.next(t, "up").p; p.Reason() != nil {
		t.Error(p.Reason())
	}
}

func TestAPongOrASecondInitSaysNothing(t *testing.T) {
	s, d := newSet(t, 1, nil)
	c := greet(t, dial(t, listen(t, s)), 2, s)
	c.say(&wire.Pong{Ignored: make([]byte, 9)}, &wire.Init{Features: wire.NewFeatures(100)}, text("after"))
	d.next(t, "up")
	if m := d.next(t, "message").m; string(m.(*wire.Warning).Data) != "after" {
		t.Errorf("%+v", m)
	}
}

func TestAMessageThatIsTooShortEndsTheConnection(t *testing.T) {
	for name, b := range map[string][]byte{
		"no type":                {},
		"half a type":            {0},
		"error without data":     append([]byte{0, 17}, make([]byte, 33)...),
		"pong that lacks a byte": {0, 19, 0, 2, 0},
		"ping that lacks all":    {0, 18},
		"update_add_htlc":        append([]byte{0, 128}, make([]byte, 1000)...),
	} {
		t.Run(name, func(t *testing.T) {
			s, d := newSet(t, 1, nil)
			c := greet(t, dial(t, listen(t, s)), 2, s)
			p := d.next(t, "up").p
			c.sayBytes(b)
			<-p.closed
			c.hearWarning(p.Reason())
			c.hearEnd()
			c.socket.Close()
			if down := d.next(t, "down"); down.p != p || down.why != p.Reason() {
				t.Errorf("%+v", down)
			}
		})
	}
}

func TestAnUnknownEvenMessageEndsTheConnectionAndAnOddOneDoesNot(t *testing.T) {
	s, d := newSet(t, 1, nil)
	c := greet(t, dial(t, listen(t, s)), 2, s)
	c.say(&wire.Unknown{MsgType: 1001, Payload: []byte{1}}, &wire.Unknown{MsgType: 65535}, text("known"))
	p := d.next(t, "up").p
	if m := d.next(t, "message").m; string(m.(*wire.Warning).Data) != "known" {
		t.Errorf("%+v", m)
	}
	c.say(&wire.Unknown{MsgType: 1000}, text("too late"), &wire.Ping{NumPongBytes: 1})
	c.hearWarning(ErrUnknown)
	c.hearEnd()
	c.socket.Close()
	if down := d.next(t, "down"); down.p != p || !errors.Is(down.why, ErrUnknown) {
		t.Errorf("%v", down.why)
	}
}

func TestAMessageThatFailsItsCheckEndsTheConnectionWithoutAWord(t *testing.T) {
	s, d := newSet(t, 1, nil)
	c := greet(t, dial(t, listen(t, s)), 2, s)
	b, err := c.AppendEncrypted(nil, wire.Encode(text("altered")))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if _, err := c.socket.Write(b); err != nil {
		t.Fatal(err)
	}
	d.next(t, "up")
	if why := d.next(t, "down").why; !errors.Is(why, noise.ErrMAC) {
		t.Errorf("%v", why)
	}
	c.hearEnd()
}

// numbered is message n of a stream: from a few bytes to a few hundred.
func numbered(seed uint64, n int) *wire.Warning {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	data := binary.BigEndian.AppendUint64(nil, uint64(n))
	for range r.IntN(600) {
		data = append(data, byte(r.Uint32()))
	}
	return &wire.Warning{Data: data}
}

func TestMessagesArriveInOrderAndWholeUnderLoad(t *testing.T) {
	const count = 10_000
	a, da := newSet(t, 1, nil)
	b, db := newSet(t, 2, nil)
	out, in := connect(t, a, b)
	var talking sync.WaitGroup
	defer talking.Wait()
	for seed, p := range []*Peer{out, in} {
		talking.Go(func() {
			for n := 0; n < count; {
				var burst []wire.Message
				for range min(1+n%7, count-n) {
					burst = append(burst, numbered(uint64(seed), n))
					n++
				}
				if err := p.Send(burst...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for seed, d := range []*diary{db, da} {
		var got []heard // all of them first: a message must not change when others follow
		for range count {
			got = append(got, d.next(t, "message"))
		}
		for n, h := range got {
			if want := numbered(uint64(seed), n); !bytes.Equal(h.m.(*wire.Warning).Data, want.Data) {
				t.Fatalf("message %d of side %d is another", n, seed)
			}
		}
	}
}

func TestASlowHandlerHoldsUpOnlyItsPeer(t *testing.T) {
	s, d := newSet(t, 1, nil)
	let := make(chan struct{})
	d.on = func(h heard) {
		if h.what == "message" && h.p.ID() == idOf(2) {
			<-let
		}
	}
	addr := listen(t, s)
	slow, quick := greet(t, dial(t, addr), 2, s), greet(t, dial(t, addr), 3, s)
	d.next(t, "up")
	d.next(t, "up")
	slow.say(text("slow 1"), text("slow 2"), &wire.Ping{NumPongBytes: 3})
	for range 100 {
		quick.say(text("quick"), &wire.Ping{NumPongBytes: 2})
		if m := d.next(t, "message"); m.p.ID() != idOf(3) {
			t.Fatalf("%+v", m)
		}
		if m, ok := quick.hear().(*wire.Pong); !ok || len(m.Ignored) != 2 {
			t.Fatalf("%+v", m)
		}
	}
	// What we send to the slow one is not held up: only what comes from it is.
	p, _ := s.Get(idOf(2))
	if err := p.Send(text("ours")); err != nil {
		t.Fatal(err)
	}
	if m, ok := slow.hear().(*wire.Warning); !ok || string(m.Data) != "ours" {
		t.Errorf("%+v", m)
	}
	close(let)
	for _, want := range []string{"slow 1", "slow 2"} {
		if m := d.next(t, "message"); string(m.m.(*wire.Warning).Data) != want {
			t.Errorf("%+v", m)
		}
	}
	if m, ok := slow.hear().(*wire.Pong); !ok || len(m.Ignored) != 3 {
		t.Errorf("%+v", m)
	}
}

func TestAPeerThatDoesNotReadIsDroppedAtTheLimit(t *testing.T) {
	s, d := newSet(t, 1, nil)
	c := greet(t, pipe(t, s), 2, s)
	p := d.next(t, "up").p
	friend := greet(t, dial(t, listen(t, s)), 3, s)
	q := d.next(t, "up").p
	big := text(strings.Repeat("x", 60_000))
	size := len(wire.Encode(big))
	sent := 0
	for ; p.Send(big) == nil; sent += size {
		if err := q.Send(text("still here")); err != nil {
			t.Fatal(err)
		}
		if m, ok := friend.hear().(*wire.Warning); !ok || string(m.Data) != "still here" {
			t.Fatalf("%+v", m)
		}
	}
	// One queue waits, and there may be another in the writer's hands.
	if sent < queueLimit-size || sent > 2*queueLimit {
		t.Errorf("dropped after %d bytes", sent)
	}
	if down := d.next(t, "down"); down.p != p || !errors.Is(down.why, ErrSlow) {
		t.Errorf("%+v", down)
	}
	if err := p.Send(text("more")); !errors.Is(err, ErrSlow) {
		t.Errorf("%v", err)
	}
	if _, ok := s.Get(idOf(2)); ok || q.Reason() != nil {
		t.Error("the wrong one was dropped")
	}
	c.socket.Close()
}

func TestWhatIsQueuedIsWhatThePeerHasNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newSet(t, 1, nil)
		c := greet(t, pipe(t, s), 2, s)
		p := d.next(t, "up").p
		m := text(strings.Repeat("x", 10_000))
		size := len(wire.Encode(m))
		for n := 1; n <= 3; n++ { // the first is in the writer's hands
			if err := p.Send(m); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := p.Queued(); got != n*size {
				t.Errorf("%d bytes are queued, want %d", got, n*size)
			}
		}
		for range 3 {
			c.hear()
		}
		synctest.Wait()
		if got := p.Queued(); got != 0 {
			t.Errorf("all was read, and %d bytes are queued", got)
		}
		c.socket.Close()
	})
}

func TestABurstIsQueuedWholeOrNotAtAll(t *testing.T) {
	s, d := newSet(t, 1, nil)
	c := greet(t, dial(t, listen(t, s)), 2, s)
	p := d.next(t, "up").p
	tooLong := &wire.Warning{Data: make([]byte, noise.MaxMessage)}
	if err := p.Send(text("first"), tooLong); err == nil || p.Reason() != nil {
		t.Errorf("%v, %v", err, p.Reason())
	}
	if err := p.Send(text("second"), text("third")); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"second", "third"} {
		if m, ok := c.hear().(*wire.Warning); !ok || string(m.Data) != want {
			t.Errorf("%+v, want %s", m, want)
		}
	}
}

func TestDisconnectFirstSaysWhatIsQueued(t *testing.T) {
	a, da := newSet(t, 1, nil)
	b, db := newSet(t, 2, nil)
	out, in := connect(t, a, b)
	big := text(strings.Repeat("x", 60_000))
	const count = 120
	for range count {
		// The other way there is as much, which nobody will hear.
		if err := errors.Join(out.Send(big), in.Send(big)); err != nil {
			t.Fatal(err)
		}
	}
	why := errors.New("we have had enough")
	out.Disconnect(why)
	if err := out.Send(text("after the end")); err != why {
		t.Errorf("%v", err)
	}
	for range count {
		if m := db.next(t, "message").m; len(m.(*wire.Warning).Data) != 60_000 {
			t.Fatal("a message is not whole")
		}
	}
	if down := db.next(t, "down"); down.p != in || !errors.Is(down.why, io.EOF) {
		t.Errorf("%v", down.why)
	}
	for h := range da.heard {
		if h.what == "down" {
			if h.p != out || h.why != why {
				t.Errorf("%v", h.why)
			}
			break
		}
	}
	da.silent(t)
}

// However much the peer has said that we have not read.
func TestDisconnectEndsOurDirectionFirst(t *testing.T) {
	s, d := newSet(t, 1, nil)
	reads, let := make(chan struct{}), make(chan struct{})
	d.on = func(h heard) {
		if h.what == "message" {
			close(reads)
			<-let
		}
	}
	ours, theirs := metered(t, s)
	c := greet(t, ours, 2, s)
	p := d.next(t, "up").p
	c.say(text("this takes long"), text(strings.Repeat("x", 60_000)), text("unread"))
	<-reads
	if err := p.Send(text("last words")); err != nil {
		t.Fatal(err)
	}
	p.Disconnect(nil)
	if m, ok := c.hear().(*wire.Warning); !ok || string(m.Data) != "last words" {
		t.Errorf("%+v", m)
	}
	c.hearEnd()
	select {
	case <-theirs.closed:
		t.Error("the socket was closed before the peer had hung up")
	default:
	}
	close(let)
	ours.Close()
	d.next(t, "message")
	d.next(t, "down")
	<-theirs.closed
}

func TestWhatComesAfterDisconnectIsNotHandedUp(t *testing.T) {
	s, d := newSet(t, 1, nil)
	c := greet(t, dial(t, listen(t, s)), 2, s)
	p := d.next(t, "up").p
	p.Disconnect(nil)
	c.say(text("too late"))
	c.hearEnd()
	c.socket.Close()
	if why := d.next(t, "down").why; !errors.Is(why, ErrClosed) {
		t.Errorf("%v", why)
	}
}

// A thousand peers that were busy once must not cost what they cost then.
func TestAnIdleQueueKeepsLittleMemory(t *testing.T) {
	o := outbox{wake: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
	big := text(strings.Repeat("x", 60_000))
	var b batch
	kept := func() int { return max(cap(b.bytes), cap(o.waiting.bytes)) }
	for range 3 {
		used := map[*byte]bool{}
		for range 10 {
			for range 20 {
				if err := o.put([]wire.Message{big}); err != nil {
					t.Fatal(err)
				}
			}
			if b = o.take(b); len(b.ends) != 20 {
				t.Fatalf("%d messages", len(b.ends))
			}
			used[&b.bytes[0]] = true
		}
		if len(used) != 2 {
			t.Errorf("%d batches take turns", len(used))
		}
		if b = o.take(b); len(b.ends) != 0 || kept() > keepRoom {
			t.Errorf("%d bytes are kept", kept())
		}
	}
}
