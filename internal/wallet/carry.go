package wallet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/durable"
)

// nestedScript is what an address for tokens is the hash of: P2WPKH.
func nestedScript(key *btcec.PrivateKey) []byte {
	return append([]byte{txscript.OP_0, 20}, address.Hash160(key.PubKey().SerializeCompressed())...)
}

// push is a script that pushes a short one.
func push(script []byte) []byte { return append([]byte{byte(len(script))}, script...) }

// holds tells whether the address of a coin has tokens.
func (w *Wallet) holds(c *CoinRow) bool { return w.cfg.Holds != nil && w.cfg.Holds(c.Script) }

// apart tells whether a coin is never chosen: see [Coin.Apart].
func (w *Wallet) apart(c *CoinRow) bool {
	return w.addresses[string(c.Script)].Kind == Token || w.holds(c)
}

// Carrying asks for a transaction that means something by its first input and the order of
// its outputs.
type Carrying struct {
	First    btcwire.OutPoint // a free coin, apart or not
	Outputs  []*btcwire.TxOut // in this order; change comes before the last one
	FeePerKw uint32           // satoshi per 1000 weight
	Keep     amount.Satoshi   // what must stay in the wallet: see [Reserve]
	For      string           // what the coins are reserved for; not empty
}

// Carry makes such a transaction, pays its fee by other coins that are free and not apart,
// and signs it. Errors: [ErrFeeRate], [ErrNotFree], [ErrOutput], [ErrNoOutput],
// *[InsufficientError], or that of the keys.
func (w *Wallet) Carry(r Carrying) (durable.Pending[Funded], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	none := durable.Pending[Funded]{}
	first := w.coins[r.First]
	switch {
	case r.FeePerKw < MinFeePerKw || r.FeePerKw > MaxFeePerKw:
		return none, fmt.Errorf("%w, not %d", ErrFeeRate, r.FeePerKw)
	case r.For == "":
		return none, errors.New("reservation without a purpose: say what the coins are for")
	case len(r.Outputs) == 0:
		return none, ErrNoOutput
	case first == nil || !w.named(first, 0):
		return none, fmt.Errorf("%w: %v", ErrNotFree, r.First)
	}
	load := carried{perKw: r.FeePerKw, in: first.Value, coins: []*CoinRow{first}, weight: 4*(4+1+1+4) + 2 + coinWeight(first.Script)}
	for _, o := range r.Outputs {
		load.out += amount.Satoshi(o.Value) //nolint:gosec // outputs are not negative
		load.weight += uint64(4 * o.SerializeSize())
	}
	if load.out > amount.MaxMoney {
		return none, fmt.Errorf("%w: %w", ErrOutput, amount.ErrRange)
	}
	stays := w.pays(&load)
	rest, ok := load.rest()
	switch {
	case !ok:
		return none, &InsufficientError{Missing: load.out + load.fee(0) - load.in, Available: load.in}
	case stays+rest < r.Keep:
		return none, &InsufficientError{Missing: r.Keep - stays - rest, Available: load.in, Kept: r.Keep}
	}
	c := newChanges()
	tx := btcwire.NewMsgTx(2)
	tx.TxOut = slices.Clone(r.Outputs)
	f := Funded{Tx: tx, Change: rest, Fee: load.in - load.out - rest}
	if rest > 0 {
		change, err := w.newAddress(P2WPKH, Change)
		if err != nil {
			return none, err
		}
		c.rows = append(c.rows, change)
		tx.TxOut = slices.Insert(tx.TxOut, len(tx.TxOut)-1, btcwire.NewTxOut(int64(rest), change.Script)) //nolint:gosec // at most all money
	}
	prevs := txscript.NewMultiPrevOutFetcher(nil)
	for _, coin := range load.coins {
		tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: coin.OutPoint, Sequence: btcwire.MaxTxInSequenceNum - 2}) // BIP 125
		out := btcwire.NewTxOut(int64(coin.Value), coin.Script)                                              //nolint:gosec // at most all money
		prevs.AddPrevOut(coin.OutPoint, out)
		f.Spent = append(f.Spent, out)
		coin.ReservedFor, coin.ReservedUntil = r.For, w.tip.Height+reservedBlocks
		c.coin(coin)
	}
	hashes := txscript.NewTxSigHashes(tx, prevs)
	for i, coin := range load.coins {
		if err := w.signInput(tx, i, hashes, coin.Script, btcutil.Amount(coin.Value)); err != nil { //nolint:gosec // at most all money
			return none, err
		}
	}
	return durable.Hold(f, c.all()...), nil
}

