package wallet

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/mempool"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/btcsuite/btcwallet/wallet/txauthor"
	"github.com/btcsuite/btcwallet/wallet/txrules"
	"github.com/btcsuite/btcwallet/wallet/txsizes"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/durable"
)

// The feerates that Fund takes, in satoshi per 1000 weight: from what nodes
// relay (1 satoshi per virtual byte, rounded up) to 1000 satoshi per virtual
// byte, above which it is a mistake.
const (
	MinFeePerKw = 253
	MaxFeePerKw = 250_000
)

// reservedBlocks is how long a reservation holds when the request does not say.
const reservedBlocks = 72

// Errors of [Wallet.Fund], beside [*InsufficientError].
var (
	// ErrTokens says why an [ErrNotFree] is one.
	ErrTokens   = errors.New("its address has tokens, which a payment would leave without a coin to move them with")
	ErrFeeRate  = fmt.Errorf("feerate must be from %d to %d satoshi per 1000 weight", MinFeePerKw, MaxFeePerKw)
	ErrOutput   = errors.New("output is refused by the network")
	ErrNotFree  = errors.New("coin is not the wallet's, or spent, reserved or too young")
	ErrNoOutput = errors.New("a transaction needs an output")
)

// InsufficientError says how much the wallet lacks for what was asked.
type InsufficientError struct {
	Missing   amount.Satoshi // with the fee at the feerate asked for, but not that of the inputs to come
	Available amount.Satoshi // free to spend at the minimum confirmations asked for
	Kept      amount.Satoshi // of that, what must stay
}

// Error says all of it.
func (e *InsufficientError) Error() string {
	text := fmt.Sprintf("%v missing: %v are free to spend", e.Missing, e.Available)
	if e.Kept > 0 {
		text += fmt.Sprintf(", of which %v are kept for the fees of channels that must be closed", e.Kept)
	}
	return text
}

// InputSourceError implements txauthor.InputSourceError.
func (e *InsufficientError) InputSourceError() {}

// All as an output's value stands for all that is left.
const All amount.Satoshi = 1<<64 - 1

// Output is what a transaction is to pay.
type Output struct {
	Value  amount.Satoshi // or All, for one output at most
	Script []byte
}

// Request asks for a transaction.
type Request struct {
	Outputs  []Output
	FeePerKw uint32             // satoshi per 1000 weight
	MinConf  uint32             // confirmations of the coins to spend; 0: unconfirmed change too
	Coins    []btcwire.OutPoint // spend just these; empty: the wallet chooses
	For      string             // what the coins are reserved for; not empty
	Until    uint32             // height at which the reservation ends; 0: 72 blocks from now
	Keep     amount.Satoshi     // what must stay in the wallet, change included: see [Reserve]
	Prepare  bool               // the transaction is stored with the reservation, for [Wallet.Prepared]
}

// Funded is a signed transaction that was not broadcast. All its inputs are
// segwit, so its txid is final.
type Funded struct {
	Tx     *btcwire.MsgTx
	Index  []uint32 // of each output asked for
	Fee    amount.Satoshi
	Change amount.Satoshi   // to ourselves; 0: none
	Spent  []*btcwire.TxOut // what its inputs spend, in their order
}

// Fund chooses coins, signs a transaction and reserves what it spends until it
// is published or [Wallet.Release] is called. Errors: [ErrFeeRate],
// [ErrOutput], [ErrNoOutput], [ErrNotFree], *[InsufficientError], or that of the
// keys.
func (w *Wallet) Fund(r Request) (durable.Pending[Funded], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	none := durable.Pending[Funded]{}
	if r.FeePerKw < MinFeePerKw || r.FeePerKw > MaxFeePerKw {
		return none, fmt.Errorf("%w, not %d", ErrFeeRate, r.FeePerKw)
	}
	if r.For == "" {
		return none, errors.New("reservation without a purpose: say what the coins are for")
	}
	free, err := w.free(r)
	if err != nil {
		return none, err
	}
	outs, all, err := outputs(r.Outputs)
	if err != nil {
		return none, err
	}
	made, err := w.author(r, free, outs, all)
	if err != nil {
		return none, err
	}
	c := newChanges()
	if made.ChangeIndex >= 0 {
		change, err := w.newAddress(P2WPKH, Change)
		if err != nil {
			return none, err
		}
		made.Tx.TxOut[made.ChangeIndex].PkScript = change.Script
		c.rows = append(c.rows, change)
	}
	f, err := w.finish(made, outs)
	if err != nil {
		return none, err
	}
	until := r.Until
	if until == 0 {
		until = w.tip.Height + reservedBlocks
	}
	for _, in := range f.Tx.TxIn {
		coin := w.coins[in.PreviousOutPoint]
		coin.ReservedFor, coin.ReservedUntil = r.For, until
		f.Spent = append(f.Spent, btcwire.NewTxOut(int64(coin.Value), coin.Script)) //nolint:gosec // at most all money
		c.coin(coin)
	}
	if r.Prepare {
		own := w.own(f.Tx, r.For)
		own.Abandoned = true
		c.tx(own)
	}
	return durable.Hold(f, c.all()...), nil
}

