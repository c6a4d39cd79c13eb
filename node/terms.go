package node

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store"
)

// terms are those of our channels.
type terms struct {
	mu    sync.Mutex
	own   map[wire.ChannelID]store.TermsRow // where they are not the node's
	older map[wire.ChannelID][]oldTerms
}

// oldTerms are terms that are honoured for a while, since gossip needs time.
type oldTerms struct {
	policy relay.Policy
	until  time.Time
}

// maxOlder is how many older terms of a channel are honoured.
const maxOlder = 8

// limits are between what the least and the most of an HTLC may be.
func limits(l *link.Link, node relay.Policy) (least, most amount.MilliSatoshi) {
	p := l.Params()
	return max(node.HTLCMinimum, p.RemoteLimits.HTLCMinimum), min(p.Capacity.Msat(), p.RemoteLimits.MaxHTLCValueInFlight)
}

// of are the terms of a channel, as its channel_update says them, with the older ones
// that still hold.
func (t *terms) of(l *link.Link, node relay.Policy, now time.Time) (relay.Policy, []relay.Policy) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var older []relay.Policy
	for _, o := range t.older[l.ID()] {
		if now.Before(o.until) {
			older = append(older, o.policy)
		}
	}
	return t.current(l, node), older
}

// current is called with mu held.
func (t *terms) current(l *link.Link, node relay.Policy) relay.Policy {
	least, most := limits(l, node)
	out := node
	out.HTLCMinimum, out.HTLCMaximum = least, most
	own := t.own[l.ID()]
	if own.FeeBase != nil {
		out.FeeBaseMsat = *own.FeeBase
	}
	if own.FeePPM != nil {
		out.FeeProportionalMillionths = *own.FeePPM
	}
	if own.HTLCMin != nil {
		out.HTLCMinimum = max(*own.HTLCMin, least)
	}
	if own.HTLCMax != nil {
		out.HTLCMaximum = min(*own.HTLCMax, most)
	}
	return out
}

func (n *Node) loadTerms(ctx context.Context) error {
	rows, err := n.store.Terms(ctx)
	n.terms.own, n.terms.older = map[wire.ChannelID]store.TermsRow{}, map[wire.ChannelID][]oldTerms{}
	for _, r := range rows {
		n.terms.own[r.Channel] = r
	}
	return err
}

// Terms are at what a channel forwards.
func (n *Node) Terms(l *link.Link) relay.Policy {
	p, _ := n.terms.of(l, n.cfg.Relay, time.Now())
	return p
}

// Limits are the least and the most that an HTLC over a channel may be set to.
func (n *Node) Limits(l *link.Link) (least, most amount.MilliSatoshi) { return limits(l, n.cfg.Relay) }

// SetTerms changes what is not nil of the terms of channels, on disk and in their
// channel_updates. The terms before hold beside them for a while.
func (n *Node) SetTerms(ctx context.Context, links []*link.Link, change store.TermsRow, honour time.Duration) error {
	now := time.Now()
	n.terms.mu.Lock()
	rows := make([]durable.Row, 0, len(links))
	own, older := maps.Clone(n.terms.own), maps.Clone(n.terms.older)
	for _, l := range links {
		row, id := own[l.ID()], l.ID()
		row.Channel = id
		if change.FeeBase != nil {
			row.FeeBase = change.FeeBase
		}
		if change.FeePPM != nil {
			row.FeePPM = change.FeePPM
		}
		if change.HTLCMin != nil {
			row.HTLCMin = change.HTLCMin
		}
		if change.HTLCMax != nil {
			row.HTLCMax = change.HTLCMax
		}
		own[id] = row
		kept := append([]oldTerms{{n.terms.current(l, n.cfg.Relay), now.Add(honour)}}, older[id]...)
		older[id] = kept[:min(len(kept), maxOlder)]
		rows = append(rows, row)
	}
	if err := n.store.Write(ctx, rows...); err != nil {
		n.terms.mu.Unlock()
		if n.failed(ctx, err) {
			n.fatal(err)
		}
		return err
	}
	n.terms.own, n.terms.older = own, older
	n.terms.mu.Unlock()
	for _, l := range links {
		n.renewUpdate(l)
	}
	return nil
}

// DeleteForward forgets a forward that has ended.
func (n *Node) DeleteForward(ctx context.Context, in wire.ChannelID, htlc uint64, status store.ForwardStatus) error {
	err := n.store.Write(ctx, store.ForwardDeletedRow{Channel: in, HTLC: htlc, Status: status})
	if !errors.Is(err, store.ErrGone) && n.failed(ctx, err) {
		n.fatal(err)
	}
	return err
}
