// Package events is the commands of the log of events, and of those who are told of
// them.
package events
