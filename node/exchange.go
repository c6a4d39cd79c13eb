package node

import (
	"context"
	"time"

	"github.com/leyden-ln/leyden/internal/exchange"
	"github.com/leyden-ln/leyden/internal/rate"
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
