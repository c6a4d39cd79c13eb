package invoices

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/inbound"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/receiver"
	"github.com/leyden-ln/leyden/node"
)

type invoiceRequest struct {
	Amount       asked          `json:"amount_msat" alias:"msatoshi" doc:"what to ask for; any lets the payer choose. With asset it is in tokens, such as 12.5"`
	Label        string         `json:"label" doc:"your own name of the invoice: unique, never told to the payer"`
	Description  string         `json:"description" doc:"what is paid for: at most 639 bytes, told to the payer"`
	Expiry       *uint64        `json:"expiry" doc:"seconds for which the invoice can be paid; 3600, an hour, when not given and the node was not started with another --invoice-expiry"`
	Fallbacks    *[]string      `json:"fallbacks" doc:"addresses on-chain, most preferred first, for a payer who finds no way"`
	Preimage     *wire.Preimage `json:"preimage" doc:"the secret that a payment reveals; random when not given. Never use one twice"`
	Private      *exposure      `json:"exposeprivatechannels" doc:"which unannounced channels are named in route hints: all, none, or just these; all if there are no announced ones when not given"`
	CLTV         *uint32        `json:"cltv" doc:"min_final_cltv_expiry_delta in blocks, 18 to 2016; 40 when not given"`
	DescHashOnly *bool          `json:"deschashonly" doc:"put only the SHA256 of the description into the invoice; false when not given"`

	Asset *amount.Property  `json:"asset" doc:"ask for tokens of this property of the Omni Layer, by an invoice of OmniBOLT's form; bitcoin when not given"`
	Units *amount.Units     `json:"amount_units" doc:"with asset: what to ask for in its smallest units, instead of amount_msat, which is any then"`
	Hash  *wire.PaymentHash `json:"h" doc:"SHA256 of a secret that settleholdinvoice brings: the invoice is held, as by holdinvoice, and preimage is not given"`
}

type invoiceResponse struct {
	PaymentHash   wire.PaymentHash `json:"payment_hash" doc:"SHA256 of the preimage"`
	ExpiresAt     uint64           `json:"expires_at" doc:"unix seconds from which on it cannot be paid"`
	ExpiryTime    uint64           `json:"expiry_time" doc:"the same as expires_at, under its older name"`
	Bolt11        string           `json:"bolt11" doc:"the invoice, for the payer; one in an asset has OmniBOLT's form"`
	PaymentSecret string           `json:"payment_secret" doc:"the secret in the invoice that shows that who pays has read it"`
	CreatedIndex  uint64           `json:"created_index" doc:"its place in the order of creation, from 1 up"`
	warnings
}

// invoiceRow is an invoice as listed.
type invoiceRow struct {
	Label           string               `json:"label" doc:"unique name"`
	Bolt11          string               `json:"bolt11,omitempty" doc:"the invoice; one in an asset has OmniBOLT's form; absent: it was paid by keysend, without one"`
	PaymentHash     wire.PaymentHash     `json:"payment_hash" doc:"SHA256 of the preimage"`
	Amount          *amount.MilliSatoshi `json:"amount_msat,omitempty" doc:"what is asked for; absent: any"`
	Status          string               `json:"status" doc:"unpaid, paid or expired; accepted: a held invoice whose payment waits for its owner"`
	Description     string               `json:"description" doc:"what is paid for"`
	ExpiresAt       uint64               `json:"expires_at" doc:"unix seconds"`
	ExpiryTime      uint64               `json:"expiry_time" doc:"the same as expires_at"`
	CreatedIndex    uint64               `json:"created_index" doc:"place in the order of creation"`
	UpdatedIndex    uint64               `json:"updated_index,omitempty" doc:"place in the order of changes"`
	PayIndex        uint64               `json:"pay_index,omitempty" doc:"place in the order of payment"`
	Received        amount.MilliSatoshi  `json:"amount_received_msat,omitempty" doc:"what arrived"`
	PaidAt          uint64               `json:"paid_at,omitempty" doc:"unix seconds"`
	PaymentPreimage string               `json:"payment_preimage,omitempty" doc:"the proof of payment"`
	bill
}

