package closing

import (
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// Offer is what a closing_signed proposes. Fees are in satoshi.
type Offer struct {
	Fee   amount.Satoshi
	Range *wire.FeeRange // nil: the peer knows no fee_range
}

// Step is our answer to an offer.
type Step struct {
	Send   *Offer // nil: nothing to send
	Agreed bool   // both sides have now signed the fee that was received
}

// Breach is an offer that ends the negotiation, or a negotiation that cannot
// succeed.
type Breach struct {
	Fail bool   // fail the channel; otherwise send a warning and wait for a better offer
	Text string // for the peer and for the log
}

// Error gives the text.
func (b *Breach) Error() string { return b.Text }

func failf(format string, args ...any) error {
	return &Breach{Fail: true, Text: fmt.Sprintf(format, args...)}
}

func warnf(format string, args ...any) error {
	return &Breach{Text: fmt.Sprintf(format, args...)}
}

// Negotiation is the state of one negotiation on one connection. It is a
// value: [Negotiation.Receive] gives the next one and leaves this as it was.
type Negotiation struct {
	terms          Terms
	sent, received amount.Satoshi // the last fee of each side, once there is one
	spoke, heard   bool
}

// Start begins the negotiation, anew after each reconnect. The opener speaks
// first: for it the offer to send is given, for the other side nil.
//
// What we would pay is capped by what the opener owns.
func Start(t Terms) (Negotiation, *Offer) {
	t.Max = min(t.Max, t.opener())
	t.Min = min(t.Min, t.Max)
	t.Ideal = max(t.Min, min(t.Ideal, t.Max))
	n := Negotiation{terms: t}
	if !t.LocalIsOpener {
		return n, nil
	}
	n, step := n.propose(t.Ideal)
	return n, step.Send
}

// Receive answers an offer whose signature was verified. A *[Breach] says that
// the channel must be failed, or warns; after a warning the peer may offer
// again.
func (n Negotiation) Receive(o Offer) (Negotiation, Step, error) {
	if o.Fee > n.terms.opener() {
		return n, Step{}, failf("closing fee of %v is more than the opener's %v", o.Fee, n.terms.opener())
	}
	// BOLT 2: "if `fee_satoshis` is equal to its previously sent
	// `fee_satoshis`: - SHOULD sign and broadcast the final closing transaction."
	if n.spoke && o.Fee == n.sent {
		return n.hear(o), Step{Agreed: true}, nil
	}
	if o.Range != nil {
		return n.receiveRange(o)
	}
	return n.receiveFee(o)
}

// receiveRange follows the modern rules: two messages or three.
func (n Negotiation) receiveRange(o Offer) (Negotiation, Step, error) {
	if !n.terms.LocalIsOpener {
		// BOLT 2: "SHOULD set `max_fee_satoshis` to at least the `max_fee_satoshis` received"
		n.terms.Max = max(n.terms.Max, min(o.Range.Max, n.terms.opener()))
	}
	low, high := max(n.terms.Min, o.Range.Min), min(n.terms.Max, o.Range.Max)
	if low > high {
		// BOLT 2: "if there is no overlap between that and its own `fee_range`:
		// - SHOULD send a warning"
		return n, Step{}, warnf("closing fee ranges do not overlap: yours is %v to %v, ours %v to %v",
			o.Range.Min, o.Range.Max, n.terms.Min, n.terms.Max)
	}
	inside := low <= o.Fee && o.Fee <= high
	switch {
	case n.terms.LocalIsOpener && !inside:
		// BOLT 2: "if `fee_satoshis` is not in the overlap between the sent and
		// received `fee_range`: - MUST fail the channel"
		return n, Step{}, failf("closing fee of %v is not in both fee ranges, %v to %v", o.Fee, low, high)
	case !n.terms.LocalIsOpener && n.spoke:
		// BOLT 2: "if `fee_satoshis` is not the same as the value it sent:
		// - MUST fail the channel"
		return n, Step{}, failf("closing fee of %v is not the %v that was to be agreed to", o.Fee, n.sent)
	case inside:
		// BOLT 2: "MUST reply with the same `fee_satoshis`."
		return n.agree(o)
	}
	// BOLT 2: "MUST propose a `fee_satoshis` in the overlap between received
	// and (about-to-be) sent `fee_range`."
	next, step := n.hear(o).propose(max(low, min(o.Fee, high)))
	return next, step, nil
}

// receiveFee follows the rules for a peer that sends no fee_range: the fees
// approach each other.
func (n Negotiation) receiveFee(o Offer) (Negotiation, Step, error) {
	if n.spoke && n.heard && !between(o.Fee, n.sent, n.received) {
		// BOLT 2: "if `fee_satoshis` is not strictly between its last-sent
		// `fee_satoshis` and its previously-received `fee_satoshis`"
		return n, Step{}, warnf("closing fee of %v is not strictly between %v and %v", o.Fee, n.sent, n.received)
	}
	if n.terms.Min <= o.Fee && o.Fee <= n.terms.Max {
		return n.agree(o)
	}
	next := n.terms.Ideal
	if n.spoke {
		// Half the way to their fee, as far as our range goes.
		next = (n.sent + o.Fee) / 2
		next = max(n.terms.Min, min(next, n.terms.Max))
		// BOLT 2: "the received `fee_satoshis` and its previously-sent `fee_satoshis`."
		if !between(next, n.sent, o.Fee) {
			return n, Step{}, failf("closing fee of %v is outside our %v to %v", o.Fee, n.terms.Min, n.terms.Max)
		}
	}
	after, step := n.hear(o).propose(next)
	return after, step, nil
}

func between(v, a, b amount.Satoshi) bool { return min(a, b) < v && v < max(a, b) }

func (n Negotiation) hear(o Offer) Negotiation {
	n.received, n.heard = o.Fee, true
	return n
}

func (n Negotiation) propose(fee amount.Satoshi) (Negotiation, Step) {
	n.sent, n.spoke = fee, true
	return n, Step{Send: &Offer{Fee: fee, Range: &wire.FeeRange{Min: n.terms.Min, Max: n.terms.Max}}}
}

// agree answers with the fee that was received.
func (n Negotiation) agree(o Offer) (Negotiation, Step, error) {
	n, step := n.hear(o).propose(o.Fee)
	step.Agreed = true
	return n, step, nil
}
