package onchain

import (
	"bytes"
	"context"
	"encoding/hex"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/node"
)

type listTransactionsRequest struct {
	Start *uint64 `json:"start" doc:"list from this number on"`
	Limit *uint32 `json:"limit" doc:"how many at the most, up to 10000, which it is when not given"`
}

type inputRow struct {
	Txid     string `json:"txid" doc:"the transaction whose output is spent"`
	Index    uint32 `json:"index" doc:"the output"`
	Sequence uint32 `json:"sequence" doc:"nSequence"`
}

type outRow struct {
	Index  uint32              `json:"index" doc:"from 0 up"`
	Amount amount.MilliSatoshi `json:"amount_msat" doc:"the value"`
	Script string              `json:"scriptPubKey" doc:"the output script in hexadecimal"`
}

type transactionRow struct {
	Hash    string     `json:"hash" doc:"the id"`
	Raw     string     `json:"rawtx" doc:"the transaction in hexadecimal"`
	Height  uint32     `json:"blockheight" doc:"of its block; 0: in none"`
	TxIndex *uint32    `json:"txindex,omitempty" doc:"its place in the block"`
	Lock    uint32     `json:"locktime" doc:"nLockTime"`
	Version int32      `json:"version" doc:"nVersion"`
	Inputs  []inputRow `json:"inputs" doc:"in order"`
	Outputs []outRow   `json:"outputs" doc:"in order"`
	// What follows is not among Core Lightning's fields.
	CreatedIndex uint64 `json:"created_index" doc:"its number, in the order in which the node came to know it"`
	Label        string `json:"label,omitempty" doc:"what the node made it for"`
}

type listTransactionsResponse struct {
	Transactions []transactionRow `json:"transactions" doc:"in the order in which the node came to know them"`
	Next         uint64           `json:"next,omitempty" doc:"give it as start to go on: there may be more"`
}

func listTransactions(ctx context.Context, n *node.Node, r listTransactionsRequest) (listTransactionsResponse, error) {
	out := listTransactionsResponse{Transactions: []transactionRow{}}
	limit := min(int(command.Or(r.Limit, command.LongestList)), command.LongestList)
	rows, err := n.Store().Transactions(ctx, command.Or(r.Start, 0), limit)
	if err != nil {
		return out, err
	}
	for _, t := range rows {
		var tx btcwire.MsgTx
		if err := tx.Deserialize(bytes.NewReader(t.Raw)); err != nil {
			return out, err
		}
		row := transactionRow{
			Hash: t.Txid.String(), Raw: hex.EncodeToString(t.Raw), Height: t.Height, Lock: tx.LockTime, Version: tx.Version,
			Inputs: []inputRow{}, Outputs: []outRow{}, CreatedIndex: t.Number, Label: t.Label,
		}
		if t.Place > 0 {
			place := t.Place - 1
			row.TxIndex = &place
		}
		for _, in := range tx.TxIn {
			row.Inputs = append(row.Inputs, inputRow{in.PreviousOutPoint.Hash.String(), in.PreviousOutPoint.Index, in.Sequence})
		}
		for i, o := range tx.TxOut {
			row.Outputs = append(row.Outputs, outRow{uint32(i), amount.Satoshi(o.Value).Msat(), hex.EncodeToString(o.PkScript)}) //nolint:gosec // a transaction has fewer, and none is negative
		}
		out.Transactions = append(out.Transactions, row)
	}
	if len(rows) == limit && limit > 0 {
		out.Next = rows[limit-1].Number + 1
	}
	return out, nil
}

var transactionCommands = []command.Command{
	command.Define(command.Spec{
		Name: "listtransactions", Group: "bitcoin", Short: "list transactions of the wallet",
		Long:   "Lists the transactions that the node made, and those of others in blocks that paid the wallet or spent from it.",
		Errors: []command.Code{command.Failed}, Examples: []string{"listtransactions"},
	}, listTransactions),
}
