//go:build !race

package sim

// many is how many runs there are without -short.
const many = 2000
