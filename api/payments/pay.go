package payments

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/node"
)

// payError gives the errors of payments their codes and data.
func payError(err error) error {
	p, ok := errors.AsType[*pay.Error](err)
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return command.Refuse(command.PayInProgress, "timed out while waiting; the payment goes on")
		}
		return err
	}
	e := &command.Error{Code: command.Code(p.Code), Message: p.Message}
	if c := p.Cost; c != nil {
		e.Data = map[string]any{"fee": c.Fee, "feepercent": 100 * float64(c.Fee) / float64(max(c.Amount, 1)), "delay": c.Delay}
	}
	if f := p.Failure; f != nil {
		data := map[string]any{"erring_index": f.ErringIndex, "failcode": f.FailCode}
		if name := onion.Code(f.FailCode).WireName(); name != "" {
			data["failcodename"] = name
		}
		if f.ErringNode != (wire.NodeID{}) {
			data["erring_node"] = f.ErringNode
		}
		if f.ErringChannel != 0 {
			data["erring_channel"], data["erring_direction"] = f.ErringChannel, f.ErringDirection
		}
		switch {
		case f.Message != nil && p.Code == pay.CodeUnparseableOnion:
			data["onionreply"] = hex.EncodeToString(f.Message)
		case f.Message != nil:
			data["raw_message"] = hex.EncodeToString(f.Message)
		}
		e.Data = data
	}
	return e
}

// invoiceError is payError for a payment of an invoice.
func invoiceError(err error, inv *bolt11.Invoice) error {
	err = payError(err)
	if e, ok := errors.AsType[*command.Error](err); ok && e.Code == command.PayInvoiceExpired {
		e.Data = map[string]any{"now": time.Now().Unix(), "expiry": inv.ExpiresAt()}
	}
	return err
}

var payErrors = []command.Code{
	command.PayInProgress, command.PayRHashAlreadyUsed, command.PayUnparseableOnion, command.PayDestinationFailed, command.PayTryOtherRoute, command.PayRouteNotFound,
	command.PayRouteTooExpensive, command.PayInvoiceExpired, command.PayUnspecifiedError, command.PayStoppedRetrying, command.Failed,
}

// invReqID names an invoice_request, of which this node makes none: to give one is 212.
type invReqID struct{ command.HexBytes }

// noInvReq refuses to pay for an invoice_request.
func noInvReq(id *invReqID) error {
	if id == nil {
		return nil
	}
	return command.Refuse(command.PayInvoiceRequestWrong, "localinvreqid: there is no invoice_request %x", id.HexBytes)
}

type payRequest struct {
	Bolt11        string               `json:"bolt11" alias:"invstring" doc:"the invoice"`
	Amount        *amount.MilliSatoshi `json:"amount_msat" alias:"msatoshi" doc:"what to pay, when the invoice leaves it open"`
	Label         *string              `json:"label" doc:"your own name of the payment"`
	RiskFactor    *riskFactor          `json:"riskfactor" doc:"a number, for compatibility: the cost of locked time is fixed in this node"`
	MaxFeePercent *string              `json:"maxfeepercent" doc:"fee limit in percent of the amount, with at most four decimals; 0.5 when not given"`
	RetryFor      *uint64              `json:"retry_for" doc:"seconds for which other ways are tried; 60 when not given"`
	MaxDelay      *uint32              `json:"maxdelay" doc:"blocks for which the money may be locked at the most; 2016 when not given"`
	ExemptFee     *amount.MilliSatoshi `json:"exemptfee" doc:"a fee that is always allowed; 5000 msat when not given"`
	LocalInvReq   *invReqID            `json:"localinvreqid" doc:"the invoice_request that it pays: this node makes none"`
	Exclude       *[]exclusion         `json:"exclude" doc:"what no route may use: node ids, and channels as short_channel_id/direction"`
	MaxFee        *amount.MilliSatoshi `json:"maxfee" doc:"fee limit, instead of maxfeepercent and exemptfee"`
	Description   *string              `json:"description" doc:"of an invoice that has only its hash, which must match"`
	Partial       *amount.MilliSatoshi `json:"partial_msat" doc:"to pay only so much of the invoice: others pay the rest at the same time, or the payee takes nothing"`

	Units *amount.Units `json:"amount_units" doc:"what to pay in the asset's smallest units, when an invoice in an asset leaves it open"`

	Exchange     *offers              `json:"exchange" doc:"to pay an invoice in tokens with bitcoin, or one in bitcoin with tokens: the rate of a node on the way that exchanges them, as its listassetrates shows it, or several. Objects with id, property_id, sell or buy (msat and units), and where they are known min_units, max_units, maxdelay and carrier_msat. For an invoice in tokens also announced: of the rates that other nodes announce (listassetoffers) the one that costs least"`
	MaxCost      *amount.MilliSatoshi `json:"maxcost" doc:"with exchange: the most that may be sent in bitcoin for tokens, with all fees and what carries the tokens"`
	MaxCostUnits *amount.Units        `json:"maxcost_units" doc:"with exchange: the most that may be sent in tokens for bitcoin, in smallest units, with all fees"`
}

