package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
)

// ErrSyncing is that nobody knows yet how much time an HTLC has.
var ErrSyncing = errors.New("the present height of the chain is not known yet: try again when getinfo has no warning")

// Syncing says why the height is not known to be the present one:
// [present.ErrSource] or [present.ErrReading]. Nil: it is.
func (n *Node) Syncing() error { return n.present.Doubt() }

// PresentHeight is [Node.Height] once it is the present one. Error: [ErrSyncing].
func (n *Node) PresentHeight(ctx context.Context) (uint32, error) {
	if why := n.Syncing(); why != nil {
		if why = n.present.Ask(ctx); why != nil {
			return 0, fmt.Errorf("%w: %w", ErrSyncing, why)
		}
	}
	return n.Height(), nil
}

// SettleHeld gives the preimage of a held invoice that is accepted, and so takes the
// payment. Errors: those of [receiver.Receiver.Settle], and [ErrSyncing].
func (n *Node) SettleHeld(ctx context.Context, preimage wire.Preimage) (invoice.Row, error) {
	if why := n.present.Ask(ctx); why != nil {
		return invoice.Row{}, fmt.Errorf("%w: %w", ErrSyncing, why)
	}
	return n.receiver.Settle(ctx, preimage)
}
