package herald

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgossip"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/gossip/spread"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store/db"
	"github.com/leyden-ln/leyden/internal/store/heard"
)

const (
	// announceDepth is how many confirmations a channel has when it is announced.
	announceDepth = 6
	// refreshAfter is the age at which an asset_channel_update is made anew, in seconds.
	refreshAfter = 13 * 24 * 3600
)

// Peer is a connection.
type Peer interface {
	assetgossip.Peer
	Features() wire.Features
}

// Channel is one of our channels: a [link.Link]. What it is to send while there is no
// connection, or before channel_reestablish, it drops.
type Channel interface {
	ID() wire.ChannelID
	Params() channel.ParamsRow
	Status() channel.StatusRow
	Signer() channel.Signer
	View() channel.View
	Held() string
	Send(msgs ...wire.Message)
}

// Config is what a herald needs.
type Config struct {
	assetgossip.Config
	Carries  func() bool // whether this node carries tokens
	Sign     func(digest [32]byte) wire.Signature
	Channels func() []Channel // that are not over
	Terms    func(c Channel, now time.Time) relay.Policy
	Rates    func() []rate.Row // at which this node exchanges
	// Disabled says whether a channel takes no HTLCs for long; before is nil or has what our
	// last update said of that.
	Disabled func(c Channel, before *wire.ChannelUpdate, now time.Time) bool
}

// Herald is the book with what is our own in it. It is safe for concurrent use.
type Herald struct {
	*assetgossip.Book
	cfg Config

	mu sync.Mutex
	at map[wire.ChannelID]*progress
}

// progress is how far a channel's announcement has come on this connection.
type progress struct {
	peer   wire.NodeID
	sent   wire.ShortChannelID               // for which our signatures went; zero: they did not
	theirs *wire.AssetAnnouncementSignatures // nil: not here yet
	from   Peer                              // who sent them
}

// Load makes a herald from what was stored.
func Load(ctx context.Context, q *db.Queries, cfg Config) (*Herald, error) {
	rows, err := heard.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	return New(cfg, rows)
}

// New is [Load] with what was read.
func New(cfg Config, rows []heard.Row) (*Herald, error) {
	book, err := assetgossip.New(cfg.Config, rows)
	return &Herald{Book: book, cfg: cfg, at: map[wire.ChannelID]*progress{}}, err
}

// Of are the announced channels with tokens of a property.
func (h *Herald) Of(property amount.Property) (out []assetgraph.Channel) {
	h.Read(func(g *assetgraph.Graph) { out = g.Of(property) })
	return out
}

// hears says whether gossip of channels with tokens goes to a peer, and is taken from it.
func (h *Herald) hears(p Peer) bool { return h.cfg.Carries() && p.Features().Has(wire.OptionOmniAsset) }

// Up begins to tell a peer what is known, if it has the feature.
func (h *Herald) Up(p Peer) {
	if h.hears(p) {
		h.Book.Up(p)
	}
}

// Down forgets a peer, and how far it has come with the announcements of channels.
func (h *Herald) Down(p Peer) {
	h.Book.Down(p)
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.at, func(_ wire.ChannelID, at *progress) bool { return at.peer == p.ID() })
}

// Reestablished begins the announcement of a channel anew, on another connection. What the
// peer has sent on it may have come before, as it comes on another way.
func (h *Herald) Reestablished(ctx context.Context, c Channel) {
	h.mu.Lock()
	if at := h.at[c.ID()]; at != nil {
		at.sent = 0
	}
	h.mu.Unlock()
	h.Announce(ctx, c)
}

// Hear takes a message with a number of such gossip: of others it may be anything. One that
// is too long is of a later time, and not read.
func (h *Herald) Hear(ctx context.Context, p Peer, u *wire.Unknown) {
	if !h.hears(p) {
		return
	}
	m, err := wire.DecodeAsset(u)
	switch {
	case errors.Is(err, wire.ErrLong):
		return
	case err != nil:
		h.Blame(p, err)
		return
	}
	signatures, ok := m.(*wire.AssetAnnouncementSignatures)
	if !ok {
		h.Message(ctx, p, m)
		return
	}
	for _, c := range h.cfg.Channels() {
		if c.ID() == signatures.ChannelID && c.Params().Peer == p.ID() && c.Params().Property != 0 {
			h.mu.Lock()
			at := h.progress(c)
			at.theirs, at.from = signatures, p
			h.mu.Unlock()
			h.Announce(ctx, c)
		}
	}
}

// progress is called with mu held.
func (h *Herald) progress(c Channel) *progress {
	id := c.ID()
	if h.at[id] == nil {
		h.at[id] = &progress{peer: c.Params().Peer}
	}
	return h.at[id]
}

// Tick is that of the book, and keeps our updates and rates true.
func (h *Herald) Tick(ctx context.Context) {
	h.Book.Tick(ctx)
	all := h.cfg.Channels()
	for _, c := range all {
		h.renew(ctx, c)
	}
	h.quote(ctx, all)
}

// Block is that of the book, and goes on with our announcements. Those of channels that are
// over, or that a reorganization has moved, are forgotten.
func (h *Herald) Block(ctx context.Context, txs ...*btcwire.MsgTx) {
	h.Book.Block(ctx, txs...)
	all := h.cfg.Channels()
	var ours []wire.ShortChannelID
	for _, c := range all {
		if p, s := c.Params(), c.Status(); p.Property != 0 && p.Announce {
			ours = append(ours, s.SCID)
		}
	}
	h.Keep(ctx, ours...)
	h.Poke()
	for _, c := range all {
		h.Announce(ctx, c)
	}
}

