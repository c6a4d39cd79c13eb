package payments

import (
	"context"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/node"
)

type tracesRequest struct {
	PaymentHash *wire.PaymentHash `json:"payment_hash" doc:"only the steps of this payment"`
	Start       *uint64           `json:"start" doc:"go on from here: next of the answer before"`
	Limit       *uint32           `json:"limit" doc:"how many at the most, 1 to 1000; 100 when not given"`
	Timeout     *uint64           `json:"timeout" doc:"seconds to wait for a step when there is none from start on; no waiting when not given"`
}

type traceRow struct {
	Time        string              `json:"time" doc:"in UTC"`
	Step        string              `json:"step" doc:"find path, add HTLC, HTLC signed, forward R, sign R, close HTLC, close HTLC signed or fail HTLC"`
	PaymentHash *wire.PaymentHash   `json:"payment_hash,omitempty" doc:"of the payment"`
	ChannelID   *wire.ChannelID     `json:"channel_id,omitempty" doc:"the channel"`
	SCID        string              `json:"short_channel_id,omitempty" doc:"its place in the chain"`
	PeerID      *wire.NodeID        `json:"peer_id,omitempty" doc:"the other side"`
	Direction   string              `json:"direction,omitempty" doc:"sent or received"`
	Message     string              `json:"message,omitempty" doc:"such as update_add_htlc"`
	HTLC        uint64              `json:"htlc_id" doc:"the HTLC's number"`
	Offered     bool                `json:"offered" doc:"by us"`
	Amount      amount.MilliSatoshi `json:"amount_msat" doc:"that it carries"`
	Local       uint64              `json:"local_commitment" doc:"the number of our commitment after the message"`
	Remote      uint64              `json:"remote_commitment" doc:"the number of the peer's"`
	Balances    *traceBalances      `json:"balances,omitempty" doc:"of a commitment_signed: what it leaves to each side, without what is in HTLCs and before fees"`
	Note        string              `json:"note,omitempty" doc:"more in words"`
	command.Asset
	Units  amount.Units `json:"amount_units,omitempty" doc:"of a payment in an asset: what the HTLC carries, in its smallest units"`
	Tokens string       `json:"amount,omitempty" doc:"the same in tokens"`
}

type traceBalances struct {
	Commitment string       `json:"commitment" doc:"ours or the peer's"`
	Before     traceBalance `json:"before" doc:"in the commitment before"`
	After      traceBalance `json:"after" doc:"in the one that is signed"`
}

type traceBalance struct {
	Ours       amount.MilliSatoshi `json:"to_us_msat" doc:"ours"`
	Peers      amount.MilliSatoshi `json:"to_peer_msat" doc:"the peer's"`
	OursUnits  amount.Units        `json:"to_us_units,omitempty" doc:"ours of the channel's tokens, in smallest units"`
	PeersUnits amount.Units        `json:"to_peer_units,omitempty" doc:"the peer's"`
}

type tracesResponse struct {
	Traces []traceRow `json:"traces" doc:"in the order in which they happened"`
	Next   uint64     `json:"next" doc:"give it as start to go on"`
}

// Limits of one answer.
const (
	tracesPage = 100
	tracesMost = 1000
)

func traces(ctx context.Context, n *node.Node, r tracesRequest) (tracesResponse, error) {
	out := tracesResponse{Traces: []traceRow{}}
	limit := int(command.Or(r.Limit, tracesPage))
	if limit == 0 || limit > tracesMost {
		return out, command.Refuse(command.InvalidParams, "limit: should be from 1 to %d, not %d", tracesMost, limit)
	}
	out.Next = command.Or(r.Start, 0)
	all := command.AssetsOf(ctx, n)
	ctx, cancel := command.Within(ctx, r.Timeout)
	defer cancel()
	for {
		more := out.read(all, n, &r, limit)
		if len(out.Traces) > 0 || r.Timeout == nil {
			return out, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return out, nil
		}
	}
}

// read adds traces from where the last ones ended, and gives what is closed when there
// are more.
func (out *tracesResponse) read(all *command.Assets, n *node.Node, r *tracesRequest, limit int) (more <-chan struct{}) {
	list, next, more := n.Traces().After(out.Next)
	first := next - uint64(len(list))
	out.Next = next
	for i := range list {
		t := &list[i]
		if r.PaymentHash != nil && t.PaymentHash != *r.PaymentHash {
			continue
		}
		if len(out.Traces) == limit {
			out.Next = first + uint64(i) //nolint:gosec // not negative
			break
		}
		out.Traces = append(out.Traces, showTrace(all, t))
	}
	return more
}

func showTrace(all *command.Assets, t *events.Trace) traceRow {
	row := traceRow{
		Asset: all.Show(t.Property), Units: t.Units, Tokens: all.Tokens(t.Property, t.Units),
		Time: t.Time.UTC().Format(time.RFC3339Nano), Step: string(t.Step), Direction: string(t.Direction), Message: t.Message,
		HTLC: t.HTLC, Offered: t.Offered, Amount: t.Amount, Local: t.Local, Remote: t.Remote, Note: t.Note,
	}
	if b := t.Balances; b != nil {
		row.Balances = &traceBalances{Commitment: "ours", Before: traceBalance(b.Before), After: traceBalance(b.After)}
		if b.Remote {
			row.Balances.Commitment = "the peer's"
		}
	}
	if t.PaymentHash != (wire.PaymentHash{}) {
		row.PaymentHash = &t.PaymentHash
	}
	if t.Channel != (wire.ChannelID{}) {
		row.ChannelID, row.PeerID = &t.Channel, &t.Peer
	}
	if t.ShortID != 0 {
		row.SCID = t.ShortID.String()
	}
	return row
}

var traceCommands = []command.Command{
	command.Define(command.Spec{
		Name: "traces", Group: "payments", Short: "look inside payments",
		Long: "Shows the steps of payments as this node saw them: every message about an HTLC, with the commitments that it " +
			"led to. The last few thousand are kept, in memory only. With a timeout it waits for the next one.",
		Examples: []string{"traces", "traces 630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"},
	}, traces),
}
