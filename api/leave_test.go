package api_test

// Why tests are left out under the race detector.
const (
	asAChannel       = "its goroutines are those of TestAChannelFromItsPeerToItsClose"
	asPaying         = "its goroutines are those of TestPaying"
	asWithdrawing    = "its goroutines are those of TestWithdrawing"
	oneAfterTheOther = "a command after the other, which the store's tests run at once"
)
