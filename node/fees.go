package node

import (
	"context"
	"time"

	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/link"
)

// feesEvery is how often the feerate of our commitments is looked at.
const feesEvery = time.Minute

// Feerates of commitments, in satoshi for 1000 units of weight. A commitment that
// pays too little on its day is helped by its anchor: it only has to be relayed, so
// more than 10 satoshi for a virtual byte would be wasted on what never confirms.
const (
	commitTarget = 6 // blocks
	commitMost   = 2500
	commitLeast  = chain.MinFeePerKw
	// peerMost is what we take from a peer who pays the fees, above which HTLCs become
	// dust for no reason.
	peerMost   = 25_000
	peerFactor = 10
)

// CommitFee is the feerate that our commitments should have.
func CommitFee(estimate uint32) uint32 { return min(max(estimate, commitLeast), commitMost) }

// worthIt says whether a feerate is so far from what it should be that update_fee is
// worth a round: it costs both sides a signature for every HTLC.
func worthIt(has, should uint32) bool {
	return uint64(should)*4 > uint64(has)*5 || uint64(should)*2 < uint64(has)
}

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
		n.setFee(l, estimate)
	}
}

func (n *Node) setFee(l *link.Link, estimate uint32) {
	should := CommitFee(estimate)
	l.Do(func(ch *channel.Channel) {
		ch.SetFeeBounds(channel.FeeBounds{Low: commitLeast, High: max(peerMost, min(estimate, 100_000)*peerFactor)})
		if v := ch.View(); !ch.Params().LocalIsOpener || !v.Connected || !worthIt(v.FeePerKw, should) {
			return
		}
		if err := ch.SetFee(should); err != nil {
			n.log.Debug("feerate not proposed", "channel", ch.ID(), "feerate", should, "why", err)
		}
	})
}
