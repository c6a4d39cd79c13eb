package wallet

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/btcsuite/btcwallet/wallet/txsizes"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Topping asks for what is missing from a transaction whose inputs somebody else
// signs: a fee, and an output of ours for what is left.
type Topping struct {
	Tx       *btcwire.MsgTx   // it keeps what it has; more comes behind
	Spent    []*btcwire.TxOut // what its inputs spend, in their order
	Weight   uint64           // of Tx with the witnesses that its inputs will have
	FeePerKw uint32           // satoshi per 1000 weight
	Extra    amount.Satoshi   // to pay beside, such as for a parent
	Replaces amount.Satoshi   // the fee of the transactions that it replaces; zero: it replaces none

	Coins bool               // whether confirmed coins of the wallet may be added
	With  []btcwire.OutPoint // coins to add in any case: those of a transaction that is replaced
	For   string             // what coins are reserved for; not empty
}

// Topped is a transaction with its fee; our inputs are signed.
type Topped struct {
	Tx     *btcwire.MsgTx
	Fee    amount.Satoshi
	Weight uint64
}

// changeWeight is that of a P2WPKH output, and changeDust the least that it may hold.
const (
	changeWeight                = 4 * (8 + 1 + txsizes.P2WPKHPkScriptSize)
	changeDust   amount.Satoshi = 294
)

// coinWeight is the most that an input with its witness weighs.
func coinWeight(script []byte) uint64 {
	if txscript.IsPayToTaproot(script) {
		return 4*41 + 1 + 1 + 65
	}
	if txscript.IsPayToScriptHash(script) {
		return 4*(41+23) + 1 + 1 + 73 + 1 + 33
	}
	return 4*41 + 1 + 1 + 73 + 1 + 33
}

// Top adds coins and an output of ours to a transaction and signs our inputs. The
// coins are reserved until it is published; those that were reserved for the same
// before are free for it. Errors: [ErrFeeRate], [ErrNotFree],
// *[InsufficientError], or that of the keys.
func (w *Wallet) Top(t Topping) (durable.Pending[Topped], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	none := durable.Pending[Topped]{}
	if t.FeePerKw < MinFeePerKw || t.FeePerKw > MaxFeePerKw {
		return none, fmt.Errorf("%w, not %d", ErrFeeRate, t.FeePerKw)
	}
	coins, err := w.having(t)
	if err != nil {
		return none, err
	}
	b := balance{t: &t, weight: t.Weight}
	for _, o := range t.Spent {
		b.in += amount.Satoshi(o.Value) //nolint:gosec // outputs are not negative
	}
	for _, o := range t.Tx.TxOut {
		b.out += amount.Satoshi(o.Value) //nolint:gosec // outputs are not negative
	}
	for _, coin := range coins {
		b.add(coin)
	}
	if t.Coins {
		w.feed(&b, coins)
	}
	rest, ok := b.rest()
	if !ok {
		return none, &InsufficientError{Missing: b.fee(changeWeight) + b.out + changeDust - b.in, Available: b.in}
	}
	return w.finishTop(&b, rest)
}

// having are the coins that must be in a transaction.
func (w *Wallet) having(t Topping) ([]*CoinRow, error) {
	var coins []*CoinRow
	for _, at := range t.With {
		c := w.coins[at]
		if c == nil || c.SpentHeight != 0 || !w.exists(c) {
			return nil, fmt.Errorf("%w: %v", ErrNotFree, at)
		}
		coins = append(coins, c)
	}
	return coins, nil
}

// balance is a transaction that is being topped.
type balance struct {
	t       *Topping
	in, out amount.Satoshi
	weight  uint64
	coins   []*CoinRow
}

func (b *balance) add(c *CoinRow) {
	b.coins = append(b.coins, c)
	b.in += c.Value
	b.weight += coinWeight(c.Script)
}

// RelayFeePerKw is the feerate by which a transaction that replaces others pays for
// its own way, beside all that they paid (BIP 125, rules 3 and 4).
const RelayFeePerKw = 250

// fee is what the transaction costs with so much more weight.
func (b *balance) fee(more uint64) amount.Satoshi {
	cost := func(perKw uint64) amount.Satoshi { return amount.Satoshi(((b.weight+more)*perKw + 999) / 1000) }
	fee := cost(uint64(b.t.FeePerKw)) + b.t.Extra
	if b.t.Replaces > 0 {
		fee = max(fee, b.t.Replaces+cost(RelayFeePerKw))
	}
	return fee
}

