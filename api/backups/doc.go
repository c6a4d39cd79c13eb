// Package backups is the commands by which a node is saved, and comes back.
package backups
