package api

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/node"
)

// payError gives the errors of payments their codes and data.
func payError(err error) error {
	p, ok := errors.AsType[*pay.Error](err)
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return refuse(PayInProgress, "timed out while waiting; the payment goes on")
		}
		return err
	}
	e := &Error{Code: Code(p.Code), Message: p.Message}
	if f := p.Failure; f != nil {
		data := map[string]any{"erring_index": f.ErringIndex, "failcode": f.FailCode, "failcodename": f.Text}
		if f.ErringNode != (wire.NodeID{}) {
			data["erring_node"] = f.ErringNode
		}
		if f.ErringChannel != 0 {
			data["erring_channel"], data["erring_direction"] = f.ErringChannel, f.ErringDirection
		}
		if f.Message != nil {
			data["raw_message"] = hex.EncodeToString(f.Message)
		}
		e.Data = data
	}
	return e
}

var payErrors = []Code{
	PayInProgress, PayRHashAlreadyUsed, PayUnparseableOnion, PayDestinationFailed, PayTryOtherRoute, PayRouteNotFound,
	PayRouteTooExpensive, PayInvoiceExpired, PayUnspecifiedError, PayStoppedRetrying, Failed,
}

// attemptRow is one HTLC that pays, as listed.
type attemptRow struct {
	ID           uint64              `json:"id" doc:"of the attempt"`
	CreatedIndex uint64              `json:"created_index" doc:"place in the order of creation"`
	UpdatedIndex uint64              `json:"updated_index,omitempty" doc:"place in the order of changes"`
	GroupID      uint64              `json:"groupid" doc:"of all parts of one try"`
	PartID       uint64              `json:"partid,omitempty" doc:"of this part"`
	PaymentHash  wire.PaymentHash    `json:"payment_hash" doc:"of the payment"`
	Status       string              `json:"status" doc:"pending, complete or failed"`
	Amount       amount.MilliSatoshi `json:"amount_msat" doc:"that arrives"`
	Sent         amount.MilliSatoshi `json:"amount_sent_msat" doc:"with fees"`
	CreatedAt    uint64              `json:"created_at" doc:"unix seconds"`
	CompletedAt  uint64              `json:"completed_at,omitempty" doc:"unix seconds"`
	Destination  *wire.NodeID        `json:"destination,omitempty" doc:"the payee"`
	Preimage     string              `json:"payment_preimage,omitempty" doc:"the proof of payment"`
	ErrorOnion   string              `json:"erroronion,omitempty" doc:"the failure, as text"`
}

func showAttempt(a pay.AttemptRow) attemptRow {
	out := attemptRow{
		ID: a.ID, CreatedIndex: a.ID, UpdatedIndex: a.UpdatedIndex, GroupID: a.Group, PartID: a.Part, PaymentHash: a.PaymentHash,
		Status: string(a.Result.Status), Amount: a.Amount, Sent: a.Sent, CreatedAt: a.CreatedAt, CompletedAt: a.Result.CompletedAt,
	}
	if len(a.Hops) > 0 {
		out.Destination = &a.Hops[len(a.Hops)-1].NodeID
	}
	if a.Result.Status == pay.Complete {
		out.Preimage = a.Result.Preimage.String()
	}
	if f := a.Result.Failure; f != nil {
		out.ErrorOnion = f.Text
	}
	return out
}

type payRequest struct {
	Bolt11        string               `json:"bolt11" alias:"invstring" doc:"the invoice"`
	Amount        *amount.MilliSatoshi `json:"amount_msat" alias:"msatoshi" doc:"what to pay, when the invoice leaves it open"`
	Label         *string              `json:"label" doc:"your own name of the payment"`
	RiskFactor    *string              `json:"riskfactor" doc:"taken for compatibility; the cost of locked time is fixed"`
	MaxFeePercent *string              `json:"maxfeepercent" doc:"fee limit in percent of the amount, with at most four decimals; 0.5 when not given"`
	RetryFor      *uint64              `json:"retry_for" doc:"seconds for which other ways are tried; 60 when not given"`
	MaxDelay      *uint32              `json:"maxdelay" doc:"blocks for which the money may be locked at the most; 2016 when not given"`
	ExemptFee     *amount.MilliSatoshi `json:"exemptfee" doc:"a fee that is always allowed; 5000 msat when not given"`
	MaxFee        *amount.MilliSatoshi `json:"maxfee" doc:"fee limit, instead of maxfeepercent and exemptfee"`
	Description   *string              `json:"description" doc:"of an invoice that has only its hash"`
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
}