type payResponse struct {
	Preimage    wire.Preimage       `json:"payment_preimage" doc:"the proof of payment"`
	Status      string              `json:"status" doc:"complete"`
	Amount      amount.MilliSatoshi `json:"amount_msat" doc:"that arrived"`
	Sent        amount.MilliSatoshi `json:"amount_sent_msat" doc:"with fees"`
	PaymentHash wire.PaymentHash    `json:"payment_hash" doc:"SHA256 of the preimage"`
	Destination wire.NodeID         `json:"destination" doc:"the payee"`
	CreatedAt   uint64              `json:"created_at" doc:"unix seconds"`
	Parts       uint32              `json:"parts" doc:"how many HTLCs paid it"`
	paidTokens
}

// perMillion reads a percentage, such as "0.5", as millionths.
func perMillion(percent string) (*uint32, error) {
	// A ten-thousandth of a percent is a millionth.
	whole, fraction, _ := strings.Cut(percent, ".")
	v, err := strconv.ParseUint(whole+(fraction + "0000")[:4], 10, 32)
	if err != nil || percent == "" || len(fraction) > 4 || v > 100*10_000 {
		return nil, command.Refuse(command.InvalidParams, "maxfeepercent: should be from 0 to 100 with at most four decimals, not %q", command.Clip([]byte(percent)))
	}
	ppm := uint32(v) //nolint:gosec // at most a million
	return &ppm, nil
}

func payInvoice(ctx context.Context, n *node.Node, r payRequest) (payResponse, error) {
	if err := noInvReq(r.LocalInvReq); err != nil {
		return payResponse{}, err
	}
	bill, err := obolt.Read(r.Bolt11)
	if err != nil {
		return payResponse{}, command.Refuse(command.InvalidParams, "invalid bolt11: %v", err)
	}
	inv := &bill.Invoice
	req := pay.Request{
		Bolt11: r.Bolt11, Invoice: inv, Property: bill.Property, Asked: bill.Units, Units: r.Units, Amount: r.Amount, MaxFee: r.MaxFee, ExemptFee: r.ExemptFee, RetryFor: r.RetryFor,
		Exclude: exclusions(r.Exclude), Partial: r.Partial, Label: command.Or(r.Label, ""), MaxDelay: command.Or(r.MaxDelay, 0),
	}
	if r.MaxFee != nil && (r.MaxFeePercent != nil || r.ExemptFee != nil) {
		return payResponse{}, command.Refuse(command.InvalidParams, "maxfee: give it, or maxfeepercent and exemptfee, not both")
	}
	if inv.Description != nil {
		req.Description = *inv.Description // for listpays
	}
	req.Description = command.Or(r.Description, req.Description)
	if r.MaxFeePercent != nil {
		if req.MaxFeePPM, err = perMillion(*r.MaxFeePercent); err != nil {
			return payResponse{}, err
		}
	}
	if err := overExchange(n, &req, r.Exchange, r.MaxCost, r.MaxCostUnits); err != nil {
		return payResponse{}, err
	}
	defer tell(ctx, n, inv.PaymentHash)()
	row, err := n.Sender().Pay(ctx, req)
	if err != nil {
		return payResponse{}, invoiceError(err, inv)
	}
	return showPaid(command.AssetsOf(ctx, n), row), nil
}

// showPaid is what is shown of a payment that is complete.
func showPaid(all *command.Assets, row pay.PaymentRow) payResponse {
	return payResponse{
		paidTokens: showTokens(all, row.Property, row.Units, row.Result.UnitsSent),
		Preimage:   row.Result.Preimage, Status: string(pay.Complete), Amount: row.Amount, Sent: row.Result.AmountSent,
		PaymentHash: row.PaymentHash, Destination: row.Destination, CreatedAt: row.CreatedAt, Parts: row.Result.Parts,
	}
}

type listPaysRequest struct {
	Bolt11      *string           `json:"bolt11" doc:"the payment of this invoice"`
	PaymentHash *wire.PaymentHash `json:"payment_hash" doc:"the payment of this hash"`
	Status      *string           `json:"status" doc:"only those that are pending, complete or failed"`
	Index       *string           `json:"index" doc:"created or updated: the order of the list; created when not given. Updated: only those that have changed"`
	Start       *uint64           `json:"start" doc:"list from this index on"`
	Limit       *uint32           `json:"limit" doc:"how many, 10000 at the most and when not given"`
}

