package payments

import (
	"context"
	"time"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/steps"
	"github.com/leyden-ln/leyden/node"
)

type stepModeRequest struct {
	Enable *bool `json:"enable" doc:"true: hold payments before each step; false: let them go; as it is when not given"`
}

type stepModeResponse struct {
	Possible bool `json:"possible" doc:"not on mainnet"`
	Enabled  bool `json:"enabled" doc:"payments are held before each step"`
	Held     int  `json:"held" doc:"how many steps are held"`
}

// errMainnet is why payments are not held.
var errMainnet = command.Refuse(command.Failed, "payments are not held on mainnet: somebody else's money would wait with ours")

func stepMode(_ context.Context, n *node.Node, r stepModeRequest) (out stepModeResponse, err error) {
	gate := n.Steps()
	if gate == nil {
		if command.Or(r.Enable, false) {
			return out, errMainnet
		}
		return out, nil
	}
	if r.Enable != nil {
		gate.Set(*r.Enable)
	}
	list, _, _ := gate.List()
	return stepModeResponse{Possible: true, Enabled: gate.On(), Held: len(list)}, nil
}

type listStepsRequest struct {
	PaymentHash *wire.PaymentHash `json:"payment_hash" doc:"only the steps of this payment"`
	Seen        *uint64           `json:"seen" doc:"changes of the answer before: with a timeout, wait until there are more"`
	Timeout     *uint64           `json:"timeout" doc:"seconds to wait for a change since seen; no waiting when not given"`
}

type heldRow struct {
	ID   uint64 `json:"id" doc:"for nextstep"`
	Held string `json:"held_at" doc:"since when, in UTC"`
	Ends string `json:"ends_at" doc:"when it goes on by itself, in UTC"`
	More int    `json:"more" doc:"how many more HTLCs the same message is a step of"`
	traceRow
}

type listStepsResponse struct {
	Possible bool      `json:"possible" doc:"not on mainnet"`
	Enabled  bool      `json:"enabled" doc:"payments are held before each step"`
	Changes  uint64    `json:"changes" doc:"give it as seen to wait for more"`
	Steps    []heldRow `json:"steps" doc:"what is held, that for longest first"`
}

func listSteps(ctx context.Context, n *node.Node, r listStepsRequest) (listStepsResponse, error) {
	out := listStepsResponse{Steps: []heldRow{}}
	gate := n.Steps()
	if gate == nil {
		return out, nil
	}
	ctx, cancel := command.Within(ctx, r.Timeout)
	defer cancel()
	for {
		list, changes, changed := gate.List()
		if r.Timeout != nil && r.Seen != nil && changes <= *r.Seen && ctx.Err() == nil {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		out.Possible, out.Enabled, out.Changes = true, gate.On(), changes
		for i := range list {
			if r.PaymentHash == nil || list[i].Of(*r.PaymentHash) {
				out.Steps = append(out.Steps, showHeld(command.AssetsOf(ctx, n), &list[i]))
			}
		}
		return out, nil
	}
}

func showHeld(all *command.Assets, h *steps.Held) heldRow {
	return heldRow{
		ID: h.ID, Held: h.Since.UTC().Format(time.RFC3339Nano), Ends: h.Ends.UTC().Format(time.RFC3339), More: len(h.Traces) - 1,
		traceRow: showTrace(all, &h.Traces[0]),
	}
}

type nextStepRequest struct {
	ID *uint64 `json:"id" doc:"of the step; that which is held for longest when not given"`
}

func nextStep(ctx context.Context, n *node.Node, r nextStepRequest) (heldRow, error) {
	gate := n.Steps()
	if gate == nil {
		return heldRow{}, errMainnet
	}
	h, ok := gate.Next(command.Or(r.ID, 0))
	if !ok {
		return heldRow{}, command.Refuse(command.Failed, "no such step is held: see liststeps")
	}
	return showHeld(command.AssetsOf(ctx, n), &h), nil
}

var stepCommands = []command.Command{
	command.Define(command.Spec{
		Name: "stepmode", Group: "payments", Short: "hold payments before each step",
		Long: "Says whether payments are taken step by step, and changes it. While they are, this node holds each message of a payment, " +
			"and each search for a path, until nextstep: so one sees what is about to be sent before it is. What the other nodes do is " +
			"not held. A step goes on by itself after five minutes, and a payment is not held for more than half an hour or six blocks, so " +
			"that nothing times out. It is off when the node starts, and not possible on mainnet.",
		Errors:   []command.Code{command.Failed},
		Examples: []string{"stepmode", "stepmode true"},
	}, stepMode),
	command.Define(command.Spec{
		Name: "liststeps", Group: "payments", Short: "list the steps that are held",
		Long: "Lists what this node is about to do in payments, and holds until nextstep: see stepmode. The fields are those of " +
			"traces, as they will be.",
		Examples: []string{"liststeps", "liststeps -k seen=3 timeout=60"},
	}, listSteps),
	command.Define(command.Spec{
		Name: "nextstep", Group: "payments", Short: "let a step go on that is held",
		Long:     "Sends the message, or begins the search, that is held: see stepmode. It returns what that was.",
		Errors:   []command.Code{command.Failed},
		Examples: []string{"nextstep", "nextstep 7"},
	}, nextStep),
}
