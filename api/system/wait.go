package system

import (
	"context"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/node"
)

type waitRequest struct {
	Subsystem string `json:"subsystem" doc:"invoices, forwards, or sendpays: the attempts of listsendpays"`
	IndexName string `json:"indexname" doc:"created, updated or deleted"`
	NextValue uint64 `json:"nextvalue" doc:"what the index must have reached; 0: say at once where it is"`
}

type waitInvoiceRow struct {
	Label       string `json:"label" doc:"its name"`
	Status      string `json:"status" doc:"as listinvoices gives it"`
	Bolt11      string `json:"bolt11,omitempty" doc:"the invoice"`
	Description string `json:"description" doc:"what is paid for"`
}

type waitAttemptRow struct {
	Status      string           `json:"status" doc:"pending, complete or failed"`
	PartID      uint64           `json:"partid" doc:"of the part"`
	GroupID     uint64           `json:"groupid" doc:"of the try"`
	PaymentHash wire.PaymentHash `json:"payment_hash" doc:"of the payment"`
}

type waitForwardRow struct {
	Status    string              `json:"status" doc:"offered, settled, failed or local_failed"`
	InChannel wire.ShortChannelID `json:"in_channel" doc:"where it came"`
	InHTLC    uint64              `json:"in_htlc_id" doc:"the HTLC's number there"`
	InAmount  amount.MilliSatoshi `json:"in_msat" doc:"what it carried"`
	Out       wire.ShortChannelID `json:"out_channel,omitempty" doc:"where it went, or was to go"`
}

type waitResponse struct {
	Subsystem string          `json:"subsystem" doc:"as asked for"`
	Created   *uint64         `json:"created,omitempty" doc:"where this index is"`
	Updated   *uint64         `json:"updated,omitempty" doc:"where this index is"`
	Deleted   *uint64         `json:"deleted,omitempty" doc:"where this index is"`
	Invoice   *waitInvoiceRow `json:"invoices,omitempty" doc:"which invoice has this index now"`
	Forward   *waitForwardRow `json:"forwards,omitempty" doc:"which forward has this index now"`
	Attempt   *waitAttemptRow `json:"sendpays,omitempty" doc:"which attempt has this index now"`
}

// indexes are how far those of a subsystem have come.
func indexes(ctx context.Context, n *node.Node, subsystem string) (created, updated, deleted uint64, err error) {
	switch subsystem {
	case "invoices":
		return n.Store().InvoiceIndexes(ctx)
	case "sendpays":
		return n.Store().AttemptIndexes(ctx)
	case "forwards":
		return n.Store().ForwardIndexes(ctx)
	}
	return 0, 0, 0, command.Refuse(command.InvalidParams, "subsystem: should be invoices, sendpays or forwards, not %q", command.Clip([]byte(subsystem)))
}

func wait(ctx context.Context, n *node.Node, r waitRequest) (waitResponse, error) {
	out := waitResponse{Subsystem: r.Subsystem}
	for waited := false; ; waited = true {
		changed := n.Events().Changed()
		created, updated, deleted, err := indexes(ctx, n, r.Subsystem)
		if err != nil {
			return out, err
		}
		var at uint64
		switch r.IndexName {
		case "created":
			at, out.Created = created, &created
		case "updated":
			at, out.Updated = updated, &updated
		case "deleted":
			at, out.Deleted = deleted, &deleted
		default:
			return out, command.Refuse(command.InvalidParams, "indexname: should be created, updated or deleted, not %q", command.Clip([]byte(r.IndexName)))
		}
		if at >= r.NextValue {
			if !waited {
				return out, nil
			}
			return out, out.explain(ctx, n, r.IndexName, at)
		}
		select {
		case <-changed:
		case <-n.Stopping():
			return out, command.Refuse(command.Failed, "the node is stopping")
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
}

// explain adds what has the index, if it still has it.
func (r *waitResponse) explain(ctx context.Context, n *node.Node, index string, at uint64) (err error) {
	switch r.Subsystem {
	case "invoices":
		var rows []invoice.Row
		switch index {
		case "created":
			rows, err = n.Store().Invoices(ctx, at, 1)
		case "updated":
			rows, err = n.Store().InvoicesUpdated(ctx, at, 1)
		}
		if len(rows) == 1 {
			r.Invoice = &waitInvoiceRow{rows[0].Label, string(rows[0].Status), rows[0].Bolt11, rows[0].Description}
		}
		return err
	case "forwards":
		var rows []store.ForwardRow
		switch index {
		case "created":
			rows, err = n.Store().Forwards(ctx, "", at, 1)
		case "updated":
			rows, err = n.Store().ForwardsUpdated(ctx, at, 1)
		}
		if len(rows) == 1 {
			f := rows[0]
			r.Forward = &waitForwardRow{string(f.Status), f.In, f.InHTLC, f.InAmount, f.Out}
		}
		return err
	}
	var rows []pay.AttemptRow
	switch index {
	case "created":
		rows, err = n.Store().Attempts(ctx, at, 1)
	case "updated":
		rows, err = n.Store().AttemptsUpdated(ctx, at, 1)
	}
	if len(rows) == 1 {
		r.Attempt = &waitAttemptRow{string(rows[0].Result.Status), rows[0].Part, rows[0].Group, rows[0].PaymentHash}
	}
	return err
}

var waitCommands = []command.Command{
	command.Define(command.Spec{
		Name: "wait", Group: "node", Short: "wait until a list has changed",
		Long: "Returns once an index of a list has reached a value: `created` grows with each new row, `updated` with each " +
			"change, `deleted` with each deletion. Who remembers the last value and then lists from it on by that index misses nothing.",
		Errors: []command.Code{command.Failed}, Examples: []string{"wait invoices updated 0", "wait sendpays created 7"},
	}, wait),
}
