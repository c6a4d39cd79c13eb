// Package asset holds the rules of the Omni Layer as far as Leyden executes them: which
// transactions are Omni's, who sends, who receives, and what becomes of the balances. It
// is pure: it is given blocks, and knows no chain and no disk.
//
// Tokens belong to addresses. A transaction of class C has an output OP_RETURN that
// begins with "omni"; its first input's address is the sender. To run a block:
//
//	state.Begin(height, time)
//	for _, tx := range block {
//		if params.Marked(tx) {
//			outcome, ok := state.Execute(tx, scriptThatTheFirstInputSpends)
//		}
//	}
//	changes := state.End()
//
// and to take it back, state.Undo(changes).
//
// Source: Omni Core 0.12 (github.com/OmniLayer/omnicore and later commits of it), as
// src/omnicore/tx.cpp, omnicore.cpp, rules.cpp, sp.cpp and sto.cpp have the rules.
//
// Executed are the types 0, 3, 4, 7, 50, 51, 53, 54, 55, 56, 70 to 74, 185 and 186. A
// sender who holds a property and names it in a transaction of another type (an order of
// an exchange, say) taints it: its balances are no longer to be relied on. A stranger
// cannot: whoever holds none has nothing to trade (docs/decisions/0007). OMN and TOMN, 1
// and 2, are tainted from the start wherever they can be bought, and so is all that
// depends on them: a distribution to owners pays a fee in them. A payment of the older
// classes A and B, whose payload is not read, and a message by which Omni's developers
// change the rules, taint everything.
//
// Where Omni Core itself does something that nobody can follow, because it aborts or
// because versions of it differ, nothing is moved and the property is halted: from then on
// nothing moves it, and the outcome has an alarm for the operator. There are four such
// cases, all of transactions that are valid else: an entry of zero in a send-to-many,
// entries whose sum wraps around 2^64, a freeze whose address has an odd length, and a
// participation in a crowdsale that has created all that it may.
//
// Invariant: units of a property are made by issuance, grants, crowdsales and their bonus
// only, and unmade by revocation and the fee of a distribution; all else moves them from
// one address to another.
//
// The ledger, the commands for tokens and channels that carry them use this room.
package asset
