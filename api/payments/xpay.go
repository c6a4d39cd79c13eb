package payments

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/sender"
	"github.com/leyden-ln/leyden/node"
)

type xpayRequest struct {
	InvString   string               `json:"invstring" doc:"the invoice"`
	Amount      *amount.MilliSatoshi `json:"amount_msat" doc:"what to pay, when the invoice leaves it open"`
	MaxFee      *amount.MilliSatoshi `json:"maxfee" doc:"fee limit; 5000 msat or 1 percent, whichever is more, when not given"`
	Layers      *[]string            `json:"layers" doc:"auto.localchans and auto.sourcefree, which always count; there are no others"`
	RetryFor    *uint64              `json:"retry_for" doc:"seconds for which other ways are tried; 60 when not given"`
	Partial     *amount.MilliSatoshi `json:"partial_msat" doc:"to pay only so much of the invoice: others pay the rest at the same time, or the payee takes nothing"`
	MaxDelay    *uint32              `json:"maxdelay" doc:"blocks for which the money may be locked at the most; 2016 when not given"`
	PayerNote   *command.Unsupported `json:"payer_note" doc:"there are no offers yet"`
	Label       *string              `json:"label" doc:"your own name of the payment"`
	LocalInvReq *invReqID            `json:"localinvreqid" doc:"the invoice_request that it pays: this node makes none"`

	Units *amount.Units `json:"amount_units" doc:"what to pay in the asset's smallest units, when an invoice in an asset leaves it open"`

	Exchange     *offers              `json:"exchange" doc:"to pay an invoice in tokens with bitcoin, or one in bitcoin with tokens: the rate of a node on the way that exchanges them, as its listassetrates shows it, or several. Objects with id, property_id, sell or buy (msat and units), and where they are known min_units, max_units, maxdelay and carrier_msat. For an invoice in tokens also announced: of the rates that other nodes announce (listassetoffers) the one that costs least"`
	MaxCost      *amount.MilliSatoshi `json:"maxcost" doc:"with exchange: the most that may be sent in bitcoin for tokens, with all fees and what carries the tokens"`
	MaxCostUnits *amount.Units        `json:"maxcost_units" doc:"with exchange: the most that may be sent in tokens for bitcoin, in smallest units, with all fees"`
}

type xpayResponse struct {
	Preimage   wire.Preimage       `json:"payment_preimage" doc:"the proof of payment"`
	Failed     uint64              `json:"failed_parts" doc:"how many HTLCs failed before it was paid"`
	Successful uint64              `json:"successful_parts" doc:"how many HTLCs paid it"`
	Amount     amount.MilliSatoshi `json:"amount_msat" doc:"that arrived"`
	Sent       amount.MilliSatoshi `json:"amount_sent_msat" doc:"with fees"`
	paidTokens
}

// knownLayers refuses layers that somebody would have to make.
func knownLayers(list *[]string) error {
	for _, l := range command.Or(list, nil) {
		if l != "auto.localchans" && l != "auto.sourcefree" {
			return command.Refuse(command.InvalidParams, "layers: there is no %q", command.Clip([]byte(l)))
		}
	}
	return nil
}

// xpayFee is the fee limit of xpay: a hundredth of the amount, or 5 sat.
func xpayFee(amt amount.MilliSatoshi) *amount.MilliSatoshi {
	fee := max(amt/100, pay.DefaultExemptFee)
	return &fee
}

