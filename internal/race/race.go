// Package race tells tests whether the race detector watches them. What a test sees
// in all rounds of a sweep it sees without the detector; with it, which makes
// everything some ten times slower, every few rounds are enough to meet each pair of
// goroutines.
package race

// Step is by how much a sweep goes on: so much under the detector, else 1.
func Step(under int) int {
	if enabled {
		return under
	}
	return 1
}