// feePerKb is the feerate in satoshi per 1000 virtual bytes.
func feePerKb(perKw uint32) btcutil.Amount { return btcutil.Amount(perKw) * 4 }

// outputs are those asked for, and the index of the one that takes all; -1: none.
func outputs(asked []Output) (outs []*btcwire.TxOut, all int, err error) {
	if len(asked) == 0 {
		return nil, -1, ErrNoOutput
	}
	all = -1
	for i, o := range asked {
		if o.Value == All {
			if all >= 0 {
				return nil, -1, fmt.Errorf("%w: two of them take all", ErrOutput)
			}
			all = i
			outs = append(outs, btcwire.NewTxOut(0, o.Script))
			continue
		}
		if o.Value > amount.MaxMoney {
			return nil, -1, fmt.Errorf("%w: %w", ErrOutput, amount.ErrRange)
		}
		out := btcwire.NewTxOut(int64(o.Value), o.Script)
		if err := txrules.CheckOutput(out, txrules.DefaultRelayFeePerKb); err != nil {
			return nil, -1, fmt.Errorf("%w: %v: %w", ErrOutput, o.Value, err)
		}
		outs = append(outs, out)
	}
	return outs, all, nil
}

// free are the coins that a request may spend, those worth most first. Coins
// that cost more than they bring are left where they are, unless asked for.
func (w *Wallet) free(r Request) ([]*CoinRow, error) {
	var free []*CoinRow
	if len(r.Coins) > 0 {
		for _, at := range r.Coins {
			c := w.coins[at]
			if c == nil || !w.named(c, r.MinConf) {
				return nil, fmt.Errorf("%w: %v", ErrNotFree, at)
			}
			if w.holds(c) {
				return nil, fmt.Errorf("%w: %v: %w", ErrNotFree, at, ErrTokens)
			}
			if !slices.Contains(free, c) {
				free = append(free, c)
			}
		}
		return free, nil
	}
	for _, c := range w.coins {
		cost := txrules.FeeForSerializeSize(feePerKb(r.FeePerKw), txsizes.GetMinInputVirtualSize(c.Script))
		if w.spendable(c, r.MinConf) && c.Value > amount.Satoshi(cost) {
			free = append(free, c)
		}
	}
	slices.SortFunc(free, func(a, b *CoinRow) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), ByOutPoint(a.OutPoint, b.OutPoint))
	})
	return free, nil
}

// spendable tells whether the wallet may choose a coin by itself.
func (w *Wallet) spendable(c *CoinRow, minConf uint32) bool {
	return w.named(c, minConf) && !w.apart(c)
}

// named tells whether a coin is free to spend for who asks for just that one.
func (w *Wallet) named(c *CoinRow, minConf uint32) bool {
	s, ok := w.status(c)
	return ok && (s == Confirmed || s == Unconfirmed) && w.confirmations(c) >= minConf
}

// source feeds coins to txauthor: all of them when they were asked for, else as
// many as the target needs.
type source struct{ free []*CoinRow }

func (s source) take(target btcutil.Amount) (total btcutil.Amount, ins []*btcwire.TxIn,
	values []btcutil.Amount, scripts [][]byte, err error,
) {
	for _, c := range s.free {
		if total >= target {
			break
		}
		in := btcwire.NewTxIn(&c.OutPoint, nil, nil)
		in.Sequence = btcwire.MaxTxInSequenceNum - 2 // BIP 125: replaceable
		ins = append(ins, in)
		values = append(values, btcutil.Amount(c.Value))
		scripts = append(scripts, c.Script)
		total += btcutil.Amount(c.Value)
	}
	if total < target {
		err = &InsufficientError{Missing: amount.Satoshi(target - total), Available: amount.Satoshi(total)}
	}
	return total, ins, values, scripts, err
}

