package assetgossip

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/tokens"
)

const (
	// pruneEvery is the time between two looks for stale channels.
	pruneEvery = time.Hour
	// probation is for how long a channel may lack an update of a side, in seconds.
	probation = 24 * 3600
)

// prune forgets stale channels, and what is only of passing use.
func (b *Book) prune() {
	now := b.cfg.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.news.Expire(now, max(keepNews, 3*b.cfg.Flush))
	if now.Before(b.nextPrune) {
		return
	}
	b.nextPrune = now.Add(pruneEvery)
	b.rates.Sweep(b.now())
	for _, c := range b.graph.Channels() {
		if !b.mine(c) && b.stale(c) {
			b.forget(c.SCID)
		}
	}
	for of := range b.offers {
		if r, ok := b.graph.Rate(of); ok && r.Past(b.now()) {
			b.drop(of)
		}
	}
}

func (b *Book) mine(c *assetgraph.Channel) bool { return slices.Contains(c.Nodes[:], b.cfg.Us) }

// stale says whether the last update of a side is too old, or it should have had one by now.
// Both must be alive for a channel to be of use.
func (b *Book) stale(c *assetgraph.Channel) bool {
	return slices.ContainsFunc(c.Policies[:], func(p assetgraph.Policy) bool {
		if p.Known() {
			return assetgraph.Old(p.Timestamp, b.now())
		}
		return b.now() >= b.entries[c.SCID].since+probation
	})
}

// Block says that the chain has grown by a block with these transactions: channels that
// they spend are forgotten.
func (b *Book) Block(ctx context.Context, txs ...*btcwire.MsgTx) {
	for _, scid := range b.suspects(txs) {
		_, _, err := b.cfg.Source.Output(ctx, scid)
		spent := errors.Is(err, chain.ErrNoOutput)
		b.mu.Lock()
		if delete(b.suspected, scid); spent {
			b.forget(scid)
		} else if err != nil { // the chain could not be asked: at the next block again
			b.suspected[scid] = true
		}
		b.mu.Unlock()
	}
	b.Save(ctx)
}

// suspects are the channels whose funding scripts are shown by inputs of the transactions,
// or were before.
func (b *Book) suspects(txs []*btcwire.MsgTx) (out []wire.ShortChannelID) {
	shown := map[[sha256.Size]byte]bool{}
	for _, tx := range txs {
		for _, in := range tx.TxIn {
			if n := len(in.Witness); n > 0 {
				shown[sha256.Sum256(in.Witness[n-1])] = true
			}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.graph.Channels() {
		if shown[c.Witness] || b.suspected[c.SCID] {
			out = append(out, c.SCID)
		}
	}
	return out
}

// audit asks the ledger whether all announced tokens are where they were. One that has not
// come as far as the newest channel is asked another time.
func (b *Book) audit(ctx context.Context) {
	var claims []tokens.Claim
	var scids []wire.ShortChannelID
	height := uint32(0)
	b.mu.Lock()
	for _, c := range b.graph.Channels() {
		if !b.mine(c) {
			scids, claims = append(scids, c.SCID), append(claims, tokens.Claim{Property: c.Property, Script: c.Script, Units: c.Capacity})
			height = c.SCID.Height()
		}
	}
	b.mu.Unlock()
	if len(claims) == 0 {
		return
	}
	why, err := b.cfg.Ledger.Refute(ctx, height, claims...)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, w := range why {
		if c, ok := b.graph.ByID(scids[i]); ok && w == "" {
			c.Checked = true
		} else if ok {
			b.cfg.Log.Info("an announced channel with tokens is forgotten", "channel", c.SCID, "why", w)
			b.forget(c.SCID)
		}
	}
}
