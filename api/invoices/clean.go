package invoices

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/clean"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/node"
)

// subsystem is a parameter: what is cleaned.
type subsystem clean.Kind

// Words implements [command.Worded].
func (subsystem) Words() string {
	return "expiredinvoices, paidinvoices, succeededforwards, failedforwards, succeededpays or failedpays"
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *subsystem) UnmarshalText(b []byte) error {
	if *s = subsystem(b); !slices.Contains(clean.Kinds, clean.Kind(*s)) {
		return errors.New("there is no such subsystem")
	}
	return nil
}

type cleanStatusRequest struct {
	Subsystem *subsystem `json:"subsystem" doc:"only this one"`
}

type cleanState struct {
	Enabled bool    `json:"enabled" doc:"whether old ones are deleted by themselves"`
	Age     *uint64 `json:"age,omitempty" doc:"how old they are then, in seconds"`
	Cleaned uint64  `json:"cleaned" doc:"how many were ever deleted so"`
}

// bySubsystem has one row a subsystem.
type bySubsystem[Row any] struct {
	Expired   *Row `json:"expiredinvoices,omitempty" doc:"invoices that nobody paid: the age is that of their expiry"`
	Paid      *Row `json:"paidinvoices,omitempty" doc:"invoices that were paid: the age is that of the payment"`
	Settled   *Row `json:"succeededforwards,omitempty" doc:"forwards that were settled: the age is that of the settlement"`
	Failed    *Row `json:"failedforwards,omitempty" doc:"forwards that failed, or that this node refused: the age is that of the failure"`
	Complete  *Row `json:"succeededpays,omitempty" doc:"payments of ours that are complete; their receipts go with them"`
	FailedPay *Row `json:"failedpays,omitempty" doc:"payments of ours that failed"`
}

func (b *bySubsystem[Row]) set(k clean.Kind, r *Row) {
	map[clean.Kind]func(){
		clean.ExpiredInvoices: func() { b.Expired = r }, clean.PaidInvoices: func() { b.Paid = r }, clean.SucceededForwards: func() { b.Settled = r },
		clean.FailedForwards: func() { b.Failed = r }, clean.SucceededPays: func() { b.Complete = r }, clean.FailedPays: func() { b.FailedPay = r },
	}[k]()
}

type cleanStatusResponse struct {
	Autoclean bySubsystem[cleanState] `json:"autoclean" doc:"by subsystem"`
}

func cleanStatus(ctx context.Context, n *node.Node, r cleanStatusRequest) (out cleanStatusResponse, err error) {
	for _, k := range clean.Kinds {
		if r.Subsystem != nil && clean.Kind(*r.Subsystem) != k {
			continue
		}
		state := cleanState{}
		if state.Cleaned, err = n.Cleaner().Cleaned(ctx, k); err != nil {
			return out, err
		}
		if age := n.Cleaner().Age(k); age > 0 {
			seconds := uint64(age / time.Second)
			state.Enabled, state.Age = true, &seconds
		}
		out.Autoclean.set(k, &state)
	}
	return out, nil
}

type cleanOnceRequest struct {
	Subsystem subsystem `json:"subsystem" doc:"what to delete"`
	Age       uint64    `json:"age" doc:"how many seconds old they must be, from 1 up"`
}

type cleanResult struct {
	Cleaned   uint64 `json:"cleaned" doc:"how many were deleted"`
	Uncleaned uint64 `json:"uncleaned" doc:"how many were too new"`
}

type cleanOnceResponse struct {
	Autoclean bySubsystem[cleanResult] `json:"autoclean" doc:"the subsystem"`
}

func cleanOnce(ctx context.Context, n *node.Node, r cleanOnceRequest) (out cleanOnceResponse, err error) {
	if r.Age == 0 {
		return out, command.Refuse(command.InvalidParams, "age: should be from 1 up")
	}
	k, now := clean.Kind(r.Subsystem), uint64(max(time.Now().Unix(), 0)) //nolint:gosec // not negative
	until := now - min(now, r.Age)
	var res cleanResult
	if res.Cleaned, err = n.Cleaner().Once(ctx, k, until); err != nil {
		return out, err
	}
	res.Uncleaned, err = n.Cleaner().Left(ctx, k, until)
	out.Autoclean.set(k, &res)
	return out, err
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
		Name: "autoclean-status", Group: "payments", Short: "show what is deleted by itself when it is old",
		Long: "Shows what the node deletes by itself, at what age, and how many it has deleted. Invoices that nobody paid go 30 " +
			"days after their expiry, unless the node was started with another age or none; the rest stays unless it was started with an age.",
		Errors: []command.Code{command.Failed}, Examples: []string{"autoclean-status", "autoclean-status expiredinvoices"},
	}, cleanStatus),
	command.Define(command.Spec{
		Name: "autoclean-once", Group: "payments", Short: "delete what is old now",
		Long:   "Deletes what ended before an age, a few rows at a time, so that no payment waits for it.",
		Errors: []command.Code{command.Failed}, Examples: []string{"autoclean-once expiredinvoices 86400"},
	}, cleanOnce),
	command.Define(command.Spec{
		Name: "delexpiredinvoice", Group: "payments", Short: "delete expired invoices",
		Long:   "Deletes every invoice that has expired, or those that did until a time.",
		Errors: []command.Code{command.Failed}, Examples: []string{"delexpiredinvoice", "delexpiredinvoice 1767225600"},
	}, delExpired),
}
