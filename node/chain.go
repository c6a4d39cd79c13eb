package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/keeper"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/store"
)

// loadTip is the last block that was processed; for a new node, the chain's tip.
func (n *Node) loadTip(ctx context.Context) (chain.BlockRef, error) {
	b, ok, err := n.store.Fact(ctx, factTip)
	if err != nil {
		return chain.BlockRef{}, err
	}
	if ok {
		if len(b) != 36 {
			return chain.BlockRef{}, errors.New("the stored tip is damaged")
		}
		return chain.BlockRef{Height: binary.BigEndian.Uint32(b), Hash: chainhash.Hash(b[4:])}, nil
	}
	tip, err := n.cfg.Source.Tip(ctx)
	if err != nil {
		return tip, fmt.Errorf("the chain's tip: %w", err)
	}
	rows := []durable.Row{tipFact(tip)}
	if _, born, err := store.Number(ctx, n.store, keeper.FactBirthday); err != nil {
		return tip, err
	} else if !born {
		rows = append(rows, store.NumberFact(keeper.FactBirthday, uint64(tip.Height)))
	}
	return tip, n.store.Write(ctx, rows...)
}

func tipFact(tip chain.BlockRef) store.Fact {
	return store.Fact{Name: factTip, Value: append(binary.BigEndian.AppendUint32(nil, tip.Height), tip.Hash[:]...)}
}

// The places of funding outputs, the heights at which they were spent, and those
// since which they are awaited, are facts by channel.
func placeFact(id wire.ChannelID, scid wire.ShortChannelID) store.Fact {
	return store.NumberFact("place/"+id.String(), uint64(scid))
}

func spentFact(id wire.ChannelID, height uint32) store.Fact {
	return store.NumberFact("spent/"+id.String(), uint64(height))
}

func sinceFact(id wire.ChannelID, height uint32) store.Fact {
	return store.NumberFact("since/"+id.String(), uint64(height))
}

// loadPlace reads where a channel's funding output is and when it was spent.
func (n *Node) loadPlace(ctx context.Context, rows channel.Rows) error {
	id := rows.Params.Channel
	scid, _, err := store.Number(ctx, n.store, placeFact(id, 0).Name)
	if err != nil {
		return err
	}
	height, _, err := store.Number(ctx, n.store, spentFact(id, 0).Name)
	if err != nil {
		return err
	}
	since, _, err := store.Number(ctx, n.store, sinceFact(id, 0).Name)
	if err != nil {
		return err
	}
	n.chainMu.Lock()
	defer n.chainMu.Unlock()
	if scid != 0 {
		n.places[id] = wire.ShortChannelID(scid)
	}
	if height != 0 {
		n.spent[id] = uint32(height) //nolint:gosec // written from 32 bits
	}
	if since != 0 {
		n.since[id] = uint32(since) //nolint:gosec // written from 32 bits
	}
	return nil
}

// watchFunding asks the source for what concerns a funding output, and gives a
// confirmed channel its place in the graph.
func (n *Node) watchFunding(p channel.ParamsRow, s channel.StatusRow) {
	_, pkScript := p.Format.FundingScript(p.LocalKeys.Funding, p.RemoteKeys.Funding)
	n.cfg.Source.Watch(pkScript)
	n.onchain.Watch(p)
	if s.SCID != 0 && s.Status < channel.Spent {
		n.book.Local(s.SCID, n.ID(), p.Peer, p.Capacity)
	}
}

// follow processes the chain until the node stops. A source that fails is asked
// again.
func (n *Node) follow(at chain.BlockRef) {
	for n.ctx.Err() == nil {
		var err error
		if at, err = n.goBack(at); err == nil {
			err = n.followFrom(&at)
		}
		switch {
		case n.ctx.Err() != nil:
			return
		case n.wantBack.Load() && errors.Is(err, context.Canceled):
			continue
		}
		n.log.Warn("the chain cannot be read, trying again", "why", err)
		select {
		case <-time.After(time.Second):
		case <-n.ctx.Done():
		}
	}
}

