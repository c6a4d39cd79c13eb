package assetgossip

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/gossip/spread"
	"github.com/leyden-ln/leyden/internal/store/heard"
	"github.com/leyden-ln/leyden/internal/tokens"
)

// defaultFlush is the time between two batches of news to a peer.
const defaultFlush = 60 * time.Second

// maxChannels is how many channels are kept.
const maxChannels = 1 << 14

// Peer is a connection. Send never waits; Queued is the bytes that it has not written yet.
type Peer interface {
	ID() wire.NodeID
	Send(msgs ...wire.Message) error
	Queued() int
	Disconnect(reason error)
}

// Chain looks up funding outputs. The error of one that is not there, or is spent, is
// [chain.ErrNoOutput].
type Chain interface {
	Output(ctx context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error)
}

// Ledger knows where tokens are: see [tokens.Service.Refute].
type Ledger interface {
	Refute(ctx context.Context, height uint32, claims ...tokens.Claim) ([]string, error)
}

// Config is what a book needs.
type Config struct {
	Us     wire.NodeID
	Chain  chainhash.Hash
	Source Chain
	Ledger Ledger
	Height func() uint32
	Store  durable.Writer
	Ours   func(wire.NodeID) bool // says with whom we have a channel
	Now    func() time.Time       // nil: the clock
	Flush  time.Duration          // between two batches of news to a peer; zero: 60 seconds
	Log    *slog.Logger
	Fatal  func(error) // a write failed: must end the process
}

// key names a message of which the latest is kept.
type key struct {
	kind uint16
	scid wire.ShortChannelID // zero: it is a rate
	side uint8               // of an update
	of   assetgraph.Exchange // whose rate
}

var (
	kindAnnouncement = (*wire.AssetChannelAnnouncement)(nil).Type()
	kindUpdate       = (*wire.AssetChannelUpdate)(nil).Type()
	kindRate         = (*wire.AssetRate)(nil).Type()
)

func announcementKey(scid wire.ShortChannelID) key { return key{kind: kindAnnouncement, scid: scid} }

func updateKey(u *wire.AssetChannelUpdate) key {
	return key{kind: kindUpdate, scid: u.ShortChannelID, side: u.ChannelFlags & wire.AssetDirection}
}

// row is how a message is kept; no raw forgets it.
func (k key) row(raw []byte) heard.Row {
	about := binary.BigEndian.AppendUint64(nil, uint64(k.scid))
	switch k.kind {
	case kindUpdate:
		about = append(about, k.side)
	case kindRate:
		about = binary.BigEndian.AppendUint32(k.of.Node[:], uint32(k.of.Property))
	}
	return heard.Row{Kind: k.kind, About: about, Raw: raw}
}

// entry is what a book knows of a channel beside the graph.
type entry struct {
	announcement []byte
	updates      [2][]byte // by direction
	since        uint32    // unix seconds when it came, or was loaded
	told         bool      // its announcement is among the news, or was before
	origins      [3]uint64 // the numbers of who told the announcement and the updates; zero: nobody
	drafts       int       // so many rows of it are not written yet
}

func (e *entry) knows(k key) *[]byte {
	if k.kind == kindUpdate {
		return &e.updates[k.side]
	}
	return &e.announcement
}

// origin says who told which message.
func (e *entry) origin(k key) *uint64 {
	if k.kind == kindUpdate {
		return &e.origins[1+k.side]
	}
	return &e.origins[0]
}

// draft is a row that is not written yet, and what there is to tell once it is.
type draft struct {
	of   *int // how many of the same thing are not written yet
	row  durable.Row
	tell []key
	from uint64 // the number of who told us; zero: nobody
}

// Book is the graph with its readers and writers. It is safe for concurrent use. The store,
// the chain, the ledger and peers are never asked with mu held.
type Book struct {
	cfg Config

	mu        sync.Mutex
	graph     *assetgraph.Graph
	entries   map[wire.ShortChannelID]*entry
	order     []wire.ShortChannelID // of entries, sorted; nil: to be made
	early     early
	refused   spread.Refused[wire.ShortChannelID]
	claims    spread.Refused[claim]
	suspected map[wire.ShortChannelID]bool // may be spent: the chain could not be asked
	offers    map[assetgraph.Exchange]*offer
	line      []assetgraph.Exchange // of offers, sorted; nil: to be made
	rates     spread.Rates[key]
	news      spread.News[key, uint64] // peers by number
	drafts    []draft
	peers     map[Peer]*conversation
	met       uint64 // how many peers have come
	strangers credits
	turn      uint64 // the number from which on strangers have theirs first
	nextPrune time.Time

	writing sync.Mutex    // held while drafts are written
	serving sync.Mutex    // held while peers are told
	looking chan struct{} // has a token for each look at the chain for a stranger
	wake    chan struct{} // has a token when there may be something for Run to do
}

