// Package channel is one channel as a pure state machine: the dance of updates,
// signatures and revocations of BOLT 2 ("Normal Operation"), its limits, its
// resumption after a reconnect, and its end by agreement. It knows no disk, no
// socket, no clock and no private key.
//
// An update is an add, a removal or a change of the feerate. It goes through
// five stages:
//
//	0 proposed: pending on the receiver
//	1 committed: in the receiver's commitment
//	2 revoked: the receiver's previous one is revoked; pending on the offerer
//	3 acknowledged: in the offerer's commitment
//	4 irrevocable: the offerer's previous one is revoked
//
// Four events move updates, and nothing else does. This is the whole protocol:
//
//	                                ours    theirs
//	we send    commitment_signed    0 → 1    2 → 3
//	we receive revoke_and_ack       1 → 2    3 → 4
//	we receive commitment_signed    2 → 3    0 → 1
//	we send    revoke_and_ack       3 → 4    1 → 2
//
// Stages are not stored. An update has two numbers: the first commitment of each
// side that reflects it. Its stage follows from those and from how many
// commitments were signed and revoked; so does the content of every commitment,
// past, present or next, which is one filter over updates. What must be sent
// again after channel_reestablish follows from the same numbers, and its order
// from one more: how many revocations we had sent when we last signed. No
// message is stored.
//
// A machine is driven by wishes ([Channel.Offer], [Channel.Fulfill], …) and facts
// ([Channel.Receive], [Channel.Block], …), as many as there are; then one
// [Channel.Take] gathers what follows from all of them: at most one signed
// commitment, one set of rows, one burst of messages.
//
//	for inputs := range inbox {
//		for _, in := range inputs {
//			in.apply(c) // c.Receive(m, verifier), c.Offer(add), …
//		}
//		pending, err := c.Take(signer)
//		if err != nil {
//			return err // the signer refuses to go back: end the process
//		}
//		visible, err := pending.Commit(ctx, store)
//		if err != nil {
//			return err // end the process: the machine is ahead of the disk
//		}
//		conn.Send(visible.Send...)
//		up.Raise(visible.Raise...)
//	}
//
// Invariants:
//
//   - after each commit, [Load] of the rows gives the machine back, but for what
//     is at stage 0: on a disconnect that never happened;
//   - both sides compute the same commitment whenever one signs it, and balances
//     and HTLCs always add up to the capacity;
//   - a commitment_signed is answered by the revocation of the commitment before,
//     in the same outcome: we always hold exactly one valid commitment;
//   - an outgoing HTLC ends exactly once for its origin ([SettlementRow]): by its
//     preimage as soon as that is known, by a failure only when its removal is
//     irrevocable. A preimage that is known is never forgotten.
package channel
