package onchain

import (
	"context"
	"errors"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/terms"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

type withdrawRequest struct {
	Destination string              `json:"destination" doc:"the address to pay"`
	Satoshi     string              `json:"satoshi" doc:"a number of satoshi, an amount with the suffix sat, msat or btc, or all"`
	FeeRate     *command.FeeRate    `json:"feerate" doc:"a bare number is satoshi for 1000 virtual bytes (perkb); normal when not given"`
	MinConf     *uint32             `json:"minconf" doc:"confirmations of the coins to spend; 1 when not given"`
	UTXOs       *[]command.OutPoint `json:"utxos" doc:"spend just these coins: txid:output"`
}

type withdrawResponse struct {
	sentResponse
	PSBT string `json:"psbt" doc:"the transaction, not signed"`
}

type sentResponse struct {
	Tx   string `json:"tx" doc:"the transaction in hexadecimal"`
	Txid string `json:"txid" doc:"its id"`
}

func withdraw(ctx context.Context, n *node.Node, r withdrawRequest) (out withdrawResponse, err error) {
	script, err := command.ScriptOf(n, r.Destination)
	if err != nil {
		return out, command.Refuse(command.InvalidParams, "destination: %v", err)
	}
	value, err := command.Satoshi(r.Satoshi)
	if err != nil {
		return out, command.Refuse(command.InvalidParams, "satoshi: %v", err)
	}
	rate, err := r.FeeRate.Of(ctx, n)
	if err != nil {
		return out, err
	}
	req := wallet.Request{Outputs: []wallet.Output{{Value: value, Script: script}}, FeePerKw: rate, MinConf: 1}
	if r.MinConf != nil {
		req.MinConf = *r.MinConf
	}
	if r.UTXOs != nil {
		for _, o := range *r.UTXOs {
			req.Coins = append(req.Coins, o.OutPoint)
		}
	}
	sent, err := n.Send(ctx, req)
	if err != nil {
		return out, sendError(n, err)
	}
	out.Txid = sent.Tx.TxHash().String()
	if out.Tx, err = command.HexTx(sent.Tx); err != nil {
		return out, err
	}
	out.PSBT, err = psbtOf(node.Prepared{Funded: sent}, false)
	return out, err
}

// sendError gives the errors of transactions their codes.
func sendError(n *node.Node, err error) error {
	if poor := command.Poor(n, err); poor != nil {
		return poor
	}
	switch {
	case errors.Is(err, wallet.ErrOutput):
		return command.Refuse(command.FundOutputIsDust, "%v", err)
	case errors.Is(err, node.ErrBroadcast):
		return command.Refuse(command.FundBroadcastFail, "%v", err)
	}
	return err
}

type feeRatesRequest struct {
	Style string `json:"style" doc:"perkb or perkw: for 1000 virtual bytes, or for 1000 weight"`
}

type estimateRow struct {
	Blocks  uint32 `json:"blockcount" doc:"within so many blocks"`
	FeeRate uint32 `json:"feerate" doc:"in the style asked for"`
	Smooth  uint32 `json:"smoothed_feerate" doc:"the same: chain sources smooth their estimates themselves"`
}

type estimates struct {
	Min       uint32        `json:"min_acceptable" doc:"below which nodes do not relay"`
	Max       uint32        `json:"max_acceptable" doc:"above which it is taken for a mistake"`
	Floor     uint32        `json:"floor" doc:"the same as min_acceptable"`
	Opening   uint32        `json:"opening" doc:"for a channel"`
	Close     uint32        `json:"mutual_close" doc:"for closing one by agreement"`
	Alone     uint32        `json:"unilateral_close" doc:"of our commitments: a child pays what is missing when one is broadcast"`
	Anchored  uint32        `json:"unilateral_anchor_close" doc:"the same"`
	Penalty   uint32        `json:"penalty" doc:"at which what a cheat tried to take is taken first"`
	Estimates []estimateRow `json:"estimates" doc:"by how soon to confirm"`
}

type feeRatesResponse struct {
	PerKb *estimates `json:"perkb,omitempty" doc:"satoshi for 1000 virtual bytes"`
	PerKw *estimates `json:"perkw,omitempty" doc:"satoshi for 1000 weight"`
	Costs costs      `json:"onchain_fee_estimates" doc:"what typical transactions cost"`
}

type costs struct {
	Opening amount.Satoshi `json:"opening_channel_satoshis" doc:"a funding transaction with one coin and change"`
	Close   amount.Satoshi `json:"mutual_close_satoshis" doc:"a closing transaction that gives both sides something"`
	Alone   amount.Satoshi `json:"unilateral_close_satoshis" doc:"our commitment without HTLCs, of its own feerate"`
	Timeout amount.Satoshi `json:"htlc_timeout_satoshis" doc:"the transaction that takes an HTLC of ours back, before what its coins add"`
	Success amount.Satoshi `json:"htlc_success_satoshis" doc:"the transaction that takes an HTLC with its preimage, before what its coins add"`
}

// fundingWeight is that of a transaction from one P2WPKH coin to a funding output and to
// change for P2WPKH: version, marker, counts and nLockTime; the input with its witness;
// the outputs.
const fundingWeight = 4*(4+1+1+4) + 2 + 4*41 + 109 + 4*43 + 4*31

// costsAt are the costs at a feerate of the day, in satoshi for 1000 weight.
func costsAt(rate uint32) costs {
	wpkh := make([]byte, 22) // the size of a P2WPKH output script
	return costs{
		Opening: closing.Fee(rate, fundingWeight), Close: closing.Fee(rate, closing.Weight(wpkh, wpkh)),
		Alone:   script.CommitFee(script.Anchors, terms.CommitFee(rate), 0),
		Timeout: script.HTLCFee(script.StaticRemoteKey, true, rate), Success: script.HTLCFee(script.StaticRemoteKey, false, rate),
	}
}

func listFeeRates(ctx context.Context, n *node.Node, r feeRatesRequest) (out feeRatesResponse, err error) {
	times := uint32(1)
	switch r.Style {
	case "perkb":
		times = 4
	case "perkw":
	default:
		return out, command.Refuse(command.InvalidParams, "style: should be perkb or perkw, not %q", command.Clip([]byte(r.Style)))
	}
	e := &estimates{Min: command.LeastFeeRate * times, Floor: command.LeastFeeRate * times, Max: wallet.MaxFeePerKw * times}
	for _, blocks := range []uint32{2, command.ConfirmTarget, 12, 100} {
		rate, err := n.FeeRate(ctx, blocks)
		if err != nil {
			return out, err
		}
		e.Estimates = append(e.Estimates, estimateRow{blocks, rate * times, rate * times})
		if blocks == 2 {
			e.Penalty = rate * times
		}
		if blocks == command.ConfirmTarget {
			out.Costs = costsAt(rate)
			e.Opening, e.Close = rate*times, rate*times
			e.Alone = terms.CommitFee(rate) * times
			e.Anchored = e.Alone
		}
	}
	if times == 4 {
		out.PerKb = e
	} else {
		out.PerKw = e
	}
	return out, nil
}

var sendCommands = []command.Command{
	command.Define(command.Spec{
		Name: "withdraw", Group: "bitcoin", Short: "pay on-chain",
		Long: "Pays an address from the wallet's coins. The transaction is on disk before it is broadcast, and is offered " +
			"again at each block until it confirms.",
		Errors:   []command.Code{command.FundCannotAfford, command.FundStillSyncing, command.FundReserveNeeded, command.FundOutputIsDust, command.FundBroadcastFail, command.Failed},
		Examples: []string{"withdraw bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 100000sat", "withdraw bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 all slow"},
	}, withdraw),
	command.Define(command.Spec{
		Name: "feerates", Group: "bitcoin", Short: "estimate feerates",
		Long: "Shows what the chain source estimates.", Errors: []command.Code{command.Failed}, Examples: []string{"feerates perkb"},
	}, listFeeRates),
}
