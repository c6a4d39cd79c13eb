package tally

import (
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// Refusals of tokens.
var (
	ErrNoTokens    = errors.New("channel carries tokens: each HTLC must have some of them, at most 2^63-1")
	ErrBitcoinOnly = errors.New("channel carries bitcoin only: send no tokens through it")
	ErrMinimum     = errors.New("tokens are below the peer's minimum: send more")
	ErrInFlight    = errors.New("as many tokens are in flight as the peer accepts: send less or try again later")
	ErrReserve     = errors.New("tokens do not suffice beside the channel's reserve of them: send less")
	ErrCarrier     = errors.New("too few satoshi go with the tokens, or would be left with those that stay, were the feerate to double")
)

// TokenLimits are what a side announced of tokens; they bind the other side.
type TokenLimits struct {
	Reserve     amount.Units // that the other side keeps, once it has so many
	HTLCMinimum amount.Units
	MaxInFlight amount.Units
}

// Rides tells whether there are tokens.
func (r *Rules) Rides() bool { return r.Format == script.Tokens }

// Two sides that act at once must not come into a state that has no transaction. So each
// rule below is one that only the side which proposes the update can break
// (docs/decisions/0009-tokens-in-a-channel.md).

// MayCarry checks what both sides hold the tokens of an add against, and the satoshi that
// go with them. It returns nil or one of the refusals.
func (r *Rules) MayCarry(t *Tally, by dance.Side, l Load, feePerKw uint32, theirs *TokenLimits) error {
	if !r.Rides() {
		if l.Tokens != 0 {
			return ErrBitcoinOnly
		}
		return nil
	}
	left := t.Balance[by].Tokens - units(l.Tokens)
	switch {
	case l.Tokens == 0 || l.Tokens > amount.MaxUnits:
		return ErrNoTokens
	case l.Tokens < theirs.HTLCMinimum:
		return ErrMinimum
	case t.Value[by].Tokens > units(theirs.MaxInFlight)-units(l.Tokens):
		return ErrInFlight
	case left < units(theirs.Reserve):
		return ErrReserve
	}
	keeps := t.Balance[by].Msat - Msat(l.Msat)
	switch risen := Twice(feePerKw); {
	case l.Msat.Sat() < script.CarrierFloor(risen, script.CarrierHTLC),
		by == r.Opener && keeps < r.openerKeeps(feePerKw),
		by != r.Opener && left > 0 && keeps < floor(risen):
		return ErrCarrier
	}
	return nil
}

// Twice is a feerate after the most that one update_fee may add to it.
func Twice(feePerKw uint32) uint32 { return uint32(min(uint64(feePerKw)*2, 1<<32-1)) } //nolint:gosec // capped

// floor is what a balance with tokens has at the least, in either commitment.
func floor(feePerKw uint32) int64 {
	return Msat(script.CarrierFloor(feePerKw, script.CarrierToLocal).Msat())
}

// openerKeeps is what the opener has at any time: the fee of the largest commitment, and
// what its tokens need.
func (r *Rules) openerKeeps(feePerKw uint32) int64 {
	return r.Cost(feePerKw, r.HTLCs) + floor(feePerKw)
}

// MayBear tells whether both balances can bear a feerate.
func (r *Rules) MayBear(t *Tally, feePerKw uint32) bool {
	other := t.Balance[r.Opener.Other()]
	return !r.Rides() || t.Balance[r.Opener].Msat >= r.openerKeeps(feePerKw) && (other.Tokens <= 0 || other.Msat >= floor(feePerKw))
}

// MayStep tells whether one update_fee may go to a feerate: with tokens it at most doubles,
// and only when the last change is irrevocable.
func (r *Rules) MayStep(f dance.Feerates, feePerKw uint32) bool {
	f[dance.Proposed] = 0
	last := f[dance.Irrevocable]
	return !r.Rides() || f == dance.Feerates{dance.Irrevocable: last} && feePerKw <= Twice(last)
}

// Outlives tells whether an HTLC can bear a feerate.
func (r *Rules) Outlives(l Load, feePerKw uint32) bool {
	return !r.Rides() || l.Msat.Sat() >= script.CarrierFloor(feePerKw, script.CarrierHTLC)
}

// Carrier is the least amount that goes with tokens at a feerate; zero without tokens.
func (r *Rules) Carrier(feePerKw uint32) amount.MilliSatoshi {
	if !r.Rides() {
		return 0
	}
	return script.CarrierFloor(Twice(feePerKw), script.CarrierHTLC).Msat()
}
