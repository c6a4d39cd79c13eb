package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leyden-ln/leyden/api"
)

// rpcCommand makes a subcommand of a command of the table: its parameters by
// position, or as flags by name.
func rpcCommand(c api.Command, dir *string) *cobra.Command {
	named := make(map[string]*string, len(c.Params))
	cmd := &cobra.Command{
		Use:     c.Usage(),
		Aliases: c.Aliases,
		Short:   c.Short,
		Long:    c.Long,
		GroupID: "",
		RunE: func(cmd *cobra.Command, args []string) error {
			params, err := parameters(cmd, args, named, c)
			if err != nil {
				return err
			}
			result, err := call(cmd.Context(), *dir, c.Name, params)
			if err != nil {
				return err
			}
			return show(result)
		},
	}
	for _, p := range c.Params {
		named[p.Name] = cmd.Flags().String(p.Name, "", p.Doc)
	}
	return cmd
}

// parameters are the arguments as JSON: an array when all are by position, an
// object when some are by name.
func parameters(cmd *cobra.Command, args []string, named map[string]*string, c api.Command) (any, error) {
	byName := map[string]json.RawMessage{}
	for name, value := range named {
		if cmd.Flags().Changed(name) {
			byName[name] = raw(*value)
		}
	}
	if len(args) > len(c.Params) {
		return nil, fmt.Errorf("too many parameters: %s", c.Usage())
	}
	byPosition := make([]json.RawMessage, len(args))
	for i, a := range args {
		byPosition[i] = raw(a)
		if len(byName) > 0 {
			if _, twice := byName[c.Params[i].Name]; twice {
				return nil, fmt.Errorf("%s is given twice", c.Params[i].Name)
			}
		}
	}
	if len(byName) == 0 {
		return byPosition, nil
	}
	for i, a := range byPosition {
		byName[c.Params[i].Name] = a
	}
	return byName, nil
}

// raw is an argument as JSON: what is JSON already stays so, all else is a string.
func raw(arg string) json.RawMessage {
	if json.Valid([]byte(arg)) && !strings.HasPrefix(arg, `"`) {
		return json.RawMessage(arg)
	}
	b, err := json.Marshal(arg)
	if err != nil {
		return json.RawMessage(`""`)
	}
	return b
}

// call asks the node whose data folder is dir. A command that needs no node is
// answered here when none runs.
func call(ctx context.Context, dir, method string, params any) (json.RawMessage, error) {
	path, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		if method == "help" {
			b, err := json.Marshal(params)
			if err != nil {
				return nil, err
			}
			res, err := api.Call(ctx, nil, method, b)
			if err != nil {
				return nil, err
			}
			return json.Marshal(res)
		}
		return nil, fmt.Errorf("no node answers at %s: is it running? (%w)", path, err)
	}
	defer c.Close()
	if err := json.NewEncoder(c).Encode(map[string]any{"jsonrpc": "2.0", "id": "cli", "method": method, "params": params}); err != nil {
		return nil, err
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
		Error  *api.Error      `json:"error"`
	}
	if err := json.NewDecoder(c).Decode(&answer); err != nil {
		return nil, fmt.Errorf("the node's answer ended early: %w", err)
	}
	if answer.Error != nil {
		return nil, answer.Error
	}
	if answer.Result == nil {
		return nil, errors.New("the node's answer has no result")
	}
	return answer.Result, nil
}

// show prints a result for the eye.
func show(result json.RawMessage) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "   ")
	e.SetEscapeHTML(false)
	return e.Encode(result)
}
