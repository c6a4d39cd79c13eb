package invoices

import (
	"context"
	"errors"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/receiver"
	"github.com/leyden-ln/leyden/node"
)

type signInvoiceRequest struct {
	InvString string `json:"invstring" doc:"the invoice; whatever signature it has is left out of account"`
}

type signInvoiceResponse struct {
	Bolt11 string `json:"bolt11" doc:"the invoice, signed by this node"`
}

func signInvoice(_ context.Context, n *node.Node, r signInvoiceRequest) (out signInvoiceResponse, err error) {
	if _, out.Bolt11, err = n.SignInvoice(r.InvString); err != nil {
		return out, signError(err)
	}
	return out, nil
}

// signError gives an invoice that names another payee its code, and one that cannot be
// read.
func signError(err error) error {
	if errors.Is(err, bolt11.ErrSignature) {
		return command.Refuse(command.Failed, "%v", err)
	}
	return command.Refuse(command.InvalidParams, "invstring: %v", err)
}

type createInvoiceRequest struct {
	InvString string        `json:"invstring" doc:"the invoice; whatever signature it has is left out of account"`
	Label     string        `json:"label" doc:"your own name of the invoice: unique, never told to the payer"`
	Preimage  wire.Preimage `json:"preimage" doc:"the secret that a payment reveals: that of the invoice's payment hash"`
}

func createInvoice(ctx context.Context, n *node.Node, r createInvoiceRequest) (invoiceRow, error) {
	if _, _, err := n.SignInvoice(r.InvString); err != nil {
		return invoiceRow{}, signError(err)
	}
	row, err := n.CreateInvoice(ctx, r.InvString, r.Label, r.Preimage)
	if err != nil {
		return invoiceRow{}, invoiceError(err)
	}
	stored, ok, err := n.Store().InvoiceByHash(ctx, row.PaymentHash)
	if ok { // else it was deleted at once
		row = stored
	}
	return showInvoice(command.AssetsOf(ctx, n), row), err
}

type preapproveRequest struct {
	Bolt11 string `json:"bolt11" doc:"the invoice that is to be paid"`
}

func preapprove(_ context.Context, n *node.Node, r preapproveRequest) (command.None, error) {
	inv, err := obolt.Read(r.Bolt11)
	switch {
	case err != nil:
		return command.None{}, command.Refuse(command.InvalidParams, "bolt11: %v", err)
	case inv.Network != n.Prefix():
		return command.None{}, command.Refuse(command.InvalidParams, "bolt11: %v", invoice.ErrNetwork)
	}
	return command.None{}, nil
}

type decodePayRequest struct {
	Bolt11      string  `json:"bolt11" doc:"the invoice"`
	Description *string `json:"description" doc:"of an invoice that has only its hash, which must match"`
}

type decodePayResponse struct {
	Type  string `json:"type" doc:"bolt11 invoice, or omnibolt invoice"`
	Valid bool   `json:"valid" doc:"true: checksum and signature are right"`
	*DecodedInvoice
}

func decodePay(ctx context.Context, n *node.Node, r decodePayRequest) (decodePayResponse, error) {
	inv, err := obolt.Read(r.Bolt11)
	if err != nil {
		return decodePayResponse{}, command.Refuse(command.InvalidParams, "%v", err)
	}
	of, err := decodeBill(ctx, n, r.Bolt11)
	out := decodePayResponse{of.Type, of.Valid, of.DecodedInvoice}
	if err != nil || r.Description == nil {
		return out, err
	}
	if err := inv.CheckDescription(*r.Description); err != nil {
		return decodePayResponse{}, command.Refuse(command.InvalidParams, "description: %v", err)
	}
	if out.Description == nil {
		out.Description = r.Description
	}
	return out, nil
}

type waitRequest struct {
	Label   string  `json:"label" doc:"of the invoice to wait for"`
	Timeout *uint64 `json:"timeout" doc:"seconds to wait at the most; for ever when not given"`
}

func waitInvoice(ctx context.Context, n *node.Node, r waitRequest) (invoiceRow, error) {
	ctx, cancel := command.Within(ctx, r.Timeout)
	defer cancel()
	row, err := n.Receiver().Wait(ctx, r.Label)
	if errors.Is(err, receiver.ErrNotFound) {
		return invoiceRow{}, command.Refuse(command.Failed, "%v", err)
	}
	if err == nil && row.Status == invoice.Expired {
		err = &command.Error{Code: command.InvoiceExpiredDuring, Message: "the invoice has expired", Data: showInvoice(command.AssetsOf(ctx, n), row)}
	}
	return showInvoice(command.AssetsOf(ctx, n), row), invoiceError(err)
}

var madeElsewhere = []command.Command{
	command.Define(command.Spec{
		Name: "signinvoice", Group: "payments", Short: "sign an invoice that was made elsewhere",
		Long: "Signs an invoice with the node's key and stores nothing: a payment of it finds no invoice, unless " +
			"createinvoice stored it.",
		Errors: []command.Code{command.Failed}, Examples: []string{"signinvoice lnbcrt250u1…"},
	}, signInvoice),
	command.Define(command.Spec{
		Name: "createinvoice", Group: "payments", Short: "store an invoice that was made elsewhere",
		Long: "Signs an invoice that another program made for this node, and stores it with its preimage. On failure nothing is " +
			"created; after a crash, `listinvoices` tells.",
		Errors:   []command.Code{command.InvoiceLabelExists, command.InvoicePreimageExists, command.Failed},
		Examples: []string{"createinvoice lnbcrt250u1… t-shirt 0001020304050607080900010203040506070809000102030405060708090102"},
	}, createInvoice),
	command.Define(command.Spec{
		Name: "preapproveinvoice", Group: "payments", Short: "ask whether an invoice may be paid",
		Long:     "Says nothing when the signer would take part in paying the invoice: this node's signs whatever it can read.",
		Examples: []string{"preapproveinvoice lnbcrt250u1…"},
	}, preapprove),
	command.Define(command.Spec{
		Name: "decodepay", Group: "payments", Short: "read an invoice, under its older name",
		Long:     "Shows what an invoice says, as decode does, and checks a description that it has only the hash of.",
		Examples: []string{"decodepay lnbcrt250u1…"},
	}, decodePay),
}
