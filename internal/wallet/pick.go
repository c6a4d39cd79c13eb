package wallet

import (
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Pick asks for coins for a transaction that somebody else will make.
type Pick struct {
	Value      amount.Satoshi // of its other outputs; [All]: as much as there is
	FeePerKw   uint32         // satoshi per 1000 weight
	Weight     uint64         // of the transaction without the inputs
	MinWitness uint64         // the least that is counted for the witness of an input
	MinConf    uint32
	Coins      []btcwire.OutPoint // just these; empty: the wallet chooses
	Change     bool               // whether what is left over comes back to the wallet
	Keep       amount.Satoshi     // what must stay in the wallet: it comes back as change when other coins are not enough
	For        string             // what the coins are reserved for; empty: they are not
	Until      uint32             // height of the last block at which the reservation holds
}

// Picked are coins, and what they leave.
type Picked struct {
	Coins  []CoinRow
	Weight uint64         // with the inputs, the change and their witnesses
	Excess amount.Satoshi // beyond value and fee; zero when it is change
	Change *btcwire.TxOut // nil: there is none
}

// inputWeight is what an input adds to a transaction, with its witness.
func inputWeight(script []byte, minWitness uint64) uint64 {
	const bare = 4 * 41
	return bare + max(coinWeight(script)-bare, minWitness)
}

// Pick chooses coins, those worth most first, and reserves them when it is asked to.
// Errors: [ErrFeeRate], [ErrNotFree], [ErrOutput], *[InsufficientError], or that of the
// keys.
func (w *Wallet) Pick(p Pick) (durable.Pending[Picked], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	none := durable.Pending[Picked]{}
	switch {
	case p.FeePerKw < MinFeePerKw || p.FeePerKw > MaxFeePerKw:
		return none, fmt.Errorf("%w, not %d", ErrFeeRate, p.FeePerKw)
	case p.Value != All && p.Value > amount.MaxMoney:
		return none, fmt.Errorf("%w: %w", ErrOutput, amount.ErrRange)
	case p.Weight > maxWeight || p.MinWitness > maxWeight:
		return none, fmt.Errorf("%w: it would weigh too much", ErrOutput)
	}
	free, err := w.free(Request{FeePerKw: p.FeePerKw, MinConf: p.MinConf, Coins: p.Coins})
	if err != nil {
		return none, err
	}
	var sum, available amount.Satoshi
	out := Picked{Weight: p.Weight}
	fee := func(more uint64) amount.Satoshi {
		return amount.Satoshi(((out.Weight+more)*uint64(p.FeePerKw) + 999) / 1000)
	}
	for _, c := range free {
		available += c.Value
	}
	for _, c := range free {
		if len(p.Coins) == 0 && p.Value != All && sum >= p.Value+fee(0) {
			break
		}
		out.Weight += inputWeight(c.Script, p.MinWitness)
		if out.Weight > maxWeight {
			return none, fmt.Errorf("%w: it would weigh too much", ErrOutput)
		}
		out.Coins = append(out.Coins, *c)
		sum += c.Value
	}
	value := p.Value
	if value == All {
		value = 0
	}
	back := w.keptBack(p.Keep, sum)
	needs := value + fee(0)
	if back > 0 {
		needs = value + fee(changeWeight) + back
	}
	if len(out.Coins) == 0 || sum < needs {
		return none, &InsufficientError{Missing: needs - min(needs, sum), Available: available, Kept: back}
	}
	c := newChanges()
	out.Excess = sum - value - fee(0)
	if rest := sum - min(sum, value+fee(changeWeight)); back > 0 || p.Change && rest >= changeDust {
		if p.Value == All && !p.Change {
			rest = back // all else is for the caller
		}
		a, err := w.newAddress(P2WPKH, Change)
		if err != nil {
			return none, err
		}
		c.rows = append(c.rows, a)
		out.Excess = sum - value - fee(changeWeight) - rest
		out.Weight += changeWeight
		out.Change = btcwire.NewTxOut(int64(rest), a.Script) //nolint:gosec // at most all money
	}
	if p.For != "" {
		for i := range out.Coins {
			coin := w.coins[out.Coins[i].OutPoint]
			coin.ReservedFor, coin.ReservedUntil = p.For, p.Until
			c.coin(coin)
		}
	}
	return durable.Hold(out, c.all()...), nil
}

// maxWeight is what no node relays more than.
const maxWeight = 400_000

// keptBack is how much of what coins bring must come back, so that enough stays.
func (w *Wallet) keptBack(keep, spent amount.Satoshi) amount.Satoshi {
	var stays amount.Satoshi
	for _, c := range w.coins {
		if w.spendable(c, 0) {
			stays += c.Value
		}
	}
	back := keep - min(keep, stays-min(stays, spent))
	if back > 0 {
		back = max(back, changeDust)
	}
	return back
}

// Held is a reservation as it was and is.
type Held struct {
	OutPoint btcwire.OutPoint
	Was, Is  bool
	Until    uint32 // height of the last block at which it holds
}

// ByHand is what coins are reserved for whose owner asked for just that.
const ByHand = "by hand"

// Keep reserves those of the coins that are the wallet's for some blocks, or for so many
// more when they are reserved already and that is allowed. Nothing is reserved when one
// of them cannot be. Error: [ErrNotFree].
func (w *Wallet) Keep(coins []btcwire.OutPoint, blocks uint32, more bool) (durable.Pending[[]Held], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := newChanges()
	var out []Held
	for _, at := range coins {
		coin := w.coins[at]
		if coin == nil {
			continue
		}
		s, ok := w.status(coin)
		if was := s == Reserved; !ok || s == Spent || was && !more {
			return durable.Pending[[]Held]{}, fmt.Errorf("%w: %v", ErrNotFree, at)
		} else if w.holds(coin) {
			return durable.Pending[[]Held]{}, fmt.Errorf("%w: %v: %w", ErrNotFree, at, ErrTokens)
		} else if ok && !c.coins[coin] {
			c.coin(coin)
			out = append(out, Held{OutPoint: at, Was: was, Is: true})
		}
	}
	for i := range out {
		coin := w.coins[out[i].OutPoint]
		from := uint64(w.tip.Height)
		if out[i].Was {
			from = uint64(coin.ReservedUntil) + 1
		} else {
			coin.ReservedFor = ByHand
		}
		coin.ReservedUntil = uint32(min(from+uint64(max(blocks, 1))-1, 1<<31)) //nolint:gosec // bounded
		out[i].Until = coin.ReservedUntil
	}
	return durable.Hold(out, c.all()...), nil
}

// Unkeep shortens the reservations of those of the coins that are the wallet's. What the
// node itself reserved, for a channel, say, stays so. Error: [ErrNotFree].
func (w *Wallet) Unkeep(coins []btcwire.OutPoint, blocks uint32, ours func(what string) bool) (durable.Pending[[]Held], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := newChanges()
	var out []Held
	for _, at := range coins {
		coin := w.coins[at]
		if coin == nil || c.coins[coin] {
			continue
		}
		s, _ := w.status(coin)
		if s == Reserved && coin.ReservedFor != ByHand && !ours(coin.ReservedFor) {
			return durable.Pending[[]Held]{}, fmt.Errorf("%w: %v is kept for the node's own %s", ErrNotFree, at, coin.ReservedFor)
		}
		out = append(out, Held{OutPoint: at, Was: s == Reserved})
		c.coin(coin)
	}
	for i := range out {
		coin := w.coins[out[i].OutPoint]
		if !out[i].Was {
			continue
		}
		if left := coin.ReservedUntil - w.tip.Height; blocks > left { // it is reserved: not negative
			coin.ReservedFor, coin.ReservedUntil = "", 0
		} else {
			coin.ReservedUntil -= blocks
			out[i].Is, out[i].Until = true, coin.ReservedUntil
		}
	}
	return durable.Hold(out, c.all()...), nil
}

// Prepared is a transaction of [Request.Prepare] that is not published: its coins are
// still reserved for it. The outputs are those that it spends, in their order.
func (w *Wallet) Prepared(txid chainhash.Hash) (tx *btcwire.MsgTx, spent []*btcwire.TxOut, label string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := w.txs[txid]
	if own == nil || !own.Abandoned || own.Height != 0 || own.Label == "" {
		return nil, nil, "", false
	}
	for _, in := range own.tx.TxIn {
		coin := w.coins[in.PreviousOutPoint]
		if coin == nil || coin.ReservedFor != own.Label {
			return nil, nil, "", false
		}
		if s, _ := w.status(coin); s != Reserved {
			return nil, nil, "", false
		}
		spent = append(spent, btcwire.NewTxOut(int64(coin.Value), coin.Script)) //nolint:gosec // at most all money
	}
	return own.tx.Copy(), spent, own.Label, true
}
