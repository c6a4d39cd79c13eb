package node

import (
	"bytes"
	"context"
	"io"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/inbound"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/terms"
)

// NewInvoice makes and stores an invoice. A zero preimage or secret is drawn at
// random; hints through our unannounced channels are added when there are none and we
// have no other.
// Errors: those of package invoice.
func (n *Node) NewInvoice(ctx context.Context, r invoice.Request) (invoice.Row, error) {
	for _, b := range [][]byte{r.Preimage[:], r.Secret[:]} {
		if len(bytes.Trim(b, "\x00")) == 0 {
			if _, err := io.ReadFull(n.cfg.Random, b); err != nil {
				return invoice.Row{}, err
			}
		}
	}
	if r.Hints == nil && r.Property == 0 {
		r.Hints = n.Incoming(inbound.Exposure{}).Hints
	} else if r.Hints == nil {
		r.Hints = n.IncomingTokens(r.Property, nil).Hints
	}
	row, err := invoice.New(r, n.issuer(), unixNow())
	if err != nil {
		return row, err
	}
	return n.storeInvoice(ctx, row)
}

// SignInvoice signs an invoice that was made elsewhere. Errors: those of
// [bolt11.Sign].
func (n *Node) SignInvoice(text string) (*bolt11.Invoice, string, error) {
	return bolt11.Sign(text, n.issuer().Signer)
}

// CreateInvoice signs and stores an invoice that was made elsewhere. Errors: those of
// [bolt11.Sign] and of package invoice.
func (n *Node) CreateInvoice(ctx context.Context, text, label string, preimage wire.Preimage) (invoice.Row, error) {
	inv, signed, err := n.SignInvoice(text)
	if err != nil {
		return invoice.Row{}, err
	}
	row, err := invoice.Of(inv, signed, label, preimage, n.prefix, unixNow())
	if err != nil {
		return row, err
	}
	return n.storeInvoice(ctx, row)
}

func (n *Node) issuer() invoice.Issuer {
	return invoice.Issuer{Network: n.prefix, Signer: bolt11.Signer{ID: n.ID(), Sign: n.ring.Node().SignRecoverable}}
}

func (n *Node) storeInvoice(ctx context.Context, row invoice.Row) (invoice.Row, error) {
	row, err := n.receiver.Create(ctx, row)
	if n.failed(ctx, err) {
		n.fatal(err)
	}
	return row, err
}

// Incoming finds out what can reach us when an invoice names channels as e says.
func (n *Node) Incoming(e inbound.Exposure) inbound.Incoming { return inbound.Of(n.ways(), e) }

// IncomingTokens finds out what of an asset can reach us: over all channels of it, or
// those that are named.
func (n *Node) IncomingTokens(property amount.Property, only []wire.ShortChannelID) inbound.Tokens {
	return inbound.TokensOf(n.ways(), property, only)
}

// ways are our open channels, from outside.
func (n *Node) ways() (ways []inbound.Way) {
	for _, l := range n.links.All() {
		p, status := l.Params(), l.Status()
		id := terms.RemoteID(p, status)
		if id == 0 || status.Status != channel.Open || l.Held() != "" {
			continue
		}
		v := l.View()
		w := inbound.Way{
			Names: []wire.ShortChannelID{status.SCID, p.LocalAlias, status.RemoteAlias},
			Size:  v.Receivable, Property: p.Property, Units: v.TokensReceivable,
			// Others hear of a channel that is to be announced soon enough, but for one
			// that is used before it is in a block.
			Announced: p.Announce && (p.MinimumDepth > 0 || n.public(status.SCID)),
			DeadEnd:   func() bool { return !n.reachable(p.Peer) },
		}
		_, w.Connected = n.peers.Get(p.Peer)
		if u := n.peerTerms(l); u != nil {
			w.Hint = bolt11.HopHint{
				NodeID: p.Peer, SCID: id, FeeBaseMsat: u.FeeBaseMsat,
				FeeProportionalMillionths: u.FeeProportionalMillionths, CLTVExpiryDelta: u.CLTVExpiryDelta,
			}
		}
		ways = append(ways, w)
	}
	return ways
}

// reachable says whether a node has a public channel with another than us.
func (n *Node) reachable(id wire.NodeID) (yes bool) {
	n.book.Read(func(g *graph.Graph) {
		at, known := g.NodeIndex(id)
		if !known {
			return
		}
		us, _ := g.NodeIndex(n.ID())
		for _, i := range g.Nodes()[at].Channels {
			c := &g.Channels()[i]
			if c.Public() && c.Nodes[0] != us && c.Nodes[1] != us {
				yes = true
				return
			}
		}
	})
	return yes
}