// New makes a book from what was stored.
func New(cfg Config, stored []heard.Row) (*Book, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Flush == 0 {
		cfg.Flush = defaultFlush
	}
	now := cfg.Now()
	b := &Book{
		cfg: cfg, graph: assetgraph.New(cfg.Chain), entries: map[wire.ShortChannelID]*entry{}, early: early{}, claims: spread.NewRefused[claim](),
		refused: spread.NewRefused[wire.ShortChannelID](), rates: spread.Rates[key]{}, news: spread.NewNews[key, uint64](), peers: map[Peer]*conversation{},
		strangers: newCredits(now), nextPrune: now.Add(pruneEvery), looking: make(chan struct{}, maxLooking), wake: make(chan struct{}, 1),
		suspected: map[wire.ShortChannelID]bool{}, offers: map[assetgraph.Exchange]*offer{},
	}
	for _, r := range stored {
		if err := b.load(r.Raw); err != nil {
			return nil, fmt.Errorf("stored gossip of channels with tokens: %w", err)
		}
	}
	return b, nil
}

// decode reads a message that was stored.
func decode(raw []byte) (wire.Message, error) {
	m, err := wire.Decode(raw)
	if err != nil {
		return nil, err
	}
	u, ok := m.(*wire.Unknown)
	if !ok {
		return nil, errors.New("a stored message is a " + wire.Name(m))
	}
	return wire.DecodeAsset(u)
}

func (b *Book) load(raw []byte) error {
	m, err := decode(raw)
	if err != nil {
		return err
	}
	b.graph.Load(m)
	switch m := m.(type) {
	case *wire.AssetChannelAnnouncement:
		if _, ok := b.graph.ByID(m.ShortChannelID); ok {
			b.entries[m.ShortChannelID] = &entry{announcement: raw, since: b.now()}
		}
	case *wire.AssetChannelUpdate:
		if e := b.entries[m.ShortChannelID]; e != nil {
			*e.knows(updateKey(m)), e.told = raw, true
		}
	case *wire.AssetRate:
		if of := assetgraph.ExchangeOf(m); b.graph.Member(of) {
			b.offers[of] = &offer{raw: raw, credit: newOfferCredit(b.cfg.Now())}
		}
	}
	return nil
}

// now is the time in unix seconds.
func (b *Book) now() uint32 { return uint32(max(b.cfg.Now().Unix(), 0)) } //nolint:gosec // until 2106

// Read gives the graph to f, which must not keep it.
func (b *Book) Read(f func(g *assetgraph.Graph)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b.graph)
}

// Tick does what is due: writes what was accepted, tells peers what they do not know yet,
// forgets what is stale.
func (b *Book) Tick(ctx context.Context) {
	b.prune()
	b.Save(ctx)
	b.serve()
}

// Message takes a message of a peer with the feature.
func (b *Book) Message(ctx context.Context, p Peer, m wire.Message) {
	switch m := m.(type) {
	case *wire.AssetChannelAnnouncement:
		b.announcement(ctx, p, m)
	case *wire.AssetChannelUpdate:
		b.update(p, m)
	case *wire.AssetRate:
		b.rate(p, m)
	}
}

// Blame ends the connection to a peer that breaks a rule, after a warning.
func (b *Book) Blame(p Peer, why error) {
	b.cfg.Log.Info("bad gossip of tokens", "peer", p.ID(), "why", why)
	b.tell(p, &wire.Warning{Data: []byte(why.Error())})
	p.Disconnect(why)
}

func (b *Book) tell(p Peer, msgs ...wire.Message) {
	if err := p.Send(msgs...); err != nil {
		b.cfg.Log.Debug("gossip of tokens not sent", "peer", p.ID(), "why", err)
	}
}

// Own takes an announcement, an update or a rate of ours, which must be good, and tells every
// peer without waiting for the next batch of news. Errors: those of package assetgraph, and
// [ErrEnough] of a rate that others would not take yet.
func (b *Book) Own(ctx context.Context, m wire.Message) error {
	b.mu.Lock()
	err := error(nil)
	switch m := m.(type) {
	case *wire.AssetChannelAnnouncement:
		if err = b.graph.Check(m); err == nil {
			err = b.add(nil, m, true)
		}
	case *wire.AssetChannelUpdate:
		if err = b.graph.Fresh(m, b.now()); err == nil {
			err = b.change(nil, m)
		}
	case *wire.AssetRate:
		if err = b.graph.FreshRate(m, b.now()); err == nil {
			err = b.offer(nil, m, func() bool { return true })
		}
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", wire.Name(m), err)
	}
	b.Save(ctx)
	b.mu.Lock()
	for _, c := range b.peers {
		c.flushTo = b.news.End()
	}
	b.mu.Unlock()
	b.serve()
	return nil
}

// Update is our own update of a channel of ours; nil when there is none.
func (b *Book) Update(scid wire.ShortChannelID) *wire.AssetChannelUpdate {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.graph.ByID(scid)
	if !ok {
		return nil
	}
	for d, id := range c.Nodes {
		if raw := b.entries[scid].updates[d]; id == b.cfg.Us && raw != nil {
			if m, err := decode(raw); err == nil {
				return m.(*wire.AssetChannelUpdate)
			}
		}
	}
	return nil
}

