package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

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
	p, err := n.fund(ctx, r, "withdraw ")
	if err != nil {
		return wallet.Funded{}, err
	}
	return p.Funded, n.publish(ctx, p)
}

// Prepared is a signed transaction that nobody has seen.
type Prepared struct {
	wallet.Funded
	Spent []*btcwire.TxOut // what its inputs spend, in their order; of Prepare only

	name  string
	until uint32 // height at which its coins are free again
}

// preparedBlocks is how long the coins of a transaction that was prepared are kept.
const preparedBlocks = 72

// fund makes a transaction whose coins are kept for it under a new name.
func (n *Node) fund(ctx context.Context, r wallet.Request, what string) (p Prepared, err error) {
	var name [8]byte
	if _, err := io.ReadFull(n.cfg.Random, name[:]); err != nil {
		return p, err
	}
	p.name, p.until = what+hex.EncodeToString(name[:]), n.wallet.Height()+preparedBlocks
	r.Keep, r.For, r.Until = n.Reserve(), p.name, p.until
	pending, err := n.wallet.Fund(r)
	if err != nil {
		return p, err
	}
	if p.Funded, err = pending.Commit(context.WithoutCancel(ctx), n.store); err != nil { // what the wallet has counted must reach the disk
		n.fatal(err)
		return p, err
	}
	return p, nil
}

// publish writes that a transaction is to confirm, and broadcasts it.
func (n *Node) publish(ctx context.Context, p Prepared) error {
	ctx = context.WithoutCancel(ctx)
	if _, err := n.wallet.Publish(p.Tx, p.name).Commit(ctx, n.store); err != nil {
		n.fatal(err)
		return err
	}
	if err := n.cfg.Source.Broadcast(ctx, p.Tx); errors.Is(err, chain.ErrRejected) {
		if _, gone := n.wallet.Abandon(p.Tx.TxHash()).Commit(ctx, n.store); gone != nil {
			n.fatal(gone)
		}
		return fmt.Errorf("%w: %w", ErrBroadcast, err)
	} else if err != nil {
		n.log.Warn("a transaction waits for the network", "tx", p.Tx.TxHash(), "why", err)
	}
	return nil
}

// ErrNotPrepared is that a transaction was not prepared, was sent or discarded already,
// has kept its coins for too long, or was prepared before a restart.
var ErrNotPrepared = errors.New("no such transaction is prepared")

// Prepare makes a transaction and keeps its coins for it until it is sent or
// discarded, 72 blocks at the most. It is in memory only. Errors: those of
// [wallet.Wallet.Fund].
func (n *Node) Prepare(ctx context.Context, r wallet.Request) (Prepared, error) {
	p, err := n.fund(ctx, r, "txprepare ")
	if err != nil {
		return p, err
	}
	coins := map[btcwire.OutPoint]*btcwire.TxOut{}
	for _, c := range n.wallet.Coins() {
		coins[c.OutPoint] = btcwire.NewTxOut(int64(c.Value), c.Script) //nolint:gosec // at most all money
	}
	for _, in := range p.Tx.TxIn {
		p.Spent = append(p.Spent, coins[in.PreviousOutPoint])
	}
	n.preparedMu.Lock()
	defer n.preparedMu.Unlock()
	if n.prepared == nil {
		n.prepared = map[chainhash.Hash]Prepared{}
	}
	n.prepared[p.Tx.TxHash()] = p
	return p, nil
}

// take finds a transaction that was prepared and forgets it.
func (n *Node) take(txid chainhash.Hash) (Prepared, error) {
	n.preparedMu.Lock()
	defer n.preparedMu.Unlock()
	for id, p := range n.prepared {
		if n.wallet.Height() > p.until { // others may have its coins
			delete(n.prepared, id)
		}
	}
	p, ok := n.prepared[txid]
	if !ok {
		return p, ErrNotPrepared
	}
	delete(n.prepared, txid)
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
	if _, err := n.wallet.Release(p.name).Commit(context.WithoutCancel(ctx), n.store); err != nil {
		n.fatal(err)
		return p, err
	}
	return p, nil
}
