package web

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/web/newest"
	"github.com/leyden-ln/leyden/web/shell"
)

// arg is one parameter of a command, as the command line takes it.
type arg struct{ name, value string }

// given leaves out the arguments that are empty.
func given(args ...arg) []arg {
	return slices.DeleteFunc(args, func(a arg) bool { return a.value == "" })
}

// asked is the commands that a page ran, for the page to show.
type asked struct {
	s     *Server
	by    api.Bearer // who asks
	lines []string
}

// run gives the node a command and reads its result into out.
func (a *asked) run(ctx context.Context, out any, name string, args ...arg) error {
	a.lines = append(a.lines, a.s.line(name, args))
	return a.call(ctx, out, name, args...)
}

// owner asks for the node's owner: what the pages themselves must know.
func (s *Server) owner() *asked { return &asked{s: s, by: api.Bearer{Node: s.c.Node}} }

// call gives the node a command, if who asks may give it, and reads its result into out;
// nil reads nothing.
func (a *asked) call(ctx context.Context, out any, name string, args ...arg) error {
	params := map[string]string{}
	for _, a := range args {
		params[a.name] = a.value
	}
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	res, err := a.by.Call(ctx, name, raw)
	if err != nil || out == nil {
		return err
	}
	if raw, err = json.Marshal(res); err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

// Lister asks for a part of a list.
func (v *visit) Lister() newest.Ask {
	return func(out any, shown bool, name, status string, start, limit uint64) error {
		args := append(given(arg{"status", status}), arg{"start", strconv.FormatUint(start, 10)}, arg{"limit", strconv.FormatUint(limit, 10)})
		if shown {
			return v.run(v.ctx(), out, name, args...)
		}
		return v.call(v.ctx(), out, name, args...)
	}
}

// line is a command as one would type it: by position as long as the parameters come
// in their order, then by name.
func (s *Server) line(name string, args []arg) string {
	parts := []string{s.c.Program, name}
	c, ok := api.Find(name)
	position := ok
	for i, a := range args {
		position = position && i < len(c.Params) && c.Params[i].Name == a.name && !strings.HasPrefix(a.value, "-")
		if position {
			parts = append(parts, shell.Quote(a.value))
		} else {
			parts = append(parts, "--"+a.name+"="+shell.Quote(a.value))
		}
	}
	return strings.Join(parts, " ")
}

// codeOf is the code of a command's refusal.
func codeOf(err error) command.Code {
	if e, ok := errors.AsType[*command.Error](err); ok {
		return e.Code
	}
	return 0
}
