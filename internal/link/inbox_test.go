package link

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

func TestAnInboxGivesItsInputsInOrderAndInPortions(t *testing.T) {
	b := newInbox()
	var got []int
	for i := range drain + 10 {
		b.put(func(*Link) { got = append(got, i) })
	}
	for _, want := range []int{drain, 10} {
		inputs, err := b.take(t.Context())
		if err != nil || len(inputs) != want {
			t.Fatalf("%d inputs, not %d: %v", len(inputs), want, err)
		}
		for _, in := range inputs {
			in(nil)
		}
	}
	if len(got) != drain+10 || !slices.IsSorted(got) {
		t.Error("out of order")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.take(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAPeerWaitsForRoomAndWeDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newInbox()
		for range peerLimit {
			if !b.putWhenRoom(func(*Link) {}) {
				t.Fatal("refused")
			}
		}
		entered := make(chan bool, 2)
		for range 2 {
			go func() { entered <- b.putWhenRoom(func(*Link) {}) }()
		}
		if !b.put(func(*Link) {}) {
			t.Error("an input of ours is refused")
		}
		synctest.Wait()
		if len(entered) != 0 {
			t.Fatal("a peer's input did not wait")
		}
		if _, err := b.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if !<-entered {
				t.Error("refused when there was room")
			}
		}
	})
}

func TestAClosedInboxRefusesMoreAndGivesWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newInbox()
		for range peerLimit {
			b.put(func(*Link) {})
		}
		entered := make(chan bool)
		go func() { entered <- b.putWhenRoom(func(*Link) {}) }()
		synctest.Wait()
		b.close()
		if <-entered || b.put(func(*Link) {}) || b.putWhenRoom(func(*Link) {}) {
			t.Error("a closed inbox takes inputs")
		}
		for n := 0; ; {
			inputs, err := b.take(t.Context())
			if errors.Is(err, errClosed) {
				if n != peerLimit {
					t.Errorf("%d inputs of %d", n, peerLimit)
				}
				break
			}
			n += len(inputs)
		}
		// Who waits for inputs when it is closed hears of it.
		c := newInbox()
		ended := make(chan error)
		go func() {
			_, err := c.take(t.Context())
			ended <- err
		}()
		synctest.Wait()
		c.close()
		if err := <-ended; !errors.Is(err, errClosed) {
			t.Error(err)
		}
	})
}

func TestWhatGathersDuringAWriteIsOneOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		reached, release := alice.hold()
		offer := func(n byte) {
			preimage, add := payment(n, 2_000_000, []*side{bob}, []*pair{p})
			bob.mu.Lock()
			bob.preimages[add.PaymentHash] = preimage
			bob.mu.Unlock()
			if err := alice.links.Offer(p.scid, add); err != nil {
				t.Fatal(err)
			}
		}
		before := len(p.conn.sent())
		offer(1)
		<-reached // its write is under way
		for n := range byte(40) {
			offer(n + 2)
		}
		if sent := p.conn.sent()[before:]; len(sent) != 0 {
			t.Errorf("%v was sent before it was on disk", sent)
		}
		release()
		synctest.Wait()
		sent := p.conn.sent()[before:]
		if len(alice.resolved) != 41 || len(alice.refused) != 0 {
			t.Fatalf("%d resolved, %v refused", len(alice.resolved), alice.refused)
		}
		// One commitment for the first, and one for the forty.
		adds := 0
		var had []int // how many adds each commitment of hers has
		for _, s := range sent {
			switch s {
			case "alice update_add_htlc":
				adds++
			case "alice commitment_signed":
				had = append(had, adds)
			}
		}
		if adds != 41 || len(had) < 2 || had[0] != 1 || had[1] != 41 {
			t.Errorf("%d adds, in her commitments are %v", adds, had)
		}
		p.agree(t, alice, bob)
	})
}

func TestSyncWaitsForTheWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		reached, release := alice.hold()
		l := p.links[0]
		l.Do(func(ch *channel.Channel) {
			if err := ch.Shutdown(nil, 0); err != nil {
				t.Error(err)
			}
		})
		<-reached
		synced := make(chan struct{})
		go func() {
			l.Sync(t.Context())
			close(synced)
		}()
		synctest.Wait()
		select {
		case <-synced:
			t.Error("it did not wait")
		default:
		}
		release()
		<-synced
		rows, err := alice.store.Channels(t.Context())
		if err != nil || rows[0].Status.LocalShutdown == nil {
			t.Errorf("%+v, %v", rows[0].Status, err)
		}
	})
}

