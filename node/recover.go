package node

import (
	"context"
	"errors"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/backup"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/keeper"
	"github.com/leyden-ln/leyden/internal/link"
)

// keepEvery is how often the keeper looks by itself whether something has changed.
const keepEvery = 5 * time.Second

// openKeeper refuses an old database, or gives up its channels.
func (n *Node) openKeeper(ctx context.Context) error {
	key, err := n.ring.BackupKey()
	if err != nil {
		return err
	}
	n.keeper, err = keeper.Open(ctx, keeper.Config{
		Dir: n.cfg.Dir, Key: key, Chain: *n.cfg.Network.GenesisHash, Node: n.ID(), Store: n.store, Random: n.cfg.Random,
		Now: time.Now, Lost: n.cfg.ChannelsLost, Content: n.backupContent, HasChannel: n.welcome, Awaited: n.awaited, Peers: n.connections,
		Old: n.giveUp, Recover: n.recover, Log: n.log, Fatal: n.fatal,
	})
	if err != nil {
		return err
	}
	return n.keeper.Begin(ctx, n.cfg.Source.Tip, lossReason)
}

// lossReason is what a peer hears of a channel that is given up.
const lossReason = "our database is an old one: please broadcast your commitment transaction"

// giveUp gives up every channel that is open, and waits until that is on disk.
func (n *Node) giveUp(ctx context.Context) {
	links := n.links.All()
	for _, l := range links {
		l.Do(func(ch *channel.Channel) { ch.Lose(lossReason) })
	}
	for _, l := range links {
		l.Sync(ctx)
	}
	n.wg.Go(func() {
		if _, err := n.keeper.RestoreFromPeer(n.ctx); err != nil && n.ctx.Err() == nil {
			n.log.Error("channels of a newer backup are not recovered", "why", err)
		}
	})
}

// backupContent is what a backup has but for counter and time.
func (n *Node) backupContent(ctx context.Context) (backup.Backup, error) {
	return keeper.Content(ctx, n.store, n.wallet, n.links.All(), n.addresses)
}

// awaited says whether a channel waits for its peer's funding output.
func (n *Node) awaited(id wire.ChannelID) bool {
	l, ok := n.links.Get(id)
	return ok && n.awaits(l)
}

func (n *Node) connections() (list []keeper.Peer) {
	for _, p := range n.peers.All() {
		list = append(list, p)
	}
	return list
}

// changed has the backup written: the set of channels is another.
func (n *Node) changed() {
	select {
	case n.changes <- struct{}{}:
	default:
	}
}

// broadcastFunding broadcasts a funding transaction once the backup has its channel:
// from then on its coins come home even when the disk is gone.
func (n *Node) broadcastFunding(ctx context.Context, tx *btcwire.MsgTx) error {
	if err := n.keeper.Save(ctx); err != nil {
		n.log.Error("a channel is opened that is in no backup", "why", err)
	}
	return n.cfg.Source.Broadcast(ctx, tx)
}

// Keeper keeps the backups.
func (n *Node) Keeper() *keeper.Keeper { return n.keeper }

// recover puts the channels of a backup that the database does not have into it, and
// begins to get their coins home.
func (n *Node) recover(ctx context.Context, b *backup.Backup) (ids []wire.ChannelID, err error) {
	n.recoverMu.Lock()
	defer n.recoverMu.Unlock()
	ctx = context.WithoutCancel(ctx) // what the wallet has counted must reach the disk
	lost, next, err := keeper.Import(ctx, n.store, n.ring, n.wallet, b, n.Height())
	switch {
	case errors.Is(err, keeper.ErrNotWritten):
		n.fatal(err)
		return nil, err
	case err != nil || len(lost) == 0:
		return nil, err
	}
	n.funding.SkipKeys(next)
	for i := range lost {
		rows := lost[i]
		if err := n.loadChannel(ctx, rows, link.Begin{}); err != nil {
			return ids, err
		}
		id := rows.Params.Channel
		if l, ok := n.links.Get(id); ok {
			l.Start()
		}
		ids = append(ids, id)
		n.log.Warn("channel recovered: its peer is asked to close it", "channel", id, "peer", rows.Params.Peer)
		n.meetAgain(ctx, rows.Params.Peer)
	}
	if err := n.keeper.Recovered(ctx); err != nil {
		n.fatal(err)
		return ids, err
	}
	n.changed()
	n.goBackSoon()
	return ids, nil
}

// meetAgain ends a connection that began before a channel was known: on the next one
// it is spoken of.
func (n *Node) meetAgain(ctx context.Context, id wire.NodeID) {
	p, up := n.peers.Get(id)
	if !up {
		return
	}
	if err := n.reached(ctx, id, p.Outbound(), p.Addr()); err != nil {
		n.fatal(err)
		return
	}
	p.Disconnect(errors.New("a channel was recovered"))
}

// goBackSoon has blocks looked at again, as [keeper.Back] says.
func (n *Node) goBackSoon() {
	n.wantBack.Store(true)
	if cancel := n.following.Load(); cancel != nil {
		(*cancel)()
	}
}

// goBack goes back to the block that a rescan asks for, if one does.
func (n *Node) goBack(at chain.BlockRef) (chain.BlockRef, error) {
	n.recoverMu.Lock() // nobody asks for more while it is noted as done
	defer n.recoverMu.Unlock()
	if !n.wantBack.Swap(false) {
		return at, nil
	}
	defer n.onchain.Poke() // nothing was enforced meanwhile
	from, asked, done, err := keeper.Back(n.ctx, n.store)
	if err != nil || !asked {
		return at, err
	}
	if from >= uint64(at.Height) {
		return at, n.store.Write(n.ctx, done...)
	}
	to, err := n.cfg.Source.At(n.ctx, uint32(from)) //nolint:gosec // below a height
	if err != nil {
		n.wantBack.Store(true)
		return at, err
	}
	n.log.Info("blocks are looked at again for what is ours", "from", to.Height, "to", at.Height)
	if _, err := n.wallet.Rescan(to.Height).With(append(done, tipFact(to))...).Commit(context.WithoutCancel(n.ctx), n.store); err != nil {
		n.fatal(err)
		return at, err
	}
	n.quiet.Store(max(n.quiet.Load(), at.Height))
	return to, nil
}

// Rescanning says whether blocks are being looked at again: until that is done, coins
// are missing.
func (n *Node) Rescanning() bool { return n.wantBack.Load() || n.quiet.Load() != 0 }
