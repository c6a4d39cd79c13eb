package assetgossip

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/tokens"
)

// shared is a disk, a chain, a ledger and the peers that many goroutines use.
type shared struct {
	outputs       map[wire.ShortChannelID]*btcwire.TxOut
	written, sent atomic.Int32
}

func (s *shared) Write(_ context.Context, rows ...durable.Row) error {
	s.written.Add(int32(len(rows)))
	return nil
}

func (s *shared) Output(_ context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error) {
	return s.outputs[scid], btcwire.OutPoint{}, nil
}

func (s *shared) Refute(_ context.Context, _ uint32, claims ...tokens.Claim) ([]string, error) {
	return make([]string, len(claims)), nil
}

// ear is a peer of many goroutines.
type ear struct {
	*shared
	id wire.NodeID
}

func (e *ear) ID() wire.NodeID  { return e.id }
func (e *ear) Queued() int      { return 0 }
func (e *ear) Disconnect(error) {}
func (e *ear) Send(msgs ...wire.Message) error {
	e.sent.Add(int32(len(msgs)))
	return nil
}

func TestABookIsSafeForConcurrentUse(t *testing.T) {
	w := newWorld(t)
	all, own := w.network(6), channelOf(9)
	s := &shared{outputs: w.outputs}
	b, err := New(Config{
		Us: own.x.id, Chain: chainHash, Source: s, Ledger: s, Height: func() uint32 { return 800_000 }, Store: s, Flush: time.Nanosecond,
		Ours: func(id wire.NodeID) bool { return id == identityOf(50).id }, Now: func() time.Time { return w.now },
		Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	early := channelOf(8)
	early.scid = wire.NewShortChannelID(800_000, 1, 1)
	var raw [][]byte
	for _, m := range append(all, early.announce(), early.update(0, w.now), early.update(1, w.now)) {
		raw = append(raw, wire.Encode(m))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run, wg sync.WaitGroup
	run.Go(func() { b.Run(ctx) })
	for i := range 3 {
		p := &ear{s, identityOf(50 + i).id}
		wg.Go(func() {
			b.Up(p)
			for i := range raw {
				m, err := decode(raw[i])
				if err != nil {
					panic(err)
				}
				b.Message(t.Context(), p, m)
			}
			b.Down(p)
		})
	}
	announced, updated := own.announce(), own.update(0, w.now)
	wg.Go(func() {
		if err := b.Own(t.Context(), announced); err != nil {
			t.Error(err)
		}
		if err := b.Own(t.Context(), updated); err != nil {
			t.Error(err)
		}
	})
	witness, _ := script.Tokens.FundingScript(own.keys[0].id, own.keys[1].id)
	wg.Go(func() {
		for range 30 {
			b.Tick(t.Context())
			b.Block(t.Context(), spend(witness))
			b.Poke()
			b.Keep(t.Context(), own.scid, channelOf(2).scid) // whose first node is the same
			b.Update(own.scid)
			b.Read(func(g *assetgraph.Graph) { _ = g.Of(tea) })
		}
	})
	wg.Wait()
	cancel()
	run.Wait()
	b.Tick(t.Context())
	if n := len(b.entries); n != 7 || s.written.Load() < int32(len(all)) || len(b.drafts) != 0 {
		t.Errorf("%d channels, %d rows", n, s.written.Load())
	}
}
