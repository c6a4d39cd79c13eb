// Package exchange keeps at what rates this node exchanges bitcoin and tokens, and how
// much of it is under way.
//
//	book, err := exchange.Load(rows, store, now)
//	err := book.Set(ctx, row, 10*time.Minute)
//	e := book.At(property)       // for relay.Decide
//	ok := book.Begin(ref, over)  // before the HTLC goes on; book.End(ref) when it has ended
//
// A rate that is set is on disk before it counts. The one before holds beside it for a
// while, in memory only. What is under way follows from the rows of the HTLCs: whoever
// loads them says so by [Book.Resume].
package exchange
