package payments

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/node"
)

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
	Error        string              `json:"error,omitempty" doc:"why it failed"`
	ErringIndex  *int                `json:"erring_index,omitempty" doc:"whose failure it is: 0 is this node, 1 the first hop's, and so on; -1: nobody can tell"`
	ErringNode   *wire.NodeID        `json:"erring_node,omitempty" doc:"that node, where it is known"`
	FailCode     onion.Code          `json:"failcode,omitempty" doc:"BOLT 4's number of the failure"`
	FailCodeName string              `json:"failcodename,omitempty" doc:"its name, where it is known"`
	ErrorOnion   string              `json:"erroronion,omitempty" doc:"what came back, in hexadecimal, when nobody can read it"`
	Label        string              `json:"label,omitempty" doc:"your own name of the payment"`
	Bolt11       string              `json:"bolt11,omitempty" doc:"the invoice"`
	Description  string              `json:"description,omitempty" doc:"what is paid for"`
	paidTokens
}

// explain adds what is known of the payments of attempts.
func explain(ctx context.Context, n *node.Node, rows []attemptRow) error {
	known := map[wire.PaymentHash]pay.PaymentRow{}
	for i := range rows {
		r := &rows[i]
		p, ok := known[r.PaymentHash]
		if !ok {
			var err error
			if p, _, err = n.Store().PaymentByHash(ctx, r.PaymentHash); err != nil {
				return err
			}
			known[r.PaymentHash] = p
		}
		r.Label, r.Bolt11, r.Description = p.Label, p.Bolt11, p.Description
	}
	return nil
}

func showAttempt(all *command.Assets, a pay.AttemptRow) attemptRow {
	out := attemptRow{
		paidTokens: showTokens(all, a.Property, a.Units, a.UnitsSent),
		ID:         a.ID, CreatedIndex: a.ID, UpdatedIndex: a.UpdatedIndex, GroupID: a.Group, PartID: a.Part, PaymentHash: a.PaymentHash,
		Status: string(a.Result.Status), Amount: a.Amount, Sent: a.Sent, CreatedAt: a.CreatedAt, CompletedAt: a.Result.CompletedAt,
	}
	if len(a.Hops) > 0 {
		out.Destination = &a.Hops[len(a.Hops)-1].NodeID
	}
	if a.Result.Status == pay.Complete {
		out.Preimage = a.Result.Preimage.String()
	}
	if f := a.Result.Failure; f != nil {
		out.Error, out.ErringIndex, out.FailCode = f.Text, &f.ErringIndex, onion.Code(f.FailCode)
		out.FailCodeName = out.FailCode.WireName()
		if f.ErringNode != (wire.NodeID{}) {
			out.ErringNode = &f.ErringNode
		}
		if f.FailCode == 0 {
			out.ErrorOnion = hex.EncodeToString(f.Message)
		}
	}
	return out
}

type hop struct {
	ID        wire.NodeID         `json:"id" doc:"the node at the end of the hop"`
	Channel   wire.ShortChannelID `json:"channel" doc:"the channel to it"`
	Direction uint8               `json:"direction" doc:"0 when the hop's first node id is the lesser one, else 1"`
	Amount    amount.MilliSatoshi `json:"amount_msat" doc:"that arrives at the node"`
	Delay     uint32              `json:"delay" doc:"blocks from now to the expiry of the HTLC that arrives at the node"`
	Style     string              `json:"style" doc:"tlv: the form of the onion's payload"`
	Units     amount.Units        `json:"amount_units,omitempty" doc:"what the HTLC carries of property_id, beside its bitcoin; absent: none"`
}

// farthest is above every block height (BOLT 2): a larger delay asks for the
// impossible, and must not overflow.
const farthest = 500_000_000

func (h hop) check() error {
	switch {
	case h.ID == wire.NodeID{}, h.Channel == 0, h.Amount == 0:
		return errors.New("a hop needs id, channel, amount_msat and delay")
	case h.Units > amount.MaxUnits:
		return fmt.Errorf("%d units are more than there can be", h.Units)
	case h.Delay >= farthest:
		return fmt.Errorf("a delay of %d blocks is too long", h.Delay)
	}
	return nil
}

