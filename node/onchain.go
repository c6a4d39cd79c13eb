package node

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/sweep"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// Plan is what is being done about a channel that is closing on-chain.
func (n *Node) Plan(id wire.ChannelID) (enforce.Plan, bool) { return n.onchain.Plan(id) }

// Troubles are what the user must know of a channel beside what its rows say.
func (n *Node) Troubles(id wire.ChannelID) (list []string) {
	if l, ok := n.links.Get(id); ok {
		if why := l.Held(); why != "" {
			list = append(list, "nothing goes over it: "+why)
		}
		if v := l.View(); v.Blamed != "" && v.State != "AWAITING_UNILATERAL" {
			list = append(list, v.Blamed+"; it has not shown that our state is current, so its commitment is awaited")
		}
	}
	for _, s := range n.sweeper.Shorts(id) {
		list = append(list, s.String())
	}
	return list
}

// loadSpends reads what is confirmed of channels that are not closed for good.
func (n *Node) loadSpends(ctx context.Context) error {
	rows, err := n.store.Spends(ctx)
	n.onchain.Load(rows)
	for _, r := range rows {
		n.watchOutputs(r.Tx)
	}
	return err
}

// watchOutputs asks the source for what spends the outputs of a transaction.
func (n *Node) watchOutputs(tx *btcwire.MsgTx) {
	for _, out := range tx.TxOut {
		n.cfg.Source.Watch(out.PkScript)
	}
}

// spends notes what a block holds of channels.
func (n *Node) spends(b chain.Block) (rows []durable.Row) {
	for _, l := range n.links.All() {
		if p := l.Params(); p.Format == script.Tokens {
			n.onchain.Expect(p.Channel, l.View().HTLCs)
		}
	}
	for _, tx := range b.Txs {
		concerned := n.onchain.Note(tx.MsgTx, b.Height)
		if len(concerned) > 0 {
			n.watchOutputs(tx.MsgTx)
		}
		for _, r := range concerned {
			rows = append(rows, r)
		}
	}
	return rows
}

// enforceAlways makes plans and acts on them, at each block and whenever a channel
// fails, until the node stops.
func (n *Node) enforceAlways() {
	for {
		select {
		case <-n.onchain.Wake():
		case <-n.ctx.Done():
			return
		}
		if err := n.enforce(); err != nil {
			n.fatal(err)
			return
		}
	}
}

// enforce makes the plan of every channel that is closing on-chain from facts alone,
// and acts on it. Its error is the disk's.
func (n *Node) enforce() error {
	if n.Rescanning() {
		return nil // the last of these blocks comes back to it
	}
	n.backing.Look(n.ctx)
	height := n.Height()
	links := n.links.All()
	closing, late := map[wire.ChannelID]*link.Link{}, map[wire.ChannelID]*link.Link{}
	for _, l := range links {
		_, planned := n.onchain.Plan(l.ID())
		switch s := l.Status(); {
		case !planned && s.Status != channel.Open && s.SCID == 0 && n.awaits(l):
			// No HTLC was ever in it, and there is nothing that could be claimed.
		case s.Status != channel.Open || n.onchain.Touched(l.ID()):
			closing[l.ID()] = l
		case slices.ContainsFunc(l.View().HTLCs, func(h channel.HTLCView) bool { return !h.Incoming && h.CLTVExpiry <= height }):
			late[l.ID()] = l
		}
	}
	if len(closing)+len(late) == 0 {
		n.sweeper.Work(sweep.Work{Height: height, Alive: map[chainhash.Hash]bool{}})
		return nil
	}
	rows, err := n.store.Channels(n.ctx)
	if err != nil {
		return err
	}
	incoming := enforce.Expiries(rows)
	work := sweep.Work{Height: height, Parents: map[chainhash.Hash]sweep.Parent{}, Alive: map[chainhash.Hash]bool{}}
	learnt := map[wire.PaymentHash]wire.Preimage{}
	for i := range rows {
		if l := closing[rows[i].Params.Channel]; l != nil {
			if err := n.enforceOne(l, &rows[i], enforce.Facts{Height: height, Incoming: incoming, Learnt: learnt}, &work); err != nil {
				return err
			}
		}
		if l := late[rows[i].Params.Channel]; l != nil {
			n.failOverdue(l, &rows[i], enforce.Facts{Height: height, Incoming: incoming, Learnt: learnt})
		}
	}
	n.sweeper.Work(work)
	return nil
}

