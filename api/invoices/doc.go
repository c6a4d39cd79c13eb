// Package invoices is the commands of invoices: to make, list, wait for and delete them.
package invoices
