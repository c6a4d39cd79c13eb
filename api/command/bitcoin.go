package command

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	btcaddress "github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

// chains are the networks by name, for their addresses.
var chains = map[string]*chaincfg.Params{
	chaincfg.MainNetParams.Name:       &chaincfg.MainNetParams,
	chaincfg.TestNet4Params.Name:      &chaincfg.TestNet4Params,
	chaincfg.SigNetParams.Name:        &chaincfg.SigNetParams,
	chaincfg.RegressionNetParams.Name: &chaincfg.RegressionNetParams,
}

// ScriptOf is the output script of an address of the node's network.
func ScriptOf(n *node.Node, text string) ([]byte, error) {
	params := chains[n.Network()]
	a, err := btcaddress.DecodeAddress(text, params)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address: %w", Clip([]byte(text)), err)
	}
	if !a.IsForNet(params) {
		return nil, fmt.Errorf("%q is an address of another network, not of %s", Clip([]byte(text)), n.Network())
	}
	return txscript.PayToAddrScript(a)
}

// Satoshi reads an amount whose bare number is in satoshi.
func Satoshi(text string) (amount.Satoshi, error) {
	if text == "all" {
		return wallet.All, nil
	}
	if !strings.HasSuffix(text, "btc") && !strings.HasSuffix(text, "sat") {
		text += "sat"
	}
	m, err := amount.Parse(text)
	if err != nil {
		return 0, err
	}
	if m%1000 != 0 {
		return 0, amount.ErrFraction
	}
	return m.Sat(), nil
}

// ConfirmTarget is within how many blocks transactions of ours should confirm.
const ConfirmTarget = 6

// LeastFeeRate is below what no node relays, in satoshi for 1000 weight.
const LeastFeeRate = 253

// FeeRate is a wish: a number for 1000 weight, or within how many blocks to
// confirm.
type FeeRate struct{ perKw, blocks uint32 }

// Words implements [Worded].
func (FeeRate) Words() string { return "slow, normal, urgent, or a number with perkw or perkb" }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (f *FeeRate) UnmarshalText(b []byte) error {
	text := string(b)
	switch text {
	case "slow":
		f.blocks = 100
		return nil
	case "normal":
		f.blocks = ConfirmTarget
		return nil
	case "urgent":
		f.blocks = 2
		return nil
	}
	number, perKw := strings.CutSuffix(text, "perkw")
	if !perKw {
		number = strings.TrimSuffix(text, "perkb")
	}
	v, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return err
	}
	if !perKw {
		v = (v + 3) / 4
	}
	if v < LeastFeeRate {
		return fmt.Errorf("the least is %dperkw", LeastFeeRate)
	}
	f.perKw = uint32(v) //nolint:gosec // 32 bits were read
	return nil
}

// Of is the feerate in satoshi for 1000 weight.
func (f *FeeRate) Of(ctx context.Context, n *node.Node) (uint32, error) {
	switch {
	case f == nil:
		return n.FeeRate(ctx, ConfirmTarget)
	case f.perKw != 0:
		return f.perKw, nil
	}
	return n.FeeRate(ctx, f.blocks)
}

// Poor is the refusal of what the wallet has too little for; nil: it has another reason.
func Poor(n *node.Node, err error) *Error {
	few, ok := errors.AsType[*wallet.InsufficientError](err)
	if !ok {
		return nil
	}
	code := FundCannotAfford
	switch {
	case n.Syncing() != nil: // there may be more
		code = FundStillSyncing
	case few.Kept > 0 && few.Missing <= few.Kept: // but for what must stay
		code = FundReserveNeeded
	}
	return Refuse(code, "%v", err)
}

// HexTx is a transaction in hexadecimal.
func HexTx(tx *btcwire.MsgTx) (string, error) {
	var b strings.Builder
	err := tx.Serialize(hex.NewEncoder(&b))
	return b.String(), err
}

// OutPoint is a coin's name, txid:output.
type OutPoint struct{ btcwire.OutPoint }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (o *OutPoint) UnmarshalText(b []byte) error {
	txid, index, ok := strings.Cut(string(b), ":")
	hash, err := chainhash.NewHashFromStr(txid)
	if !ok || err != nil || len(txid) != 64 {
		return errors.New("should be txid:output")
	}
	i, err := strconv.ParseUint(index, 10, 32)
	if err != nil {
		return errors.New("should be txid:output")
	}
	o.Hash, o.Index = *hash, uint32(i)
	return nil
}

// Direction of a channel is 0 from the lesser node id to the greater one, else 1.
func Direction(from, to wire.NodeID) uint8 {
	if string(from[:]) > string(to[:]) {
		return 1
	}
	return 0
}
