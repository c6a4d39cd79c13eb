package api_test

// oneAfterTheOther is why tests are left out under the race detector.
const oneAfterTheOther = "a command after the other, which the store's tests run at once"
