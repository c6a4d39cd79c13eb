package sim

import (
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
)

// snapshot is what somebody makes who does not know better.
func (n *node) snapshot() { n.copied = n.disk.Clone() }

// restore puts a snapshot back, and with it an old state of every channel.
func (n *node) restore() {
	if n.copied == nil || n.gone || n.cheat != nil || n.stale {
		return
	}
	n.w.stats.Restored++
	n.stale, n.aired = true, n.w.chain.Aired()
	n.disk = n.copied
	if n.up {
		n.jobs = nil // they were for the other disk
		n.die()
	}
}

// curt tells whether a message is one that BOLT 2 does not ask for: the numbers of a
// channel that had failed when the peer came. Who has lost state hears of an error only.
func (l *link) curt(m wire.Message) bool {
	_, numbers := m.(*wire.ChannelReestablish)
	return numbers && l.quiet
}

// judgeStale checks that a node that lost state did not broadcast what it has
// revoked, and has got its balance where the peer closed.
func (w *world) judgeStale(n *node) {
	for _, e := range n.edges {
		o := &e.ends[1-e.end(n)]
		if !o.n.honest() {
			continue
		}
		// Who has said nothing but that the channel has failed, and is then not let on the
		// chain, is waited for for a day. What it had broadcast before, nobody can take back.
		if o.kind == enforce.TheirsRevoked && (e.stuck == 0 || !o.n.curt) && n.aired[w.chain.Spent[e.funding].Tx.TxHash()] != n {
			w.fail("%s lost state and broadcast commitment %d of %s, which it has revoked", n, o.number, e)
		}
		if s := n.disk.Channels[e.id]; s != nil && !n.gone && s.Rows.Status.Status == channel.Lost && w.chain.Spent[e.funding].Tx == nil {
			w.fail("%s lost state and %s is not closed", n, e)
		}
	}
}
