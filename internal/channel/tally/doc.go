// Package tally counts what a commitment would hold, before fees, and says what it must
// leave each side: the fees that the opener pays, and the satoshi without which tokens
// could not be moved.
//
// It knows no channel: [Rules] are what all commitments of one have in common.
package tally
