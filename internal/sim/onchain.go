package sim

import (
	"maps"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/sim/disk"
	"github.com/leyden-ln/leyden/internal/sim/draw"
	"github.com/leyden-ln/leyden/internal/sweep"
)

// onChainPolicy is the default one, but for the hundred blocks.
func onChainPolicy() enforce.Policy {
	p := enforce.DefaultPolicy()
	p.Forget = 12
	return p
}

// chase takes in the chain block by block.
func (n *node) chase() {
	if n.chasing || n.view == n.w.chain.Tip {
		return
	}
	n.chasing = true
	next := n.w.chain.Next(n.view)
	n.expect()
	if next == nil { // the view is not in the best chain
		if pending, err := n.purse.wallet.Disconnect(n.view.Height); !commit(n.purse, pending, err) {
			return
		}
		n.w.logf("%s: block %d is gone", n, n.view.Height)
		n.onchain.Undo(n.view.Height)
		gone := map[wire.ChannelID]wire.ShortChannelID{}
		n.place(n.view, gone)
		for id := range gone {
			delete(n.places, id)
		}
		n.view = n.view.Parent
	} else {
		if pending, err := n.purse.wallet.Connect(next.Height, next.Txs); !commit(n.purse, pending, err) {
			return
		}
		n.view = next
		n.place(next, n.places)
		for _, tx := range next.Txs {
			n.onchain.Note(tx, next.Height)
		}
	}
	n.height = n.view.Height
	n.tellLinks()
}

// tellLinks tells every channel of the new height. The tip is written when what
// follows from it is durable.
func (n *node) tellLinks() {
	left := 1
	height := n.height
	done := func() {
		if left--; left == 0 {
			submit(n, n, durable.Hold(struct{}{}, disk.TipRow{Tip: n.view}), n.blockDone)
		}
	}
	for _, l := range n.order {
		left++
		l.put(func() {
			if scid, placed := n.places[l.edge.id]; placed {
				l.ch.FundingDepth(scid, height-scid.Height()+1)
			}
			if n.onchain.Touched(l.edge.id) {
				l.ch.SpentOnChain()
			} else {
				l.ch.Unspent()
			}
			l.block(height)
			l.after = append(l.after, done)
		})
	}
	done()
}

// blockDone is the rest of a block's work.
func (n *node) blockDone(struct{}) {
	n.purse.rebroadcast()
	for _, l := range n.order {
		l.revive()
	}
	n.enforce()
	if !n.up {
		return
	}
	if n.awaits && n.view == n.w.chain.Tip {
		n.awaits = false
		for _, l := range n.order {
			l.after = append(l.after, l.resume)
			l.wake()
		}
	}
	n.chasing = false
	n.after(n.w.jitter(100*time.Millisecond), n.chase)
}

// longAway is how many blocks a node has to miss for its peers to have a while to come
// back.
const longAway = 6

// grace gives peers that while after a start.
func (n *node) grace() {
	tip := n.w.chain.Tip.Height
	for _, l := range n.order {
		l.ch.Woke(tip)
	}
	if tip >= n.view.Height+longAway {
		n.disk.Back = tip
	}
	if n.disk.Back == 0 {
		return
	}
	forwarded := n.disk.Incoming()
	for _, l := range n.order {
		l.ch.Grace(n.disk.Back+onChainPolicy().BackGrace, forwarded)
	}
}

// enforce makes the plan of every channel that is no longer open, and acts on it.
func (n *node) enforce() {
	if n.cheating() {
		return
	}
	f := enforce.Facts{Height: n.height, Learnt: map[wire.PaymentHash]wire.Preimage{}, Incoming: n.disk.Incoming()}
	work := sweep.Work{Height: n.height, Parents: map[chainhash.Hash]sweep.Parent{}, Alive: map[chainhash.Hash]bool{}}
	for _, l := range n.order {
		if !n.alive() {
			return
		}
		l.enforce(f, &work)
	}
	if n.alive() {
		n.purse.sweep(work)
	}
}

