package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
)

// ErrSyncing is that blocks are still being read: nobody knows yet whether the time
// of an HTLC is over.
var ErrSyncing = errors.New("the chain is still being read: try again when getinfo shows the newest block")

// behind is how many blocks the node may lag while it reveals a preimage.
const behind = 2

// SettleHeld gives the preimage of a held invoice that is accepted, and so takes the
// payment. Errors: those of [receiver.Receiver.Settle], and [ErrSyncing].
func (n *Node) SettleHeld(ctx context.Context, preimage wire.Preimage) (invoice.Row, error) {
	tip, err := n.cfg.Source.Tip(ctx)
	if err != nil {
		return invoice.Row{}, fmt.Errorf("the newest block: %w", err)
	}
	if tip.Height > n.Height()+behind {
		return invoice.Row{}, ErrSyncing
	}
	return n.receiver.Settle(ctx, preimage)
}
