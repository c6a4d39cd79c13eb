package node

import (
	"context"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/internal/assetgossip"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/exchange"
	"github.com/leyden-ln/leyden/internal/herald"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store/rates"
)

// Exchange has the rates of bitcoin and tokens.
func (n *Node) Exchange() *exchange.Book { return n.rates }

// SetRate changes a rate, on disk first. The one before holds beside it for a while.
func (n *Node) SetRate(ctx context.Context, row rate.Row, honour time.Duration) (rate.Row, error) {
	row, err := n.rates.Set(ctx, row, honour)
	if n.failed(ctx, err) {
		n.fatal(err)
	}
	return row, err
}

func (n *Node) loadRates(ctx context.Context) error {
	rows, err := rates.Read(ctx, n.store.Queries())
	n.rates = exchange.Load(rows, n.store, time.Now)
	return err
}

func (n *Node) loadAssets(ctx context.Context) (err error) {
	n.assets, err = herald.Load(ctx, n.store.Queries(), herald.Config{
		Config: assetgossip.Config{
			Us: n.ID(), Chain: *n.cfg.Network.GenesisHash, Source: n.cfg.Source, Ledger: n.tokens, Height: n.Height, Store: n.store,
			Ours: n.welcome, Now: time.Now, Flush: n.flush(), Log: n.log, Fatal: n.fatal,
		},
		Carries: n.tokens.Carries, Sign: n.ring.Node().Sign, Disabled: n.disabled,
		Channels: func() (all []herald.Channel) {
			for _, l := range n.links.All() {
				all = append(all, l)
			}
			return all
		},
		Terms: func(c herald.Channel, now time.Time) relay.Policy {
			own, _ := n.terms.Of(c, now)
			return own
		},
		Rates: func() []rate.Row { return n.rates.All() },
	})
	return err
}

// AnnouncedRates are the rates of other nodes that may be believed now.
func (n *Node) AnnouncedRates() (out []assetgraph.Rate) {
	n.assets.Read(func(g *assetgraph.Graph) {
		out = g.Rates(uint32(unixNow())) //nolint:gosec // until 2106
	})
	return slices.DeleteFunc(out, func(r assetgraph.Rate) bool { return r.Node == n.ID() })
}
