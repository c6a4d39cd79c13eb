// Package assetgossip keeps the announced channels with tokens: it takes what peers with the
// feature tell, checks it against the chain and the ledger, writes it, and passes it on
// (docs/decisions/0010-gossip-of-token-channels.md).
//
//	book.Up(peer)                 // begins to tell it what is known
//	book.Message(ctx, peer, m)    // from the peer's own goroutine
//	book.Tick(ctx)                // every second
//	book.Block(ctx, txs...)       // after each block
//	book.Poke()                   // then, and when the ledger has read one
//	book.Run(ctx)                 // beside the rest: it asks the chain and the ledger
//	book.Down(peer)
//	book.Read(func(g *assetgraph.Graph) {…})
//
// A message of somebody without the feature is none: the caller has seen to that.
//
// # Bounds
//
// What a peer makes us check costs points: all peers without a channel with us have one
// credit of them together, each other one its own; what is above it is dropped. There are so
// many channels, and so many announcements that came too early, and no more; a message has so
// many bytes at the most. One side of a channel may say a few things an hour, and an exchange
// change its rate once a minute; it has one only while the node has a channel with the tokens.
//
// # Telling
//
// A peer is told all that there is from its connection on, in the order of the chain, as
// fast as its credit of messages allows; then what is new, in batches, but for what it
// told itself. What is written comes first: what we pass on we still know after a crash.
// What is our own goes to all at once.
//
// # Forgetting
//
// A channel is forgotten when its output is spent, when the ledger says that the tokens are
// not there, and when the last update of a side is two weeks old. A rate is forgotten with the
// last channel of its node, and when no older one would be believed any more.
package assetgossip