func xpay(ctx context.Context, n *node.Node, r xpayRequest) (xpayResponse, error) {
	if err := errors.Join(noInvReq(r.LocalInvReq), knownLayers(r.Layers)); err != nil {
		return xpayResponse{}, err
	}
	bill, err := obolt.Read(r.InvString)
	if err != nil {
		return xpayResponse{}, command.Refuse(command.InvalidParams, "invstring: %v", err)
	}
	inv := &bill.Invoice
	req := pay.Request{
		Bolt11: r.InvString, Invoice: inv, Property: bill.Property, Asked: bill.Units, Units: r.Units, Amount: r.Amount, MaxFee: r.MaxFee, RetryFor: r.RetryFor, Label: command.Or(r.Label, ""),
		MaxDelay: command.Or(r.MaxDelay, 0), Partial: r.Partial,
	}
	if err := overExchange(n, &req, r.Exchange, r.MaxCost, r.MaxCostUnits); err != nil {
		return xpayResponse{}, err
	}
	ask, err := req.Pays()
	if err != nil {
		return xpayResponse{}, payError(err)
	}
	if req.MaxFee == nil && ask.Property == 0 {
		req.MaxFee = xpayFee(ask.Amount)
	}
	if inv.Description != nil {
		req.Description = *inv.Description // for listpays
	}
	defer tell(ctx, n, inv.PaymentHash)()
	row, err := n.Sender().Pay(ctx, req)
	if err != nil {
		err = invoiceError(err, inv)
		if e, ok := errors.AsType[*command.Error](err); ok && e.Code == command.PayRHashAlreadyUsed {
			e.Code = command.PayAlreadyPaid
		}
		return xpayResponse{}, err
	}
	return showParts(ctx, n, row, nil)
}

// showParts is what is shown of a payment that is complete.
func showParts(ctx context.Context, n *node.Node, row pay.PaymentRow, err error) (xpayResponse, error) {
	if err != nil {
		return xpayResponse{}, payError(err)
	}
	out := xpayResponse{
		paidTokens: showTokens(command.AssetsOf(ctx, n), row.Property, row.Units, row.Result.UnitsSent),
		Preimage:   row.Result.Preimage, Successful: uint64(row.Result.Parts), Amount: row.Amount, Sent: row.Result.AmountSent,
	}
	attempts, err := n.Store().AttemptsOf(context.WithoutCancel(ctx), row.PaymentHash) // it is paid, whoever still listens
	for _, a := range attempts {
		if a.Group == row.Group && a.Result.Status == pay.Failed {
			out.Failed++
		}
	}
	return out, err
}

type xkeysendRequest struct {
	Destination wire.NodeID          `json:"destination" doc:"the payee"`
	Amount      amount.MilliSatoshi  `json:"amount_msat" doc:"what to pay"`
	Label       *string              `json:"label" doc:"your own name of the payment"`
	MaxFee      *amount.MilliSatoshi `json:"maxfee" doc:"fee limit; 5000 msat or 1 percent, whichever is more, when not given"`
	Layers      *[]string            `json:"layers" doc:"auto.localchans and auto.sourcefree, which always count; there are no others"`
	RetryFor    *uint64              `json:"retry_for" doc:"seconds for which other ways are tried; 60 when not given"`
	MaxDelay    *uint32              `json:"maxdelay" doc:"blocks for which the money may be locked at the most; 2016 when not given"`
	ExtraTLVs   *records             `json:"extratlvs" doc:"more records for the payee: an object from type, 65536 or more, to value in hexadecimal"`
}

func xkeysend(ctx context.Context, n *node.Node, r xkeysendRequest) (xpayResponse, error) {
	if err := knownLayers(r.Layers); err != nil {
		return xpayResponse{}, err
	}
	k := pay.Keysend{
		Destination: r.Destination, Amount: r.Amount, Label: command.Or(r.Label, ""), Records: command.Or(r.ExtraTLVs, nil),
		MaxFee: r.MaxFee, RetryFor: r.RetryFor, MaxDelay: command.Or(r.MaxDelay, 0),
	}
	if k.MaxFee == nil {
		k.MaxFee = xpayFee(r.Amount)
	}
	if err := n.NewPreimage(&k.Preimage); err != nil {
		return xpayResponse{}, err
	}
	defer tell(ctx, n, sha256.Sum256(k.Preimage[:]))()
	row, err := n.Sender().Keysend(ctx, k)
	return showParts(ctx, n, row, err)
}

