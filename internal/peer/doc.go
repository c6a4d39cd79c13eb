// Package peer keeps the node's connections: BOLT 8 over TCP, init first, ping
// and pong, reconnects. What arrives is handed up, in order, one peer at a time:
//
//	set := peer.New(peer.Config{Key: nodeKey, Features: ours, Handler: h, …})
//	addr, err := set.Listen(ctx, "127.0.0.1:0")
//	p, err := set.Connect(ctx, id, "127.0.0.1:9735")
//	err = p.Send(messages...)
//
// For each connection the [Handler] hears PeerUp, then its messages, then
// PeerDown, from one goroutine. A handler that is slow holds up its own peer's
// socket and nothing else. What we send waits in a queue with a limit; a peer that
// does not read is dropped when the limit is reached, so no peer's will makes our
// memory grow. Pongs are few in it: who does not read them is not read from.
// Connections that have not yet said who they are are few, and the oldest of them
// makes room for the newest.
//
// There is at most one connection a node id. A newer one replaces an older one,
// since the peer would not have called if the old one were alive; only when both
// sides have called at the same moment does the call of the lower id stay, even if
// it is the older (see [ErrCrossed]). The handler hears of one connection after the other, never of two
// at once: else what belongs to the new one could be taken for the old one's.
//
// The package has one reader and one writer goroutine a connection. It ends when
// [Set.Close] returns: the handler has then heard of the end of everything.
package peer
