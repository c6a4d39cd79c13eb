// Package command is the form of the node's commands. A command is declared once, as
// a [Command] with a request type, a response type, its errors and its text; from
// that come the JSON-RPC method, the parameters by position or by name, the help,
// the command line and the generated page under docs/commands.
//
//	command.Define(command.Spec{
//		Name: "invoice", Group: "payments", Short: "make an invoice", Long: …,
//		Errors: []command.Code{command.InvoiceLabelExists, …},
//	}, func(ctx context.Context, n *node.Node, r invoiceRequest) (invoiceResponse, error) {…})
//
// The order of a request type's fields is the order of the positional parameters;
// a pointer is an optional parameter; `alias:"…"` is another name for it; a type
// that is [Worded] says itself what it takes.
package command
