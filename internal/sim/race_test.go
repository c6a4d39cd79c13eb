//go:build race

package sim

// many is how many runs there are without -short. The race detector makes them twenty
// times slower, and has nothing to find in one thread.
const many = 4
