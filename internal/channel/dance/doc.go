// Package dance is the update protocol of BOLT 2 ("Normal Operation") as a table: two
// peers, five stages, four steps that move updates along them, and the numbers from which
// the stage of an update and the content of every commitment follow. What the steps mean
// for a channel is in package channel.
package dance
