// Package receiver is the loop that gets us paid: it owns the sets of parts
// ([invoice.Till]) and every change of an invoice's status.
//
// Links hand over HTLCs that end here, with their payload, by [Receiver.Offer],
// which never waits. One goroutine, [Receiver.Run], takes all that has gathered,
// looks up the invoices, makes one outcome durable, and then tells the links
// through [Settler] and whoever waits for an invoice. While it writes, the next
// parts gather, so a burst of payments is one transaction.
//
//	for parts := range inbox {
//		till.Accept(...)
//		outcome, err := till.Take().Commit(ctx, store)
//		settler.Fulfil(...)
//	}
//
// The same goroutine expires invoices when their time has come, and deletes them,
// so an invoice cannot expire or vanish while a set of its parts completes.
// Creating one needs no order and happens in the caller's goroutine, but not while a
// payment without an invoice (keysend) makes its own.
//
// After a restart, and after a reconnect, links offer again what is not settled.
// An HTLC whose decision is on disk already gets the same answer again, whatever
// has become of the invoice since.
//
// When Run returns an error the process must end: the till is ahead of the disk.
package receiver
