package command

import (
	"errors"
	"fmt"
	"strings"
)

// Code is a numeric error code, as Core Lightning gives it.
type Code int

// The codes, by the command that gives them.
const (
	ParseError     Code = -32700
	InvalidRequest Code = -32600
	UnknownMethod  Code = -32601
	InvalidParams  Code = -32602
	Internal       Code = -32603
	Failed         Code = -1

	PayInProgress          Code = 200
	PayRHashAlreadyUsed    Code = 201
	PayUnparseableOnion    Code = 202
	PayDestinationFailed   Code = 203
	PayTryOtherRoute       Code = 204
	PayRouteNotFound       Code = 205
	PayRouteTooExpensive   Code = 206
	PayInvoiceExpired      Code = 207
	PayNoSuchPayment       Code = 208
	PayUnspecifiedError    Code = 209
	PayStoppedRetrying     Code = 210
	PayStatusUnexpected    Code = 211
	PayInvoiceRequestWrong Code = 212
	PayInsufficientFunds   Code = 215
	PayAlreadyPaid         Code = 219
	PayDestinationFull     Code = 220

	FundMaxExceeded      Code = 300
	FundCannotAfford     Code = 301
	FundOutputIsDust     Code = 302
	FundBroadcastFail    Code = 303
	FundStillSyncing     Code = 304
	FundPeerNotConnected Code = 305
	FundUnknownPeer      Code = 306
	FundReserveNeeded    Code = 313

	ConnectNoKnownAddress Code = 400
	ConnectAllFailed      Code = 401
	ConnectDisconnected   Code = 402

	InvoiceLabelExists      Code = 900
	InvoicePreimageExists   Code = 901
	InvoiceHintsGaveNone    Code = 902
	InvoiceExpiredDuring    Code = 903
	InvoiceWaitTimedOut     Code = 904
	InvoiceNotFound         Code = 905
	InvoiceStatusUnexpected Code = 906
	InvoiceNoDescription    Code = 908

	DataDelNotFound     Code = 1200
	DataDelGeneration   Code = 1201
	DataExists          Code = 1202
	DataNotFound        Code = 1203
	DataWrongGeneration Code = 1204
	DataHasChildren     Code = 1205
	DataParentHasValue  Code = 1206

	SignerUnknown Code = 1301

	ForwardNotFound Code = 1401

	// Not among Core Lightning's.
	AssetsOff    Code = 1600
	AssetUnknown Code = 1601
	AssetTooFew  Code = 1602
	AssetRefused Code = 1603

	RuneNotAuthorized Code = 1501
	RuneNotPermitted  Code = 1502
	RuneBlacklisted   Code = 1503
)

// Text says in words what a code means; empty when it is not one of ours.
func (c Code) Text() string { return codeText[c] }

var codeText = map[Code]string{
	ParseError:              "the request is not JSON",
	InvalidRequest:          "the request is not JSON-RPC",
	UnknownMethod:           "there is no such command",
	InvalidParams:           "a parameter is missing, unknown, or not of its type or range",
	Internal:                "a fault of the node's own; its log says more",
	Failed:                  "the request could not be done, for the reason in the message",
	PayInProgress:           "this payment is already under way",
	PayRHashAlreadyUsed:     "this payment hash was paid before, with another amount or to another node",
	PayUnparseableOnion:     "a failure came back that cannot be read",
	PayDestinationFailed:    "the payee refused the payment for good",
	PayTryOtherRoute:        "a node on the route failed; another route may do",
	PayRouteNotFound:        "no route with enough capacity is known",
	PayRouteTooExpensive:    "the cheapest route costs more in fee or delay than is allowed",
	PayInvoiceExpired:       "the invoice has expired",
	PayNoSuchPayment:        "there is no such payment",
	PayUnspecifiedError:     "the payment failed",
	PayStoppedRetrying:      "the time for retries is over",
	PayStatusUnexpected:     "the payment is not in the status that was asked for",
	PayInvoiceRequestWrong:  "there is no such invoice_request",
	PayInsufficientFunds:    "the channels at the start have too little for the amount",
	PayAlreadyPaid:          "the invoice was paid before, with another amount",
	PayDestinationFull:      "the channels to the destination are too small for the amount",
	FundMaxExceeded:         "the channel would be larger than both sides allow",
	FundCannotAfford:        "there is too little on-chain to pay for this",
	FundOutputIsDust:        "an output would be dust",
	FundBroadcastFail:       "the transaction could not be broadcast",
	FundStillSyncing:        "the chain is still being read",
	FundPeerNotConnected:    "the peer is not connected",
	FundUnknownPeer:         "there is no such peer",
	FundReserveNeeded:       "too little would be left for the fees of channels that must be closed",
	ConnectNoKnownAddress:   "no address of this node is known",
	ConnectAllFailed:        "none of the addresses answered",
	ConnectDisconnected:     "the peer hung up while we were connecting",
	InvoiceLabelExists:      "an invoice with this label exists already; nothing was created",
	InvoicePreimageExists:   "an invoice with this preimage exists already; nothing was created",
	InvoiceHintsGaveNone:    "no channel can be named in the route hints",
	InvoiceExpiredDuring:    "the invoice expired while it was waited for",
	InvoiceWaitTimedOut:     "the time to wait is over",
	InvoiceNotFound:         "there is no such invoice",
	DataDelNotFound:         "there is no such key",
	DataDelGeneration:       "the value has another generation",
	DataExists:              "the key exists already",
	DataNotFound:            "the key does not exist",
	DataWrongGeneration:     "the value has another generation",
	DataHasChildren:         "there are keys under this one",
	DataParentHasValue:      "a key above this one has a value",
	SignerUnknown:           "the graph does not know who signed it",
	ForwardNotFound:         "there is no such forward",
	AssetsOff:               "the node keeps no ledger of tokens",
	AssetUnknown:            "there is no such token",
	AssetTooFew:             "no address of the wallet has that many",
	AssetRefused:            "the rules of the Omni Layer refuse it",
	RuneNotAuthorized:       "the rune is not one of this node, or none at all",
	RuneNotPermitted:        "the rune does not permit this",
	RuneBlacklisted:         "the rune is revoked",
	InvoiceNoDescription:    "the invoice has no description already",
	InvoiceStatusUnexpected: "the invoice is not in the status that was given",
}

// Error is a command's refusal: it has a code for programs, a message for people
// and, for some, data.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *Error) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// Logged is what a log may say of it: not what was given for a parameter, which may be a
// preimage or a rune with a slip of the pen.
func (e *Error) Logged() string {
	if e.Code != InvalidParams {
		return e.Message
	}
	what, _, _ := strings.Cut(e.Message, ":")
	return Clip([]byte(what))
}

// Refuse makes a refusal.
func Refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// longestMessage is the most of a refusal's message, in bytes: it may repeat what was given.
const longestMessage = 2000

// AsError gives any error its code: what carries none is a plain failure.
func AsError(err error) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Code: Failed, Message: err.Error()}
	}
	if len(e.Message) > longestMessage {
		return &Error{Code: e.Code, Message: clip([]byte(e.Message), longestMessage), Data: e.Data}
	}
	return e
}
