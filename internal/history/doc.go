// Package history keeps the newest lines of the log in memory, for those who ask the
// node what has happened.
//
//	log = history.Record(log)
//	entries, began, used, dropped := history.Read()
package history
