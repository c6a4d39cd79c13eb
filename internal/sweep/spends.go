package sweep

import (
	"crypto/sha256"
	"maps"
	"math"
	"slices"
	"sync"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
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
	levels  map[wire.ChannelID]int                       // see deepest
	hashes  map[wire.ChannelID]map[wire.PaymentHash]bool // see Expect
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

// deepest is the level of the last transactions that concern a channel: what takes the
// outputs of an HTLC transaction, and of a channel with tokens what takes those of a delay
// transaction behind it.
const deepest, deepestOfTokens = 3, 4

// NewSpends begins with nothing.
func NewSpends() *Spends {
	return &Spends{
		wake: make(chan struct{}, 1), spends: map[wire.ChannelID]map[btcwire.OutPoint]enforce.Spend{},
		watched: map[btcwire.OutPoint]concerns{}, plans: map[wire.ChannelID]enforce.Plan{},
		levels: map[wire.ChannelID]int{}, hashes: map[wire.ChannelID]map[wire.PaymentHash]bool{},
	}
}

// Watch looks out for the spend of a channel's funding output.
func (o *Spends) Watch(p channel.ParamsRow) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watch(p.Funding, p.Channel, 1)
	o.levels[p.Channel] = deepest
	if p.Format == script.Tokens {
		o.levels[p.Channel] = deepestOfTokens
	}
}

// Expect says which HTLCs stand in a channel with tokens, instead of those before. Tokens
// belong to the address of an HTLC, and whoever knows the preimage moves them by any coin
// there: so what shows one concerns the channel, whatever it spends.
func (o *Spends) Expect(id wire.ChannelID, htlcs []channel.HTLCView) {
	hashes := map[wire.PaymentHash]bool{}
	for i := range htlcs {
		if h := &htlcs[i]; !h.Incoming {
			hashes[h.PaymentHash] = true
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if delete(o.hashes, id); len(hashes) > 0 {
		o.hashes[id] = hashes
	}
}

// shows are the channels of whose HTLCs a witness shows a preimage.
func (o *Spends) shows(w btcwire.TxWitness) (list []wire.ChannelID) {
	if len(o.hashes) == 0 {
		return nil
	}
	p := enforce.PreimageIn(w)
	if p == nil {
		return nil
	}
	hash := wire.PaymentHash(sha256.Sum256(p[:]))
	for id, hashes := range o.hashes {
		if hashes[hash] {
			list = append(list, id)
		}
	}
	return list
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
			o.note(id, in, tx, height)
			levels.add(id, level)
		}
		for _, id := range o.shows(in.Witness) {
			o.note(id, in, tx, height)
			levels.add(id, stray)
		}
	}
	if len(levels) == 0 {
		return nil
	}
	txid := tx.TxHash()
	for id, level := range levels {
		concerned = append(concerned, enforce.SpendRow{Channel: id, Height: height, Tx: tx})
		if level >= o.levels[id] {
			continue
		}
		for i := range tx.TxOut {
			o.watch(btcwire.OutPoint{Hash: txid, Index: uint32(i)}, id, level+1) //nolint:gosec // few outputs
		}
	}
	return concerned
}

// stray is the level of what spends no output of a channel.
const stray = math.MaxInt

func (o *Spends) note(id wire.ChannelID, in *btcwire.TxIn, tx *btcwire.MsgTx, height uint32) {
	if o.spends[id] == nil {
		o.spends[id] = map[btcwire.OutPoint]enforce.Spend{}
	}
	o.spends[id][in.PreviousOutPoint] = enforce.Spend{Tx: tx, Height: height}
}

// Load notes transactions that were noted before, in whatever order.
func (o *Spends) Load(rows []enforce.SpendRow) {
	for range deepestOfTokens {
		for _, r := range rows {
			o.Note(r.Tx, r.Height)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range rows { // those that showed a preimage
		if o.levels[r.Channel] == deepestOfTokens {
			for _, in := range r.Tx.TxIn {
				o.note(r.Channel, in, r.Tx, r.Height)
			}
		}
	}
}

// Forget forgets a channel that is closed for good.
func (o *Spends) Forget(id wire.ChannelID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.spends, id)
	delete(o.plans, id)
	delete(o.levels, id)
	delete(o.hashes, id)
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

// Touched tells whether anything of a channel is spent. What has shown a preimage by
// another coin has spent nothing of it.
func (o *Spends) Touched(id wire.ChannelID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for at := range o.spends[id] {
		if _, watched := o.watched[at][id]; watched {
			return true
		}
	}
	return false
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

// Owed is what outputs of ours are worth that closed channels still owe us.
func (o *Spends) Owed() (sum amount.Satoshi) {
	for _, p := range o.Plans() {
		for i := range p.Claims {
			if c := &p.Claims[i]; !c.Unconfirmed && c.Kind != enforce.Anchor {
				sum += c.Value
			}
		}
	}
	return sum
}

// Executed has the channels looked at again when the ledger of tokens has read a block and
// one of them carries some: whether they can be moved, and what became of those on the chain,
// is for it to say.
func (o *Spends) Executed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, level := range o.levels {
		if level == deepestOfTokens {
			o.Poke()
			return
		}
	}
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