// perMillion reads a percentage, such as "0.5", as millionths.
func perMillion(percent string) (*uint32, error) {
	// A ten-thousandth of a percent is a millionth.
	whole, fraction, _ := strings.Cut(percent, ".")
	v, err := amount.Parse(whole + (fraction + "0000")[:4])
	if err != nil || len(fraction) > 4 || v > 100*10_000 {
		return nil, refuse(InvalidParams, "maxfeepercent: should be from 0 to 100 with at most four decimals, not %q", percent)
	}
	ppm := uint32(v) //nolint:gosec // at most a million
	return &ppm, nil
}

func payInvoice(ctx context.Context, n *node.Node, r payRequest) (payResponse, error) {
	inv, err := bolt11.Decode(r.Bolt11)
	if err != nil {
		return payResponse{}, refuse(InvalidParams, "invalid bolt11: %v", err)
	}
	req := pay.Request{
		Bolt11: r.Bolt11, Invoice: inv, Amount: r.Amount, MaxFee: r.MaxFee, ExemptFee: r.ExemptFee, RetryFor: r.RetryFor,
	}
	if r.Label != nil {
		req.Label = *r.Label
	}
	if r.Description != nil {
		req.Description = *r.Description
	}
	if r.MaxDelay != nil {
		req.MaxDelay = *r.MaxDelay
	}
	if r.MaxFeePercent != nil {
		if req.MaxFeePPM, err = perMillion(*r.MaxFeePercent); err != nil {
			return payResponse{}, err
		}
	}
	row, err := n.Sender().Pay(ctx, req)
	if err != nil {
		return payResponse{}, payError(err)
	}
	return payResponse{
		Preimage: row.Result.Preimage, Status: string(pay.Complete), Amount: row.Amount, Sent: row.Result.AmountSent,
		PaymentHash: row.PaymentHash, Destination: row.Destination, CreatedAt: row.CreatedAt, Parts: row.Result.Parts,
	}, nil
}

type listPaysRequest struct {
	Bolt11      *string           `json:"bolt11" doc:"the payment of this invoice"`
	PaymentHash *wire.PaymentHash `json:"payment_hash" doc:"the payment of this hash"`
	Status      *string           `json:"status" doc:"pending, complete or failed"`
}

type paymentRow struct {
	PaymentHash wire.PaymentHash    `json:"payment_hash" doc:"SHA256 of the preimage"`
	Status      string              `json:"status" doc:"pending, complete or failed"`
	Destination wire.NodeID         `json:"destination" doc:"the payee"`
	CreatedAt   uint64              `json:"created_at" doc:"unix seconds"`
	CompletedAt uint64              `json:"completed_at,omitempty" doc:"unix seconds"`
	Label       string              `json:"label,omitempty" doc:"your own name of it"`
	Bolt11      string              `json:"bolt11,omitempty" doc:"the invoice"`
	Description string              `json:"description,omitempty" doc:"of an invoice that has only its hash"`
	Amount      amount.MilliSatoshi `json:"amount_msat" doc:"that arrives"`
	Sent        amount.MilliSatoshi `json:"amount_sent_msat" doc:"with fees"`
	Preimage    string              `json:"preimage,omitempty" doc:"the proof of payment"`
	Parts       uint32              `json:"number_of_parts,omitempty" doc:"how many HTLCs paid it"`
	Created     uint64              `json:"created_index" doc:"place in the order of creation"`
	Error       string              `json:"error,omitempty" doc:"why it failed"`
}

type listPaysResponse struct {
	Pays []paymentRow `json:"pays" doc:"in the order of creation"`
}

