// Package script builds what BOLT 3 puts on the chain: the keys of each
// commitment, its secrets, its scripts, the commitment transaction, the HTLC
// transactions that spend it and the closing transaction. It is pure and holds no
// private key but in [Sign].
//
// A commitment transaction has a broadcaster, whose it is, and a
// countersignatory, who has signed it. Everything here is said from these two,
// never from "local" and "remote", because each side builds both sides'
// commitments:
//
//	c, err := script.Build(&params, point, script.Spec{Number: n, …})
//	sig := script.Sign(fundingKey, c.SigHash())
//	for i := range c.HTLCs {
//		htlcSigs[i] = script.Sign(htlcKey, c.HTLCSigHash(i))
//	}
//
// Two invariants: the outputs of a commitment and its fee sum to the channel's
// capacity exactly, and two sides that build the same [Spec] get the same bytes.
//
// Commitment numbers count up from 0 here; the index from which BOLT 3 derives a
// per-commitment secret is 2^48-1 minus the number.
package script
