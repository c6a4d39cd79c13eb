package api

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/node"
)

// checked is the parameter that names the command to check; the others are that one's.
const checked = "command_to_check"

type checkRequest struct {
	Command string `json:"command_to_check" doc:"the command, whose own parameters follow"`
}

type checkResponse struct {
	Command string `json:"command_to_check" doc:"the same"`
}

// checkCommand takes any parameters beside its own, and so is made by hand.
func checkCommand() command.Command {
	c := command.Define(command.Spec{
		Name: "check", Group: "node", Short: "check a command's parameters",
		Long: "Checks whether a command could read its parameters, without running it: whether they are there, known, and of " +
			"their types. What depends on the node's state is not checked.",
		Errors: []command.Code{command.UnknownMethod}, Examples: []string{"check invoice any tea \"one tea\""},
	}, func(context.Context, *node.Node, checkRequest) (checkResponse, error) { return checkResponse{}, nil })
	c.Params[0].Rest = true
	c.Run = func(_ context.Context, _ *node.Node, raw json.RawMessage) (any, error) {
		name, rest, err := splitCheck(raw)
		if err != nil {
			return nil, err
		}
		of, ok := Find(name)
		if !ok {
			return nil, command.Refuse(command.UnknownMethod, "unknown command %q: see help", command.Clip([]byte(name)))
		}
		if of.Name != "check" {
			err = of.Check(rest)
		}
		return checkResponse{name}, err
	}
	c.Result = reflect.TypeFor[checkResponse]()
	return c
}

// splitCheck takes the name of the command off its parameters.
func splitCheck(raw json.RawMessage) (name string, rest json.RawMessage, err error) {
	var list []json.RawMessage
	var byName map[string]json.RawMessage
	var first json.RawMessage
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) > 0 && raw[0] == '[' && json.Unmarshal(raw, &list) == nil:
		if len(list) > 0 {
			first, list = list[0], list[1:]
		}
		rest, err = json.Marshal(list)
	case len(raw) > 0 && raw[0] == '{' && json.Unmarshal(raw, &byName) == nil:
		first = byName[checked]
		delete(byName, checked)
		rest, err = json.Marshal(byName)
	}
	if err != nil || json.Unmarshal(first, &name) != nil {
		return "", nil, command.Refuse(command.InvalidParams, "missing required parameter: %s", checked)
	}
	return name, rest, nil
}
