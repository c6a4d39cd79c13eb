// Package api is the node's table of commands: those of the rooms below it, each a
// group of commands in the form of package command.
//
//	res, err := api.Call(ctx, n, "invoice", json.RawMessage(`["any", "donations", "Thank you"]`))
//
// Names, types, result fields and error codes are Core Lightning's, whose public
// reference is the contract, so that its clients work unchanged. A bad request is
// answered with a code and changes nothing.
package api
