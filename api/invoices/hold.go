package invoices

import (
	"context"
	"errors"
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/receiver"
	"github.com/leyden-ln/leyden/node"
)

type holdRequest struct {
	PaymentHash  wire.PaymentHash `json:"payment_hash" doc:"SHA256 of a preimage that settleholdinvoice brings. Never use one twice"`
	Amount       asked            `json:"amount_msat" alias:"msatoshi" doc:"what to ask for; any lets the payer choose. With asset it is in tokens, such as 12.5"`
	Label        string           `json:"label" doc:"your own name of the invoice: unique, never told to the payer"`
	Description  string           `json:"description" doc:"what is paid for: at most 639 bytes, told to the payer"`
	Expiry       *uint64          `json:"expiry" doc:"seconds for which the invoice can be paid; 3600, an hour, when not given and the node was not started with another --invoice-expiry"`
	Fallbacks    *[]string        `json:"fallbacks" doc:"addresses on-chain, most preferred first, for a payer who finds no way"`
	Private      *exposure        `json:"exposeprivatechannels" doc:"which unannounced channels are named in route hints, as for invoice"`
	CLTV         *uint32          `json:"cltv" doc:"min_final_cltv_expiry_delta in blocks, 42 to 2016; 144 when not given. The payment can be held for 24 blocks less"`
	DescHashOnly *bool            `json:"deschashonly" doc:"put only the SHA256 of the description into the invoice; false when not given"`

	Asset *amount.Property `json:"asset" doc:"ask for tokens of this property of the Omni Layer, as for invoice; bitcoin when not given"`
	Units *amount.Units    `json:"amount_units" doc:"with asset: what to ask for in its smallest units, instead of amount_msat, which is any then"`
}

// heldRow is a held invoice as listed.
type heldRow struct {
	PaymentHash  wire.PaymentHash     `json:"payment_hash" doc:"SHA256 of the preimage"`
	Label        string               `json:"label" doc:"unique name"`
	State        string               `json:"state" doc:"unpaid; accepted: the payment is here and waits; paid; cancelled; expired: nobody paid in time"`
	Bolt11       string               `json:"bolt11" doc:"the invoice"`
	Amount       *amount.MilliSatoshi `json:"amount_msat,omitempty" doc:"what is asked for; absent: any"`
	Description  string               `json:"description" doc:"what is paid for"`
	ExpiresAt    uint64               `json:"expires_at" doc:"unix seconds from which on it cannot be paid"`
	CreatedIndex uint64               `json:"created_index" doc:"place in the order of creation"`
	Received     amount.MilliSatoshi  `json:"amount_received_msat,omitempty" doc:"what arrived"`
	AcceptedAt   uint64               `json:"accepted_at,omitempty" doc:"unix seconds at which the payment was complete"`
	Deadline     uint32               `json:"deadline_height,omitempty" doc:"the block with which the node cancels it by itself"`
	Left         *uint32              `json:"blocks_left,omitempty" doc:"until then, while it is accepted"`
	PaidAt       uint64               `json:"paid_at,omitempty" doc:"unix seconds at which it was settled"`
	PayIndex     uint64               `json:"pay_index,omitempty" doc:"place in the order of payment"`
	Preimage     *wire.Preimage       `json:"payment_preimage,omitempty" doc:"the proof of payment"`
	CancelledAt  uint64               `json:"cancelled_at,omitempty" doc:"unix seconds"`
	bill
}

func showHeld(all *command.Assets, n *node.Node, r invoice.Row) heldRow {
	out := heldRow{
		bill: showBill(all, r),

		PaymentHash: r.PaymentHash, Label: r.Label, State: string(r.Status), Bolt11: r.Bolt11, Description: r.Description,
		ExpiresAt: r.ExpiresAt, CreatedIndex: r.CreatedIndex, Received: r.Received, AcceptedAt: r.AcceptedAt, Deadline: r.Deadline,
		PaidAt: r.PaidAt, PayIndex: r.PayIndex, CancelledAt: r.CancelledAt,
	}
	if !r.Amount.Any {
		out.Amount = &r.Amount.Msat
	}
	switch {
	case r.Status == invoice.Paid:
		out.Preimage = &r.Preimage
	case r.Status == invoice.Accepted:
		left := r.Deadline - min(r.Deadline, n.Height())
		out.Left = &left
	case r.CancelledAt != 0:
		out.State = "cancelled"
	}
	return out
}

func holdInvoice(ctx context.Context, n *node.Node, r holdRequest) (invoiceResponse, error) {
	req := invoice.Request{
		Hold: &r.PaymentHash, Label: r.Label, Description: r.Description,
		Expiry: command.Or(r.Expiry, n.InvoiceExpiry()), DescriptionHashOnly: command.Or(r.DescHashOnly, false),
	}
	if err := r.Amount.in(ctx, n, r.Asset, r.Units, &req); err != nil {
		return invoiceResponse{}, err
	}
	return create(ctx, n, req, r.CLTV, r.Fallbacks, r.Private)
}

