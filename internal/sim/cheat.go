package sim

import (
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/keys"
)

// cheat is a node that keeps all its commitments, to broadcast one that it has
// revoked.
type cheat struct {
	past map[wire.ChannelID][]channel.Rows // by number: the last rows with this commitment
	on   []*theft
}

// theft is a channel of which an old commitment was broadcast.
type theft struct {
	edge  *edge
	rows  channel.Rows
	thief *keys.Channel // without a memory
	tx    *btcwire.MsgTx
}

// cheating tells whether the node has broken with everybody.
func (n *node) cheating() bool { return n.cheat != nil && len(n.cheat.on) > 0 }

// remember makes the node keep what an honest one would forget.
func (n *node) remember() {
	n.cheat = &cheat{past: map[wire.ChannelID][]channel.Rows{}}
	check := n.disk.Hook
	n.disk.Hook = func(r durable.Row) {
		check(r)
		if s, ok := r.(channel.StateRow); ok {
			n.cheat.keep(n, s.Channel)
		}
	}
	for _, id := range n.disk.Order {
		n.cheat.keep(n, id)
	}
}

// denies tells whether a payment to the cheat is failed, for now.
func (n *node) denies(p invoice.Part) bool { return n.cheat != nil && p.PaymentHash[0]%2 == 0 }

// keep notes the rows as they are before those of the outcome under way: they
// belong to the commitment before.
func (c *cheat) keep(n *node, id wire.ChannelID) {
	rows := n.disk.Channels[id].Load()
	number := rows.Commitment.Number
	if rows.State.Received != number || rows.Commitment.Signature == (wire.Signature{}) {
		return // in the middle of a write
	}
	list := c.past[id]
	if uint64(len(list)) > number {
		list[number] = rows
	} else {
		list = append(list, rows)
	}
	c.past[id] = list
}

// betray broadcasts a commitment of each channel: one as far back as is said, if
// there are so many. That need not be revoked.
func (n *node) betray(back int) {
	if n.gone || n.cheating() {
		return
	}
	for _, e := range n.edges {
		list := n.cheat.past[e.id]
		if len(list) == 0 || n.disk.Channels[e.id].Rows.Status.Status >= channel.Spent {
			continue
		}
		rows := list[(len(list)-1)-back%len(list)]
		thief := n.signer(rows.Params.KeyIndex, true)
		rows.Status.Status = channel.Failed
		ch, err := channel.Load(rows)
		if err != nil {
			continue // the rows of a write that was under way
		}
		_, tx, _, err := ch.OurCommitment(thief)
		if err != nil {
			n.w.fail("%s: %v", n, err)
		}
		n.w.stats.Cheats++
		n.w.logf("%s broadcasts commitment %d of %d", n, rows.State.Received, len(list)-1)
		n.cheat.on = append(n.cheat.on, &theft{e, rows, thief, tx})
		_ = n.w.chain.Broadcast(n, tx) // it is offered again
	}
	if n.cheating() && n.up {
		n.die()
	}
}

// rob takes what can be taken from what was broadcast, at each block.
func (n *node) rob() {
	for _, t := range n.cheat.on {
		f := enforce.Facts{Height: n.w.chain.Tip.Height, Spends: n.w.chain.Spent, Decided: map[uint64]wire.Preimage{}}
		for i := range t.rows.HTLCs {
			h := &t.rows.HTLCs[i]
			if row := n.disk.Invoices[h.PaymentHash]; h.Incoming && row != nil {
				f.Decided[h.ID] = row.Preimage // whether it was paid or not
			}
		}
		var err error
		if f.Ledger, err = n.w.oracle.Judge(n.w.ctx, t.edge.property(), f.Spends); err != nil {
			n.w.fail("%s robs: %v", n, err)
		}
		plan, err := enforce.Resolve(t.rows, t.thief, f, onChainPolicy())
		if err != nil {
			n.w.fail("%s robs: %v", n, err)
		}
		if plan.Kind != enforce.Ours {
			_ = n.w.chain.Broadcast(n, t.tx) // another one may be confirmed
			continue
		}
		for _, c := range plan.Claims {
			if by, taken := n.w.chain.Spender(c.OutPoint); taken && (by == n || n.w.chance(2)) {
				continue
			}
			if c.Kind != enforce.Anchor && c.NotBefore <= f.Height+1 {
				n.steal(t.thief, c)
			}
		}
	}
}
