//go:build race

package sim

// few is how many runs there is always time for. The race detector makes them twenty
// times slower, and has nothing to find in one thread.
const few = 1
