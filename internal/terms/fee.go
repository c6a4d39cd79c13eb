package terms

import (
	"log/slog"

	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/link"
)

// Feerates of commitments, in satoshi for 1000 units of weight. A commitment that
// pays too little on its day is helped by its anchor: it only has to be relayed, so
// more than 10 satoshi for a virtual byte would be wasted on what never confirms.
const (
	commitMost  = 2500
	commitLeast = chain.MinFeePerKw
	// peerMost is what we take from a peer who pays the fees, above which HTLCs become
	// dust for no reason.
	peerMost   = 25_000
	peerFactor = 10
)

// CommitFee is the feerate that our commitments should have, of what would confirm.
func CommitFee(estimate uint32) uint32 { return min(max(estimate, commitLeast), commitMost) }

// worthIt says whether a feerate is so far from what it should be that update_fee is
// worth a round: it costs both sides a signature for every HTLC.
func worthIt(has, should uint32) bool {
	return uint64(should)*4 > uint64(has)*5 || uint64(should)*2 < uint64(has)
}

// SetFee proposes the feerate of the day for a channel of which we pay the fee, and says
// what the peer may propose for one of its own.
func SetFee(l *link.Link, estimate uint32, log *slog.Logger) {
	should := CommitFee(estimate)
	l.Do(func(ch *channel.Channel) {
		ch.SetFeeBounds(channel.FeeBounds{Low: commitLeast, High: max(peerMost, min(estimate, 100_000)*peerFactor)})
		if v := ch.View(); !ch.Params().LocalIsOpener || !v.Connected || !worthIt(v.FeePerKw, should) {
			return
		}
		if err := ch.SetFee(should); err != nil {
			log.Debug("feerate not proposed", "channel", ch.ID(), "feerate", should, "why", err)
		}
	})
}