// enforce does what the chain asks for, once the channel is no longer open.
func (l *link) enforce(f enforce.Facts, work *sweep.Work) {
	n := l.n
	s := n.disk.Channels[l.edge.id]
	rows := s.Load()
	f.Spends = n.onchain.Of(l.edge.id)
	spend, spent := f.Spends[l.edge.funding]
	if rows.Status.Status == channel.Open && !spent {
		l.overdue(rows, f)
		return
	}
	if rows.Status.Status == channel.Closed {
		return
	}
	var err error
	if spent {
		number, revoked, err := enforce.Revoked(rows, spend.Tx)
		if err != nil {
			n.w.fail("%s: %v", l, err)
		}
		if revoked {
			f.Past = s.Past(number)
		}
	}
	if f.Ledger, err = n.scribe.Judge(n.w.ctx, rows.Params.Property, f.Spends); err != nil {
		n.w.fail("%s: %v", l, err)
	}
	f.Unfunded = funding.Awaits(rows.Params, n.places[l.edge.id] != 0)
	plan, err := enforce.Resolve(rows, l.signer, f, onChainPolicy())
	if err != nil {
		n.w.fail("%s: %v", l, err)
	}
	maps.Copy(f.Learnt, plan.Preimages)
	l.note(&plan)
	if plan.Publish {
		p, err := sweep.ParentOf(rows, l.signer)
		if err != nil {
			n.w.fail("%s: %v", l, err)
		}
		work.Parents[p.Tx.TxHash()] = p
	}
	if !plan.Done {
		work.Add(&plan, f.Spends)
	}
	for i := range plan.Upstream {
		l.risk(&plan.Upstream[i])
	}
	l.put(func() {
		for _, v := range plan.Upstream {
			if v.Kind != enforce.Wait {
				l.ch.EndedOnChain(v.HTLC.ID, v.Preimage)
			}
		}
		if plan.Done {
			l.ch.Done()
		}
	})
}

// overdue fails back what an open channel keeps too long.
func (l *link) overdue(rows channel.Rows, f enforce.Facts) {
	list, err := enforce.Overdue(rows, l.signer, f, onChainPolicy())
	if err != nil {
		l.n.w.fail("%s: %v", l, err)
	}
	for i := range list {
		v := &list[i]
		if l.risk(v); v.Amount >= draw.Dust*1000 {
			l.n.w.fail("%s: HTLC %d is given up, and is no dust", l, v.HTLC.ID)
		}
		l.n.disk.Risk(v.HTLC)
		if up := l.n.links[v.Origin.In.Channel]; up != nil {
			up.fail(v.Origin.In.ID, onion.PermanentChannelFailure())
		}
	}
}

// risk notes what is failed though it could be claimed.
func (l *link) risk(v *enforce.Verdict) {
	if v.AtRisk && !l.risked[v.HTLC.ID] {
		l.risked[v.HTLC.ID] = true
		l.edge.atRisk += int64(v.Amount) //nolint:gosec // below 2^63
		l.n.w.stats.AtRisk++
		l.n.w.logf("%s: HTLC %d is failed at risk: %s", l, v.HTLC.ID, v.Why)
	}
}

// note remembers a plan and reports what is new.
func (l *link) note(plan *enforce.Plan) {
	if me := &l.edge.ends[l.edge.end(l.n)]; me.kind != plan.Kind || me.txid != plan.TxID {
		l.n.w.logf("%s: %s, commitment %d, at height %d of %d", l, plan.Kind, plan.Number, plan.Height, l.n.height)
	}
	me := &l.edge.ends[l.edge.end(l.n)]
	me.kind, me.number, me.txid = plan.Kind, plan.Number, plan.TxID
}

// steal takes a claim of a commitment that is not to be taken. Somebody's coin pays
// the fee.
func (n *node) steal(s enforce.Signer, c enforce.Claim) {
	d, err := enforce.Assemble(c)
	if err != nil {
		n.w.fail("%s: %v", n, err)
	}
	if c.Tokens > 0 && c.Whole == nil {
		err = d.Carry(n.script)
	}
	if err != nil {
		n.w.fail("%s: %v", n, err)
	}
	if d.In > d.Out && c.Whole == nil {
		d.Tx.AddTxOut(btcwire.NewTxOut(int64(d.In-d.Out), n.script)) //nolint:gosec // below MaxMoney
	}
	if c.Whole == nil && !n.w.bank.Lend(n.w.chain, d.Tx) {
		return
	}
	if err := d.Sign(func(wire.ChannelID) (enforce.Signer, error) { return s, nil }); err != nil {
		n.w.fail("%s: %v", n, err)
	}
	if n.w.chain.Broadcast(n, d.Tx) == nil {
		n.w.stats.Thefts++
	}
}

// close forgets the link of a channel that is closed for good.
func (l *link) close() {
	n := l.n
	n.w.logf("%s is closed for good", l)
	delete(n.links, l.edge.id)
	for i, o := range n.order {
		if o == l {
			n.order = append(n.order[:i:i], n.order[i+1:]...)
			break
		}
	}
}
