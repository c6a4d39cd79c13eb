package gossip

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
)

// shared is a disk, a chain and a peer that many goroutines use.
type shared struct {
	mu sync.Mutex
	*disk
	outputs map[wire.ShortChannelID]*btcwire.TxOut
	sent    int
}

func (s *shared) Write(ctx context.Context, rows ...durable.Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk.Write(ctx, rows...)
}

func (s *shared) ChannelGossip(ctx context.Context, scid wire.ShortChannelID) ([]byte, [2][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk.ChannelGossip(ctx, scid)
}

func (s *shared) NodeGossip(ctx context.Context, id wire.NodeID) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk.NodeGossip(ctx, id)
}

func (s *shared) Output(_ context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error) {
	return s.outputs[scid], btcwire.OutPoint{}, nil
}

// deaf is a peer of many goroutines.
type deaf struct {
	*shared
	id wire.NodeID
}

func (d *deaf) ID() wire.NodeID         { return d.id }
func (d *deaf) Features() wire.Features { return extended }
func (d *deaf) Queued() int             { return 0 }
func (d *deaf) Disconnect(error)        {}
func (d *deaf) Send(msgs ...wire.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent += len(msgs)
	return nil
}

func TestABookIsSafeForConcurrentUse(t *testing.T) {
	w := newWorld(t)
	all := w.network(9)
	s := &shared{disk: &disk{rows: map[key]durable.Row{}}, outputs: w.outputs}
	b, err := New(Config{
		Chain: chainHash, Source: s, Height: func() uint32 { return 800_000 }, Store: s, Flush: time.Nanosecond,
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := [][]byte{
		wire.Encode(&wire.GossipTimestampFilter{ChainHash: chainHash, TimestampRange: ^uint32(0)}),
		wire.Encode(reply(0, 800_001, true, at(5))),
	}
	for _, m := range all {
		raw = append(raw, wire.Encode(m))
	}
	var wg sync.WaitGroup
	for i := range uint64(3) {
		wg.Go(func() {
			p := &deaf{s, identityOf(50 + i).id}
			b.Up(p)
			for i := range raw {
				own, err := wire.Decode(raw[i])
				if err != nil {
					panic(err)
				}
				b.Message(t.Context(), p, own)
				b.Message(t.Context(), p, &wire.QueryChannelRange{ChainHash: chainHash, NumberOfBlocks: 1_000_000})
			}
			b.Down(p)
		})
	}
	wg.Go(func() {
		for range 50 {
			b.Tick(t.Context())
			b.Block(t.Context(), spend(identityOf(1000), identityOf(2000)))
			b.Grow(t.Context())
			b.Local(at(7), identityOf(1).id, identityOf(2).id, capacity)
			b.Read(func(g *graph.Graph) { _ = len(g.Channels()) })
		}
	})
	wg.Wait()
	b.Tick(t.Context())
	if n := len(b.index.channels); n != 9 || len(s.rows) < len(all) {
		t.Errorf("%d channels, %d rows", n, len(s.rows))
	}
}
