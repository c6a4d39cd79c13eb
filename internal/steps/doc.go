// Package steps holds payments before each of their steps until somebody says "next":
// the switch by which one looks at a payment in slow motion.
//
//	if gate.On() {
//		forget := gate.Hold(traces, release) // release is called once: by Next, or by itself
//	}
//	gate.Wait(ctx, trace)                    // the same for who may wait
//	gate.Set(true); gate.List(); gate.Next(id)
//
// The gate holds nobody's lock and no goroutine of a channel: who asks keeps what it was
// about to send, as it would for a peer whose line is slow, and is told when to go on. All
// that is held is durable already, so that a stop, a crash or a disconnect in the middle
// is like one at any other time.
//
// Nothing may time out because its owner looks at it for long: a step goes on by itself
// after [PerStep], and a payment is not held any more [PerPayment] or [Blocks] after its
// first step.
package steps