// followFrom processes the chain until it cannot be read, or is to be read again.
func (n *Node) followFrom(at *chain.BlockRef) error {
	ctx, cancel := context.WithCancel(n.ctx)
	defer cancel()
	n.following.Store(&cancel)
	if n.wantBack.Load() {
		return context.Canceled
	}
	return n.cfg.Source.Follow(ctx, *at, func(e chain.Event) error {
		if err := n.block(e, at); err != nil {
			if n.ctx.Err() == nil {
				n.fatal(err)
			}
			return err
		}
		return ctx.Err()
	})
}

// block processes one change of the chain. The tip is written last: after a crash
// the same change comes again, and every room takes it again.
func (n *Node) block(e chain.Event, at *chain.BlockRef) error {
	var rows []durable.Row
	var txs []*btcwire.MsgTx
	switch e := e.(type) {
	case chain.Connected:
		txs = make([]*btcwire.MsgTx, len(e.Txs))
		places := make([]uint32, len(e.Txs))
		for i, tx := range e.Txs {
			txs[i], places[i] = tx.MsgTx, tx.Index+1
		}
		pending, err := n.wallet.Connect(e.Height, txs, places...)
		if err != nil {
			return err
		}
		if _, err := pending.Commit(n.ctx, n.store); err != nil {
			return err
		}
		*at = e.Ref()
		rows = slices.Concat(n.inspect(e.Block), n.spends(e.Block))
		// A block that was processed before concerns nobody but whom it was not known to
		// concern.
		if e.Height < n.quiet.Load() {
			return n.store.Write(n.ctx, append(rows, tipFact(*at))...)
		}
		look, again, err := keeper.Looked(n.ctx, n.store, e.Height, n.cfg.Source.Tip)
		if err != nil {
			return err
		}
		if again {
			n.goBackSoon()
			return n.store.Write(n.ctx, append(rows, tipFact(*at))...)
		}
		rows = append(rows, look...)
		rows = append(rows, n.await(e.Height)...)
	case chain.Disconnected:
		pending, err := n.wallet.Disconnect(e.Height)
		if err != nil {
			return err
		}
		if _, err := pending.Commit(n.ctx, n.store); err != nil {
			return err
		}
		*at = e.Parent()
		n.onchain.Undo(e.Height)
		rows = append(n.undo(e.Height), enforce.UnspendRow{Height: e.Height})
	}
	if n.quiet.Swap(0) != 0 {
		n.log.Info("blocks were looked at again for what is ours", "to", at.Height)
	}
	n.height.Store(at.Height)
	n.steps.Block(at.Height)
	woken, err := n.wake.Block(n.ctx, at.Height)
	if err != nil {
		return err
	}
	rows = append(rows, woken...)
	n.tellLinks(at.Height)
	if err := n.store.Write(n.ctx, append(rows, tipFact(*at))...); err != nil {
		return err
	}
	n.onchain.Poke()
	n.rebroadcast()
	n.book.Block(n.ctx, txs...)
	n.assets.Block(n.ctx, txs...)
	n.wg.Go(func() { n.book.Grow(n.ctx) }) // reads blocks for strangers
	for _, l := range n.links.All() {
		n.announce(l)
	}
	n.synced.Store(at.Height)
	n.present.Block()
	return nil
}

