//go:build !race

package wake

import (
	"context"
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/store"
)

// disk is a store with one fact.
type disk struct{ back []byte }

func (d *disk) Fact(context.Context, string) ([]byte, bool, error) { return d.back, d.back != nil, nil }

func (d *disk) Channels(context.Context) ([]channel.Rows, error) { return nil, nil }

func (d *disk) Write(_ context.Context, rows ...durable.Row) error {
	for _, r := range rows {
		d.back = r.(store.Fact).Value
	}
	return nil
}

// seen is what a node sees: a block, whether it knows then that its height is the present
// one, how long after the start it is, and what follows.
type seen struct {
	height uint32
	known  bool
	after  time.Duration
	woke   uint32 // what the channels were told last
	back   uint32 // since when peers have time; zero: as before
}

func TestDeadlinesWaitUntilTheHeightIsKnownAndPeersHaveTimeAfterALongWhile(t *testing.T) {
	const from = 100
	for name, c := range map[string]struct {
		tip    uint32 // of the source, at the start
		known  bool   // at the start
		back   uint32 // at the start
		blocks []seen
	}{
		"nothing was missed": {from, true, 0, []seen{{101, true, 0, from, 0}, {102, false, 0, from, 0}}},
		"much was missed": {150, false, 150, []seen{
			{101, false, 0, 150, 0}, {148, true, 0, 150, 0}, {149, true, 0, 150, 0}, {151, false, 0, 150, 0},
		}},
		"the source missed as much": {from, false, 0, []seen{
			{101, false, 0, 101, 0}, {149, false, 0, 149, 0}, {150, true, 0, 152, 150}, {151, true, 0, 152, 0},
		}},
		"both missed a little": {from, false, 0, []seen{{103, false, 0, 103, 0}, {104, true, 0, 106, 0}, {110, true, 0, 106, 0}}},
		"a block goes":         {from, false, 0, []seen{{101, false, 0, 101, 0}, {100, false, 0, 101, 0}, {102, true, 0, 104, 0}}},
		"it never says that it has all": {from, false, 0, []seen{
			{105, false, patience - 1, 105, 0}, {106, false, patience, 108, 106}, {107, false, patience, 108, 0},
		}},
	} {
		var now seen
		now.known = c.known
		d, begin := &disk{}, time.Unix(1_800_000_000, 0)
		w := New(Config{
			Store: d, Links: link.New(link.Config{Log: slog.New(slog.DiscardHandler)}), Known: func() bool { return now.known },
			Tip: func(context.Context) (chain.BlockRef, error) { return chain.BlockRef{Height: c.tip}, nil },
			Now: func() time.Time { return begin.Add(now.after) },
		})
		back := func() (height uint32) {
			if d.back != nil {
				height = uint32(binary.BigEndian.Uint64(d.back)) //nolint:gosec // small
			}
			d.back = nil
			return height
		}
		if err := w.Start(t.Context(), from); err != nil {
			t.Fatal(err)
		}
		if at := back(); at != c.back || w.woke != c.tip {
			t.Errorf("%s: at the start the peers have time since %d, the channels woke at %d", name, at, w.woke)
		}
		for _, now = range c.blocks {
			rows, err := w.Block(t.Context(), now.height)
			if err == nil {
				err = d.Write(t.Context(), rows...)
			}
			if err != nil {
				t.Fatal(err)
			}
			if at := back(); at != now.back || w.woke != now.woke {
				t.Errorf("%s: at %d the peers have time since %d, not %d; the channels woke at %d, not %d", name, now.height, at, now.back, w.woke, now.woke)
			}
		}
	}
}