// Most is the amount that can be paid instead of [All], in a request that has it.
func (w *Wallet) Most(r Request) (amount.Satoshi, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	free, err := w.free(r)
	if err != nil {
		return 0, err
	}
	outs, all, err := outputs(r.Outputs)
	if err != nil || all < 0 {
		return 0, cmp.Or(err, ErrOutput)
	}
	made, err := w.author(r, free, outs, all)
	if err != nil {
		return 0, err
	}
	most := amount.Satoshi(outs[all].Value) //nolint:gosec // not negative
	// Who pays an amount has to have enough for the larger kind of input, and pays for
	// change, even where none is left. Each of the sizes and fees is rounded.
	size, left := txsizes.RedeemP2WPKHInputSize+(txsizes.RedeemP2WPKHInputWitnessWeight+3)/4-txsizes.RedeemP2TRInputSize, amount.Satoshi(0)
	if made.ChangeIndex < 0 {
		size += (changeWeight + 3) / 4
	} else {
		left = amount.Satoshi(made.Tx.TxOut[made.ChangeIndex].Value) //nolint:gosec // not negative
	}
	more := 1 + amount.Satoshi(txrules.FeeForSerializeSize(feePerKb(r.FeePerKw), size)) //nolint:gosec // not negative
	most -= min(most, more-min(more, left))
	return most, nil
}

// takeAll feeds all of them.
func (s source) takeAll(target btcutil.Amount) (total btcutil.Amount, ins []*btcwire.TxIn,
	values []btcutil.Amount, scripts [][]byte, err error,
) {
	total, ins, values, scripts, err = s.take(btcutil.MaxSatoshi)
	if total >= target {
		err = nil
	}
	return total, ins, values, scripts, err
}

// author chooses coins and makes the transaction, where its change has no address
// yet. It reserves nothing.
func (w *Wallet) author(r Request, free []*CoinRow, outs []*btcwire.TxOut, all int) (*txauthor.AuthoredTx, error) {
	var stays, sum amount.Satoshi // what is not spent, and what is free
	for _, c := range w.coins {
		if w.spendable(c, 0) {
			stays += c.Value
		}
	}
	for _, c := range free {
		sum += c.Value
	}
	if all >= 0 {
		stays -= sum
		return spendAll(free, outs, all, feePerKb(r.FeePerKw), r.Keep-min(r.Keep, stays))
	}
	made, spent, err := choose(source{free}.take, outs, feePerKb(r.FeePerKw))
	if err == nil && stays-spent < r.Keep {
		// Where change is dust and goes to the fee, what is kept may lack just that: all
		// coins together make more of it.
		made, spent, err = choose(source{free}.takeAll, outs, feePerKb(r.FeePerKw))
	}
	if err == nil && stays-spent < r.Keep {
		err = &InsufficientError{Missing: r.Keep - (stays - spent), Available: sum, Kept: r.Keep}
	}
	return made, err
}

// choose lets txauthor choose coins and add change where it is not dust. What does
// not come back is spent.
func choose(take txauthor.InputSource, outs []*btcwire.TxOut, perKb btcutil.Amount) (made *txauthor.AuthoredTx, spent amount.Satoshi, err error) {
	made, err = txauthor.NewUnsignedTransaction(outs, perKb, take, &txauthor.ChangeSource{
		ScriptSize: txsizes.P2WPKHPkScriptSize,
		NewScript:  func() ([]byte, error) { return slices.Clone(changeScript), nil },
	})
	if err != nil {
		return nil, 0, err
	}
	spent = amount.Satoshi(made.TotalInput) //nolint:gosec // not negative
	if made.ChangeIndex >= 0 {
		spent -= amount.Satoshi(made.Tx.TxOut[made.ChangeIndex].Value) //nolint:gosec // not negative
	}
	return made, spent, nil
}

// changeScript stands for the address of change while there is none: P2WPKH of
// nobody.
var changeScript = append([]byte{txscript.OP_0, 20}, make([]byte, 20)...)

