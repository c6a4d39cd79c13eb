package gossip

import (
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
	"github.com/leyden-ln/leyden/internal/gossip/spread"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/store"
)

// defaultFlush is the time between two batches of news to a peer.
//
// BOLT 7: "SHOULD flush outgoing gossip messages once every 60 seconds, independently of the arrival times of the messages."
const defaultFlush = 60 * time.Second

// Peer is a connection. Send never waits; Queued is the bytes that it has not written
// yet.
type Peer interface {
	ID() wire.NodeID
	Features() wire.Features
	Send(msgs ...wire.Message) error
	Queued() int
	Disconnect(reason error)
}

// Chain looks up funding outputs. The error of one that is not there, or is spent,
// is [chain.ErrNoOutput].
type Chain interface {
	Output(ctx context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error)
}

// Store keeps gossip as it came.
type Store interface {
	durable.Writer
	// ChannelGossip reads a channel's announcement and the latest update of each
	// direction; nil for what is not there.
	ChannelGossip(ctx context.Context, scid wire.ShortChannelID) (announcement []byte, updates [2][]byte, err error)
	// NodeGossip reads a node's announcement; nil when there is none.
	NodeGossip(ctx context.Context, id wire.NodeID) ([]byte, error)
}

// Config is what a book needs.
type Config struct {
	Chain  chainhash.Hash
	Source Chain
	Height func() uint32
	Store  Store
	Ours   func(wire.NodeID) bool // says with whom we have a channel; nil: nobody
	Now    func() time.Time       // nil: the clock
	Flush  time.Duration          // between two batches of news to a peer; zero: 60 seconds, as BOLT 7 asks
	Log    *slog.Logger
	Fatal  func(error) // a write failed: must end the process
}

// Book is the graph with its readers and writers. It is safe for concurrent use.
//
// Of its locks, a conversation's own is taken first, then talk, then mu. The store
// and the chain are never asked with talk or mu held.
type Book struct {
	cfg Config

	mu      sync.RWMutex
	graph   *graph.Graph
	index   index
	drafts  drafts
	waiting waiting
	young   map[wire.ShortChannelID]held // announcements of channels that are not deep enough yet
	refused spread.Refused[wire.ShortChannelID]
	claims  spread.Refused[claim] // to outputs of others
	rates   spread.Rates[key]
	news    spread.News[key, Peer]
	us      wire.NodeID
	ours    map[wire.ShortChannelID]*[2]*wire.ChannelUpdate // by direction, of channels of ours

	writing sync.Mutex // held while drafts are written
	growing sync.Mutex // held while announcements are taken that came too early

	looking   chan struct{} // has a token for each look at the chain for a stranger
	strangers strangers

	talk      sync.Mutex
	peers     map[Peer]*conversation
	met       uint64    // how many peers have come
	synced    bool      // a peer has told us all that it knew
	nextSync  time.Time // when another one is asked
	nextPrune time.Time
	newest    uint32 // timestamp of the newest update that was stored; zero once it has been used
}

// New makes a book from what was stored.
func New(cfg Config, rows []durable.Row) (*Book, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Ours == nil {
		cfg.Ours = func(wire.NodeID) bool { return false }
	}
	if cfg.Flush == 0 {
		cfg.Flush = defaultFlush
	}
	b := &Book{
		cfg: cfg, graph: graph.New(cfg.Chain), index: newIndex(), drafts: newDrafts(), waiting: newWaiting(),
		young: map[wire.ShortChannelID]held{}, refused: spread.NewRefused[wire.ShortChannelID](), claims: spread.NewRefused[claim](), rates: spread.Rates[key]{}, news: spread.NewNews[key, Peer](),
		ours: map[wire.ShortChannelID]*[2]*wire.ChannelUpdate{}, peers: map[Peer]*conversation{},
		looking: make(chan struct{}, maxLooking), strangers: strangers{credit: strangersCredit, credited: cfg.Now()}, nextPrune: cfg.Now().Add(pruneEvery),
	}
	for _, r := range rows {
		if err := b.load(r); err != nil {
			return nil, err
		}
	}
	b.newest = min(b.newest, b.now())
	return b, nil
}

