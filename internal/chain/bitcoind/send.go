package bitcoind

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/chain"
)

func encode(tx *btcwire.MsgTx) (string, error) {
	var b bytes.Buffer
	err := tx.Serialize(&b)
	return hex.EncodeToString(b.Bytes()), err
}

// Broadcast implements [chain.Source].
func (s *Source) Broadcast(ctx context.Context, tx *btcwire.MsgTx) error {
	text, err := encode(tx)
	if err != nil {
		return err
	}
	var txid string
	err = s.call(ctx, &txid, "sendrawtransaction", text)
	var said *Error
	if !errors.As(err, &said) {
		return err
	}
	switch said.Code {
	case codeTxConfirmed, codeTxRejected, codeTxError:
		return verdict(said.Code, said.Message)
	}
	return err
}

// verdict is what a server's words about a transaction mean. The words are those
// of bitcoind's validation and policy; they have not changed in years, and what is
// not known here is an [chain.ErrRejected] all the same.
func verdict(code int, words string) error {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(words, p) {
				return true
			}
		}
		return false
	}
	switch {
	case code == codeTxConfirmed, has("txn-already-", "txn-same-nonwitness-data-in-mempool"):
		return nil
	case has("missingorspent", "missing-inputs", "Missing inputs"):
		return fmt.Errorf("%w: %s", chain.ErrMissingInputs, words)
	case has("fee not met", "insufficient fee", "insufficient feerate", "mempool full"):
		return fmt.Errorf("%w: %s", chain.ErrFeeTooLow, words)
	}
	return fmt.Errorf("%w: %s", chain.ErrRejected, words)
}

// BroadcastPackage implements [chain.Source]. A package that is refused whole, for
// one of its transactions is in a block already, is offered piece by piece.
func (s *Source) BroadcastPackage(ctx context.Context, txs ...*btcwire.MsgTx) error {
	if len(txs) < 2 || s.noPackage.Load() {
		return chain.OneByOne(ctx, s.Broadcast, txs)
	}
	texts := make([]string, len(txs))
	for i, tx := range txs {
		text, err := encode(tx)
		if err != nil {
			return err
		}
		texts[i] = text
	}
	var result struct {
		Message string `json:"package_msg"`
		Txs     map[string]struct {
			Error string `json:"error"`
		} `json:"tx-results"`
	}
	err := s.call(ctx, &result, "submitpackage", texts)
	var said *Error
	if err != nil && !errors.As(err, &said) {
		return err
	}
	if said != nil && said.Code == codeNoMethod {
		s.noPackage.Store(true)
	}
	if err == nil && result.Message == "success" {
		return nil
	}
	if one := chain.OneByOne(ctx, s.Broadcast, txs); one == nil || err != nil {
		return one
	}
	// The last transaction's reason is the package's: it pays for the others.
	for i := len(txs) - 1; i >= 0; i-- {
		if words := result.Txs[txs[i].WitnessHash().String()].Error; words != "" && words != "package-not-validated" {
			return verdict(codeTxRejected, words)
		}
	}
	return fmt.Errorf("%w: %s", chain.ErrRejected, result.Message)
}

// feePerKw reads an amount as bitcoind writes it, for 1000 virtual bytes, as satoshi
// for 1000 units of weight, rounded up.
func feePerKw(perKvB json.Number) (uint32, error) {
	if perKvB == "" {
		return 0, nil
	}
	v, err := amount.Parse(perKvB.String() + "btc")
	if err != nil {
		return 0, err
	}
	return uint32(min((v.Sat()+3)/4, 1<<31)), nil //nolint:gosec // bounded
}

// FeeRate implements [chain.Source]. It is never below what the server's mempool
// takes today.
func (s *Source) FeeRate(ctx context.Context, blocks uint32) (uint32, error) {
	var estimate struct {
		FeeRate json.Number `json:"feerate"`
	}
	if err := s.call(ctx, &estimate, "estimatesmartfee", min(max(blocks, 1), 1008)); err != nil {
		return 0, err
	}
	var pool struct {
		Min   json.Number `json:"mempoolminfee"`
		Relay json.Number `json:"minrelaytxfee"`
	}
	if err := s.call(ctx, &pool, "getmempoolinfo"); err != nil {
		return 0, err
	}
	rate, err := feePerKw(estimate.FeeRate)
	if err != nil {
		return 0, err
	}
	if rate == 0 { // the server has seen too few blocks to know
		rate = s.cfg.FeePerKw
		if rate == 0 {
			rate = chain.DefaultFeePerKw
		}
	}
	for _, floor := range []json.Number{pool.Min, pool.Relay} {
		least, err := feePerKw(floor)
		if err != nil {
			return 0, err
		}
		rate = max(rate, least)
	}
	return max(rate, chain.MinFeePerKw), nil
}

// DataCarrier implements [chain.Source]: bitcoind says it since its version 30, with a
// default of 100,000.
func (s *Source) DataCarrier(ctx context.Context) (int, error) {
	pool := struct {
		Max int `json:"maxdatacarriersize"`
	}{chain.DataCarrier}
	err := s.call(ctx, &pool, "getmempoolinfo")
	return pool.Max, err
}
