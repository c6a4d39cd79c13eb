// Package ledger follows the chain and keeps what the Omni Layer's rules make of it: the
// balances by address and property, the history of each, and the way back through a reorg.
//
// Its loop is that of every reader of a chain:
//
//	err := source.Follow(ctx, ledger.Seen(), func(e chain.Event) error {
//		outcome, err := ledger.Apply(ctx, e, prevouts)
//		if err != nil {
//			return err
//		}
//		entries, err := outcome.Commit(ctx, store)
//		...
//	})
//
// The source must be a full one: a transaction moves tokens of whoever sends it, so that a
// light client, which sees only its own, cannot know a balance.
//
// A block is applied whole or not at all: what its transactions spend is asked for before
// any of them is executed. What it did is one [BlockRow], kept for ever, so that a reorg of
// any depth is undone, one block after the other; a block that did nothing is no row.
// [Load] gives from the rows the ledger that wrote them.
//
// Rules that are not executed taint (see package asset); [Ledger.Hash] is then not the hash
// that Omni Core has.
//
// The store has no tables for these rows yet, and nothing but tests uses this room: it
// works in memory.
package ledger
