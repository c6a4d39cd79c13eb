// Package store keeps the node's rows on disk: SQLite in WAL mode with every
// commit synced. It is the only [durable.Writer] outside the simulation.
//
// There is one writer. Callers hand it rows and wait; everything that gathered
// while the disk was busy shares one transaction and one sync:
//
//	visible, err := machine.Take(signer).Commit(ctx, store)
//
// Two invariants:
//
//   - A Write that returned nil survives a crash, whole; one that returned an
//     error left nothing. Writes that share a transaction do not share their
//     fate: when one is refused (a label that exists), the others are written.
//   - Rows are written in the order in which Write was called.
//
// What is transient (a busy database) is retried here. Any other error except a
// refusal ([ErrExists]) means that the machine in memory is ahead of a disk
// that does not follow: the caller must end the process.
//
// Each type of row is declared by the room that owns the fact; this package maps
// it to its statement. Statements are generated from queries/*.sql by sqlc, the
// tables come from migrations/*.sql. Readers have their own connections and see
// only what is committed.
//
// Only one process may own a node's rows: the database is guarded by a lock
// file, which the operating system releases when the process ends.
package store
