package web

// Why tests are left out under the race detector.
const (
	asAnInvoicePaid = "its goroutines are those of TestAnInvoiceOfOnePageIsPaidFromAnother"
)
