// Package present knows whether the height up to which the node has processed the
// chain is the present one.
//
// Whoever takes an HTLC must know how much time is left to claim it on-chain. A node
// that was off, or whose source of blocks is away, has a height that was right once: by
// it an HTLC that has expired looks like one with plenty of time. So no HTLC is decided
// before a [Watch] says [Known]: the source answers, has the whole chain, and the
// blocks are processed but for the newest few.
//
//	w := present.New(present.Config{Best: source.Best, Height: node.Height, Changed: links.Resume})
//	w.Ask(ctx)           // before the first channel starts
//	go w.Run(ctx)        // asks again and again
//	w.Block()            // after each block that was processed
//	switch w.State() {   // for each HTLC: no question to the source
//	case present.Known:   // decide
//	case present.Awaited: // let it wait: Changed comes
//	case present.Lost:    // fail it: that is always safe
//	}
//
// The last answer of the source counts for a minute, by the wall clock: a machine that
// was asleep does not trust what it heard before. An hour without a block is an hour in
// which the source answers: the height is known.
package present