// paymentFilter is what the lists of payments and of attempts may be asked for.
type paymentFilter struct {
	hash   *wire.PaymentHash
	status pay.Status // empty: any
	byLast bool       // in the order of changes, and only those that have changed
	start  uint64
	limit  int
}

func filterOf(text *string, hash *wire.PaymentHash, status, index *string, start *uint64, limit *uint32) (f paymentFilter, err error) {
	if text != nil && hash != nil {
		return f, command.Refuse(command.InvalidParams, "give bolt11 or payment_hash, not both")
	}
	f = paymentFilter{hash: hash, limit: command.LongestList}
	if text != nil {
		inv, err := obolt.Read(*text)
		if err != nil {
			return f, command.Refuse(command.InvalidParams, "invalid bolt11: %v", err)
		}
		f.hash = &inv.PaymentHash
	}
	if status != nil {
		f.status = pay.Status(*status)
		if f.status != pay.Pending && f.status != pay.Complete && f.status != pay.Failed {
			return f, command.Refuse(command.InvalidParams, "status: should be pending, complete or failed, not %q", command.Clip([]byte(*status)))
		}
	}
	switch f.byLast = command.Or(index, "") == "updated"; {
	case index == nil, *index == "created":
	case !f.byLast:
		return f, command.Refuse(command.InvalidParams, "index: should be created or updated, not %q", command.Clip([]byte(*index)))
	case f.hash != nil:
		return f, command.Refuse(command.InvalidParams, "index: updated is for lists, without bolt11 and payment_hash")
	}
	if start != nil {
		f.start = *start
	}
	if limit != nil {
		f.limit = command.Limit(limit)
	}
	return f, nil
}

// place is a row's in the order of the list.
func (f *paymentFilter) place(created, updated uint64) uint64 {
	if f.byLast {
		return updated
	}
	return created
}

// pageOfRows is how many rows are read at once.
const pageOfRows = 1000

// filtered reads rows page by page until it has the limit's number of those that
// have the status.
func filtered[Row any](f paymentFilter, read func(start uint64, limit int) ([]Row, error), of func(Row) (index uint64, status pay.Status)) ([]Row, error) {
	var out []Row
	for len(out) < f.limit {
		page := pageOfRows
		if f.status == "" {
			page = min(page, f.limit-len(out))
		}
		rows, err := read(f.start, page)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			index, status := of(row)
			f.start = index + 1
			if (f.status == "" || f.status == status) && len(out) < f.limit {
				out = append(out, row)
			}
		}
		if len(rows) < page {
			break
		}
	}
	return out, nil
}

type paymentRow struct {
	PaymentHash wire.PaymentHash    `json:"payment_hash" doc:"SHA256 of the preimage"`
	Status      string              `json:"status" doc:"pending, complete or failed"`
	Destination wire.NodeID         `json:"destination" doc:"the payee"`
	CreatedAt   uint64              `json:"created_at" doc:"unix seconds"`
	CompletedAt uint64              `json:"completed_at,omitempty" doc:"unix seconds"`
	Label       string              `json:"label,omitempty" doc:"your own name of it"`
	Bolt11      string              `json:"bolt11,omitempty" doc:"the invoice"`
	Description string              `json:"description,omitempty" doc:"what was paid for"`
	Amount      amount.MilliSatoshi `json:"amount_msat" doc:"that arrives"`
	Sent        amount.MilliSatoshi `json:"amount_sent_msat" doc:"with fees"`
	Preimage    string              `json:"preimage,omitempty" doc:"the proof of payment"`
	Parts       uint32              `json:"number_of_parts,omitempty" doc:"how many HTLCs paid it"`
	Created     uint64              `json:"created_index" doc:"place in the order of creation"`
	Updated     uint64              `json:"updated_index,omitempty" doc:"place in the order of changes"`
	Error       string              `json:"error,omitempty" doc:"why it failed"`
	ErrorCode   command.Code        `json:"error_code,omitempty" doc:"the code with which pay refused"`
	paidTokens
}

type listPaysResponse struct {
	Pays []paymentRow `json:"pays" doc:"in the order of the index"`
	Next uint64       `json:"next,omitempty" doc:"where to start to go on: there may be more"`
}

