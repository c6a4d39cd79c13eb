package api

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"unicode/utf8"

	"github.com/leyden-ln/leyden/api/assets"
	"github.com/leyden-ln/leyden/api/backups"
	"github.com/leyden-ln/leyden/api/channels"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/api/events"
	"github.com/leyden-ln/leyden/api/invoices"
	"github.com/leyden-ln/leyden/api/onchain"
	"github.com/leyden-ln/leyden/api/payments"
	"github.com/leyden-ln/leyden/api/peers"
	"github.com/leyden-ln/leyden/api/query"
	"github.com/leyden-ln/leyden/api/runes"
	"github.com/leyden-ln/leyden/api/system"
	"github.com/leyden-ln/leyden/node"
)

// table is every command, in the order of help. It is made at the start because
// help lists the table.
var table []command.Command

func init() {
	table = slices.Concat(
		invoices.Commands, payments.Commands, channels.Commands, peers.Commands, onchain.Commands, assets.Commands, backups.Commands, runes.Commands, events.Commands, system.Commands,
	)
	table = slices.Concat(table, query.Commands(table), ownCommands())
}

// Table is every command, in the order of help.
func Table() []command.Command { return table }

// Find returns the command of a name or alias.
func Find(name string) (*command.Command, bool) {
	for i := range table {
		if table[i].Name == name || slices.Contains(table[i].Aliases, name) {
			return &table[i], true
		}
	}
	return nil, false
}

// Call runs a command with parameters as JSON: an array, by position, or an
// object, by name. Every error is a [*command.Error]. A command that panics ends the
// process, whoever asked for it (docs/decisions/0001-fail-stop.md).
func Call(ctx context.Context, n *node.Node, method string, params json.RawMessage) (any, error) {
	c, ok := Find(method)
	if !ok {
		return nil, command.Refuse(command.UnknownMethod, "unknown command %q: see help", command.Clip([]byte(method)))
	}
	if !utf8.Valid(params) { // two labels that differ in broken bytes would be one
		return nil, command.Refuse(command.InvalidParams, "params are not UTF-8")
	}
	defer failStop(n, c.Name)
	res, err := c.Run(ctx, n, params)
	if err != nil {
		return nil, command.AsError(err)
	}
	return res, nil
}

// failStop ends the process when a command panics: net/http would go on.
func failStop(n *node.Node, name string) {
	if p := recover(); p != nil {
		n.Fail(fmt.Errorf("the command %s panicked: %v\n%s", name, p, debug.Stack()))
		panic(p)
	}
}

// CallFiltered is Call of which only what a filter says is given: see [command.Filter].
func CallFiltered(ctx context.Context, n *node.Node, method string, params, filter json.RawMessage) (any, error) {
	f, err := command.ParseFilter(filter)
	if err != nil {
		return nil, command.AsError(err)
	}
	res, err := Call(ctx, n, method, params)
	if err != nil || f == nil {
		return res, err
	}
	raw, err := json.Marshal(res)
	if err == nil {
		raw, err = f.Apply(raw)
	}
	if err != nil {
		return nil, command.Refuse(command.Internal, "filter: %v", err)
	}
	return json.RawMessage(raw), nil
}