// carried is a transaction of [Wallet.Carry] while it is made.
type carried struct {
	perKw   uint32
	in, out amount.Satoshi
	weight  uint64
	coins   []*CoinRow
}

func (c *carried) fee(more uint64) amount.Satoshi {
	return amount.Satoshi(((c.weight+more)*uint64(c.perKw) + 999) / 1000)
}

// rest is what comes back; zero: nothing that is worth an output. False: there is not
// enough.
func (c *carried) rest() (amount.Satoshi, bool) {
	if needs := c.out + c.fee(changeWeight); c.in >= needs+changeDust {
		return c.in - needs, true
	}
	return 0, c.in >= c.out+c.fee(0)
}

// pays adds free coins, those worth most first, until there is enough, and gives what the
// others are worth.
func (w *Wallet) pays(c *carried) (stays amount.Satoshi) {
	var free []*CoinRow
	for _, coin := range w.coins {
		if w.spendable(coin, 0) && coin != c.coins[0] {
			free = append(free, coin)
		}
	}
	slices.SortFunc(free, func(a, b *CoinRow) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), ByOutPoint(a.OutPoint, b.OutPoint))
	})
	for _, coin := range free {
		if _, ok := c.rest(); ok {
			stays += coin.Value
			continue
		}
		c.coins = append(c.coins, coin)
		c.in += coin.Value
		c.weight += coinWeight(coin.Script)
	}
	return stays
}

// At is the coin of an address that is worth most among those free to spend; false: there
// is none.
func (w *Wallet) At(script []byte) (btcwire.OutPoint, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var best *CoinRow
	for _, c := range w.coins {
		if string(c.Script) == string(script) && w.named(c, 0) &&
			(best == nil || cmp.Or(cmp.Compare(best.Value, c.Value), ByOutPoint(c.OutPoint, best.OutPoint)) < 0) {
			best = c
		}
	}
	if best == nil {
		return btcwire.OutPoint{}, false
	}
	return best.OutPoint, true
}

// Sent is a transaction of ours, with the script that its first input spends.
type Sent struct {
	Tx     *btcwire.MsgTx
	Script []byte
}

// Since are our transactions that are in no block, and can be, or in one above a height,
// in the order in which they were published, where the first input is ours.
func (w *Wallet) Since(height uint32) []Sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	var own []*ownTx
	for _, t := range w.txs {
		if t.Label != "" && (t.Height > height || t.Height == 0 && w.alive(t)) {
			own = append(own, t)
		}
	}
	slices.SortFunc(own, byNumber)
	var out []Sent
	for _, t := range own {
		if coin := w.coins[t.tx.TxIn[0].PreviousOutPoint]; coin != nil {
			out = append(out, Sent{t.tx.Copy(), coin.Script})
		}
	}
	return out
}

// Addresses are those of a kind that were given out, by branch and index.
func (w *Wallet) Addresses(kind Kind) (list []AddressRow) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.addresses {
		if a.Kind == kind {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b AddressRow) int {
		return cmp.Or(cmp.Compare(a.Branch, b.Branch), cmp.Compare(a.Index, b.Index))
	})
	return list
}

// ScriptOf is the script of an address of ours; nil: it is not ours.
func (w *Wallet) ScriptOf(address string) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.addresses {
		if a.Address == address {
			return a.Script
		}
	}
	return nil
}
