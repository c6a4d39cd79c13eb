// Package gossip keeps the graph: it takes what peers tell (BOLT 7), checks it
// against the chain, writes it, and passes it on.
//
//	book.Up(peer)                      // asks for what we do not know, and for what comes
//	handled := book.Message(peer, m)   // from the peer's own goroutine
//	book.Down(peer)
//	book.Read(func(g *graph.Graph) {…})
//
// A peer's message is handled in the goroutine that read it from the socket, so a
// peer that floods us waits for itself. The order is: verify, look up the funding
// output, write the row, then tell the others; so what we pass on we still know
// after a crash.
//
// Our own channels come in through [Book.Local], [Book.Own] and leave through
// [Book.Gone].
package gossip
