package node

import (
	"context"
	"errors"
	"maps"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/sweep"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// onchain is what the chain says of channels whose funding outputs are spent, or
// are to be. It is safe for concurrent use.
type onchain struct {
	wake chan struct{} // has a token when there may be something to do

	mu      sync.Mutex
	spends  map[wire.ChannelID]map[btcwire.OutPoint]enforce.Spend
	watched map[btcwire.OutPoint]watched
	plans   map[wire.ChannelID]enforce.Plan
}

// watched is an output whose spend concerns a channel.
type watched struct {
	channel wire.ChannelID
	level   int // of the transaction that spends it: 1 spends the funding output
}

// deepest is the level of transactions whose spends still concern a channel: what
// takes the outputs of an HTLC transaction is the last.
const deepest = 3

func newOnchain() onchain {
	return onchain{
		wake: make(chan struct{}, 1), spends: map[wire.ChannelID]map[btcwire.OutPoint]enforce.Spend{},
		watched: map[btcwire.OutPoint]watched{}, plans: map[wire.ChannelID]enforce.Plan{},
	}
}

// watch looks out for the spend of a channel's funding output.
func (o *onchain) watch(p channel.ParamsRow) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watched[p.Funding] = watched{p.Channel, 1}
}

// note takes a confirmed transaction when it spends something that is watched. Its
// own outputs are watched from then on.
func (o *onchain) note(tx *btcwire.MsgTx, height uint32) (concerned []enforce.SpendRow) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, in := range tx.TxIn {
		w, ok := o.watched[in.PreviousOutPoint]
		if !ok {
			continue
		}
		if o.spends[w.channel] == nil {
			o.spends[w.channel] = map[btcwire.OutPoint]enforce.Spend{}
		}
		o.spends[w.channel][in.PreviousOutPoint] = enforce.Spend{Tx: tx, Height: height}
		concerned = append(concerned, enforce.SpendRow{Channel: w.channel, Height: height, Tx: tx})
		if w.level == deepest {
			continue
		}
		txid := tx.TxHash()
		for i := range tx.TxOut {
			o.watched[btcwire.OutPoint{Hash: txid, Index: uint32(i)}] = watched{w.channel, w.level + 1} //nolint:gosec // few outputs
		}
	}
	return concerned
}

// undo forgets the blocks from a height up. What was watched stays so.
func (o *onchain) undo(height uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, spends := range o.spends {
		maps.DeleteFunc(spends, func(_ btcwire.OutPoint, s enforce.Spend) bool { return s.Height >= height })
	}
}

// of are the spends of a channel.
func (o *onchain) of(id wire.ChannelID) map[btcwire.OutPoint]enforce.Spend {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.spends[id])
}

// touched tells whether anything of a channel is spent.
func (o *onchain) touched(id wire.ChannelID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.spends[id]) > 0
}

// plan replaces the plan of a channel and returns the one before.
func (o *onchain) plan(id wire.ChannelID, p enforce.Plan) (before enforce.Plan) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before = o.plans[id]
	o.plans[id] = p
	return before
}

// Plan is what is being done about a channel that is closing on-chain.
func (n *Node) Plan(id wire.ChannelID) (enforce.Plan, bool) {
	n.onchain.mu.Lock()
	defer n.onchain.mu.Unlock()
	p, ok := n.onchain.plans[id]
	return p, ok
}

// poke has the plans made anew.
func (o *onchain) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// loadSpends reads what is confirmed of channels that are not closed for good.
func (n *Node) loadSpends(ctx context.Context) error {
	rows, err := n.store.Spends(ctx)
	for _, r := range rows {
		n.noteSpends(r.Tx, r.Height)
	}
	return err
}

// noteSpends notes a confirmed transaction, and asks the source for what spends its
// outputs.
func (n *Node) noteSpends(tx *btcwire.MsgTx, height uint32) (rows []durable.Row) {
	for _, r := range n.onchain.note(tx, height) {
		rows = append(rows, r)
		for _, out := range tx.TxOut {
			n.cfg.Source.Watch(out.PkScript)
		}
	}
	return rows
}

// spends notes what a block holds of channels.
func (n *Node) spends(b chain.Block) (rows []durable.Row) {
	for _, tx := range b.Txs {
		rows = append(rows, n.noteSpends(tx.MsgTx, b.Height)...)
	}
	return rows
}

// enforceAlways makes plans and acts on them, at each block and whenever a channel
// fails, until the node stops.
func (n *Node) enforceAlways() {
	for {
		select {
		case <-n.onchain.wake:
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
	height := n.Height()
	links := n.links.All()
	closing := map[wire.ChannelID]*link.Link{}
	for _, l := range links {
		if s := l.Status(); s.Status != channel.Open || n.onchain.touched(l.ID()) {
			closing[l.ID()] = l
		}
	}
	if len(closing) == 0 {
		n.sweeper.Work(sweep.Work{Height: height, Alive: map[chainhash.Hash]bool{}})
		return nil
	}
	rows, err := n.store.Channels(n.ctx)
	if err != nil {
		return err
	}
	incoming := expiries(rows)
	work := sweep.Work{Height: height, Parents: map[chainhash.Hash]sweep.Parent{}, Alive: map[chainhash.Hash]bool{}}
	learnt := map[wire.PaymentHash]wire.Preimage{}
	for i := range rows {
		if l := closing[rows[i].Params.Channel]; l != nil {
			if err := n.enforceOne(l, &rows[i], enforce.Facts{Height: height, Incoming: incoming, Learnt: learnt}, &work); err != nil {
				return err
			}
		}
	}
	n.sweeper.Work(work)
	return nil
}

// enforceOne makes and acts on the plan of one channel, and adds its claims to the
// work.
func (n *Node) enforceOne(l *link.Link, rows *channel.Rows, f enforce.Facts, work *sweep.Work) error {
	points, ok := l.Signer().(channel.Points)
	if !ok {
		return nil
	}
	f.Spends = n.onchain.of(l.ID())
	if s, spent := f.Spends[rows.Params.Funding]; spent {
		number, revoked, err := enforce.Revoked(*rows, s.Tx)
		if err == nil && revoked {
			f.Past, err = n.store.HTLCsStoodIn(n.ctx, l.ID(), number)
		}
		if err != nil {
			return err
		}
	}
	plan, err := enforce.Resolve(*rows, points, f, enforce.DefaultPolicy())
	if err != nil {
		n.log.Error("a channel that is closing cannot be judged", "channel", l.ID(), "why", err)
		work.Alive = nil
		return nil
	}
	if before := n.onchain.plan(l.ID(), plan); before.Kind != plan.Kind || before.TxID != plan.TxID {
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
	n.away.Back(l.ID())
	n.changed()
}

// OnChain is what outputs of ours are worth that closed channels still owe us.
func (n *Node) OnChain() (sum amount.Satoshi) {
	n.onchain.mu.Lock()
	defer n.onchain.mu.Unlock()
	for _, p := range n.onchain.plans {
		for _, c := range p.Claims {
			if !c.Unconfirmed && c.Kind != enforce.Anchor {
				sum += c.Value
			}
		}
	}
	return sum
}

// reserve is what is kept in the wallet for the channels that may yet have to be
// closed by a commitment of ours, and for so many more.
func (n *Node) reserve(more int) amount.Satoshi {
	for _, l := range n.links.All() {
		if l.Status().Status < channel.Spent {
			more++
		}
	}
	return wallet.Reserve(more)
}

// Reserve is what is kept in the wallet to pay for commitments that must confirm.
func (n *Node) Reserve() amount.Satoshi { return n.reserve(0) }