// due says whether a channel is to be announced now.
func (h *Herald) due(c Channel) bool {
	p, s := c.Params(), c.Status()
	return p.Property != 0 && p.Announce && s.ReadySent && s.SCID != 0 && s.Status == channel.Open && c.Held() == "" &&
		h.cfg.Height()+1 >= s.SCID.Height()+announceDepth && h.cfg.Carries()
}

// Announce goes on with a channel's announcement as far as it can go now.
func (h *Herald) Announce(ctx context.Context, c Channel) {
	signer, ok := c.Signer().(interface{ SignAnnouncement([32]byte) wire.Signature })
	if !ok || !h.due(c) {
		return
	}
	p, scid := c.Params(), c.Status().SCID
	public := h.Announced(scid)
	h.mu.Lock()
	at := h.progress(c)
	send, theirs, from := at.sent != scid && (!public || at.theirs != nil), at.theirs, at.from
	if send {
		at.sent = scid
	}
	h.mu.Unlock()
	// Signatures of another place are of before or after a reorganization.
	whole := !public && theirs != nil && theirs.ShortChannelID == scid
	if send || whole { // else nothing is signed
		us, peer := graph.Half{Node: h.cfg.Us, Bitcoin: p.LocalKeys.Funding}, graph.Half{Node: p.Peer, Bitcoin: p.RemoteKeys.Funding}
		a := assetgraph.NewAnnouncement(h.cfg.Chain, scid, p.Property, p.Tokens, us, peer)
		hash := a.Digest()
		ours := &wire.AssetAnnouncementSignatures{
			ChannelID: c.ID(), ShortChannelID: scid, NodeSignature: h.cfg.Sign(hash), BitcoinSignature: signer.SignAnnouncement(hash),
		}
		if send {
			c.Send(ours)
		}
		if whole {
			signed, err := assetgraph.Signed(a, h.cfg.Us, peer, ours, theirs)
			if err != nil {
				h.wrong(c, from, theirs, err)
				return
			}
			h.tell(ctx, signed)
		}
	}
	h.renew(ctx, c)
}

// wrong ends the connection to a peer whose half is not of the channel. It is forgotten.
func (h *Herald) wrong(c Channel, from Peer, half *wire.AssetAnnouncementSignatures, why error) {
	h.mu.Lock()
	if at := h.progress(c); at.theirs == half {
		at.theirs, at.from = nil, nil
	}
	h.mu.Unlock()
	h.Blame(from, why)
}

// tell tells something of our own. What the peer has told first is no fault, and a rate that
// has changed too often is told later.
func (h *Herald) tell(ctx context.Context, m wire.Message) {
	if err := h.Own(ctx, m); err != nil && ctx.Err() == nil && !errors.Is(err, assetgraph.ErrKnown) && !errors.Is(err, assetgossip.ErrEnough) {
		h.cfg.Log.Error("own gossip refused", "why", err)
	}
}

// renew makes our update of an announced channel anew where what it says has changed, or it
// is old.
func (h *Herald) renew(ctx context.Context, c Channel) {
	p, scid := c.Params(), c.Status().SCID
	if p.Property == 0 || !p.Announce || !h.Announced(scid) {
		return
	}
	now := h.cfg.Now()
	own, limits := h.cfg.Terms(c, now), p.RemoteLimits.Tokens
	u := &wire.AssetChannelUpdate{
		ChainHash: h.cfg.Chain, ShortChannelID: scid, Timestamp: uint32(max(now.Unix(), 0)), //nolint:gosec // until 2106
		CLTVExpiryDelta: own.CLTVExpiryDelta, HTLCMinimum: limits.HTLCMinimum, HTLCMaximum: min(p.Tokens, limits.MaxInFlight),
		FeeBaseMsat: own.FeeBaseMsat, FeeProportionalMillionths: own.FeeProportionalMillionths,
		Carrier: max(c.View().Carrier, own.HTLCMinimum),
	}
	old := h.Update(scid)
	var before *wire.ChannelUpdate
	if old != nil {
		before = &wire.ChannelUpdate{ChannelFlags: old.ChannelFlags}
		// It follows the feerate, which a peer may set: small changes are nobody's business, and
		// others take no more of them.
		if u.Carrier <= old.Carrier && old.Carrier/2 <= u.Carrier || u.Timestamp < old.Timestamp+spread.Interval {
			u.Carrier = old.Carrier
		}
	}
	if c.Held() != "" || h.cfg.Disabled(c, before, now) {
		u.ChannelFlags |= wire.AssetDisabled
	}
	if old != nil {
		if same(old, u) && u.Timestamp < old.Timestamp+refreshAfter {
			return
		}
		u.Timestamp = max(u.Timestamp, old.Timestamp+1)
	}
	h.tell(ctx, assetgraph.SignUpdate(u, h.cfg.Us, p.Peer, h.cfg.Sign))
}

func same(a, b *wire.AssetChannelUpdate) bool {
	return a.CLTVExpiryDelta == b.CLTVExpiryDelta && a.FeeBaseMsat == b.FeeBaseMsat && a.FeeProportionalMillionths == b.FeeProportionalMillionths &&
		a.HTLCMinimum == b.HTLCMinimum && a.HTLCMaximum == b.HTLCMaximum && a.Carrier == b.Carrier &&
		a.ChannelFlags&wire.AssetDisabled == b.ChannelFlags&wire.AssetDisabled
}
