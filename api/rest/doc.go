// Package rest answers a node's commands over HTTPS, as Core Lightning's CLNRest does:
//
//	curl --cacert ~/.leyden/rest-cert.pem -H "Rune: $rune" -d '{"amount_msat": 1000, "label": "a", "description": "b"}' https://localhost:3010/v1/invoice
//
// A command is POST /v1/NAME with its parameters as JSON, by name or by position, or as
// a form. The rune in the header says who may. The answer is one line of JSON: 201 with
// the result, 500 with the code and message of the command's refusal, 404 for a command
// that is not there, 403 without a rune and 401 with one that does not permit it.
//
//	l, err := rest.Listen(ctx, dir, "127.0.0.1", 3010)
//	err = (&rest.Server{Node: n, Log: log}).Serve(ctx, l)
//
// The certificate is made at the first start. The node's answers, GET /v1/openapi.json and
// the page at / are made from the table of commands; what the commands are and do is
// package api's.
package rest
