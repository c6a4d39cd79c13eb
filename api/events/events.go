package events

import (
	"context"
	"slices"
	"strings"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/node"
)

// Kinds is a parameter: the kinds of events that somebody wants, with commas between
// them; none: all.
type Kinds []string

// Words implements [command.Worded].
func (Kinds) Words() string {
	return "kinds with commas between them: " + strings.Join(events.Kinds, ", ")
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *Kinds) UnmarshalText(b []byte) (err error) {
	*k, err = events.ParseKinds(string(b))
	return err
}

type listRequest struct {
	Start *uint64 `json:"start" doc:"the index of the first; the oldest when not given"`
	Limit *uint64 `json:"limit" doc:"how many are looked at, at the most; 10000 when not given, and never more"`
	Kinds *Kinds  `json:"kinds" doc:"only these; all when not given"`
}

type listResponse struct {
	Events []events.Shown `json:"events" doc:"in their order"`
	Next   uint64         `json:"next" doc:"the start with which the list goes on"`
}

func list(ctx context.Context, n *node.Node, r listRequest) (listResponse, error) {
	start := max(command.Or(r.Start, 1), 1)
	out := listResponse{Events: []events.Shown{}, Next: start}
	kinds := command.Or(r.Kinds, nil)
	entries, err := n.Store().Events(ctx, start-1, int(min(command.Or(r.Limit, command.LongestList), command.LongestList))) //nolint:gosec // bounded
	for _, e := range entries {
		out.Next = e.Index + 1
		if len(kinds) == 0 || slices.Contains(kinds, e.Kind) {
			out.Events = append(out.Events, e.Show())
		}
	}
	return out, err
}

// Commands are those of events.
var Commands = append(hookCommands, []command.Command{
	command.Define(command.Spec{
		Name: "listevents", Group: "events", Short: "list what has happened",
		Long: "Lists the changes of state of invoices, payments, forwards and channels, in the order in which they were written. Who remembers " +
			"`next` and asks again from there misses nothing and sees nothing twice, over any restart. REST shows the same as they happen, " +
			"at GET /v1/events; a rune permits that when it permits this.",
		Errors: []command.Code{command.Failed}, Examples: []string{"listevents", "listevents -k start=7 kinds=invoice,payment"},
	}, list),
}...)
