// Package open is the conversation that opens a channel (BOLT 2, "Channel
// Establishment v1"): [Opener] for who pays, [Accepter] for who is asked. Both
// are pure machines of four messages; the caller owns the connection, the
// wallet and the disk.
//
// The opener's side:
//
//	o, hello, err := open.Start(cfg, request)         // send hello
//	out, err := o.Accepted(acceptChannel)             // what the funding transaction must pay
//	funded := wallet.Fund(out)                        // signed, its coins reserved, not broadcast
//	pending, err := o.Funded(outpoint)                // commit, then send funding_created
//	done, err := o.Signed(fundingSigned, verifier)
//	both := durable.Join(done, wallet.Publish(funded.Tx, label))
//	opened, err := both.Commit(ctx, store)            // only now broadcast
//
// The accepter's side:
//
//	a, hello, err := open.Accept(cfg, openChannel)    // send hello
//	done, err := a.Created(fundingCreated, verifier)
//	opened, err := done.Commit(ctx, store)            // only now send opened.A.Send: funding_signed
//
// An error that is a *channel.Violation is the peer's: answer it with [Answer]
// and drop the machine. [ErrRequest] and [ErrFeature] are about what we wished
// or brought along. Any other error is a signer that refuses: the process must
// end.
//
// Invariants. No signature of ours is seen before the signer's memory of it is
// on disk. The peer's signature on our first commitment is verified and on disk
// before the funding transaction may be broadcast (opener) and before ours
// leaves (accepter).
//
// When the connection drops, drop the machine: until its last step no row of a
// channel was written, and the opener's coins are released. From its last step on
// the channel is in the rows and comes back by channel_reestablish. So the
// accepter remembers a channel exactly when funding_signed may have been sent:
//
// BOLT 2: "if it has sent the `funding_signed` message: - MUST remember the
// channel for reconnection."
//
// An opener that never saw that message forgets the channel and has broadcast
// nothing; the accepter forgets it when 2016 blocks bring no funding output.
package open
