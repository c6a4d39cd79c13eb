package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
)

// rpcCommand makes a subcommand of a command of the table. Its parameters are
// given by position, as flags by name, or, after -k, as name=value.
func rpcCommand(c command.Command, at *place) *cobra.Command {
	var keywords bool
	named := make(map[string]*string, len(c.Params))
	cmd := &cobra.Command{
		Use:     c.Usage(),
		Aliases: c.Aliases,
		Short:   c.Short,
		Long:    c.Long,
		Example: "  leyden " + strings.Join(c.Examples, "\n  leyden "),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			flags := map[string]string{}
			for name, value := range named {
				if cmd.Flags().Changed(name) {
					flags[name] = *value
				}
			}
			if c.Name == "backup" && len(args) == 1 && !keywords { // the node has another working directory
				if args[0], err = filepath.Abs(args[0]); err != nil {
					return err
				}
			}
			params, err := parameters(c, args, flags, keywords)
			if err != nil {
				return err
			}
			if c.Name == "help" {
				return explain(cmd.OutOrStdout(), params)
			}
			path, err := at.socket()
			if err != nil {
				return err
			}
			result, err := call(cmd.Context(), path, c.Name, params)
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), result)
		},
	}
	cmd.Flags().BoolVarP(&keywords, "keywords", "k", false, "the arguments are name=value")
	for _, p := range c.Params {
		if p.Refused {
			continue
		}
		named[p.Name] = cmd.Flags().String(p.Name, "", p.Doc)
		if p.Alias != "" {
			named[p.Alias] = cmd.Flags().String(p.Alias, "", "the same as --"+p.Name)
		}
	}
	return cmd
}

// parameters are the arguments as JSON: an array when all are by position, an
// object when some are by name.
func parameters(c command.Command, args []string, flags map[string]string, keywords bool) (json.RawMessage, error) {
	byName := map[string]json.RawMessage{}
	rest := len(c.Params) > 0 && c.Params[len(c.Params)-1].Rest
	set := func(name, value string) error {
		p, ok := c.Param(name)
		if !ok && rest {
			p.Name = name
		} else if !ok {
			return fmt.Errorf("unknown parameter %q: %s", name, c.Usage())
		}
		if _, twice := byName[p.Name]; twice {
			return fmt.Errorf("%s is given twice", p.Name)
		}
		byName[p.Name] = raw(p, value)
		return nil
	}
	var byPosition []json.RawMessage
	for i, arg := range args {
		switch {
		case keywords:
			name, value, ok := strings.Cut(arg, "=")
			if !ok {
				return nil, fmt.Errorf("%q: after -k every argument is name=value", arg)
			}
			if err := set(name, value); err != nil {
				return nil, err
			}
		case i >= len(c.Params) && rest:
			byPosition = append(byPosition, raw(command.Param{Optional: true}, arg))
		case i >= len(c.Params):
			return nil, fmt.Errorf("too many parameters: %s", c.Usage())
		default:
			byPosition = append(byPosition, raw(c.Params[i], arg))
			if len(flags) > 0 {
				if err := set(c.Params[i].Name, arg); err != nil {
					return nil, err
				}
			}
		}
	}
	for name, value := range flags {
		if err := set(name, value); err != nil {
			return nil, err
		}
	}
	if len(byName) > 0 {
		return json.Marshal(byName)
	}
	if byPosition == nil {
		return json.RawMessage("[]"), nil
	}
	return json.Marshal(byPosition)
}

// raw is an argument as JSON: what is JSON already stays so, all else is a string,
// and so is everything that a parameter takes as text, but null for an optional
// one.
func raw(p command.Param, arg string) json.RawMessage {
	isNull := arg == "null" && p.Optional
	text := p.Text && !isNull
	if !text && json.Valid([]byte(arg)) && !strings.HasPrefix(arg, `"`) {
		return json.RawMessage(arg)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(arg) // a string always encodes
	return bytes.TrimSpace(b.Bytes())
}

// call gives the node at the socket a command.
func call(ctx context.Context, path, method string, params json.RawMessage) (json.RawMessage, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("no node answers at %s: is it running? (%w)", path, err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	request := map[string]any{"jsonrpc": "2.0", "id": "cli", "method": method, "params": params}
	if err := json.NewEncoder(c).Encode(request); err != nil {
		return nil, err
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
		Error  *command.Error  `json:"error"`
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
func show(w io.Writer, result json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, result, "", "   "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(w)
	return err
}

// explain prints what there is to say of one command, or a line of each. It needs
// no node: the table is in the program.
func explain(w io.Writer, params json.RawMessage) error {
	var asked struct {
		Command *string `json:"command"`
	}
	var byPosition []*string
	if json.Unmarshal(params, &byPosition) == nil && len(byPosition) > 0 {
		asked.Command = byPosition[0]
	} else if byPosition == nil {
		if err := json.Unmarshal(params, &asked); err != nil {
			return err
		}
	}
	if asked.Command != nil {
		c, ok := api.Find(*asked.Command)
		if !ok {
			return &command.Error{Code: command.UnknownMethod, Message: fmt.Sprintf("unknown command %q: see leyden help", *asked.Command)}
		}
		_, err := io.WriteString(w, c.Page())
		return err
	}
	var b strings.Builder
	group := ""
	for _, c := range api.Table() {
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(&b, "=== %s ===\n\n", group)
		}
		fmt.Fprintf(&b, "%s\n    %s\n\n", c.Usage(), c.Short)
	}
	b.WriteString("leyden help COMMAND says all about one; leyden --help lists the flags.\n")
	_, err := io.WriteString(w, b.String())
	return err
}
