package sweep_test

// Why tests are left out under the race detector.
const (
	asForceClose = "its goroutines are those of TestForceCloseByEitherSideGivesEachItsTokens"
	noGoroutine  = "it has no goroutine of its own"
)