func listPays(ctx context.Context, n *node.Node, r listPaysRequest) (listPaysResponse, error) {
	out := listPaysResponse{Pays: []paymentRow{}}
	hash := r.PaymentHash
	if r.Bolt11 != nil {
		inv, err := bolt11.Decode(*r.Bolt11)
		if err != nil {
			return out, refuse(InvalidParams, "invalid bolt11: %v", err)
		}
		hash = &inv.PaymentHash
	}
	var rows []pay.PaymentRow
	if hash != nil {
		row, ok, err := n.Store().PaymentByHash(ctx, *hash)
		if err != nil {
			return out, err
		}
		if ok {
			rows = append(rows, row)
		}
	} else {
		var err error
		if rows, err = n.Store().Payments(ctx, 0, longestList); err != nil {
			return out, err
		}
	}
	for _, p := range rows {
		if r.Status != nil && *r.Status != string(p.Result.Status) {
			continue
		}
		row := paymentRow{
			PaymentHash: p.PaymentHash, Status: string(p.Result.Status), Destination: p.Destination, CreatedAt: p.CreatedAt,
			CompletedAt: p.Result.CompletedAt, Label: p.Label, Bolt11: p.Bolt11, Description: p.Description, Amount: p.Amount,
			Sent: p.Result.AmountSent, Parts: p.Result.Parts, Created: p.CreatedIndex, Error: p.Result.Message,
		}
		if p.Result.Status == pay.Complete {
			row.Preimage = p.Result.Preimage.String()
		}
		out.Pays = append(out.Pays, row)
	}
	return out, nil
}

type hop struct {
	ID        wire.NodeID         `json:"id"`
	Channel   wire.ShortChannelID `json:"channel"`
	Direction uint8               `json:"direction"`
	Amount    amount.MilliSatoshi `json:"amount_msat"`
	Delay     uint32              `json:"delay"`
	Style     string              `json:"style"`
}

type sendPayRequest struct {
	Route       []hop                `json:"route" doc:"the hops, as getroute gives them"`
	PaymentHash wire.PaymentHash     `json:"payment_hash" doc:"of the payment"`
	Label       *string              `json:"label" doc:"your own name of the payment"`
	Amount      *amount.MilliSatoshi `json:"amount_msat" doc:"of all parts together; that of the last hop when not given"`
	Bolt11      *string              `json:"bolt11" doc:"the invoice that is paid"`
	Secret      *wire.Preimage       `json:"payment_secret" doc:"from the invoice"`
	PartID      *uint64              `json:"partid" doc:"of this part, when there are several"`
	GroupID     *uint64              `json:"groupid" doc:"of all parts of one try; 1 when not given"`
}

func sendPay(ctx context.Context, n *node.Node, r sendPayRequest) (attemptRow, error) {
	if len(r.Route) == 0 {
		return attemptRow{}, refuse(InvalidParams, "route: an empty route leads nowhere")
	}
	m := pay.Manual{PaymentHash: r.PaymentHash, Total: r.Route[len(r.Route)-1].Amount, Group: 1}
	for _, h := range r.Route {
		m.Route = append(m.Route, pay.Hop{NodeID: h.ID, SCID: h.Channel, Amount: h.Amount, CLTVExpiry: n.Height() + h.Delay})
	}
	if r.Amount != nil {
		m.Total = *r.Amount
	}
	if r.Label != nil {
		m.Label = *r.Label
	}
	if r.Bolt11 != nil {
		m.Bolt11 = *r.Bolt11
	}
	if r.Secret != nil {
		secret := [32]byte(*r.Secret)
		m.Secret = &secret
	}
	if r.PartID != nil {
		m.Part = *r.PartID
	}
	if r.GroupID != nil {
		m.Group = *r.GroupID
	}
	row, err := n.Sender().SendPay(ctx, m)
	if err != nil {
		return attemptRow{}, payError(err)
	}
	return showAttempt(row), nil
}

type waitSendPayRequest struct {
	PaymentHash wire.PaymentHash `json:"payment_hash" doc:"of the payment"`
	Timeout     *uint64          `json:"timeout" doc:"seconds to wait at the most; for ever when not given"`
	PartID      *uint64          `json:"partid" doc:"of the part"`
	GroupID     *uint64          `json:"groupid" doc:"of the try; the newest when not given"`
}

func waitSendPay(ctx context.Context, n *node.Node, r waitSendPayRequest) (attemptRow, error) {
	ctx, cancel := within(ctx, r.Timeout)
	defer cancel()
	var part, group uint64
	if r.PartID != nil {
		part = *r.PartID
	}
	if r.GroupID != nil {
		group = *r.GroupID
	}
	row, err := n.Sender().WaitSendPay(ctx, r.PaymentHash, part, group)
	if err != nil {
		return attemptRow{}, payError(err)
	}
	return showAttempt(row), nil
}