type delPayRequest struct {
	PaymentHash wire.PaymentHash `json:"payment_hash" doc:"of the payment"`
	Status      string           `json:"status" doc:"the status that it must have: complete or failed"`
	PartID      *uint64          `json:"partid" doc:"only this part; groupid must be given too"`
	GroupID     *uint64          `json:"groupid" doc:"only of this try; partid must be given too"`
}

type delPayResponse struct {
	Payments []attemptRow `json:"payments" doc:"the attempts that were deleted"`
}

func delPay(ctx context.Context, n *node.Node, r delPayRequest) (delPayResponse, error) {
	out := delPayResponse{Payments: []attemptRow{}}
	status := pay.Status(r.Status)
	if status != pay.Complete && status != pay.Failed {
		return out, command.Refuse(command.InvalidParams, "status: should be complete or failed, not %q", command.Clip([]byte(r.Status)))
	}
	var only *sender.Part
	switch {
	case (r.PartID == nil) != (r.GroupID == nil):
		return out, command.Refuse(command.InvalidParams, "partid and groupid go together")
	case r.PartID != nil:
		only = &sender.Part{ID: *r.PartID, Group: *r.GroupID}
	}
	rows, err := n.Sender().Delete(ctx, r.PaymentHash, status, only)
	if err != nil {
		return out, payError(err)
	}
	for _, a := range rows {
		out.Payments = append(out.Payments, showAttempt(command.AssetsOf(ctx, n), a))
	}
	return out, nil
}

type payStatusRequest struct {
	Bolt11 *string `json:"bolt11" alias:"invstring" doc:"only the payment of this invoice; the latest 100 when not given"`
}

type statusSuccess struct {
	ID       uint64        `json:"id" doc:"of the attempt"`
	Preimage wire.Preimage `json:"payment_preimage" doc:"the proof of payment"`
}

type statusAttempt struct {
	Strategy string              `json:"strategy" doc:"how the route was found"`
	Start    string              `json:"start_time" doc:"in UTC"`
	Age      uint64              `json:"age_in_seconds" doc:"since its start"`
	End      string              `json:"end_time,omitempty" doc:"in UTC"`
	Duration *uint64             `json:"duration_in_seconds,omitempty" doc:"from start to end"`
	PartID   uint64              `json:"partid" doc:"of this part"`
	GroupID  uint64              `json:"groupid" doc:"of the try"`
	Amount   amount.MilliSatoshi `json:"amount_msat" doc:"that arrives"`
	Sent     amount.MilliSatoshi `json:"amount_sent_msat" doc:"with fees"`
	Route    []hop               `json:"route" doc:"its hops; their delays are heights of blocks"`
	Success  *statusSuccess      `json:"success,omitempty" doc:"when it is complete"`
	Failure  *command.Error      `json:"failure,omitempty" doc:"when it has failed"`
}

type statusRow struct {
	PaymentHash wire.PaymentHash    `json:"payment_hash" doc:"SHA256 of the preimage"`
	Bolt11      string              `json:"bolt11,omitempty" doc:"the invoice"`
	Label       string              `json:"label,omitempty" doc:"your own name of it"`
	Amount      amount.MilliSatoshi `json:"amount_msat" doc:"that arrives"`
	Destination wire.NodeID         `json:"destination" doc:"the payee"`
	Attempts    []statusAttempt     `json:"attempts" doc:"every HTLC by which we tried, in their order"`
}

type payStatusResponse struct {
	Pay []statusRow `json:"pay" doc:"in the order of creation"`
}

// statusMost is how many payments paystatus shows.
const statusMost = 100

func payStatus(ctx context.Context, n *node.Node, r payStatusRequest) (payStatusResponse, error) {
	out := payStatusResponse{Pay: []statusRow{}}
	var rows []pay.PaymentRow
	if r.Bolt11 != nil {
		inv, err := obolt.Read(*r.Bolt11)
		if err != nil {
			return out, command.Refuse(command.InvalidParams, "invalid bolt11: %v", err)
		}
		row, ok, err := n.Store().PaymentByHash(ctx, inv.PaymentHash)
		if err != nil {
			return out, err
		}
		if ok {
			rows = append(rows, row)
		}
	} else {
		var err error
		if rows, err = n.Store().LatestPayments(ctx, statusMost); err != nil {
			return out, err
		}
	}
	for i := range rows {
		row, err := statusOf(ctx, n, &rows[i])
		if err != nil {
			return out, err
		}
		out.Pay = append(out.Pay, row)
	}
	return out, nil
}