// load takes a stored row.
func (b *Book) load(row durable.Row) error {
	if err := b.graph.Load(row); err != nil {
		return err
	}
	switch r := row.(type) {
	case graph.AnnouncementRow:
		b.index.add(r.SCID, fundingOf(r.Raw), 0)
	case graph.UpdateRow:
		if e := b.index.channels[r.SCID]; e != nil {
			e.tell(r.Raw)
			c, _ := b.graph.ByID(r.SCID)
			b.newest = max(b.newest, c.Policies[r.Direction&directionFlag].Timestamp)
		}
	case graph.NodeRow:
		if i, ok := b.graph.NodeIndex(r.Node); !ok || len(b.graph.Nodes()[i].Channels) == 0 {
			b.drafts.add(draft{row: store.NodeGoneRow{ID: r.Node}})
		}
	case store.Fact:
		return b.loadSpent(r)
	}
	return nil
}

// Read gives the graph to f, which must not keep it.
func (b *Book) Read(f func(g *graph.Graph)) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	f(b.graph)
}

// now is the time in unix seconds.
func (b *Book) now() uint32 { return uint32(max(b.cfg.Now().Unix(), 0)) } //nolint:gosec // until 2106

// Tick does what is due: writes what was accepted, tells peers the news, goes on
// with answers, gives up on peers that are silent, and forgets what is stale. Call
// it every second or so.
func (b *Book) Tick(ctx context.Context) {
	b.prune()
	b.Save(ctx)
	b.seek()
	b.strangers.fill(b.cfg.Now())
	short := b.strangers.spent()
	for _, c := range b.round() {
		b.serve(ctx, c)
		if !short && b.strangers.spent() {
			short = true
			b.strangers.stop(c.number)
		}
	}
}

// Message takes a peer's message; false when it is not about gossip.
func (b *Book) Message(ctx context.Context, p Peer, m wire.Message) bool {
	b.hears(p)
	switch m := m.(type) {
	case *wire.ChannelAnnouncement:
		b.announcement(ctx, p, m)
	case *wire.ChannelUpdate:
		b.update(p, m)
	case *wire.NodeAnnouncement:
		b.node(p, m)
	case *wire.GossipTimestampFilter:
		b.filter(ctx, p, m)
	case *wire.QueryShortChannelIDs:
		b.query(ctx, p, m)
	case *wire.QueryChannelRange:
		b.queryRange(ctx, p, m)
	case *wire.ReplyChannelRange:
		b.rangeReply(p, m)
	case *wire.ReplyShortChannelIDsEnd:
		b.idsEnd(p, m)
	default:
		return false
	}
	if b.full() {
		b.Save(ctx)
	}
	return true
}

func (b *Book) tell(p Peer, msgs ...wire.Message) {
	if err := p.Send(msgs...); err != nil {
		b.cfg.Log.Debug("gossip not sent", "peer", p.ID(), "why", err)
	}
}

// warn tells a peer that a message of its was of no use.
func (b *Book) warn(p Peer, why error) {
	b.cfg.Log.Debug("gossip of no use", "peer", p.ID(), "why", why)
	b.tell(p, &wire.Warning{Data: []byte(why.Error())})
}

// blame ends the connection to a peer that tells lies, after a warning.
func (b *Book) blame(p Peer, why error) {
	if p == nil {
		return
	}
	b.cfg.Log.Info("bad gossip", "peer", p.ID(), "why", why)
	b.tell(p, &wire.Warning{Data: []byte(why.Error())})
	p.Disconnect(why)
}

