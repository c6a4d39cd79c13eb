// Package jsonrpc answers JSON-RPC 2.0 for a node, in the framing that Core
// Lightning's clients expect of the socket lightning-rpc:
//
//	l, err := jsonrpc.Listen(ctx, path)
//	err = (&jsonrpc.Server{Node: n, Log: log}).Serve(ctx, l)
//
// Requests follow each other with or without something between them; several may
// be on their way on one connection. An answer is one compact line and an empty
// one, with the id as it came. JSON that is no request is refused; what is not JSON ends the connection, with an error;
// a request of more than 4 MiB too. A connection that is in the middle of 256
// requests is read on when one of them is answered.
//
// What the commands are and do is package api's: this room only moves bytes. When a
// client goes away, what it asked for is cancelled; what is durable stays.
//
// The socket is its owner's alone (mode 0600): whoever can open it owns the node's
// money. A socket that a process has left behind is replaced, one that answers is
// not.
package jsonrpc
