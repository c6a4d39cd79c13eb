// Package payments is the commands that pay, list payments and show receipts.
package payments
