package sweep

import (
	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// Blocks within which to confirm.
const (
	patient = 144 // what nobody else can take
	urgent  = 6   // before a deadline the feerate rises
)

// Feerates estimates the feerate to confirm within so many blocks, in satoshi for
// 1000 weight.
type Feerates func(blocks uint32) uint32

// feerate is what a claim is worth paying at a height, in satoshi for 1000 weight:
// the estimate for the blocks that are left, and in the last of them more and more
// of the budget, since what the other side takes is lost. It never falls while
// estimates do not.
func feerate(deadline, height uint32, budget amount.Satoshi, weight uint64, estimate Feerates) uint32 {
	if deadline == 0 {
		return bounded(uint64(estimate(patient)))
	}
	left := uint32(1)
	if deadline > height {
		left = deadline - height
	}
	base := uint64(estimate(min(left, patient)))
	most := uint64(budget) * 1000 / max(weight, 1)
	if left >= urgent || most <= base {
		return bounded(base)
	}
	return bounded(base + (most-base)*uint64(urgent-left)/urgent)
}

// bounded keeps a feerate between what nodes relay and what is a mistake.
func bounded(perKw uint64) uint32 {
	return uint32(min(max(perKw, wallet.MinFeePerKw), wallet.MaxFeePerKw)) //nolint:gosec // bounded
}

// budget is the most that a claim may cost. Of what nobody else can take a tenth is
// enough; of what can be lost all but a twentieth may go, and of what a cheat would
// take, all: he shall not gain.
func budget(c *enforce.Claim, stake amount.Satoshi) amount.Satoshi {
	switch {
	case c.Deadline == 0:
		return stake / 10
	case c.Kind == enforce.RevokedToLocal, c.Kind == enforce.RevokedHTLC, c.Kind == enforce.RevokedSecondStage:
		return stake
	}
	return stake - stake/20
}

// cost is what weight costs at a feerate, rounded up.
func cost(weight uint64, perKw uint32) amount.Satoshi {
	return amount.Satoshi((weight*uint64(perKw) + 999) / 1000)
}
