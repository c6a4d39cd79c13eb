// Package pay is the life of an outgoing payment, pure: which attempts are made,
// what each failure means, when it is over, and what must be on disk before
// anybody acts on it.
//
// A [Payment] is a machine. Its inputs are what happened: routes were found or
// not, an attempt was refused or resolved, time has passed, the user lost
// interest. Its outcome is a [Todo] behind the rows that must be written first:
// a search to make, HTLCs to offer, lessons for the next search, and, once, the
// end.
//
//	p, err := pay.New(request, us, network, group, now)
//	for {
//		todo, err := p.Take().Commit(ctx, store)
//		...act on todo; each result is an input...
//	}
//
// The invariants:
//
//   - What is pending (by what it delivers) and what is being searched for never
//     sum to more than the amount; fees of what is pending never to more than the
//     fee limit.
//   - Once a preimage is known the payment is complete and no attempt is made.
//   - It fails only when no attempt is pending: nothing can still be paid then.
//   - An attempt's row is written before its HTLC is offered, so that after a
//     crash an attempt without an HTLC was never signed, and may be made anew,
//     and one with an HTLC is waited for. [Load] takes that fact and no other.
//
// A payment by sendpay is the same machine with Manual set: the caller chooses
// the routes, and nothing is retried.
package pay
