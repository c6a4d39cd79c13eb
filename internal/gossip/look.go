package gossip

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/gossip/spread"
	"github.com/leyden-ln/leyden/internal/graph"
)

// Whoever signs an announcement with keys of his own makes us look at the chain, which
// may read a whole block: a bound of that.
const maxLooking = 3 // looks at once for all strangers

var (
	errNotAChannel = errors.New("the output is not a channel of these keys")
	errLies        = errors.New("too many announcements of channels that there are not")
)

// claim is what an announcement says of an output: that it is of these keys.
type claim struct {
	scid    wire.ShortChannelID
	funding uint64
}

func claimOf(m *wire.ChannelAnnouncement) claim { return claim{m.ShortChannelID, fundingHash(m)} }

// look finds the funding output of a channel that a peer announces; false when it has
// none, or cannot be looked for. For strangers few are looked for at a time: they wait
// for each other, and nobody else for them.
func (b *Book) look(ctx context.Context, p Peer, m *wire.ChannelAnnouncement) (*btcwire.TxOut, bool) {
	if !b.cfg.Ours(p.ID()) {
		select {
		case b.looking <- struct{}{}:
			defer func() { <-b.looking }()
		case <-ctx.Done():
			return nil, false
		}
	}
	if !b.heeds(p) {
		return nil, false
	}
	out, _, err := b.cfg.Source.Output(ctx, m.ShortChannelID)
	if err == nil && bytes.Equal(out.PkScript, graph.FundingScript(m)) {
		return out, true
	}
	points := 0
	b.mu.Lock()
	switch now := b.now(); {
	case err == nil:
		err, points = errNotAChannel, spread.NoChannel
		b.claims.Add(claimOf(m), now)
	case errors.Is(err, chain.ErrNeverWas):
		points = spread.NoChannel
		b.refused.Add(m.ShortChannelID, now)
	case errors.Is(err, chain.ErrNoOutput):
		points = spread.NoOutput
		b.refused.Add(m.ShortChannelID, now)
	}
	b.mu.Unlock()
	b.cfg.Log.Debug("channel_announcement ignored", "channel", m.ShortChannelID, "why", err)
	b.distrust(p, points)
	return nil, false
}

// heeds says whether a peer's announcements are worth a look at the chain: it is there,
// and has not told too many lies.
func (b *Book) heeds(p Peer) bool {
	b.talk.Lock()
	defer b.talk.Unlock()
	c := b.peers[p]
	return c != nil && !c.doubt.Over(b.cfg.Now())
}

// distrust counts an announcement of a channel that there is not. A stranger with too
// many of them is sent away; a peer with a channel is not heeded for a while.
func (b *Book) distrust(p Peer, points int) {
	b.talk.Lock()
	c := b.peers[p]
	over := false
	if c != nil && points > 0 {
		c.doubt.Add(points, b.cfg.Now())
		over = c.doubt.Over(b.cfg.Now())
	}
	b.talk.Unlock()
	if over && !b.cfg.Ours(p.ID()) {
		b.blame(p, errLies)
	}
}

// trust counts an announcement of a channel that there is.
func (b *Book) trust(p Peer) {
	b.talk.Lock()
	defer b.talk.Unlock()
	if c := b.peers[p]; c != nil {
		c.doubt.Trust()
	}
}

// fundingHash is the first bytes of the hash in an announced channel's funding output.
func fundingHash(m *wire.ChannelAnnouncement) uint64 {
	const program = 2 // the version and the length come before it
	return binary.BigEndian.Uint64(graph.FundingScript(m)[program:])
}