func listPays(ctx context.Context, n *node.Node, r listPaysRequest) (listPaysResponse, error) {
	out := listPaysResponse{Pays: []paymentRow{}}
	f, err := filterOf(r.Bolt11, r.PaymentHash, r.Status, r.Index, r.Start, r.Limit)
	if err != nil {
		return out, err
	}
	rows, err := filtered(f, func(start uint64, limit int) ([]pay.PaymentRow, error) {
		switch {
		case f.byLast:
			return n.Store().PaymentsUpdated(ctx, start, limit)
		case f.hash == nil:
			return n.Store().Payments(ctx, start, limit)
		}
		row, ok, err := n.Store().PaymentByHash(ctx, *f.hash)
		if err != nil || !ok {
			return nil, err
		}
		return []pay.PaymentRow{row}, nil
	}, func(p pay.PaymentRow) (uint64, pay.Status) {
		return f.place(p.CreatedIndex, p.UpdatedIndex), p.Result.Status
	})
	if err != nil {
		return out, err
	}
	all := command.AssetsOf(ctx, n)
	for _, p := range rows {
		row := paymentRow{
			paidTokens:  showTokens(all, p.Property, p.Units, p.Result.UnitsSent),
			PaymentHash: p.PaymentHash, Status: string(p.Result.Status), Destination: p.Destination, CreatedAt: p.CreatedAt,
			CompletedAt: p.Result.CompletedAt, Label: p.Label, Bolt11: p.Bolt11, Description: p.Description, Amount: p.Amount,
			Sent: p.Result.AmountSent, Parts: p.Result.Parts, Created: p.CreatedIndex, Updated: p.UpdatedIndex, Error: p.Result.Message,
			ErrorCode: command.Code(p.Result.Code),
		}
		if p.Result.Status == pay.Complete {
			row.Preimage = p.Result.Preimage.String()
		}
		out.Pays = append(out.Pays, row)
	}
	if f.hash == nil {
		out.Next = command.Next(len(out.Pays), f.limit, func() uint64 {
			last := out.Pays[f.limit-1]
			return f.place(last.Created, last.Updated)
		})
	}
	return out, nil
}

// Commands are those that pay.
var Commands = slices.Concat([]command.Command{
	command.Define(command.Spec{
		Name: "pay", Group: "payments", Short: "pay an invoice",
		Long: "Finds a way to the payee, splits the amount where it must, and tries again on failure, until it is paid, there " +
			"is no other way, or the time is over. To pay an invoice again that is paid gives the same receipt. With exchange it " +
			"is paid in the other currency, for no more than maxcost or maxcost_units: paycost shows the rate and the cost before.",
		Errors: append([]command.Code{command.PayInvoiceRequestWrong}, payErrors...), Examples: []string{
			"pay lnbcrt250u1…", `pay -k bolt11=obort3:… maxcost=8000sat exchange='{"id":"02…","property_id":3,"sell":{"msat":1515000,"units":100000000}}'`,
		},
	}, payInvoice),
	command.Define(command.Spec{
		Name: "keysend", Group: "payments", Short: "pay a node without an invoice",
		Long: "Pays a node that gave no invoice and takes such payments. The preimage is our own and travels with the " +
			"payment, so that it proves nothing.",
		Errors: payErrors, Examples: []string{
			"keysend 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619 10000sat",
			`keysend -k destination=02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619 amount_msat=1000 extratlvs='{"7629171":"68656c6c6f"}'`,
		},
	}, keysend),
	command.Define(command.Spec{
		Name: "listpays", Group: "payments", Short: "list payments, or find one",
		Long: "Lists the payments in the order of creation, or of their last changes, each once however many attempts it took.", Errors: []command.Code{command.Failed},
		Examples: []string{"listpays", "listpays --status complete"},
	}, listPays),
	command.Define(command.Spec{
		Name: "getroute", Group: "payments", Short: "find a way to a node",
		Long:     "Finds the cheapest way for an amount, from the graph and our channels' balances, for sendpay.",
		Errors:   []command.Code{command.PayRouteNotFound, command.PayRouteTooExpensive, command.Failed},
		Examples: []string{"getroute 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619 10000sat"},
	}, getRoute),
	command.Define(command.Spec{
		Name: "sendpay", Group: "payments", Short: "pay over a given route",
		Long: "Offers one HTLC over the route given and does not try again. waitsendpay tells how it ended. Hops with amount_units carry tokens of " +
			"property_id; where hops with tokens follow hops without, or the other way round, the node between must exchange them (setassetrate).",
		Errors: append([]command.Code{command.PayInvoiceRequestWrong}, payErrors...), Examples: []string{`sendpay '[{"id":"02…","channel":"103x1x0","amount_msat":1000,"delay":9}]' 00…`},
	}, sendPay),
	command.Define(command.Spec{
		Name: "waitsendpay", Group: "payments", Short: "wait for the end of a sendpay",
		Long:   "Waits until the attempt is complete or has failed.",
		Errors: append([]command.Code{command.PayNoSuchPayment}, payErrors...), Examples: []string{"waitsendpay 00… 60"},
	}, waitSendPay),
	command.Define(command.Spec{
		Name: "listsendpays", Group: "payments", Short: "list attempts to pay",
		Long: "Lists every HTLC by which we paid, or tried to.", Errors: []command.Code{command.Failed}, Examples: []string{"listsendpays"},
	}, listSendPays),
}, routeCommands, xpayCommands, exchangeCommands, receiptCommands, traceCommands, stepCommands)
