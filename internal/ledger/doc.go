// Package ledger follows the chain and keeps what the Omni Layer's rules make of it: the
// balances by address and property, the history of each, and the way back through a reorg.
//
// Its loop is that of every reader of a chain:
//
//	err := source.Follow(ctx, ledger.Seen(), func(e chain.Event) error {
//		outcome, err := ledger.Apply(ctx, e, source, store)
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
// any of them is executed. What it did is one transaction of the disk: the state after it,
// its entries, and a [BlockRow], kept for ever, from which a reorg of any depth is undone,
// one block after the other. A block that did nothing is no row; how far such blocks went
// is written now and then ([Ledger.Mark]). [Load] gives from the rows the ledger that
// wrote them. An error of the disk means that the ledger in memory is ahead of it: throw
// it away and load another.
//
// Rules that are not executed taint (see package asset); [Ledger.Hash] is then not the hash
// that Omni Core has.
package ledger
