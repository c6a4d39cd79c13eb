package command

import (
	"context"
	"encoding/hex"
	"encoding/json"
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
	"github.com/leyden-ln/leyden/internal/terms"
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

// AddressOf is the address of an output script on the node's network; empty: it has none.
func AddressOf(n *node.Node, script []byte) string {
	_, addresses, _, err := txscript.ExtractPkScriptAddrs(script, chains[n.Network()])
	if err != nil || len(addresses) != 1 {
		return ""
	}
	return addresses[0].EncodeAddress()
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

// FeeRange is an array of two feerates, the least and the most.
type FeeRange [2]FeeRate

// Words implements [Worded].
func (FeeRange) Words() string { return "an array of two feerates, the least and the most" }

// UnmarshalJSON implements [json.Unmarshaler]. A shell gives arrays as strings, and numbers
// need no quotes.
func (r *FeeRange) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = []byte(text)
	}
	var both []json.RawMessage
	if err := json.Unmarshal(raw, &both); err != nil || len(both) != 2 {
		return errors.New("not two feerates")
	}
	for i, one := range both {
		text := string(one)
		if one[0] == '"' {
			if err := json.Unmarshal(one, &text); err != nil {
				return err
			}
		}
		if err := r[i].UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%q is no feerate", Clip([]byte(text)))
		}
	}
	return nil
}

// LeastFeeRate is below what no node relays, in satoshi for 1000 weight.
const LeastFeeRate = 253

// FeeRate is a wish: a number for 1000 weight, within how many blocks to confirm, or that
// of our commitments.
type FeeRate struct {
	perKw, blocks uint32
	commitment    bool
}

// Words implements [Worded].
func (FeeRate) Words() string {
	return "slow, normal, urgent, minimum, a number with blocks, perkw or perkb, or a name of feerates"
}

// namedRates are feerates by their names, those of feerates among them.
var namedRates = map[string]FeeRate{
	"slow": {blocks: 100}, "normal": {blocks: ConfirmTarget}, "urgent": {blocks: 2}, "minimum": {perKw: LeastFeeRate},
	"opening": {blocks: ConfirmTarget}, "mutual_close": {blocks: ConfirmTarget}, "penalty": {blocks: 2},
	"unilateral_close": {commitment: true}, "unilateral_anchor_close": {commitment: true},
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (f *FeeRate) UnmarshalText(b []byte) error {
	text := string(b)
	if rate, ok := namedRates[text]; ok {
		*f = rate
		return nil
	}
	if blocks, ok := strings.CutSuffix(text, "blocks"); ok {
		v, err := strconv.ParseUint(blocks, 10, 16)
		f.blocks = uint32(max(v, 1)) //nolint:gosec // 16 bits were read
		return err
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
		if v = (v + 3) / 4; v >= 250 { // 1 satoshi for a virtual byte is meant to be the least
			v = max(v, LeastFeeRate)
		}
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
	case f.commitment:
		rate, err := n.FeeRate(ctx, ConfirmTarget)
		return terms.CommitFee(rate), err
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
