package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
)

// rpcCommand makes a subcommand of a command of the table. Its parameters are
// given by position, as flags by name, or, after -k, as name=value.
func rpcCommand(c command.Command, at *place) *cobra.Command {
	var keywords, asJSON bool
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
				return explain(cmd.OutOrStdout(), params, columns(cmd.OutOrStdout()))
			}
			path, err := at.socket()
			if err != nil {
				return err
			}
			var progress io.Writer
			if slices.Contains(slow, c.Name) && term.IsTerminal(int(os.Stderr.Fd())) {
				progress = cmd.ErrOrStderr()
			}
			result, err := call(cmd.Context(), path, c.Name, params, progress)
			if err != nil {
				return err
			}
			if out := cmd.OutOrStdout(); !asJSON && columns(out) > 0 {
				return showReadable(out, result, time.Now(), columns(out))
			}
			return show(cmd.OutOrStdout(), result)
		},
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		return complete(c.Name, args, begun)
	}
	cmd.Flags().BoolVarP(&keywords, "keywords", "k", false, "the arguments are name=value")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON on a terminal too, as elsewhere")
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

// complete is what an argument of a command may be that has begun so: commands for those
// that are about one, files for the one that writes one.
func complete(name string, args []string, begun string) (out []string, _ cobra.ShellCompDirective) {
	if name == "backup" {
		return nil, cobra.ShellCompDirectiveDefault
	}
	if len(args) == 0 && (name == "help" || name == "check") {
		for _, c := range api.Table() {
			if strings.HasPrefix(c.Name, begun) {
				out = append(out, c.Name+"\t"+c.Short)
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// columns is how wide a terminal is; 0: it is none.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width >= narrowest {
		return width
	}
	return narrowest
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

// slow are the commands that tell how they get on.
var slow = []string{"pay", "xpay", "keysend", "xkeysend"}

// call gives the node at the socket a command, and shows its progress, if there is
// something to show it on.
func call(ctx context.Context, path, method string, params json.RawMessage, progress io.Writer) (json.RawMessage, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("no node answers at %s: is it running? (%w)", path, err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	out, in := json.NewEncoder(c), json.NewDecoder(c)
	if progress != nil {
		enable := map[string]any{"jsonrpc": "2.0", "id": "cli", "method": "notifications", "params": map[string]any{"enable": true}}
		if err := errors.Join(out.Encode(enable), in.Decode(&reply{})); err != nil {
			return nil, fmt.Errorf("the node's answer ended early: %w", err)
		}
	}
	if err := out.Encode(map[string]any{"jsonrpc": "2.0", "id": "cli", "method": method, "params": params}); err != nil {
		return nil, err
	}
	answer, err := listen(in, progress)
	if err != nil {
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

// reply is an answer, or, with a method, a notification.
type reply struct {
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *command.Error  `json:"error"`
	Params struct {
		Message string `json:"message"`
	} `json:"params"`
}

// listen waits for the answer. Each notification takes the place of the one before it on
// the terminal, and the answer that of the last. It stays on one line.
func listen(in *json.Decoder, progress io.Writer) (reply, error) {
	const wipe = "\r\x1b[K"
	shown, room := false, 100
	if width := columns(progress); width > 0 {
		room = min(room, width-1)
	}
	for {
		var r reply
		err := in.Decode(&r)
		if err == nil && r.Method != "" {
			if progress != nil {
				shown = true
				_, _ = fmt.Fprintf(progress, wipe+"%.*s", room, clean(r.Params.Message))
			}
			continue
		}
		if shown {
			_, _ = fmt.Fprint(progress, wipe)
		}
		return r, err
	}
}

// show prints a result as JSON.
func show(w io.Writer, result json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, result, "", "   "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(w)
	return err
}

// explain prints what there is to say of one command, or a line of each: as Markdown, or for
// a terminal of so many columns. It needs no node: the table is in the program.
func explain(w io.Writer, params json.RawMessage, width int) error {
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
		page := c.Page()
		if width > 0 {
			page = manual(page, width)
		}
		_, err := io.WriteString(w, page)
		return err
	}
	var b strings.Builder
	group := ""
	for _, c := range api.Table() {
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(&b, "=== %s ===\n\n", group)
		}
		usage := c.Usage() + "\n"
		if width > 0 {
			var lines strings.Builder
			wrap(&lines, c.Usage(), "  ", width)
			usage = lines.String()
		}
		fmt.Fprintf(&b, "%s    %s\n\n", usage, c.Short)
	}
	b.WriteString("leyden help COMMAND says all about one; leyden --help lists the flags.\n")
	_, err := io.WriteString(w, b.String())
	return err
}
