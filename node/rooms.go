package node

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/peer"
	"github.com/leyden-ln/leyden/internal/route"
	"github.com/leyden-ln/leyden/internal/terms"
)

// The types below show one room to another through the interface that the other
// owns.

// offering shows the receiver to the links.
type offering struct{ n *Node }

func (o offering) Offer(in channel.Incoming, p onion.Payload) { o.n.receiver.Offer(in, p) }

// results shows the sender to the links.
type results struct{ n *Node }

func (r results) Resolved(x channel.Resolved)       { r.n.sender.Resolved(x) }
func (r results) Refused(attempt uint64, why error) { r.n.sender.Refused(attempt, why) }

// network shows the graph and our channels to the sender.
type network struct{ n *Node }

// Height implements [sender.Network].
func (w network) Height() (height uint32, known <-chan struct{}, why error) {
	if known, why = w.n.present.Wait(); why != nil {
		why = fmt.Errorf("%w: %w", ErrSyncing, why)
	}
	return w.n.Height(), known, why
}

func unixNow() uint64 { return uint64(max(time.Now().Unix(), 0)) } //nolint:gosec // not negative

// Routes implements [sender.Network].
func (w network) Routes(height uint32, f *pay.Find) (routes []pay.Route, err error) {
	q := route.Query{Us: w.n.ID(), Height: height, Find: f, Memory: &w.n.memory, Now: unixNow(), Updates: f.Updates}
	if f.Offers != nil {
		own, announced := w.n.ownTokens(), w.n.assets.Of(f.Property)
		q.Own = w.n.own()
		w.n.book.Read(func(g *graph.Graph) {
			w.n.memoryMu.Lock()
			defer w.n.memoryMu.Unlock()
			routes, err = route.FindOver(g, q, own, announced)
		})
		err = w.n.backing.Explain(f.Property, err)
	} else if f.Property != 0 {
		own, announced := w.n.ownTokens(), w.n.assets.Of(f.Property)
		w.n.memoryMu.Lock()
		routes, err = route.FindTokens(q, own, announced)
		w.n.memoryMu.Unlock()
		err = w.n.backing.Explain(f.Property, err)
	} else {
		q.Own = w.n.own()
		w.n.book.Read(func(g *graph.Graph) {
			w.n.memoryMu.Lock()
			defer w.n.memoryMu.Unlock()
			routes, err = route.Find(g, q)
		})
	}
	if err == nil {
		w.n.traces.Emit(events.Trace{
			Time: time.Now(), Step: events.FindPath, PaymentHash: f.PaymentHash, Amount: f.Amount, Property: f.Property, Units: f.Units, Note: route.Describe(routes),
		})
	}
	return routes, err
}

// Hope implements [sender.Network].
func (w network) Hope() <-chan struct{} { return w.n.away.Hope() }

// own are our channels that can carry an HTLC now.
func (n *Node) own() []route.Own {
	var out []route.Own
	for _, l := range n.links.All() {
		spendable, usable := l.Capacity()
		if !usable {
			continue
		}
		p := l.Params()
		scid := terms.LocalID(p, l.Status())
		if scid == 0 || p.Property != 0 {
			continue
		}
		out = append(out, route.Own{
			SCID: scid, Peer: p.Peer, Spendable: spendable, Minimum: p.RemoteLimits.HTLCMinimum,
			Maximum: min(p.Capacity.Msat(), p.RemoteLimits.MaxHTLCValueInFlight),
		})
	}
	return out
}

// ownTokens are our channels with tokens that can carry an HTLC now.
func (n *Node) ownTokens() []route.OwnTokens {
	var out []route.OwnTokens
	for _, l := range n.links.All() {
		p := l.Params()
		if p.Property == 0 {
			continue
		}
		units, carrier, usable := l.Tokens()
		if scid := terms.LocalID(p, l.Status()); usable && scid != 0 {
			out = append(out, route.OwnTokens{SCID: scid, Peer: p.Peer, Property: p.Property, Spendable: units, Carrier: carrier})
		}
	}
	return out
}