// failOverdue fails the incoming HTLCs behind dust that an open channel keeps too long,
// again at each block until they have ended.
func (n *Node) failOverdue(l *link.Link, rows *channel.Rows, f enforce.Facts) {
	points, ok := l.Signer().(channel.Points)
	if !ok {
		return
	}
	list, err := enforce.Overdue(*rows, points, f, enforce.DefaultPolicy())
	if err != nil {
		n.log.Error("a channel cannot be judged", "channel", l.ID(), "why", err)
	}
	for _, v := range list {
		n.log.Warn("an HTLC is failed back", "channel", l.ID(), "htlc", v.HTLC.ID, "amount", v.Amount, "why", v.Why)
		n.links.Fail(*v.Origin.In, onion.PermanentChannelFailure())
	}
}

// enforceOne makes and acts on the plan of one channel, and adds its claims to the
// work.
func (n *Node) enforceOne(l *link.Link, rows *channel.Rows, f enforce.Facts, work *sweep.Work) error {
	points, ok := l.Signer().(channel.Points)
	if !ok {
		return nil
	}
	f.Spends, f.Unfunded = n.onchain.Of(l.ID()), n.awaits(l)
	if s, spent := f.Spends[rows.Params.Funding]; spent {
		number, revoked, err := enforce.Revoked(*rows, s.Tx)
		if err == nil && revoked {
			f.Past, err = n.store.HTLCsStoodIn(n.ctx, l.ID(), number)
		}
		if err != nil {
			return err
		}
	}
	var err error
	if f.Ledger, err = n.tokens.Judge(n.ctx, rows.Params.Property, f.Spends); err != nil {
		return err
	}
	plan, err := enforce.Resolve(*rows, points, f, enforce.DefaultPolicy())
	if err != nil {
		n.log.Error("a channel that is closing cannot be judged", "channel", l.ID(), "why", err)
		work.Alive = nil
		return nil
	}
	if before := n.onchain.Replace(l.ID(), plan); before.Kind != plan.Kind || before.TxID != plan.TxID {
		n.log.Info("channel on-chain", "channel", l.ID(), "what", plan.Kind, "tx", plan.TxID, "claims", len(plan.Claims))
		if plan.Warning != "" {
			n.log.Error("channel on-chain", "channel", l.ID(), "warning", plan.Warning)
		}
	}
	maps.Copy(f.Learnt, plan.Preimages)
	l.Do(func(ch *channel.Channel) {
		for _, v := range plan.Upstream {
			if v.Kind != enforce.Wait {
				ch.EndedOnChain(v.HTLC.ID, v.Preimage)
			}
		}
		if plan.Done {
			ch.Done()
		}
	})
	if plan.Done {
		l.Sync(n.ctx)
		n.forgetLink(l)
		return nil
	}
	if plan.Publish {
		n.parent(l, rows, work)
	}
	work.Add(&plan, f.Spends)
	return nil
}

// parent adds our commitment to the work, for its anchor to pay for.
func (n *Node) parent(l *link.Link, rows *channel.Rows, work *sweep.Work) {
	p, err := sweep.ParentOf(*rows, l.Signer())
	if err != nil {
		n.log.Error("our commitment cannot be broadcast", "channel", l.ID(), "why", err)
		return
	}
	work.Parents[p.Tx.TxHash()] = p
}

// claimSigner gives the sweeper the keys of a channel.
func (n *Node) claimSigner(id wire.ChannelID) (enforce.Signer, error) {
	if l, ok := n.links.Get(id); ok {
		if s, ok := l.Signer().(enforce.Signer); ok {
			return s, nil
		}
	}
	return nil, errors.New("no keys of this channel")
}

// Enforced is the height of the last block at which all that is to be claimed from
// closed channels was claimed.
func (n *Node) Enforced() uint32 { return n.enforced.Load() }

// forgetLink stops the link of a channel that is closed for good.
func (n *Node) forgetLink(l *link.Link) {
	n.links.Remove(l)
	n.onchain.Forget(l.ID())
	n.away.Back(l.ID())
	n.changed()
}

// OnChain is what outputs of ours are worth that closed channels still owe us.
func (n *Node) OnChain() amount.Satoshi { return n.onchain.Owed() }

// reserve is what is kept in the wallet for the channels that may yet have to be
// closed by a commitment of ours, and for so many more. What a peer may have made up
// keeps no coins back.
func (n *Node) reserve(more int) amount.Satoshi {
	for _, l := range n.links.All() {
		if l.Status().Status < channel.Spent && !n.awaits(l) {
			more++
		}
	}
	return wallet.Reserve(more)
}

// Reserve is what is kept in the wallet to pay for commitments that must confirm.
func (n *Node) Reserve() amount.Satoshi { return n.reserve(0) }