// bill is what an invoice in an asset is about.
type bill struct {
	command.Asset
	Units  amount.Units `json:"amount_units,omitempty" doc:"what is asked for in the asset's smallest units; absent: any"`
	Tokens string       `json:"amount,omitempty" doc:"the same in tokens"`
	Got    amount.Units `json:"amount_received_units,omitempty" doc:"what arrived in the asset's smallest units; amount_received_msat came along with it"`
	Gotten string       `json:"amount_received,omitempty" doc:"the same in tokens"`
}

func showBill(all *command.Assets, r invoice.Row) bill {
	return bill{
		Asset: all.Show(r.Property), Units: r.Units, Tokens: all.Tokens(r.Property, r.Units), Got: r.Got, Gotten: all.Tokens(r.Property, r.Got),
	}
}

func showInvoice(all *command.Assets, r invoice.Row) invoiceRow {
	out := invoiceRow{
		bill: showBill(all, r),

		Label: r.Label, Bolt11: r.Bolt11, PaymentHash: r.PaymentHash, Status: string(r.Status), Description: r.Description,
		ExpiresAt: r.ExpiresAt, ExpiryTime: r.ExpiresAt, CreatedIndex: r.CreatedIndex, UpdatedIndex: r.UpdatedIndex,
	}
	if r.Status != invoice.Paid {
		out.Got, out.Gotten = 0, ""
	}
	if !r.Amount.Any {
		out.Amount = &r.Amount.Msat
	}
	if r.Status == invoice.Paid {
		out.PayIndex, out.Received, out.PaidAt, out.PaymentPreimage = r.PayIndex, r.Received, r.PaidAt, r.Preimage.String()
	}
	return out
}

// invoiceError gives the errors of invoices their codes.
func invoiceError(err error) error {
	switch {
	case errors.Is(err, invoice.ErrLabelExists):
		return command.Refuse(command.InvoiceLabelExists, "duplicate label: %v", err)
	case errors.Is(err, invoice.ErrPreimageUsed):
		return command.Refuse(command.InvoicePreimageExists, "%v", err)
	case errors.Is(err, receiver.ErrBare):
		return command.Refuse(command.InvoiceNoDescription, "%v", err)
	case errors.Is(err, receiver.ErrNotFound):
		return command.Refuse(command.InvoiceNotFound, "unknown invoice")
	case errors.Is(err, context.DeadlineExceeded):
		return command.Refuse(command.InvoiceWaitTimedOut, "timed out while waiting")
	}
	for _, bad := range []error{
		invoice.ErrLabel, invoice.ErrAmount, invoice.ErrDescription, invoice.ErrDescriptionTooLong, invoice.ErrExpiry, invoice.ErrCLTV,
		invoice.ErrHoldCLTV, invoice.ErrHash, invoice.ErrNetwork, invoice.ErrTokens, obolt.ErrPrefix,
	} {
		if errors.Is(err, bad) {
			return command.Refuse(command.InvalidParams, "%v", err)
		}
	}
	return err
}

func makeInvoice(ctx context.Context, n *node.Node, r invoiceRequest) (invoiceResponse, error) {
	if r.Hash != nil && r.Preimage != nil {
		return invoiceResponse{}, command.Refuse(command.InvalidParams, "h: the invoice is held, and its preimage comes by settleholdinvoice: leave preimage out")
	}
	req := invoice.Request{
		Label: r.Label, Hold: r.Hash, Description: r.Description, Expiry: command.Or(r.Expiry, n.InvoiceExpiry()),
		Preimage: command.Or(r.Preimage, wire.Preimage{}), DescriptionHashOnly: command.Or(r.DescHashOnly, false),
	}
	if err := r.Amount.in(ctx, n, r.Asset, r.Units, &req); err != nil {
		return invoiceResponse{}, err
	}
	return create(ctx, n, req, r.CLTV, r.Fallbacks, r.Private)
}

