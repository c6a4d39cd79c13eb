package sim

import (
	"maps"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/sim/disk"
)

// onChainPolicy is the default one, but that a run need not wait for a hundred
// blocks: no reorganization here is deeper than 6.
func onChainPolicy() enforce.Policy {
	p := enforce.DefaultPolicy()
	p.Forget = 12
	return p
}

// chase takes in the chain block by block.
func (n *node) chase() {
	if n.chasing || n.view == n.w.chain.tip {
		return
	}
	n.chasing = true
	next := n.step(n.w.chain.tip)
	if next == nil { // the view is not in the best chain
		n.w.logf("%s: block %d is gone", n, n.view.height)
		for _, tx := range n.view.txs {
			for _, in := range tx.TxIn {
				delete(n.spends, in.PreviousOutPoint)
			}
		}
		n.view = n.view.parent
	} else {
		n.view = next
		for _, tx := range next.txs {
			for _, in := range tx.TxIn {
				n.spends[in.PreviousOutPoint] = enforce.Spend{Tx: tx, Height: next.height}
			}
		}
	}
	n.height = n.view.height
	n.tellLinks()
}

// step is the block after the view in the chain that ends in tip; nil: the view is
// not in it.
func (n *node) step(tip *block) *block {
	for b := tip; b != nil && b.height > n.view.height; b = b.parent {
		if b.parent == n.view {
			return b
		}
	}
	return nil
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
			if _, spent := n.spends[l.edge.funding]; spent {
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
	for _, l := range n.order {
		l.revive()
	}
	n.enforce()
	n.chasing = false
	n.after(n.w.jitter(100*time.Millisecond), n.chase)
}

// longAway is how many blocks a node has to miss for its peers to have a while to come
// back.
const longAway = 6

// grace gives peers that while after a start.
func (n *node) grace() {
	if tip := n.w.chain.tip.height; tip >= n.view.height+longAway {
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
	f := enforce.Facts{
		Height: n.height, Spends: n.spends, Learnt: map[wire.PaymentHash]wire.Preimage{}, Incoming: n.disk.Incoming(),
	}
	for _, l := range n.order {
		if !n.alive() {
			return
		}
		l.enforce(f)
	}
}

// enforce does what the chain asks for, once the channel is no longer open.
func (l *link) enforce(f enforce.Facts) {
	n := l.n
	s := n.disk.Channels[l.edge.id]
	rows := s.Load()
	spend, spent := n.spends[l.edge.funding]
	if rows.Status.Status == channel.Closed || rows.Status.Status == channel.Open && !spent {
		return
	}
	if spent {
		number, revoked, err := enforce.Revoked(rows, spend.Tx)
		if err != nil {
			n.w.fail("%s: %v", l, err)
		}
		if revoked {
			f.Past = s.Past(number)
		}
	}
	plan, err := enforce.Resolve(rows, l.signer, f, onChainPolicy())
	if err != nil {
		n.w.fail("%s: %v", l, err)
	}
	maps.Copy(f.Learnt, plan.Preimages)
	l.note(&plan)
	l.sweep(&plan)
	for i := range plan.Upstream {
		if v := &plan.Upstream[i]; v.AtRisk && !l.risked[v.HTLC.ID] {
			l.risked[v.HTLC.ID] = true
			l.edge.atRisk += int64(v.Amount) //nolint:gosec // below 2^63
			n.w.stats.AtRisk++
			n.w.logf("%s: HTLC %d is failed at risk: %s", l, v.HTLC.ID, v.Why)
		}
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

// note remembers a plan and reports what is new.
func (l *link) note(plan *enforce.Plan) {
	if me := &l.edge.ends[l.edge.end(l.n)]; me.kind != plan.Kind || me.txid != plan.TxID {
		l.n.w.logf("%s: %s, commitment %d, at height %d of %d", l, plan.Kind, plan.Number, plan.Height, l.n.height)
	}
	me := &l.edge.ends[l.edge.end(l.n)]
	me.kind, me.number, me.txid = plan.Kind, plan.Number, plan.TxID
}

// sweep broadcasts what takes the claims: alone what must stand alone, and the rest
// together or not.
func (l *link) sweep(plan *enforce.Plan) {
	var batch []enforce.Claim
	for i := range plan.Claims {
		c := plan.Claims[i]
		if c.Kind == enforce.Anchor || c.NotBefore > l.n.height+1 {
			continue
		}
		if c.Apart || c.Presigned != nil {
			l.n.claim(l.n.script, l.signer, c)
		} else {
			batch = append(batch, c)
		}
	}
	if len(batch) > 0 {
		l.n.claim(l.n.script, l.signer, batch...)
	}
}

// claim makes a transaction of claims and broadcasts it. It pays no fee.
func (n *node) claim(to []byte, s enforce.Signer, claims ...enforce.Claim) {
	d, err := enforce.Assemble(claims...)
	if err != nil {
		n.w.fail("%s: %v", n, err)
	}
	if d.In > d.Out {
		d.Tx.AddTxOut(btcwire.NewTxOut(int64(d.In-d.Out), to)) //nolint:gosec // below MaxMoney
	}
	if err := d.Sign(func(wire.ChannelID) (enforce.Signer, error) { return s, nil }); err != nil {
		n.w.fail("%s: %v", n, err)
	}
	n.w.stats.Claims += len(claims)
	n.w.chain.broadcast(n, d.Tx)
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
