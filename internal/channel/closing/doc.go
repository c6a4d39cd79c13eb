// Package closing is the end of a channel by agreement: which scripts a
// shutdown may name, what the closing transaction's outputs are, and the
// negotiation of its fee by closing_signed with fee_range (BOLT 2, "Legacy
// Closing Negotiation"; BOLT 3, "Legacy Closing Transaction").
//
// It is pure. The channel owns the messages and the signatures; this package
// only says which fee comes next:
//
//	n, first := closing.Start(terms)      // after both shutdowns, no HTLC left
//	if first != nil {                     // we opened the channel: we begin
//		send(*first)
//	}
//	for offer := range theirs {
//		outs := signed(terms.Acceptable(offer.Fee), signature) // which outputs did they sign?
//		var step closing.Step
//		n, step, err = n.Receive(offer)
//		if err != nil {
//			return err                    // a *Breach: warn, or fail the channel
//		}
//		if step.Send != nil {
//			send(*step.Send)
//		}
//		if step.Agreed {
//			broadcast(outs, offer.Fee)
//		}
//	}
//
// Invariants. A fee that we offer or agree to lies in our range and never
// exceeds what the opener owns. Each answer either ends the negotiation or
// brings the two fees strictly nearer, so it always ends. What an accepted
// transaction leaves out is never ours, unless it is dust to one of the two.
//
// With option_simple_close there is nothing to negotiate: [Propose] says what we
// offer and pay for, [Complete.Chosen] which version of the peer's offer we sign
// (BOLT 2, "Closing Negotiation: `closing_complete` and `closing_sig`").
//
// Nothing of a negotiation is stored: BOLT 2: "negotiation restarts on
// reconnection".
package closing