// rest is what comes back to us; zero: nothing that is worth an output. False:
// there is not enough.
func (b *balance) rest() (amount.Satoshi, bool) {
	if needs := b.fee(changeWeight) + b.out; b.in >= needs+changeDust {
		return b.in - needs, true
	}
	// Without an output a transaction is none; with one that stays, what is left may
	// go to the fee.
	return 0, len(b.t.Tx.TxOut) > 0 && b.in >= b.fee(0)+b.out
}

// feed adds coins until there is enough: the smallest one that suffices, or else
// the largest ones.
func (w *Wallet) feed(b *balance, had []*CoinRow) {
	if _, ok := b.rest(); ok {
		return
	}
	var free []*CoinRow
	for _, c := range w.coins {
		if (w.spendable(c, 1) || w.keptFor(c, b.t.For)) && !slices.Contains(had, c) {
			free = append(free, c)
		}
	}
	slices.SortFunc(free, func(x, y *CoinRow) int {
		return cmp.Or(cmp.Compare(x.Value, y.Value), ByOutPoint(x.OutPoint, y.OutPoint))
	})
	for _, c := range free {
		one := *b
		one.coins = slices.Clone(b.coins)
		one.add(c)
		if _, ok := one.rest(); ok {
			*b = one
			return
		}
	}
	for _, c := range slices.Backward(free) {
		b.add(c)
		if _, ok := b.rest(); ok {
			return
		}
	}
}

// keptFor tells whether a confirmed coin is reserved for what, by a transaction that
// was never published: a crash came between.
func (w *Wallet) keptFor(c *CoinRow, what string) bool {
	s, ok := w.status(c)
	return ok && s == Reserved && c.ReservedFor == what && c.Height != 0 && !w.apart(c)
}

// finishTop adds what was chosen to the transaction, reserves and signs.
func (w *Wallet) finishTop(b *balance, rest amount.Satoshi) (durable.Pending[Topped], error) {
	c := newChanges()
	tx := b.t.Tx
	prevs := txscript.NewMultiPrevOutFetcher(nil)
	for i, in := range tx.TxIn {
		prevs.AddPrevOut(in.PreviousOutPoint, b.t.Spent[i])
	}
	first := len(tx.TxIn)
	for _, coin := range w.coins {
		if coin.ReservedFor == b.t.For && !slices.Contains(b.coins, coin) {
			coin.ReservedFor, coin.ReservedUntil = "", 0
			c.coin(coin)
		}
	}
	for _, coin := range b.coins {
		tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: coin.OutPoint, Sequence: btcwire.MaxTxInSequenceNum - 2}) // BIP 125
		prevs.AddPrevOut(coin.OutPoint, btcwire.NewTxOut(int64(coin.Value), coin.Script))                    //nolint:gosec // at most all money
		if coin.SpentBy == [32]byte{} {
			coin.ReservedFor, coin.ReservedUntil = b.t.For, w.tip.Height+reservedBlocks
		}
		c.coin(coin)
	}
	out := Topped{Tx: tx, Fee: b.in - b.out - rest, Weight: b.weight}
	if rest > 0 {
		change, err := w.newAddress(P2WPKH, Change)
		if err != nil {
			return durable.Pending[Topped]{}, err
		}
		c.rows = append(c.rows, change)
		tx.AddTxOut(btcwire.NewTxOut(int64(rest), change.Script)) //nolint:gosec // at most all money
		out.Weight += changeWeight
	}
	hashes := txscript.NewTxSigHashes(tx, prevs)
	for i, coin := range b.coins {
		if err := w.signInput(tx, first+i, hashes, coin.Script, btcutil.Amount(coin.Value)); err != nil { //nolint:gosec // at most all money
			return durable.Pending[Topped]{}, err
		}
	}
	return durable.Hold(out, c.all()...), nil
}

// Value is what a coin of ours is worth, spent or not.
func (w *Wallet) Value(at btcwire.OutPoint) (amount.Satoshi, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.coins[at]; c != nil {
		return c.Value, true
	}
	return 0, false
}
