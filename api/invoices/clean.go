package invoices

import (
	"context"
	"time"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/node"
)

// subsystems are the kinds of rows that are cleaned, under Core Lightning's names.
var subsystems = []struct {
	name   string
	status invoice.Status
}{
	{"expiredinvoices", invoice.Expired},
	{"paidinvoices", invoice.Paid},
}

func statusOf(subsystem string) (invoice.Status, error) {
	for _, s := range subsystems {
		if s.name == subsystem {
			return s.status, nil
		}
	}
	return "", command.Refuse(command.InvalidParams, "subsystem: should be expiredinvoices or paidinvoices, not %q", command.Clip([]byte(subsystem)))
}

type cleanStatusRequest struct {
	Subsystem *string `json:"subsystem" doc:"only this one: expiredinvoices or paidinvoices"`
}

type cleanState struct {
	Enabled bool    `json:"enabled" doc:"whether old ones are deleted by themselves"`
	Age     *uint64 `json:"age,omitempty" doc:"how old they are then, in seconds"`
	Cleaned uint64  `json:"cleaned" doc:"how many were ever deleted so"`
}

type cleanStates struct {
	Expired *cleanState `json:"expiredinvoices,omitempty" doc:"invoices that nobody paid: the age is that of their expiry"`
	Paid    *cleanState `json:"paidinvoices,omitempty" doc:"invoices that were paid: the age is that of the payment"`
}

type cleanStatusResponse struct {
	Autoclean cleanStates `json:"autoclean" doc:"by subsystem"`
}

func cleanStatus(ctx context.Context, n *node.Node, r cleanStatusRequest) (out cleanStatusResponse, err error) {
	var only invoice.Status
	if r.Subsystem != nil {
		if only, err = statusOf(*r.Subsystem); err != nil {
			return out, err
		}
	}
	for _, s := range subsystems {
		if only != "" && only != s.status {
			continue
		}
		state := cleanState{}
		if state.Cleaned, err = n.Store().InvoicesCleaned(ctx, s.status); err != nil {
			return out, err
		}
		if age := n.CleanAge(s.status); age > 0 {
			seconds := uint64(age / time.Second)
			state.Enabled, state.Age = true, &seconds
		}
		if s.status == invoice.Expired {
			out.Autoclean.Expired = &state
		} else {
			out.Autoclean.Paid = &state
		}
	}
	return out, nil
}

type cleanOnceRequest struct {
	Subsystem string `json:"subsystem" doc:"expiredinvoices or paidinvoices"`
	Age       uint64 `json:"age" doc:"how many seconds old they must be, from 1 up"`
}

type cleanResult struct {
	Cleaned   uint64 `json:"cleaned" doc:"how many were deleted"`
	Uncleaned uint64 `json:"uncleaned" doc:"how many were too new"`
}

type cleanResults struct {
	Expired *cleanResult `json:"expiredinvoices,omitempty" doc:"invoices that nobody paid"`
	Paid    *cleanResult `json:"paidinvoices,omitempty" doc:"invoices that were paid"`
}

type cleanOnceResponse struct {
	Autoclean cleanResults `json:"autoclean" doc:"the subsystem"`
}

func cleanOnce(ctx context.Context, n *node.Node, r cleanOnceRequest) (out cleanOnceResponse, err error) {
	status, err := statusOf(r.Subsystem)
	if err != nil {
		return out, err
	}
	if r.Age == 0 {
		return out, command.Refuse(command.InvalidParams, "age: should be from 1 up")
	}
	now := uint64(max(time.Now().Unix(), 0)) //nolint:gosec // not negative
	until := now - min(now, r.Age)
	cleaned, err := n.Receiver().Clean(ctx, status, until)
	if err != nil {
		return out, err
	}
	res := &cleanResult{Cleaned: uint64(cleaned)} //nolint:gosec // not negative
	if res.Uncleaned, err = n.Store().CountInvoicesAfter(ctx, status, until); err != nil {
		return out, err
	}
	if status == invoice.Expired {
		out.Autoclean.Expired = res
	} else {
		out.Autoclean.Paid = res
	}
	return out, nil
}

type delExpiredRequest struct {
	Max *uint64 `json:"maxexpirytime" doc:"delete those that expired at this time or earlier, in unix seconds; all when not given"`
}

func delExpired(ctx context.Context, n *node.Node, r delExpiredRequest) (command.None, error) {
	_, err := n.Receiver().Clean(ctx, invoice.Expired, command.Or(r.Max, 1<<63-1))
	return command.None{}, err
}

var cleanCommands = []command.Command{
	command.Define(command.Spec{
		Name: "autoclean-status", Group: "payments", Short: "show which old invoices are deleted by themselves",
		Long: "Shows what the node deletes by itself, at what age, and how many it has deleted. Invoices that nobody paid go 30 " +
			"days after their expiry, unless the node was started with another age or none.",
		Errors: []command.Code{command.Failed}, Examples: []string{"autoclean-status", "autoclean-status expiredinvoices"},
	}, cleanStatus),
	command.Define(command.Spec{
		Name: "autoclean-once", Group: "payments", Short: "delete old invoices now",
		Long:   "Deletes invoices that are older than an age, a few at a time, so that no payment waits for it.",
		Errors: []command.Code{command.Failed}, Examples: []string{"autoclean-once expiredinvoices 86400"},
	}, cleanOnce),
	command.Define(command.Spec{
		Name: "delexpiredinvoice", Group: "payments", Short: "delete expired invoices",
		Long:   "Deletes every invoice that has expired, or those that did until a time.",
		Errors: []command.Code{command.Failed}, Examples: []string{"delexpiredinvoice", "delexpiredinvoice 1767225600"},
	}, delExpired),
}