// create makes an invoice of a wish and of what else it is to say.
func create(ctx context.Context, n *node.Node, req invoice.Request, cltv *uint32, fallbacks *[]string, private *exposure) (out invoiceResponse, err error) {
	if cltv != nil {
		if req.CLTV = *cltv; req.CLTV == 0 {
			return out, command.Refuse(command.InvalidParams, "%v", invoice.ErrCLTV)
		}
	}
	if req.Fallbacks, err = fallbacksOf(n, command.Or(fallbacks, nil)); err != nil {
		return out, err
	}
	e := command.Or(private, exposure{})
	var w warnings
	if req.Property != 0 {
		if len(req.Fallbacks) > 0 {
			return out, command.Refuse(command.InvalidParams, "fallbacks: are for bitcoin")
		}
		incoming := n.IncomingTokens(req.Property, e.Only)
		req.Hints, w = incoming.Hints, warnTokens(incoming, req.Units)
		if e.None {
			if !incoming.Announced {
				return out, command.Refuse(command.InvalidParams, "exposeprivatechannels: no channel with these tokens is announced: without hints nobody finds a way")
			}
			req.Hints = [][]bolt11.HopHint{}
		}
	} else {
		incoming := n.Incoming(inbound.Exposure(e))
		req.Hints, w = incoming.Hints, warn(incoming, req.Amount)
	}
	if len(e.Only) > 0 && len(req.Hints) == 0 {
		return out, command.Refuse(command.InvoiceHintsGaveNone, "none of these channels is open and has terms that its peer told us")
	}
	row, err := n.NewInvoice(ctx, req)
	if err != nil {
		return out, invoiceError(err)
	}
	return invoiceResponse{
		PaymentHash: row.PaymentHash, ExpiresAt: row.ExpiresAt, ExpiryTime: row.ExpiresAt, Bolt11: row.Bolt11,
		PaymentSecret: hex.EncodeToString(row.Secret[:]), CreatedIndex: row.CreatedIndex, warnings: w,
	}, nil
}

// fallbacksOf reads addresses on-chain.
func fallbacksOf(n *node.Node, addresses []string) (out []bolt11.Fallback, err error) {
	for _, text := range addresses {
		script, err := command.ScriptOf(n, text)
		if err != nil {
			return nil, command.Refuse(command.InvalidParams, "fallbacks: %v", err)
		}
		f, ok := bolt11.FallbackOf(script)
		if !ok {
			return nil, command.Refuse(command.InvalidParams, "fallbacks: an invoice cannot hold %q", command.Clip([]byte(text)))
		}
		out = append(out, f)
	}
	return out, nil
}

type listInvoicesRequest struct {
	Label       *string           `json:"label" doc:"the invoice of this label"`
	InvString   *string           `json:"invstring" doc:"the invoice of this string"`
	PaymentHash *wire.PaymentHash `json:"payment_hash" doc:"the invoice of this payment hash"`
	OfferID     *wire.PaymentHash `json:"offer_id" doc:"invoices of this offer: none, there are no offers yet"`
	Index       *string           `json:"index" doc:"created or updated: the order of the list; created when not given"`
	Start       *uint64           `json:"start" doc:"list from this index on"`
	Limit       *uint32           `json:"limit" doc:"how many, 10000 at the most and when not given"`
}

type listInvoicesResponse struct {
	Invoices []invoiceRow `json:"invoices" doc:"in the order of the index"`
	Next     uint64       `json:"next,omitempty" doc:"where to start to go on: there may be more"`
}

