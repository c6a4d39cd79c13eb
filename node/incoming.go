package node

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/link"
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
		r.Hints = n.Incoming(Exposure{}).Hints
	}
	row, err := invoice.New(r, n.issuer(), unixNow())
	if err != nil {
		return row, err
	}
	return row, n.storeInvoice(ctx, row)
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
	return row, n.storeInvoice(ctx, row)
}

func (n *Node) issuer() invoice.Issuer {
	return invoice.Issuer{Network: n.prefix, Signer: bolt11.Signer{ID: n.ID(), Sign: n.ring.Node().SignRecoverable}}
}

func (n *Node) storeInvoice(ctx context.Context, row invoice.Row) error {
	err := n.receiver.Create(ctx, row)
	if n.failed(ctx, err) {
		n.fatal(err)
	}
	return err
}

// maxHints is how many unannounced channels an invoice names.
const maxHints = 4

// Exposure says which channels an invoice names as ways to us. When it says nothing,
// they are the unannounced ones, if there are no others.
type Exposure struct {
	All  bool                  // every unannounced one
	None bool                  // none
	Only []wire.ShortChannelID // just these, by any name that they have
}

// Incoming is what can reach us, each channel counted once.
type Incoming struct {
	Hints [][]bolt11.HopHint // the largest first; never nil

	Ready    amount.MilliSatoshi // over channels that a payer can use now
	Offline  amount.MilliSatoshi // over those whose peer is away
	DeadEnds amount.MilliSatoshi // over those whose peer has no other public channel
	Private  amount.MilliSatoshi // over those of which a payer cannot know
	Largest  amount.MilliSatoshi // over one channel that a payer can use now
}

// way is one channel of ours, from outside.
type way struct {
	l         *link.Link
	size      amount.MilliSatoshi
	announced bool
	hint      bolt11.HopHint
	hinted    bool
}

// Incoming finds out what can reach us when an invoice names channels as e says.
func (n *Node) Incoming(e Exposure) Incoming {
	ways, public := n.ways()
	out := Incoming{Hints: [][]bolt11.HopHint{}}
	for i := range ways {
		w := &ways[i]
		if n.exposes(e, w, public) && w.hint.SCID != 0 && len(out.Hints) < maxHints {
			w.hinted = true
			out.Hints = append(out.Hints, []bolt11.HopHint{w.hint})
		}
	}
	for i := range ways {
		w := &ways[i]
		_, connected := n.peers.Get(w.l.Params().Peer)
		switch {
		case !w.announced && !w.hinted:
			out.Private += w.size
		case !connected:
			out.Offline += w.size
		case !n.reachable(w.l.Params().Peer):
			out.DeadEnds += w.size
		default:
			out.Ready += w.size
			out.Largest = max(out.Largest, w.size)
		}
	}
	return out
}

// ways are our open channels, those with the most to receive first; public says that
// one of them is announced.
func (n *Node) ways() (ways []way, public bool) {
	for _, l := range n.links.All() {
		p, status := l.Params(), l.Status()
		id := terms.RemoteID(p, status)
		if id == 0 || status.Status != channel.Open {
			continue
		}
		w := way{l: l, size: l.View().Receivable}
		// Others hear of a channel that is to be announced soon enough, but for one
		// that is used before it is in a block.
		w.announced = p.Announce && (p.MinimumDepth > 0 || n.public(status.SCID))
		public = public || w.announced
		if u := n.peerTerms(l); u != nil {
			w.hint = bolt11.HopHint{
				NodeID: p.Peer, SCID: id, FeeBaseMsat: u.FeeBaseMsat,
				FeeProportionalMillionths: u.FeeProportionalMillionths, CLTVExpiryDelta: u.CLTVExpiryDelta,
			}
		}
		ways = append(ways, w)
	}
	slices.SortStableFunc(ways, func(a, b way) int { return cmp.Compare(b.size, a.size) })
	return ways, public
}

func (n *Node) exposes(e Exposure, w *way, public bool) bool {
	switch {
	case e.None:
		return false
	case e.Only != nil:
		p, s := w.l.Params(), w.l.Status()
		return slices.ContainsFunc(e.Only, func(id wire.ShortChannelID) bool {
			return id != 0 && (id == s.SCID || id == p.LocalAlias || id == s.RemoteAlias)
		})
	case e.All:
		return !w.announced
	}
	return !w.announced && !public
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
