package payments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/node"
)

type receiptRequest struct {
	Of string `json:"invoice" doc:"the bolt11 string, the payment hash, or the label of an invoice of ours"`
}

type receiptResponse struct {
	Bolt11      string               `json:"bolt11" doc:"the invoice, signed by the payee"`
	Preimage    wire.Preimage        `json:"payment_preimage" doc:"what only a payment reveals"`
	PaymentHash wire.PaymentHash     `json:"payment_hash" doc:"SHA256 of the preimage"`
	Payee       wire.NodeID          `json:"payee" doc:"who signed the invoice"`
	Role        string               `json:"role" doc:"payer or payee: what we were"`
	Amount      amount.MilliSatoshi  `json:"amount_msat" doc:"that arrived"`
	Sent        *amount.MilliSatoshi `json:"amount_sent_msat,omitempty" doc:"with fees, when we paid"`
	Fee         *amount.MilliSatoshi `json:"fee_msat,omitempty" doc:"of the nodes on the way, when we paid; absent where one of them exchanged bitcoin for tokens"`
	Time        uint64               `json:"time" doc:"unix seconds at which it was paid"`
	Check       string               `json:"check" doc:"a line that anyone can run"`
	command.Asset
	Units  amount.Units `json:"amount_units,omitempty" doc:"of an invoice in an asset: what arrived in its smallest units; amount_msat came along with it"`
	Tokens string       `json:"amount,omitempty" doc:"the same in tokens"`

	UnitsSent  amount.Units `json:"amount_sent_units,omitempty" doc:"of the asset, when we paid with it: what was sent"`
	TokensSent string       `json:"amount_sent,omitempty" doc:"the same in tokens"`
}

// receipt is the proof that an invoice was paid, by us or to us.
func receipt(ctx context.Context, n *node.Node, r receiptRequest) (receiptResponse, error) {
	hash, named := wire.PaymentHash{}, false
	if inv, err := obolt.Read(r.Of); err == nil {
		hash, named = inv.PaymentHash, true
	} else if b, err := hex.DecodeString(r.Of); err == nil && len(b) == len(hash) {
		hash, named = wire.PaymentHash(b), true
	}
	row, ours, err := n.Store().InvoiceByLabel(ctx, r.Of)
	if err == nil && !ours && named {
		row, ours, err = n.Store().InvoiceByHash(ctx, hash)
	}
	switch {
	case err != nil:
		return receiptResponse{}, err
	case ours && row.Status != invoice.Paid:
		return receiptResponse{}, command.Refuse(command.InvoiceStatusUnexpected, "the invoice is %s", row.Status)
	case ours:
		all := command.AssetsOf(ctx, n)
		return receiptResponse{
			Asset: all.Show(row.Property), Units: row.Got, Tokens: all.Tokens(row.Property, row.Got),
			Bolt11: row.Bolt11, Preimage: row.Preimage, PaymentHash: row.PaymentHash, Payee: n.ID(), Role: "payee",
			Amount: row.Received, Time: row.PaidAt, Check: checkLine(row.Bolt11, row.Preimage),
		}, nil
	case !named:
		return receiptResponse{}, command.Refuse(command.InvoiceNotFound, "unknown invoice")
	}
	p, ok, err := n.Store().PaymentByHash(ctx, hash)
	switch {
	case err != nil:
		return receiptResponse{}, err
	case !ok:
		return receiptResponse{}, command.Refuse(command.PayNoSuchPayment, "no payment of this invoice")
	case p.Result.Status != pay.Complete:
		return receiptResponse{}, command.Refuse(command.PayStatusUnexpected, "the payment is %s", p.Result.Status)
	}
	all := command.AssetsOf(ctx, n)
	out := receiptResponse{
		Asset: all.Show(p.Property), Units: p.Units, Tokens: all.Tokens(p.Property, p.Units),
		UnitsSent: p.Result.UnitsSent, TokensSent: all.Tokens(p.Property, p.Result.UnitsSent),
		Bolt11: p.Bolt11, Preimage: p.Result.Preimage, PaymentHash: p.PaymentHash, Payee: p.Destination, Role: "payer",
		Amount: p.Amount, Sent: &p.Result.AmountSent, Time: p.Result.CompletedAt, Check: checkLine(p.Bolt11, p.Result.Preimage),
	}
	if (p.Units != 0) == (p.Result.UnitsSent != 0) {
		fee := p.Result.AmountSent - p.Amount
		out.Fee = &fee
	}
	return out, nil
}

// checkLine is for whoever is shown a receipt.
func checkLine(bolt11 string, preimage wire.Preimage) string {
	return "leyden checkreceipt " + bolt11 + " " + preimage.String()
}

type checkReceiptRequest struct {
	Bolt11   string        `json:"bolt11" doc:"the invoice"`
	Preimage wire.Preimage `json:"payment_preimage" doc:"of the receipt"`
}

type checkReceiptResponse struct {
	Valid       bool                 `json:"valid" doc:"whether the preimage is that of the invoice: then it was paid"`
	Payee       wire.NodeID          `json:"payee" doc:"who signed the invoice"`
	PaymentHash wire.PaymentHash     `json:"payment_hash" doc:"of the invoice"`
	Amount      *amount.MilliSatoshi `json:"amount_msat,omitempty" doc:"what was asked for; absent: any"`
	Description *string              `json:"description,omitempty" doc:"what was paid for"`
	CreatedAt   uint64               `json:"created_at" doc:"unix seconds"`
	command.Asset
	Units  amount.Units `json:"amount_units,omitempty" doc:"what was asked for in the asset's smallest units; absent: any"`
	Tokens string       `json:"amount,omitempty" doc:"the same in tokens, where the ledger of this node knows the asset"`
}

// checkReceipt needs nothing but what it is given: anyone can check a receipt.
func checkReceipt(ctx context.Context, n *node.Node, r checkReceiptRequest) (checkReceiptResponse, error) {
	inv, err := obolt.Read(r.Bolt11)
	if err != nil {
		return checkReceiptResponse{}, command.Refuse(command.InvalidParams, "invalid bolt11: %v", err)
	}
	all := command.AssetsOf(ctx, n)
	return checkReceiptResponse{
		Asset: all.Show(inv.Property), Units: inv.Units, Tokens: all.Tokens(inv.Property, inv.Units),
		Valid: sha256.Sum256(r.Preimage[:]) == inv.PaymentHash, Payee: inv.Payee, PaymentHash: inv.PaymentHash,
		Amount: inv.Amount, Description: inv.Description, CreatedAt: inv.Timestamp,
	}, nil
}

var receiptCommands = []command.Command{
	command.Define(command.Spec{
		Name: "receipt", Group: "payments", Short: "the proof that an invoice was paid",
		Long: "Gives the invoice and the preimage, which together prove that the invoice was paid: only a payment reveals the " +
			"preimage, and only the payee can have signed the invoice.",
		Errors:   []command.Code{command.InvoiceNotFound, command.InvoiceStatusUnexpected, command.PayNoSuchPayment, command.PayStatusUnexpected, command.Failed},
		Examples: []string{"receipt t-shirt", "receipt lnbcrt250u1…"},
	}, receipt),
	command.Define(command.Spec{
		Name: "checkreceipt", Group: "payments", Short: "check somebody's receipt",
		Long:     "Checks the signature of an invoice, and that a preimage is the one that its payment reveals.",
		Examples: []string{"checkreceipt lnbcrt250u1… 0001020304050607080900010203040506070809000102030405060708090102"},
	}, checkReceipt),
}