func listInvoices(ctx context.Context, n *node.Node, r listInvoicesRequest) (listInvoicesResponse, error) {
	rows, err := findInvoices(ctx, n, r)
	out, all := listInvoicesResponse{Invoices: make([]invoiceRow, 0, len(rows))}, command.AssetsOf(ctx, n)
	for _, row := range rows {
		out.Invoices = append(out.Invoices, showInvoice(all, row))
	}
	if one := r.Label != nil || r.InvString != nil || r.PaymentHash != nil; !one {
		out.Next = command.Next(len(rows), command.Limit(r.Limit), func() uint64 {
			if command.Or(r.Index, "") == "updated" {
				return rows[len(rows)-1].UpdatedIndex
			}
			return rows[len(rows)-1].CreatedIndex
		})
	}
	return out, err
}

func findInvoices(ctx context.Context, n *node.Node, r listInvoicesRequest) ([]invoice.Row, error) {
	var row invoice.Row
	var ok bool
	var err error
	given := 0
	for _, is := range []bool{r.Label != nil, r.InvString != nil, r.PaymentHash != nil, r.OfferID != nil} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, command.Refuse(command.InvalidParams, "give only one of label, invstring, payment_hash and offer_id")
	case given == 1 && (r.Index != nil || r.Start != nil || r.Limit != nil):
		return nil, command.Refuse(command.InvalidParams, "index, start and limit are for lists of all invoices")
	case r.OfferID != nil:
		return nil, nil
	case r.Label != nil:
		row, ok, err = n.Store().InvoiceByLabel(ctx, *r.Label)
	case r.PaymentHash != nil:
		row, ok, err = n.Store().InvoiceByHash(ctx, *r.PaymentHash)
	case r.InvString != nil:
		inv, decodeErr := obolt.Read(*r.InvString)
		if decodeErr != nil {
			return nil, command.Refuse(command.InvalidParams, "invstring: %v", decodeErr)
		}
		row, ok, err = n.Store().InvoiceByHash(ctx, inv.PaymentHash)
	default:
		start, limit := command.Or(r.Start, 0), command.Limit(r.Limit)
		switch {
		case r.Index == nil, *r.Index == "created":
			return n.Store().Invoices(ctx, start, limit)
		case *r.Index == "updated":
			return n.Store().InvoicesUpdated(ctx, start, limit)
		}
		return nil, command.Refuse(command.InvalidParams, "index: should be created or updated, not %q", command.Clip([]byte(*r.Index)))
	}
	if err != nil || !ok {
		return nil, err
	}
	return []invoice.Row{row}, nil
}

type delInvoiceRequest struct {
	Label  string `json:"label" doc:"of the invoice to delete"`
	Status string `json:"status" doc:"the status that it must have: unpaid, paid or expired"`
	Bare   *bool  `json:"desconly" doc:"take only its description off; false when not given"`
}

// statusMismatch is the data of a refusal to delete.
type statusMismatch struct {
	Current  string `json:"current_status"`
	Expected string `json:"expected_status"`
}

func delInvoice(ctx context.Context, n *node.Node, r delInvoiceRequest) (invoiceRow, error) {
	status := invoice.Status(r.Status)
	if status != invoice.Unpaid && status != invoice.Paid && status != invoice.Expired {
		return invoiceRow{}, command.Refuse(command.InvalidParams, "status: should be unpaid, paid or expired, not %q", command.Clip([]byte(r.Status)))
	}
	remove := n.Receiver().Delete
	if command.Or(r.Bare, false) {
		remove = n.Receiver().Bare
	}
	row, err := remove(ctx, r.Label, status)
	if errors.Is(err, receiver.ErrStatus) {
		return invoiceRow{}, &command.Error{
			Code: command.InvoiceStatusUnexpected, Message: fmt.Sprintf("the invoice is %s, not %s", row.Status, status),
			Data: statusMismatch{string(row.Status), r.Status},
		}
	}
	if err == nil && command.Or(r.Bare, false) {
		var ok bool
		var stored invoice.Row
		if stored, ok, err = n.Store().InvoiceByHash(ctx, row.PaymentHash); ok {
			row = stored
		}
	}
	return showInvoice(command.AssetsOf(ctx, n), row), invoiceError(err)
}

