// Package herald announces this node's channels with tokens to nodes that carry tokens, and
// brings the book of all such channels what they say
// (docs/decisions/0010-gossip-of-token-channels.md).
//
//	h, err := herald.Load(ctx, store.Queries(), cfg)
//	h.Up(peer); h.Hear(ctx, peer, message); h.Down(peer)
//	h.Reestablished(ctx, channel)
//	h.Announce(ctx, channel)       // whenever its announcement may go on
//	h.Block(ctx, txs...)           // after each block
//	h.Tick(ctx)                    // every second
//
// The wish of both sides is in the channel's parameters. When the channel is deep enough
// each side sends its signatures; who has both tells the others. Our rates of tokens in
// announced channels are told where they change, and again before they end.
package herald