type sendPayRequest struct {
	Route       []hop                `json:"route" doc:"the hops, as getroute gives them"`
	PaymentHash wire.PaymentHash     `json:"payment_hash" doc:"of the payment"`
	Label       *string              `json:"label" doc:"your own name of the payment"`
	Amount      *amount.MilliSatoshi `json:"amount_msat" doc:"of all parts together; that of the last hop when not given"`
	Bolt11      *string              `json:"bolt11" doc:"the invoice that is paid"`
	Secret      *wire.Preimage       `json:"payment_secret" doc:"from the invoice"`
	PartID      *uint64              `json:"partid" doc:"of this part, when there are several"`
	LocalInvReq *invReqID            `json:"localinvreqid" doc:"the invoice_request that it pays: this node makes none"`
	GroupID     *uint64              `json:"groupid" doc:"of all parts of one try; 1 when not given"`
	Metadata    *command.HexBytes    `json:"payment_metadata" doc:"from the invoice, in hexadecimal"`
	Description *string              `json:"description" doc:"what is paid for, for listpays"`
	Property    *amount.Property     `json:"property_id" doc:"the token that hops with amount_units carry. The nodes where such hops begin or end exchange it for bitcoin, at the rate that the amounts say or better for them"`
	Units       *amount.Units        `json:"amount_units" doc:"as amount_msat, when tokens arrive"`
}

type sendPayResponse struct {
	attemptRow
	Message string `json:"message,omitempty" doc:"where to see how it ends, while it is pending"`
}

func sendPay(ctx context.Context, n *node.Node, r sendPayRequest) (out sendPayResponse, err error) {
	if err := noInvReq(r.LocalInvReq); err != nil {
		return out, err
	}
	if len(r.Route) == 0 {
		return out, command.Refuse(command.InvalidParams, "route: an empty route leads nowhere")
	}
	m := pay.Manual{
		PaymentHash: r.PaymentHash, Total: command.Or(r.Amount, r.Route[len(r.Route)-1].Amount), Label: command.Or(r.Label, ""), Bolt11: command.Or(r.Bolt11, ""),
		Part: command.Or(r.PartID, 0), Group: command.Or(r.GroupID, 1), Metadata: command.Or(r.Metadata, nil), Description: command.Or(r.Description, ""),
	}
	if r.Secret != nil {
		secret := [32]byte(*r.Secret)
		m.Secret = &secret
	}
	height, err := n.PresentHeight(ctx)
	if err != nil {
		return out, command.Refuse(command.PayRouteNotFound, "%v", err)
	}
	for _, h := range r.Route {
		if err := h.check(); err != nil {
			return out, command.Refuse(command.InvalidParams, "route: %v", err)
		}
		m.Route = append(m.Route, pay.Hop{NodeID: h.ID, SCID: h.Channel, Amount: h.Amount, CLTVExpiry: height + h.Delay, Units: h.Units})
	}
	m.Property, m.TotalUnits = command.Or(r.Property, 0), command.Or(r.Units, m.Route.DeliveredUnits())
	if err := firstHop(ctx, n, &m); err != nil {
		return out, err
	}
	row, err := n.Sender().SendPay(ctx, m)
	if err != nil {
		return out, payError(err)
	}
	out.attemptRow = showAttempt(command.AssetsOf(ctx, n), row)
	out.Label, out.Bolt11, out.Description = m.Label, m.Bolt11, m.Description
	if row.Result.Status == pay.Pending {
		out.Message = "under way: see waitsendpay or listsendpays"
	}
	return out, nil
}

