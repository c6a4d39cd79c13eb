package gossip

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/gossip/spread"
	"github.com/leyden-ln/leyden/internal/graph"
)

func TestAPeerThatAnnouncesChannelsThatThereAreNotIsSentAway(t *testing.T) {
	const allowed, before = spread.MaxDoubt / spread.NoChannel, spread.MaxDoubt/spread.NoChannel - 10
	w := newWorld(t)
	w.absent = chain.ErrNeverWas
	alice := w.book("alice", 1)
	x, y := identityOf(5), identityOf(6)
	e := alice.stranger(50, nil)
	e.got()
	alice.looks(e, 1, before) // as if they were signed, which takes long
	for i := uint32(before); i < 200; i++ {
		if e.reason != nil {
			if i != allowed+1 {
				t.Errorf("it was sent away after %d, want %d", i, allowed+1)
			}
			break
		}
		alice.takes(e, announce(at(700_000+i), x, y))
	}
	if e.reason != errLies || names(e.sent) != "warning" || w.lookups != allowed+1 {
		t.Errorf("ended with %v after %d looks at the chain, told %q", e.reason, w.lookups, names(e.sent))
	}
}

// looks makes a book look for outputs that are not there, or are another's, as if the
// announcements had been signed, and says how often it asked the chain.
func (k *book) looks(e *end, from uint32, times int) int {
	before := k.w.lookups
	for i := range uint32(times) {
		if out, ok := k.look(k.w.Context(), e, announcementOf(at(from+i))); ok {
			k.w.Fatalf("an output was found: %v", out)
		}
	}
	return k.w.lookups - before
}

// announcementOf is an announcement with true keys and no signatures.
func announcementOf(scid wire.ShortChannelID) *wire.ChannelAnnouncement {
	x, y := identityOf(5).id, identityOf(6).id
	return graph.NewAnnouncement(chainHash, scid, graph.Half{Node: x, Bitcoin: x}, graph.Half{Node: y, Bitcoin: y})
}

func TestAPeerMayKnowOfManyChannelsThatWereClosed(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	e := alice.stranger(50, nil)
	if n := alice.looks(e, 1, spread.MaxDoubt/spread.NoOutput); n != spread.MaxDoubt || e.reason != nil {
		t.Fatalf("%d looks at the chain, and then %v", n, e.reason)
	}
	alice.looks(e, 10_000, 1)
	if e.reason != errLies {
		t.Errorf("without end: %v", e.reason)
	}
	// Each that there is makes up for one that there is not, and so does time.
	f := alice.stranger(51, nil)
	alice.looks(f, 20_000, spread.MaxDoubt)
	for range 10 {
		alice.trust(f)
	}
	alice.looks(f, 30_000, 10)
	w.now = w.now.Add(spread.Forgiven / 10)
	alice.looks(f, 40_000, spread.MaxDoubt/10)
	if f.reason != nil {
		t.Errorf("a peer that tells the truth too: %v", f.reason)
	}
	if alice.looks(f, 50_000, 1); f.reason != errLies {
		t.Errorf("it may tell more: %v", f.reason)
	}
}

func TestAPeerWithAChannelIsNotSentAwayForTheLiesItPassesOn(t *testing.T) {
	w := newWorld(t)
	w.absent = chain.ErrNeverWas
	alice := w.book("alice", 1)
	friend := alice.stranger(50, nil)
	alice.ours[friend.id] = true
	if n := alice.looks(friend, 1, 200); n != spread.MaxDoubt/spread.NoChannel+1 || friend.reason != nil {
		t.Errorf("%d looks at the chain, and then %v", n, friend.reason)
	}
	w.now = w.now.Add(spread.Forgiven)
	if n := alice.looks(friend, 1000, 1); n != 1 {
		t.Error("an hour later it is not heeded")
	}
}

func TestALieAboutAnOutputDoesNotKeepItsChannelOut(t *testing.T) {
	w := newWorld(t)
	alice := w.book("alice", 1)
	truth, lie := announce(at(700_000), identityOf(5), identityOf(6)), announce(at(700_000), identityOf(7), identityOf(8))
	w.fund(truth)
	e := alice.stranger(50, nil)
	alice.takes(e, lie, lie)
	if w.lookups != 1 {
		t.Errorf("the same lie costs %d looks at the chain", w.lookups)
	}
	alice.takes(alice.stranger(51, nil), truth)
	if alice.index.channels[truth.ShortChannelID] == nil {
		t.Error("the channel is not taken")
	}
}

// slow is a chain that takes a second for each answer.
type slow struct {
	mu              sync.Mutex
	now, most, asks int
}

func (s *slow) Output(context.Context, wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error) {
	s.mu.Lock()
	s.now++
	s.asks++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	time.Sleep(time.Second) // of the bubble's clock
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	return nil, btcwire.OutPoint{}, chain.ErrNoOutput
}

func TestStrangersWaitForEachOthersLooksAtTheChainAndNobodyElseDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(t), &slow{}
		alice := w.book("alice", 1)
		alice.cfg.Source = s
		friend := alice.stranger(50, nil)
		alice.ours[friend.id] = true
		const strangers, each = 10, 3
		var all sync.WaitGroup
		for i := range uint64(strangers) {
			e := alice.stranger(60+i, nil)
			all.Go(func() {
				for j := range uint32(each) {
					alice.look(t.Context(), e, announcementOf(at(1000*uint32(i)+j)))
				}
			})
		}
		synctest.Wait()
		if s.most != maxLooking {
			t.Errorf("%d looks at once for strangers, want %d", s.most, maxLooking)
		}
		began := time.Now()
		alice.look(t.Context(), friend, announcementOf(at(900_000)))
		if d := time.Since(began); d != time.Second {
			t.Errorf("a peer with a channel waited %v", d)
		}
		all.Wait()
		if s.most != maxLooking+1 || s.asks != strangers*each+1 {
			t.Errorf("%d looks at once, %d in all", s.most, s.asks)
		}
		// Who is gone is not looked for.
		gone := alice.stranger(51, nil)
		alice.Down(gone)
		alice.look(t.Context(), gone, announcementOf(at(900_001)))
		if s.asks != strangers*each+1 {
			t.Error("the chain is asked for a peer that is gone")
		}
	})
}
