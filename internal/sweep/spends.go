package sweep

import (
	"maps"
	"slices"
	"sync"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
)

// Spends is what the chain says of channels whose funding outputs are spent, or
// are to be. It is safe for concurrent use.
type Spends struct {
	wake chan struct{} // has a token when there may be something to do

	mu      sync.Mutex
	spends  map[wire.ChannelID]map[btcwire.OutPoint]enforce.Spend
	watched map[btcwire.OutPoint]concerns
	plans   map[wire.ChannelID]enforce.Plan
}

// concerns are the channels that the spend of an output concerns, each with the level of
// the transaction that spends it: 1 spends the funding output. They are several when the
// coins that one channel paid out fund another one, and when a peer names an output of
// one channel as the funding of another.
type concerns map[wire.ChannelID]int

// add notes a channel. The level that is nearest to its funding output counts.
func (c concerns) add(id wire.ChannelID, level int) {
	if known, ok := c[id]; !ok || level < known {
		c[id] = level
	}
}

// deepest is the level of transactions whose spends still concern a channel: what
// takes the outputs of an HTLC transaction is the last.
const deepest = 3

// NewSpends begins with nothing.
func NewSpends() *Spends {
	return &Spends{
		wake: make(chan struct{}, 1), spends: map[wire.ChannelID]map[btcwire.OutPoint]enforce.Spend{},
		watched: map[btcwire.OutPoint]concerns{}, plans: map[wire.ChannelID]enforce.Plan{},
	}
}

// Watch looks out for the spend of a channel's funding output.
func (o *Spends) Watch(p channel.ParamsRow) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watch(p.Funding, p.Channel, 1)
}

func (o *Spends) watch(out btcwire.OutPoint, id wire.ChannelID, level int) {
	if o.watched[out] == nil {
		o.watched[out] = concerns{}
	}
	o.watched[out].add(id, level)
}

// Note takes a confirmed transaction when it spends something that is watched, with a row
// for each channel that this concerns. Its own outputs are watched from then on.
func (o *Spends) Note(tx *btcwire.MsgTx, height uint32) (concerned []enforce.SpendRow) {
	o.mu.Lock()
	defer o.mu.Unlock()
	levels := concerns{}
	for _, in := range tx.TxIn {
		for id, level := range o.watched[in.PreviousOutPoint] {
			if o.spends[id] == nil {
				o.spends[id] = map[btcwire.OutPoint]enforce.Spend{}
			}
			o.spends[id][in.PreviousOutPoint] = enforce.Spend{Tx: tx, Height: height}
			levels.add(id, level)
		}
	}
	if len(levels) == 0 {
		return nil
	}
	txid := tx.TxHash()
	for id, level := range levels {
		concerned = append(concerned, enforce.SpendRow{Channel: id, Height: height, Tx: tx})
		if level == deepest {
			continue
		}
		for i := range tx.TxOut {
			o.watch(btcwire.OutPoint{Hash: txid, Index: uint32(i)}, id, level+1) //nolint:gosec // few outputs
		}
	}
	return concerned
}

// Load notes transactions that were noted before, in whatever order.
func (o *Spends) Load(rows []enforce.SpendRow) {
	for range deepest {
		for _, r := range rows {
			o.Note(r.Tx, r.Height)
		}
	}
}

// Forget forgets a channel that is closed for good.
func (o *Spends) Forget(id wire.ChannelID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.spends, id)
	delete(o.plans, id)
	for out, of := range o.watched {
		if delete(of, id); len(of) == 0 {
			delete(o.watched, out)
		}
	}
}

// Undo forgets the blocks from a height up. What was watched stays so.
func (o *Spends) Undo(height uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, spends := range o.spends {
		maps.DeleteFunc(spends, func(_ btcwire.OutPoint, s enforce.Spend) bool { return s.Height >= height })
	}
}

// Of are the spends of a channel.
func (o *Spends) Of(id wire.ChannelID) map[btcwire.OutPoint]enforce.Spend {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.spends[id])
}

// Touched tells whether anything of a channel is spent.
func (o *Spends) Touched(id wire.ChannelID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.spends[id]) > 0
}

// Replace replaces the plan of a channel and returns the one before.
func (o *Spends) Replace(id wire.ChannelID, p enforce.Plan) (before enforce.Plan) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before = o.plans[id]
	o.plans[id] = p
	return before
}

// Plan is that of a channel.
func (o *Spends) Plan(id wire.ChannelID) (enforce.Plan, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, ok := o.plans[id]
	return p, ok
}

// Plans are those of all channels.
func (o *Spends) Plans() []enforce.Plan {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Collect(maps.Values(o.plans))
}

// Wake has a token when the plans are to be made anew.
func (o *Spends) Wake() <-chan struct{} { return o.wake }

// Poke has the plans made anew.
func (o *Spends) Poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
