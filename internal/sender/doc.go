// Package sender is the loop that makes payments: it drives one [pay.Payment]
// machine for each payment under way.
//
// [Sender.Pay] begins a payment, or joins the one of the same hash, and waits for
// its end; the payment itself goes on when the caller stops to wait, and over a
// restart. [Sender.SendPay] makes one attempt over a route of the caller's.
//
// Each payment has a goroutine with an inbox. It takes the machine's outcome,
// makes it durable, and does what the outcome asks: it searches routes
// ([Network]), builds the onion, hands the HTLC to a channel ([Links]). What
// becomes of the HTLC comes back as [Sender.Resolved] or [Sender.Refused] with the
// attempt's id. The store gathers the writes of all payments in one transaction.
//
//	for {
//		todo, err := payment.Take().Commit(ctx, store)
//		act(todo)
//		apply(inbox)
//	}
//
// Order at start: [Sender.Load] reads the rows before any channel is loaded, so
// that it sees which attempts have an HTLC; [Sender.Start] comes when the links can
// be given HTLCs.
//
// A payment's key is its hash. While it is under way a second Pay waits for the
// same end; once it is complete, Pay gives the same receipt, expired or not; only
// after it has failed, and nothing of it is pending, it can be tried anew.
package sender
