package onchain

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/channels"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

type newAddrRequest struct {
	Type *string `json:"addresstype" doc:"bech32 (P2WPKH), p2tr, p2sh-segwit (P2WPKH in P2SH, for tokens) or all, which is the first two; bech32 when not given"`
}

type newAddrResponse struct {
	Bech32 string `json:"bech32,omitempty" doc:"a P2WPKH address"`
	P2TR   string `json:"p2tr,omitempty" doc:"a P2TR address"`
	P2SH   string `json:"p2sh-segwit,omitempty" doc:"an address for tokens: the wallet does not spend what is paid there"`
}

func newAddr(ctx context.Context, n *node.Node, r newAddrRequest) (out newAddrResponse, err error) {
	kinds := map[wallet.Kind]*string{}
	switch {
	case r.Type == nil, *r.Type == "bech32":
		kinds[wallet.P2WPKH] = &out.Bech32
	case *r.Type == "p2tr":
		kinds[wallet.P2TR] = &out.P2TR
	case *r.Type == "p2sh-segwit":
		kinds[wallet.Token] = &out.P2SH
	case *r.Type == "all":
		kinds[wallet.P2WPKH], kinds[wallet.P2TR] = &out.Bech32, &out.P2TR
	default:
		return out, command.Refuse(command.InvalidParams, "addresstype: should be bech32, p2tr, p2sh-segwit or all, not %q", command.Clip([]byte(*r.Type)))
	}
	for kind, to := range kinds {
		if *to, err = n.NewAddress(ctx, kind); err != nil {
			return out, err
		}
	}
	return out, nil
}

type listFundsRequest struct {
	Spent *bool `json:"spent" doc:"also coins that an unconfirmed transaction of ours spends; false when not given"`
}

type outputRow struct {
	Txid         string              `json:"txid" doc:"the transaction"`
	Output       uint32              `json:"output" doc:"its output"`
	Amount       amount.MilliSatoshi `json:"amount_msat" doc:"the value"`
	Scriptpubkey string              `json:"scriptpubkey" doc:"the output script in hexadecimal"`
	Address      string              `json:"address" doc:"the wallet's address"`
	Status       string              `json:"status" doc:"unconfirmed, confirmed, immature or spent"`
	BlockHeight  uint32              `json:"blockheight,omitempty" doc:"of the block that has it"`
	Reserved     bool                `json:"reserved" doc:"whether a transaction that is being made will spend it"`
	ReservedTo   uint32              `json:"reserved_to_block,omitempty" doc:"the height at which it is free again"`
	// Apart is not among Core Lightning's fields.
	Apart bool `json:"kept_for_tokens,omitempty" doc:"its address is for tokens, or has some: payments do not spend it"`
}

type fundsRow struct {
	PeerID        wire.NodeID         `json:"peer_id" doc:"the other side"`
	Connected     bool                `json:"connected" doc:"whether it is connected"`
	State         string              `json:"state" doc:"such as CHANNELD_NORMAL"`
	ChannelID     wire.ChannelID      `json:"channel_id" doc:"BOLT 2's id"`
	SCID          string              `json:"short_channel_id,omitempty" doc:"place of the funding output in the chain"`
	OurAmount     amount.MilliSatoshi `json:"our_amount_msat" doc:"our balance"`
	Amount        amount.MilliSatoshi `json:"amount_msat" doc:"the capacity"`
	FundingTxid   string              `json:"funding_txid" doc:"the funding transaction"`
	FundingOutput uint32              `json:"funding_output" doc:"its output"`
	Property      amount.Property     `json:"property_id,omitempty" doc:"the number of the token that it carries beside bitcoin"`
	OurUnits      amount.Units        `json:"our_units,omitempty" doc:"our balance of it, in the smallest units"`
	Units         amount.Units        `json:"total_units,omitempty" doc:"all of it in the channel"`
}

type listFundsResponse struct {
	Outputs  []outputRow `json:"outputs" doc:"coins on-chain"`
	Channels []fundsRow  `json:"channels" doc:"balances in channels"`
	// Reserve is not among Core Lightning's fields.
	Reserve amount.MilliSatoshi `json:"reserve_msat" doc:"of the coins, what fundchannel leaves to pay for commitments that must confirm"`
}

func listFunds(ctx context.Context, n *node.Node, r listFundsRequest) (listFundsResponse, error) {
	out := listFundsResponse{Outputs: []outputRow{}, Channels: []fundsRow{}, Reserve: n.Reserve().Msat()}
	for _, c := range n.Wallet().Coins() {
		if c.Status == wallet.Spent && (r.Spent == nil || !*r.Spent) {
			continue
		}
		row := outputRow{
			Txid: c.OutPoint.Hash.String(), Output: c.OutPoint.Index, Amount: c.Value.Msat(),
			Scriptpubkey: hex.EncodeToString(c.Script), Address: c.Address, Status: string(c.Status), BlockHeight: c.Height, Apart: c.Apart,
		}
		if c.Status == wallet.Reserved {
			row.Reserved, row.Status, row.ReservedTo = true, string(wallet.Confirmed), c.ReservedUntil+1
			if c.Height == 0 {
				row.Status = string(wallet.Unconfirmed)
			}
		}
		out.Outputs = append(out.Outputs, row)
	}
	rows, err := n.Store().Channels(ctx)
	if err != nil {
		return out, err
	}
	for _, c := range rows {
		if c.Status.Status == channel.Closed {
			continue
		}
		row, err := channels.Show(n, c)
		if err != nil {
			return out, err
		}
		funds := fundsRow{
			PeerID: row.PeerID, Connected: row.PeerConnected, State: row.State, ChannelID: row.ChannelID, SCID: row.SCID,
			OurAmount: row.ToUs, Amount: row.Total, FundingTxid: row.FundingTxid, FundingOutput: row.FundingOutnum,
		}
		if a := row.Asset; a != nil {
			funds.Property, funds.OurUnits, funds.Units = a.Property, a.ToUs, a.Total
		}
		out.Channels = append(out.Channels, funds)
	}
	return out, nil
}

// Commands are those of the coins on-chain.
var Commands = slices.Concat([]command.Command{
	command.Define(command.Spec{
		Name: "newaddr", Group: "bitcoin", Short: "make an address for bitcoin on-chain",
		Long: "Makes a new address of the wallet. It is on disk before it is shown. One of p2sh-segwit is for tokens: payments never " +
			"spend what is there, unless it is named.", Errors: []command.Code{command.Failed},
		Examples: []string{"newaddr", "newaddr p2tr"},
	}, newAddr),
	command.Define(command.Spec{
		Name: "listfunds", Group: "bitcoin", Short: "list coins and channel balances",
		Long: "Lists the coins of the wallet, and what is ours in channels.", Errors: []command.Code{command.Failed}, Examples: []string{"listfunds"},
	}, listFunds),
}, sendCommands, prepareCommands, psbtCommands, transactionCommands)