// inspect finds in a block what concerns our channels.
func (n *Node) inspect(b chain.Block) (rows []durable.Row) {
	links := n.links.All()
	if len(links) == 0 {
		return nil
	}
	n.chainMu.Lock()
	defer n.chainMu.Unlock()
	byTx := make(map[chainhash.Hash][]*link.Link, len(links))
	for _, l := range links {
		h := l.Params().Funding.Hash
		byTx[h] = append(byTx[h], l)
	}
	for _, tx := range b.Txs {
		for _, l := range byTx[tx.TxHash()] {
			p := l.Params()
			if !funding.Pays(tx.MsgTx, p) {
				n.log.Error("the funding transaction does not pay the channel", "channel", p.Channel)
				continue
			}
			scid := wire.NewShortChannelID(b.Height, tx.Index, uint16(p.Funding.Index)) //nolint:gosec // of 16 bits in BOLT 2
			n.places[p.Channel] = scid
			rows = append(rows, placeFact(p.Channel, scid))
		}
		for _, in := range tx.TxIn {
			for _, l := range byTx[in.PreviousOutPoint.Hash] {
				if p := l.Params(); p.Funding == in.PreviousOutPoint {
					n.spent[p.Channel] = b.Height
					rows = append(rows, spentFact(p.Channel, b.Height))
				}
			}
		}
	}
	return rows
}

// place is where a channel's funding output is in the chain.
func (n *Node) place(id wire.ChannelID) (scid wire.ShortChannelID, placed bool) {
	n.chainMu.Lock()
	defer n.chainMu.Unlock()
	scid, placed = n.places[id]
	return scid, placed
}

// awaits says whether a channel that its peer opened waits for its funding
// output: nothing else can be in a block.
func (n *Node) awaits(l *link.Link) bool {
	_, placed := n.place(l.ID())
	return funding.Awaits(l.Params(), placed) && l.Status().Status < channel.Spent
}

// stillborn says whether a channel that we opened waits for a funding transaction that
// cannot confirm: what it spends is spent otherwise, or is gone with a reorganization.
// Noted: it was so before.
func (n *Node) stillborn(l *link.Link, noted bool) bool {
	_, placed := n.place(l.ID())
	p := l.Params()
	if placed || !p.LocalIsOpener || l.Status().Status >= channel.Spent {
		return false
	}
	alive, known := n.wallet.Alive(p.Funding.Hash)
	return !alive && (known || noted)
}

// await notes since when channels that peers opened wait for their funding
// outputs, or ours for what cannot come, and forgets those that have waited too
// long: none of our money is in them.
func (n *Node) await(height uint32) (rows []durable.Row) {
	for _, l := range n.links.All() {
		n.chainMu.Lock()
		since, noted := n.since[l.ID()]
		n.chainMu.Unlock()
		theirs, dead := n.awaits(l), n.stillborn(l, noted)
		n.chainMu.Lock()
		switch {
		case !noted && (theirs || dead):
			n.since[l.ID()] = height
			rows = append(rows, sinceFact(l.ID(), height))
		case noted && l.Params().LocalIsOpener && !dead: // a reorganization brought it back
			delete(n.since, l.ID())
			rows = append(rows, sinceFact(l.ID(), 0))
		}
		n.chainMu.Unlock()
		if noted && (theirs && funding.Forget(since, height) || dead && funding.Stillborn(since, height)) {
			n.log.Info("channel forgotten: its funding transaction never came", "channel", l.ID())
			l.Do(func(ch *channel.Channel) { ch.Done() })
		}
	}
	return rows
}

// waiting counts the channels that wait for their peers' funding outputs.
func (n *Node) waiting() funding.Waiting {
	w := funding.Waiting{Of: map[wire.NodeID]int{}, Met: map[wire.NodeID]bool{}}
	for _, l := range n.links.All() {
		if peer := l.Params().Peer; n.awaits(l) {
			w.Of[peer]++
		} else {
			w.Met[peer] = true
		}
	}
	return w
}

// undo forgets what was seen in a block that is gone.
func (n *Node) undo(height uint32) (rows []durable.Row) {
	n.chainMu.Lock()
	defer n.chainMu.Unlock()
	for id, scid := range n.places {
		if scid.Height() >= height {
			delete(n.places, id)
			rows = append(rows, placeFact(id, 0))
		}
	}
	for id, at := range n.spent {
		if at >= height {
			delete(n.spent, id)
			rows = append(rows, spentFact(id, 0))
			if l, ok := n.links.Get(id); ok {
				l.Do(func(ch *channel.Channel) { ch.Unspent() })
			}
		}
	}
	return rows
}

