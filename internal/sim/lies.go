package sim

import (
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/sim/babble"
)

// babble sends what nobody asked for, at any time.
func (n *node) babble() {
	w := n.w
	if w.calm || n.gone {
		return
	}
	w.after(w.jitter(20*time.Second), n.babble)
	if !n.up || len(n.order) == 0 {
		return
	}
	l := n.order[w.rng.IntN(len(n.order))]
	if c := l.edge.conn; c.up && c.hears[c.end(n)] {
		w.stats.Lies++
		w.logf("%s babbles", n)
		k := babble.Known{
			Channel: l.edge.id, Funding: l.edge.funding.Hash, Point: l.signer.PerCommitmentPoint, Script: n.script, Height: w.chain.Tip.Height, Asset: l.edge.property(),
			Invoice: func() (hash wire.PaymentHash, r wire.Preimage) {
				if len(n.disk.Hashes) > 0 {
					hash = n.disk.Hashes[w.rng.IntN(len(n.disk.Hashes))]
					r = n.disk.Invoices[hash].Preimage
				}
				return hash, r
			},
		}
		c.line.send(c.end(n), babble.Anything(w.rng, k))
	}
}