type listSendPaysRequest struct {
	Bolt11      *string           `json:"bolt11" doc:"attempts at this invoice"`
	PaymentHash *wire.PaymentHash `json:"payment_hash" doc:"attempts at this payment"`
	Status      *string           `json:"status" doc:"pending, complete or failed"`
}

type listSendPaysResponse struct {
	Payments []attemptRow `json:"payments" doc:"in the order of creation"`
}

func listSendPays(ctx context.Context, n *node.Node, r listSendPaysRequest) (listSendPaysResponse, error) {
	out := listSendPaysResponse{Payments: []attemptRow{}}
	hash := r.PaymentHash
	if r.Bolt11 != nil {
		inv, err := bolt11.Decode(*r.Bolt11)
		if err != nil {
			return out, refuse(InvalidParams, "invalid bolt11: %v", err)
		}
		hash = &inv.PaymentHash
	}
	var rows []pay.AttemptRow
	var err error
	if hash != nil {
		rows, err = n.Store().AttemptsOf(ctx, *hash)
	} else {
		rows, err = n.Store().Attempts(ctx, 0, longestList)
	}
	for _, a := range rows {
		if r.Status == nil || *r.Status == string(a.Result.Status) {
			out.Payments = append(out.Payments, showAttempt(a))
		}
	}
	return out, err
}

type decodeRequest struct {
	String string `json:"string" doc:"the invoice"`
}

type decodedHint struct {
	Pubkey    wire.NodeID         `json:"pubkey"`
	SCID      wire.ShortChannelID `json:"short_channel_id"`
	FeeBase   uint32              `json:"fee_base_msat"`
	FeePPM    uint32              `json:"fee_proportional_millionths"`
	CLTVDelta uint16              `json:"cltv_expiry_delta"`
}

type decodeResponse struct {
	Type            string               `json:"type" doc:"bolt11 invoice"`
	Valid           bool                 `json:"valid" doc:"true: checksum and signature are right"`
	Currency        string               `json:"currency" doc:"the network: bc, tb, tbs or bcrt"`
	CreatedAt       uint64               `json:"created_at" doc:"unix seconds"`
	Expiry          uint64               `json:"expiry" doc:"seconds after created_at"`
	Payee           wire.NodeID          `json:"payee" doc:"who signed it"`
	Amount          *amount.MilliSatoshi `json:"amount_msat,omitempty" doc:"what is asked for; absent: any"`
	PaymentHash     wire.PaymentHash     `json:"payment_hash" doc:"SHA256 of the preimage"`
	Description     *string              `json:"description,omitempty" doc:"what is paid for"`
	DescriptionHash string               `json:"description_hash,omitempty" doc:"SHA256 of the description"`
	MinFinalCLTV    uint32               `json:"min_final_cltv_expiry" doc:"blocks that the last HTLC must have left"`
	PaymentSecret   string               `json:"payment_secret" doc:"to be shown to the payee"`
	Features        string               `json:"features" doc:"feature bits in hexadecimal"`
	Routes          [][]decodedHint      `json:"routes,omitempty" doc:"ways to a payee without announced channels"`
	PaymentMetadata string               `json:"payment_metadata,omitempty" doc:"to be given back to the payee"`
}

func decodeInvoice(_ context.Context, _ *node.Node, r decodeRequest) (decodeResponse, error) {
	inv, err := bolt11.Decode(r.String)
	if err != nil {
		return decodeResponse{}, refuse(InvalidParams, "%v", err)
	}
	out := decodeResponse{
		Type: "bolt11 invoice", Valid: true, Currency: strings.TrimPrefix(string(inv.Network), "ln"), CreatedAt: inv.Timestamp,
		Expiry: inv.Expiry, Payee: inv.Payee, Amount: inv.Amount, PaymentHash: inv.PaymentHash, Description: inv.Description,
		MinFinalCLTV: inv.MinFinalCLTVExpiryDelta, PaymentSecret: hex.EncodeToString(inv.PaymentSecret[:]),
		Features: hex.EncodeToString(inv.Features), PaymentMetadata: hex.EncodeToString(inv.Metadata),
	}
	if inv.DescriptionHash != nil {
		out.DescriptionHash = hex.EncodeToString(inv.DescriptionHash[:])
	}
	for _, path := range inv.Hints {
		var hints []decodedHint
		for _, h := range path {
			hints = append(hints, decodedHint{h.NodeID, h.SCID, h.FeeBaseMsat, h.FeeProportionalMillionths, h.CLTVExpiryDelta})
		}
		out.Routes = append(out.Routes, hints)
	}
	return out, nil
}

