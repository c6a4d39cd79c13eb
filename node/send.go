package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// ErrBroadcast means that the network refused a transaction: its coins are free
// again.
var ErrBroadcast = errors.New("the transaction was refused by the network")

// Send pays on-chain. The transaction is on disk before it is broadcast, and is
// offered again at each block until it confirms. What channels may need for their fees
// stays ([Node.Reserve]). Errors: those of [wallet.Wallet.Fund], and [ErrBroadcast].
func (n *Node) Send(ctx context.Context, r wallet.Request) (wallet.Funded, error) {
	var name [8]byte
	if _, err := io.ReadFull(n.cfg.Random, name[:]); err != nil {
		return wallet.Funded{}, err
	}
	r.Keep = n.Reserve()
	r.For = "withdraw " + hex.EncodeToString(name[:])
	pending, err := n.wallet.Fund(r)
	if err != nil {
		return wallet.Funded{}, err
	}
	ctx = context.WithoutCancel(ctx) // what the wallet has counted must reach the disk
	funded, err := pending.Commit(ctx, n.store)
	if err == nil {
		_, err = n.wallet.Publish(funded.Tx, r.For).Commit(ctx, n.store)
	}
	if err != nil {
		n.fatal(err)
		return funded, err
	}
	if err := n.cfg.Source.Broadcast(ctx, funded.Tx); errors.Is(err, chain.ErrRejected) {
		if _, gone := n.wallet.Abandon(funded.Tx.TxHash()).Commit(ctx, n.store); gone != nil {
			n.fatal(gone)
		}
		return funded, fmt.Errorf("%w: %w", ErrBroadcast, err)
	} else if err != nil {
		n.log.Warn("a transaction waits for the network", "tx", funded.Tx.TxHash(), "why", err)
	}
	return funded, nil
}
