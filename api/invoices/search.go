package invoices

import (
	"context"
	"math"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/node"
)

type searchRequest struct {
	Text   *string              `json:"text" doc:"in the label or the description; the case of letters a to z does not matter"`
	Status *string              `json:"status" doc:"only those that are unpaid, accepted, paid or expired"`
	Least  *amount.MilliSatoshi `json:"min_msat" doc:"only those for at least so much; for what arrived, where the amount was left open"`
	Most   *amount.MilliSatoshi `json:"max_msat" doc:"only those for at most so much"`
	Since  *uint64              `json:"since" doc:"only those made at this time or later, in unix seconds"`
	Until  *uint64              `json:"until" doc:"only those made at this time or earlier"`
	Before *uint64              `json:"before" doc:"only those with a lower created_index: next of the page before"`
	Limit  *uint32              `json:"limit" doc:"how many at the most, 1 to 1000; 100 when not given"`

	Asset *amount.Property `json:"asset" doc:"only those in this asset, 0 being bitcoin; with min_msat or max_msat only those in bitcoin are found"`
}

type searchResponse struct {
	Invoices []invoiceRow `json:"invoices" doc:"the newest first"`
	Next     uint64       `json:"next,omitempty" doc:"give it as before to go on; absent: there are no more"`
}

// How many invoices one search gives.
const (
	searchPage = 100
	searchMost = 1000
)

func search(ctx context.Context, n *node.Node, r searchRequest) (searchResponse, error) {
	out := searchResponse{Invoices: []invoiceRow{}}
	f := store.InvoiceSearch{
		Text: command.Or(r.Text, ""), Status: invoice.Status(command.Or(r.Status, "")), Least: command.Or(r.Least, 0),
		Asset: -1, Most: command.Or(r.Most, math.MaxInt64), Since: command.Or(r.Since, 0), Until: command.Or(r.Until, math.MaxInt64),
	}
	if r.Asset != nil {
		f.Asset = int64(*r.Asset)
	}
	switch f.Status {
	case "", invoice.Unpaid, invoice.Accepted, invoice.Paid, invoice.Expired:
	default:
		return out, command.Refuse(command.InvalidParams, "status: should be unpaid, accepted, paid or expired, not %q", command.Clip([]byte(f.Status)))
	}
	limit := int(command.Or(r.Limit, searchPage))
	if limit == 0 || limit > searchMost {
		return out, command.Refuse(command.InvalidParams, "limit: should be from 1 to %d, not %d", searchMost, limit)
	}
	before, _, _, err := n.Store().InvoiceIndexes(ctx)
	if err != nil {
		return out, err
	}
	before = min(before+1, command.Or(r.Before, math.MaxUint64))
	rows, next, err := n.Store().SearchInvoices(ctx, f, before, limit)
	all := command.AssetsOf(ctx, n)
	for _, row := range rows {
		out.Invoices = append(out.Invoices, showInvoice(all, row))
	}
	out.Next = next
	return out, err
}

var searchCommands = []command.Command{
	command.Define(command.Spec{
		Name: "searchinvoices", Group: "payments", Short: "search invoices",
		Long: "Finds invoices by text, status, amount and time, the newest first. Texts of three letters and more, and a status, are found " +
			"by an index. One call looks at 100000 invoices at the most, and says by `next` where to go on: it may give `next` with " +
			"fewer than `limit` invoices, or none.",
		Errors: []command.Code{command.Failed}, Examples: []string{"searchinvoices t-shirt", "searchinvoices -k status=paid since=1767225600 limit=10"},
	}, search),
}
