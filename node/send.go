package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// ErrBroadcast means that the network refused a transaction: its coins are free
// again.
var ErrBroadcast = errors.New("the transaction was refused by the network")

// Send pays on-chain. The transaction is on disk before it is broadcast, and is
// offered again at each block until it confirms. What channels may need for their fees
// stays ([Node.Reserve]). Errors: those of [wallet.Wallet.Fund], and [ErrBroadcast].
func (n *Node) Send(ctx context.Context, r wallet.Request) (wallet.Funded, error) {
	p, err := n.fund(ctx, r, "withdraw ")
	if err != nil {
		return wallet.Funded{}, err
	}
	return p.Funded, n.publish(ctx, p)
}

// Prepared is a signed transaction that nobody has seen.
type Prepared struct {
	wallet.Funded
	name string
}

// preparing begins what the coins of a transaction are kept for that was prepared.
const preparing = "txprepare "

// preparedBlocks is how long the coins of a transaction that was prepared are kept.
const preparedBlocks = 72

// fund makes a transaction whose coins are kept for it under a new name.
func (n *Node) fund(ctx context.Context, r wallet.Request, what string) (p Prepared, err error) {
	var name [8]byte
	if _, err := io.ReadFull(n.cfg.Random, name[:]); err != nil {
		return p, err
	}
	p.name = what + hex.EncodeToString(name[:])
	r.Keep, r.For, r.Until = n.Reserve(), p.name, n.wallet.Height()+preparedBlocks-1
	pending, err := n.wallet.Fund(r)
	if err != nil {
		return p, err
	}
	p.Funded, err = commit(ctx, n, pending)
	return p, err
}

// publish writes that a transaction is to confirm, and broadcasts it.
func (n *Node) publish(ctx context.Context, p Prepared) error {
	ctx = context.WithoutCancel(ctx)
	if _, err := commit(ctx, n, n.wallet.Publish(p.Tx, p.name)); err != nil {
		return err
	}
	if err := n.cfg.Source.Broadcast(ctx, p.Tx); errors.Is(err, chain.ErrRejected) {
		_, _ = commit(ctx, n, n.wallet.Abandon(p.Tx.TxHash())) // the refusal is what is told
		return fmt.Errorf("%w: %w", ErrBroadcast, err)
	} else if err != nil {
		n.log.Warn("a transaction waits for the network", "tx", p.Tx.TxHash(), "why", err)
	}
	return nil
}

// ErrNotPrepared is that a transaction was not prepared, was sent or discarded already,
// or has kept its coins for too long.
var ErrNotPrepared = errors.New("no such transaction is prepared")

// Prepare makes a transaction and keeps its coins for it until it is sent or
// discarded, 72 blocks at the most, over a restart too. Errors: those of
// [wallet.Wallet.Fund].
func (n *Node) Prepare(ctx context.Context, r wallet.Request) (Prepared, error) {
	r.Prepare = true
	p, err := n.fund(ctx, r, preparing)
	if err != nil {
		return p, err
	}
	return n.take(p.Tx.TxHash())
}

// take finds a transaction that was prepared.
func (n *Node) take(txid chainhash.Hash) (p Prepared, err error) {
	var ok bool
	if p.Tx, p.Spent, p.name, ok = n.wallet.Prepared(txid); !ok {
		return p, ErrNotPrepared
	}
	return p, nil
}

// SendPrepared sends a transaction that was prepared. Errors: [ErrNotPrepared],
// [ErrBroadcast].
func (n *Node) SendPrepared(ctx context.Context, txid chainhash.Hash) (Prepared, error) {
	p, err := n.take(txid)
	if err != nil {
		return p, err
	}
	return p, n.publish(ctx, p)
}

// Discard sets the coins of a transaction free that was prepared. Error:
// [ErrNotPrepared].
func (n *Node) Discard(ctx context.Context, txid chainhash.Hash) (Prepared, error) {
	p, err := n.take(txid)
	if err != nil {
		return p, err
	}
	_, err = commit(ctx, n, n.wallet.Release(p.name))
	return p, err
}

// commit writes an outcome of the wallet, which has counted it already: it must reach the
// disk.
func commit[V any](ctx context.Context, n *Node, p durable.Pending[V]) (V, error) {
	v, err := p.Commit(context.WithoutCancel(ctx), n.store)
	if err != nil {
		n.fatal(err)
	}
	return v, err
}

// Pick chooses coins for a transaction that somebody else makes, and keeps them for so
// many blocks; zero: not at all. Errors: those of [wallet.Wallet.Pick].
func (n *Node) Pick(ctx context.Context, p wallet.Pick, blocks uint32) (wallet.Picked, uint32, error) {
	p.Keep = n.Reserve()
	if blocks > 0 {
		p.For = wallet.ByHand
		p.Until = uint32(min(uint64(n.wallet.Height())+uint64(blocks)-1, 1<<31)) //nolint:gosec // bounded
	}
	pending, err := n.wallet.Pick(p)
	if err != nil {
		return wallet.Picked{}, 0, err
	}
	out, err := commit(ctx, n, pending)
	return out, p.Until, err
}

// KeepCoins reserves coins. Error: [wallet.ErrNotFree].
func (n *Node) KeepCoins(ctx context.Context, coins []btcwire.OutPoint, blocks uint32, more bool) ([]wallet.Held, error) {
	pending, err := n.wallet.Keep(coins, blocks, more)
	if err != nil {
		return nil, err
	}
	return commit(ctx, n, pending)
}

// UnkeepCoins shortens reservations of coins that were asked for. Error:
// [wallet.ErrNotFree].
func (n *Node) UnkeepCoins(ctx context.Context, coins []btcwire.OutPoint, blocks uint32) ([]wallet.Held, error) {
	pending, err := n.wallet.Unkeep(coins, blocks, func(what string) bool { return strings.HasPrefix(what, preparing) })
	if err != nil {
		return nil, err
	}
	return commit(ctx, n, pending)
}

// SendSigned sends a transaction that its caller has made and signed, with what it is
// for. What it spends of ours counts as spent from then on. Error: [ErrBroadcast].
func (n *Node) SendSigned(ctx context.Context, tx *btcwire.MsgTx, name string) error {
	return n.publish(ctx, Prepared{Funded: wallet.Funded{Tx: tx}, name: name})
}