// Whatever a handler is told, it may ask the link back.
func TestAHandlerMayCallTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		var calls atomic.Int32
		for _, s := range []*side{c.alice, c.carol, c.bob} {
			s.mu.Lock()
			s.back = func(l *Link) {
				l.Status()
				l.Capacity()
				l.View()
				l.Do(func(*channel.Channel) {})
				if calls.Add(1) < 50 { // an answer to an answer would go on for ever
					l.Send(&wire.AnnouncementSignatures{ChannelID: l.ID()})
				}
				s.links.outgoing(l.Status().SCID)
				s.links.All()
			}
			s.mu.Unlock()
		}
		c.offer(t, 1, true)
		c.offer(t, 2, false)
		for _, l := range c.alice.links.All() {
			l.Send(&wire.AnnouncementSignatures{ChannelID: l.ID()})
		}
		c.ac.conn.cut()
		synctest.Wait()
		c.ac.conn = connect(c.alice, c.carol, -1)
		c.offer(t, 3, true)
		synctest.Wait()
		if _, times := c.alice.end(3); times != 1 {
			t.Errorf("%d ends", times)
		}
		if c.carol.signatures == 0 {
			t.Error("no announcement_signatures came")
		}
		c.ac.agree(t, c.alice, c.carol)
		c.cb.agree(t, c.carol, c.bob)
	})
}

func TestABlockPastAnHTLCsDeadlineFailsTheChannelOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		reached, release := bob.hold() // bob is slow to answer
		_, add := payment(1, 5_000_000, []*side{bob}, []*pair{p})
		if err := alice.links.Offer(p.scid, add); err != nil {
			t.Fatal(err)
		}
		<-reached
		tell := func(height uint32) {
			p.links[0].Do(func(ch *channel.Channel) { ch.Block(height) })
			synctest.Wait()
		}
		tell(add.CLTVExpiry + 1)
		if state := p.links[0].View().State; state != "CHANNELD_NORMAL" {
			t.Errorf("%s before the deadline", state)
		}
		tell(add.CLTVExpiry + 2)
		tell(add.CLTVExpiry + 3)
		var failures int
		for _, e := range alice.raised {
			if _, ok := e.(channel.Failure); ok {
				failures++
			}
		}
		errors := 0
		for _, s := range p.conn.sent() {
			if s == "alice error" {
				errors++
			}
		}
		if failures != 1 || errors != 1 || p.links[0].View().State != "AWAITING_UNILATERAL" {
			t.Errorf("%d failures, %d errors, %s", failures, errors, p.links[0].View().State)
		}
		release()
		synctest.Wait()
		if p.links[1].View().State != "AWAITING_UNILATERAL" {
			t.Errorf("bob: %s", p.links[1].View().State)
		}
		if _, times := alice.end(1); times != 0 {
			t.Error("an HTLC that may still be claimed on-chain was told as ended")
		}
		p.conn.cut()
		synctest.Wait()
	})
}

func TestARemovedLinkAnswersWhatItHasTakenAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		reached, release := alice.hold()
		l := p.links[0]
		l.Do(func(ch *channel.Channel) { ch.Done() })
		<-reached
		_, add := payment(1, 5_000_000, []*side{bob}, []*pair{p})
		if err := alice.links.Offer(p.scid, add); err != nil {
			t.Fatal(err)
		}
		asked := false
		if !l.Do(func(*channel.Channel) { asked = true }) {
			t.Fatal("refused")
		}
		alice.links.Remove(l)
		release()
		<-l.Done()
		if !asked || !errors.Is(alice.refused[1], channel.ErrClosed) {
			t.Errorf("asked %v, refused %v", asked, alice.refused)
		}
		if err := alice.links.Offer(p.scid, add); !errors.Is(err, ErrNoChannel) {
			t.Error(err)
		}
		if _, ok := alice.links.Get(l.ID()); ok || l.Do(func(*channel.Channel) {}) || len(alice.links.All()) != 0 {
			t.Error("it is still there")
		}
		l.Sync(t.Context())
		l.Message(newTape(), &wire.ChannelReady{})
		if len(alice.faults) != 0 {
			t.Error(alice.faults)
		}
	})
}

