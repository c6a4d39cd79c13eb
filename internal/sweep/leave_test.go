package sweep_test

// noGoroutine is why tests are left out under the race detector.
const noGoroutine = "it has no goroutine of its own"