// Learn implements [sender.Network].
func (w network) Learn(lessons []pay.Lesson) {
	w.n.memoryMu.Lock()
	defer w.n.memoryMu.Unlock()
	for _, l := range lessons {
		w.n.memory.Learn(l, unixNow())
	}
}

// SetCustom says who hears of messages that no BOLT has.
func (n *Node) SetCustom(c peer.Custom) { n.custom.Store(&c) }

// handler shows the node to its connections.
type handler struct{ n *Node }

func (h handler) PeerUp(p *peer.Peer) {
	h.n.log.Debug("connected", "peer", p.ID(), "addr", p.Addr(), "we called", p.Outbound())
	h.n.keeper.Up(h.n.ctx, p)
	h.n.book.Up(p)
	h.n.assets.Up(p)
	for _, l := range h.n.linksOf(p.ID()) {
		l.Up(p)
	}
}

func (h handler) PeerDown(p *peer.Peer, reason error) {
	links := h.n.linksOf(p.ID())
	level := slog.LevelDebug // a stranger must not fill the log
	if len(links) > 0 {
		level = slog.LevelInfo
	}
	h.n.log.Log(h.n.ctx, level, "disconnected", "peer", p.ID(), "why", reason)
	if c := h.n.custom.Load(); c != nil {
		(*c).Down(p)
	}
	h.n.keeper.Down(p.ID())
	h.n.book.Down(p)
	h.n.assets.Down(p)
	h.n.funding.Down(p)
	h.n.away.Gone(links) // before a payment hears that a channel refuses it
	for _, l := range links {
		l.Down(p)
	}
	h.n.forgetConnection(p.ID())
}

func (h handler) PeerMessage(p *peer.Peer, m wire.Message) {
	n := h.n
	if u, ok := m.(*wire.Unknown); ok {
		if u.AssetGossip() {
			n.assets.Hear(n.ctx, p, u)
		} else if c := n.custom.Load(); c != nil {
			(*c).Message(p, u)
		}
		return
	}
	if u, ok := m.(*wire.ChannelUpdate); ok {
		n.expect(p, u.ShortChannelID)
	}
	if n.book.Message(n.ctx, p, m) || n.funding.Message(n.ctx, p, m) || n.keeper.Message(n.ctx, p, m) {
		return
	}
	id, all := wire.ChannelOf(m)
	if all {
		for _, l := range n.linksOf(p.ID()) {
			l.Message(p, m)
		}
		return
	}
	if l, ok := n.links.Get(id); ok && l.Params().Peer == p.ID() {
		l.Message(p, m)
		return
	}
	// An error about no channel of ours is ignored (BOLT 1), and a stranger must not fill
	// the log.
	switch m := m.(type) {
	case *wire.Error:
		n.log.Debug("peer says", "peer", p.ID(), "error", wire.Printable(m.Data))
	case *wire.Warning:
		n.log.Debug("peer says", "peer", p.ID(), "warning", wire.Printable(m.Data))
	case *wire.ChannelReestablish:
		if err := p.Send(&wire.Error{ChannelID: id, Data: []byte("unknown channel")}); err != nil {
			n.log.Debug("not sent", "peer", p.ID(), "why", err)
		}
	default:
		n.log.Debug("message of an unknown channel", "peer", p.ID(), "message", wire.Name(m))
	}
}

func (n *Node) linksOf(id wire.NodeID) []*link.Link {
	var out []*link.Link
	for _, l := range n.links.All() {
		if l.Params().Peer == id {
			out = append(out, l)
		}
	}
	return out
}

// welcome says of whom a connection is taken however many strangers there are.
func (n *Node) welcome(id wire.NodeID) bool { return slices.ContainsFunc(n.linksOf(id), n.real) }

// real says whether a channel is not over, and more than its peer's word.
func (n *Node) real(l *link.Link) bool { return l.Status().Status != channel.Closed && !n.awaits(l) }
