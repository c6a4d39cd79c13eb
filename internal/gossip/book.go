package gossip

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
)

// Peer is a connection.
type Peer interface {
	ID() wire.NodeID
	Features() wire.Features
	Send(msgs ...wire.Message) error
	Disconnect(reason error)
}

// Chain looks up funding outputs.
type Chain interface {
	Output(ctx context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error)
}

// Config is what a book needs.
type Config struct {
	Chain  chainhash.Hash
	Source Chain
	Height func() uint32
	Store  durable.Writer
	Log    *slog.Logger
	Fatal  func(error) // a write failed: must end the process
}

// announceDepth is how many confirmations a channel has when it is announced
// (BOLT 7).
const announceDepth = 6

// maxOrphans bounds the messages that came before their time.
const maxOrphans = 1000

// Book is the graph with its readers and writers. It is safe for concurrent use.
type Book struct {
	cfg Config

	mu      sync.RWMutex
	graph   *graph.Graph
	orphans []wire.Message
	young   []wire.Message // announcements of channels that are not deep enough yet

	peersMu sync.Mutex
	peers   map[Peer]*listener
}

// listener is a peer and what it asked to be told.
type listener struct {
	from, until uint64 // timestamps; until zero: nothing was asked for
}

// New makes a book from what was stored.
func New(cfg Config, rows []durable.Row) (*Book, error) {
	g := graph.New(cfg.Chain)
	for _, r := range rows {
		if err := g.Load(r); err != nil {
			return nil, err
		}
	}
	return &Book{cfg: cfg, graph: g, peers: map[Peer]*listener{}}, nil
}

// Read gives the graph to f, which must not keep it.
func (b *Book) Read(f func(g *graph.Graph)) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	f(b.graph)
}

func now() uint32 { return uint32(time.Now().Unix()) } //nolint:gosec // until 2106

// Block says that the chain has grown: announcements that came too early are taken.
func (b *Book) Block(ctx context.Context) {
	b.mu.Lock()
	young := b.young
	b.young = nil
	b.mu.Unlock()
	for _, m := range young {
		b.Message(ctx, nil, m)
	}
}

// Up begins the exchange with a peer: it is asked for everything.
func (b *Book) Up(p Peer) {
	b.peersMu.Lock()
	b.peers[p] = &listener{}
	b.peersMu.Unlock()
	if p.Features().Has(wire.GossipQueries) {
		b.tell(p, &wire.GossipTimestampFilter{ChainHash: b.cfg.Chain, TimestampRange: ^uint32(0)})
	}
}

// Down forgets a peer.
func (b *Book) Down(p Peer) {
	b.peersMu.Lock()
	defer b.peersMu.Unlock()
	delete(b.peers, p)
}

func (b *Book) tell(p Peer, msgs ...wire.Message) {
	if err := p.Send(msgs...); err != nil {
		b.cfg.Log.Debug("gossip not sent", "peer", p.ID(), "why", err)
	}
}

// Message takes a peer's message; false when it is not about gossip.
func (b *Book) Message(ctx context.Context, p Peer, m wire.Message) bool {
	switch m := m.(type) {
	case *wire.ChannelAnnouncement:
		b.announcement(ctx, p, m)
	case *wire.ChannelUpdate:
		b.take(ctx, p, m, func(g *graph.Graph) graph.Verdict { return g.Update(m, now()) })
	case *wire.NodeAnnouncement:
		b.take(ctx, p, m, func(g *graph.Graph) graph.Verdict { return g.Node(m, now()) })
	case *wire.GossipTimestampFilter:
		b.filter(p, m)
	case *wire.QueryShortChannelIDs:
		b.query(p, m)
	case *wire.QueryChannelRange:
		b.queryRange(p, m)
	case *wire.ReplyShortChannelIDsEnd, *wire.ReplyChannelRange:
	default:
		return false
	}
	return true
}

// announcement takes a channel_announcement, once its funding output is found.
func (b *Book) announcement(ctx context.Context, p Peer, m *wire.ChannelAnnouncement) {
	b.mu.RLock()
	c, known := b.graph.ByID(m.ShortChannelID)
	known = known && c.Public()
	err := b.graph.Check(m)
	b.mu.RUnlock()
	if known {
		return
	}
	if err != nil {
		b.blame(p, err)
		return
	}
	if b.early(m) {
		return
	}
	out, _, err := b.cfg.Source.Output(ctx, m.ShortChannelID)
	if err != nil {
		b.cfg.Log.Debug("channel_announcement ignored", "channel", m.ShortChannelID, "why", err)
		return
	}
	if !bytes.Equal(out.PkScript, graph.FundingScript(m)) {
		b.cfg.Log.Debug("channel_announcement ignored", "channel", m.ShortChannelID, "why", "the output is not a channel of these keys")
		return
	}
	capacity := amount.Satoshi(out.Value) //nolint:gosec // an output's value is not negative
	b.take(ctx, p, m, func(g *graph.Graph) graph.Verdict { return g.Channel(m, capacity) })
}

