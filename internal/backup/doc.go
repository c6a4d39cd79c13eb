// Package backup is the static backup of a node's channels: what, beside the seed,
// brings their coins home when the database is gone. It is made anew whenever the
// set of channels changes, and at each start; nothing in it changes with a payment.
//
//	sealed, err := backup.Seal(key, nonce, b, 0)      // to a file
//	sealed, err := backup.Seal(key, nonce, b, size)   // to a peer, always of one size
//	b, err := backup.Open(key, sealed)
//
// A sealed backup is
//
//	8 bytes   "LEYDENB" and the version, 1
//	24 bytes  nonce
//	rest      XChaCha20-Poly1305 over: the length of the body in 4 bytes, the body,
//	          zeros; the first 32 bytes are authenticated with it
//
// and the body a stream of records as in BOLT 1: who does not know one of an odd type
// ignores it, one of an even type asks for a newer program. The key is derived from
// the seed ([keys.Ring.BackupKey]), so the same 24 words that own the money read it,
// and nobody else can make one up.
//
// A channel that comes back this way ([Channel.Rows]) has lost its state: its
// commitments are unknown, so it never broadcasts, asks its peer to close, and takes
// its balance from the peer's commitment, whose to_remote needs no other key than
// our payment basepoint.
//
// The counter of a backup is drawn from the database before the backup leaves it:
// one with a higher counter than the database proves that the database is old.
package backup
