// Package peer keeps the node's connections: BOLT 8 over TCP, init first, ping
// and pong, reconnects. What arrives is handed up, in order, one peer at a time:
//
//	set := peer.New(peer.Config{Key: nodeKey, Features: ours, Handler: h, …})
//	addr, err := set.Listen(ctx, "127.0.0.1:0")
//	p, err := set.Connect(ctx, id, "127.0.0.1:9735")
//	err = p.Send(messages...)
//
// For each connection the [Handler] hears Up, then its messages, then Down, from
// one goroutine. A handler that is slow holds up its own peer's socket and nothing
// else. What we send waits in a queue with a limit; a peer that does not read is
// dropped when the limit is reached, so no peer's will makes our memory grow.
//
// There is at most one connection a node id: a newer one replaces an older one,
// since the peer would not have called if the old one were alive.
package peer
