// Package onion is BOLT 4: the packet that carries each hop's instructions, one
// layer a hop, and the failure that comes back when a hop cannot follow them.
//
// The way out. The sender wraps one [Payload] for each hop:
//
//	packet, err := onion.Build(session, hops, paymentHash)
//
// Each hop takes one layer off. What it finds is its payload, the packet for the
// next hop (none at the last), and a secret that it shares with the sender:
//
//	peeled, err := onion.Peel(nodeKey, &packet, paymentHash)
//	switch {
//	case err != nil: // a *Malformed: update_fail_malformed_htlc
//	case peeled.PayloadErr != nil: // a *PayloadError: its Failure goes back
//	case peeled.Next == nil: // we are the last hop
//	default: // forward peeled.Next over *peeled.Payload.ShortChannelID
//	}
//
// The way back. The hop that fails makes a reason, the hops before it obfuscate
// it, and only the sender, who knows all the secrets, can read it:
//
//	reason := onion.NewFailure(peeled.SharedSecret, onion.FeeInsufficient(htlc, nil))
//	reason = onion.Obfuscate(secret, reason)                  // each hop before
//	hop, failure, err := onion.DecodeReason(secrets, reason)  // the sender
//
// A payload may name tokens that the HTLC carries beside its amount. BOLT 4 has no such
// records; they are odd, of types that BOLT 1 leaves to everyone, and read as strictly.
//
// With either end of an HTLC goes attribution_data, to which each hop adds with
// [Attribute], and in which [Attributed] reads who vouches for it and how long each
// had the HTLC.
//
// Invariants: nothing that a peer sends makes this package panic; a payload is
// either understood in full or refused with the type and offset of what is wrong;
// a payload's encoding is unique; the sender's work to read a reason does not
// depend on which hop made it.
//
// The cryptography of the packet is lightning-onion's. This package has no
// memory, so it does not notice a packet that comes twice: an HTLC's identity is
// its channel and number, and its payment hash is bound into the packet.
//
// Inside a blinded route we cannot process payloads; they are decoded, and
// answered with the failure that BOLT 4 asks for.
package onion
