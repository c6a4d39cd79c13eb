// Package gossip keeps the graph: it takes what peers tell (BOLT 7), checks it
// against the chain, writes it, and passes it on.
//
//	book.Up(peer)                      // begins to ask, and to listen
//	handled := book.Message(peer, m)   // from the peer's own goroutine
//	book.Tick(ctx)                     // every second
//	book.Block(ctx, txs...)            // after each block
//	book.Grow(ctx)                     // and then, beside the rest
//	book.Down(peer)
//	book.Read(func(g *graph.Graph) {…})
//
// A peer's message is handled in the goroutine that read it from the socket, so a
// peer that floods us waits for itself. The order is: verify, look up the funding
// output, write the row, then tell the others; so what we pass on we still know
// after a crash. Many rows are written together, at the next Tick at the latest.
//
// Messages are on disk, not in memory: the graph has what routes need, the book has
// an index over it, and whoever asks for a message as it came makes us read its row.
// What came before its time is held in bounded lists of which the oldest go first.
//
// # Asking
//
// One peer at a time is asked for everything: query_channel_range over all blocks,
// then query_short_channel_ids for what we lack, some channels at a time. Five peers
// tell us what is new (gossip_timestamp_filter), the others only what is their own.
// A peer that is silent, whose answer breaks a rule, whose channels nobody has, or that
// takes half an hour while another could be asked, is passed over for a while; only
// false signatures end a connection, and too many announcements of channels that are
// not on the chain. Every hour another peer is asked.
//
// # Answering
//
// What a peer asked for is a place in the graph (conversation), from which messages
// are read as the peer's credit of bytes allows and as it reads them, first answers,
// then news, then what a filter asks for of the past. Peers that have no channel with
// us have a credit together too. A second query before the end of the first ends the
// connection. News is flushed to a peer every 60 seconds, each message in its latest
// form, to those whose filter has room for it and who did not tell us themselves. What
// is our own goes to everybody at once.
//
// # Forgetting
//
// A channel is forgotten when an update is two weeks old, and 72 blocks after its
// funding output was spent: an input of a block that shows the funding script makes
// us ask the chain whether the output is still there. An origin that says too much
// about a channel is not heard for a while.
//
// Our own channels come in through [Book.Local], [Book.Own] and leave through
// [Book.Gone].
package gossip
