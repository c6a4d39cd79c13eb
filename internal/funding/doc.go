// Package funding opens channels: it runs the conversations of package open over
// the connections, with the wallet's coins for those that we pay for.
//
//	opened, err := m.Open(ctx, peer, funding.Request{Amount: 1_000_000, Announce: true})
//
// waits until the funding transaction is broadcast. What peers ask for is answered
// from their own goroutines by [Manager.Message].
//
// Durable before visible, step by step: the coins are reserved on disk before the
// peer hears of the transaction; our signature's memory is on disk before the
// signature leaves; the channel and the published transaction are one write,
// before the broadcast. If the process dies in between, the reservation runs out
// by itself, or the channel is there at the next start and its transaction is
// broadcast again with the wallet's others.
package funding
