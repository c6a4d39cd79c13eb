// Package api is the node's table of commands. A command is declared once, as a
// [Command] with a request type, a response type, its errors and its text; from
// that come the JSON-RPC method, the parameters by position or by name, the help,
// the command line and the generated page under docs/commands.
//
//	var invoiceCommand = define(Spec{
//		Name: "invoice", Group: "payments", Short: "make an invoice", Long: …,
//		Errors: []Code{InvoiceLabelExists, …},
//	}, func(ctx context.Context, n *node.Node, r invoiceRequest) (invoiceResponse, error) {…})
//
// The order of a request type's fields is the order of the positional parameters;
// a pointer is an optional parameter; `alias:"…"` is another name for it.
// Names, types, result fields and error codes are Core Lightning's, whose public
// reference is the contract, so that its clients work unchanged.
//
// A [Server] answers JSON-RPC 2.0 on a unix socket: a stream of JSON values in,
// one compact line followed by an empty one out, several requests in flight, ids
// echoed as they came. A bad request is answered with a code and changes nothing.
package api