// heldError gives the errors of held invoices their codes.
func heldError(row invoice.Row, err error, wanted string) error {
	switch {
	case errors.Is(err, receiver.ErrNotFound):
		return command.Refuse(command.InvoiceNotFound, "no held invoice has this payment hash")
	case errors.Is(err, receiver.ErrStatus), errors.Is(err, invoice.ErrNotAccepted), errors.Is(err, invoice.ErrTooLate):
		message := fmt.Sprintf("the invoice is %s", row.Status)
		if !errors.Is(err, receiver.ErrStatus) {
			message = err.Error()
		}
		return &command.Error{Code: command.InvoiceStatusUnexpected, Message: message, Data: statusMismatch{string(row.Status), wanted}}
	}
	return err
}

type settleRequest struct {
	Preimage wire.Preimage `json:"preimage" doc:"of the invoice's payment hash"`
}

func settleHold(ctx context.Context, n *node.Node, r settleRequest) (heldRow, error) {
	row, err := n.SettleHeld(ctx, r.Preimage)
	if err != nil {
		return heldRow{}, heldError(row, err, string(invoice.Accepted))
	}
	return showHeld(command.AssetsOf(ctx, n), n, row), nil
}

type cancelRequest struct {
	PaymentHash wire.PaymentHash `json:"payment_hash" doc:"of the held invoice"`
}

func cancelHold(ctx context.Context, n *node.Node, r cancelRequest) (heldRow, error) {
	row, err := n.Receiver().Cancel(ctx, r.PaymentHash)
	if err != nil {
		return heldRow{}, heldError(row, err, string(invoice.Unpaid))
	}
	return showHeld(command.AssetsOf(ctx, n), n, row), nil
}

type listHeldRequest struct {
	PaymentHash *wire.PaymentHash `json:"payment_hash" doc:"only this one"`
	Start       *uint64           `json:"start" doc:"list from this created_index on"`
	Limit       *uint32           `json:"limit" doc:"how many, 10000 at the most and when not given"`
}

type listHeldResponse struct {
	Held []heldRow `json:"holdinvoices" doc:"in the order of creation"`
	Next uint64    `json:"next,omitempty" doc:"where to start to go on: there may be more"`
}

func listHeld(ctx context.Context, n *node.Node, r listHeldRequest) (listHeldResponse, error) {
	out := listHeldResponse{Held: []heldRow{}}
	if r.PaymentHash != nil {
		row, ok, err := n.Store().InvoiceByHash(ctx, *r.PaymentHash)
		if ok && row.Hold {
			out.Held = append(out.Held, showHeld(command.AssetsOf(ctx, n), n, row))
		}
		return out, err
	}
	limit := command.Limit(r.Limit)
	all := command.AssetsOf(ctx, n)
	rows, err := n.Store().Holds(ctx, command.Or(r.Start, 0), limit)
	for _, row := range rows {
		out.Held = append(out.Held, showHeld(all, n, row))
	}
	out.Next = command.Next(len(rows), limit, func() uint64 { return rows[len(rows)-1].CreatedIndex })
	return out, err
}

var holdCommands = []command.Command{
	command.Define(command.Spec{
		Name: "holdinvoice", Group: "payments", Short: "make an invoice whose payment waits for your word",
		Long: "Makes an invoice of a payment hash whose preimage this node does not know. A payment of it is held (`accepted`) " +
			"until `settleholdinvoice` brings the preimage, or `cancelholdinvoice` sends it back. What nobody decides is cancelled " +
			"by itself 24 blocks before the payment would expire, so that no channel is lost for it: `deadline_height` of " +
			"`listholdinvoices` is that block. What is accepted stays so over a restart.",
		Errors:   []command.Code{command.InvoiceLabelExists, command.InvoicePreimageExists, command.InvoiceHintsGaveNone, command.AssetsOff, command.AssetUnknown, command.AssetRefused, command.Failed},
		Examples: []string{`holdinvoice 630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd 250000sat order-7 "1 t-shirt, size M"`},
	}, holdInvoice),
	command.Define(command.Spec{
		Name: "settleholdinvoice", Group: "payments", Short: "take the payment of a held invoice",
		Long:     "Gives the preimage to the payer and takes the payment. To settle an invoice again gives the same answer.",
		Errors:   []command.Code{command.InvoiceNotFound, command.InvoiceStatusUnexpected, command.Failed},
		Examples: []string{"settleholdinvoice 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
	}, settleHold),
	command.Define(command.Spec{
		Name: "cancelholdinvoice", Group: "payments", Short: "send the payment of a held invoice back",
		Long:     "Ends a held invoice that is not settled: what was paid goes back to the payer, and it cannot be paid any more.",
		Errors:   []command.Code{command.InvoiceNotFound, command.InvoiceStatusUnexpected, command.Failed},
		Examples: []string{"cancelholdinvoice 630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"},
	}, cancelHold),
	command.Define(command.Spec{
		Name: "listholdinvoices", Group: "payments", Short: "list held invoices, or find one",
		Long:   "Lists the held invoices in the order of creation, with the block at which the node cancels what is not settled.",
		Errors: []command.Code{command.Failed}, Examples: []string{"listholdinvoices"},
	}, listHeld),
}
