package pay

import (
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Code says why a payment failed or was refused: the error codes of pay, sendpay
// and waitsendpay.
type Code int

// The codes, with the numbers that clients know.
const (
	CodeInvalid          Code = -32602 // the request contradicts itself or the invoice
	CodeInProgress       Code = 200    // it is being paid, or the wait timed out
	CodeAlreadyPaid      Code = 201    // the hash was paid with another amount or destination
	CodeUnparseableOnion Code = 202    // nobody can say which node failed the attempt
	CodeDestinationPerm  Code = 203    // the destination refuses
	CodeTryOtherRoute    Code = 204    // a node on the route failed the attempt
	CodeRouteNotFound    Code = 205    // there is no way, or not enough balance
	CodeRouteTooCostly   Code = 206    // above the limit of fees or delay
	CodeInvoiceExpired   Code = 207
	CodeNoSuchPayment    Code = 208 // there is nothing to wait for
	CodeUnspecified      Code = 209
	CodeStoppedRetrying  Code = 210 // retry_for is over
	CodeStatusUnexpected Code = 211 // it has not the status that was asked for
	CodeSourceShort      Code = 215 // [Error.Short]: the channels at the start have not the amount
	CodeDestinationShort Code = 220 // [Error.Short]: nor have those to the destination
)

// Error is the failure, or the refusal, of a payment.
type Error struct {
	Code    Code
	Message string
	Failure *Failure // of the attempt that decided it; nil: none
	Short   Code     // of [CodeRouteNotFound], where the capacity is missing; zero: not said
	Cost    *Cost    // of [CodeRouteTooCostly]; nil: not said
}

// Cost is what the cheapest routes would take.
type Cost struct {
	Amount amount.MilliSatoshi // that arrives
	Fee    amount.MilliSatoshi
	Delay  uint32 // blocks
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }

// Is makes errors.Is compare by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

func refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Failure is why an attempt failed: the "routing failure object".
type Failure struct {
	ErringIndex     int                 // 0: we; 1: the first hop's node; and so on; -1: unknown
	ErringNode      wire.NodeID         // zero: unknown
	ErringChannel   wire.ShortChannelID // that failed; the last one when the destination did
	ErringDirection uint8
	FailCode        uint16 // failure_code of BOLT 4; zero: unreadable
	Message         []byte // failuremsg; when unreadable, the reason as it came; nil: the HTLC was never signed
	Text            string // for the eye
}

// Err is how a failed attempt is told, and nil for any other: code 202, 203 or
// 204.
func (a AttemptRow) Err() *Error {
	f := a.Result.Failure
	if a.Result.Status != Failed || f == nil {
		return nil
	}
	code := CodeTryOtherRoute
	switch {
	case f.FailCode == 0:
		code = CodeUnparseableOnion
	case f.ErringIndex == len(a.Hops):
		code = CodeDestinationPerm
	}
	return &Error{Code: code, Message: f.Text, Failure: f}
}

// Same says whether a request for amt to destination is for what r pays: then
// its receipt is the answer. A zero destination is not compared.
func (r PaymentRow) Same(amt amount.MilliSatoshi, destination wire.NodeID) error {
	return r.SameAs(Ask{Amount: amt}, destination)
}

// SameAs is Same for any asset.
func (r PaymentRow) SameAs(ask Ask, destination wire.NodeID) error {
	var none wire.NodeID
	if r.Ask() != ask {
		return refuse(CodeAlreadyPaid, "this payment hash is already used, for %s", r.Ask())
	}
	if destination != none && r.Destination != none && r.Destination != destination {
		return refuse(CodeAlreadyPaid, "this payment hash is already used, to %s", r.Destination)
	}
	return nil
}
