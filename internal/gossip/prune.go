package gossip

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/store"
)

const (
	// keepNews is for how long news is kept, at least.
	keepNews = 10 * time.Minute
	// pruneEvery is the time between two looks for stale channels.
	pruneEvery = time.Hour
	// spentDelay is how many blocks a spent channel is kept, for its splice may be
	// announced meanwhile.
	//
	// BOLT 7: "SHOULD forget a channel after a 72-block delay."
	spentDelay = 72
	// probation is for how long a channel that has just come may lack what others
	// have not told us yet, in seconds.
	probation = 24 * 3600
	// twoWeeksOfBlocks is how old a channel is that should have had updates.
	twoWeeksOfBlocks = 2016
)

// spentSize is the bytes of a spent channel in [store.FactGossip], which a restart
// remembers: its id and the height.
const spentSize = 8 + 4

func (b *Book) loadSpent(f store.Fact) error {
	if f.Name != store.FactGossip {
		return nil
	}
	if len(f.Value)%spentSize != 0 {
		return errors.New("the stored list of spent channels is damaged")
	}
	for v := f.Value; len(v) > 0; v = v[spentSize:] {
		if e := b.index.channels[wire.ShortChannelID(binary.BigEndian.Uint64(v))]; e != nil {
			e.spent = binary.BigEndian.Uint32(v[8:])
		}
	}
	return nil
}

// spentFact is called with mu held.
func (b *Book) spentFact() store.Fact {
	var v []byte
	for _, scid := range b.index.from(0) {
		if e := b.index.channels[scid]; e.spent != 0 {
			v = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(v, uint64(scid)), e.spent)
		}
	}
	return store.Fact{Name: store.FactGossip, Value: v}
}

// Block says that the chain has grown by a block with these transactions, of which
// those that spend channels matter: channels that were spent long enough ago are
// forgotten.
func (b *Book) Block(ctx context.Context, txs ...*btcwire.MsgTx) {
	b.mu.Lock()
	suspects := b.suspects(txs)
	var over []wire.ShortChannelID
	height := b.cfg.Height()
	for scid, e := range b.index.channels {
		if e.spent != 0 && height >= e.spent+spentDelay {
			over = append(over, scid)
		}
	}
	b.mu.Unlock()
	slices.Sort(over)
	changed := false
	for _, scid := range suspects {
		changed = b.setSpent(ctx, scid, height) || changed
	}
	for _, scid := range over {
		changed = b.setSpent(ctx, scid, height) || changed
	}
	if !changed {
		return
	}
	b.mu.Lock()
	b.drafts.add(draft{row: b.spentFact()})
	b.mu.Unlock()
	b.Save(ctx)
}

// suspects are the channels whose funding scripts are shown by inputs of the
// transactions.
func (b *Book) suspects(txs []*btcwire.MsgTx) (out []wire.ShortChannelID) {
	for _, tx := range txs {
		for _, in := range tx.TxIn {
			n := len(in.Witness)
			if n == 0 {
				continue
			}
			hash := sha256.Sum256(in.Witness[n-1])
			out = append(out, b.index.byFunding[binary.BigEndian.Uint64(hash[:])]...)
		}
	}
	return out
}

// setSpent asks the chain whether a channel is spent and notes, forgets or restores
// it. It returns whether anything changed. A chain that cannot be asked changes nothing.
func (b *Book) setSpent(ctx context.Context, scid wire.ShortChannelID, height uint32) bool {
	_, _, err := b.cfg.Source.Output(ctx, scid)
	if err != nil && !errors.Is(err, chain.ErrNoOutput) {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.index.channels[scid]
	switch {
	case e == nil:
		return false
	case err == nil: // the spend is no longer in the chain, or it was of a twin
		was := e.spent
		e.spent = 0
		return was != 0
	case e.spent == 0:
		e.spent = height
		return true
	case height >= e.spent+spentDelay:
		return b.forget(scid)
	}
	return false
}

// forget takes a channel out of the graph and off the disk, with the announcements
// of nodes that are left without channels. It is called with mu held.
func (b *Book) forget(scids ...wire.ShortChannelID) (removed bool) {
	for _, scid := range scids {
		c, ok := b.graph.ByID(scid)
		if !ok {
			continue
		}
		nodes := [2]graph.Node{b.graph.Nodes()[c.Nodes[0]], b.graph.Nodes()[c.Nodes[1]]}
		removed = b.graph.Remove(scid) || removed
		if b.index.channels[scid] != nil {
			b.refused.Add(scid, b.now())
		}
		for k := kindAnnouncement; k < kindNode; k++ {
			delete(b.drafts.raw, key{kind: k, scid: scid})
		}
		b.drafts.add(draft{row: graph.GoneRow{SCID: scid}})
		for _, node := range nodes {
			if len(node.Channels) == 1 && node.Timestamp != 0 {
				delete(b.drafts.raw, nodeKey(node.ID))
				b.drafts.add(draft{row: store.NodeGoneRow{ID: node.ID}})
			}
		}
	}
	b.index.remove(scids...)
	return removed
}

// prune forgets stale channels and what is only of passing use. Nothing is stale
// before a peer has told us what we missed.
//
// BOLT 7: "if the `timestamp` of the latest `channel_update` in either direction is older than two weeks (1209600 seconds): - MAY prune the channel."
func (b *Book) prune() {
	now := b.cfg.Now()
	b.talk.Lock()
	due, synced := !now.Before(b.nextPrune), b.synced
	if due {
		b.nextPrune = now.Add(pruneEvery)
	}
	b.talk.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.news.Expire(now, max(keepNews, 3*b.cfg.Flush))
	if !due {
		return
	}
	b.rates.Sweep(b.now())
	if !synced {
		return
	}
	var stale []wire.ShortChannelID
	for _, scid := range b.index.from(0) {
		c, ok := b.graph.ByID(scid)
		e := b.index.channels[scid]
		if !ok || b.ours[scid] != nil || b.now() < e.since+probation {
			continue
		}
		if b.stale(scid, [2]uint32{c.Policies[0].Timestamp, c.Policies[1].Timestamp}, b.now()) {
			stale = append(stale, scid)
		}
	}
	b.forget(stale...)
}

// stale says whether a channel has a direction whose last update is too old, or one
// that should have had an update by now and has not. Both sides must be alive for a
// channel to be of use.
func (b *Book) stale(scid wire.ShortChannelID, updates [2]uint32, now uint32) bool {
	for _, t := range updates {
		if t == 0 && scid.Height()+twoWeeksOfBlocks < b.cfg.Height() || t != 0 && uint64(t)+twoWeeks < uint64(now) {
			return true
		}
	}
	return false
}
