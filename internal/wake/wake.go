// Package wake gives peers time after a start, before what runs out closes a channel:
//
//	w := wake.New(wake.Config{Store: store, Links: links, Tip: source.Tip, Known: known})
//	err := w.Start(ctx, height)           // before the links start
//	rows, err := w.Block(ctx, height)     // before they hear of a block
//
// What the rows of channels say may be old: the database may be a copy, and so may be all
// of the machine, with the source of its blocks. Then an HTLC that ended long ago seems to
// run out, and the commitment that would be broadcast for it is revoked. So until a peer
// has said by its numbers that the rows are not old, no deadline counts before the height
// is known to be the present one and a block has come since; and a node that has missed many
// blocks gives its peers some to come back ([channel.Channel.Woke], [channel.Channel.Grace]).
package wake

import (
	"context"
	"time"

	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/present"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/store"
)

// longAway is how many blocks a node has to miss before its peers have a while to come
// back and settle what expired meanwhile.
const longAway = 6

// factBack is the fact that holds the height at which the node has caught up with the
// chain after it was away for long.
const factBack = "back"

// patience is for how long the height is waited for: a peer must not gain by a clock that
// is wrong, or by a source that never says that it has the whole chain.
const patience = time.Hour

// Store is what is kept.
type Store interface {
	durable.Writer
	store.Facts
	Channels(ctx context.Context) ([]channel.Rows, error)
}

// Config is what a Wake works with.
type Config struct {
	Store Store
	Links *link.Links
	Tip   func(ctx context.Context) (chain.BlockRef, error) // of the source
	Known func() bool                                       // whether the node's height is the present one
	Now   func() time.Time                                  // nil: the clock
}

// Wake is one start of a node. It has one user at a time.
type Wake struct {
	cfg   Config
	began time.Time
	from  uint32 // the height up to which the node had processed the chain
	tip   uint32 // what the source had at the start
	woke  uint32 // what the channels were told
	awake bool   // the height was known, or waited for long enough
}

// New makes a Wake.
func New(c Config) *Wake {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Wake{cfg: c}
}

// Start gives peers time after a start, and more of it after the node was away for long.
// From is the height up to which the chain was processed. Its error is the disk's.
func (w *Wake) Start(ctx context.Context, from uint32) error {
	back, _, err := store.Number(ctx, w.cfg.Store, factBack)
	if err != nil {
		return err
	}
	w.began, w.from, w.tip, w.awake = w.cfg.Now(), from, from, w.cfg.Known()
	if tip, err := w.cfg.Tip(ctx); err == nil {
		w.tip = tip.Height
	}
	w.tell(w.tip)
	if w.missed(w.tip) {
		back = uint64(w.tip)
		if err := w.cfg.Store.Write(ctx, store.NumberFact(factBack, back)); err != nil {
			return err
		}
	}
	if back == 0 {
		return nil
	}
	return w.grace(ctx, uint32(back)) //nolint:gosec // written from 32 bits
}

// Block is told of each block before the channels are, and says what is to be written with
// it. While the height is not the present one the start goes on: the source was away too.
func (w *Wake) Block(ctx context.Context, height uint32) ([]durable.Row, error) {
	if w.awake {
		return nil, nil
	}
	if height > w.woke {
		w.tell(height)
	}
	if w.awake = w.cfg.Known() || w.cfg.Now().Sub(w.began) >= patience; !w.awake {
		return nil, nil
	}
	if last := height + present.Behind; last > w.woke { // these may be there already
		w.tell(last)
	}
	if height <= w.tip || !w.missed(height) {
		return nil, nil
	}
	return []durable.Row{store.NumberFact(factBack, uint64(height))}, w.grace(ctx, height)
}

// missed says whether the node was away for long when the chain is so high.
func (w *Wake) missed(height uint32) bool { return uint64(height) >= uint64(w.from)+longAway }

// tell tells the channels how high the chain is when they wake.
func (w *Wake) tell(height uint32) {
	w.woke = height
	for _, l := range w.cfg.Links.All() {
		l.Do(func(ch *channel.Channel) { ch.Woke(height) })
	}
}

// grace gives the peers time after a height at which the node was back.
func (w *Wake) grace(ctx context.Context, back uint32) error {
	channels, err := w.cfg.Store.Channels(ctx)
	if err != nil {
		return err
	}
	forwarded := enforce.Expiries(channels)
	until := back + enforce.DefaultPolicy().BackGrace
	for _, l := range w.cfg.Links.All() {
		l.Do(func(ch *channel.Channel) { ch.Grace(until, forwarded) })
	}
	return nil
}
