//go:build !race

package sim

// few is how many runs there is always time for.
const few = 20
