package sweep

import (
	"cmp"
	"fmt"
	"slices"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// Short is a claim that cannot be made, because the wallet has too few coins for its
// fee: it waits for coins, and for nothing else.
type Short struct {
	Claim   enforce.Claim
	Missing amount.Satoshi // at the least feerate that is worth anything now
}

// String says what to do.
func (s Short) String() string {
	by := ""
	if s.Claim.Deadline != 0 {
		by = fmt.Sprintf(", before block %d", s.Claim.Deadline)
	}
	what := fmt.Sprintf("%s of %v", s.Claim.Kind, s.Claim.Value)
	if s.Claim.Unconfirmed {
		what = "our commitment transaction"
	}
	return fmt.Sprintf("%s waits for coins to pay its fee: send %v or more to the wallet%s", what, s.Missing, by)
}

// short notes that claims wait for coins; each is told to the log once.
func (s *Sweeper) short(b *Batch, why *wallet.InsufficientError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b.Claims {
		c := &b.Claims[i]
		at := Short{*c, why.Missing}
		if !s.told[c.OutPoint] {
			s.told[c.OutPoint] = true
			s.cfg.Log.Error("funds are at risk: a claim cannot be paid for", "channel", c.Channel, "output", c.OutPoint, "what", at.String(), "why", why)
		}
		s.shorts[c.OutPoint] = at
	}
}

// begin forgets what waited for coins at the last height. What it told the log it
// remembers for as long as it waits.
func (s *Sweeper) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := map[btcwire.OutPoint]bool{}
	for at := range s.shorts {
		told[at] = true
	}
	s.told, s.shorts = told, map[btcwire.OutPoint]Short{}
}

// Shorts are the claims of a channel that wait for coins of the wallet.
func (s *Sweeper) Shorts(id wire.ChannelID) (list []Short) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.shorts {
		if at.Claim.Channel == id {
			list = append(list, at)
		}
	}
	slices.SortFunc(list, func(a, b Short) int {
		return wallet.ByOutPoint(a.Claim.OutPoint, b.Claim.OutPoint)
	})
	return list
}

// singly are the claims of a batch that coins do not suffice for, each by itself at a
// feerate: the most valuable first.
func (b *Batch) singly(perKw uint32) (list []Batch) {
	if len(b.Claims) == 1 || b.Replaces > 0 {
		return nil
	}
	claims := slices.Clone(b.Claims)
	slices.SortStableFunc(claims, func(x, y enforce.Claim) int { return cmp.Compare(y.Value, x.Value) })
	for i := range claims {
		list = append(list, Batch{Claims: claims[i : i+1], FeePerKw: perKw, Floor: b.Floor, Coins: b.Coins})
	}
	return list
}