// firstHop refuses, as Core Lightning does, a route that does not begin with a channel of
// ours whose peer is there: nothing is written of it. What was paid already gives its
// receipt whatever the route.
func firstHop(ctx context.Context, n *node.Node, m *pay.Manual) error {
	first := m.Route[0]
	if l, ours := n.Links().Named(first.SCID); ours && l.Params().Peer == first.NodeID && l.View().Connected {
		return nil
	}
	if row, known, err := n.Store().PaymentByHash(ctx, m.PaymentHash); err != nil || known && row.Result.Status != pay.Failed {
		return err
	}
	return payError(&pay.Error{Code: pay.CodeTryOtherRoute, Message: "no connection to the first peer of the route", Failure: &pay.Failure{
		ErringNode: n.ID(), ErringChannel: first.SCID, ErringDirection: command.Direction(n.ID(), first.NodeID), FailCode: uint16(onion.CodeUnknownNextPeer),
	}})
}

type waitSendPayRequest struct {
	PaymentHash wire.PaymentHash `json:"payment_hash" doc:"of the payment"`
	Timeout     *uint64          `json:"timeout" doc:"seconds to wait at the most; for ever when not given"`
	PartID      *uint64          `json:"partid" doc:"of the part"`
	GroupID     *uint64          `json:"groupid" doc:"of the try; the newest when not given"`
}

func waitSendPay(ctx context.Context, n *node.Node, r waitSendPayRequest) (attemptRow, error) {
	ctx, cancel := command.Within(ctx, r.Timeout)
	defer cancel()
	row, err := n.Sender().WaitSendPay(ctx, r.PaymentHash, command.Or(r.PartID, 0), command.Or(r.GroupID, 0))
	if err != nil {
		return attemptRow{}, payError(err)
	}
	out := []attemptRow{showAttempt(command.AssetsOf(ctx, n), row)}
	err = explain(context.WithoutCancel(ctx), n, out) // it has ended, whether the time is over or not
	return out[0], err
}

type listSendPaysRequest struct {
	Bolt11      *string           `json:"bolt11" doc:"attempts at this invoice"`
	PaymentHash *wire.PaymentHash `json:"payment_hash" doc:"attempts at this payment"`
	Status      *string           `json:"status" doc:"only those that are pending, complete or failed"`
	Index       *string           `json:"index" doc:"created or updated: the order of the list; created when not given. Updated: only those that have changed"`
	Start       *uint64           `json:"start" doc:"list from this index on"`
	Limit       *uint32           `json:"limit" doc:"how many, 10000 at the most and when not given"`
}

type listSendPaysResponse struct {
	Payments []attemptRow `json:"payments" doc:"in the order of the index"`
	Next     uint64       `json:"next,omitempty" doc:"where to start to go on: there may be more"`
}

func listSendPays(ctx context.Context, n *node.Node, r listSendPaysRequest) (listSendPaysResponse, error) {
	out := listSendPaysResponse{Payments: []attemptRow{}}
	f, err := filterOf(r.Bolt11, r.PaymentHash, r.Status, r.Index, r.Start, r.Limit)
	if err != nil {
		return out, err
	}
	rows, err := filtered(f, func(start uint64, limit int) ([]pay.AttemptRow, error) {
		switch {
		case f.byLast:
			return n.Store().AttemptsUpdated(ctx, start, limit)
		case f.hash == nil:
			return n.Store().Attempts(ctx, start, limit)
		}
		all, err := n.Store().AttemptsOf(ctx, *f.hash)
		from := slices.IndexFunc(all, func(a pay.AttemptRow) bool { return a.ID >= start })
		if err != nil || from < 0 {
			return nil, err
		}
		return all[from:min(len(all), from+limit)], nil
	}, func(a pay.AttemptRow) (uint64, pay.Status) { return f.place(a.ID, a.UpdatedIndex), a.Result.Status })
	if err != nil {
		return out, err
	}
	all := command.AssetsOf(ctx, n)
	for _, a := range rows {
		out.Payments = append(out.Payments, showAttempt(all, a))
	}
	out.Next = command.Next(len(out.Payments), f.limit, func() uint64 {
		last := out.Payments[f.limit-1]
		return f.place(last.ID, last.UpdatedIndex)
	})
	return out, explain(ctx, n, out.Payments)
}
