// Package channels is the commands of our channels: to open, list and close them.
package channels
