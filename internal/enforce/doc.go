// Package enforce says what to do with a channel on the chain (BOLT 5). It is a
// pure function of facts, computed anew at each block:
//
//	plan, err := enforce.Resolve(rows, points, enforce.Facts{
//		Height: tip, Spends: confirmed, Past: history, …
//	}, enforce.DefaultPolicy())
//
// Rows are the channel's as they are stored; spends are those that the best chain
// holds, of the funding output, of the outputs of what spent it, and of the
// outputs of HTLC transactions. Nothing is remembered between two calls, so a
// restart, a reorganization and a preimage that comes late are one code path.
//
// The plan says
//
//   - what happened to the funding output ([Kind]);
//   - which outputs are ours to take, by which witness, not before which height,
//     at the latest by which, and which must not share a transaction with others
//     ([Claim]);
//   - what becomes of the incoming HTLC behind each outgoing one ([Verdict]);
//   - where each satoshi is ([Output]).
//
// [Assemble] makes claims into a transaction and signs it; [Deadline] says when a
// channel that still works has to go on-chain.
//
// Invariants:
//
//   - a preimage that is known, from whatever source, is passed upstream; an HTLC
//     is failed upstream only when the chain has buried every way by which it
//     could still be claimed downstream. The one exception is a policy, bounded by
//     a value and marked as such: [Verdict.AtRisk];
//   - an incoming HTLC is claimed only by the preimage that was decided for that
//     HTLC, never by one that merely has its hash;
//   - an HTLC's identity is its channel and id;
//   - what the peer could spend too is claimed alone, so that a transaction of its
//     making holds up nothing else;
//   - of a channel with tokens, what takes an output moves exactly the tokens of that
//     output, and an HTLC is over only when the ledger says that they have moved
//     ([Ledger]): addresses have tokens, outputs have not. What the peer has signed of
//     such a channel it has signed whole ([Whole]).
package enforce
