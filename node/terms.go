package node

import (
	"context"
	"errors"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/terms"
)

func (n *Node) loadTerms(ctx context.Context) error {
	rows, err := n.store.Terms(ctx)
	n.terms = terms.Load(n.cfg.Relay, rows)
	return err
}

// Terms are at what a channel forwards.
func (n *Node) Terms(l *link.Link) relay.Policy {
	p, _ := n.terms.Of(l, time.Now())
	return p
}

// Limits are the least and the most that an HTLC over a channel may be set to.
func (n *Node) Limits(l *link.Link) (least, most amount.MilliSatoshi) { return n.terms.Limits(l) }

// SetTerms changes what is not nil of the terms of channels, on disk and in their
// channel_updates. The terms before hold beside them for a while.
func (n *Node) SetTerms(ctx context.Context, links []*link.Link, change store.TermsRow, honour time.Duration) error {
	if err := n.terms.Change(ctx, n.store, links, change, honour); err != nil {
		if n.failed(ctx, err) {
			n.fatal(err)
		}
		return err
	}
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
