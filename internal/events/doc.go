// Package events lets readers follow what happens in the node, in two ways.
//
// The [Log] is durable: every change of state of an invoice, a payment, a
// forward or a channel is a row, written in the transaction that makes the
// change and numbered without gaps in the order of the transactions. A reader
// keeps the number it has seen and goes on after it, over a restart too, so
// nobody misses an event and nobody sees one twice:
//
//	err := log.Follow(ctx, seen, func(e events.Entry) error {
//		seen = e.Index
//		return show(e)
//	})
//
// The [Traces] are not durable: they show the inside of a payment while it
// happens, one [Trace] for each message that travelled, under the names that the
// steps of a payment have. A trace is emitted only after what it shows is on
// disk. The last few thousand are kept in memory; a reader that is too slow
// loses the oldest, never holds up a channel.
package events