// early keeps an announcement for a later block when the peer that told us is a
// block ahead. The height is read with the lock held: either [Book.Block] sees the
// announcement, or we see the block.
func (b *Book) early(m *wire.ChannelAnnouncement) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.ShortChannelID.Height()+announceDepth <= b.cfg.Height()+1 {
		return false
	}
	if len(b.young) < maxOrphans {
		b.young = append(b.young, m)
	}
	return true
}

// take applies a message, writes what it changed, and passes it on. from is nil
// for a message of our own.
func (b *Book) take(ctx context.Context, from Peer, m wire.Message, apply func(g *graph.Graph) graph.Verdict) {
	b.mu.Lock()
	v := apply(b.graph)
	var orphans []wire.Message
	if _, isChannel := m.(*wire.ChannelAnnouncement); isChannel && v.Kind == graph.Accepted {
		orphans, b.orphans = b.orphans, nil
	}
	if v.Kind == graph.Orphan && len(b.orphans) < maxOrphans {
		b.orphans = append(b.orphans, m)
	}
	b.mu.Unlock()
	switch v.Kind {
	case graph.Bad:
		b.blame(from, v.Why)
	case graph.Accepted:
		if err := b.cfg.Store.Write(ctx, v.Row); err != nil {
			if ctx.Err() == nil {
				b.cfg.Fatal(err)
			}
			return
		}
		b.relay(from, m)
		if a, ok := m.(*wire.ChannelAnnouncement); ok {
			b.published(a.ShortChannelID)
		}
	}
	for _, o := range orphans {
		b.Message(ctx, from, o)
	}
}

// blame ends the connection to a peer that tells lies, after a warning.
func (b *Book) blame(p Peer, why error) {
	b.cfg.Log.Info("bad gossip", "why", why)
	if p != nil {
		b.tell(p, &wire.Warning{Data: []byte(why.Error())})
		p.Disconnect(why)
	}
}

// relay tells those peers that asked for it, but not who told us. A message of a
// channel that is not public goes nowhere.
func (b *Book) relay(from Peer, m wire.Message) {
	if u, ok := m.(*wire.ChannelUpdate); ok {
		b.mu.RLock()
		c, known := b.graph.ByID(u.ShortChannelID)
		public := known && c.Public()
		b.mu.RUnlock()
		if !public {
			return
		}
	}
	b.peersMu.Lock()
	defer b.peersMu.Unlock()
	for p, l := range b.peers {
		if p == from || l.until == 0 {
			continue
		}
		if t, stamped := timestamp(m); stamped && (t < l.from || t >= l.until) {
			continue
		}
		b.tell(p, m)
	}
}

func timestamp(m wire.Message) (uint64, bool) {
	switch m := m.(type) {
	case *wire.ChannelUpdate:
		return uint64(m.Timestamp), true
	case *wire.NodeAnnouncement:
		return uint64(m.Timestamp), true
	}
	return 0, false
}

// Own takes a gossip message of our own, which must be good.
func (b *Book) Own(ctx context.Context, capacity amount.Satoshi, msgs ...wire.Message) error {
	for _, m := range msgs {
		var v graph.Verdict
		apply := func(g *graph.Graph) graph.Verdict {
			switch m := m.(type) {
			case *wire.ChannelAnnouncement:
				v = g.Channel(m, capacity)
			case *wire.ChannelUpdate:
				v = g.Update(m, now())
			case *wire.NodeAnnouncement:
				v = g.Node(m, now())
			}
			return v
		}
		b.take(ctx, nil, m, apply)
		if v.Kind == graph.Bad {
			return v.Why
		}
		if v.Kind == graph.Orphan {
			return errors.New("own " + wire.Name(m) + " has no channel")
		}
	}
	return nil
}

// published tells the terms of a channel that was private until now.
func (b *Book) published(scid wire.ShortChannelID) {
	var raw [][]byte
	b.Read(func(g *graph.Graph) {
		if c, ok := g.ByID(scid); ok {
			for d := range c.Policies {
				if p := &c.Policies[d]; p.Known() {
					raw = append(raw, p.Raw)
				}
			}
		}
	})
	for _, r := range raw {
		if m, err := wire.Decode(r); err == nil {
			b.relay(nil, m)
		}
	}
}

// Local adds a channel of ours that is not announced, or not yet.
func (b *Book) Local(scid wire.ShortChannelID, us, peer wire.NodeID, capacity amount.Satoshi) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.graph.Local(scid, us, peer, capacity)
}

// Gone removes a channel whose funding output is spent.
func (b *Book) Gone(ctx context.Context, scid wire.ShortChannelID) error {
	b.mu.Lock()
	removed := b.graph.Remove(scid)
	b.mu.Unlock()
	if !removed {
		return nil
	}
	return b.cfg.Store.Write(ctx, graph.GoneRow{SCID: scid})
}

// Update is the channel_update of a node for a channel; nil when none is known.
func (b *Book) Update(scid wire.ShortChannelID, from wire.NodeID) *wire.ChannelUpdate {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p, ok := b.graph.Policy(scid, from)
	if !ok {
		return nil
	}
	m, err := wire.Decode(p.Raw)
	if err != nil {
		return nil
	}
	u, _ := m.(*wire.ChannelUpdate)
	return u
}
