// Package assetgraph is the announced channels with tokens, with the terms of each
// direction (docs/decisions/0010-gossip-of-token-channels.md). It is pure: messages in,
// channels out, and the rates at which nodes that have some exchange bitcoin and tokens.
//
//	err := g.Check(a)     // four signatures; the caller looks at the chain and the ledger
//	c, err := g.Add(a)
//	err = g.Fresh(u, now) // cheap: is it worth its signature's check?
//	err = g.Update(u)
//	err = g.FreshRate(m, now) // then g.UpdateRate(m)
//
// An error that is an [ErrFalse] is to be told to whoever sent the message; others are
// nobody's fault.
//
// Invariant: no two channels have one funding script. Tokens belong to addresses, and those
// of an address are counted once.
package assetgraph
