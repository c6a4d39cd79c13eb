package api

import (
	"context"
	"encoding/json"

	"github.com/leyden-ln/leyden/api/command"
	apirunes "github.com/leyden-ln/leyden/api/runes"
	"github.com/leyden-ln/leyden/internal/runes"
	"github.com/leyden-ln/leyden/node"
)

// Permit asks whether a rune permits a command, from a peer if one is known, and counts
// it as a use. With the context that it gives the command is to be called. Other names
// of commands and parameters are judged as the table's. Errors: RuneNotAuthorized,
// RuneNotPermitted, RuneBlacklisted, InvalidParams.
func Permit(ctx context.Context, n *node.Node, rune string, peer *string, method string, params json.RawMessage) (context.Context, error) {
	return permit(ctx, n, rune, peer, &method, params)
}

func permit(ctx context.Context, n *node.Node, rune string, peer, method *string, params json.RawMessage) (context.Context, error) {
	p, err := runes.ParseParams(params)
	if err != nil {
		return nil, command.Refuse(command.InvalidParams, "params must be an array or an object")
	}
	if method != nil {
		if c, ok := Find(*method); ok {
			method = &c.Name
			if p.ByName, err = canonical(c, p.ByName); err != nil {
				return nil, err
			}
		}
	}
	r, err := n.Gate().Admit(ctx, rune, &runes.Call{Peer: peer, Method: method, Params: p})
	if err != nil {
		return nil, apirunes.Refusal(err)
	}
	if len(r.Restrictions()) > 0 {
		ctx = command.Restrict(ctx, func(method string) bool {
			return n.Gate().Holds(rune, &runes.Call{Peer: peer, Method: &method})
		})
	}
	return ctx, nil
}

// Bearer is who gives commands: the owner, or somebody with a rune.
type Bearer struct {
	Node *node.Node
	Rune string // empty: the owner
}

// Call runs a command as [Call] does, if the bearer may give it. Errors: those of [Call]
// and of [Permit].
func (b Bearer) Call(ctx context.Context, method string, params json.RawMessage) (any, error) {
	if b.Rune != "" {
		permitted, err := Permit(ctx, b.Node, b.Rune, nil, method, params)
		if err != nil {
			return nil, command.AsError(err)
		}
		ctx = permitted
	}
	return Call(ctx, b.Node, method, params)
}

// May says whether the bearer may give a command with some parameters.
func (b Bearer) May(method string) bool {
	return b.Rune == "" || b.Node.Gate().Allows(b.Rune, method)
}

// Good says whether the rune is still one of the node's.
func (b Bearer) Good() bool { return b.Rune == "" || b.Node.Gate().Good(b.Rune) }

// canonical gives parameters the names under which the table has them.
func canonical(c *command.Command, given map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	out := make(map[string]json.RawMessage, len(given))
	for name, v := range given {
		if p, ok := c.Param(name); ok {
			name = p.Name
		}
		if _, twice := out[name]; twice {
			return nil, command.Refuse(command.InvalidParams, "%s is given twice", name)
		}
		out[name] = v
	}
	return out, nil
}

type checkRuneRequest struct {
	Rune   string  `json:"rune" doc:"the rune"`
	NodeID *string `json:"nodeid" doc:"the node id of who gives the command; not known when not given"`
	Method *string `json:"method" doc:"the command"`
	Params *params `json:"params" doc:"its parameters"`
}

// params are a command's parameters, as a parameter.
type params struct{ json.RawMessage }

// Words implements [command.Worded].
func (params) Words() string { return "an array or an object" }

type checkRuneResponse struct {
	Valid bool `json:"valid" doc:"true: it is permitted"`
}

var checkRuneCommand = command.Define(command.Spec{
	Name: "checkrune", Group: "runes", Short: "check what a rune permits",
	Long: "Checks whether a rune of this node permits a command, and counts it as a use.",
	Errors: []command.Code{
		command.RuneNotAuthorized, command.RuneNotPermitted, command.RuneBlacklisted, command.Failed,
	},
	Examples: []string{"checkrune -k rune=OSqc7ixY6F-gjcigBfxtzKUI54uzgFSA6YfBQoWGDV89MA== method=invoice params='[\"any\", \"tea\", \"one tea\"]'"},
}, func(ctx context.Context, n *node.Node, r checkRuneRequest) (checkRuneResponse, error) {
	_, err := permit(ctx, n, r.Rune, r.NodeID, r.Method, command.Or(r.Params, params{}).RawMessage)
	return checkRuneResponse{Valid: err == nil}, err
})
