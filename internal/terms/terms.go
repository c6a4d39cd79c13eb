package terms

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store"
)

// Book has the terms of our channels. It is safe for concurrent use.
type Book struct {
	node relay.Policy // of channels that have none of their own

	mu    sync.Mutex
	own   map[wire.ChannelID]store.TermsRow
	older map[wire.ChannelID][]old
}

// old are terms that are honoured for a while.
type old struct {
	policy relay.Policy
	until  time.Time
}

// maxOlder is how many older terms of a channel are honoured.
const maxOlder = 8

// Channel is one of our channels: a [link.Link].
type Channel interface {
	ID() wire.ChannelID
	Params() channel.ParamsRow
}

// Load makes a book of the node's terms and of what is stored.
func Load(node relay.Policy, rows []store.TermsRow) *Book {
	b := &Book{node: node, own: map[wire.ChannelID]store.TermsRow{}, older: map[wire.ChannelID][]old{}}
	for _, r := range rows {
		b.own[r.Channel] = r
	}
	return b
}

// Limits are between what the least and the most of an HTLC over a channel may be.
func (b *Book) Limits(l Channel) (least, most amount.MilliSatoshi) {
	p := l.Params()
	return max(b.node.HTLCMinimum, p.RemoteLimits.HTLCMinimum), min(p.Capacity.Msat(), p.RemoteLimits.MaxHTLCValueInFlight)
}

// Of are the terms of a channel, as its channel_update says them, with the older ones
// that still hold.
func (b *Book) Of(l Channel, now time.Time) (relay.Policy, []relay.Policy) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var older []relay.Policy
	for _, o := range b.older[l.ID()] {
		if now.Before(o.until) {
			older = append(older, o.policy)
		}
	}
	return b.current(l), older
}

// current is called with mu held.
func (b *Book) current(l Channel) relay.Policy {
	out, own := b.node, b.own[l.ID()]
	least, most := b.Limits(l)
	out.HTLCMinimum, out.HTLCMaximum = least, most
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

// Change changes what is not nil of the terms of channels, on disk first. The error is
// the disk's.
func (b *Book) Change(ctx context.Context, w durable.Writer, links []*link.Link, change store.TermsRow, honour time.Duration) error {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := make([]durable.Row, 0, len(links))
	own, older := maps.Clone(b.own), maps.Clone(b.older)
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
		kept := append([]old{{b.current(l), now.Add(honour)}}, older[id]...)
		older[id] = kept[:min(len(kept), maxOlder)]
		rows = append(rows, row)
	}
	if _, err := durable.Hold(struct{}{}, rows...).Commit(ctx, w); err != nil {
		return err
	}
	b.own, b.older = own, older
	return nil
}
