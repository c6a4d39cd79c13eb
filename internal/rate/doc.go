// Package rate is at what rate a node exchanges bitcoin and tokens on the way of a
// payment. It is pure integer arithmetic, and whoever forwards and whoever pays compute
// with the same functions:
//
//	need, ok := r.AskFor(units, carrier, fee)   // msat that must come for units to go on
//	ok := r.Pays(units, carrier, amt, fee)      // whether what comes is worth amt
//	units, ok := r.UnitsFor(amt, carrier, fee)  // the fewest units for amt to go on
//
// Rounding is always in favour of who exchanges, and what overflows is refused.
//
// [Rates] are what a node has set, and what was set before and still holds for a while:
// a payment that is under way when the rate changes need not fail.
package rate