func statusOf(ctx context.Context, n *node.Node, p *pay.PaymentRow) (statusRow, error) {
	out := statusRow{
		PaymentHash: p.PaymentHash, Bolt11: p.Bolt11, Label: p.Label, Amount: p.Amount, Destination: p.Destination,
		Attempts: []statusAttempt{},
	}
	attempts, err := n.Store().AttemptsOf(ctx, p.PaymentHash)
	now := uint64(max(time.Now().Unix(), 0)) //nolint:gosec // not negative
	for _, a := range attempts {
		row := statusAttempt{
			Strategy: "the cheapest way that is known", Start: inUTC(a.CreatedAt), Age: now - min(now, a.CreatedAt), PartID: a.Part, GroupID: a.Group,
			Amount: a.Amount, Sent: a.Sent, Route: []hop{},
		}
		if p.Manual {
			row.Strategy = "a route that was given"
		}
		from := n.ID()
		for _, h := range a.Hops {
			row.Route = append(row.Route, hop{h.NodeID, h.SCID, command.Direction(from, h.NodeID), h.Amount, h.CLTVExpiry, "tlv", h.Units})
			from = h.NodeID
		}
		if end := a.Result.CompletedAt; end != 0 {
			took := end - min(end, a.CreatedAt)
			row.End, row.Duration = inUTC(end), &took
		}
		switch a.Result.Status {
		case pay.Complete:
			row.Success = &statusSuccess{a.ID, a.Result.Preimage}
		case pay.Failed:
			if err := a.Err(); err != nil {
				row.Failure = command.AsError(payError(err))
			}
		case pay.Pending:
		}
		out.Attempts = append(out.Attempts, row)
	}
	return out, err
}

func inUTC(unix uint64) string { return time.Unix(int64(unix), 0).UTC().Format(time.RFC3339) } //nolint:gosec // from our own rows

var xpayCommands = []command.Command{
	command.Define(command.Spec{
		Name: "xpay", Group: "payments", Short: "pay an invoice",
		Long: "Pays an invoice as pay does, with a fee limit of 1 percent. To pay an invoice again that is paid gives the same receipt, and code 219 where " +
			"another amount is asked for. With exchange it is paid in the other currency, as by pay.",
		Errors:   append([]command.Code{command.PayInvoiceRequestWrong, command.PayAlreadyPaid}, payErrors...),
		Examples: []string{"xpay lnbcrt250u1…", "xpay -k invstring=lnbcrt1… amount_msat=1000sat maxfee=10sat"},
	}, xpay),
	command.Define(command.Spec{
		Name: "xkeysend", Group: "payments", Short: "pay a node without an invoice",
		Long:     "Pays a node as keysend does, with a fee limit of 1 percent.",
		Errors:   payErrors,
		Examples: []string{"xkeysend 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619 10000sat"},
	}, xkeysend),
	command.Define(command.Spec{
		Name: "delpay", Group: "payments", Short: "delete a payment",
		Long: "Deletes a payment that is complete or has failed, or some of its attempts, and shows what they were. When an invoice " +
			"that was paid is given to pay afterwards, it is paid again: the node does not know any more that it was.",
		Errors:   []command.Code{command.PayNoSuchPayment, command.PayStatusUnexpected, command.Failed},
		Examples: []string{"delpay 630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd failed"},
	}, delPay),
	command.Define(command.Spec{
		Name: "paystatus", Group: "payments", Short: "show every attempt of a payment",
		Long:   "Shows every HTLC by which an invoice was, or is, tried to be paid, with its route and how it ended.",
		Errors: []command.Code{command.Failed}, Examples: []string{"paystatus lnbcrt250u1…"},
	}, payStatus),
}
