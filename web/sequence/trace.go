package sequence

import (
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/web/tokens"
	"github.com/leyden-ln/leyden/web/words"
)

// Trace is one step as this node saw it.
type Trace struct {
	Time      time.Time           `json:"time"`
	Step      string              `json:"step"`
	Hash      string              `json:"payment_hash"`
	ChannelID string              `json:"channel_id"`
	SCID      string              `json:"short_channel_id"`
	PeerID    string              `json:"peer_id"`
	Direction string              `json:"direction"`
	Message   string              `json:"message"`
	HTLC      uint64              `json:"htlc_id"`
	Offered   bool                `json:"offered"`
	Amount    amount.MilliSatoshi `json:"amount_msat"`
	Local     uint64              `json:"local_commitment"`
	Remote    uint64              `json:"remote_commitment"`
	Balances  *Balances           `json:"balances"` // of a commitment_signed
	Note      string              `json:"note"`
	tokens.Row
}

// Balances are those of the commitment that is replaced, and of the one that is signed.
type Balances struct {
	Commitment    string // ours or the peer's
	Before, After Balance
}

// Balance is what each side has in a commitment, without what is in HTLCs.
type Balance struct {
	Ours       amount.MilliSatoshi `json:"to_us_msat"`
	Peers      amount.MilliSatoshi `json:"to_peer_msat"`
	OursUnits  amount.Units        `json:"to_us_units"`
	PeersUnits amount.Units        `json:"to_peer_units"`
}

// Carries is what the HTLC carries.
func (t *Trace) Carries() tokens.Sum { return t.Worth(t.Units, t.Amount) }

// Kind is the class of the step's colour.
func (t *Trace) Kind() string { return kinds[t.Step] }

// Number is that of the commitment that a commitment_signed makes; 0 of other messages.
func (t *Trace) Number() uint64 {
	switch {
	case t.Balances == nil:
		return 0
	case t.OfPeer():
		return t.Remote
	default:
		return t.Local
	}
}

// Replaced is the number of the commitment before.
func (t *Trace) Replaced() uint64 { return max(t.Number(), 1) - 1 }

// OfPeer says whether the commitment that is signed is the peer's.
func (t *Trace) OfPeer() bool { return t.Balances != nil && t.Balances.Commitment != "ours" }

// Share is what one side has in a commitment before and after: of the channel's token, or
// of bitcoin.
type Share struct {
	Us            bool
	Before, After tokens.Sum
	Beside        *Share // the bitcoin beside tokens
}

// Same says whether there is no change.
func (s *Share) Same() bool { return s.Before == s.After }

// Shares are ours and the peer's, of a commitment_signed.
func (t *Trace) Shares() []Share {
	if t.Balances == nil {
		return nil
	}
	b, a := t.Balances.Before, t.Balances.After
	all := []Share{
		{Us: true, Before: tokens.Bitcoin(b.Ours), After: tokens.Bitcoin(a.Ours)},
		{Before: tokens.Bitcoin(b.Peers), After: tokens.Bitcoin(a.Peers)},
	}
	if !t.InTokens() {
		return all
	}
	token := t.Token()
	return []Share{
		{true, tokens.Of(token, b.OursUnits), tokens.Of(token, a.OursUnits), &all[0]},
		{false, tokens.Of(token, b.PeersUnits), tokens.Of(token, a.PeersUnits), &all[1]},
	}
}

// side is the share beside a column of the picture.
func (s *Share) side(w *words.Words, x int, left bool) Side {
	out := Side{X: x + beside, Left: left, After: brief(w, s.After)}
	if left {
		out.X = x - beside
	}
	if !s.Same() {
		out.Before = brief(w, s.Before)
	}
	return out
}

// brief is an amount without its token's name, for which there is no room.
func brief(w *words.Words, s tokens.Sum) string {
	if s.ID == 0 {
		return s.Text(w)
	}
	return w.Tokens(s.Units, s.Divisible)
}
