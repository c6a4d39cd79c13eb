package command

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/leyden-ln/leyden/node"
)

// Spec is what a command says of itself beside its types.
type Spec struct {
	Name     string
	Aliases  []string // other names under which it is found
	Group    string   // the heading under which help lists it
	Short    string   // one line
	Long     string   // what it does, in Markdown
	Errors   []Code   // beside InvalidParams, every code that it can give
	Examples []string // command lines, without the program's name
}

// Param is one parameter of a command.
type Param struct {
	Name     string
	Alias    string
	Type     string // in words
	Optional bool
	Doc      string
	Text     bool // it takes any text
	Refused  bool // it only keeps the place of a parameter that is not supported
	Rest     bool // any others may follow it
	index    int
}

// Unsupported is the type of a parameter that Core Lightning has at this place
// and this node does not honour: to give it is an error, never a silent nothing.
type Unsupported struct{}

// Words implements [Worded].
func (Unsupported) Words() string { return "nothing: not supported" }

// Command is one entry of the table. Its Run reads parameters as JSON: an array, by
// position, or an object, by name.
type Command struct {
	Spec
	Params []Param
	Result reflect.Type
	Run    func(ctx context.Context, n *node.Node, params json.RawMessage) (any, error)
	Check  func(params json.RawMessage) error // whether Run could read the parameters
}

// Define makes a command of a function from request to response. It panics when
// the request type is not a struct of fields that parameters can be: that is a
// mistake in the table, found by any test.
func Define[Req, Res any](s Spec, run func(ctx context.Context, n *node.Node, r Req) (Res, error)) Command {
	params := paramsOf(reflect.TypeFor[Req]())
	return Command{
		Spec: s, Params: params, Result: reflect.TypeFor[Res](),
		Run: func(ctx context.Context, n *node.Node, raw json.RawMessage) (any, error) {
			var r Req
			if err := bind(params, raw, reflect.ValueOf(&r).Elem()); err != nil {
				return nil, err
			}
			return run(ctx, n, r)
		},
		Check: func(raw json.RawMessage) error {
			return bind(params, raw, reflect.New(reflect.TypeFor[Req]()).Elem())
		},
	}
}

func paramsOf(t reflect.Type) []Param {
	var out []Param
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			panic("command: a field without a json name: " + t.Name() + "." + f.Name)
		}
		ft, optional := f.Type, false
		if ft.Kind() == reflect.Pointer {
			ft, optional = ft.Elem(), true
		}
		out = append(out, Param{
			Name: name, Alias: f.Tag.Get("alias"), Type: typeName(ft), Optional: optional,
			Doc: f.Tag.Get("doc"), Text: ft.Kind() == reflect.String, Refused: ft == reflect.TypeFor[Unsupported](), index: i,
		})
	}
	return out
}

// Param finds a parameter by its name or alias.
func (c *Command) Param(name string) (Param, bool) {
	i := position(c.Params, name)
	if i < 0 {
		return Param{}, false
	}
	return c.Params[i], true
}

// Usage is the command with its parameters, the optional ones in brackets.
func (c *Command) Usage() string {
	var b strings.Builder
	b.WriteString(c.Name)
	for _, p := range c.Params {
		if p.Optional {
			b.WriteString(" [" + p.Name + "]")
		} else {
			b.WriteString(" " + p.Name)
		}
	}
	return b.String()
}
