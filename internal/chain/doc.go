// Package chain is what the node sees of the blockchain, whatever it is read
// from: a [Source] gives blocks in order with disconnects before connects on a
// reorg, fee estimates, unspent outputs and broadcast.
//
// A reader follows a source from a block that it has processed and keeps the last
// one it was given; whatever happens in between (a restart, a reorg of any depth,
// a server that was away), following again from there gives exactly what is
// missing:
//
//	err := source.Follow(ctx, seen, func(e chain.Event) error {
//		switch e := e.(type) {
//		case chain.Connected:
//			seen = e.Ref()
//		case chain.Disconnected:
//			seen = e.Parent()
//		}
//		return save(e, seen)
//	})
//
// A full source gives every transaction; a light one those of the blocks that have
// what was given to [Source.Watch].
//
// Invariants: the block of a Connected has the last one given as its parent, and
// a Disconnected names the last one given. Nothing is queued: blocks are read when
// the reader is ready for them.
package chain
