package wallet

import (
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
)

// Errors of [Wallet.SignPSBT].
var (
	ErrNothing = errors.New("no input to sign is the wallet's")
	ErrSpends  = errors.New("what the inputs spend is not all told, which their signatures are about")
)

// SignPSBT signs the inputs of a transaction that spend coins of the wallet's, or only
// some of them, which must all be. What our coins are worth is what the wallet knows,
// whatever the PSBT says. The coins must be reserved: who signs what is free may sign
// twice. Errors: [ErrNothing], [ErrNotFree], [ErrSpends], or that of the keys.
func (w *Wallet) SignPSBT(p *psbt.Packet, only []uint32) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	spent := txscript.NewMultiPrevOutFetcher(nil)
	var coins []*CoinRow
	known := 0
	for i, in := range p.UnsignedTx.TxIn {
		at := in.PreviousOutPoint
		coin := w.coins[at]
		coins = append(coins, coin)
		var out *btcwire.TxOut
		switch {
		case coin != nil:
			out = btcwire.NewTxOut(int64(coin.Value), coin.Script) //nolint:gosec // at most all money
		case p.Inputs[i].NonWitnessUtxo != nil:
			if before := p.Inputs[i].NonWitnessUtxo; before.TxHash() == at.Hash && int(at.Index) < len(before.TxOut) {
				out = before.TxOut[at.Index]
			}
		default:
			out = p.Inputs[i].WitnessUtxo
		}
		if out != nil {
			known++
		} else {
			out = new(btcwire.TxOut) // signatures of P2WPKH are not about it
		}
		spent.AddPrevOut(at, out)
	}
	for _, i := range only {
		if int(i) >= len(coins) || coins[i] == nil {
			return fmt.Errorf("%w: input %d", ErrNothing, i)
		}
	}
	hashes := txscript.NewTxSigHashes(p.UnsignedTx, spent)
	signed := 0
	for i, coin := range coins {
		if coin == nil || len(only) > 0 && !slices.Contains(only, uint32(i)) { //nolint:gosec // a transaction has fewer inputs
			continue
		}
		if w.holds(coin) {
			return fmt.Errorf("%w: %v: %w", ErrNotFree, coin.OutPoint, ErrTokens)
		}
		if s, _ := w.status(coin); s != Reserved {
			return fmt.Errorf("%w: %v is not reserved", ErrNotFree, coin.OutPoint)
		}
		in := &p.Inputs[i]
		if txscript.IsPayToTaproot(coin.Script) && known < len(coins) {
			return fmt.Errorf("%w: input %d", ErrSpends, i)
		}
		if err := w.signPSBTInput(p.UnsignedTx, i, hashes, coin, in); err != nil {
			return err
		}
		signed++
	}
	if signed == 0 {
		return ErrNothing
	}
	return nil
}

// signPSBTInput adds our signature to an input.
func (w *Wallet) signPSBTInput(tx *btcwire.MsgTx, i int, hashes *txscript.TxSigHashes, coin *CoinRow, in *psbt.PInput) error {
	a := w.addresses[string(coin.Script)]
	key, err := w.key(a)
	if err != nil {
		return err
	}
	in.WitnessUtxo = btcwire.NewTxOut(int64(coin.Value), coin.Script) //nolint:gosec // at most all money
	if a.Kind == P2TR {
		if in.SighashType != txscript.SigHashDefault {
			return fmt.Errorf("%w: input %d asks for a signature of another kind than of all", ErrOutput, i)
		}
		in.TaprootKeySpendSig, err = txscript.RawTxInTaprootSignature(
			tx, hashes, i, int64(coin.Value), coin.Script, nil, txscript.SigHashDefault, key) //nolint:gosec // at most all money
		return err
	}
	if in.SighashType != 0 && in.SighashType != txscript.SigHashAll {
		return fmt.Errorf("%w: input %d asks for a signature of another kind than of all", ErrOutput, i)
	}
	in.SighashType = txscript.SigHashAll
	program := coin.Script
	if a.Kind == Token {
		program = nestedScript(key)
		in.RedeemScript = program
	}
	sig, err := txscript.RawTxInWitnessSignature(tx, hashes, i, int64(coin.Value), program, txscript.SigHashAll, key) //nolint:gosec // at most all money
	if err != nil {
		return fmt.Errorf("sign input %d: %w", i, err)
	}
	pub := key.PubKey().SerializeCompressed()
	in.PartialSigs = []*psbt.PartialSig{{PubKey: pub, Signature: sig}}
	return nil
}
