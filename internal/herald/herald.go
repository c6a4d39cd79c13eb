// Package herald announces this node's channels with tokens to nodes that carry tokens, and
// brings the book of all such channels what they say
// (docs/decisions/0010-gossip-of-token-channels.md).
//
//	h, err := herald.Load(ctx, store.Queries(), cfg)
//	h.Up(peer); h.Hear(ctx, peer, message); h.Down(peer)
//	h.Announce(link)           // whenever its announcement may go on
//	h.Tick(ctx)                // every second
//
// The wish of both sides is in the channel's parameters. When the channel is deep enough
// each side sends its signatures; who has both tells the others.
package herald

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgossip"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/store/db"
	"github.com/leyden-ln/leyden/internal/store/heard"
	"github.com/leyden-ln/leyden/internal/terms"
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

// Config is what a herald needs.
type Config struct {
	assetgossip.Config
	Carries  func() bool // whether this node carries tokens
	Sign     func(digest [32]byte) wire.Signature
	Links    func() *link.Links
	Terms    func() *terms.Book
	Disabled func(l *link.Link, before *wire.ChannelUpdate, now time.Time) bool // whether a channel takes no HTLCs for long
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
	sent   bool                              // our signatures
	theirs *wire.AssetAnnouncementSignatures // nil: not here yet
}

// Load makes a herald from what was stored.
func Load(ctx context.Context, q *db.Queries, cfg Config) (*Herald, error) {
	rows, err := heard.Read(ctx, q)
	if err != nil {
		return nil, err
	}
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

// Forget begins the announcement of a channel anew: on another connection.
func (h *Herald) Forget(id wire.ChannelID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.at, id)
}

// Hear takes a message with a number of such gossip: of others it may be anything.
func (h *Herald) Hear(ctx context.Context, p Peer, u *wire.Unknown) {
	if !h.hears(p) {
		return
	}
	m, err := wire.DecodeAsset(u)
	if err != nil {
		h.Blame(p, err)
		return
	}
	signatures, ok := m.(*wire.AssetAnnouncementSignatures)
	if !ok {
		h.Message(ctx, p, m)
		return
	}
	if l, ok := h.cfg.Links().Get(signatures.ChannelID); ok && l.Params().Peer == p.ID() {
		h.mu.Lock()
		h.progress(l.ID()).theirs = signatures
		h.mu.Unlock()
		h.Announce(ctx, l)
	}
}

// progress is called with mu held.
func (h *Herald) progress(id wire.ChannelID) *progress {
	if h.at[id] == nil {
		h.at[id] = &progress{}
	}
	return h.at[id]
}

// Tick is that of the book, and keeps our updates true.
func (h *Herald) Tick(ctx context.Context) {
	h.Book.Tick(ctx)
	for _, l := range h.cfg.Links().All() {
		h.renew(ctx, l)
	}
}

// due says whether a channel is to be announced now.
func (h *Herald) due(l *link.Link) bool {
	p, s := l.Params(), l.Status()
	return p.Property != 0 && p.Announce && s.ReadySent && s.SCID != 0 && s.Status == channel.Open &&
		h.cfg.Height()+1 >= s.SCID.Height()+announceDepth && h.cfg.Carries()
}

// Announce goes on with a channel's announcement as far as it can go now. What is sent is
// dropped by the link while there is no connection.
func (h *Herald) Announce(ctx context.Context, l *link.Link) {
	signer, ok := l.Signer().(interface{ SignAnnouncement([32]byte) wire.Signature })
	if !ok || !h.due(l) {
		return
	}
	p, scid := l.Params(), l.Status().SCID
	public := h.Announced(scid)
	h.mu.Lock()
	at := h.progress(l.ID())
	send, theirs := !at.sent && (!public || at.theirs != nil), at.theirs
	at.sent = at.sent || send
	h.mu.Unlock()
	if send || !public && theirs != nil { // else nothing is signed
		us, peer := graph.Half{Node: h.cfg.Us, Bitcoin: p.LocalKeys.Funding}, graph.Half{Node: p.Peer, Bitcoin: p.RemoteKeys.Funding}
		a := assetgraph.NewAnnouncement(h.cfg.Chain, scid, p.Property, p.Tokens, us, peer)
		hash := a.Digest()
		ours := &wire.AssetAnnouncementSignatures{
			ChannelID: l.ID(), ShortChannelID: scid, NodeSignature: h.cfg.Sign(hash), BitcoinSignature: signer.SignAnnouncement(hash),
		}
		if send {
			l.Send(ours)
		}
		if !public && theirs != nil {
			signed, err := assetgraph.Signed(a, h.cfg.Us, peer, ours, theirs)
			if err != nil {
				h.cfg.Log.Warn("channel not announced", "channel", l.ID(), "why", err)
				return
			}
			h.tell(ctx, signed)
		}
	}
	h.renew(ctx, l)
}

// tell tells something of our own. What the peer has told first is no fault.
func (h *Herald) tell(ctx context.Context, m wire.Message) {
	if err := h.Own(ctx, m); err != nil && ctx.Err() == nil && !errors.Is(err, assetgraph.ErrKnown) {
		h.cfg.Log.Error("own gossip refused", "why", err)
	}
}

// renew makes our update of an announced channel anew where what it says has changed, or it
// is old.
func (h *Herald) renew(ctx context.Context, l *link.Link) {
	p, scid := l.Params(), l.Status().SCID
	if p.Property == 0 || !p.Announce || !h.Announced(scid) {
		return
	}
	now := h.cfg.Now()
	own, _ := h.cfg.Terms().Of(l, now)
	limits := p.RemoteLimits.Tokens
	u := &wire.AssetChannelUpdate{
		ChainHash: h.cfg.Chain, ShortChannelID: scid, Timestamp: uint32(max(now.Unix(), 0)), //nolint:gosec // until 2106
		CLTVExpiryDelta: own.CLTVExpiryDelta, HTLCMinimum: limits.HTLCMinimum, HTLCMaximum: min(p.Tokens, limits.MaxInFlight),
		FeeBaseMsat: own.FeeBaseMsat, FeeProportionalMillionths: own.FeeProportionalMillionths,
		Carrier: max(l.View().Carrier, own.HTLCMinimum),
	}
	old := h.Update(scid)
	var before *wire.ChannelUpdate
	if old != nil {
		before = &wire.ChannelUpdate{ChannelFlags: old.ChannelFlags}
		if u.Carrier <= old.Carrier && old.Carrier/2 <= u.Carrier {
			u.Carrier = old.Carrier // it follows the feerate: small changes are nobody's business
		}
	}
	if l.Held() != "" || h.cfg.Disabled(l, before, now) {
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