type getRouteRequest struct {
	ID         wire.NodeID         `json:"id" doc:"where to"`
	Amount     amount.MilliSatoshi `json:"amount_msat" alias:"msatoshi" doc:"that arrives"`
	RiskFactor *string             `json:"riskfactor" doc:"taken for compatibility; the cost of locked time is fixed"`
	CLTV       *uint32             `json:"cltv" doc:"blocks that the last HTLC must have left; 9 when not given"`
}

type getRouteResponse struct {
	Route []hop `json:"route" doc:"the hops; their delays count from now"`
}

func getRoute(_ context.Context, n *node.Node, r getRouteRequest) (getRouteResponse, error) {
	f := &pay.Find{
		Destination: r.ID, Amount: r.Amount, MaxFee: r.Amount, MaxDelay: pay.DefaultMaxDelay, FinalDelta: 9, MaxParts: 1,
	}
	if r.CLTV != nil {
		f.FinalDelta = *r.CLTV
	}
	routes, err := n.Routes(f)
	if err != nil {
		return getRouteResponse{}, payError(err)
	}
	var out getRouteResponse
	from := n.ID()
	for _, h := range routes[0] {
		d := uint8(0)
		if string(from[:]) > string(h.NodeID[:]) {
			d = 1
		}
		out.Route = append(out.Route, hop{h.NodeID, h.SCID, d, h.Amount, h.CLTVExpiry - n.Height(), "tlv"})
		from = h.NodeID
	}
	return out, nil
}

var payCommands = []Command{
	define(Spec{
		Name: "pay", Group: "payments", Short: "pay an invoice",
		Long: "Finds a way to the payee, splits the amount where it must, and tries again on failure, until it is paid, there " +
			"is no other way, or the time is over. To pay an invoice again that is paid gives the same receipt.",
		Errors: payErrors, Examples: []string{"pay lnbcrt250u1…"},
	}, payInvoice),
	define(Spec{
		Name: "listpays", Group: "payments", Short: "list payments, or find one",
		Long: "Lists the payments in the order of creation, each once however many attempts it took.", Errors: []Code{Failed},
		Examples: []string{"listpays", "listpays --status complete"},
	}, listPays),
	define(Spec{
		Name: "decode", Group: "payments", Short: "read an invoice",
		Long:     "Shows what an invoice says: who asks, how much, until when and for what. Its signature is checked.",
		Examples: []string{"decode lnbcrt250u1…"},
	}, decodeInvoice),
	define(Spec{
		Name: "getroute", Group: "payments", Short: "find a way to a node",
		Long:     "Finds the cheapest way for an amount, from the graph and our channels' balances, for sendpay.",
		Errors:   []Code{PayRouteNotFound, PayRouteTooExpensive, Failed},
		Examples: []string{"getroute 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619 10000sat"},
	}, getRoute),
	define(Spec{
		Name: "sendpay", Group: "payments", Short: "pay over a given route",
		Long:   "Offers one HTLC over the route given and does not try again. waitsendpay tells how it ended.",
		Errors: payErrors, Examples: []string{`sendpay '[{"id":"02…","channel":"103x1x0","amount_msat":1000,"delay":9}]' 00…`},
	}, sendPay),
	define(Spec{
		Name: "waitsendpay", Group: "payments", Short: "wait for the end of a sendpay",
		Long:   "Waits until the attempt is complete or has failed.",
		Errors: append([]Code{PayNoSuchPayment}, payErrors...), Examples: []string{"waitsendpay 00… 60"},
	}, waitSendPay),
	define(Spec{
		Name: "listsendpays", Group: "payments", Short: "list attempts to pay",
		Long: "Lists every HTLC by which we paid, or tried to.", Errors: []Code{Failed}, Examples: []string{"listsendpays"},
	}, listSendPays),
}
