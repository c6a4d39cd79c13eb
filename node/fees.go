package node

import (
	"context"
	"time"

	"github.com/leyden-ln/leyden/internal/terms"
)

// feesEvery is how often the feerate of our commitments is looked at.
const feesEvery = time.Minute

// commitTarget is in how many blocks a commitment of ours should confirm by itself.
const commitTarget = 6

// SetFees proposes the feerate of the day for the channels of which we pay the fee,
// and says what peers may propose for theirs. A running node does so every minute.
func (n *Node) SetFees(ctx context.Context) {
	if len(n.links.All()) == 0 {
		return
	}
	estimate, err := n.FeeRate(ctx, commitTarget)
	if err != nil {
		n.log.Debug("feerates stay as they are", "why", err)
		return
	}
	for _, l := range n.links.All() {
		terms.SetFee(l, estimate, n.log)
	}
}