func TestAnHTLCThatTheChannelRefusesGoesBackToItsOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		_, add := payment(1, capacity.Msat(), []*side{c.carol}, []*pair{c.ac})
		if err := c.alice.links.Offer(c.ac.scid, add); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !errors.Is(c.alice.refused[1], channel.ErrInFlight) && !errors.Is(c.alice.refused[1], channel.ErrReserve) {
			t.Errorf("refused %v", c.alice.refused)
		}
		// A forward over a channel whose peer is away fails, and over no channel too.
		c.cb.conn.cut()
		synctest.Wait()
		c.offer(t, 2, true)
		nowhere := &pair{scid: 77}
		_, add = payment(3, 1_000_000, []*side{c.carol, c.bob}, []*pair{c.ac, nowhere})
		if err := c.alice.links.Offer(c.ac.scid, add); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for n := uint64(2); n <= 3; n++ {
			if end, times := c.alice.end(n); times != 1 || end == nil || len(end.Reason) == 0 {
				t.Errorf("attempt %d: %+v, %d times", n, end, times)
			}
		}
		c.cb.conn = connect(c.carol, c.bob, -1)
		c.ac.agree(t, c.alice, c.carol)
	})
}

// again is a node's links made anew from its rows, as a restart does.
func (s *side) again(old *Link) *Link {
	s.t.Helper()
	s.links.Close()
	s.links = s.newLinks()
	rows, err := s.store.Channels(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	unfinished, err := s.store.Unfinished(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	b := Begin{Decided: unfinished.Decisions}
	for in := range unfinished.Forwarded {
		b.Asked = append(b.Asked, in.ID)
	}
	for _, r := range rows {
		if r.Params.Channel != old.ID() {
			continue
		}
		signer, err := s.ring.Channel(r.Params.KeyIndex)
		if err != nil {
			s.t.Fatal(err)
		}
		memory, _, err := s.store.Signer(s.t.Context(), r.Params.KeyIndex)
		if err != nil {
			s.t.Fatal(err)
		}
		signer.Remember(memory)
		ch, err := channel.Load(r)
		if err != nil {
			s.t.Fatal(err)
		}
		l := s.links.Add(ch, signer, b)
		l.Start()
		return l
	}
	s.t.Fatal("no rows")
	return nil
}

func TestAfterARestartADecisionIsActedOnAndTracesKnowTheirPayment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := newSide(t, "alice"), newSide(t, "bob")
		p := opened(alice, bob, 1)
		preimage, add := payment(1, 5_000_000, []*side{bob}, []*pair{p})
		bob.preimages[add.PaymentHash] = preimage
		bob.dying = true
		if err := alice.links.Offer(p.scid, add); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(bob.offers) != 1 || len(alice.resolved) != 0 {
			t.Fatalf("%d offers, %d resolved", len(bob.offers), len(alice.resolved))
		}
		p.conn.cut()
		synctest.Wait()
		p.links[1] = bob.again(p.links[1])
		p.links[0] = alice.again(p.links[0])
		synctest.Wait()
		p.conn = connect(alice, bob, -1)
		if end, times := alice.end(1); times != 1 || end == nil || end.Preimage == nil || *end.Preimage != preimage {
			t.Errorf("%+v, %d times", end, times)
		}
		if len(bob.offers) != 1 {
			t.Error("what is decided was offered again")
		}
		p.agree(t, alice, bob)
		for _, s := range []*side{alice, bob} {
			traces := s.traces.Of(add.PaymentHash)
			var steps []string
			for _, tr := range traces {
				if tr.Amount != amount.MilliSatoshi(5_000_000) {
					t.Errorf("%s: %+v", s.name, tr)
				}
				steps = append(steps, fmt.Sprint(tr.Step))
			}
			if last := steps[len(steps)-1]; last != "close HTLC signed" {
				t.Errorf("%s: %q", s.name, steps)
			}
			all, _, _ := s.traces.After(0)
			if len(all) != len(traces) {
				t.Errorf("%s: %d traces, %d of them of the payment", s.name, len(all), len(traces))
			}
			v := p.links[0].View().NumberOfCommitments
			if s == bob {
				v = p.links[1].View().NumberOfCommitments
			}
			if tr := traces[len(traces)-1]; tr.Local != v[dance.Local] || tr.Remote != v[dance.Remote] {
				t.Errorf("%s: the trace says commitments %d and %d, the channel %v", s.name, tr.Local, tr.Remote, v)
			}
		}
	})
}
