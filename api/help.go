package api

import (
	"context"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/node"
)

type helpRequest struct {
	Command *string `json:"command" doc:"only this command"`
}

type helpRow struct {
	Command     string `json:"command" doc:"the command with its parameters"`
	Category    string `json:"category" doc:"the group"`
	Description string `json:"description" doc:"in one line"`
	Verbose     string `json:"verbose" doc:"in full"`
}

type helpResponse struct {
	Help   []helpRow `json:"help" doc:"the commands"`
	Format string    `json:"format-hint" doc:"simple"`
}

func help(_ context.Context, _ *node.Node, r helpRequest) (helpResponse, error) {
	out := helpResponse{Help: []helpRow{}, Format: "simple"}
	if r.Command != nil {
		c, ok := Find(*r.Command)
		if !ok {
			return out, command.Refuse(command.UnknownMethod, "unknown command %q: see help", command.Clip([]byte(*r.Command)))
		}
		out.Help = append(out.Help, helpRow{c.Usage(), c.Group, c.Short, c.Page()})
		return out, nil
	}
	for i := range table {
		c := &table[i]
		out.Help = append(out.Help, helpRow{c.Usage(), c.Group, c.Short, c.Long})
	}
	return out, nil
}

func ownCommands() []command.Command {
	return []command.Command{
		command.Define(command.Spec{
			Name: "help", Group: "node", Short: "list the commands, or explain one",
			Long: "Lists the commands; with a name, shows all about it.", Errors: []command.Code{command.UnknownMethod}, Examples: []string{"help", "help invoice"},
		}, help),
		checkCommand(), checkRuneCommand,
	}
}