// tellLinks tells every channel of the new height and waits until what follows
// from it is on disk.
func (n *Node) tellLinks(height uint32) {
	links := n.links.All()
	for _, l := range links {
		n.chainMu.Lock()
		scid, placed := n.places[l.ID()]
		_, spent := n.spent[l.ID()]
		n.chainMu.Unlock()
		l.Do(func(ch *channel.Channel) {
			if placed && height >= scid.Height() {
				n.confirmed(l, ch, scid, height)
			}
			if spent {
				ch.SpentOnChain()
			}
			// Who holds an HTLC lets go of it in seconds, but for the owner of a held
			// invoice, and that the receiver cancels in time.
			ch.Block(height)
		})
		if spent && placed {
			if err := n.book.Gone(n.ctx, scid); err != nil {
				n.fatal(err)
			}
		}
	}
	n.receiver.Block()
	for _, l := range links {
		l.Sync(n.ctx)
		if l.Status().Status == channel.Closed {
			n.forgetLink(l)
		}
	}
}

// confirmed tells a channel how deep its funding output is. Where there are tokens the
// ledger is asked first: a transaction can be deep and have moved none.
func (n *Node) confirmed(l *link.Link, ch *channel.Channel, scid wire.ShortChannelID, height uint32) {
	p, s, depth := ch.Params(), ch.Status(), height-scid.Height()+1
	switch {
	case p.Property == 0:
		ch.FundingDepth(scid, depth)
		return
	case depth < p.MinimumDepth, s.ReadySent && s.SCID == scid, s.Status != channel.Open:
		return
	}
	n.wg.Go(func() {
		backed, err := n.tokens.Backed(n.ctx, p, height)
		n.chainMu.Lock()
		moved := n.places[p.Channel] != scid // by a reorganization, while the ledger was asked
		n.chainMu.Unlock()
		switch {
		case moved:
		case err != nil:
			n.log.Warn("a channel with tokens is not used yet: its funding cannot be looked at", "channel", p.Channel, "why", err)
		case backed:
			l.Do(func(ch *channel.Channel) { ch.FundingDepth(scid, depth) })
			l.Sync(n.ctx)
			n.onchain.Poke() // one that was held goes on
		case s.ReadySent:
			l.Do(func(ch *channel.Channel) {
				ch.ForceClose("the funding address does not have the channel's tokens any more")
			})
		default:
			n.log.Warn("a channel with tokens is not used: its funding transaction has not moved them", "channel", p.Channel)
		}
	})
}

// rebroadcast offers every transaction of ours that is in no block again.
func (n *Node) rebroadcast() {
	for _, tx := range n.wallet.Unconfirmed() {
		n.broadcast(tx)
	}
	for _, l := range n.links.All() {
		n.reviveOnChain(l)
	}
}

func (n *Node) broadcast(tx *btcwire.MsgTx) {
	if err := n.cfg.Source.Broadcast(n.ctx, tx); err != nil {
		n.log.Debug("not broadcast", "tx", tx.TxHash(), "why", err)
	}
}

// reviveOnChain broadcasts what closes a channel, until it is in a block.
func (n *Node) reviveOnChain(l *link.Link) {
	if n.awaits(l) {
		return
	}
	l.Do(func(ch *channel.Channel) {
		status := ch.Status()
		switch {
		case status.Closing != nil && status.Status < channel.Spent:
			tx, err := ch.ClosingTx(l.Signer())
			if err != nil {
				n.log.Error("the closing transaction cannot be made", "channel", l.ID(), "why", err)
				return
			}
			n.wg.Go(func() { n.broadcast(tx) })
		case status.Status == channel.Failed:
			_, tx, _, err := ch.OurCommitment(l.Signer())
			if err != nil {
				n.log.Error("our commitment cannot be broadcast", "channel", l.ID(), "why", err)
				return
			}
			n.wg.Go(func() { n.broadcast(tx) })
		}
	})
}