// spendAll spends all that is free; outs[all] gets what the others, the fee and
// what is kept leave.
func spendAll(free []*CoinRow, outs []*btcwire.TxOut, all int, perKb btcutil.Amount, keep amount.Satoshi) (*txauthor.AuthoredTx, error) {
	total, ins, values, scripts, _ := source{free}.take(btcutil.MaxSatoshi)
	var taproot, v0, nested int
	for _, s := range scripts {
		switch {
		case txscript.IsPayToTaproot(s):
			taproot++
		case txscript.IsPayToScriptHash(s):
			nested++
		default:
			v0++
		}
	}
	size := 0
	if keep > 0 {
		keep, size = max(keep, 2*changeDust), txsizes.P2WPKHPkScriptSize
	}
	fee := txrules.FeeForSerializeSize(perKb, txsizes.EstimateVirtualSize(0, taproot, v0, nested, outs, size))
	needs := txauthor.SumOutputValues(outs) + fee + btcutil.Amount(keep) //nolint:gosec // at most all money
	rest := btcwire.NewTxOut(int64(total-needs), outs[all].PkScript)
	if rest.Value <= 0 || txrules.IsDustOutput(rest, txrules.DefaultRelayFeePerKb) {
		least := needs + btcutil.Amount(mempool.GetDustThreshold(rest))
		return nil, &InsufficientError{
			Missing:   amount.Satoshi(max(0, least-total)),
			Available: amount.Satoshi(total),
			Kept:      keep,
		}
	}
	outs[all] = rest
	made := &txauthor.AuthoredTx{Tx: btcwire.NewMsgTx(2), PrevScripts: scripts, PrevInputValues: values, TotalInput: total, ChangeIndex: -1}
	made.Tx.TxIn, made.Tx.TxOut = ins, slices.Clone(outs)
	if keep > 0 {
		made.ChangeIndex = len(outs)
		made.Tx.AddTxOut(btcwire.NewTxOut(int64(keep), slices.Clone(changeScript))) //nolint:gosec // at most all money
	}
	return made, nil
}

// finish orders the outputs (by value and script, so that the order does not
// tell change from payment), signs, and finds out what is where.
func (w *Wallet) finish(made *txauthor.AuthoredTx, asked []*btcwire.TxOut) (Funded, error) {
	f := Funded{Tx: made.Tx, Fee: amount.Satoshi(made.TotalInput)}
	f.Tx.Version = 2
	var change *btcwire.TxOut
	if made.ChangeIndex >= 0 {
		change = f.Tx.TxOut[made.ChangeIndex]
		f.Change = amount.Satoshi(change.Value)
	}
	f.Tx.TxOut = slices.Clone(f.Tx.TxOut)
	slices.SortStableFunc(f.Tx.TxOut, func(a, b *btcwire.TxOut) int {
		return cmp.Or(cmp.Compare(a.Value, b.Value), bytes.Compare(a.PkScript, b.PkScript))
	})
	for _, o := range f.Tx.TxOut {
		f.Fee -= amount.Satoshi(o.Value)
	}
	for _, o := range asked {
		f.Index = append(f.Index, uint32(slices.Index(f.Tx.TxOut, o))) //nolint:gosec // a transaction has fewer outputs
	}
	return f, w.sign(f.Tx, made.PrevScripts, made.PrevInputValues)
}

// sign gives every input its witness.
func (w *Wallet) sign(tx *btcwire.MsgTx, scripts [][]byte, values []btcutil.Amount) error {
	spent, err := txauthor.TXPrevOutFetcher(tx, scripts, values)
	if err != nil {
		return err
	}
	hashes := txscript.NewTxSigHashes(tx, spent)
	for i := range tx.TxIn {
		if err := w.signInput(tx, i, hashes, scripts[i], values[i]); err != nil {
			return err
		}
	}
	return nil
}

// signInput gives an input that spends a coin of ours its witness.
func (w *Wallet) signInput(tx *btcwire.MsgTx, i int, hashes *txscript.TxSigHashes, script []byte, value btcutil.Amount) error {
	a := w.addresses[string(script)]
	key, err := w.key(a)
	if err != nil {
		return err
	}
	in := tx.TxIn[i]
	switch a.Kind {
	case P2TR:
		in.Witness, err = txscript.TaprootWitnessSignature(tx, hashes, i, int64(value), script, txscript.SigHashDefault, key)
	case Token:
		in.SignatureScript = push(nestedScript(key))
		in.Witness, err = txscript.WitnessSignature(tx, hashes, i, int64(value), nestedScript(key), txscript.SigHashAll, key, true)
	default:
		in.Witness, err = txscript.WitnessSignature(tx, hashes, i, int64(value), script, txscript.SigHashAll, key, true)
	}
	if err != nil {
		return fmt.Errorf("sign input %d: %w", i, err)
	}
	return nil
}

// Release ends all reservations for what; the number of coins set free is given.
func (w *Wallet) Release(what string) durable.Pending[int] {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := newChanges()
	for _, coin := range w.coins {
		if coin.ReservedFor == what && what != "" {
			coin.ReservedFor, coin.ReservedUntil = "", 0
			c.coin(coin)
		}
	}
	return durable.Hold(len(c.coins), c.all()...)
}
