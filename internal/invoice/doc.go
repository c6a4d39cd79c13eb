// Package invoice is the life of an invoice of ours, pure: how it is made, and
// how the HTLCs that pay it are collected.
//
// [New] checks a wish and gives the [Row] to write, with the signed text for the
// payer. From then on HTLCs arrive as [Part]s. A [Till] collects them in sets, one
// for each payment hash, and is driven like every machine here: feed it all that
// has happened, take one outcome, make it durable, then act on it.
//
//	till.Accept(row, part, now, height) // as often as parts came
//	till.Tick(now)
//	outcome, err := till.Take().Commit(ctx, store)
//	for _, f := range outcome.Fulfil { ... }
//
// The invariants:
//
//   - An invoice is paid exactly once: the row that says so, the decision to
//     fulfil each part, across channels, and the event are one transaction.
//   - The parts of a set are fulfilled all or failed all.
//   - A payment that nobody asked for and that brings its preimage (keysend) becomes
//     an invoice that is paid, in the transaction that decides to fulfil it.
//   - A held invoice, whose preimage its owner brings later, is accepted when it is
//     complete: its parts are on disk, and are settled all or cancelled all. It is
//     cancelled by itself [HoldMargin] blocks before the first of them expires, so
//     that no channel is lost for it.
//   - Nothing is fulfilled below the amount asked, after expiry, without the
//     payment secret, or with too few blocks left to claim it.
//   - Whatever is wrong with a part, the failure is the same, so that nobody
//     learns from it whether the invoice exists, what it asks or who paid it.
//
// [Till.Restore], [Till.Settle], [Till.Cancel] and [Till.Block] are for held invoices.
//
// A set that is not complete is in memory only. After a restart the channels
// offer its parts again.
package invoice
