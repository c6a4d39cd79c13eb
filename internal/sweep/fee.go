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
// the estimate for the blocks that are left, and in the last of them more and more,
// up to the whole budget, since what the other side takes is lost. It never falls
// while estimates do not, and it keeps the budget, unless nothing is relayed so
// cheaply.
func feerate(deadline, height uint32, budget amount.Satoshi, weight uint64, estimate Feerates) uint32 {
	most := uint64(budget) * 1000 / max(weight, 1)
	if deadline == 0 {
		return bounded(min(uint64(estimate(patient)), most))
	}
	left := uint32(1)
	if deadline > height {
		left = deadline - height
	}
	base := min(uint64(estimate(min(left, patient))), most)
	if left >= urgent {
		return bounded(base)
	}
	return bounded(base + (most-base)*uint64(urgent-left)/(urgent-1))
}

// bounded keeps a feerate between what nodes relay and what is a mistake.
func bounded(perKw uint64) uint32 {
	return uint32(min(max(perKw, wallet.MinFeePerKw), wallet.MaxFeePerKw)) //nolint:gosec // bounded
}

// tokenWorth is what tokens count for beside the satoshi that go with them: nobody says
// what they are worth, and they are to be taken at the fees of most days.
const tokenWorth amount.Satoshi = 100_000

// worth is what a claim counts for.
func worth(c *enforce.Claim) amount.Satoshi {
	if c.Tokens > 0 {
		return c.Value + tokenWorth
	}
	return c.Value
}

// budget is the most that a claim may cost. Of what nobody else can take a tenth is
// enough; of what can be lost all but a twentieth may go, and of what a cheat would
// take, all: he shall not gain. What is left must make an output.
func budget(c *enforce.Claim) amount.Satoshi {
	value := worth(c)
	all := value - min(value, dust)
	switch {
	case c.Deadline == 0:
		return min(value/10, all)
	case c.Kind == enforce.RevokedToLocal, c.Kind == enforce.RevokedHTLC, c.Kind == enforce.RevokedSecondStage:
		return all
	}
	return min(value-value/20, all)
}

// budget is the most that a commitment and its child may cost together: a tenth of
// what is ours, or all but a twentieth of what is lost after a deadline.
func (p *Parent) budget(deadline uint32) amount.Satoshi {
	calm := p.Ours / 10
	if deadline == 0 {
		return calm
	}
	return max(calm, p.AtRisk-p.AtRisk/20)
}

// cost is what weight costs at a feerate, rounded up.
func cost(weight uint64, perKw uint32) amount.Satoshi {
	return amount.Satoshi((weight*uint64(perKw) + 999) / 1000)
}

const (
	overhead = enforce.Overhead
	signed   = enforce.SignedOutput
	coin     = enforce.WalletInput
	dust     = enforce.Dust
	// carried is what the payload and the output for tokens weigh.
	carried = 4*(8+1+2+4+18) + 4*(8+1+23)
)

// share is what a claim adds to a transaction's weight.
func share(c *enforce.Claim) uint64 {
	switch {
	case c.Presigned != nil:
		return c.Weight() + signed
	case c.Tokens > 0:
		return c.Weight() + carried
	}
	return c.Weight()
}

// needsCoins tells whether a claim leaves nothing for the fee. An anchor is worth nothing,
// what the peer signed has its value in an output beside it, and what goes with tokens
// goes on with them.
func needsCoins(c *enforce.Claim) bool {
	return c.Unconfirmed || c.Presigned != nil || c.Tokens > 0 && c.Whole == nil
}

// weigh is about what a transaction weighs that takes claims.
func weigh(claims ...enforce.Claim) uint64 {
	sum, fed := uint64(overhead), false
	for i := range claims {
		sum += share(&claims[i])
		fed = fed || needsCoins(&claims[i])
	}
	if fed {
		sum += coin
	}
	return sum
}