type waitAnyRequest struct {
	Last    *uint64 `json:"lastpay_index" doc:"the pay_index of the last payment that is known; 0 when not given"`
	Timeout *uint64 `json:"timeout" doc:"seconds to wait at the most; for ever when not given"`
}

func waitAnyInvoice(ctx context.Context, n *node.Node, r waitAnyRequest) (invoiceRow, error) {
	ctx, cancel := command.Within(ctx, r.Timeout)
	defer cancel()
	row, err := n.Receiver().WaitAny(ctx, command.Or(r.Last, 0))
	return showInvoice(command.AssetsOf(ctx, n), row), invoiceError(err)
}

// Commands are those of invoices.
var Commands = slices.Concat([]command.Command{
	command.Define(command.Spec{
		Name: "invoice", Group: "payments", Short: "make an invoice",
		Long: "Makes an invoice and writes it. Its string, `bolt11`, is for the payer; when a payment of the amount has " +
			"arrived, the invoice is paid, once and for all. On failure nothing is created; after a crash, `listinvoices` tells.",
		Errors:   []command.Code{command.InvoiceLabelExists, command.InvoicePreimageExists, command.InvoiceHintsGaveNone, command.AssetsOff, command.AssetUnknown, command.AssetRefused, command.Failed},
		Examples: []string{`invoice 250000sat t-shirt "1 t-shirt, size M" 3600`, `invoice any donations "Thank you"`, `invoice 12.5 order-7 "USDT order" --asset 31`},
	}, makeInvoice),
	command.Define(command.Spec{
		Name: "listinvoices", Aliases: []string{"listinvoice"}, Group: "payments", Short: "list invoices, or find one",
		Long:     "Lists the invoices in the order of creation, or of their last change, or finds one.",
		Errors:   []command.Code{command.Failed},
		Examples: []string{"listinvoices", "listinvoices t-shirt"},
	}, listInvoices),
	command.Define(command.Spec{
		Name: "delinvoice", Group: "payments", Short: "delete an invoice",
		Long:     "Deletes an invoice that has the status given, and shows what it was; or takes its description off, and shows what it is.",
		Errors:   []command.Code{command.InvoiceNotFound, command.InvoiceStatusUnexpected, command.InvoiceNoDescription, command.Failed},
		Examples: []string{"delinvoice t-shirt paid"},
	}, delInvoice),
	command.Define(command.Spec{
		Name: "waitanyinvoice", Group: "payments", Short: "wait for the next payment",
		Long: "Gives the invoice that was paid next after lastpay_index, or waits for one. Who remembers the pay_index that " +
			"came last misses no payment, also over a restart of either side.",
		Errors:   []command.Code{command.InvoiceWaitTimedOut, command.Failed},
		Examples: []string{"waitanyinvoice", "waitanyinvoice 7 60"},
	}, waitAnyInvoice),
	command.Define(command.Spec{
		Name: "waitinvoice", Group: "payments", Short: "wait until an invoice is paid",
		Long:     "Waits until the invoice is paid, which it may be already, or has expired.",
		Errors:   []command.Code{command.InvoiceExpiredDuring, command.InvoiceWaitTimedOut, command.Failed},
		Examples: []string{"waitinvoice t-shirt"},
	}, waitInvoice),
	command.Define(command.Spec{
		Name: "decode", Group: "payments", Short: "read an invoice or a rune",
		Long: "Shows what an invoice says: who asks, how much, until when and for what. Its signature is checked. Invoices of " +
			"OmniBOLT's, in an asset, are read too; they cannot be paid yet. Of a rune it shows the restrictions; whose it is, and whether " +
			"it is revoked, `showrunes` and `checkrune` know.",
		Examples: []string{"decode lnbcrt250u1…", "decode OSqc7ixY6F-gjcigBfxtzKUI54uzgFSA6YfBQoWGDV89MA=="},
	}, decodeInvoice),
}, madeElsewhere, holdCommands, searchCommands, cleanCommands)
