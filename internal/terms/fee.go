package terms

import (
	"log/slog"

	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/tally"
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

// tokenMost is the most of a channel with tokens. Its commitments and all that is signed
// with them have no anchor: nothing can be added to what they pay, so they must confirm by
// themselves.
const tokenMost = 25_000

// bounds say what a peer may propose. Where there are tokens it may not let its commitments
// pay so little that they are in no block before their HTLCs expire.
func bounds(tokens bool, estimate uint32) channel.FeeBounds {
	b := channel.FeeBounds{Low: commitLeast, High: max(peerMost, min(estimate, 100_000)*peerFactor)}
	if tokens {
		b.Low = max(b.Low, min(estimate, tokenMost)/4)
	}
	return b
}

// should is the feerate to propose for a channel that has one. With tokens it goes up in
// steps, each at most twice the last ([channel.ErrFeeSteps]).
func should(tokens bool, has, estimate uint32) uint32 {
	if !tokens {
		return CommitFee(estimate)
	}
	return min(max(estimate, commitLeast), tally.Twice(has), tokenMost)
}

// worthIt says whether a feerate is so far from what it should be that update_fee is
// worth a round: it costs both sides a signature for every HTLC.
func worthIt(has, should uint32) bool {
	return uint64(should)*4 > uint64(has)*5 || uint64(should)*2 < uint64(has)
}

// SetFee proposes the feerate of the day for a channel of which we pay the fee, and says
// what the peer may propose for one of its own.
func SetFee(l *link.Link, estimate uint32, log *slog.Logger) {
	l.Do(func(ch *channel.Channel) {
		tokens, v := ch.Params().Property != 0, ch.View()
		ch.SetFeeBounds(bounds(tokens, estimate))
		rate := should(tokens, v.FeePerKw, estimate)
		if !ch.Params().LocalIsOpener || !v.Connected || !worthIt(v.FeePerKw, rate) {
			return
		}
		if err := ch.SetFee(rate); err != nil {
			log.Debug("feerate not proposed", "channel", ch.ID(), "feerate", rate, "why", err)
		}
	})
}
