// Package relay decides what becomes of an incoming HTLC: it ends here, goes on
// over another channel, or goes back. It is pure: the HTLC, what its onion says
// and what is known of the next channel go in, a [Decision] comes out.
//
//	peeled, err := onion.Peel(key, in.Onion, in.PaymentHash)
//	switch d := relay.Decide(in, peeled, err, facts).(type) {
//	case relay.Receive:       // to the invoices
//	case relay.Forward:       // a wish for the link of channel d.SCID
//	case relay.Fail:          // onion.NewFailure(peeled.SharedSecret, d.Failure)
//	case relay.FailMalformed: // back as it is
//	}
//
// and on the way back [Answer] turns the end of the outgoing HTLC into the
// [DecisionRow] of the incoming one.
//
// There is no switch with a state of its own. The outgoing HTLC's row names its
// origin (unique, so that nothing is forwarded twice), the incoming one's
// settlement is a [DecisionRow], written with the fact that caused it; what is
// unfinished is found in these rows at start as after a reconnect. An HTLC's
// identity is its channel and id, never its payment hash.
//
// The invariant of every Forward: the incoming HTLC is worth at least the
// outgoing one and the fee, and outlives it by at least cltv_expiry_delta, so
// that whatever happens to the one below, the one above can still follow. One with tokens
// carries the same property on both sides, the tokens and their fee beside the bitcoin
// that goes with them and its fee.
package relay
