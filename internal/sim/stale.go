package sim

import (
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
	n.stale = true
	n.disk = n.copied
	if n.up {
		n.jobs = nil // they were for the other disk
		n.die()
	}
}

// judgeStale checks that a node that lost state did not broadcast what it has
// revoked, and has got its balance where the peer closed.
func (w *world) judgeStale(n *node) {
	for _, e := range n.edges {
		o := &e.ends[1-e.end(n)]
		if !o.n.honest() {
			continue
		}
		// A peer fails the channel of which a liar says nonsense, before it has proved to
		// it that its state is old. That is the liar's affair.
		if o.kind == enforce.TheirsRevoked && !n.lies {
			w.fail("%s lost state and broadcast commitment %d of %s, which it has revoked", n, o.number, e)
		}
		if s := n.disk.Channels[e.id]; s != nil && !n.gone && s.Rows.Status.Status == channel.Lost && w.chain.Spent[e.funding].Tx == nil {
			w.fail("%s lost state and %s is not closed", n, e)
		}
	}
}