// Own takes gossip of our own, which must be good, and tells every peer at once
// what is public of it.
//
// BOLT 7: "SHOULD send gossip messages as it generates them regardless of `timestamp`."
func (b *Book) Own(ctx context.Context, capacity amount.Satoshi, msgs ...wire.Message) error {
	var out []key
	for _, m := range msgs {
		v, keys := b.own(capacity, m)
		switch v.Kind {
		case graph.Bad:
			return v.Why
		case graph.Orphan:
			return errors.New("own " + wire.Name(m) + " has no channel")
		}
		out = append(out, keys...)
		if a, ok := m.(*wire.ChannelAnnouncement); ok {
			b.release(ctx, a) // the peer was quicker, and has spoken of itself already
		}
	}
	b.Save(ctx)
	raw := b.read(ctx, out)
	for _, c := range b.conversations() {
		b.sendRaw(c.peer, raw...)
	}
	return nil
}

// own applies a message of ours and says what there is to tell.
func (b *Book) own(capacity amount.Satoshi, m wire.Message) (v graph.Verdict, out []key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch m := m.(type) {
	case *wire.ChannelAnnouncement:
		v = b.graph.Channel(m, capacity)
	case *wire.ChannelUpdate:
		v = b.graph.Update(m, b.now())
	case *wire.NodeAnnouncement:
		v = b.graph.Node(m, b.now())
	}
	if v.Kind == graph.Accepted {
		out = b.note(m)
		b.drafts.add(draft{row: v.Row})
	}
	return v, out
}

// Local adds a channel of ours, which is not announced, or not yet, or stored with
// its announcement. What was stored of its terms is remembered again.
func (b *Book) Local(scid wire.ShortChannelID, us, peer wire.NodeID, capacity amount.Satoshi) {
	b.mu.RLock()
	_, placed := b.graph.ByID(scid)
	known := placed && b.ours[scid] != nil
	b.mu.RUnlock()
	if known {
		return
	}
	_, raw := b.readChannel(context.Background(), scid)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.us = us
	b.graph.Local(scid, us, peer, capacity)
	c, ok := b.graph.ByID(scid)
	if !ok || b.ours[scid] != nil {
		return
	}
	b.ours[scid] = new([2]*wire.ChannelUpdate)
	for d, r := range raw {
		u, err := decode[*wire.ChannelUpdate](r)
		if err != nil {
			continue // there is none
		}
		b.ours[scid][d] = u
		if !c.Policies[d].Known() {
			if err := b.graph.Load(graph.UpdateRow{SCID: scid, Direction: uint8(d), Raw: r}); err != nil { //nolint:gosec // 0 or 1
				b.cfg.Log.Error("stored channel_update is damaged", "channel", scid, "why", err)
			}
		}
	}
}

// Gone removes a channel of ours whose funding output is spent.
func (b *Book) Gone(ctx context.Context, scid wire.ShortChannelID) error {
	b.mu.Lock()
	removed := b.forget(scid)
	delete(b.ours, scid)
	b.mu.Unlock()
	if removed {
		b.Save(ctx)
	}
	return ctx.Err()
}

// Update is the channel_update of a node for a channel of ours; nil when none is
// known.
func (b *Book) Update(scid wire.ShortChannelID, from wire.NodeID) *wire.ChannelUpdate {
	b.mu.RLock()
	defer b.mu.RUnlock()
	c, ok := b.graph.ByID(scid)
	if !ok || b.ours[scid] == nil {
		return nil
	}
	for d, n := range c.Nodes {
		if u := b.ours[scid][d]; u != nil && b.graph.Nodes()[n].ID == from {
			own := *u // encoding writes to the message: nobody shares one
			return &own
		}
	}
	return nil
}

// Node reads the node_announcement of a node; nil when none is known.
func (b *Book) Node(ctx context.Context, id wire.NodeID) *wire.NodeAnnouncement {
	for _, raw := range b.read(ctx, []key{nodeKey(id)}) {
		if m, err := decode[*wire.NodeAnnouncement](raw); err == nil {
			return m
		}
	}
	return nil
}

func decode[M wire.Message](raw []byte) (m M, err error) {
	any, err := wire.Decode(raw)
	if err != nil {
		return m, err
	}
	m, ok := any.(M)
	if !ok {
		return m, errors.New("a stored message is a " + wire.Name(any))
	}
	return m, nil
}