// Announced says whether a channel is.
func (b *Book) Announced(scid wire.ShortChannelID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.graph.ByID(scid)
	return ok
}

// add takes an announcement that was checked. It is called with mu held.
func (b *Book) add(from Peer, m *wire.AssetChannelAnnouncement, checked bool) error {
	c, err := b.graph.Add(m)
	if err != nil {
		return err
	}
	c.Checked = checked
	k, e := announcementKey(c.SCID), &entry{announcement: wire.Encode(m), since: b.now()}
	*e.origin(k) = b.number(from)
	b.entries[c.SCID], b.order = e, nil
	b.draft(draft{of: &e.drafts, row: k.row(e.announcement)})
	return nil
}

// change takes an update that is fresh. An announcement is told with the first of them. It
// is called with mu held.
func (b *Book) change(from Peer, m *wire.AssetChannelUpdate) error {
	if err := b.graph.Update(m); err != nil {
		return err
	}
	e, k, raw := b.entries[m.ShortChannelID], updateKey(m), wire.Encode(m)
	*e.knows(k), *e.origin(k) = raw, b.number(from)
	if !e.told {
		e.told = true
		first := announcementKey(m.ShortChannelID)
		b.draft(draft{of: &e.drafts, row: first.row(e.announcement), tell: []key{first}, from: *e.origin(first)})
	}
	b.draft(draft{of: &e.drafts, row: k.row(raw), tell: []key{k}, from: b.number(from)})
	return nil
}

// draft adds what is to be written. It is called with mu held, as number is.
func (b *Book) draft(d draft) {
	*d.of++
	b.drafts = append(b.drafts, d)
}

// number is that of a peer's conversation; zero: there is none.
func (b *Book) number(p Peer) uint64 {
	if c := b.peers[p]; c != nil {
		return c.number
	}
	return 0
}

// raw is a message as it came; nil: it is gone. It is called with mu held, as unwritten is.
func (b *Book) raw(k key) []byte {
	if k.kind == kindRate {
		if o := b.offers[k.of]; o != nil {
			return o.raw
		}
	} else if e := b.entries[k.scid]; e != nil {
		return *e.knows(k)
	}
	return nil
}

// unwritten says whether the latest of what a key is of is not on disk yet.
func (b *Book) unwritten(k key) bool {
	if k.kind == kindRate {
		o := b.offers[k.of]
		return o != nil && o.drafts > 0
	}
	e := b.entries[k.scid]
	return e != nil && e.drafts > 0
}

// read is the messages of some keys, without those that are gone. It is called with mu held.
func (b *Book) read(keys ...key) (out []wire.Message) {
	const number = 2 // bytes of the type
	for _, k := range keys {
		if raw := b.raw(k); raw != nil {
			out = append(out, &wire.Unknown{MsgType: k.kind, Payload: raw[number:]})
		}
	}
	return out
}

// Save writes the drafts, as [Book.Tick] does: what is passed on afterwards is still known
// after a crash.
func (b *Book) Save(ctx context.Context) {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	list := b.drafts
	b.drafts = nil
	b.mu.Unlock()
	if len(list) == 0 {
		return
	}
	all := make([]durable.Row, len(list))
	for i := range list {
		all[i] = list[i].row
	}
	if err := b.cfg.Store.Write(ctx, all...); err != nil {
		b.mu.Lock()
		b.drafts = slices.Concat(list, b.drafts) // the last Save of a node that stops writes them
		b.mu.Unlock()
		if ctx.Err() == nil {
			b.cfg.Fatal(err)
		}
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range list {
		*d.of--
		for _, k := range d.tell {
			b.news.Add(k, d.from, b.cfg.Now())
		}
	}
}

// Keep forgets the channels of ours that are not among some.
func (b *Book) Keep(ctx context.Context, some ...wire.ShortChannelID) {
	b.mu.Lock()
	for _, c := range b.graph.Channels() {
		if b.mine(c) && !slices.Contains(some, c.SCID) {
			b.cfg.Log.Info("an announced channel of ours is no more", "channel", c.SCID)
			b.forget(c.SCID)
		}
	}
	b.mu.Unlock()
	b.Save(ctx)
}

// forget takes channels out of the graph and off the disk, and the rates for which they were
// the last. It is called with mu held.
func (b *Book) forget(scids ...wire.ShortChannelID) {
	for _, scid := range scids {
		e := b.entries[scid]
		c, ok := b.graph.ByID(scid)
		if !ok {
			continue
		}
		b.graph.Remove(scid)
		delete(b.entries, scid)
		b.order = nil
		for _, k := range []key{announcementKey(scid), {kind: kindUpdate, scid: scid}, {kind: kindUpdate, scid: scid, side: 1}} {
			b.draft(draft{of: &e.drafts, row: k.row(nil)})
		}
		for _, id := range c.Nodes {
			if of := (assetgraph.Exchange{Node: id, Property: c.Property}); !b.graph.Member(of) {
				b.drop(of)
			}
		}
	}
}
