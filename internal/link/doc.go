// Package link drives channels: one [Link], one goroutine a channel.
//
// Everything that may happen to a channel is an input in the link's inbox: a
// message of the peer, a wish of our own (offer, fulfil, fail, fee, shutdown), a
// block. The link drains the inbox, feeds all of it to the channel and takes one
// outcome: one signature round, one durable write, one burst of messages. While
// the write is under way the next inputs gather, so the disk is the timer of
// batching: a lone payment waits for nobody, and a burst is one signature.
//
//	for inputs := range inbox {
//		for _, in := range inputs {
//			in.apply(link)
//		}
//		visible, err := channel.Take(signer).Commit(ctx, store)
//		if err != nil {
//			fatal(err) // the process ends; a restart loads the rows
//		}
//		peer.Send(visible.Send...)
//		raise(visible.Raise)
//	}
//
// What a channel raises goes on from here along one path: an incoming HTLC that
// is irrevocable is peeled and decided ([relay.Decide]): to the receiver of
// invoices, to the link of the next channel, or back as a failure. What resolves
// an outgoing HTLC goes to the link of the incoming one, or to the sender of
// payments. The [Links] are the map from ids to inboxes, and hold no state that
// could be lost: what is unfinished is in the rows, and [Link] asks the channel
// for it at start and after every reconnect.
//
// While payments are taken step by step ([steps.Gate]), what is to be sent waits in the
// link's line until each step is let go, as it would behind a slow peer: the goroutine
// never waits, and a disconnect or the end forgets the line.
//
// A decision to settle an incoming HTLC is durable before a link hears of it
// (the row is written with the fact that caused it), so a link keeps proposing it
// until the channel says that the HTLC is settled.
package link
